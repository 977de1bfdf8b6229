/* SPDX-License-Identifier: MIT */
/*
 * What core/nic.h promises, looked at on interface 0 of whatever platform this is linked with.
 *
 * The other side is either a station that answers ARP and ICMP echo requests at the address that the
 * command line gives as peer=A.B.C.D (10.0.2.2 unless told), or one that sends every frame back with its two
 * MAC addresses exchanged. Both answer an echo request with the same data, and that is all that is needed here:
 * whatever else arrives is given back and forgotten.
 */
#include <string.h>

#include "core/err.h"
#include "core/nic.h"
#include "test/contract/check.h"
#include "test/contract/station.h"

#define PATIENCE (10000 * MS)

static unsigned tokens_back, tokens_wrong, misaligned;
static bool hold_frames; /* receive() keeps what it is lent */
static uint32_t held[1024];
static unsigned nheld;

/* Puts the buffers of one frame together and looks at it. Returns how many there were. */
static unsigned look_at_buffers(const struct nic_buf *v, unsigned n)
{
	static uint8_t whole[70000];
	size_t len = 0;
	unsigned i = 0;

	misaligned += ((uintptr_t)v[0].data & 3) != 2;
	do {
		if (len + v[i].len <= sizeof(whole))
			memcpy(whole + len, v[i].data, v[i].len);
		len += v[i].len;
		v[i].data[0] ^= 0xff; /* ours to write */
	} while (v[i++].more && i < n);
	if (len <= sizeof(whole))
		look_at(whole, len, &v[0].off);
	return i;
}

static unsigned receive(void)
{
	struct nic_buf v[64];
	unsigned n = nic_rx(0, v, 64);

	for (unsigned i = 0; i < n;)
		i += look_at_buffers(v + i, n - i);
	for (unsigned i = 0; i < n; i++) {
		if (hold_frames && nheld < 1024)
			held[nheld++] = v[i].id;
		else
			nic_rx_done(0, v[i].id);
	}
	return n;
}

static unsigned take_tokens(void)
{
	void *token[16];
	unsigned n = nic_tx_done(0, token, 16);

	for (unsigned i = 0; i < n; i++) {
		struct slot *s = token[i];

		if (s < slot || s >= slot + SLOTS || !s->out)
			tokens_wrong++;
		else
			s->out = false;
		tokens_back++;
	}
	return n;
}

/* One turn as core/loop.c does it: poll, arm, wait. */
static void turn(uint64_t deadline)
{
	unsigned did = receive() + take_tokens();

	nic_kick(0);
	if (!did && !nic_arm(0))
		plat_wait(deadline);
}

static int send_slot(unsigned i, unsigned len)
{
	struct nic_frag frag = { frame_of(i), len };
	int rc = nic_tx(0, &frag, 1, NULL, &slot[i]);

	slot[i].out |= rc == 0;
	return rc;
}

static bool all_in(void)
{
	for (unsigned i = 0; i < SLOTS; i++)
		if (slot[i].out)
			return false;
	return true;
}

/* Turns until every token is back. */
static bool drain(void)
{
	uint64_t deadline = plat_now() + PATIENCE;

	while (!all_in() && plat_now() < deadline)
		turn(deadline);
	return all_in();
}

/* Turns until nothing has come for a while: what an earlier test caused is not the next one's. */
static void settle(void)
{
	uint64_t quiet = plat_now() + 30 * MS;

	while (plat_now() < quiet) {
		if (receive() + take_tokens() > 0)
			quiet = plat_now() + 30 * MS;
		nic_kick(0);
		if (!nic_arm(0))
			plat_wait(quiet);
	}
}

/* ---- Opening ---- */

static void test_open(void)
{
	struct nic_info again;
	int rc = nic_open(0, &info);

	if (rc) {
		check(false, "open: there is an interface 0 (%d)", rc);
		check_done();
	}
	check(nic_open(0, &again) == -ERR_BUSY, "open: only once");
	check(nic_open(63, &again) == -ERR_NODEV, "open: no interface 63");
	check(!(info.mac[0] & 1) && memcmp(info.mac, "\0\0\0\0\0\0", 6) != 0, "info: the MAC address is a station's");
	check(info.mtu >= 68 && info.mtu <= 65521, "info: mtu %u", info.mtu);
	check(info.up && !info.broken, "info: up and not broken");
	check_say("# features 0x%x", info.features);
	nic_info(0, &again);
	check(memcmp(again.mac, info.mac, 6) == 0 && again.mtu == info.mtu && again.features == info.features, "info: the same when read again");
}

