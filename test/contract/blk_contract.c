/* SPDX-License-Identifier: MIT */
/*
 * What core/blk.h promises, looked at on disk 0 of whatever platform this is linked with.
 *
 * The disk is a scratch disk: everything on it is lost. A disk that is read-only is only read. Sector s
 * of generation g holds a pattern of both, so what is read tells where it came from and when.
 */
#include <string.h>

#include "core/blk.h"
#include "core/err.h"
#include "test/contract/check.h"

#define REQUESTS 48u
#define PIECE 16384u              /* bytes of a request's buffer */
#define LIMIT (8u << 20)          /* bytes of the disk that are looked at */
#define PATIENCE (10000 * MS)

static struct blk_info info;
static uint32_t per_piece; /* sectors of a piece */
static uint64_t sectors;   /* that are looked at */

/* A request and its buffer. */
static struct job {
	struct blk_req req;
	bool out;
	uint8_t *buffer;
} job[REQUESTS];

static unsigned wrong_tokens, failures, back;

/* ---- Patterns ---- */

static uint64_t word(uint64_t sector, unsigned generation, unsigned at)
{
	uint64_t z = (sector + 1) * 0x9e3779b97f4a7c15u + (uint64_t)generation * 0xbf58476d1ce4e5b9u + at;

	return z ^ z >> 29;
}

static void fill(uint8_t *buffer, uint64_t sector, uint32_t n, unsigned generation)
{
	uint64_t *w = (uint64_t *)(void *)buffer;

	for (uint32_t s = 0; s < n; s++)
		for (unsigned at = 0; at < info.sector_size / 8; at++)
			*w++ = word(sector + s, generation, at);
}

/* How many sectors of the buffer are not as they should be. */
static unsigned differ(const uint8_t *buffer, uint64_t sector, uint32_t n, unsigned generation)
{
	const uint64_t *w = (const uint64_t *)(const void *)buffer;
	unsigned bad = 0;

	for (uint32_t s = 0; s < n; s++) {
		unsigned wrong = 0;

		for (unsigned at = 0; at < info.sector_size / 8; at++)
			wrong += *w++ != word(sector + s, generation, at);
		bad += wrong > 0;
	}
	return bad;
}

/* ---- Requests ---- */

/* Takes what is done; each must be one of ours that was out. */
static unsigned reap(void)
{
	struct blk_req *v[8];
	unsigned n = blk_reap(0, v, 8);

	for (unsigned i = 0; i < n; i++) {
		struct job *j = v[i]->token;

		back++;
		if (j < job || j >= job + REQUESTS || !j->out || v[i] != &j->req) {
			wrong_tokens++;
			continue;
		}
		j->out = false;
		failures += j->req.status != 0;
	}
	return n;
}

/* One turn as core/loop.c does it. */
static void turn(uint64_t deadline)
{
	unsigned did = reap();

	blk_kick(0);
	if (!did && !blk_arm(0))
		plat_wait(deadline);
}

static int submit(struct job *j, enum blk_op op, uint64_t sector, uint32_t n)
{
	int rc;

	j->req = (struct blk_req){ .op = op, .sector = sector, .sectors = n, .status = 12345, .token = j,
		.data = op == BLK_READ || op == BLK_WRITE ? j->buffer : NULL };
	rc = blk_submit(0, &j->req);
	j->out = rc == 0;
	return rc;
}

/* Until this one is back; NULL: until all are. False: it took too long. */
static bool finish(const struct job *j)
{
	uint64_t deadline = plat_now() + PATIENCE;

	for (unsigned i = 0; i < REQUESTS; i++)
		while ((j ? j == &job[i] : true) && job[i].out && plat_now() < deadline)
			turn(deadline);
	for (unsigned i = 0; i < REQUESTS; i++)
		if ((!j || j == &job[i]) && job[i].out)
			return false;
	return true;
}

/* One request from beginning to end. Returns what blk_submit() says, or the request's status. */
static int one(enum blk_op op, uint64_t sector, uint32_t n)
{
	int rc = submit(&job[0], op, sector, n);

	if (rc)
		return rc;
	return finish(&job[0]) ? job[0].req.status : -ERR_TIMEDOUT;
}

