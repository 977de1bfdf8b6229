/* SPDX-License-Identifier: MIT */
/*
 * blkfront against the fake blkback: every feature there and not, drawn from seeds, against a model of the disk; backends that
 * go and come with requests in flight; memory that runs out; and every lie. Ring counters begin just below 2^32.
 */
#include <stdlib.h>
#include <string.h>

#include "core/core.h"
#include "core/err.h"
#include "core/plat.h"
#include "test/child.h"
#include "test/fake/fake.h"
#include "test/fake/xenhost.h"
#include "test/tap.h"

#define SEEDS 60
#define REQUESTS 600u
#define DEPTH 48u
#define AREA 64u /* in flight requests touch disjoint parts of the disk, so the model knows the answer: this many parts */

static struct blk_info info;

/* A request in flight and what must come of it. */
static struct flight {
	struct blk_req req;
	bool busy;
	unsigned part;
	uint8_t *buf;
} flight[DEPTH];
static bool part_busy[AREA];
static uint8_t *model;
static unsigned submitted, reaped, errors;
static bool allow_errors;

void xenhost_net_input(unsigned n, const uint8_t *frame, unsigned len, const struct nic_offload *off)
{
	(void)n, (void)frame, (void)len, (void)off;
}

static void boot(void)
{
	xenhost.quiet = !getenv("PITH_LOUD");
	xenhost.scribble = true;
	xenhost_nic[0].present = false;
	xenhost_boot();
}

static void draw_features(void)
{
	struct xenhost_disk *c = &xenhost_disk[0];
	static char line[32];

	c->sectors = 16384;
	c->sector_size = (unsigned[]){ 512, 512, 4096, 1024 }[xenhost_below(4)];
	c->flush = xenhost_below(2);
	c->barrier = xenhost_below(2);
	c->discard = xenhost_below(2);
	c->persistent = xenhost_below(2);
	c->no_flush = xenhost_below(4) == 0;
	c->no_barrier = xenhost_below(4) == 0;
	c->no_discard = xenhost_below(4) == 0;
	c->read_only = xenhost_below(6) == 0;
	c->indirect = (unsigned[]){ 0, 8, 32, 256 }[xenhost_below(4)];
	c->order = (unsigned)xenhost_below(5);
	c->queues = (unsigned)xenhost_below(5);
	c->shuffle = xenhost_below(2);
	c->domid = (unsigned)xenhost_below(2) * 5;
	xenhost.eagain = (unsigned)xenhost_below(3);
	xenhost.eacces = (unsigned)xenhost_below(3);
	xenhost.spurious = (unsigned)xenhost_below(500);
	xenhost.memory = (size_t[]){ 3u << 20, 32u << 20 }[xenhost_below(2)];
	snprintf(line, sizeof(line), "pith.queues=%u", (unsigned)xenhost_below(6));
	xenhost.cmdline = line;
}

static void open_disk(void)
{
	struct xenhost_disk *c = &xenhost_disk[0];

	must(blk_open(0, &info) == 0);
	must(info.sectors == c->sectors / (c->sector_size / 512) && info.sector_size == c->sector_size);
	must(info.read_only == c->read_only && info.can_flush == (c->flush || c->barrier) && !info.broken);
	must(info.max_sectors * info.sector_size >= 8192 && (info.max_discard > 0) == c->discard);
	must(blk_open(0, &info) == -ERR_BUSY && blk_open(1, &info) == -ERR_NODEV);
	if (xenhost_below(4))
		plat_seal();
	model = malloc(c->sectors * 512);
	for (size_t i = 0; i < c->sectors * 512; i++)
		c->data[i] = model[i] = (uint8_t)(i * 7 + i / 512);
}

static uint8_t *at(const struct blk_req *r)
{
	return model + r->sector * info.sector_size;
}

static size_t bytes(const struct blk_req *r)
{
	return (size_t)r->sectors * info.sector_size;
}

static void random_request(struct flight *f)
{
	uint64_t per_part = info.sectors / AREA;
	uint32_t most = info.max_sectors < per_part ? info.max_sectors : (uint32_t)per_part;

	f->req = (struct blk_req){ .op = (enum blk_op[]){ BLK_READ, BLK_READ, BLK_WRITE, BLK_WRITE, BLK_FLUSH, BLK_DISCARD }[xenhost_below(6)], .token = f };
	if (info.read_only && (f->req.op == BLK_WRITE || f->req.op == BLK_DISCARD))
		f->req.op = BLK_READ;
	if (f->req.op == BLK_FLUSH)
		return;
	f->req.sectors = 1 + (uint32_t)xenhost_below(xenhost_below(3) ? most : 8 < most ? 8 : most);
	f->req.sector = f->part * per_part + xenhost_below(per_part - f->req.sectors + 1);
	if (f->req.op == BLK_DISCARD)
		return;
	/* Any multiple of 512: sanitizers watch both ends. */
	f->buf = aligned_alloc(512, bytes(&f->req));
	f->req.data = f->buf;
	for (size_t i = 0; i < bytes(&f->req); i++)
		f->buf[i] = (uint8_t)xenhost_random();
}

