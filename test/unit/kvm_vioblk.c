/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include <stdio.h>

/*
 * kvm/vioblk.c and kvm/blk.c on the fake machine: random requests against a model of the disk,
 * many in flight and answered in any order, every transport and set of features, limits,
 * failures, lies.
 */

#include <stdlib.h>
#include <string.h>

#include "core/blk.h"
#include "core/core.h"
#include "core/err.h"
#include "core/plat.h"
#include "test/unit/kvm_kinds.h"

#define SIZE_MAX_ BIT(1)
#define SEG_MAX_ BIT(2)
#define RO BIT(5)
#define BLK_SIZE_ BIT(6)
#define FLUSH BIT(9)
#define DISCARD BIT(13)
#define UNKNOWN (BIT(4) | BIT(10) | BIT(11) | BIT(12) | BIT(14) | BIT(41))
#define INDIRECT BIT(28)
#define EVENT BIT(29)
#define ALL (SIZE_MAX_ | SEG_MAX_ | BLK_SIZE_ | FLUSH | DISCARD | INDIRECT | EVENT)

#define SECTORS 2048ul /* of 512 bytes */
#define REQUESTS 150u
#define BYTES 8192u /* the most that the random requests move */

static const uint64_t sets[] = { ALL | UNKNOWN, 0, EVENT, INDIRECT, ALL & ~SIZE_MAX_, ALL & ~SEG_MAX_, ALL & ~(INDIRECT | EVENT) };

static unsigned requests;
static struct blk_info info;
static uint8_t *data;

static void boot(void)
{
	vmm.quiet = vmm.kvmclock = true; /* that clock needs no look now and then, so "for ever" means it */
	vmm.no_pci = kind == VMM_MMIO || kind == VMM_LEGACY;
	vmm_start();
	if (!dev)
		dev = vmm_add_blk(kind, set, SECTORS);
	plat_start();
	must(!blk_open(0, &info));
	plat_seal();
	data = vmm_alloc(REQUESTS * BYTES / PAGE_SIZE);
}

static unsigned wait_for(struct blk_req **v, unsigned max)
{
	unsigned n;

	while (!(n = blk_reap(0, v, max)))
		if (!blk_arm(0))
			plat_wait(PLAT_FOREVER);
	return n;
}

/* One request, from beginning to end. */
static int request(enum blk_op op, uint64_t sector, uint32_t sectors, void *at)
{
	struct blk_req r = { .op = op, .sector = sector, .sectors = sectors, .data = at }, *v;
	int rc = blk_submit(0, &r);

	if (rc)
		return rc;
	blk_kick(0);
	must(wait_for(&v, 1) == 1 && v == &r);
	return r.status;
}

/* ---- random requests against a model ---- */

static uint8_t model[SECTORS * 512];
static struct blk_req pool[REQUESTS];
static bool busy[REQUESTS];
static uint8_t locked[SECTORS]; /* 1: being read, 2: being written */
static unsigned inflight;

static uint32_t scale(void)
{
	return info.sector_size / 512;
}

static bool lock(const struct blk_req *r, uint8_t as)
{
	uint64_t first = r->sector * scale(), n = r->sectors * scale();

	for (uint64_t i = 0; i < n; i++)
		if (locked[first + i])
			return false;
	memset(locked + first, as, n);
	return true;
}

static void submit_one(void)
{
	unsigned i = (unsigned)vmm_below(REQUESTS), kinds_of = info.max_discard ? 8 : 7;
	struct blk_req *r = &pool[i];
	uint32_t most = BYTES / info.sector_size;

	if (busy[i])
		return;
	*r = (struct blk_req){ .op = vmm_below(kinds_of) < 4 ? BLK_READ : BLK_WRITE, .sectors = 1 + (uint32_t)vmm_below(most), .data = data + i * BYTES };
	r->sector = vmm_below(info.sectors - r->sectors + 1);
	if (info.max_discard && !vmm_below(10))
		r->op = BLK_DISCARD, r->data = NULL;
	if (info.can_flush && !vmm_below(10))
		*r = (struct blk_req){ .op = BLK_FLUSH };
	if (r->op != BLK_FLUSH && !lock(r, 1))
		return;
	if (r->op == BLK_WRITE)
		for (uint32_t k = 0; k < r->sectors * info.sector_size; k++)
			data[i * BYTES + k] = (uint8_t)vmm_random();
	if (blk_submit(0, r)) {
		memset(locked + r->sector * scale(), 0, r->sectors * scale());
		return;
	}
	busy[i] = true;
	inflight++;
}

