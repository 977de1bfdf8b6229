/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include <stdio.h>

/*
 * kvm/vioballoon.c on the fake machine: the host's wish is heard, pages change hands one by one and the host is told
 * how many, with features and without, and a device that lies, is silent or has no queues is ended.
 */

#include <stdlib.h>
#include <string.h>

#include "core/core.h"
#include "core/err.h"
#include "core/plat.h"
#include "test/unit/kvm_kinds.h"

#define MUST_TELL BIT(0)
#define UNKNOWN (BIT(1) | BIT(2) | BIT(3) | BIT(4) | BIT(5) | BIT(28) | BIT(29))
#define MS 1000000ull

static uintptr_t page[PLAT_BALLOON];
static unsigned config_len = 8;

static void boot(void)
{
	vmm.quiet = vmm.kvmclock = true;
	vmm.no_pci = kind == VMM_MMIO || kind == VMM_LEGACY;
	vmm_start();
	dev = vmm_add_balloon(kind, set);
	dev->config_len = config_len;
	plat_start();
	plat_seal();
	for (unsigned i = 0; i < PLAT_BALLOON; i++)
		page[i] = (uintptr_t)vmm_alloc(1);
}

static uint32_t told(void)
{
	uint32_t v;

	memcpy(&v, dev->config + 4, 4);
	return v;
}

/* Heard at the first sleep after it, said once, and a timer's chance to run before the machine sleeps. */
static void run_wish(void)
{
	uint64_t start;

	boot();
	plat_wait(plat_now() + MS);
	must(!vmm.balloon_wishes);
	for (unsigned i = 1; i < 20; i++) {
		vmm_advance(200 * MS);
		vmm_balloon_wish(dev, i * 1000);
		start = plat_now();
		while (vmm.balloon_wanted != i * 1000 && plat_now() - start < 300 * MS)
			plat_wait(start + 1000 * MS);
		must(vmm.balloon_wanted == i * 1000 && vmm.balloon_wishes == i && plat_now() - start < 300 * MS);
		plat_wait(plat_now() + MS);
		must(vmm.balloon_wishes == i);
	}
}

/* A wish that changes all the time is heard ten times a second. */
static void run_storm(void)
{
	uint64_t start;

	boot();
	start = vmm_time();
	for (uint32_t n = 1; vmm_time() - start < 10000 * MS; n++) {
		vmm_balloon_wish(dev, n);
		plat_wait(plat_now() + MS);
	}
	must(vmm.balloon_wishes > 20 && vmm.balloon_wishes <= 101);
}

/* Nobody keeps an idle machine awake. */
static void run_idle(void)
{
	unsigned long before;

	boot();
	for (unsigned i = 0; i < 3; i++)
		plat_wait(plat_now() + 200 * MS);
	before = vmm.exits;
	plat_wait(plat_now() + 3600000 * MS);
	must(vmm.exits - before < 20);
}

static void run_few(void)
{
	boot();
	must(plat_balloon(page, 9, true) == 9 && dev->balloon == 9 && told() == (config_len < 8 ? 0 : 9u));
	must(plat_balloon(page + 5, 4, false) == 4 && dev->balloon == 5 && told() == (config_len < 8 ? 0 : 5u));
	plat_wait(plat_now() + 200 * MS);
}

static void run_moves(void)
{
	bool out[PLAT_BALLOON] = { false };
	uint32_t n = 0;

	boot();
	must(!(dev->accepted & (BIT(1) | BIT(2) | BIT(3) | BIT(4) | BIT(5))));
	must(plat_balloon(page, PLAT_BALLOON, true) == PLAT_BALLOON && dev->balloon == PLAT_BALLOON && told() == PLAT_BALLOON);
	must(plat_balloon(page, PLAT_BALLOON, false) == PLAT_BALLOON && !dev->balloon && !told());
	for (unsigned i = 0; i < (set & MUST_TELL ? 70000 : 2000); i++) {
		unsigned k = (unsigned)vmm_below(PLAT_BALLOON);

		must(plat_balloon(&page[k], 1, !out[k]) == 1);
		out[k] = !out[k];
		n += out[k] ? 1 : -1u;
		must(vmm_balloon_has(page[k]) == out[k]);
	}
	must(dev->balloon == n && told() == n);
}

/* Over PCI the device says how much configuration it has: where it has no room for it, nothing is told. */
static void run_short(void)
{
	kind = VMM_MODERN;
	for (config_len = 0; config_len < 9; config_len++)
		must(child_ends(run_few, 0));
}

/* It is reset: it reaches for nothing any more, and the core is told that there is no balloon. */
static void check_ended(const char *said)
{
	must(plat_balloon(page, 3, true) == -ERR_NODEV && strstr(vmm_log(), said) && !dev->status);
	must(plat_balloon(page, 3, true) == -ERR_NODEV && plat_balloon(page, 3, false) == -ERR_NODEV);
	vmm_advance(200 * MS);
	plat_wait(plat_now() + MS);
}

static void run_lies(void)
{
	static const struct { enum vmm_lie lie; const char *said; } v[] = { { LIE_ID_RANGE, "bal0: broken: used id" },
		{ LIE_ID_FREE, "bal0: broken: used id not in flight" }, { LIE_IDX_JUMP, "bal0: broken: used index jumps by" } };

	boot();
	vmm.lie = v[vmm.seed % 3].lie;
	check_ended(v[vmm.seed % 3].said);
}

static void run_silent(void)
{
	uint64_t start;

	boot();
	dev->balloon_holds = true;
	start = vmm_time();
	check_ended("bal0: broken: no answer for a second");
	must(vmm_time() - start < 1500 * MS);
}

static void run_no_queues(void)
{
	for (unsigned n = 0; n < 2; n++) {
		vmm.no_pci = kind == VMM_MMIO || kind == VMM_LEGACY;
		if (!n) {
			vmm.quiet = true;
			vmm_start();
			dev = vmm_add_balloon(kind, set);
			dev->nqueues = (unsigned)vmm_below(2);
			plat_start();
			plat_seal();
		}
		must(strstr(vmm_log(), "bal0: cannot be brought up: error") && !dev->status);
		must(plat_balloon(page, 1, true) == -ERR_NODEV);
	}
}

static void run_none(void)
{
	vmm_start();
	plat_start();
	plat_seal();
	must(plat_balloon(page, 1, true) == -ERR_NODEV && !strstr(vmm_log(), "bal0"));
}

int main(void)
{
	const char *seed = getenv("PITH_SEED");
	bool good = true;

	vmm.seed = seed ? strtoull(seed, NULL, 10) : 1;
	ok(everywhere(run_wish, MUST_TELL) && everywhere(run_wish, UNKNOWN), "the wish is heard");
	ok(everywhere(run_storm, 0), "one that changes all the time is heard ten times a second");
	ok(everywhere(run_idle, 0), "an idle machine sleeps");
	good = everywhere(run_moves, 0) && everywhere(run_moves, UNKNOWN) && everywhere(run_moves, BIT(29));
	kind = VMM_MODERN;
	set = MUST_TELL;
	ok(child_ends(run_moves, 0) && good, "pages change hands, past the wrap of the rings");
	for (unsigned i = 0; i < 3; i++, vmm.seed++)
		good &= everywhere(run_lies, MUST_TELL);
	ok(good, "lies end it");
	ok(everywhere(run_silent, MUST_TELL), "so does silence");
	ok(child_ends(run_short, 0), "little configuration");
	ok(everywhere(run_no_queues, 0), "a device without queues");
	ok(child_ends(run_none, 0), "no device");
	return tap_done();
}
