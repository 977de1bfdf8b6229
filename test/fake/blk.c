/* SPDX-License-Identifier: MIT */
/*
 * The door's blk.h: up to four disks in memory, slow, out of order, with a cache that a power failure empties.
 *
 * From blk_submit() to blk_reap() a request and its data belong to the disk: under AddressSanitizer both
 * are poisoned, so whoever touches them is found at once; data to be written is also summed.
 */
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "core/plat.h"
#include "test/fake/fake.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#else
static void __asan_poison_memory_region(const volatile void *addr, size_t size)
{
	(void)addr, (void)size;
}
static void __asan_unpoison_memory_region(const volatile void *addr, size_t size)
{
	(void)addr, (void)size;
}
#endif

#define RING_MAX 1024

/* A request that the disk has. The copy is what counts: the caller's own is not to be touched. */
struct job {
	enum { EMPTY, QUEUED, BUSY, DONE } state;
	uint64_t when;
	uint64_t sum;
	struct blk_req copy, *req;
};

struct device {
	bool open, broken, armed;
	uint64_t interrupt;
	uint8_t *seen, *stable; /* what a reader sees, and what a power failure leaves */
	struct job job[RING_MAX];
	struct blk_stats stats;
};

struct fake_blk_config fake_blk[FAKE_BLKS];
static struct device device[FAKE_BLKS];

static size_t bytes_of(unsigned n, const struct blk_req *r)
{
	return r->op == BLK_READ || r->op == BLK_WRITE ? (size_t)r->sectors * fake_blk[n].sector_size : 0;
}

static size_t disk_bytes(unsigned n)
{
	return fake_blk[n].sectors * fake_blk[n].sector_size;
}

/* ---- Lending ---- */

static uint64_t sum_data(unsigned n, const struct job *j)
{
	const uint8_t *p = j->copy.data;
	uint64_t h = 0xcbf29ce484222325u;

	for (size_t i = 0; j->copy.op == BLK_WRITE && i < bytes_of(n, &j->copy); i++)
		h = (h ^ p[i]) * 0x100000001b3u;
	return h;
}

static void lend(unsigned n, struct job *j)
{
	/* Several writes may have the same data under way. */
	__asan_unpoison_memory_region(j->copy.data, bytes_of(n, &j->copy));
	j->sum = sum_data(n, j);
	__asan_poison_memory_region(j->copy.data, bytes_of(n, &j->copy));
	__asan_poison_memory_region(j->req, sizeof(*j->req));
}

static void unlend(unsigned n, struct job *j)
{
	__asan_unpoison_memory_region(j->req, sizeof(*j->req));
	__asan_unpoison_memory_region(j->copy.data, bytes_of(n, &j->copy));
	if (sum_data(n, j) != j->sum)
		fake_wrong("blk%u: the data of a write was changed before blk_reap()", n);
}

/* ---- The medium ---- */

static void do_discard(uint8_t *at, size_t len)
{
	/* The contents may be thrown away, or not: nobody may rely on either. */
	if (fake_chance(5000))
		memset(at, 0, len);
}

/* Reads or writes the medium; the data is open for the time of it. */
static void transfer(unsigned n, struct job *j, uint8_t *at, size_t len)
{
	uint8_t *data = j->copy.data;

	__asan_unpoison_memory_region(data, len);
	if (j->copy.op == BLK_READ)
		memcpy(data, at, len);
	else
		memcpy(at, data, len);
	if (j->copy.op == BLK_WRITE && fake_blk[n].no_flush)
		memcpy(device[n].stable + (at - device[n].seen), data, len);
	__asan_poison_memory_region(data, len);
}

static void carry_out(unsigned n, struct job *j)
{
	struct device *d = &device[n];
	uint8_t *at = d->seen + j->copy.sector * fake_blk[n].sector_size;

	switch (j->copy.op) {
	case BLK_READ:
	case BLK_WRITE:
		transfer(n, j, at, bytes_of(n, &j->copy));
		break;
	case BLK_FLUSH:
		memcpy(d->stable, d->seen, disk_bytes(n));
		break;
	case BLK_DISCARD:
		do_discard(at, (size_t)j->copy.sectors * fake_blk[n].sector_size);
		break;
	}
}