static void check_one(struct blk_req *r)
{
	unsigned i = (unsigned)(r - pool);
	uint8_t *m = model + r->sector * info.sector_size;
	size_t n = (size_t)r->sectors * info.sector_size;

	must(i < REQUESTS && busy[i]);
	must(!r->status);
	if (r->op == BLK_READ)
		must(!memcmp(m, data + i * BYTES, n));
	if (r->op == BLK_WRITE)
		memcpy(m, data + i * BYTES, n);
	if (r->op == BLK_DISCARD)
		memset(m, 0, n);
	memset(locked + r->sector * scale(), 0, r->sectors * scale());
	busy[i] = false;
	inflight--;
}

static unsigned reap(void)
{
	struct blk_req *v[40];
	unsigned n = blk_reap(0, v, 1 + (unsigned)vmm_below(40));

	for (unsigned i = 0; i < n; i++)
		check_one(v[i]);
	return n;
}

static void run_model(void)
{
	struct blk_stats stats;
	unsigned long most = 0;

	dev = vmm_add_blk(kind, set, SECTORS);
	dev->blk->shuffle = true;
	if (set & BLK_SIZE_)
		memcpy(dev->config + 20, (uint32_t[]){ vmm_below(2) ? 4096 : 512 }, 4);
	boot();
	while (dev->blk->done < requests) {
		for (unsigned n = (unsigned)vmm_below(60); n; n--)
			submit_one();
		blk_kick(0);
		most = inflight > most ? inflight : most;
		if (!reap() && inflight && !blk_arm(0))
			plat_wait(PLAT_FOREVER);
	}
	while (inflight)
		if (!reap() && !blk_arm(0))
			plat_wait(PLAT_FOREVER);
	must(most > 20);
	must(!memcmp(model, dev->blk->data, sizeof model));
	blk_stats(0, &stats);
	must(stats.reads + stats.writes + stats.flushes + stats.discards == dev->blk->done && !stats.errors);
	must(stats.flushes == dev->blk->flushes && stats.discards == dev->blk->discards);
}

/* ---- what is offered and what is asked ---- */

static void run_info(void)
{
	dev = vmm_add_blk(kind, ALL, SECTORS);
	memcpy(dev->config + 20, (uint32_t[]){ 4096 }, 4);
	boot();
	must(info.sectors == SECTORS / 8 && info.sector_size == 4096 && !info.read_only && info.can_flush && !info.broken);
	must(info.max_discard == 1024 / 8 && info.max_sectors * 4096 >= 8192);
	must(!request(BLK_WRITE, info.sectors - 1, 1, data));
	must(!memcmp(dev->blk->data + (SECTORS - 8) * 512, data, 4096));
}

static void run_arguments(void)
{
	boot();
	must(request(BLK_READ, SECTORS, 1, data) == -ERR_INVAL && request(BLK_READ, SECTORS - 1, 2, data) == -ERR_INVAL);
	must(request(BLK_READ, UINT64_MAX, 2, data) == -ERR_INVAL && request(BLK_READ, 0, 0, data) == -ERR_INVAL);
	must(request(BLK_READ, 0, info.max_sectors + 1, data) == -ERR_INVAL);
	must(request(BLK_READ, 0, 1, data + 4) == -ERR_INVAL && request(BLK_READ, 0, 1, NULL) == -ERR_INVAL);
	must(request(BLK_FLUSH, 0, 1, NULL) == -ERR_INVAL);
	must(request(BLK_DISCARD, 0, info.max_discard + 1, NULL) == (info.max_discard ? -ERR_INVAL : -ERR_NOTSUP));
	must(!request(BLK_READ, SECTORS - 1, 1, data));
	must(request(BLK_FLUSH, 0, 0, NULL) == (set & FLUSH ? 0 : -ERR_NOTSUP));
	must(request(BLK_DISCARD, 5, 1, NULL) == (set & DISCARD ? 0 : -ERR_NOTSUP));
	must(!blk_reap(0, &(struct blk_req *){ NULL }, 1) && !blk_arm(0));
}

/* The largest request there is, in as many pieces as the device wants. */
static void run_largest(void)
{
	uint8_t *large;

	dev = vmm_add_blk(kind, set, SECTORS);
	memcpy(dev->config + 8, (uint32_t[]){ 4096, 7 }, 8);
	boot();
	must(info.max_sectors >= 16 && (!(set & SIZE_MAX_) || info.max_sectors == (set & SEG_MAX_ ? 7 * 8 : 8)));
	large = vmm_alloc(info.max_sectors / 8 + 1);
	for (uint32_t i = 0; i < info.max_sectors * 512; i++)
		large[i] = (uint8_t)(i * 7 + (i >> 9));
	must(!request(BLK_WRITE, 1, info.max_sectors < SECTORS ? info.max_sectors : SECTORS - 1, large));
	must(!memcmp(dev->blk->data + 512, large, 512 * (info.max_sectors < SECTORS ? info.max_sectors : SECTORS - 1)));
}

