/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "test/unit/kvm_nic.h"

/*
 * kvm/vionet.c on the fake machine: coming up, what it is told and how much memory it takes,
 * devices that refuse, failing memory; announcements; and what the door forbids its caller.
 */

/* ---- coming up ---- */

static void run_no_memory(void)
{
	size_t used;

	vmm.quiet = true;
	vmm_start();
	dev = vmm_add_net(kind, set);
	vmm.no_pci = kind == VMM_MMIO || kind == VMM_LEGACY;
	plat_start();
	used = vmm_pages_used();
	for (unsigned long n = 1;; n++) {
		int rc;

		vmm.allocations = 0;
		vmm.fail_at = n;
		rc = nic_open(0, &info);
		if (!rc) {
			must(n > 5);
			return;
		}
		must(rc == -ERR_NOMEM && vmm_pages_used() == used && !dev->status);
		must(strstr(vmm_log(), "nic0: cannot be brought up: error 12"));
	}
}

static void run_refusals(void)
{
	vmm.quiet = true;
	vmm_start();
	vmm.no_pci = kind == VMM_MMIO || kind == VMM_LEGACY;
	dev = vmm_add_net(kind, set);
	plat_start();
	must(nic_open(1, &info) == -ERR_NODEV && nic_open(1000000, &info) == -ERR_NODEV);
	if (kind != VMM_LEGACY) {
		vmm.refuse_features = 1;
		must(nic_open(0, &info) == -ERR_PROTO && strstr(vmm_log(), "nic0: does not agree on features"));
		dev->features &= ~BIT(32);
		must(nic_open(0, &info) == -ERR_PROTO && strstr(vmm_log(), "nic0: offers no VERSION_1"));
		dev->features |= BIT(32);
	}
	for (dev->nqueues = 0; dev->nqueues < 3; dev->nqueues++)
		must(nic_open(0, &info) == -ERR_PROTO);
	must(!nic_open(0, &info));
	must(nic_open(0, &info) == -ERR_BUSY);
}

static void run_no_reset(void)
{
	vmm.quiet = true;
	vmm_start();
	vmm.no_pci = kind == VMM_MMIO || kind == VMM_LEGACY;
	dev = vmm_add_net(kind, set);
	dev->status = 3;
	vmm.no_reset = true;
	plat_start();
	must(nic_open(0, &info) == -ERR_PROTO && strstr(vmm_log(), "nic0: does not reset"));
	must(vmm_time() < 5000000000ull);
}

static void run_small(void)
{
	unsigned lent, total;
	size_t before;

	vmm.memory = 5u << 20;
	vmm_start();
	before = vmm_pages_used();
	boot();
	nic_rx_lent(0, &lent, &total);
	must(total >= 16 && total <= 64);
	must((vmm_pages_used() - before - 32) * PAGE_SIZE <= 160u << 10);
	must(!(info.features & NIC_RX_GSO));
}

static void run_config(void)
{
	dev = vmm_add_net(kind, set);
	memcpy(dev->config + 10, (uint16_t[]){ 9000 }, 2);
	boot();
	must(info.mtu == 9000 && info.up && !memcmp(info.mac, "\x52\x54\x00\x12\x34\x56", 6));
	must(info.features == (NIC_TX_CSUM | NIC_TX_TSO4 | NIC_TX_TSO6 | NIC_RX_CSUM | NIC_RX_GSO));
	dev->config[6] = 0;
	vmm_config_changed(dev);
	nic_info(0, &info);
	must(info.up); /* not looked at again so soon */
	vmm_advance(200000000);
	nic_info(0, &info);
	must(!info.up);
}

static void run_odd_config(void)
{
	dev = vmm_add_net(kind, set & ~(MAC | STATUS));
	vmm.rdrand = true;
	memcpy(dev->config + 10, (uint16_t[]){ 67 }, 2);
	boot();
	must(info.mtu == 1500 && info.up && (info.mac[0] & 3) == 2);
	must(strstr(vmm_log(), "nic0: mtu 67 cannot be, 1500 taken"));
}

/* Without interrupts it is looked at every millisecond, and nothing waits for ever. */
static void run_polled(void)
{
	uint64_t start;

	dev = vmm_add_net(kind, set);
	dev->no_msix = kind == VMM_MODERN;
	dev->bad_vector = kind == VMM_TRANSITIONAL;
	boot();
	must(strstr(vmm_log(), "no interrupt: polled"));
	start = vmm_time();
	must(!nic_arm(0));
	plat_wait(PLAT_FOREVER);
	must(vmm_time() - start < 2000000);
}

