/* SPDX-License-Identifier: MIT */
/*
 * Long TCP segments (libc-glue/lwip/segs.c), seen from the wire by a sink that gives little windows, none at all, ACKs in the middle
 * of segments, repeated ACKs, and no ACKs.
 */
#include <string.h>

#include "libc-glue/fd.h"
#include "libc-glue/sock.h"
#include "test/fake/boot.h"
#include "test/fake/fake.h"
#include "test/fake/netglue.h"
#include "test/fake/netpeer.h"
#include "test/fake/netsink.h"
#include "test/tap.h"

#define MSS 1460u

/* What must hold after every test. */
static void check(const char *what)
{
	ok(netsink.wrong == 0, "%s: every byte is right", what);
	ok(netsink.beyond == 0, "%s: nothing goes beyond the window", what);
	ok(netpeer_wrong == 0, "%s: checksums and lengths are right", what);
	ok(netsink.longest <= netsink.mss, "%s: no piece of %u bytes is above the MSS", what, netsink.longest);
}

static void test_bulk(void)
{
	netsink_meet(&(struct netsink){ .window = 500000 });
	for (unsigned i = 0; i < 40; i++) {
		netsink_put(1 + fake_below(100000));
		netsink_wait(1);
	}
	netsink_wait(500);
	is(netsink.got, netsink_sent, "bulk: all arrives");
	check("bulk");
	ok(netpeer_cut > 0 && netsink.pieces > 10 * netpeer_frames, "bulk: %u frames became %u pieces", netpeer_frames, netsink.pieces);
	sock_shutdown(netsink_fd, SHUT_WR);
	netsink_wait(10);
	ok(netsink.fin, "bulk: FIN comes last");
	ok(netsink.pushes < netsink.pieces / 4, "bulk: PSH on %u of %u pieces", netsink.pushes, netsink.pieces);
	netsink_part();
}

/* Each ACK covers all that is out, as those of a host whose device joins packets: what is out doubles each time. */
static void test_slow_start(void)
{
	netsink_meet(&(struct netsink){ .window = 500000, .silent = true });
	netsink_put(400000);
	netsink_wait(1);
	for (unsigned i = 0; i < 6; i++) {
		netsink_ack();
		netsink_wait(1);
	}
	ok(netsink.got > 300000 && netsink.beyond == 0, "slow start: %u bytes in 6 round trips", (unsigned)netsink.got);
	netsink.silent = false;
	netsink_ack();
	netsink_wait(10);
	is(netsink.got, netsink_sent, "slow start: all arrives");
	netsink_part();
}

static void test_windows(void)
{
	static const uint32_t windows[] = { 100, 1000, 1459, 1460, 1461, 2920, 5000, 10000, 65535 };

	for (unsigned i = 0; i < 2 * sizeof windows / sizeof windows[0]; i++) {
		uint32_t window = windows[i / 2];
		char name[32];

		snprintf(name, sizeof name, "window %u%s", window, i & 1 ? " after 0" : "");
		netsink_meet(&(struct netsink){ .window = i & 1 ? 0 : window });
		netsink_put(1560); /* 100 of it, where nothing goes yet, in a segment that has room left */
		netsink.window = window;
		netsink_ack();
		netsink_wait(1);
		netsink_put(300);
		netsink_put(48140);
		netsink_wait(60000 / (window < 1460 ? 1 : 10));
		ok(netsink.got == netsink_sent || (window < 1460 && netsink.got > 1000), "%s: %u of %u arrive", name, netsink.got, netsink_sent);
		check(name);
		netsink_part();
	}
}

static void test_closed_window(void)
{
	uint32_t before;

	netsink_meet(&(struct netsink){ .window = 30000 });
	netsink.window = 0;
	netsink_put(200000);
	netsink_wait(2000);
	before = netsink.got;
	ok(before < netsink_sent, "closed: stops at %u", before);
	netsink_wait(20000);
	ok(netsink.got <= before + 20, "closed: probes alone, %u bytes", netsink.got - before);
	netsink.window = 40000;
	netsink_ack();
	netsink_wait(1000);
	is(netsink.got, netsink_sent, "closed: goes on when it opens");
	check("closed");
	netsink_part();
}

static void test_partial_acks(void)
{
	netsink_meet(&(struct netsink){ .window = 200000, .silent = true });
	netsink_put(100000);
	netsink_wait(5);
	for (unsigned i = 0; i < 200 && netsink.acked < netsink_sent; i++) {
		uint32_t to = netsink.acked + 1 + (uint32_t)fake_below(2000);

		netsink_answer(NETPEER_ACK, to < netsink.got ? to : netsink.got, NULL, 0);
		netsink_wait(1);
	}
	is(netsink.acked, netsink_sent, "partial ACKs: all is acknowledged");
	is(netsink.resent, 0, "partial ACKs: nothing is sent twice");
	check("partial ACKs");
	netsink_part();
}