/* A job that is free; waits for one. NULL: too long. */
static struct job *free_job(void)
{
	uint64_t deadline = plat_now() + PATIENCE;

	while (plat_now() < deadline) {
		for (unsigned i = 0; i < REQUESTS; i++)
			if (!job[i].out)
				return &job[i];
		turn(deadline);
	}
	return NULL;
}

/* ---- Opening ---- */

static void test_open(void)
{
	struct blk_info again;
	int rc = blk_open(0, &info);

	if (rc) {
		check(false, "open: there is a disk 0 (%d)", rc);
		check_done();
	}
	check(blk_open(0, &again) == -ERR_BUSY, "open: only once");
	check(blk_open(63, &again) == -ERR_NODEV, "open: no disk 63");
	check(info.sector_size >= 512 && info.sector_size <= 4096 && !(info.sector_size & (info.sector_size - 1)), "info: sectors of %u bytes", info.sector_size);
	check(info.sectors > 0 && (uint64_t)info.max_sectors * info.sector_size >= 8192, "info: %llu sectors, %u in a request",
		(unsigned long long)info.sectors, info.max_sectors);
	check(!info.broken, "info: not broken");
	check_say("# %s, %s flush, discard %u sectors", info.read_only ? "read-only" : "writable", info.can_flush ? "can" : "cannot", info.max_discard);
	blk_info(0, &again);
	check(again.sectors == info.sectors && again.sector_size == info.sector_size && again.read_only == info.read_only, "info: the same when read again");
}

static void prepare(void)
{
	per_piece = PIECE / info.sector_size < info.max_sectors ? PIECE / info.sector_size : info.max_sectors;
	sectors = info.sectors < LIMIT / info.sector_size ? info.sectors : LIMIT / info.sector_size;
	for (unsigned i = 0; i < REQUESTS; i++)
		job[i].buffer = page_alloc(PIECE / PAGE_SIZE);
}

static void test_refused(void)
{
	struct job *j = &job[0];
	struct blk_req odd;

	check(one(BLK_READ, info.sectors, 1) == -ERR_INVAL && one(BLK_READ, info.sectors - 1, 2) == -ERR_INVAL &&
		one(BLK_READ, UINT64_MAX, 2) == -ERR_INVAL && one(BLK_READ, UINT64_MAX / info.sector_size, 1) == -ERR_INVAL,
		"submit: a range outside the disk is refused");
	if (info.sectors > info.max_sectors && info.max_sectors < UINT32_MAX)
		check(one(BLK_READ, 0, info.max_sectors + 1) == -ERR_INVAL, "submit: too many sectors are refused");
	else
		check_skip("submit: too many sectors are refused", "a request takes them all");
	odd = (struct blk_req){ .op = BLK_READ, .sectors = 1, .data = j->buffer + 8, .token = j };
	check(blk_submit(0, &odd) == -ERR_INVAL, "submit: a misaligned buffer is refused");
	if (info.read_only)
		check(one(BLK_WRITE, 0, 1) == -ERR_ROFS && one(BLK_DISCARD, 0, 1) != 0, "submit: writing to a read-only disk is refused");
	if (info.max_discard == 0)
		check(one(BLK_DISCARD, 0, 1) != 0, "submit: a discard that the disk lacks is refused");
	check(reap() == 0 && wrong_tokens == 0, "submit: what was refused does not come back");
}

/* ---- Data ---- */

/* The order in which pieces are visited: a step that has no divisor in common with their number. */
static uint64_t step(uint64_t pieces)
{
	uint64_t a = 1 + check_random() % pieces, b, x, y;

	for (;; a++) {
		for (x = a, y = pieces; y; x = y, y = b)
			b = x % y;
		if (x == 1)
			return a;
	}
}

