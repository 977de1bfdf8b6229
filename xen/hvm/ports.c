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
#include "core/x86/io.h"
#include "xen/hvm/gate.h"

#define DEBUG_PORT 0xe9u
#define PORT 0x10u         /* in: the magic; out, 16 bits: what to unplug, 32 bits: our version */
#define PORT_PROTOCOL 0x12u /* in, 8 bits: the protocol's version; out, 16 bits: our product */
#define MAGIC 0x49d2u
#define PRODUCT_EXPERIMENTAL 0xffffu
#define DISKS 1u
#define NICS 2u
#define MORE_DISKS 4u

void ports_unplug(void)
{
	if (inw(PORT) != MAGIC)
		return;
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
