/* SPDX-License-Identifier: MIT */
#include "xen/flavour.h"

/*
 * The ports of an HVM guest: Xen's debug port, and the one that takes the emulated devices away
 * before the PV ones are touched: else the same disk is there twice, and the device model answers for
 * a network card that nobody drives.
 *
 * docs/misc/hvm-emulated-unplug in Xen's sources. Where there is no device model (PVH), the port
 * answers with ones and nothing is done.
 */

#include "core/core.h"
#include "core/x86/cpu.h"
#include "core/x86/io.h"
#include "xen/hvm/gate.h"

#define DEBUG_PORT 0xe9u
#define SERIAL_PORT 0x3f8u

/* The PC's interrupt controllers, timer and clock; Xen emulates these itself. */
#define PIC1_MASK 0x21u
#define PIC2_MASK 0xa1u
#define PIT_MODE 0x43u
#define PIT_STOP 0x30u /* counter 0, mode 0, and no count follows */
#define RTC_INDEX 0x70u
#define RTC_DATA 0x71u
#define RTC_B 0x8bu    /* register B, NMI masked */
#define RTC_QUIET 0x02u /* no interrupts, 24 hours */
#define PORT 0x10u         /* in: the magic; out, 16 bits: what to unplug, 32 bits: our version */
#define PORT_PROTOCOL 0x12u /* in, 8 bits: the protocol's version; out, 16 bits: our product */
#define MAGIC 0x49d2u
#define PRODUCT_EXPERIMENTAL 0xffffu
#define DISKS 1u
#define NICS 2u
#define MORE_DISKS 4u

/*
 * What firmware left ticking: its interrupts never come, as they are masked in ring 3 for ever, but each of
 * them ends a sleep in SCHEDOP_poll (5000 a second, seen).
 */
static void quieten(void)
{
	outb(PIC1_MASK, 0xff);
	outb(PIC2_MASK, 0xff);
	outb(PIT_MODE, PIT_STOP);
	outb(RTC_INDEX, RTC_B);
	outb(RTC_DATA, RTC_QUIET);
}

void ports_unplug(void)
{
	if (inw(PORT) != MAGIC)
		return;
	quieten();
	if (inb(PORT_PROTOCOL) >= 1) {
		outw(PORT_PROTOCOL, PRODUCT_EXPERIMENTAL);
		outl(PORT, 1);
		if (inw(PORT) != MAGIC) {
			log_line(LOG_WARN, "xen: the host forbids to unplug emulated devices");
			return;
		}
	}
	outw(PORT, DISKS | NICS | MORE_DISKS);
}

void ports_say(const char *s, size_t len)
{
	outsb(DEBUG_PORT, s, len);
}

_Noreturn void ports_wrong_machine(void)
{
	static const char text[] = "pith: this image is for Xen, and this machine is not\r\n";

	outsb(DEBUG_PORT, text, sizeof(text) - 1);
	outsb(SERIAL_PORT, text, sizeof(text) - 1);
	for (;;)
		cpu_relax();
}