/* Writes or reads the whole disk in pieces, in no order, many at a time. Returns how many sectors were not right. */
static uint64_t sweep(enum blk_op op, unsigned generation)
{
	uint64_t pieces = (sectors + per_piece - 1) / per_piece, stride = step(pieces), bad = 0, full = 0;

	for (uint64_t i = 0, at = 0; i < pieces; i++, at = (at + stride) % pieces) {
		uint64_t first = at * per_piece;
		uint32_t n = sectors - first < per_piece ? (uint32_t)(sectors - first) : per_piece;
		struct job *j = free_job();

		if (!j)
			return UINT64_MAX;
		if (op == BLK_READ && j->req.op == BLK_READ && j->req.status == 0 && j->req.sectors)
			bad += differ(j->buffer, j->req.sector, j->req.sectors, generation);
		if (op == BLK_WRITE)
			fill(j->buffer, first, n, generation);
		while (submit(j, op, first, n) == -ERR_AGAIN) {
			turn(plat_now() + PATIENCE);
			full++;
		}
		if (full > 10000000)
			return UINT64_MAX;
	}
	if (!finish(NULL))
		return UINT64_MAX;
	for (unsigned i = 0; i < REQUESTS; i++) {
		if (op == BLK_READ && job[i].req.op == BLK_READ && job[i].req.sectors)
			bad += differ(job[i].buffer, job[i].req.sector, job[i].req.sectors, generation);
		job[i].req.sectors = 0;
	}
	return bad;
}

static void test_data(void)
{
	uint64_t bad;

	for (unsigned generation = 1; generation <= 2; generation++) {
		failures = back = 0;
		bad = sweep(BLK_WRITE, generation);
		check(bad == 0 && failures == 0, "data: the disk is written, %u requests of %u sectors in no order", back, per_piece);
		if (info.can_flush)
			check(one(BLK_FLUSH, 0, 0) == 0, "data: and flushed");
		bad = sweep(BLK_READ, generation);
		check(bad == 0 && failures == 0, "data: and read: %llu sectors are wrong", (unsigned long long)bad);
		check(wrong_tokens == 0, "data: each request comes back once");
	}
}

/* Sizes from one sector to the most, at both ends and in the middle. */
static void test_sizes(void)
{
	unsigned bad = 0, rounds = 0;

	for (uint32_t n = 1; n <= per_piece; n += 1 + n / 3) {
		uint64_t at[3] = { 0, sectors / 2 + 1, sectors - n };

		for (int i = 0; i < 3; i++, rounds++) {
			fill(job[0].buffer, at[i], n, 3);
			bad += one(BLK_WRITE, at[i], n) != 0;
			memset(job[0].buffer, 0, PIECE);
			bad += one(BLK_READ, at[i], n) != 0 || differ(job[0].buffer, at[i], n, 3) != 0;
			bad += n < per_piece && job[0].buffer[(size_t)n * info.sector_size] != 0;
		}
	}
	check(bad == 0, "data: %u ranges of every size, no byte further", rounds);
}

/* The largest request that the disk says it takes. */
static void test_largest(void)
{
	uint64_t n = info.max_sectors < sectors ? info.max_sectors : sectors;
	size_t pages;
	uint8_t *small = job[0].buffer, *large = NULL;

	/* As far as memory goes. */
	for (; n > per_piece && !large; n /= 2) {
		pages = (size_t)(n * info.sector_size + PAGE_SIZE - 1) / PAGE_SIZE;
		large = pages < page_unused() / 2 ? page_alloc(pages) : NULL;
		if (large)
			break;
	}
	if (!large) {
		check_skip("data: one large request", "none is larger than the others");
		return;
	}
	job[0].buffer = large;
	fill(large, 0, (uint32_t)n, 4);
	check(info.read_only || one(BLK_WRITE, 0, (uint32_t)n) == 0, "data: one request of %llu sectors is written", (unsigned long long)n);
	memset(large, 0, (size_t)n * info.sector_size);
	check(one(BLK_READ, 0, (uint32_t)n) == 0 && (info.read_only || differ(large, 0, (uint32_t)n, 4) == 0), "data: and read");
	job[0].buffer = small;
	page_free(large, pages);
}

static void test_discard(void)
{
	uint32_t n = info.max_discard < per_piece - 2 ? info.max_discard : per_piece - 2;
	unsigned bad;

	if (n == 0) {
		check_skip("discard: takes a range", "the disk has none");
		return;
	}
	fill(job[0].buffer, 0, per_piece, 5);
	check(one(BLK_WRITE, 0, per_piece) == 0, "discard: written before");
	check(one(BLK_DISCARD, 1, n) == 0, "discard: takes a range");
	check(one(BLK_READ, 0, per_piece) == 0, "discard: what was discarded can be read");
	bad = differ(job[0].buffer, 0, 1, 5) + differ(job[0].buffer + (size_t)(per_piece - 1) * info.sector_size, per_piece - 1, 1, 5);
	check(bad == 0, "discard: and its neighbours are as they were");
	fill(job[0].buffer, 0, per_piece, 6);
	check(one(BLK_WRITE, 0, per_piece) == 0 && one(BLK_READ, 0, per_piece) == 0 && differ(job[0].buffer, 0, per_piece, 6) == 0, "discard: and can be written again");
}

