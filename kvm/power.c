/* SPDX-License-Identifier: MIT */
#include "core/x86/io.h"

/*
 * The power button and the way to power off: ACPI's PM1 ports on q35 and pc, and the "generic
 * event device" of QEMU's microvm, which is in memory.
 *
 * Where the tables do not tell, QEMU's addresses are tried: a write to where nothing is does
 * nothing there.
 */

#include "kvm/kvm.h"
#include "kvm/pci.h"

/* PM1 block. The seal leaves 0x600 to 0x60f open, so a block elsewhere is of no use to us. */
#define PM_FIRST 0x600u
#define PM_LAST 0x60fu
#define PM1_EVENT 0x600u
#define PM1_CONTROL 0x604u
#define PM1_ENABLE 2u          /* from PM1_EVENT */
#define PM1_BUTTON 0x0100u     /* in status and enable */
#define PM1_ABSENT 0xffffu
#define PM1_SLEEP_S5 0x2000u   /* SLP_EN, and SLP_TYP 0, which is S5 on QEMU */

/*
 * QEMU's microvm, hw/i386/microvm.h: the event device's selector, and its sleep register after
 * it.
 */
#define GED_EVENTS 0xfea00000u
#define GED_SLEEP 0xfea00200u
#define GED_BUTTON 0x2u        /* reading the selector clears it */
#define GED_SLEEP_S5 0x34u     /* SLP_EN, SLP_TYP 5 */

#define SCI 9u /* the pin of either */

#define BUTTON_NS 50000000u

static enum { UNKNOWN, PORTS, MEMORY, NOTHING } kind;
static uint16_t pm1_event = PM1_EVENT, pm1_control = PM1_CONTROL;
static uint64_t sleep_control = GED_SLEEP;
static bool has_button; /* the event device's selector is mapped */
static bool pressed;
static struct intr_glance glance = { .every = BUTTON_NS };

static bool reachable(uint16_t port, unsigned len)
{
	return port >= PM_FIRST && port + len - 1u <= PM_LAST;
}

static void use_ports(const struct acpi *acpi)
{
	if (acpi->found && reachable(acpi->pm1_event, 4) && reachable(acpi->pm1_control, 2)) {
		pm1_event = acpi->pm1_event;
		pm1_control = acpi->pm1_control;
	}
	kind = PORTS;
}

static void use_memory(const struct acpi *acpi)
{
	if (acpi->sleep_control)
		sleep_control = acpi->sleep_control;
	kind = map_device(sleep_control, 1) ? NOTHING : MEMORY;
	has_button = kind == MEMORY && sleep_control == GED_SLEEP;
}

static void find(void)
{
	const struct acpi *acpi = acpi_get();

	if (acpi->reduced || (!acpi->found && !pci_present()))
		use_memory(acpi);
	else
		use_ports(acpi);
}

/* A pressed button raises the SCI, so that it also ends a sleep that has no end. */
void power_seal(void)
{
	if (kind == UNKNOWN)
		find();
	if (kind == PORTS)
		outw(pm1_event + PM1_ENABLE, PM1_BUTTON);
	if (kind == PORTS || has_button)
		intr_route(SCI);
}

static bool look(void)
{
	uint16_t status;

	if (kind == MEMORY)
		return has_button && mmio_read32(GED_EVENTS) & GED_BUTTON;
	status = inw(pm1_event);
	if (status == PM1_ABSENT || !(status & PM1_BUTTON))
		return false;
	outw(pm1_event, PM1_BUTTON); /* clears it, and the line falls */
	return true;
}

bool power_pressed(void)
{
	if (!pressed && (kind == PORTS || kind == MEMORY) && intr_glance(&glance))
		pressed = look();
	return pressed;
}

uint64_t power_nap(void)
{
	return intr_glance_nap(&glance);
}

void power_off(void)
{
	if (kind == UNKNOWN)
		find();
	if (kind == PORTS)
		outw(pm1_control, PM1_SLEEP_S5);
	if (kind == MEMORY)
		mmio_write8(sleep_control, GED_SLEEP_S5);
}