/* ---- announcing ---- */

/* The device asks, whoever looks is told, the device is told: once for each time that it asks, and not without it. */
static void run_announce(void)
{
	boot();
	must(!info.announce);
	for (unsigned i = 1; i < 200; i++) {
		vmm_ask_to_announce(dev);
		vmm_advance(2100000000);
		nic_info(0, &info);
		must(info.announce == i);
		vmm_work();
		must(dev->net->announced == i && info.up);
		vmm_advance(2100000000);
		nic_info(0, &info);
		must(info.announce == i);
	}
	must(!strstr(vmm_log(), "broken"));
}

/* One that asks all the time is heard every two seconds, one that never answers once. */
static void run_announce_storm(void)
{
	uint64_t start;

	boot();
	start = vmm_time();
	while (vmm_time() - start < 20000000000) {
		vmm_ask_to_announce(dev);
		nic_info(0, &info);
		vmm_work();
		vmm_advance(1000000);
	}
	must(info.announce >= 9 && info.announce <= 11);
	dev->net->hold_control = true;
	vmm_advance(3000000000);
	start = info.announce;
	for (unsigned i = 0; i < 100; i++) {
		vmm_ask_to_announce(dev);
		nic_info(0, &info);
		vmm_advance(1000000000);
	}
	must(info.announce == start + 1 && !info.broken);
}

/* The control queue is believed no more than the others. */
static void run_announce_lie(void)
{
	static const struct { enum vmm_lie lie; const char *said; } v[] = { { LIE_ID_RANGE, "nic0: broken: used id" },
		{ LIE_IDX_JUMP, "nic0: broken: used index jumps by" } };
	unsigned i = (unsigned)vmm_below(sizeof v / sizeof *v);

	boot();
	dev->net->hold_control = true;
	vmm_ask_to_announce(dev);
	vmm_advance(200000000);
	nic_info(0, &info);
	vmm.lie = v[i].lie;
	dev->net->hold_control = false;
	vmm_work();
	must(vmm.lie == LIE_NONE);
	vmm_ask_to_announce(dev);
	vmm_advance(3000000000);
	nic_info(0, &info);
	must(info.broken && strstr(vmm_log(), v[i].said) && !dev->status);
}

/* Half of what it takes is not taken. */
static void run_announce_half(void)
{
	boot();
	must(!(dev->accepted & ANNOUNCE));
	vmm_ask_to_announce(dev);
	vmm_advance(3000000000);
	nic_info(0, &info);
	must(!info.announce);
}

static void run_several(void)
{
	vmm.quiet = true;
	vmm.ioapic2 = true;
	vmm.no_pci = kind == VMM_MMIO || kind == VMM_LEGACY;
	vmm_start();
	for (unsigned i = 0; i < 3; i++)
		vmm_add_net(kind, set)->config[5] = (uint8_t)i;
	plat_start();
	for (unsigned i = 0; i < 3; i++)
		must(!nic_open(i, &info) && info.mac[5] == i);
	must(nic_open(3, &info) == -ERR_NODEV);
	plat_seal();
}

/* One of two lies, in each way that ends a NIC: it is named and closed, and the other carries frames both ways. */
static void run_two(void)
{
	static const enum vmm_lie lies[] = { LIE_ID_RANGE, LIE_ID_TWICE, LIE_IDX_JUMP, LIE_RX_SHORT, LIE_LEN, LIE_GIVES_UP };
	struct nic_frag frag;
	struct nic_buf v[64];
	struct vmm_dev *other;
	void *token;

	vmm.quiet = vmm.kvmclock = vmm.ioapic2 = true;
	vmm.no_pci = kind == VMM_MMIO || kind == VMM_LEGACY;
	vmm_start();
	dev = vmm_add_net(kind, set);
	other = vmm_add_net(kind, set);
	plat_start();
	must(!nic_open(1, &info) && !nic_open(0, &info));
	plat_seal();
	arena = vmm_alloc(32);
	frag = (struct nic_frag){ arena, 60 };
	vmm.lie = lies[vmm.seed % (sizeof lies / sizeof *lies)];
	arrive(NULL, 6000, v);
	vmm_advance(200000000);
	for (unsigned i = 0; i < 3 && !info.broken; i++, vmm_advance(200000000)) {
		nic_rx(0, v, 64);
		nic_info(0, &info);
	}
	must(info.broken && strstr(vmm_log(), "nic0: broken") && !dev->status && vmm.lie == LIE_NONE);
	for (unsigned i = 0; i < 50; i++) {
		vmm_send(other, arena, 500, NULL);
		must(!nic_tx(1, &frag, 1, NULL, arena));
		nic_kick(1);
		vmm_work();
		must(nic_rx(1, v, 64) == 1 && v->len == 500 && nic_tx_done(1, &token, 1) == 1);
		nic_rx_done(1, v->id);
	}
	nic_info(1, &info);
	must(!info.broken && !strstr(vmm_log(), "nic1: broken") && other->net->sent == 50);
}