/* Three repeated ACKs in the middle of a long segment: one packet is netsink_sent again, the one that is missing. */
static void test_fast_retransmit(void)
{
	uint32_t hole;

	netsink_meet(&(struct netsink){ .window = 200000 });
	for (unsigned i = 0; i < 10; i++) { /* lets the congestion window grow */
		netsink_put(50000);
		netsink_wait(5);
	}
	netsink.silent = true;
	netsink_put(60000);
	netsink_wait(5);
	hole = netsink.acked + 20 * 1460;
	ok(netsink.got > hole + 10000, "fast retransmit: %u bytes are out", netsink.got - netsink.acked);
	netsink_answer(NETPEER_ACK, hole, NULL, 0);
	netsink_wait(1);
	for (unsigned i = 0; i < 3; i++) {
		is(netsink.resent, 0, "fast retransmit: not yet");
		netsink_answer(NETPEER_ACK, hole, NULL, 0);
		netsink_wait(1);
	}
	is(netsink.resent, 1, "fast retransmit: one packet");
	is(netsink.last_resent, hole, "fast retransmit: the one that is missing");
	is(netsink.last_resent_len, MSS, "fast retransmit: no more than it");
	netsink.silent = false;
	netsink_ack();
	netsink_wait(2000);
	is(netsink.got, netsink_sent, "fast retransmit: all arrives");
	check("fast retransmit");
	netsink_part();
}

static void test_timeout(void)
{
	uint32_t hole;

	netsink_meet(&(struct netsink){ .window = 200000 });
	netsink_put(100000);
	netsink_wait(50);
	netsink.silent = true;
	netsink_put(100000);
	netsink_wait(3);
	hole = netsink.acked + 3000;
	netsink_answer(NETPEER_ACK, hole, NULL, 0);
	netsink_wait(3);
	ok(netsink.got > hole, "timeout: %u bytes are out", netsink.got - hole);
	for (unsigned i = 0; i < 100 && netsink.resent == 0; i++)
		netsink_wait(20);
	is(netsink.resent, 1, "timeout: the window is one packet");
	is(netsink.last_resent, hole, "timeout: from where the peer is");
	netsink.silent = false;
	netsink_ack();
	netsink_wait(5000);
	is(netsink.got, netsink_sent, "timeout: all arrives");
	check("timeout");
	netsink_part();
}

static void test_loss(void)
{
	static const unsigned rates[] = { 1, 5, 20 };

	for (unsigned i = 0; i < 3; i++) {
		char name[16];

		snprintf(name, sizeof name, "loss %u%%", rates[i]);
		netsink_meet(&(struct netsink){ .window = 100000, .drop = rates[i] });
		netsink_put(300000);
		for (unsigned s = 0; s < 2000 && netsink.got < netsink_sent; s++)
			netsink_wait(100);
		is(netsink.got, netsink_sent, name);
		check(name);
		netsink_part();
	}
}

static void test_mss(void)
{
	static const uint16_t sizes[] = { 64, 88, 536, 1000, 1459 };

	for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		char name[16];

		snprintf(name, sizeof name, "MSS %u", sizes[i]);
		netsink_meet(&(struct netsink){ .window = 60000, .mss = sizes[i], .timestamps = i & 1 });
		netsink_put(30000);
		netsink_wait(3000);
		is(netsink.got, netsink_sent, name);
		check(name);
		netsink_part();
	}
}

/*
 * A peer that runs out of memory takes its window back (RFC 9293 3.8.6 tells nobody to, but Linux does), loses what was on its way, and
 * opens again for less than our first segment.
 */
static void test_shrinking(void)
{
	for (unsigned grow = 0; grow < 2; grow++) {
		netsink_meet(&(struct netsink){ .window = 16384, .timestamps = true });
		for (unsigned i = 0; grow && i < 20; i++) {
			netsink_put(16000);
			netsink_wait(5);
		}
		netsink.drop = 100;
		netsink_put(4800);
		netsink_put(60000);
		netsink_wait(1);
		netsink.window = 0;
		for (unsigned i = 0; i < 6; i++) { /* they count as repeated, though nothing can be netsink_sent again */
			netsink_ack();
			netsink_wait(1);
		}
		netsink_wait(1000);
		netsink.window = 1536;
		netsink.drop = 0;
		netsink_ack();
		netsink_wait(20000);
		is(netsink.got, netsink_sent, "shrinking: goes on by itself");
		check("shrinking");
		netsink_part();
	}
}

/* Bytes of the peer's, at most 1000. */
static void say(uint32_t at, size_t len, uint8_t flags)
{
	static const uint8_t bytes[1000];
	struct netpeer_seg seg = { .src = 80, .dst = netsink.port, .seq = NETSINK_ISN + 1 + at, .ack = netsink.start + netsink.acked,
				   .flags = flags | NETPEER_ACK,
				   .window = (uint16_t)(netsink.window >> netsink.scale), .data = bytes, .len = len };

	netpeer_send(&seg);
}

/* What comes together is acknowledged together, read or not; a gap at once, with each segment behind it (RFC 5681 4.2). */
static void test_batches(void)
{
	netsink_meet(&(struct netsink){ .window = 16384 });
	for (uint32_t i = 0; i < 100; i++)
		say(i * 1000, 1000, 0);
	netsink_wait(1);
	is(netsink.acks, 2, "batch: one ACK for 100 segments, after that of the SYN");
	is(netsink.told, NETSINK_ISN + 1 + 100000, "batch: of all of them");
	for (uint32_t i = 0; i < 5; i++)
		say(110000 + i * 1000, 1000, 0);
	netsink_wait(1);
	is(netsink.acks, 7, "batch: five behind a gap, five ACKs");
	netsink_part();
}

