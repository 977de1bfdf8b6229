/* SPDX-License-Identifier: MIT */
/*
 * The door's nic.h: up to four interfaces on bad wires. Read fake.h first.
 *
 * A frame of nic_tx() is on the ring until nic_kick(), then on the wire out, and reaches
 * fake_peer_input(); fake_nic_deliver() puts a frame on the wire in, which ends in a receive buffer (wire.c).
 * Received data stands in memory of its own length from malloc, freed by nic_rx_done(), so a sanitizer sees who
 * reads too far or too late; a fragment that changes before its token is back is found by its sum.
 * Buffers given back and frames queued are the device's only after nic_kick(), as with real rings.
 */
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "core/plat.h"
#include "test/fake/fake.h"
#include "test/fake/wire.h"

#define ETHER 14u
#define ALL_FEATURES (NIC_TX_CSUM | NIC_TX_TSO4 | NIC_TX_TSO6 | NIC_RX_CSUM | NIC_RX_GSO)
#define GSO (NIC_GSO_TCP4 | NIC_GSO_TCP6)

struct buffer {
	enum { IDLE, FULL, LENT, BACK } state;
	uint8_t *memory;
	struct nic_buf buf;
};

struct slot {
	enum { EMPTY, QUEUED, BUSY } state;
	uint64_t done;
	uint64_t sum; /* of the contents */
	unsigned nv;
	struct nic_frag v[NIC_FRAGS_MAX];
	struct nic_offload off;
	void *token;
};

struct device {
	bool open, broken, armed;
	uint64_t interrupt;         /* when armed: when it will be raised */
	uintptr_t arena;
	size_t arena_len;
	struct flight *in, *out;
	struct buffer *buffer;
	unsigned *full, nfull;      /* ids of full buffers, in the order of arrival */
	struct slot *slot;
	struct nic_stats stats;
};

struct fake_nic_config fake_nic[FAKE_NICS];
static struct device device[FAKE_NICS];

/* ---- Receiving ---- */

static unsigned count_buffers(const struct device *d, const struct fake_nic_config *c, unsigned state)
{
	unsigned n = 0;

	for (unsigned i = 0; i < c->rx_buffers; i++)
		n += d->buffer[i].state == state;
	return n;
}

static unsigned take_idle(struct device *d)
{
	unsigned id = 0;

	while (d->buffer[id].state != IDLE)
		id++;
	return id;
}

/* One buffer's worth of a frame, 2 modulo 4. */
static void fill_buffer(struct device *d, const uint8_t *data, size_t len, bool more, const struct nic_offload *off)
{
	unsigned id = take_idle(d);
	struct buffer *b = &d->buffer[id];

	b->memory = malloc(len + 2);
	memcpy(b->memory + 2, data, len);
	b->buf = (struct nic_buf){ .data = b->memory + 2, .len = (uint32_t)len, .id = id, .more = more, .off = *off };
	b->state = FULL;
	d->full[d->nfull++] = id;
}

/* A frame as the device hands it on. */
static void receive(unsigned n, const uint8_t *frame, size_t len, const struct nic_offload *off)
{
	struct fake_nic_config *c = &fake_nic[n];
	struct device *d = &device[n];
	struct nic_offload o = *off;
	size_t part;

	if (count_buffers(d, c, IDLE) < (len + c->rx_size - 1) / c->rx_size) {
		d->stats.rx_dropped++;
		return;
	}
	if ((c->features & NIC_RX_CSUM) && !o.flags && fake_chance(5000) && fake_offload_right(frame, len))
		o.flags = NIC_CSUM_VALID;
	d->stats.rx_frames++;
	d->stats.rx_bytes += len;
	for (; len > 0; frame += part, len -= part) {
		part = len < c->rx_size ? len : c->rx_size;
		fill_buffer(d, frame, part, part < len, &o);
		o = (struct nic_offload){ 0 };
	}
}

static void receive_piece(void *ctx, const uint8_t *piece, size_t len)
{
	static const struct nic_offload none;

	receive((unsigned)(uintptr_t)ctx, piece, len, &none);
}

