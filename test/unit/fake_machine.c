/* SPDX-License-Identifier: MIT */
/*
 * Tests of the fake machine itself: that its faults happen, in the measure asked for and again with the same
 * seed, and that it finds the mistakes that it is there to find.
 */
#include <stdlib.h>
#include <string.h>

#include "core/core.h"
#include "core/err.h"
#include "test/fake/boot.h"
#include "test/fake/fake.h"
#include "test/tap.h"

#define FRAMES 4000u
#define LEN 200u

static uint8_t *arena;
static char said[4000];
static unsigned seen[FRAMES], damaged, disorder, last;

/* ---- The wire ---- */

static void open_nic(void)
{
	struct nic_info info;

	if (nic_open(0, &info) || nic_share(0, arena, 64 * PAGE_SIZE))
		tap_bail("the fake interface does not open");
}

/* An Ethernet frame with an IPv4 header and a UDP datagram that carries its number. */
static void make_frame(uint8_t *f, unsigned number)
{
	static const uint8_t head[42] = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0, 0, LEN - 14, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1,
		10, 0, 0, 2, 0x1e, 0x61, 0x1e, 0x61, 0, LEN - 34, 0, 0 };

	memset(f, 0, LEN);
	memcpy(f, head, sizeof(head));
	memcpy(f + 42, &number, sizeof(number));
}

static void drop(void *ctx, const uint8_t *piece, size_t len)
{
	memcpy(ctx, piece, len);
}

/* Fills in both checksums, by way of what the fake does for a device. */
static void finish_frame(uint8_t *f)
{
	struct nic_offload ip = { .flags = NIC_CSUM_PARTIAL, .csum_start = 14, .csum_offset = 10 };
	struct nic_offload udp = { .flags = NIC_CSUM_PARTIAL, .csum_start = 34, .csum_offset = 6 };
	uint8_t done[LEN];
	unsigned sum = 17 + LEN - 34;

	for (int i = 26; i < 34; i += 2)
		sum += (unsigned)f[i] << 8 | f[i + 1];
	f[40] = (uint8_t)(sum >> 8);
	f[41] = (uint8_t)sum;
	fake_offload_apply(f, LEN, &udp, drop, done);
	memcpy(f, done, LEN);
	memset(done, 0, 20); /* the header alone: its sum does not go beyond */
	memcpy(done, f, 34);
	fake_offload_apply(done, 34, &ip, drop, f);
}

static unsigned receive(void)
{
	struct nic_buf v[64];
	unsigned n = nic_rx(0, v, 64), number;

	for (unsigned i = 0; i < n; i++) {
		memcpy(&number, v[i].data + 42, sizeof(number));
		if (!fake_offload_right(v[i].data, v[i].len) || number >= FRAMES) {
			damaged++;
		} else {
			disorder += number < last;
			last = number;
			seen[number]++;
		}
		nic_rx_done(0, v[i].id);
	}
	return n;
}

/* Sends all frames to the echo and takes what comes back. Returns a sum of what was seen. */
static uint64_t exchange(void)
{
	uint64_t sum = 0;
	void *token[16];

	memset(seen, 0, sizeof(seen));
	damaged = disorder = last = 0;
	for (unsigned i = 0; i < FRAMES || fake_nic_pending(0) > 0; i++) {
		struct nic_frag frag = { arena + i % 64 * 1024, LEN };

		if (i < FRAMES) {
			make_frame(arena + i % 64 * 1024, i);
			finish_frame(arena + i % 64 * 1024);
			nic_tx(0, &frag, 1, NULL, &seen[i]);
		}
		nic_kick(0);
		fake_advance(10000);
		receive();
		nic_tx_done(0, token, 16);
	}
	for (unsigned i = 0; i < FRAMES; i++)
		sum = sum * 31 + seen[i];
	return sum;
}

static unsigned count_seen(unsigned times)
{
	unsigned n = 0;

	for (unsigned i = 0; i < FRAMES; i++)
		n += seen[i] == times;
	return n;
}

static void test_wire(void)
{
	open_nic();
	exchange();
	ok(count_seen(1) == FRAMES && damaged == 0 && disorder == 0, "a good wire brings each frame once, whole and in order");
	fake_nic[0].lose = 1000; /* each way */
	exchange();
	ok(count_seen(0) > FRAMES * 15 / 100 && count_seen(0) < FRAMES * 23 / 100 && count_seen(2) == 0, "10 %% lost each way: %u of %u", count_seen(0), FRAMES);
	fake_nic[0].lose = 0;
	fake_nic[0].duplicate = 1000;
	exchange();
	ok(count_seen(0) == 0 && count_seen(2) > FRAMES * 15 / 100, "10 %% doubled each way: %u", count_seen(2));
	fake_nic[0].duplicate = 0;
	fake_nic[0].corrupt = 1000;
	exchange();
	ok(damaged > FRAMES / 10 && count_seen(1) > FRAMES * 7 / 10, "10 %% damaged each way: %u, and the sums show it", damaged);
	fake_nic[0].corrupt = 0;
	fake_nic[0].jitter = 100000;
	exchange();
	ok(count_seen(1) == FRAMES && disorder > 100, "jitter brings them out of order: %u times", disorder);
	fake_nic[0].jitter = 0;
	fake_nic[0].down = true;
	exchange();
	is(count_seen(0), FRAMES, "without a carrier nothing passes");
	fake_nic[0].down = false;
	fake_nic_break(0);
	exchange();
	is(count_seen(0), FRAMES, "a broken device sends nothing, but gives every token back");
}

static uint64_t one_run(uint64_t seed)
{
	uint64_t sum;

	fake_nic_reset(0);
	fake_seed(seed);
	open_nic();
	fake_nic[0].lose = fake_nic[0].duplicate = fake_nic[0].corrupt = 500;
	fake_nic[0].jitter = 50000;
	sum = exchange();
	return sum;
}