static void test_share(void)
{
	arena = page_alloc(ARENA_PAGES);
	check(nic_share(0, arena + 8, PAGE_SIZE) == -ERR_INVAL, "share: page-aligned only");
	check(nic_share(0, arena, ARENA_PAGES * PAGE_SIZE) == 0, "share: an arena");
}

static void test_refused(void)
{
	static const struct {
		uint32_t feature;
		uint8_t flags;
	} lack[] = {
		{ NIC_TX_CSUM, NIC_CSUM_PARTIAL }, { NIC_TX_TSO4, NIC_CSUM_PARTIAL | NIC_GSO_TCP4 }, { NIC_TX_TSO6, NIC_CSUM_PARTIAL | NIC_GSO_TCP6 },
	};
	struct nic_offload off = { .csum_start = 34, .csum_offset = 16, .gso_size = 1000, .hdr_len = 54 };
	struct nic_frag v[NIC_FRAGS_MAX + 1];
	unsigned len = make_echo(0, 100), wrong = 0;

	for (unsigned i = 0; i <= NIC_FRAGS_MAX; i++)
		v[i] = (struct nic_frag){ frame_of(0), len };
	check(nic_tx(0, v, 0, NULL, slot) == -ERR_INVAL, "tx: no fragments");
	check(nic_tx(0, v, NIC_FRAGS_MAX + 1, NULL, slot) == -ERR_INVAL, "tx: too many fragments");
	for (unsigned i = 0; i < 3; i++) {
		off.flags = lack[i].flags;
		if (!(info.features & lack[i].feature))
			wrong += nic_tx(0, v, 1, &off, slot) != -ERR_INVAL;
	}
	check(wrong == 0, "tx: offloads that the device lacks");
	check(take_tokens() == 0, "tx: what was refused has no token to give back");
}

/* ---- Both ways ---- */

static void test_arp(void)
{
	uint8_t *f = frame_of(0), *arp = f + ETHER;
	uint64_t deadline;

	for (int try = 0; try < 5 && peer_mac[0] == 0xff; try++) {
		memset(f, 0, 60);
		memcpy(f, "\xff\xff\xff\xff\xff\xff", 6);
		memcpy(f + 6, info.mac, 6);
		put16(f + 12, 0x0806);
		memcpy(arp, "\0\1\10\0\6\4\0\1", 8);
		memcpy(arp + 8, info.mac, 6);
		memcpy(arp + 14, my_ip, 4);
		memcpy(arp + 24, peer_ip, 4);
		check_failures += send_slot(0, 60) != 0;
		deadline = plat_now() + 500 * MS;
		while (plat_now() < deadline && (peer_mac[0] == 0xff || slot[0].out))
			turn(deadline);
	}
	if (!check(peer_mac[0] != 0xff, "both ways: somebody answers who-has"))
		check_done();
	check_say("# the other side %s", echoes ? "sends every frame back" : "is a station");
	check(all_in() && tokens_back > 0 && tokens_wrong == 0, "both ways: the token comes back");
}

/* Every size, each cut at random into as many fragments as may be. */
static void test_sizes(void)
{
	unsigned max = (info.mtu < 1500 ? info.mtu : 1500) - 28u, sent = 0;
	uint64_t deadline;

	answers = answers_wrong = 0;
	for (unsigned len = DATA_MIN; len <= max; len += 1 + (unsigned)(check_random() % 13)) {
		struct nic_frag v[NIC_FRAGS_MAX];
		unsigned i = sent % SLOTS, left = make_echo(i, len), nv = 0, part;
		uint8_t *f = frame_of(i);

		for (; left > 0; f += part, left -= part) {
			part = nv == NIC_FRAGS_MAX - 1 ? left : 1 + (unsigned)(check_random() % left);
			v[nv++] = (struct nic_frag){ f, part };
		}
		if (nic_tx(0, v, nv, NULL, &slot[i]) != 0)
			break;
		slot[i].out = true;
		memset(v, 0, sizeof(v)); /* the array is ours again */
		sent++;
		deadline = plat_now() + PATIENCE;
		while ((slot[i].out || !slot[i].answered) && plat_now() < deadline)
			turn(deadline);
	}
	check(answers == sent && sent > 50, "both ways: %u of %u frames of every size come back", answers, sent);
	check(answers_wrong == 0, "both ways: with every byte");
	check(drain() && tokens_wrong == 0, "both ways: each token once");
}

/* A token for each frame of one round: how often it came back. */
static uint8_t back[8192];

