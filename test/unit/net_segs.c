/* SPDX-License-Identifier: MIT */
/*
 * Long TCP segments (libc-glue/lwip/segs.c), seen from the wire by a peer made by hand.
 *
 * The peer looks at every piece: is it within its window, of the right length, with the right bytes, its flags where they belong. It
 * gives little windows, none at all, ACKs in the middle of segments, repeated ACKs, and no ACKs.
 */
#include <netinet/in.h>
#include <string.h>

#include "core/plat.h"
#include "libc-glue/fd.h"
#include "libc-glue/sock.h"
#include "test/fake/boot.h"
#include "test/fake/fake.h"
#include "test/fake/netglue.h"
#include "test/fake/netpeer.h"
#include "test/tap.h"

#define MS 1000000ull
#define MSS 1460
#define ISN 0xfffff000u /* sequence numbers wrap soon */

/* The peer's end of the one connection. */
static struct peer {
	uint16_t port;         /* ours */
	uint32_t start;        /* our first byte */
	uint32_t got;          /* bytes in a row */
	uint32_t acked;        /* of them, as we were told */
	uint32_t edge;         /* how far we may send, from start */
	uint32_t window;       /* bytes that it gives */
	uint16_t mss;          /* what it says */
	uint8_t scale;
	bool timestamps;
	bool silent;           /* says nothing */
	unsigned drop;         /* of 100 pieces */
	unsigned pieces, resent, beyond, wrong, longest, pushes;
	unsigned acks;         /* that came without data, at or before the edge that it gives now */
	unsigned acks_beyond;
	uint32_t told;         /* how far the last of them reaches */
	uint32_t last_resent;  /* where, and how long */
	size_t last_resent_len;
	bool fin;
} peer;

static int fd;

static uint8_t pattern(uint32_t i)
{
	return (uint8_t)(i * 2654435761u >> 17 ^ i >> 9);
}

static void answer(uint8_t flags, uint32_t ack_at, const uint8_t *options, size_t options_len)
{
	struct netpeer_seg seg = { .src = 80, .dst = peer.port, .seq = ISN + (flags & NETPEER_SYN ? 0 : 1), .ack = peer.start + ack_at,
				   .flags = flags, .window = (uint16_t)(peer.window >> (flags & NETPEER_SYN ? 0 : peer.scale)),
				   .options = options, .options_len = options_len };

	peer.acked = ack_at;
	if (ack_at + peer.window > peer.edge)
		peer.edge = ack_at + peer.window;
	netpeer_send(&seg);
}

static void say_ack(void)
{
	answer(NETPEER_ACK, peer.got, NULL, 0);
}

static void meet(const struct netpeer_seg *seg)
{
	uint8_t options[24] = { 2, 4, (uint8_t)(peer.mss >> 8), (uint8_t)peer.mss, 1, 3, 3, peer.scale, 1, 1, 8, 10 };

	peer.port = seg->src;
	peer.start = seg->seq + 1;
	answer(NETPEER_SYN | NETPEER_ACK, 0, options, peer.timestamps ? 20 : 8);
	peer.edge = peer.window;
}

static void look_at_data(const struct netpeer_seg *seg, uint32_t at)
{
	for (size_t i = 0; i < seg->len; i++)
		peer.wrong += seg->data[i] != pattern(at + (uint32_t)i);
	peer.pieces++;
	peer.longest = seg->len > peer.longest ? (unsigned)seg->len : peer.longest;
	peer.pushes += (seg->flags & NETPEER_PSH) != 0;
	/* One byte beyond is how a closed window is probed (RFC 9293 3.8.6.1). */
	peer.beyond += at + seg->len > peer.edge + (seg->len == 1 ? 1u : 0u);
}

void netpeer_tcp(const struct netpeer_seg *seg)
{
	uint32_t at = seg->seq - peer.start;

	if (seg->flags & NETPEER_SYN) {
		meet(seg);
		return;
	}
	if (seg->len == 0 && !(seg->flags & NETPEER_FIN)) {
		peer.told = seg->ack;
		*(at > peer.acked + peer.window ? &peer.acks_beyond : &peer.acks) += 1;
		return;
	}
	if (fake_below(100) < peer.drop)
		return;
	if (seg->len) {
		look_at_data(seg, at);
		if (at < peer.got) {
			peer.resent++;
			peer.last_resent = at;
			peer.last_resent_len = seg->len;
		}
	}
	if (at <= peer.got && at + seg->len > peer.got)
		peer.got = at + (uint32_t)seg->len;
	if ((seg->flags & NETPEER_FIN) && at + seg->len == peer.got && !peer.fin) {
		peer.fin = true;
		peer.got++;
	}
	if (!peer.silent)
		say_ack();
}