static void test_seed(void)
{
	uint64_t a = one_run(7), b = one_run(7), c = one_run(8);

	ok(a == b && a != c, "the same seed gives the same run, another one another");
	fake_nic_reset(0);
}

/* ---- What it finds: each runs in a process of its own ---- */

static struct nic_frag good;

static void start_nic(void)
{
	open_nic();
	good = (struct nic_frag){ arena, LEN };
	make_frame(arena, 1);
}

static void tx_unshared(void)
{
	struct nic_info info;

	nic_open(1, &info);
	nic_tx(1, &good, 1, NULL, said);
}

static void tx_no_token(void)
{
	start_nic();
	nic_tx(0, &good, 1, NULL, NULL);
}

static void tx_outside(void)
{
	struct nic_frag bad = { arena + 64 * PAGE_SIZE - 100, LEN };

	start_nic();
	nic_tx(0, &bad, 1, NULL, said);
}

static void tx_changed(void)
{
	void *token[1];

	start_nic();
	nic_tx(0, &good, 1, NULL, said);
	nic_kick(0);
	arena[100]++;
	fake_advance(1000000);
	nic_tx_done(0, token, 1);
}

static void rx_twice(void)
{
	struct nic_buf v[64];

	start_nic();
	fake_nic_deliver(0, arena, LEN, NULL);
	fake_advance(1000000);
	nic_rx(0, v, 64);
	nic_rx_done(0, v[0].id);
	nic_rx_done(0, v[0].id);
}

static void rx_small(void)
{
	struct nic_buf v[8];

	start_nic();
	nic_rx(0, v, 8);
}

static void not_open(void)
{
	nic_kick(2);
}

static bool no_poll(void)
{
	return false;
}

/* Sleeps for a frame that never left, since nobody rang. */
static void no_kick(void)
{
	static struct poller p = { .poll = no_poll, .arm = no_poll };

	start_nic();
	loop_add(&p);
	nic_tx(0, &good, 1, NULL, said);
	nic_arm(0);
	thread_block(PLAT_FOREVER);
}

static struct blk_req req;

static void start_blk(void)
{
	struct blk_info info;

	blk_open(0, &info);
	req = (struct blk_req){ .op = BLK_WRITE, .sectors = 1, .data = arena };
	blk_submit(0, &req);
	blk_kick(0);
}

static void blk_touch_data(void)
{
	struct blk_req *v[1];

	start_blk();
	arena[5]++; /* the sanitizer sees it here, */
	fake_advance(1000000);
	blk_reap(0, v, 1); /* and the disk here where there is none */
}

static void test_rules(void)
{
	static const struct {
		void (*fn)(void);
		const char *name;
	} v[] = {
		{ tx_unshared, "sending before nic_share()" }, { tx_no_token, "sending without a token" },
		{ tx_outside, "sending what is outside the arena" }, { tx_changed, "changing a frame under way" },
		{ rx_twice, "giving a buffer back twice" }, { rx_small, "receiving into too small an array" },
		{ not_open, "using what is not open" }, { no_kick, "waiting without having rung" }, { blk_touch_data, "touching data under way" },
	};

	for (unsigned i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		int status = fake_dies(v[i].fn, said, sizeof(said));

		ok(status != 0 && (strstr(said, "not ok - fake") || strstr(said, "AddressSanitizer")), "found: %s", v[i].name);
	}
}

/* ---- The disk ---- */

/* One request, however long it takes. */
static int blk_do(enum blk_op op, uint64_t sector, void *data)
{
	struct blk_req r = { .op = op, .sector = sector, .sectors = op == BLK_FLUSH ? 0 : 1, .data = data }, *v[1];
	int rc = blk_submit(0, &r);

	blk_kick(0);
	while (rc == 0 && blk_reap(0, v, 1) == 0)
		fake_advance(10000);
	return rc ? rc : r.status;
}

static void test_power(void)
{
	struct blk_info info;
	unsigned kept = 0, lost = 0;

	blk_open(0, &info);
	memset(arena, 1, 512);
	for (uint64_t s = 0; s < 100; s++)
		blk_do(BLK_WRITE, s, arena);
	blk_do(BLK_FLUSH, 0, NULL);
	memset(arena, 2, 512);
	for (uint64_t s = 50; s < 150; s++)
		blk_do(BLK_WRITE, s, arena);
	fake_blk_crash(0);
	ok(blk_open(0, &info) == 0, "a disk can be opened again after the power has failed");
	for (uint64_t s = 0; s < 50; s++)
		kept += fake_blk_data(0)[s * 512] == 1;
	for (uint64_t s = 50; s < 150; s++)
		lost += fake_blk_data(0)[s * 512] != 2;
	is(kept, 50, "what was flushed is there");
	ok(lost > 20 && lost < 80, "of what was not, some is: %u of 100 lost", lost);
}

static void test_failing_disk(void)
{
	unsigned failed = 0;

	fake_blk[0].fail = 2000;
	for (uint64_t s = 0; s < 500; s++)
		failed += blk_do(BLK_READ, s, arena) == -ERR_IO;
	ok(failed > 60 && failed < 140, "20 %% of the requests fail: %u of 500", failed);
	fake_blk[0].fail = 0;
	fake_blk_break(0);
	is(blk_do(BLK_READ, 0, arena), -ERR_IO, "a broken disk gives each back with an error");
	fake_blk_reset(0);
}

int main(void)
{
	fake.quiet = true;
	fake_boot();
	arena = page_alloc(64);
	test_wire();
	test_seed();
	test_rules();
	test_power();
	test_failing_disk();
	return tap_done();
}
