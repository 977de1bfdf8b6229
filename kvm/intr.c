/* SPDX-License-Identifier: MIT */
#include "core/err.h"

/*
 * Interrupts: all they do is to end gate_wait(), so all share one vector and no handler runs.
 *
 * What is here routes IOAPIC pins to that vector, sleeps, and keeps the few who must look for
 * themselves (struct intr_glance) from looking too often. MSI-X tables are filled by pci.c.
 *
 * Pins are edge-triggered throughout, whatever the line's nature: a line that is still high then
 * rings no second time, so the one who lowers it (virtio_ack(), reading the serial port) does
 * that before it looks for work, and an edge that comes later stays pending in the local APIC
 * until the next wait.
 */

#include "core/plat.h"
#include "core/x86/gate.h"
#include "core/x86/io.h"
#include "kvm/gate.h"
#include "kvm/kvm.h"

/*
 * Both IOAPICs of a microvm lie in these 2 MiB, which are one leaf of the page tables and are
 * unmapped by the seal.
 */
#define IOAPIC_LEAF 0xfec00000u
#define IOAPIC_LEAF_LEN 0x200000u
#define IOAPIC_STEP 0x10000u
#define IOAPIC_PINS 24u
#define IOAPIC_SELECT 0x00u
#define IOAPIC_DATA 0x10u
#define IOAPIC_VERSION 1u
#define IOAPIC_PIN0 0x10u

/*
 * The pin of a microvm's first slot (QEMU's, fixed): of the second IOAPIC, or of the first with
 * and without ACPI.
 */
#define MMIO_BASE_TWO 24u
#define MMIO_BASE_ACPI 16u
#define MMIO_BASE_ONE 5u

/* Less than this is not worth the round trip through the gate and the host's timer. */
#define NAP_MIN_NS 2000u

unsigned intr_wakes;

static uint64_t nap = PLAT_FOREVER;
static enum { UNTRIED, MAPPED, MISSING } ioapic;

/* Two registers: which, and what. */
static uint32_t ioapic_read(uintptr_t base, uint32_t reg)
{
	mmio_write32(base + IOAPIC_SELECT, reg);
	return mmio_read32(base + IOAPIC_DATA);
}

static void ioapic_write(uintptr_t base, uint32_t reg, uint32_t v)
{
	mmio_write32(base + IOAPIC_SELECT, reg);
	mmio_write32(base + IOAPIC_DATA, v);
}

static bool map_ioapic(void)
{
	if (ioapic == UNTRIED)
		ioapic = map_setup(IOAPIC_LEAF, IOAPIC_LEAF_LEN) ? MISSING : MAPPED;
	return ioapic == MAPPED;
}

/* Does IOAPIC n exist? Where nothing is, a host answers with all zeroes or all ones. */
static bool present(unsigned n)
{
	uint32_t version = map_ioapic() ? ioapic_read(IOAPIC_LEAF + n * IOAPIC_STEP, IOAPIC_VERSION) : 0;

	return (version >> 16 & 0xff) == IOAPIC_PINS - 1;
}

int intr_route(unsigned gsi)
{
	unsigned n = gsi / IOAPIC_PINS;
	uint32_t pin = IOAPIC_PIN0 + 2 * (gsi % IOAPIC_PINS);
	uintptr_t base = IOAPIC_LEAF + n * IOAPIC_STEP;

	if (n > 1 || !present(n))
		return -ERR_NODEV;
	ioapic_write(base, pin + 1, 0); /* to APIC 0 */
	ioapic_write(base, pin, GATE_VECTOR_DEVICE); /* fixed, physical, high, edge, not masked */
	return 0;
}

unsigned intr_mmio_base(void)
{
	return present(1) ? MMIO_BASE_TWO : acpi_get()->found ? MMIO_BASE_ACPI : MMIO_BASE_ONE;
}

uint32_t intr_msi_data(void)
{
	return GATE_VECTOR_DEVICE;
}

bool intr_glance(struct intr_glance *g)
{
	uint64_t now = clock_now();

	g->wanted = true;
	if (now < g->next)
		return false;
	g->next = now + g->every;
	g->wakes = intr_wakes;
	return true;
}

/*
 * Shortens one wait for each time that somebody has asked: who asks once and never again must not
 * keep the machine awake for ever.
 */
uint64_t intr_glance_nap(struct intr_glance *g)
{
	if (!g->wanted || g->wakes == intr_wakes)
		return PLAT_FOREVER;
	g->wanted = false;
	return g->next;
}

void intr_nap(uint64_t when)
{
	if (when < nap)
		nap = when;
}

/*
 * The one sleep. It may end early: by an interrupt of anybody, or because somebody wants to look
 * at something before the deadline.
 */
void intr_wait(uint64_t deadline)
{
	uint64_t now = clock_now();

	if (nap < deadline)
		deadline = nap;
	nap = PLAT_FOREVER;
	if (deadline <= now || deadline - now < NAP_MIN_NS)
		return;
	gate_wait(clock_timer(deadline));
	intr_wakes++;
}
