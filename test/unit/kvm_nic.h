/* SPDX-License-Identifier: MIT */
#ifndef TEST_UNIT_KVM_NIC_H
#define TEST_UNIT_KVM_NIC_H

/*
 * What kvm_nic.c and kvm_vionet.c share: a fake machine with one NIC of any kind, included once
 * by each.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/core.h"
#include "core/err.h"
#include "core/nic.h"
#include "core/plat.h"
#include "test/unit/kvm_kinds.h"

#define CSUM BIT(0)
#define GUEST_CSUM BIT(1)
#define MTU BIT(3)
#define MAC BIT(5)
#define GUEST_TSO (BIT(7) | BIT(8))
#define HOST_TSO (BIT(11) | BIT(12))
#define MRG BIT(15)
#define STATUS BIT(16)
#define ANNOUNCE (BIT(17) | BIT(21))
#define UNKNOWN (BIT(22) | BIT(23) | BIT(40) | BIT(63))
#define ANY_LAYOUT BIT(27)
#define INDIRECT BIT(28)
#define EVENT BIT(29)
#define ALL (CSUM | GUEST_CSUM | MTU | MAC | GUEST_TSO | HOST_TSO | MRG | STATUS | ANNOUNCE | INDIRECT | EVENT | ANY_LAYOUT)

static struct nic_info info;
static uint8_t *arena;

/*
 * A machine with one NIC, open and sealed; with a clock that needs no look now and then, so that
 * "for ever" means it.
 */
static void boot(void)
{
	vmm.quiet = vmm.kvmclock = true;
	vmm.no_pci = kind == VMM_MMIO || kind == VMM_LEGACY;
	vmm_start();
	if (!dev)
		dev = vmm_add_net(kind, set);
	plat_start();
	must(!nic_open(0, &info));
	plat_seal();
	arena = vmm_alloc(32);
	must(!nic_share(0, arena, 32 * PAGE_SIZE));
}

/* A frame for the guest, and what nic_rx() makes of it. */
static unsigned arrive(const uint8_t *hdr, uint32_t len, struct nic_buf *v)
{
	static uint8_t frame[70000];
	unsigned n;

	vmm_send(dev, frame, len, hdr);
	for (unsigned i = 0; i < 100; i++) {
		vmm_work();
		n = nic_rx(0, v, 64);
		if (n)
			return n;
	}
	return 0;
}

#endif
