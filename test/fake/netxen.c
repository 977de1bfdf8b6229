/* SPDX-License-Identifier: MIT */
/*
 * The network stack of libc-glue over the real netfront and the fake Xen: what netglue.c and netpeer.c ask of the fake machine's NICs,
 * said to netback's. Read netglue.h and xenhost.h first.
 */
#include "netfront/netfront.h"
#include "test/fake/fake.h"
#include "test/fake/netxen.h"
#include "test/fake/xenhost.h"

struct fake fake;
struct fake_nic_config fake_nic[FAKE_NICS];

void fake_wrong(const char *fmt, ...)
{
	xenhost_wrong("%s", fmt);
}

void fake_nic_deliver(unsigned n, const void *frame, size_t len, const struct nic_offload *off)
{
	xenhost_net_send(n, frame, (unsigned)len, off, 0);
}

/* netif does not say where a blank checksum is: netback finds it in the headers. */
void xenhost_net_input(unsigned n, const uint8_t *frame, unsigned len, const struct nic_offload *off)
{
	struct nic_offload all = *off;

	if (all.flags && headers_find(frame, len, &all) == 0)
		xenhost_wrong("offloads for a frame without a transport header");
	fake_peer_input(n, frame, len, &all);
}

void netxen_boot(const char *cmdline, size_t memory)
{
	xenhost.quiet = true;
	xenhost.memory = memory;
	xenhost.cmdline = cmdline;
	xenhost_disk[0].present = false;
	xenhost_boot();
	netglue_start();
}

struct netxen_held netxen_held(void)
{
	return (struct netxen_held){
		.stack = netglue_held(),
		.pages = page_unused(),
		.grants = gnttab_used(),
		.parked = gnttab_parked(),
		.mapped = xenhost_mapped(),
		.ports = xenhost_ports_used(),
		.watches = xenhost_watches(),
	};
}