/* A frame that came out of the wire: with offloads only as far as the device has them. */
static void arrive(unsigned n, const struct flight *f)
{
	struct fake_nic_config *c = &fake_nic[n];
	struct device *d = &device[n];
	uint32_t need = f->off.flags & GSO ? NIC_RX_CSUM | NIC_RX_GSO : f->off.flags & NIC_CSUM_PARTIAL ? NIC_RX_CSUM : 0;

	if (!d->open || d->broken || c->down)
		return;
	if (f->len > c->mtu + ETHER && !(f->off.flags & GSO))
		d->stats.rx_errors++;
	else if ((c->features & need) != need)
		fake_offload_apply(f->data, f->len, &f->off, receive_piece, (void *)(uintptr_t)n);
	else
		receive(n, f->data, f->len, &f->off);
}

/* ---- Time ---- */

/* Lets happen what is due: frames reach the far ends, and ours. What a far end answers without delay is seen as well. */
static void run(void)
{
	bool moved = true;

	while (moved) {
		moved = false;
		for (unsigned n = 0; n < FAKE_NICS; n++) {
			struct flight *f;

			while ((f = wire_take(&device[n].out))) {
				fake_peer_input(n, f->data, f->len, &f->off);
				free(f);
				moved = true;
			}
			while ((f = wire_take(&device[n].in))) {
				arrive(n, f);
				free(f);
			}
		}
	}
}

/* When something next happens that device n may have to tell. A frame that reaches any far end may cause an answer. */
static uint64_t next_event(unsigned n)
{
	uint64_t at = device[n].in ? device[n].in->when : PLAT_FOREVER;

	for (unsigned i = 0; i < FAKE_NICS; i++)
		if (device[i].out && device[i].out->when < at)
			at = device[i].out->when;
	for (unsigned i = 0; i < fake_nic[n].tx_ring; i++)
		if (device[n].slot[i].state == BUSY && device[n].slot[i].done < at)
			at = device[n].slot[i].done;
	return at;
}

/* Sets the interrupts of the armed devices. Called after everything that could have changed them. */
static void set_interrupts(void)
{
	for (unsigned n = 0; n < FAKE_NICS; n++) {
		struct device *d = &device[n];

		if (!d->armed)
			continue;
		if (d->interrupt <= fake_now()) { /* it was raised, once */
			d->armed = false;
			d->stats.wakes++;
			fake_interrupt(FAKE_NIC0 + n, PLAT_FOREVER);
			continue;
		}
		d->interrupt = next_event(n);
		fake_interrupt(FAKE_NIC0 + n, d->interrupt);
	}
}

void fake_nic_deliver(unsigned n, const void *frame, size_t len, const struct nic_offload *off)
{
	static const struct nic_offload none;

	if (len > WIRE_FRAME_MAX)
		fake_wrong("the far end sends a frame of %zu bytes", len);
	wire_send(&fake_nic[n], &device[n].in, frame, len, off ? off : &none);
	set_interrupts();
}

/* ---- Opening ---- */

static void settle(struct fake_nic_config *c, unsigned n)
{
	static const uint8_t mac[6] = { 0x02, 0x00, 0x5e, 0x10, 0x00, 0x01 };

	if (c->mtu) /* the test has set it, or we were here before */
		return;
	memcpy(c->mac, mac, sizeof(mac));
	c->mac[5] += (uint8_t)n;
	c->mtu = 1500;
	c->rx_buffers = c->rx_buffers ? c->rx_buffers : 256;
	c->tx_ring = c->tx_ring ? c->tx_ring : 256;
	c->rx_size = c->rx_size ? c->rx_size : 2048;
	c->features = c->features ? c->features : ALL_FEATURES;
	c->delay = c->delay ? c->delay : 10000;
	c->tx_time = c->tx_time ? c->tx_time : 2000;
}

int nic_open(unsigned n, struct nic_info *info)
{
	struct device *d;

	if (n >= FAKE_NICS || fake_nic[n].absent)
		return -ERR_NODEV;
	d = &device[n];
	if (fake_nic[n].open_error)
		return fake_nic[n].open_error;
	if (d->open)
		return -ERR_BUSY;
	settle(&fake_nic[n], n);
	d->open = true;
	d->buffer = calloc(fake_nic[n].rx_buffers, sizeof(*d->buffer));
	d->full = calloc(fake_nic[n].rx_buffers, sizeof(*d->full));
	d->slot = calloc(fake_nic[n].tx_ring, sizeof(*d->slot));
	nic_info(n, info);
	return 0;
}

static struct device *opened(unsigned n, const char *who)
{
	if (n >= FAKE_NICS || !device[n].open)
		fake_wrong("%s(%u): not open", who, n);
	run();
	return &device[n];
}