void netpeer_other(uint8_t proto, const uint8_t *ip, size_t len)
{
	(void)proto, (void)ip, (void)len;
}

/* ---- Our side ---- */

static void wait_ms(unsigned ms)
{
	thread_sleep(plat_now() + ms * MS);
}

static void meet_peer(const struct peer *p)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(80), .sin_addr = { htonl(NETPEER_IP) } };

	peer = *p;
	peer.mss = peer.mss ? peer.mss : MSS;
	peer.scale = peer.scale ? peer.scale : 4;
	netpeer_frames = netpeer_cut = netpeer_wrong = 0;
	fd = sock_socket(AF_INET, SOCK_STREAM, 0);
	if (sock_connect(fd, (struct sockaddr *)&a, sizeof a))
		fake_wrong("no connection");
	peer.silent = p->silent;
}

static uint32_t sent;

/* Writes n bytes, as far as there is room. */
static void put(size_t n)
{
	static uint8_t buf[600000];
	ssize_t rc;

	for (size_t i = 0; i < n; i++)
		buf[i] = pattern(sent + (uint32_t)i);
	rc = netglue_send(fd, buf, n, MSG_DONTWAIT);
	sent += rc > 0 ? (uint32_t)rc : 0;
}

static void part(void)
{
	sock_setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){ .l_onoff = 1 }, sizeof(struct linger)); /* at once */
	fd_remove(fd);
	wait_ms(50);
	sent = 0;
}

/* What must hold after every test. */
static void check(const char *what)
{
	ok(peer.wrong == 0, "%s: every byte is right", what);
	ok(peer.beyond == 0, "%s: nothing goes beyond the window", what);
	ok(netpeer_wrong == 0, "%s: checksums and lengths are right", what);
	ok(peer.longest <= peer.mss, "%s: no piece of %u bytes is above the MSS", what, peer.longest);
}

static void test_bulk(void)
{
	meet_peer(&(struct peer){ .window = 500000 });
	for (unsigned i = 0; i < 40; i++) {
		put(1 + fake_below(100000));
		wait_ms(1);
	}
	wait_ms(500);
	is(peer.got, sent, "bulk: all arrives");
	check("bulk");
	ok(netpeer_cut > 0 && peer.pieces > 10 * netpeer_frames, "bulk: %u frames became %u pieces", netpeer_frames, peer.pieces);
	sock_shutdown(fd, SHUT_WR);
	wait_ms(10);
	ok(peer.fin, "bulk: FIN comes last");
	ok(peer.pushes < peer.pieces / 4, "bulk: PSH on %u of %u pieces", peer.pushes, peer.pieces);
	part();
}

/* Each ACK covers all that is out, as those of a host whose device joins packets: what is out doubles each time. */
static void test_slow_start(void)
{
	meet_peer(&(struct peer){ .window = 500000, .silent = true });
	put(400000);
	wait_ms(1);
	for (unsigned i = 0; i < 6; i++) {
		say_ack();
		wait_ms(1);
	}
	ok(peer.got > 300000 && peer.beyond == 0, "slow start: %u bytes in 6 round trips", (unsigned)peer.got);
	peer.silent = false;
	say_ack();
	wait_ms(10);
	is(peer.got, sent, "slow start: all arrives");
	part();
}

static void test_windows(void)
{
	static const uint32_t windows[] = { 100, 1000, 1459, 1460, 1461, 2920, 5000, 10000, 65535 };

	for (unsigned i = 0; i < 2 * sizeof windows / sizeof windows[0]; i++) {
		uint32_t window = windows[i / 2];
		char name[32];

		snprintf(name, sizeof name, "window %u%s", window, i & 1 ? " after 0" : "");
		meet_peer(&(struct peer){ .window = i & 1 ? 0 : window });
		put(1560); /* 100 of it, where nothing goes yet, in a segment that has room left */
		peer.window = window;
		say_ack();
		wait_ms(1);
		put(300);
		put(48140);
		wait_ms(60000 / (window < 1460 ? 1 : 10));
		ok(peer.got == sent || (window < 1460 && peer.got > 1000), "%s: %u of %u arrive", name, peer.got, sent);
		check(name);
		part();
	}
}

