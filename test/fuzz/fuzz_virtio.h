/* SPDX-License-Identifier: MIT */
#ifndef TEST_FUZZ_FUZZ_VIRTIO_H
#define TEST_FUZZ_FUZZ_VIRTIO_H

/*
 * What the targets for virtio's two transports share: a machine whose registers are honest but for what the input says. The input
 * begins with a list of lies, each a place, a value, and from which read of that place on it is told; then come acts of the guest,
 * which brings up whatever it finds: an interface, a disk, a source of random bytes or a balloon. The balloon alone answers.
 *
 * Checked: that the driver touches no register that the gate did not map, never maps memory of its own, and leaves nothing behind
 * of a device that it could not bring up. Pages that the gate maps are counted in ranges here, as vmm.c's list is too slow for
 * devices that claim megabytes.
 */

#include <string.h>

#include "core/core.h"
#include "core/err.h"
#include "core/x86/bootinfo.h"
#include "core/x86/gate.h"
#include "kvm/kvm.h"
#include "kvm/vioballoon.h"
#include "kvm/vioblk.h"
#include "kvm/vionet.h"
#include "kvm/viorng.h"
#include "test/fake/vmm.h"
#include "test/fuzz/fuzz_blk.h"
#include "test/fuzz/fuzz_nic.h"

#define FUZZ_LIES 24u
#define FUZZ_RANGES 128u
#define FUZZ_CONFIG 64u

/* A device's registers, by their meaning. */
struct fuzz_device {
	uint16_t type, queues;
	uint64_t features;
	uint8_t config[FUZZ_CONFIG];
	uint8_t status, generation;
	uint16_t vector[2];
	uint32_t device_select, queue_select;
	uint32_t used[2][2]; /* where its first two queues have their used rings, in two halves */
};

static struct {
	uint8_t space;
	bool once;
	uint16_t at;
	unsigned after;
	uint32_t value;
} fuzz_lies[FUZZ_LIES];
static unsigned fuzz_n_lies;
static bool fuzz_has_balloon;

static struct {
	uintptr_t base;
	size_t len;
	unsigned perm;
} fuzz_ranges[FUZZ_RANGES];
static unsigned fuzz_n_ranges;

struct vmm_dev vmm_devices[VMM_DEVICES];
unsigned vmm_ndevices;

int __real_gate_map(uintptr_t addr, size_t len, unsigned perm);
int __wrap_gate_map(uintptr_t addr, size_t len, unsigned perm);

bool vmm_pin_open(unsigned gsi)
{
	(void)gsi;
	return false;
}

void balloon_want(size_t pages)
{
	(void)pages;
}

/* ---- lies ---- */

static void fuzz_draw_lies(void)
{
	unsigned first = fuzz_byte();

	fuzz_n_lies = first % FUZZ_LIES;
	fuzz_has_balloon = first >= 5 * FUZZ_LIES;
	for (unsigned i = 0; i < fuzz_n_lies; i++) {
		unsigned how = fuzz_byte();

		fuzz_lies[i].space = how & 7;
		fuzz_lies[i].once = how & 8;
		fuzz_lies[i].after = how >> 4;
		fuzz_lies[i].at = fuzz_u16();
		fuzz_lies[i].value = fuzz_u32();
	}
}

/* What the guest reads at a place of a space; `honest` where nothing else is said. */
static uint32_t fuzz_seen(unsigned space, unsigned at, uint32_t honest)
{
	for (unsigned i = 0; i < fuzz_n_lies; i++) {
		if (fuzz_lies[i].space != space || fuzz_lies[i].at != at)
			continue;
		if (fuzz_lies[i].after > 0) {
			fuzz_lies[i].after--;
			continue;
		}
		if (fuzz_lies[i].once)
			fuzz_lies[i].space = 0xff;
		return fuzz_lies[i].value;
	}
	return honest;
}

/* ---- the gate ---- */

static bool fuzz_mapped(uintptr_t addr, unsigned width)
{
	for (unsigned i = fuzz_n_ranges; i-- > 0;)
		if (addr >= fuzz_ranges[i].base && addr + width <= fuzz_ranges[i].base + fuzz_ranges[i].len)
			return fuzz_ranges[i].perm & GATE_UNCACHED;
	return false;
}

int __wrap_gate_map(uintptr_t addr, size_t len, unsigned perm)
{
	const struct plat_range *ram = &bootinfo.ram[0];

	if (perm == GATE_READ)
		return __real_gate_map(addr, len, perm);
	fuzz_must((addr | len) % PAGE_SIZE == 0 && addr && len && addr + len > addr);
	fuzz_must(addr + len <= ram->base || addr >= ram->base + ram->len);
	if ((addr + len - 1) >> 39)
		return -ERR_NOENT;
	fuzz_must(fuzz_n_ranges < FUZZ_RANGES);
	fuzz_ranges[fuzz_n_ranges].base = addr;
	fuzz_ranges[fuzz_n_ranges].len = len;
	fuzz_ranges[fuzz_n_ranges++].perm = perm;
	return 0;
}

/* ---- devices ---- */