void nic_info(unsigned n, struct nic_info *info)
{
	struct device *d = opened(n, "nic_info");

	*info = (struct nic_info){ .mtu = fake_nic[n].mtu, .up = !fake_nic[n].down, .broken = d->broken, .features = fake_nic[n].features,
		.announce = fake_nic[n].announce };
	memcpy(info->mac, fake_nic[n].mac, 6);
}

void nic_stats(unsigned n, struct nic_stats *stats)
{
	*stats = opened(n, "nic_stats")->stats;
}

int nic_share(unsigned n, void *base, size_t len)
{
	struct device *d = opened(n, "nic_share");

	if ((uintptr_t)base % 4096 || len == 0)
		return -ERR_INVAL;
	if (d->arena_len)
		fake_wrong("nic_share(%u) called twice", n);
	d->arena = (uintptr_t)base;
	d->arena_len = len;
	return 0;
}

/* ---- The door: receiving ---- */

/* How many buffers the first full frame takes, 0 for none. */
static unsigned first_frame(const struct device *d)
{
	unsigned parts = 0;

	if (d->nfull == 0)
		return 0;
	while (d->buffer[d->full[parts++]].buf.more)
		;
	return parts;
}

unsigned nic_rx(unsigned n, struct nic_buf *v, unsigned max)
{
	struct device *d = opened(n, "nic_rx");
	unsigned lent = 0, parts;

	if (max < 64)
		fake_wrong("nic_rx() for %u buffers: at least 64", max);
	while (!d->broken && (parts = first_frame(d)) > 0 && lent + parts <= max) {
		for (unsigned i = 0; i < parts; i++) {
			d->buffer[d->full[i]].state = LENT;
			v[lent++] = d->buffer[d->full[i]].buf;
		}
		d->nfull -= parts;
		memmove(d->full, d->full + parts, d->nfull * sizeof(*d->full));
	}
	set_interrupts();
	return lent;
}

void nic_rx_done(unsigned n, uint32_t id)
{
	struct device *d = opened(n, "nic_rx_done");

	if (id >= fake_nic[n].rx_buffers || d->buffer[id].state != LENT)
		fake_wrong("nic_rx_done(%u, %u): not lent", n, id);
	free(d->buffer[id].memory);
	d->buffer[id].memory = NULL;
	d->buffer[id].state = BACK;
}

void nic_rx_lent(unsigned n, unsigned *lent, unsigned *total)
{
	*lent = count_buffers(opened(n, "nic_rx_lent"), &fake_nic[n], LENT);
	*total = fake_nic[n].rx_buffers;
}

/* ---- The door: sending ---- */

/* Checks what no device could: that the fragments lie in the arena, and that the frame is one. */
static void check_frags(unsigned n, const struct nic_frag *v, unsigned nv, bool gso)
{
	const struct device *d = &device[n];
	size_t len = 0;

	for (unsigned i = 0; i < nv; i++) {
		uintptr_t at = (uintptr_t)v[i].base;

		if (at < d->arena || at - d->arena > d->arena_len || v[i].len > d->arena_len - (at - d->arena))
			fake_wrong("nic_tx(%u): %u bytes at %p are outside the arena", n, v[i].len, v[i].base);
		len += v[i].len;
	}
	if (len < ETHER || len > WIRE_FRAME_MAX || (!gso && len > fake_nic[n].mtu + ETHER))
		fake_wrong("nic_tx(%u): frame of %zu bytes, mtu %u", n, len, fake_nic[n].mtu);
}

static struct slot *empty_slot(unsigned n)
{
	for (unsigned i = 0; i < fake_nic[n].tx_ring; i++)
		if (device[n].slot[i].state == EMPTY)
			return &device[n].slot[i];
	return NULL;
}

int nic_tx(unsigned n, const struct nic_frag *v, unsigned nv, const struct nic_offload *off, void *token)
{
	static const struct nic_offload none;
	struct device *d = opened(n, "nic_tx");
	struct slot *s = empty_slot(n);

	if (!token)
		fake_wrong("nic_tx(%u): no token", n);
	if (!d->arena_len)
		fake_wrong("nic_tx(%u) before nic_share()", n);
	off = off ? off : &none;
	if (nv == 0 || nv > NIC_FRAGS_MAX || !fake_offload_known(fake_nic[n].features, off->flags))
		return -ERR_INVAL;
	if (!s)
		return -ERR_AGAIN;
	check_frags(n, v, nv, off->flags & GSO);
	*s = (struct slot){ .state = QUEUED, .nv = nv, .off = *off, .token = token };
	memcpy(s->v, v, nv * sizeof(*v));
	s->sum = wire_sum(s->v, s->nv);
	return 0;
}