static void test_closed_window(void)
{
	uint32_t before;

	meet_peer(&(struct peer){ .window = 30000 });
	peer.window = 0;
	put(200000);
	wait_ms(2000);
	before = peer.got;
	ok(before < sent, "closed: stops at %u", before);
	wait_ms(20000);
	ok(peer.got <= before + 20, "closed: probes alone, %u bytes", peer.got - before);
	peer.window = 40000;
	say_ack();
	wait_ms(1000);
	is(peer.got, sent, "closed: goes on when it opens");
	check("closed");
	part();
}

static void test_partial_acks(void)
{
	meet_peer(&(struct peer){ .window = 200000, .silent = true });
	put(100000);
	wait_ms(5);
	for (unsigned i = 0; i < 200 && peer.acked < sent; i++) {
		uint32_t to = peer.acked + 1 + (uint32_t)fake_below(2000);

		answer(NETPEER_ACK, to < peer.got ? to : peer.got, NULL, 0);
		wait_ms(1);
	}
	is(peer.acked, sent, "partial ACKs: all is acknowledged");
	is(peer.resent, 0, "partial ACKs: nothing is sent twice");
	check("partial ACKs");
	part();
}

/* Three repeated ACKs in the middle of a long segment: one packet is sent again, the one that is missing. */
static void test_fast_retransmit(void)
{
	uint32_t hole;

	meet_peer(&(struct peer){ .window = 200000 });
	for (unsigned i = 0; i < 10; i++) { /* lets the congestion window grow */
		put(50000);
		wait_ms(5);
	}
	peer.silent = true;
	put(60000);
	wait_ms(5);
	hole = peer.acked + 20 * 1460;
	ok(peer.got > hole + 10000, "fast retransmit: %u bytes are out", peer.got - peer.acked);
	answer(NETPEER_ACK, hole, NULL, 0);
	wait_ms(1);
	for (unsigned i = 0; i < 3; i++) {
		is(peer.resent, 0, "fast retransmit: not yet");
		answer(NETPEER_ACK, hole, NULL, 0);
		wait_ms(1);
	}
	is(peer.resent, 1, "fast retransmit: one packet");
	is(peer.last_resent, hole, "fast retransmit: the one that is missing");
	is(peer.last_resent_len, MSS, "fast retransmit: no more than it");
	peer.silent = false;
	say_ack();
	wait_ms(2000);
	is(peer.got, sent, "fast retransmit: all arrives");
	check("fast retransmit");
	part();
}

static void test_timeout(void)
{
	uint32_t hole;

	meet_peer(&(struct peer){ .window = 200000 });
	put(100000);
	wait_ms(50);
	peer.silent = true;
	put(100000);
	wait_ms(3);
	hole = peer.acked + 3000;
	answer(NETPEER_ACK, hole, NULL, 0);
	wait_ms(3);
	ok(peer.got > hole, "timeout: %u bytes are out", peer.got - hole);
	for (unsigned i = 0; i < 100 && peer.resent == 0; i++)
		wait_ms(20);
	is(peer.resent, 1, "timeout: the window is one packet");
	is(peer.last_resent, hole, "timeout: from where the peer is");
	peer.silent = false;
	say_ack();
	wait_ms(5000);
	is(peer.got, sent, "timeout: all arrives");
	check("timeout");
	part();
}

static void test_loss(void)
{
	static const unsigned rates[] = { 1, 5, 20 };

	for (unsigned i = 0; i < 3; i++) {
		char name[16];

		snprintf(name, sizeof name, "loss %u%%", rates[i]);
		meet_peer(&(struct peer){ .window = 100000, .drop = rates[i] });
		put(300000);
		for (unsigned s = 0; s < 2000 && peer.got < sent; s++)
			wait_ms(100);
		is(peer.got, sent, name);
		check(name);
		part();
	}
}

static void test_mss(void)
{
	static const uint16_t sizes[] = { 64, 88, 536, 1000, 1459 };

	for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		char name[16];

		snprintf(name, sizeof name, "MSS %u", sizes[i]);
		meet_peer(&(struct peer){ .window = 60000, .mss = sizes[i], .timestamps = i & 1 });
		put(30000);
		wait_ms(3000);
		is(peer.got, sent, name);
		check(name);
		part();
	}
}