static void fuzz_make_device(struct fuzz_device *d, uint16_t type)
{
	static const uint8_t nic[] = { 0x52, 0x54, 0, 0x12, 0x34, 0x56, 1, 0, 1, 0, 0xdc, 5 };
	static const uint32_t disk[] = { 1024, 0, 65536, 126, 0, 512, 0, 0, 0, 1024, 1, 1 };

	*d = (struct fuzz_device){ .type = type, .queues = type == 1 || type == 5 ? 2 : 1, .features = 1ull << 32 | 3u << 28 };
	if (type == 1)
		d->features |= 0x119dabull;
	if (type == 2)
		d->features |= 0x2246ull;
	memcpy(d->config, type == 1 ? (const void *)nic : disk, type == 1 ? sizeof nic : sizeof disk);
}

static uint32_t fuzz_config(const struct fuzz_device *d, unsigned at, unsigned width)
{
	uint32_t v = 0;

	if (at + width <= FUZZ_CONFIG)
		memcpy(&v, d->config + at, width);
	return v;
}

static uint32_t fuzz_features(const struct fuzz_device *d)
{
	return d->device_select < 2 ? (uint32_t)(d->features >> 32 * d->device_select) : 0;
}

static void fuzz_see_used(struct fuzz_device *d, unsigned half, uint32_t v)
{
	if (d->queue_select < 2)
		d->used[d->queue_select][half] = v;
}

/* ---- the balloon ---- */

static struct fuzz_device *fuzz_moving; /* the guest waits for it */
static unsigned fuzz_moving_queue;

/* Now and then while the guest waits: an answer, which may be to something else. */
static void fuzz_turn(struct vmm_dev *d)
{
	uint16_t *used;

	(void)d;
	if (!fuzz_moving)
		return;
	vmm_advance(20000000); /* or a device that does not answer would be waited for a million times */
	used = (uint16_t *)((uintptr_t)fuzz_moving->used[fuzz_moving_queue][1] << 32 | fuzz_moving->used[fuzz_moving_queue][0]);
	if (!used || !fuzz_more())
		return;
	memcpy(used + 2 + used[1] % 2 * 4u, (uint32_t[]){ fuzz_below(4), 0 }, 8);
	used[1]++;
}

static void fuzz_balloon_act(struct fuzz_device *d, unsigned what)
{
	uintptr_t pages[PLAT_BALLOON] = { 0 };
	unsigned n = 1 + what % PLAT_BALLOON;
	int rc;

	vioballoon_look();
	fuzz_moving = d;
	fuzz_moving_queue = what & 1;
	rc = plat_balloon(pages, n, !(what & 1));
	fuzz_moving = NULL;
	fuzz_must(rc == (int)n || rc == -ERR_NODEV);
}

/* ---- the guest ---- */

static bool fuzz_any_buffer(const struct nic_buf *b)
{
	return vmm_is_memory((uintptr_t)b->data, b->len ? b->len : 1);
}

/* What vmm_start() and the first turns of kvm/ do for every input. */
static void fuzz_start(const char *cmdline)
{
	fuzz_blk_begin();
	vmm.quiet = vmm.kvmclock = true;
	vmm.rdrand = true; /* or who wants a random number would wait for the device, 10 ns at a time */
	vmm.memory = 4u << 20;
	vmm.exit_ns = 10000000;
	vmm.cmdline = cmdline;
	vmm_devices[vmm_ndevices++].work = fuzz_turn;
	vmm_start();
	plat_start();
	fuzz_nic_begin(0, vmm_alloc(FUZZ_NIC_ARENA / PAGE_SIZE), vmm_alloc(FUZZ_NIC_ARENA / PAGE_SIZE));
	fuzz_nic.is_buffer = fuzz_any_buffer;
}

/* Brings up interface and disk 0, uses them a little, and gives them up. What fails leaves nothing behind. `balloon` may be one. */
static void fuzz_bring_up(struct fuzz_device *balloon)
{
	size_t used = vmm_pages_used();
	struct nic_info nic;
	struct blk_info blk;
	bool has_nic = nic_open(0, &nic) == 0, has_blk;

	fuzz_must(has_nic || vmm_pages_used() == used);
	fuzz_must(!has_nic || (nic.mtu >= 68 && nic.mtu <= 65521));
	used = vmm_pages_used();
	has_blk = blk_open(0, &blk) == 0;
	fuzz_must(has_blk || vmm_pages_used() == used);
	fuzz_must(!has_blk || (blk.sector_size >= 512 && blk.sector_size <= 4096 && (uint64_t)blk.max_sectors * blk.sector_size >= 8192));
	viorng_start();
	vioballoon_start();
	map_seal();
	while (fuzz_more()) {
		unsigned what = fuzz_byte();

		if (what & 0x80) {
			vmm_advance(200000000);
			if (fuzz_has_balloon)
				fuzz_balloon_act(balloon, what & 0x7f);
		} else if (what & 1 && has_nic) {
			fuzz_nic_act((what >> 1) % 11);
		} else if (has_blk) {
			fuzz_blk_act((what >> 1) % 10);
		}
		viorng_poll(false);
	}
	if (has_nic) {
		vionet_fail(&vionet[0]);
		fuzz_nic_settle();
	}
	if (has_blk) {
		vioblk_fail(&vioblk[0]);
		fuzz_blk_settle();
	}
}

#endif