/* The device reads a frame and sends it. */
static void send(unsigned n, struct slot *s)
{
	static uint8_t frame[WIRE_FRAME_MAX];
	struct device *d = &device[n];
	size_t len = 0;

	s->state = BUSY;
	s->done = fake_now() + fake_nic[n].tx_time + fake_below(fake_nic[n].tx_jitter + 1);
	if (d->broken) {
		d->stats.tx_dropped++;
		return;
	}
	for (unsigned i = 0; i < s->nv; i++) {
		memcpy(frame + len, s->v[i].base, s->v[i].len);
		len += s->v[i].len;
	}
	d->stats.tx_frames++;
	d->stats.tx_bytes += len;
	wire_send(&fake_nic[n], &d->out, frame, len, &s->off);
}

void nic_kick(unsigned n)
{
	struct device *d = opened(n, "nic_kick");
	bool any = false;

	for (unsigned i = 0; i < fake_nic[n].tx_ring; i++) {
		if (d->slot[i].state == QUEUED) {
			send(n, &d->slot[i]);
			any = true;
		}
	}
	for (unsigned i = 0; i < fake_nic[n].rx_buffers; i++) {
		if (d->buffer[i].state == BACK) {
			d->buffer[i].state = IDLE;
			any = true;
		}
	}
	d->stats.kicks += any;
	set_interrupts();
}

/* The frame that was done first, if its time has come; a broken device is done with all. */
static struct slot *first_done(unsigned n)
{
	struct device *d = &device[n];
	struct slot *first = NULL;

	for (unsigned i = 0; i < fake_nic[n].tx_ring; i++) {
		struct slot *s = &d->slot[i];

		if (d->broken && s->state == QUEUED)
			return s;
		if (s->state == BUSY && (d->broken || s->done <= fake_now()) && (!first || s->done < first->done))
			first = s;
	}
	return first;
}

unsigned nic_tx_done(unsigned n, void **token, unsigned max)
{
	unsigned got = 0;
	struct slot *s;

	opened(n, "nic_tx_done");
	while (got < max && (s = first_done(n)) != NULL) {
		if (wire_sum(s->v, s->nv) != s->sum)
			fake_wrong("nic_tx(%u): a fragment was changed before nic_tx_done()", n);
		s->state = EMPTY;
		token[got++] = s->token;
	}
	set_interrupts();
	return got;
}

bool nic_arm(unsigned n)
{
	struct device *d = opened(n, "nic_arm");

	if ((!d->broken && d->nfull > 0) || first_done(n))
		return true;
	d->armed = true;
	d->interrupt = PLAT_FOREVER;
	set_interrupts();
	return false;
}

/* ---- For tests ---- */

void fake_nic_break(unsigned n)
{
	opened(n, "fake_nic_break")->broken = true;
	if (device[n].armed) /* a driver that finds its device broken has something to tell */
		fake_interrupt(FAKE_NIC0 + n, fake_now());
}

void fake_nic_reset(unsigned n)
{
	struct device *d = &device[n];

	wire_drop(&d->in);
	wire_drop(&d->out);
	for (unsigned i = 0; d->open && i < fake_nic[n].rx_buffers; i++)
		free(d->buffer[i].memory);
	free(d->buffer);
	free(d->full);
	free(d->slot);
	*d = (struct device){ 0 };
	fake_nic[n] = (struct fake_nic_config){ 0 };
	fake_interrupt(FAKE_NIC0 + n, PLAT_FOREVER);
}

unsigned fake_nic_pending(unsigned n)
{
	struct device *d = opened(n, "fake_nic_pending");
	unsigned count = d->nfull + count_buffers(d, &fake_nic[n], LENT);

	for (struct flight *f = d->in; f; f = f->next)
		count++;
	for (struct flight *f = d->out; f; f = f->next)
		count++;
	for (unsigned i = 0; i < fake_nic[n].tx_ring; i++)
		count += d->slot[i].state != EMPTY;
	return count;
}