/* A segment that a device has merged is more than one; and TIME-WAIT has no timer that would answer a FIN with data. */
static void test_batch_alone(void)
{
	netsink_meet(&(struct netsink){ .window = 16384, .mss = 500 });
	say(0, 1000, 0);
	netsink_wait(1);
	is(netsink.told, NETSINK_ISN + 1 + 1000, "merged segment: acknowledged at once");
	sock_shutdown(netsink_fd, SHUT_WR);
	netsink_wait(1);
	say(1000, 1000, NETPEER_FIN);
	netsink_wait(1);
	is(netsink.told, NETSINK_ISN + 1 + 2001, "our FIN, then theirs with data: acknowledged at once");
	netsink_part();
}

/* What a peer with a shrunken window sends must be acknowledged so that it takes the ACK (RFC 9293 3.10.7.4). */
static void test_shrunken_acks(void)
{
	static const uint32_t windows[] = { 0, 16, 1600 };

	for (unsigned i = 0; i < sizeof windows / sizeof windows[0]; i++) {
		netsink_meet(&(struct netsink){ .window = 16384, .timestamps = i == 1 });
		netsink.drop = 100;
		netsink_put(8000);
		netsink_wait(1);
		netsink.window = windows[i];
		netsink.acks = netsink.acks_beyond = 0;
		say(0, 1, 0);
		netsink_wait(250);
		ok(netsink.acks > 0, "window shrunk to %u: bytes are acknowledged", windows[i]);
		is(netsink.acks_beyond, 0, "window shrunk: no ACK beyond it");
		netsink_part();
	}
}

/* Little and much by turns: tcp_write() and segs_queue() fill the same queue. */
static void test_mixture(void)
{
	netsink_meet(&(struct netsink){ .window = 20000, .timestamps = true });
	for (unsigned i = 0; i < 300; i++) {
		netsink_put(fake_chance(5000) ? 1 + fake_below(300) : 1 + fake_below(8000));
		if (fake_chance(3000))
			netsink_wait(1);
		netsink.window = 1460 + (uint32_t)fake_below(40000);
	}
	netsink_wait(10000);
	is(netsink.got, netsink_sent, "mixture: all arrives");
	check("mixture");
	netsink_part();
}

/* What writes leave over goes into the frames of the next ones; PSH comes where there is no next one. */
static void test_rests(void)
{
	unsigned frames;

	netsink_meet(&(struct netsink){ .window = 1000000, .scale = 5 });
	for (unsigned i = 0; i < 4; i++) {
		netsink_put(300000);
		netsink_wait(10);
	}
	is(netsink.got, netsink_sent, "rests: each is sent, when no write follows");
	frames = netpeer_frames;
	netsink.pushes = 0;
	for (unsigned i = 0; i < 10; i++)
		netsink_put(65536);
	netsink_wait(1);
	is(netsink.got, netsink_sent, "rests: and ten writes of 64 KiB");
	is(netpeer_frames - frames, 11, "rests: of which all frames are full but the last");
	is(netsink.pushes, 1, "rests: it alone has PSH");
	netsink_put(100000);
	netsink_put(1);
	netsink_put(3000);
	sock_shutdown(netsink_fd, SHUT_WR);
	netsink_wait(10);
	ok(netsink.fin && netsink.got == netsink_sent + 1, "rests: FIN comes last");
	check("rests");
	netsink_part();
	netsink_meet(&(struct netsink){ .window = 1000000, .scale = 5 });
	netsink_put(200000);
	netsink_part(); /* with a rest that waits */
	is(netsink.wrong, 0, "rests: a reset before it is sent");
}

/* Rests of any length into windows of any width, with losses. */
static void test_rests_at_random(void)
{
	netsink_meet(&(struct netsink){ .window = 200000, .timestamps = true, .drop = 1 });
	for (unsigned i = 0; i < 400; i++) {
		netsink_put(fake_chance(5000) ? 65000 + fake_below(140000) : 1 + fake_below(9000));
		if (fake_chance(3000))
			netsink_wait(1 + (unsigned)fake_below(300));
		if (fake_chance(500))
			netsink.window = 1460 + (uint32_t)fake_below(400000);
	}
	netsink_wait(100000);
	is(netsink.got, netsink_sent, "rests at random: all arrives");
	check("rests at random");
	netsink_part();
}

int main(void)
{
	fake_boot();
	netglue_host();
	netsink_wait(100);
	test_bulk();
	test_slow_start();
	test_windows();
	test_closed_window();
	test_partial_acks();
	test_fast_retransmit();
	test_timeout();
	test_loss();
	test_mss();
	test_mixture();
	test_shrinking();
	test_shrunken_acks();
	test_batches();
	test_batch_alone();
	test_rests();
	test_rests_at_random();
	return tap_done();
}