static bool submit_one(void)
{
	struct flight *f = &flight[xenhost_below(DEPTH)];
	unsigned part = (unsigned)xenhost_below(AREA);
	int rc;

	if (f->busy || part_busy[part])
		return false;
	f->part = part;
	f->buf = NULL;
	random_request(f);
	blk_info(0, &info);
	rc = blk_submit(0, &f->req);
	if (rc < 0) {
		must(rc == -ERR_AGAIN || (rc == -ERR_NOTSUP && (f->req.op == BLK_FLUSH ? !info.can_flush : info.max_discard == 0)));
		free(f->buf);
		return false;
	}
	f->busy = part_busy[part] = true;
	submitted++;
	return true;
}

static void landed(struct flight *f)
{
	const struct blk_req *r = &f->req;

	must(f->busy);
	f->busy = part_busy[f->part] = false;
	reaped++;
	if (r->status < 0) {
		errors++;
		must(allow_errors || (r->status == -ERR_NOTSUP && (r->op == BLK_FLUSH || r->op == BLK_DISCARD)));
		if (r->op == BLK_WRITE || r->op == BLK_DISCARD) /* done or not: whatever is there now */
			memcpy(at(r), xenhost_disk[0].data + r->sector * info.sector_size, bytes(r));
	} else if (r->op == BLK_READ) {
		must(memcmp(f->buf, at(r), bytes(r)) == 0);
	} else if (r->op == BLK_WRITE) {
		memcpy(at(r), f->buf, bytes(r));
		must(memcmp(xenhost_disk[0].data + r->sector * info.sector_size, f->buf, bytes(r)) == 0);
	} else if (r->op == BLK_DISCARD) {
		memset(at(r), 0, bytes(r));
	}
	free(f->buf);
}

static unsigned reap(void)
{
	struct blk_req *v[5];
	unsigned n = blk_reap(0, v, 1 + (unsigned)xenhost_below(5));

	for (unsigned i = 0; i < n; i++)
		landed(v[i]->token);
	return n;
}

static void turn(unsigned most)
{
	unsigned did = 0;

	for (unsigned i = (unsigned)xenhost_below(10); i > 0 && submitted < most; i--)
		did += submit_one();
	blk_kick(0);
	did += reap();
	if (did == 0 && !blk_arm(0))
		plat_wait(submitted == reaped ? plat_now() + 1000000 : PLAT_FOREVER);
}

static void compare(void)
{
	must(memcmp(model, xenhost_disk[0].data, xenhost_disk[0].sectors * 512) == 0);
	must(xenhost.refused_grants == 0 && xenhost_open_transactions() == 0);
}

static void traffic(void)
{
	struct blk_stats stats;

	draw_features();
	boot();
	open_disk();
	while (submitted < REQUESTS)
		turn(REQUESTS);
	while (reaped < submitted)
		turn(0);
	compare();
	blk_stats(0, &stats);
	must(stats.reads + stats.writes + stats.flushes + stats.discards + stats.errors == REQUESTS && stats.errors == errors);
}

static void failing(void)
{
	allow_errors = true;
	draw_features();
	xenhost_disk[0].fail = 2000;
	boot();
	open_disk();
	while (submitted < REQUESTS)
		turn(REQUESTS);
	while (reaped < submitted)
		turn(0);
	must(errors > REQUESTS / 10);
	compare();
}

/* The backend goes with requests in flight and comes back: each is done, none is lost. */
static void reconnect(void)
{
	draw_features();
	boot();
	open_disk();
	for (int round = 0; round < 4; round++) {
		while (submitted < 100u * (unsigned)(round + 1))
			turn(REQUESTS);
		xenhost_blk_stop(0);
		for (int i = 0; i < 20; i++) {
			submit_one();
			reap();
			if (!blk_arm(0))
				plat_wait(plat_now() + 1000000);
		}
		must(xenhost_mapped() == 0);
		xenhost_blk_start(0);
	}
	while (reaped < submitted)
		turn(0);
	compare();
	blk_info(0, &info);
	must(!info.broken && xenhost_ports_used() <= 2 + 4);
}