/* ---- the caller's mistakes ---- */

static void give_twice(void)
{
	struct nic_buf v[64];

	boot();
	must(arrive(NULL, 100, v) == 1);
	nic_rx_done(0, v->id);
	nic_rx_done(0, v->id);
}

static void give_nothing(void)
{
	boot();
	nic_rx_done(0, 100000);
}

static void use_closed(void)
{
	vmm_start();
	nic_kick(0);
}

static void run_invalid(void)
{
	struct nic_frag frag[NIC_FRAGS_MAX + 1];
	struct nic_offload off = { .flags = NIC_CSUM_PARTIAL };

	set = MAC;
	boot();
	for (unsigned i = 0; i <= NIC_FRAGS_MAX; i++)
		frag[i] = (struct nic_frag){ arena, 60 };
	must(nic_tx(0, frag, 0, NULL, arena) == -ERR_INVAL);
	must(nic_tx(0, frag, NIC_FRAGS_MAX + 1, NULL, arena) == -ERR_INVAL);
	must(nic_tx(0, frag, 1, NULL, NULL) == -ERR_INVAL);
	must(nic_tx(0, frag, 1, &off, arena) == -ERR_INVAL);
	off.flags = NIC_GSO_TCP4;
	must(nic_tx(0, frag, 1, &off, arena) == -ERR_INVAL);
	must(nic_share(0, arena + 1, PAGE_SIZE) == -ERR_INVAL && nic_share(0, arena, 0) == -ERR_INVAL);
	must(!nic_tx(0, frag, NIC_FRAGS_MAX, NULL, arena));
}

int main(void)
{
	const char *seed = getenv("PITH_SEED");
	bool two = true;

	vmm.seed = seed ? strtoull(seed, NULL, 10) : 1;
	ok(everywhere(run_no_memory, ALL), "the n-th allocation fails, for every n, and nothing is lost");
	ok(everywhere(run_refusals, ALL), "features refused, no queue, opened twice, past the last");
	ok(everywhere(run_no_reset, ALL), "a device that does not reset is given up in time");
	ok(everywhere(run_small, ALL), "5 MiB of memory: small and few buffers");
	ok(everywhere(run_config, ALL), "address, MTU, features, carrier");
	ok(everywhere(run_odd_config, ALL), "no address, a wrong MTU");
	for (kind = VMM_MODERN, set = ALL; kind <= VMM_TRANSITIONAL; kind++)
		ok(child_ends(run_polled, 0), "no interrupt on %s: polled", kinds[kind]);
	ok(everywhere(run_announce, ALL), "it asks to be announced, and is told when that was done");
	ok(everywhere(run_announce_storm, ALL), "one that asks all the time is heard every two seconds");
	ok(everywhere(run_announce_lie, ALL) && everywhere(run_announce_lie, ALL) && everywhere(run_announce_lie, ALL), "lies on the control queue");
	ok(everywhere(run_announce_half, ALL & ~BIT(17)) && everywhere(run_announce_half, ALL & ~BIT(21)) && everywhere(run_announce_half, ALL & ~STATUS),
		"not without the queue, the feature, the status");
	ok(everywhere(run_several, ALL), "three of them, in the order in which they were given");
	for (unsigned i = 0; i < 6; i++, vmm.seed++)
		two &= everywhere(run_two, ALL);
	ok(two, "one of two lies: it is closed, the other carries on");
	kind = VMM_MODERN;
	ok(child_ends(give_twice, VMM_PANIC) && child_ends(give_nothing, VMM_PANIC) && child_ends(use_closed, VMM_PANIC), "mistakes of the caller panic");
	ok(everywhere(run_invalid, MAC), "arguments that cannot be are refused");
	return tap_done();
}