static void count(struct device *d, const struct blk_req *r, size_t bytes)
{
	d->stats.reads += r->op == BLK_READ;
	d->stats.writes += r->op == BLK_WRITE;
	d->stats.flushes += r->op == BLK_FLUSH;
	d->stats.discards += r->op == BLK_DISCARD;
	d->stats.errors += r->status != 0;
	d->stats.bytes_read += r->op == BLK_READ ? bytes : 0;
	d->stats.bytes_written += r->op == BLK_WRITE ? bytes : 0;
}

static void finish(unsigned n, struct job *j)
{
	struct device *d = &device[n];

	j->copy.status = 0;
	if (d->broken || fake_chance(fake_blk[n].fail))
		j->copy.status = -ERR_IO;
	else
		carry_out(n, j);
	count(d, &j->copy, bytes_of(n, &j->copy));
	j->state = DONE;
}

/* ---- Time ---- */

/* The request in this state whose time comes first. */
static struct job *first_in(unsigned n, unsigned state)
{
	struct job *first = NULL;

	for (unsigned i = 0; i < fake_blk[n].ring; i++) {
		struct job *j = &device[n].job[i];

		if (j->state == state && (!first || j->when < first->when))
			first = j;
	}
	return first;
}

/* Lets happen what is due; a broken disk gives everything back at once. */
static void run(unsigned n)
{
	struct job *j;

	while (device[n].broken && (j = first_in(n, QUEUED)))
		finish(n, j);
	while ((j = first_in(n, BUSY)) && (device[n].broken || j->when <= fake_now()))
		finish(n, j);
}

static void set_interrupt(unsigned n)
{
	struct device *d = &device[n];
	struct job *next = first_in(n, BUSY);

	if (!d->armed)
		return;
	if (d->interrupt <= fake_now()) { /* it was raised, once */
		d->armed = false;
		d->stats.wakes++;
		fake_interrupt(FAKE_BLK0 + n, PLAT_FOREVER);
		return;
	}
	d->interrupt = next ? next->when : PLAT_FOREVER;
	fake_interrupt(FAKE_BLK0 + n, d->interrupt);
}

/* ---- The door ---- */

static void settle(struct fake_blk_config *c)
{
	c->sector_size = c->sector_size ? c->sector_size : 512;
	c->sectors = c->sectors ? c->sectors : (8u << 20) / c->sector_size;
	c->max_sectors = c->max_sectors ? c->max_sectors : 256;
	c->max_discard = c->max_discard ? c->max_discard : 1024;
	c->ring = c->ring ? c->ring : 64;
	c->ring = c->ring < RING_MAX ? c->ring : RING_MAX;
	c->time = c->time ? c->time : 50000;
	c->jitter = c->jitter ? c->jitter : 50000;
}

int blk_open(unsigned n, struct blk_info *info)
{
	struct device *d;

	if (n >= FAKE_BLKS || fake_blk[n].absent)
		return -ERR_NODEV;
	d = &device[n];
	if (fake_blk[n].open_error)
		return fake_blk[n].open_error;
	if (d->open)
		return -ERR_BUSY;
	settle(&fake_blk[n]);
	d->open = true;
	if (!d->seen) {
		d->seen = calloc(1, disk_bytes(n));
		d->stable = calloc(1, disk_bytes(n));
	}
	blk_info(n, info);
	return 0;
}

static struct device *opened(unsigned n, const char *who)
{
	if (n >= FAKE_BLKS || !device[n].open)
		fake_wrong("%s(%u): not open", who, n);
	run(n);
	return &device[n];
}

void blk_info(unsigned n, struct blk_info *info)
{
	struct device *d = opened(n, "blk_info");
	struct fake_blk_config *c = &fake_blk[n];

	*info = (struct blk_info){ .sectors = c->sectors, .sector_size = c->sector_size, .max_sectors = c->max_sectors,
		.max_discard = c->max_discard == UINT32_MAX ? 0 : c->max_discard, .read_only = c->read_only,
		.can_flush = !c->no_flush, .broken = d->broken, .gone = c->gone, .life = c->life };
	if (c->blank)
		*info = (struct blk_info){ .sectors = 0 };
}

void blk_stats(unsigned n, struct blk_stats *stats)
{
	*stats = opened(n, "blk_stats")->stats;
}