static void run_read_only(void)
{
	set |= RO;
	boot();
	must(info.read_only);
	must(request(BLK_WRITE, 0, 1, data) == -ERR_ROFS && request(BLK_DISCARD, 0, 1, NULL) == -ERR_ROFS && !request(BLK_READ, 0, 1, data));
}

static void run_resize(void)
{
	uint64_t sectors = 100;

	boot();
	memcpy(dev->config, &sectors, 8);
	dev->blk->sectors = sectors;
	vmm_config_changed(dev);
	must(request(BLK_READ, 200, 1, data) == -ERR_IO);
	vmm_advance(200000000);
	blk_info(0, &info);
	must(info.sectors == 100 && strstr(vmm_log(), "blk0: now 100 sectors"));
	must(request(BLK_READ, 200, 1, data) == -ERR_INVAL);
}

static void run_failures(void)
{
	struct blk_stats stats;
	unsigned failed = 0;

	boot();
	dev->blk->fail_every = 3;
	for (unsigned i = 0; i < 30; i++)
		failed += request(BLK_READ, i, 1, data) == -ERR_IO;
	blk_stats(0, &stats);
	must(failed == 10 && stats.errors == 10);
}

/* The ring takes what it takes, and then says so. */
static void run_full(void)
{
	struct blk_req r[300], *v[300];
	unsigned n = 0, back = 0;
	int rc;

	boot();
	dev->blk->hold = true;
	for (rc = 0; !rc && n < 300; n += !rc) {
		r[n] = (struct blk_req){ .op = BLK_READ, .sectors = 1, .data = data, .sector = n };
		rc = blk_submit(0, &r[n]);
	}
	must(rc == -ERR_AGAIN && n >= 40);
	blk_kick(0);
	dev->blk->hold = false;
	while (back < n)
		back += wait_for(v, 300);
	must(back == n && !blk_reap(0, v, 300));
}

/* ---- lies ---- */

static enum vmm_lie lie;
static const char *said; /* NULL: that request fails, and the disk lives on */

static void run_lie(void)
{
	struct blk_req r[8], *v[8];
	unsigned back = 0;

	boot();
	for (unsigned i = 0; i < 3; i++)
		must(!request(BLK_WRITE, i, 1, data));
	vmm.eager = 0;
	for (unsigned i = 0; i < 8; i++) {
		r[i] = (struct blk_req){ .op = BLK_READ, .sectors = 1, .data = data, .sector = i };
		must(!blk_submit(0, &r[i]));
	}
	vmm.lie = lie;
	blk_kick(0);
	while (back < 8) {
		unsigned n = wait_for(v, 3);

		for (unsigned i = 0; i < n; i++)
			must(v[i]->status == 0 || v[i]->status == -ERR_IO);
		back += n;
	}
	blk_info(0, &info);
	if (!said) {
		must(!info.broken && !request(BLK_READ, 0, 1, data));
		return;
	}
	must(info.broken && strstr(vmm_log(), said) && !dev->status);
	must(request(BLK_READ, 0, 1, data) == -ERR_IO && request(BLK_FLUSH, 0, 0, NULL) == -ERR_IO);
	must(!strstr(strstr(vmm_log(), "broken") + 6, "broken"));
}

static void run_status(void)
{
	boot();
	vmm.lie = LIE_BLK_STATUS;
	must(request(BLK_READ, 0, 1, data) == -ERR_IO);
	vmm.lie = LIE_BLK_SILENT;
	must(request(BLK_READ, 0, 1, data) == -ERR_IO);
	must(!request(BLK_READ, 0, 1, data));
}

static void run_gives_up(void)
{
	struct blk_req r = { .op = BLK_READ, .sectors = 1 }, *v;

	boot();
	r.data = data;
	dev->blk->hold = true;
	must(!blk_submit(0, &r));
	blk_kick(0);
	vmm.lie = LIE_GIVES_UP;
	vmm_work();
	vmm_advance(200000000);
	blk_info(0, &info);
	must(info.broken && strstr(vmm_log(), "blk0: broken: the device has given up"));
	must(blk_arm(0) && blk_reap(0, &v, 1) == 1 && v == &r && r.status == -ERR_IO && !blk_arm(0));
}

/*
 * The host forgets its queue: a second later it is rung again, and not before. Some requests need no doorbell, or
 * are done before it.
 */
static void run_deaf(void)
{
	unsigned late = 0;

	boot();
	for (unsigned i = 0; i < 40; i++) {
		uint64_t from = plat_now(), took;

		vmm.lie = LIE_DEAF;
		must(!request(BLK_READ, 0, 1, data));
		took = plat_now() - from;
		must(took < 100000000 || (vmm.lie == LIE_NONE && took >= 1000000000 && took < 1100000000));
		late += took >= 1000000000;
	}
	must(late > 0);
}

