/* SPDX-License-Identifier: MIT */
/*
 * Traffic for xen_net.c: frames of random shape both ways through interface 0, each compared with what was sent, and the
 * loop that polls, arms and sleeps. Included once.
 */
#ifndef TEST_UNIT_XEN_TRAFFIC_H
#define TEST_UNIT_XEN_TRAFFIC_H

#include <stdlib.h>
#include <string.h>

#include "core/core.h"
#include "core/err.h"
#include "core/plat.h"
#include "test/fake/fake.h"
#include "test/fake/xenhost.h"

#define FRAMES 400u   /* that each case sends each way */
#define ARENA 64u     /* pages */
#define OUT_MAX 256u

static char *arena;

/* Frames on their way, in order for each queue; several queues may overtake each other. */
static struct sent {
	uint8_t *data;
	unsigned len;
	struct nic_offload off;
	bool seen, back;
} out[FRAMES + 8];
static unsigned n_out, n_seen, n_back;

static inline void boot(void)
{
	xenhost.quiet = !getenv("PITH_LOUD");
	xenhost.scribble = true;
	xenhost_disk[0].present = false;
	xenhost_boot();
	arena = page_alloc(ARENA);
}

/* ---- making frames ---- */

/* The pseudo header's sum in its place, as a stack leaves it for the device. */
static inline void partial(uint8_t *f, unsigned len, bool six, struct nic_offload *off)
{
	uint32_t l4 = six ? 54 : 34, sum = 6 + (len - l4);

	for (unsigned i = six ? 22 : 26; i < l4; i += 2)
		sum += (uint32_t)f[i] << 8 | f[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	f[l4 + 16] = (uint8_t)(sum >> 8);
	f[l4 + 17] = (uint8_t)sum;
	*off = (struct nic_offload){ .flags = NIC_CSUM_PARTIAL, .csum_start = (uint16_t)l4, .csum_offset = 16, .hdr_len = (uint16_t)(l4 + 20) };
}

/* A TCP frame of random contents; its first payload bytes are its number. */
static inline void make(uint8_t *f, unsigned len, bool six, uint32_t number)
{
	unsigned l4 = six ? 54 : 34;

	for (unsigned i = 0; i < len; i++)
		f[i] = (uint8_t)xenhost_random();
	f[12] = six ? 0x86 : 0x08;
	f[13] = six ? 0xdd : 0x00;
	f[14] = six ? 0x60 : 0x45;
	f[six ? 20 : 23] = 6;
	if (!six) {
		f[16] = (uint8_t)((len - 14) >> 8), f[17] = (uint8_t)(len - 14);
		f[20] = f[21] = 0;
	} else {
		f[18] = (uint8_t)((len - 54) >> 8), f[19] = (uint8_t)(len - 54);
	}
	f[l4 + 12] = 0x50;
	memcpy(f + l4 + 20, &number, 4);
}

/* ---- out ---- */

static bool plain;  /* any frame is expected */
static bool tagged; /* one frame with a VLAN tag is expected: whole, its checksum right (pseudo-header counted as 0) */

void xenhost_net_input(unsigned n, const uint8_t *frame, unsigned len, const struct nic_offload *off)
{
	uint32_t number;

	(void)n;
	if (plain)
		return;
	must(len >= 78);
	if (tagged) {
		uint32_t sum = 0;

		for (unsigned i = 38; i < len; i += 2)
			sum += (uint32_t)frame[i] << 8 | frame[i + 1];
		sum = (sum & 0xffff) + (sum >> 16);
		must(off->flags == 0 && (sum & 0xffff) + (sum >> 16) == 0xffff);
		tagged = false;
		return;
	}
	memcpy(&number, frame + (frame[12] == 0x86 ? 74 : 54), 4);
	must(number < n_out && !out[number].seen && !out[number].back);
	out[number].seen = true;
	n_seen++;
	must(len == out[number].len);
	if (out[number].off.flags && !off->flags) { /* netfront had to sum itself */
		must(fake_offload_right(frame, len));
		return;
	}
	must(memcmp(frame, out[number].data, len) == 0);
	must(off->flags == out[number].off.flags);
	must(off->gso_size == (off->flags & (NIC_GSO_TCP4 | NIC_GSO_TCP6) ? out[number].off.gso_size : 0));
}

static inline void take_tokens(void)
{
	void *token[7];
	unsigned n = nic_tx_done(0, token, 1 + (unsigned)xenhost_below(7));

	for (unsigned i = 0; i < n; i++) {
		struct sent *s = token[i];

		must(!s->back);
		s->back = true;
		n_back++;
		free(s->data);
	}
}

/* Where a frame's bytes lie in the arena: places chosen at random, then copied there; one at a time, so nothing is overwritten early. */
static inline unsigned scatter(const uint8_t *data, unsigned len, struct nic_frag *v)
{
	unsigned n = 1 + (unsigned)xenhost_below(6), at = 0;

	if (len < 128) /* so that something is left for the last */
		n = 1;
	for (unsigned i = 0; i < n; i++) {
		unsigned part = i + 1 == n ? len - at : (unsigned)xenhost_below((len - at) / (xenhost_below(3) ? 2 : 8)) + 1;

		v[i] = (struct nic_frag){ data + at, part };
		at += part;
	}
	return n;
}

static inline void choose_offload(const struct nic_info *info, struct sent *s, bool *six, struct nic_offload *off)
{
	bool big = xenhost_below(3) == 0;

	*six = xenhost_below(2);
	s->len = 78 + (unsigned)xenhost_below(info->mtu + 14u - 78 + 1);
	if (!(info->features & NIC_TX_CSUM) || xenhost_below(3) == 0)
		return;
	if (big && info->features & (*six ? NIC_TX_TSO6 : NIC_TX_TSO4))
		s->len = 2000 + (unsigned)xenhost_below(60000);
	off->flags = NIC_CSUM_PARTIAL;
	if (s->len > info->mtu + 14u) {
		off->gso_size = (uint16_t)(500 + xenhost_below(900));
		off->flags |= *six ? NIC_GSO_TCP6 : NIC_GSO_TCP4;
	}
}

/* One frame of random size and shape. False: the ring is full. */
static inline bool send_one(const struct nic_info *info)
{
	struct sent *s = &out[n_out];
	struct nic_offload want = { 0 };
	struct nic_frag v[NIC_FRAGS_MAX];
	bool six, in_arena = xenhost_below(4) > 0;
	uint8_t *data;
	int rc;

	choose_offload(info, s, &six, &want);
	data = malloc(s->len);
	make(data, s->len, six, n_out);
	s->off = (struct nic_offload){ 0 };
	if (want.flags) {
		partial(data, s->len, six, &s->off);
		s->off.flags = want.flags;
		s->off.gso_size = want.gso_size;
	}
	if (in_arena) { /* room in the arena for one frame at a time: only where nothing is in flight */
		in_arena = n_back == n_out;
		if (in_arena)
			memcpy(arena + xenhost_below(8192) * 0, data, s->len);
	}
	unsigned n = scatter(in_arena ? (uint8_t *)arena : data, s->len, v);
	s->data = data;
	s->seen = s->back = false;
	n_out++;
	rc = nic_tx(0, v, n, s->off.flags ? &s->off : NULL, s);
	if (rc == 0)
		return true;
	must(rc == -ERR_AGAIN);
	n_out--;
	free(data);
	return false;
}

/* ---- in ---- */

static struct { uint8_t *data; unsigned len; struct nic_offload off; } in[FRAMES + 8];
static unsigned n_in, n_sent_in;
static uint32_t lent[64];
static unsigned n_lent;

static inline void send_in(void)
{
	struct nic_offload off = { 0 };
	bool six = xenhost_below(2);
	unsigned len = 78 + (unsigned)xenhost_below(1436), part = 0;
	uint8_t *data;

	if (n_sent_in == FRAMES || n_sent_in - n_in > 30)
		return;
	if (xenhost_below(4) == 0) {
		len = 3000 + (unsigned)xenhost_below(50000);
		part = 4096 - (unsigned)xenhost_below(100);
	} else if (xenhost_below(4) == 0) {
		part = 54 + len / 3;
	}
	data = malloc(len);
	make(data, len, six, n_sent_in);
	if (len > 2000 || xenhost_below(2)) {
		partial(data, len, six, &off);
		if (len > 2000) {
			off.gso_size = 1400;
			off.flags |= six ? NIC_GSO_TCP6 : NIC_GSO_TCP4;
		}
	} else if (xenhost_below(2)) {
		off.flags = NIC_CSUM_VALID;
	}
	in[n_sent_in].data = data;
	in[n_sent_in].len = len;
	in[n_sent_in++].off = off;
	xenhost_net_send(0, data, len, &off, part);
}

static inline void give_back_one(void)
{
	unsigned i = (unsigned)xenhost_below(n_lent);

	nic_rx_done(0, lent[i]);
	lent[i] = lent[--n_lent];
}

/* Whole frames only, with what was said of them. Several queues may mix the order: the number tells which it is. */
static inline void take_frame(const struct nic_buf *v, unsigned n)
{
	static uint8_t data[70000];
	unsigned len = 0;
	uint32_t k;

	for (unsigned i = 0; i < n; i++) {
		memcpy(data + len, v[i].data, v[i].len);
		len += v[i].len;
		if (n_lent == 64)
			give_back_one();
		lent[n_lent++] = v[i].id;
	}
	must(len >= 78);
	memcpy(&k, data + (data[12] == 0x86 ? 74 : 54), 4);
	must(k < n_sent_in && in[k].data && in[k].len == len && memcmp(in[k].data, data, len) == 0);
	must(v[0].off.flags == in[k].off.flags && v[0].off.gso_size == in[k].off.gso_size);
	if (v[0].off.flags & NIC_CSUM_PARTIAL)
		must(v[0].off.csum_start == in[k].off.csum_start && v[0].off.csum_offset == 16 && v[0].off.hdr_len == in[k].off.hdr_len);
	free(in[k].data);
	in[k].data = NULL;
	n_in++;
}

static inline unsigned receive(void)
{
	struct nic_buf v[64];
	unsigned n = nic_rx(0, v, 64), from = 0;

	for (unsigned i = 0; i < n; i++) {
		if (v[i].more)
			continue;
		take_frame(v + from, i - from + 1);
		from = i + 1;
	}
	must(from == n);
	return n;
}

/* ---- cases ---- */

/* What a backend has; a later one may have more or less. */
static inline void draw_backend(void)
{
	struct xenhost_nic *c = &xenhost_nic[0];

	c->sg = xenhost_below(4);
	c->gso4 = xenhost_below(3);
	c->gso6 = xenhost_below(3);
	c->no_csum = xenhost_below(4) == 0;
	c->csum6 = xenhost_below(2);
	c->split = xenhost_below(2);
	c->untrusted = xenhost_below(5) == 0;
	c->queues = (unsigned)xenhost_below(5);
	c->shuffle = xenhost_below(2);
}

static inline void draw_features(void)
{
	struct xenhost_nic *c = &xenhost_nic[0];
	static char line[32];

	draw_backend();
	c->mtu = (unsigned[]){ 0, 1500, 9000, 1280 }[xenhost_below(4)];
	c->domid = (unsigned)xenhost_below(2) * 7;
	xenhost.eagain = (unsigned)xenhost_below(3);
	xenhost.eacces = (unsigned)xenhost_below(3);
	xenhost.spurious = (unsigned)xenhost_below(500);
	snprintf(line, sizeof(line), "pith.queues=%u", (unsigned)xenhost_below(6));
	xenhost.cmdline = line;
}

static inline void open_nic(struct nic_info *info)
{
	must(nic_open(0, info) == 0);
	must(info->up && !info->broken && info->mac[5] == 1);
	must(nic_open(0, info) == -ERR_BUSY && nic_open(1, info) == -ERR_NODEV);
	must(nic_share(0, arena, ARENA * PAGE_SIZE) == 0);
	must(nic_share(0, arena, PAGE_SIZE) == -ERR_INVAL);
	if (xenhost_below(4))
		plat_seal(); /* from here on the fake Xen lets nobody grant */
	nic_info(0, info);
}

/* Polls and arms, as the loop does. Returns whether it is time to sleep. */
static inline bool step(const struct nic_info *info, bool may_send)
{
	bool did = false;

	for (unsigned i = (unsigned)xenhost_below(8); may_send && i > 0 && n_out < FRAMES; i--)
		did |= send_one(info);
	if (may_send && xenhost_below(2))
		send_in();
	did |= receive() > 0;
	while (n_lent > 0 && xenhost_below(3))
		give_back_one();
	take_tokens();
	nic_kick(0);
	return !did && !nic_arm(0);
}

/* A lost wake-up is a deadlock, which xenhost.c reports. */
static inline void turn(const struct nic_info *info, bool may_send)
{
	if (step(info, may_send))
		plat_wait(n_back == n_out && n_in == n_sent_in ? plat_now() + 1000000 : PLAT_FOREVER);
}

static inline void finish(const struct nic_info *info)
{
	unsigned lent_now, total;

	while (n_back < n_out || n_in < n_sent_in)
		turn(info, false);
	while (n_lent > 0)
		give_back_one();
	nic_rx_lent(0, &lent_now, &total);
	must(lent_now == 0 && total >= 16);
	must(xenhost.refused_grants == 0 && xenhost_open_transactions() == 0);
}

#endif