/* What blk.h has blk_submit() answer at once; 0: it is taken. */
static int judge(unsigned n, const struct blk_req *r)
{
	const struct fake_blk_config *c = &fake_blk[n];
	uint32_t most = r->op == BLK_DISCARD ? c->max_discard : c->max_sectors;

	if (r->op == BLK_FLUSH)
		return r->sectors || r->data ? -ERR_INVAL : c->no_flush ? -ERR_NOTSUP : 0;
	if (r->op != BLK_READ && r->op != BLK_WRITE && r->op != BLK_DISCARD)
		return -ERR_INVAL;
	if (r->op != BLK_READ && c->read_only)
		return -ERR_ROFS;
	if (r->op == BLK_DISCARD && c->max_discard == UINT32_MAX)
		return -ERR_NOTSUP;
	if (r->sectors == 0 || r->sectors > most || r->sector > c->sectors || r->sectors > c->sectors - r->sector)
		return -ERR_INVAL;
	if (r->op != BLK_DISCARD && (!r->data || (uintptr_t)r->data % BLK_ALIGN))
		return -ERR_INVAL;
	return 0;
}

int blk_submit(unsigned n, struct blk_req *req)
{
	struct device *d = opened(n, "blk_submit");
	int rc = judge(n, req);

	if (rc)
		return rc;
	if (fake_blk[n].gone)
		return -ERR_NODEV;
	for (unsigned i = 0; i < fake_blk[n].ring && !fake_blk[n].full; i++) {
		struct job *j = &d->job[i];

		if (j->state != EMPTY)
			continue;
		*j = (struct job){ .state = QUEUED, .copy = *req, .req = req };
		lend(n, j);
		return 0;
	}
	return -ERR_AGAIN;
}

void blk_kick(unsigned n)
{
	struct device *d = opened(n, "blk_kick");
	bool any = false;

	for (unsigned i = 0; i < fake_blk[n].ring; i++) {
		struct job *j = &d->job[i];

		if (j->state != QUEUED)
			continue;
		j->state = BUSY;
		j->when = fake_now() + fake_blk[n].time + fake_below(fake_blk[n].jitter + 1);
		any = true;
	}
	d->stats.kicks += any;
	set_interrupt(n);
}

unsigned blk_reap(unsigned n, struct blk_req **v, unsigned max)
{
	unsigned got = 0;
	struct job *j;

	opened(n, "blk_reap");
	while (got < max && (j = first_in(n, DONE)) != NULL) {
		unlend(n, j);
		j->req->status = j->copy.status;
		v[got++] = j->req;
		j->state = EMPTY;
	}
	set_interrupt(n);
	return got;
}

bool blk_arm(unsigned n)
{
	struct device *d = opened(n, "blk_arm");

	if (first_in(n, DONE))
		return true;
	d->armed = true;
	d->interrupt = PLAT_FOREVER;
	set_interrupt(n);
	return false;
}

/* ---- For tests ---- */

uint8_t *fake_blk_data(unsigned n)
{
	return device[n].seen;
}

void fake_blk_break(unsigned n)
{
	opened(n, "fake_blk_break")->broken = true;
	if (device[n].armed)
		fake_interrupt(FAKE_BLK0 + n, fake_now());
}

static void forget_jobs(unsigned n)
{
	for (unsigned i = 0; i < RING_MAX; i++) {
		struct job *j = &device[n].job[i];

		if (j->state == EMPTY)
			continue;
		__asan_unpoison_memory_region(j->req, sizeof(*j->req));
		__asan_unpoison_memory_region(j->copy.data, bytes_of(n, &j->copy));
		j->state = EMPTY;
	}
}

void fake_blk_crash(unsigned n)
{
	struct device *d = &device[n];
	size_t size = fake_blk[n].sector_size;
	struct job *j;

	while ((j = first_in(n, BUSY)) != NULL) {
		if (fake_chance(5000))
			finish(n, j);
		else
			j->state = DONE;
	}
	for (uint64_t s = 0; s < fake_blk[n].sectors; s++)
		if (fake_chance(5000))
			memcpy(d->stable + s * size, d->seen + s * size, size);
	memcpy(d->seen, d->stable, disk_bytes(n));
	forget_jobs(n);
	d->open = d->broken = d->armed = false;
	fake_interrupt(FAKE_BLK0 + n, PLAT_FOREVER);
}

void fake_blk_reset(unsigned n)
{
	struct device *d = &device[n];

	if (d->open)
		forget_jobs(n);
	free(d->seen);
	free(d->stable);
	*d = (struct device){ 0 };
	fake_blk[n] = (struct fake_blk_config){ 0 };
	fake_interrupt(FAKE_BLK0 + n, PLAT_FOREVER);
}