/*
 * A peer that runs out of memory takes its window back (RFC 9293 3.8.6 tells nobody to, but Linux does), loses what was on its way, and
 * opens again for less than our first segment.
 */
static void test_shrinking(void)
{
	for (unsigned grow = 0; grow < 2; grow++) {
		meet_peer(&(struct peer){ .window = 16384, .timestamps = true });
		for (unsigned i = 0; grow && i < 20; i++) {
			put(16000);
			wait_ms(5);
		}
		peer.drop = 100;
		put(4800);
		put(60000);
		wait_ms(1);
		peer.window = 0;
		for (unsigned i = 0; i < 6; i++) { /* they count as repeated, though nothing can be sent again */
			say_ack();
			wait_ms(1);
		}
		wait_ms(1000);
		peer.window = 1536;
		peer.drop = 0;
		say_ack();
		wait_ms(20000);
		is(peer.got, sent, "shrinking: goes on by itself");
		check("shrinking");
		part();
	}
}

/* Bytes of the peer's, at most 1000. */
static void say(uint32_t at, size_t len, uint8_t flags)
{
	static const uint8_t bytes[1000];
	struct netpeer_seg seg = { .src = 80, .dst = peer.port, .seq = ISN + 1 + at, .ack = peer.start + peer.acked, .flags = flags | NETPEER_ACK,
				   .window = (uint16_t)(peer.window >> peer.scale), .data = bytes, .len = len };

	netpeer_send(&seg);
}

/* What comes together is acknowledged together, read or not; a gap at once, with each segment behind it (RFC 5681 4.2). */
static void test_batches(void)
{
	meet_peer(&(struct peer){ .window = 16384 });
	for (uint32_t i = 0; i < 100; i++)
		say(i * 1000, 1000, 0);
	wait_ms(1);
	is(peer.acks, 2, "batch: one ACK for 100 segments, after that of the SYN");
	is(peer.told, ISN + 1 + 100000, "batch: of all of them");
	for (uint32_t i = 0; i < 5; i++)
		say(110000 + i * 1000, 1000, 0);
	wait_ms(1);
	is(peer.acks, 7, "batch: five behind a gap, five ACKs");
	part();
}

/* A segment that a device has merged is more than one; and TIME-WAIT has no timer that would answer a FIN with data. */
static void test_batch_alone(void)
{
	meet_peer(&(struct peer){ .window = 16384, .mss = 500 });
	say(0, 1000, 0);
	wait_ms(1);
	is(peer.told, ISN + 1 + 1000, "merged segment: acknowledged at once");
	sock_shutdown(fd, SHUT_WR);
	wait_ms(1);
	say(1000, 1000, NETPEER_FIN);
	wait_ms(1);
	is(peer.told, ISN + 1 + 2001, "our FIN, then theirs with data: acknowledged at once");
	part();
}

/* What a peer with a shrunken window sends must be acknowledged so that it takes the ACK (RFC 9293 3.10.7.4). */
static void test_shrunken_acks(void)
{
	static const uint32_t windows[] = { 0, 16, 1600 };

	for (unsigned i = 0; i < sizeof windows / sizeof windows[0]; i++) {
		meet_peer(&(struct peer){ .window = 16384, .timestamps = i == 1 });
		peer.drop = 100;
		put(8000);
		wait_ms(1);
		peer.window = windows[i];
		peer.acks = peer.acks_beyond = 0;
		say(0, 1, 0);
		wait_ms(250);
		ok(peer.acks > 0, "window shrunk to %u: bytes are acknowledged", windows[i]);
		is(peer.acks_beyond, 0, "window shrunk: no ACK beyond it");
		part();
	}
}

/* Little and much by turns: tcp_write() and segs_queue() fill the same queue. */
static void test_mixture(void)
{
	meet_peer(&(struct peer){ .window = 20000, .timestamps = true });
	for (unsigned i = 0; i < 300; i++) {
		put(fake_chance(5000) ? 1 + fake_below(300) : 1 + fake_below(8000));
		if (fake_chance(3000))
			wait_ms(1);
		peer.window = 1460 + (uint32_t)fake_below(40000);
	}
	wait_ms(10000);
	is(peer.got, sent, "mixture: all arrives");
	check("mixture");
	part();
}

int main(void)
{
	fake_boot();
	netglue_host();
	wait_ms(100);
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
	return tap_done();
}