/* A backend that comes back and takes its time is not given up; requests wait. */
static void slow_return(void)
{
	boot();
	open_disk();
	while (submitted < 20)
		turn(20);
	xenhost_blk_stop(0);
	xenhost_disk[0].stay = true;
	xenhost_blk_start(0);
	for (int i = 0; i < 200; i++) {
		reap();
		plat_wait(plat_now() + 100000000);
	}
	blk_info(0, &info);
	must(!info.broken);
	xenhost_disk[0].stay = false;
	while (reaped < submitted)
		turn(0);
	compare();
}

static void resize(void)
{
	boot();
	open_disk();
	xenhost_blk_resize(0, 4096);
	while (info.sectors != 4096) {
		reap();
		blk_info(0, &info);
		if (!blk_arm(0))
			plat_wait(plat_now() + 10000000);
	}
	must(strstr(xenhost_console(), "resized, 4096 sectors") == NULL); /* a line of information: not at this level */
}

static void wrong_requests(void)
{
	static _Alignas(512) uint8_t buf[512 * 4];
	struct blk_req r = { .op = BLK_READ, .sectors = 1, .data = buf };

	boot();
	open_disk();
	r.sector = info.sectors;
	must(blk_submit(0, &r) == -ERR_INVAL);
	r.sector = UINT64_MAX;
	must(blk_submit(0, &r) == -ERR_INVAL);
	r.sector = 0;
	r.sectors = info.max_sectors + 1;
	must(blk_submit(0, &r) == -ERR_INVAL);
	r.sectors = 0;
	must(blk_submit(0, &r) == -ERR_INVAL);
	r.sectors = 1;
	r.data = buf + 1;
	must(blk_submit(0, &r) == -ERR_INVAL);
	r.data = NULL;
	must(blk_submit(0, &r) == -ERR_INVAL);
	r.op = (enum blk_op)9;
	must(blk_submit(0, &r) == -ERR_INVAL);
	r.op = BLK_DISCARD;
	r.sectors = info.max_discard + 1;
	must(blk_submit(0, &r) == -ERR_INVAL);
}

static void read_only(void)
{
	static _Alignas(512) uint8_t buf[512];
	struct blk_req r = { .op = BLK_WRITE, .sectors = 1, .data = buf };

	xenhost_disk[0].read_only = true;
	boot();
	open_disk();
	must(blk_submit(0, &r) == -ERR_ROFS);
	r.op = BLK_DISCARD;
	must(blk_submit(0, &r) == -ERR_ROFS);
}

static unsigned long fail_at;

static void no_memory(void)
{
	size_t before;
	int rc;

	xenhost_disk[0].queues = 2;
	xenhost.cmdline = "pith.queues=2";
	boot();
	before = page_unused();
	fault_set(fail_at);
	rc = blk_open(0, &info);
	if (fault_count() < fail_at)
		plat_exit(PLAT_REBOOT, 0); /* it needs fewer */
	fault_set(0);
	if (rc == 0)
		return;
	must(rc == -ERR_NOMEM && page_unused() == before && gnttab_used() == 0);
	must(xenhost_ports_used() == 2 && xenhost_watches() == 5 && xenhost_mapped() == 0);
	must(blk_open(0, &info) == 0);
}

static bool no_memory_all(void)
{
	for (fail_at = 1; fail_at < 100; fail_at++)
		if (!child_ends(no_memory, 0))
			break;
	return fail_at > 5 && child_ends(no_memory, XENHOST_REBOOT);
}

static void stuck(unsigned state)
{
	xenhost_disk[0].state = state;
	xenhost_disk[0].stay = true;
	boot();
	must(blk_open(0, &info) < 0 && gnttab_used() == 0 && xenhost_ports_used() == 2);
}

static void stuck_1(void) { stuck(1); }
static void stuck_2(void) { stuck(2); }
static void stuck_6(void) { stuck(6); }

static void bad_size(void)
{
	xenhost_disk[0].sector_size = 768;
	boot();
	must(blk_open(0, &info) == -ERR_PROTO && gnttab_used() == 0);
}

static void bad_size_large(void)
{
	xenhost_disk[0].sector_size = 8192;
	boot();
	must(blk_open(0, &info) == -ERR_PROTO && gnttab_used() == 0);
}

/* A key with a value that makes no sense. Those of the disk are read when the backend is Connected, the others before. */
static const char *bad_name, *bad_value;

static void bad_key(void)
{
	static const char back[] = "/local/domain/0/backend/vbd/1/51712";

	xenhost_disk[0].indirect = 0; /* then it says nothing of that by itself */
	xenhost_disk[0].discard = false;
	boot();
	xenhost_run(10);
	xenhost_set("%s/%s=%s", back, bad_name, bad_value);
	must(blk_open(0, &info) == -ERR_PROTO && gnttab_used() == 0 && xenhost_ports_used() == 2);
	must(strstr(xenhost_console(), bad_name) && strstr(xenhost_console(), "is no number up to"));
}