static unsigned take_back(void)
{
	void *token[32];
	unsigned n = nic_tx_done(0, token, 32);

	for (unsigned i = 0; i < n; i++) {
		uint8_t *t = token[i];

		if (t >= back && t < back + sizeof(back))
			(*t)++;
		else
			tokens_wrong++;
	}
	return n;
}

/* Turns until the first n are back at least once. Returns how many are. */
static unsigned wait_back(unsigned n)
{
	uint64_t deadline = plat_now() + PATIENCE;
	unsigned returned = 0;

	while (plat_now() < deadline) {
		unsigned did = receive() + take_back();

		nic_kick(0);
		while (returned < n && back[returned])
			returned++;
		if (returned == n)
			break;
		if (!did && !nic_arm(0))
			plat_wait(deadline);
	}
	return returned;
}

/* Fills the ring to its end without a doorbell, rings once, and waits for all; several times, so that its indices wrap. */
static void test_full_ring(void)
{
	struct nic_frag frag = { frame_of(0), make_echo(0, DATA_MIN) };
	unsigned sent = 0, returned = 0, twice = 0, full = 0, errors = 0;

	for (unsigned round = 1; round <= 6; round++) {
		int rc = 0;

		while (rc == 0 && sent < round * (unsigned)sizeof(back) / 6) {
			rc = nic_tx(0, &frag, 1, NULL, &back[sent]);
			sent += rc == 0;
		}
		full += rc == -ERR_AGAIN;
		errors += rc != 0 && rc != -ERR_AGAIN;
		nic_kick(0);
		returned = wait_back(sent);
	}
	for (unsigned i = 0; i < sizeof(back); i++)
		twice += back[i] > 1 || (back[i] && i >= sent);
	check(errors == 0, "ring: takes frames, or says that it is full: %u times", full);
	check(returned == sent, "ring: %u frames, %u tokens", sent, returned);
	check(twice == 0 && tokens_wrong == 0, "ring: no token twice, none that is not ours");
}

/* ---- Offloads ---- */

static void test_csum(void)
{
	struct nic_offload off = { .flags = NIC_CSUM_PARTIAL, .csum_start = ETHER + 20, .csum_offset = 6 };
	uint8_t *f = frame_of(0), *udp = f + ETHER + 20;
	struct nic_frag frag = { f, ETHER + 28 + 501 };
	uint64_t deadline = plat_now() + PATIENCE;

	if (!(info.features & NIC_TX_CSUM) || !echoes) {
		check_skip("offload: the device fills in a checksum", echoes ? "it does not" : "nobody sends it back");
		return;
	}
	put_ip(f, 17, frag.len);
	put16(udp, 7777);
	put16(udp + 2, 7);
	put16(udp + 4, 509);
	for (unsigned at = 0; at < 501; at++)
		udp[8 + at] = pattern(0, at);
	put16(udp + 6, 0xffff & ~checksum(f + ETHER + 12, 8, 17 + 509));
	slot[0].out = nic_tx(0, &frag, 1, &off, &slot[0]) == 0;
	while (udp_seen == 0 && plat_now() < deadline)
		turn(deadline);
	check(udp_seen == 1 && udp_right == 1, "offload: the device fills in a checksum");
	drain();
}

static void test_tso(void)
{
	enum { BYTES = 30011, SIZE = 1200 };
	struct nic_offload off = { .flags = NIC_CSUM_PARTIAL | NIC_GSO_TCP4, .csum_start = 34, .csum_offset = 16, .gso_size = SIZE, .hdr_len = 54 };
	uint8_t *f = arena, *tcp = f + 34;
	struct nic_frag v[2] = { { f, 54 }, { f + 54, BYTES } };
	uint64_t deadline = plat_now() + PATIENCE;

	if (!(info.features & NIC_TX_TSO4) || !echoes) {
		check_skip("offload: the device cuts TCP into pieces", echoes ? "it does not" : "nobody sends it back");
		return;
	}
	put_ip(f, 6, 54 + BYTES);
	memset(tcp, 0, 20);
	put16(tcp, 7777);
	put16(tcp + 2, 7);
	tcp[12] = 0x50;
	tcp[13] = 0x18;
	put16(tcp + 16, 0xffff & ~checksum(f + ETHER + 12, 8, 6 + 20 + BYTES));
	for (unsigned at = 0; at < BYTES; at++)
		f[54 + at] = pattern(1, at);
	slot[0].out = nic_tx(0, v, 2, &off, &slot[0]) == 0;
	while (tcp_bytes < BYTES && plat_now() < deadline)
		turn(deadline);
	check(tcp_bytes == BYTES && tcp_wrong == 0, "offload: the device cuts TCP into pieces: %u bytes in %u frames", tcp_bytes, tcp_frames);
	drain();
}