/* ---- coming up ---- */

static void run_no_memory(void)
{
	size_t used;

	vmm.quiet = true;
	vmm.no_pci = kind == VMM_MMIO || kind == VMM_LEGACY;
	vmm_start();
	dev = vmm_add_blk(kind, set, SECTORS);
	plat_start();
	used = vmm_pages_used();
	for (unsigned long n = 1;; n++) {
		int rc;

		vmm.allocations = 0;
		vmm.fail_at = n;
		rc = blk_open(0, &info);
		if (!rc) {
			must(n > 2);
			return;
		}
		must(rc == -ERR_NOMEM && vmm_pages_used() == used && !dev->status);
	}
}

static void run_odd_config(void)
{
	dev = vmm_add_blk(kind, set, SECTORS);
	memcpy(dev->config + 20, (uint32_t[]){ 1000 }, 4);
	boot();
	must(info.sector_size == 512 && strstr(vmm_log(), "blk0: sectors of 1000 bytes cannot be, 512 taken"));
}

static void run_too_small(void)
{
	vmm.quiet = true;
	vmm.no_pci = kind == VMM_MMIO || kind == VMM_LEGACY;
	vmm_start();
	dev = vmm_add_blk(kind, set, SECTORS);
	memcpy(dev->config + 8, (uint32_t[]){ 4096, 1 }, 8);
	plat_start();
	must(blk_open(0, &info) == -ERR_PROTO && strstr(vmm_log(), "are too small"));
	must(blk_open(1, &info) == -ERR_NODEV && blk_open(99, &info) == -ERR_NODEV);
}

static void use_closed(void)
{
	vmm_start();
	blk_kick(0);
}

static void try_lies(void)
{
	static const struct { enum vmm_lie lie; const char *said; } v[] = {
		{ LIE_ID_RANGE, "blk0: broken: used id 172 of 128" }, { LIE_ID_FREE, "blk0: broken: used id not in flight, " },
		{ LIE_ID_TWICE, "blk0: broken: used id not in flight, " }, { LIE_IDX_JUMP, "blk0: broken: used index jumps by" },
		{ LIE_IDX_BACK, "blk0: broken: used index jumps by" }, { LIE_BLK_STATUS, NULL }, { LIE_BLK_SILENT, NULL },
	};

	for (unsigned i = 0; i < sizeof v / sizeof *v; i++) {
		lie = v[i].lie;
		said = v[i].said;
		ok(everywhere(run_lie, ALL), "a lie: %s", said ? said : "that request fails");
	}
	lie = LIE_LEN;
	said = "blk0: broken: used length";
	kind = VMM_MODERN;
	ok(child_ends(run_lie, 0), "a lie: %s", said);
}

int main(void)
{
	const char *seed = getenv("PITH_SEED");
	bool all = true;

	vmm.seed = seed ? strtoull(seed, NULL, 10) : 1;
	requests = 3000;
	for (unsigned i = 0; i < sizeof sets / sizeof *sets; i++)
		all &= everywhere(run_model, sets[i]);
	ok(all, "random requests in any order: every transport, %zu sets of features", sizeof sets / sizeof *sets);
	requests = 67000;
	kind = VMM_MMIO;
	set = ALL;
	ok(child_ends(run_model, 0), "67,000 of them: past the wrap of the ring");
	ok(everywhere(run_info, ALL), "a disk of 4096-byte sectors");
	ok(everywhere(run_arguments, ALL) && everywhere(run_arguments, 0), "arguments that cannot be are refused");
	ok(everywhere(run_largest, ALL) && everywhere(run_largest, SEG_MAX_), "the largest request, in the device's pieces");
	ok(everywhere(run_read_only, ALL), "a read-only disk");
	ok(everywhere(run_resize, ALL), "a disk that shrinks");
	ok(everywhere(run_failures, ALL), "every third request fails");
	ok(everywhere(run_full, ALL) && everywhere(run_full, 0), "a full ring says so");
	try_lies();
	ok(everywhere(run_status, ALL), "a status that is none, or that was never written");
	ok(everywhere(run_gives_up, ALL), "a device that gives up with a request in its hands");
	ok(everywhere(run_deaf, ALL) && everywhere(run_deaf, 0), "a device that missed a doorbell is rung again");
	ok(everywhere(run_no_memory, ALL), "the n-th allocation fails, for every n, and nothing is lost");
	ok(everywhere(run_odd_config, ALL), "a sector size that cannot be");
	ok(everywhere(run_too_small, ALL), "limits below the door's promise are refused");
	ok(child_ends(use_closed, VMM_PANIC), "use before open panics");
	return tap_done();
}