/* ---- The ring ---- */

/* A sector's room of its own for each of the requests that are out. */
static uint8_t *room(unsigned i)
{
	return job[i % REQUESTS].buffer + i / REQUESTS % (PIECE / info.sector_size) * info.sector_size;
}

/* More reads than any ring takes, one doorbell for as many as go in. */
static void test_full(void)
{
	static struct blk_req req[2048];
	static uint8_t seen[2048];
	unsigned sent = 0, done = 0, twice = 0, bad = 0, full = 0;
	uint64_t deadline;

	while (sent < 2048 && full < 6) {
		req[sent] = (struct blk_req){ .op = BLK_READ, .sector = sent % sectors, .sectors = 1, .data = room(sent), .token = &seen[sent] };
		if (blk_submit(0, &req[sent]) == 0) {
			sent++;
			if (sent - done < REQUESTS * (PIECE / info.sector_size))
				continue;
		}
		full++;
		blk_kick(0);
		deadline = plat_now() + PATIENCE;
		while (done < sent && plat_now() < deadline) {
			struct blk_req *v[32];
			unsigned n = blk_reap(0, v, 32);

			for (unsigned i = 0; i < n; i++, done++) {
				uint8_t *token = v[i]->token;

				twice += ++*token > 1;
				bad += v[i]->status != 0 || v[i] != &req[token - seen];
			}
			if (n == 0 && !blk_arm(0))
				plat_wait(deadline);
		}
	}
	check(done == sent && sent > 0, "ring: %u requests, %u back, %u times full", sent, done, full);
	check(twice == 0 && bad == 0, "ring: each once, none failed");
}

/* Submits, wastes a random time, and sleeps as the loop does. A wake-up that is lost shows as a wait to the end. */
static void test_wake(void)
{
	unsigned lost = 0, sent = 0;
	uint64_t slowest = 0;

	for (; sent < 300 && lost < 2; sent++) {
		uint64_t from = plat_now(), took;

		if (submit(&job[0], BLK_READ, check_random() % sectors, 1) != 0)
			break;
		blk_kick(0);
		check_spin(check_random() % 200000);
		finish(&job[0]);
		took = plat_now() - from;
		lost += took >= PATIENCE;
		slowest = took > slowest ? took : slowest;
	}
	check(lost == 0 && sent == 300, "arm: none of %u wake-ups is lost, the slowest takes %llu us", sent, (unsigned long long)slowest / 1000);
}

static void test_arm(void)
{
	uint64_t deadline = plat_now() + PATIENCE;
	struct blk_stats before, after;

	submit(&job[0], BLK_READ, 0, 1);
	blk_kick(0);
	while (!blk_arm(0) && plat_now() < deadline)
		;
	check(reap() == 1, "arm: says true when there is work");
	blk_stats(0, &before);
	for (int i = 0; i < 10; i++)
		blk_kick(0);
	blk_stats(0, &after);
	check(after.kicks == before.kicks, "kick: with nothing new it rings no doorbell");
	check(after.reads > 0 && after.bytes_read >= after.reads * info.sector_size && after.kicks > 0 && after.errors == 0,
		"stats: %llu reads, %llu writes, %llu doorbells, %llu wakes", (unsigned long long)after.reads, (unsigned long long)after.writes,
		(unsigned long long)after.kicks, (unsigned long long)after.wakes);
}

_Noreturn void core_main(void)
{
	check_seed();
	test_open();
	prepare();
	plat_seal();
	test_refused();
	if (!info.read_only) {
		test_data();
		test_sizes();
		test_discard();
	}
	test_largest();
	test_full();
	test_wake();
	test_arm();
	check(wrong_tokens == 0, "nothing came back that was not out");
	check_done();
}