/* ---- Lending ---- */

static void test_lent(void)
{
	unsigned lent, total, most = 0, n;
	uint64_t deadline;

	settle();
	deadline = plat_now() + PATIENCE;
	nic_rx_lent(0, &lent, &total);
	check(lent == 0 && total > 0, "lending: nothing is out of %u", total);
	hold_frames = true;
	for (n = 0; n < 40 && plat_now() < deadline; n++) {
		unsigned i = n % SLOTS, before = nheld;

		send_slot(i, make_echo(i, DATA_MIN));
		while (nheld == before && plat_now() < deadline)
			turn(deadline);
	}
	hold_frames = false;
	nic_rx_lent(0, &lent, &total);
	most = lent;
	check(lent == nheld && lent >= (total < 40 ? total / 2 : 40), "lending: %u are out, %u held", lent, nheld);
	while (nheld > 0) { /* from both ends and the middle, in no order */
		unsigned i = (unsigned)(check_random() % nheld);

		nic_rx_done(0, held[i]);
		held[i] = held[--nheld];
	}
	nic_kick(0);
	nic_rx_lent(0, &lent, &total);
	check(lent == 0 && most > 0, "lending: all are back, in any order");
	drain();
	check_say("# %u frames not aligned to 2 modulo 4", misaligned);
}

/* ---- Waking ---- */

/* Sends, wastes a random time, and sleeps as the loop does. A wake-up that is lost shows as a wait to the end. */
static void test_wake(void)
{
	unsigned lost = 0, sent = 0;
	uint64_t slowest = 0;

	for (; sent < 300 && lost < 3; sent++) {
		unsigned i = sent % SLOTS;
		uint64_t from = plat_now(), deadline = from + PATIENCE, took;

		if (slot[i].out || send_slot(i, make_echo(i, DATA_MIN)) != 0)
			break;
		nic_kick(0);
		check_spin(check_random() % 200000);
		while ((slot[i].out || !slot[i].answered) && plat_now() < deadline)
			turn(deadline);
		took = plat_now() - from;
		lost += took >= PATIENCE;
		slowest = took > slowest ? took : slowest;
	}
	check(lost == 0 && sent == 300, "arm: none of %u wake-ups is lost, the slowest takes %llu us", sent, (unsigned long long)slowest / 1000);
}

static void test_arm(void)
{
	uint64_t deadline;
	struct nic_stats before, after;

	settle();
	send_slot(0, make_echo(0, DATA_MIN));
	nic_kick(0);
	deadline = plat_now() + PATIENCE;
	while (!nic_arm(0) && plat_now() < deadline)
		;
	check(receive() + take_tokens() > 0, "arm: says true when there is work");
	deadline = plat_now() + PATIENCE;
	while ((slot[0].out || !slot[0].answered) && plat_now() < deadline)
		turn(deadline);
	nic_kick(0);
	nic_stats(0, &before);
	for (int i = 0; i < 10; i++)
		nic_kick(0);
	nic_stats(0, &after);
	check(after.kicks == before.kicks, "kick: with nothing new it rings no doorbell");
	check(after.tx_frames > 0 && after.tx_bytes > after.tx_frames * 60 - 1 && after.rx_frames > 0 && after.rx_bytes > 0 && after.kicks > 0,
		"stats: %llu frames out, %llu in, %llu doorbells, %llu wakes", (unsigned long long)after.tx_frames,
		(unsigned long long)after.rx_frames, (unsigned long long)after.kicks, (unsigned long long)after.wakes);
	check(after.tx_errors == 0 && after.tx_dropped == 0, "stats: none failed");
}

/* peer=A.B.C.D */
static void read_peer(void)
{
	char text[24], *p = text;
	uint64_t part;

	if (option_get("peer", text, sizeof(text)) < 0)
		return;
	for (int i = 0; i < 4; i++) {
		char *end = p;

		while (*end && *end != '.')
			end++;
		*end = '\0';
		peer_ip[i] = fmt_number(p, 255, &part) == 0 ? (uint8_t)part : 0;
		p = end + 1 < text + sizeof(text) ? end + 1 : end;
	}
}

_Noreturn void core_main(void)
{
	check_seed();
	read_peer();
	test_open();
	test_share();
	plat_seal();
	test_refused();
	test_arp();
	test_sizes();
	test_full_ring();
	test_csum();
	test_tso();
	test_lent();
	test_wake();
	test_arm();
	check_done();
}