static bool bad_keys(void)
{
	static const char *const names[] = { "max-ring-page-order", "multi-queue-max-queues", "feature-discard", "feature-max-indirect-segments" };
	static const char *const values[] = { "-1", "1K", "", "18446744073709551616", "0x10", "4294967296" };
	bool good = true;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		for (size_t k = 0; k < sizeof(values) / sizeof(values[0]); k++) {
			bad_name = names[i];
			bad_value = values[k];
			good &= child_ends(bad_key, 0);
		}
	return good;
}

/* A size that would wrap sums of ours, and one of nothing. */
static void large_disk(void)
{
	boot();
	open_disk();
	xenhost_set("/local/domain/0/backend/vbd/1/51712/sectors=18446744073709551615");
	xenhost_set("/local/domain/0/backend/vbd/1/51712/state=4");
	for (int i = 0; i < 20; i++) {
		reap();
		plat_wait(plat_now() + 1000000);
	}
	blk_info(0, &info);
	must(info.sectors == 2048 && strstr(xenhost_console(), "sectors is no number up to"));
	while (submitted < 20 || reaped < submitted)
		turn(20);
	compare();
}

static void lie(enum xenhost_lie what, bool breaks)
{
	allow_errors = true;
	boot();
	open_disk();
	while (submitted < 100)
		turn(100);
	while (reaped < submitted)
		turn(0);
	xenhost.lie = what;
	for (int i = 0; i < 400 && !info.broken; i++) {
		submit_one();
		blk_kick(0);
		reap();
		if (!blk_arm(0))
			plat_wait(plat_now() + 1000000);
		blk_info(0, &info);
	}
	must(xenhost.lie == LIE_NONE && info.broken == breaks);
	must(!breaks || strstr(xenhost_console(), "blk0: broken: dom0: ") != NULL);
	for (int i = 0; breaks && i < 20; i++)
		submit_one(); /* taken, and given back with an error */
	for (int i = 0; i < 1000 && reaped < submitted; i++) {
		reap();
		blk_kick(0);
		plat_wait(plat_now() + 1000000);
	}
	must(reaped == submitted && suspend_busy == 0 && (!breaks || (errors > 0 && !blk_arm(0))));
}

#define LIE(name, breaks) static void lie_##name(void) { lie(LIE_##name, breaks); }
LIE(BLK_PROD, true) LIE(BLK_BACK, true) LIE(BLK_ID, true) LIE(BLK_TWICE, true) LIE(BLK_OP, true) LIE(BLK_STATUS, false)

static void seeds(void (*fn)(void), unsigned n, const char *name)
{
	ok(xenhost_seeds(fn, n) == n, "%s, %u seeds", name, n);
}

int main(void)
{
	seeds(traffic, SEEDS, "requests against a model, every feature there and not, counters past 2^32, no double fetch (XSA-155)");
	seeds(failing, 15, "requests that fail");
	seeds(reconnect, 30, "the backend goes and comes with requests in flight, after the seal");
	ok(child_ends(slow_return, 0), "the backend comes back late: requests wait for it");
	ok(child_ends(resize, 0), "the disk grows");
	ok(child_ends(wrong_requests, 0), "requests that cannot be");
	ok(child_ends(read_only, 0), "a read-only disk");
	ok(no_memory_all(), "no memory: the n-th allocation fails, for all n");
	ok(child_ends(stuck_1, 0), "handshake: backend stays Initialising");
	ok(child_ends(stuck_2, 0), "handshake: backend stays InitWait");
	ok(child_ends(stuck_6, 0), "handshake: backend stays Closed");
	ok(child_ends(bad_size, 0), "keys: a sector size that is no power of two");
	ok(child_ends(bad_size_large, 0), "keys: a sector size beyond a page");
	ok(bad_keys(), "keys: numbers that are none, or too large");
	ok(child_ends(large_disk, 0), "keys: a size that cannot be: named, the old one stays");
	seeds(lie_BLK_PROD, 5, "lies: producer far ahead");
	seeds(lie_BLK_BACK, 5, "lies: producer goes back");
	seeds(lie_BLK_ID, 5, "lies: id out of range (mini-os)");
	seeds(lie_BLK_TWICE, 5, "lies: id that is not out");
	seeds(lie_BLK_OP, 5, "lies: answer to another operation");
	seeds(lie_BLK_STATUS, 5, "errors: an unknown status is an error of the request");
	return tap_done();
}
