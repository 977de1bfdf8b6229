/* SPDX-License-Identifier: MIT */
#include "test/fake/vmm.h"

/*
 * What the fake devices do: a wire, a disk, a source of random bytes; each checks its requests
 * (virtio 1.2 §5.1.6, §5.2.6, §5.4.6). Read vmm.h first.
 */

#include <stdlib.h>
#include <string.h>

#define F_ANY_LAYOUT 27u
#define F_VERSION_1 32u
#define N_CSUM 0u
#define N_GUEST_CSUM 1u
#define N_GUEST_TSO4 7u
#define N_GUEST_TSO6 8u
#define N_HOST_TSO4 11u
#define N_HOST_TSO6 12u
#define N_MRG 15u
#define N_GUEST_ANNOUNCE 21u
#define B_SIZE_MAX 1u
#define B_SEG_MAX 2u
#define B_RO 5u
#define B_FLUSH 9u
#define B_DISCARD 13u

#define DRIVER_OK 4u
#define RX 0u
#define TX 1u
#define CONTROL 2u

static bool works(const struct vmm_dev *d)
{
	return d->status & DRIVER_OK && !d->gave_up;
}

/* ---- network ---- */

static unsigned header_len(const struct vmm_dev *d)
{
	return vmm_has(d, F_VERSION_1) || vmm_has(d, N_MRG) ? 12 : 10;
}

static uint16_t word(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

/* §5.1.6.2.1: what a driver may ask for. */
static void check_header(const struct vmm_dev *d, const struct vmm_frame *f)
{
	const uint8_t *h = f->hdr;
	unsigned gso = h[1];

	if (h[0] & ~1u || (h[0] & 1 && !vmm_has(d, N_CSUM)))
		vmm_wrong("flags %#x of a sent frame", h[0]);
	if (gso && gso != 1 && gso != 4)
		vmm_wrong("gso type %#x of a sent frame", gso);
	if ((gso == 1 && !vmm_has(d, N_HOST_TSO4)) || (gso == 4 && !vmm_has(d, N_HOST_TSO6)))
		vmm_wrong("gso type %#x without the feature", gso);
	if (gso && (!(h[0] & 1) || !word(h + 4)))
		vmm_wrong("segments without checksum or size");
	if (!gso && (word(h + 2) || word(h + 4)))
		vmm_wrong("segment sizes of a frame without segments");
	if (h[0] & 1 && word(h + 6) + word(h + 8) + 2u > f->len)
		vmm_wrong("a checksum outside of the frame");
	if (header_len(d) == 12 && word(h + 10))
		vmm_wrong("num_buffers %u of a sent frame", word(h + 10));
}

static void send_frames(struct vmm_dev *d, struct vmm_queue *q)
{
	struct vmm_frame *f = &d->net->last;
	struct vmm_chain c;
	unsigned hdr = header_len(d);
	static uint8_t all[80000];

	if (d->net->hold_tx || !q->awake)
		return;
	while (vmm_take(d, q, &c)) {
		if (c.in || c.out_len <= hdr || c.out_len > sizeof all)
			vmm_wrong("a sent frame of %u bytes, %u pieces to write", c.out_len, c.in);
		if (!vmm_has(d, F_VERSION_1) && !vmm_has(d, F_ANY_LAYOUT) && c.seg[0].len != hdr)
			vmm_wrong("a legacy header shares its descriptor");
		vmm_gather(&c, all, c.out_len);
		memset(f->hdr, 0, sizeof f->hdr);
		memcpy(f->hdr, all, hdr);
		f->len = c.out_len - hdr;
		f->pieces = c.out;
		memcpy(f->data, all + hdr, f->len);
		check_header(d, f);
		d->net->sent++;
		vmm_return(d, q, &c, 0);
	}
	vmm_publish(d, q);
	vmm_rest(d, q);
}

/* §5.1.6.3.1 */
static void check_buffer(const struct vmm_dev *d, const struct vmm_chain *c)
{
	bool merged = vmm_has(d, N_MRG), large = vmm_has(d, N_GUEST_TSO4) || vmm_has(d, N_GUEST_TSO6);
	uint32_t least = merged ? header_len(d) + 1 : large ? 65550 + header_len(d) : 1514 + header_len(d);

	if (c->out || c->in_len < least)
		vmm_wrong("a receive buffer of %u bytes, at least %u wanted", c->in_len, least);
	if (!vmm_has(d, F_VERSION_1) && !vmm_has(d, F_ANY_LAYOUT) && !merged && c->seg[0].len != header_len(d))
		vmm_wrong("a legacy receive buffer without a descriptor for the header");
}

static void set_word(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
}

/* Lies in the header. */
static void twist(struct vmm_frame *f, unsigned n)
{
	set_word(f->hdr + 10, n);
	if (vmm_lies(LIE_RX_NONE))
		set_word(f->hdr + 10, 0);
	if (vmm_lies(LIE_RX_MANY))
		set_word(f->hdr + 10, 60000);
	if (vmm_lies(LIE_RX_ABSENT))
		set_word(f->hdr + 10, n + 1);
	if (vmm_lies(LIE_RX_CSUM))
		f->hdr[0] = 1, set_word(f->hdr + 6, 65000), set_word(f->hdr + 8, 600);
	if (vmm_lies(LIE_RX_GSO_TYPE))
		f->hdr[1] = 3;
	if (vmm_lies(LIE_RX_GSO_SIZE))
		f->hdr[0] = 1, set_word(f->hdr + 6, 34), set_word(f->hdr + 8, 16), f->hdr[1] = 1, set_word(f->hdr + 4, 0);
	if (vmm_lies(LIE_RX_HDR_LEN))
		set_word(f->hdr + 2, 65535);
}

static uint32_t least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/*
 * Puts one frame into as many buffers as it takes, all of which are there; a lie may shorten what
 * is said of the first.
 */
static void fill_buffers(struct vmm_dev *d, struct vmm_queue *q, struct vmm_frame *f, unsigned n)
{
	uint32_t at = 0, hdr = header_len(d), put;
	struct vmm_chain c;

	twist(f, n);
	for (unsigned i = 0; i < n; i++) {
		uint32_t skip = i ? 0 : hdr;

		vmm_take(d, q, &c);
		check_buffer(d, &c);
		if (!i)
			vmm_scatter(&c, 0, f->hdr, hdr);
		put = least(f->len - at, c.in_len - skip);
		vmm_scatter(&c, skip, f->data + at, put);
		at += put;
		put = !i && vmm_lies(LIE_RX_SHORT) ? 3 : !i && vmm_lies(LIE_RX_TINY) ? hdr + 5 : skip + put;
		vmm_return(d, q, &c, i && i + 1 == n && vmm_lies(LIE_RX_EMPTY) ? 0 : put);
	}
}

/* How many of the buffers that lie there the frame takes; 0: they do not suffice. */
static unsigned buffers_for(struct vmm_dev *d, struct vmm_queue *q, uint32_t len)
{
	const uint8_t *table = (const uint8_t *)(uintptr_t)q->desc;
	uint32_t left = len + header_len(d), n = vmm_available(d, q), size;

	for (uint32_t i = 0; i < n; i++) {
		unsigned at = ((volatile uint16_t *)(uintptr_t)q->avail)[2 + (uint16_t)(q->taken + i) % q->size];
		uint16_t flags;

		memcpy(&size, table + at * 16 + 8, 4);
		memcpy(&flags, table + at * 16 + 12, 2);
		if (flags & 1 || flags & 4 || !vmm_has(d, N_MRG))
			return 1;
		if (left <= size)
			return i + 1;
		left -= size;
	}
	return 0;
}

static void receive_frames(struct vmm_dev *d, struct vmm_queue *q)
{
	struct vmm_net *net = d->net;
	unsigned n;

	while (net->npending) {
		struct vmm_frame *f = net->pending[0];

		n = buffers_for(d, q, f->len);
		if (!n) {
			vmm_doze(d, q);
			break;
		}
		fill_buffers(d, q, f, n);
		net->delivered++;
		free(f);
		memmove(net->pending, net->pending + 1, --net->npending * sizeof *net->pending);
	}
	vmm_publish(d, q);
}

bool vmm_send(struct vmm_dev *d, const void *data, uint32_t len, const void *hdr)
{
	struct vmm_frame *f;

	if (d->net->npending == sizeof d->net->pending / sizeof *d->net->pending)
		return false;
	f = calloc(1, sizeof *f);
	f->len = len;
	memcpy(f->data, data, len);
	if (hdr)
		memcpy(f->hdr, hdr, sizeof f->hdr);
	d->net->pending[d->net->npending++] = f;
	return true;
}

static void give_up(struct vmm_dev *d)
{
	if (!vmm_lies(LIE_GIVES_UP))
		return;
	d->gave_up = true;
	vmm_config_changed(d);
}

/* §5.1.6.5.4: the one command there is; it takes back the wish to be announced. */
static void control(struct vmm_dev *d, struct vmm_queue *q)
{
	struct vmm_chain c;
	uint8_t command[2];

	if (!vmm_has(d, N_GUEST_ANNOUNCE) || !q->awake || d->net->hold_control)
		return;
	while (vmm_take(d, q, &c)) {
		if (c.out != 1 || c.in != 1 || c.out_len != 2 || c.in_len != 1)
			vmm_wrong("a command of %u bytes for an answer of %u", c.out_len, c.in_len);
		vmm_gather(&c, command, 2);
		if (command[0] != 3 || command[1] || !(d->config[6] & 2))
			vmm_wrong("command %u of class %u", command[1], command[0]);
		d->config[6] &= (uint8_t)~2u;
		d->net->announced++;
		vmm_scatter(&c, 0, "", 1);
		vmm_return(d, q, &c, 1);
	}
	vmm_publish(d, q);
	vmm_rest(d, q);
}

void vmm_ask_to_announce(struct vmm_dev *d)
{
	d->config[6] |= 2;
	vmm_config_changed(d);
}

static void net_work(struct vmm_dev *d)
{
	give_up(d);
	if (!works(d))
		return;
	receive_frames(d, &d->queue[RX]);
	send_frames(d, &d->queue[TX]);
	control(d, &d->queue[CONTROL]);
}

struct vmm_dev *vmm_add_net(enum vmm_kind kind, uint64_t features)
{
	struct vmm_dev *d = vmm_add(kind, 1, features);

	d->net = calloc(1, sizeof *d->net);
	d->nqueues = features >> 17 & 1 ? 3 : 2;
	d->work = net_work;
	d->config_len = 12;
	memcpy(d->config, "\x52\x54\x00\x12\x34\x56\x01\x00\x01\x00\xdc\x05", 12);
	return d;
}

/* ---- disk ---- */

struct request {
	uint32_t type, reserved;
	uint64_t sector;
};

static uint32_t config32(const struct vmm_dev *d, unsigned at)
{
	uint32_t v;

	memcpy(&v, d->config + at, 4);
	return v;
}

static void check_pieces(const struct vmm_dev *d, const struct vmm_chain *c, unsigned n, unsigned first)
{
	if (vmm_has(d, B_SEG_MAX) && n > config32(d, 12))
		vmm_wrong("a request of %u pieces, at most %u", n, config32(d, 12));
	for (unsigned i = first; i < first + n && vmm_has(d, B_SIZE_MAX); i++)
		if (c->seg[i].len > config32(d, 8))
			vmm_wrong("a piece of %u bytes, at most %u", c->seg[i].len, config32(d, 8));
}

/* §5.2.6.1 */
static void check_request(const struct vmm_dev *d, const struct vmm_chain *c, const struct request *r, uint64_t bytes)
{
	if (r->reserved)
		vmm_wrong("a request whose second word is %#x", r->reserved);
	if (r->type != 0 && r->type != 1 && r->type != 4 && r->type != 11)
		vmm_wrong("request type %u", r->type);
	if ((r->type == 4 && !vmm_has(d, B_FLUSH)) || (r->type == 11 && !vmm_has(d, B_DISCARD)))
		vmm_wrong("request type %u without the feature", r->type);
	if (r->type == 4 && (r->sector || bytes))
		vmm_wrong("a flush of sector %lu", (unsigned long)r->sector);
	if (r->type < 2 && (!bytes || bytes % 512))
		vmm_wrong("a request of %lu bytes", (unsigned long)bytes);
	if (r->type == 0)
		check_pieces(d, c, c->in - 1, c->out);
	if (r->type == 1)
		check_pieces(d, c, c->out - 1, 1);
}

static uint8_t discard(struct vmm_dev *d, const struct vmm_chain *c)
{
	uint8_t all[32];
	uint64_t sector;
	uint32_t n, flags;

	if (c->out_len != 32)
		vmm_wrong("a discard of %u bytes", c->out_len);
	vmm_gather(c, all, 32);
	memcpy(&sector, all + 16, 8);
	memcpy(&n, all + 24, 4);
	memcpy(&flags, all + 28, 4);
	if (flags || n > config32(d, 36) || sector + n > d->blk->sectors)
		vmm_wrong("a discard of %u sectors at %lu, flags %#x", n, (unsigned long)sector, flags);
	memset(d->blk->data + sector * 512, 0, n * 512ul);
	d->blk->discards++;
	return 0;
}

static uint8_t serve(struct vmm_dev *d, const struct vmm_chain *c, const struct request *r)
{
	uint64_t bytes = r->type == 0 ? c->in_len - 1 : c->out_len - 16;
	static uint8_t all[2u << 20];

	check_request(d, c, r, r->type == 11 ? 0 : bytes);
	if (d->blk->fail_every && d->blk->done % d->blk->fail_every == d->blk->fail_every - 1)
		return 1;
	if (r->type == 4) {
		d->blk->flushes++;
		return 0;
	}
	if (r->type == 11)
		return discard(d, c);
	if (r->sector > d->blk->sectors || bytes / 512 > d->blk->sectors - r->sector || (r->type == 1 && d->features >> B_RO & 1))
		return 1;
	if (r->type == 0) {
		vmm_scatter(c, 0, d->blk->data + r->sector * 512, bytes);
		return 0;
	}
	vmm_gather(c, all, c->out_len);
	memcpy(d->blk->data + r->sector * 512, all + 16, bytes);
	return 0;
}

static void finish(struct vmm_dev *d, const struct vmm_chain *c)
{
	struct request r;
	uint8_t status;

	if (c->out_len < 16 || !c->in || c->seg[c->out + c->in - 1].len < 1)
		vmm_wrong("a request without header or status");
	if (!vmm_has(d, F_VERSION_1) && !vmm_has(d, F_ANY_LAYOUT) && (c->seg[0].len != 16 || c->seg[c->out + c->in - 1].len != 1))
		vmm_wrong("a legacy request in the wrong pieces");
	vmm_gather(c, &r, sizeof r);
	status = serve(d, c, &r);
	if (vmm_lies(LIE_BLK_STATUS))
		status = 0x77;
	if (!vmm_lies(LIE_BLK_SILENT))
		vmm_scatter(c, c->in_len - 1, &status, 1);
	d->blk->done++;
	vmm_return(d, &d->queue[0], c, c->in_len);
}

static void blk_work(struct vmm_dev *d)
{
	struct vmm_blk *b = d->blk;
	struct vmm_queue *q = &d->queue[0];

	give_up(d);
	if (!works(d) || (!q->awake && !b->nheld))
		return;
	while (q->awake && b->nheld < 64 && vmm_take(d, q, &b->held[b->nheld]))
		b->nheld++;
	while (b->nheld && !b->hold) {
		unsigned i = b->shuffle ? (unsigned)vmm_below(b->nheld) : 0;

		finish(d, &b->held[i]);
		memmove(b->held + i, b->held + i + 1, (--b->nheld - i) * sizeof *b->held);
		if (b->shuffle && vmm_below(3) == 0)
			break;
	}
	vmm_publish(d, q);
	if (q->awake && !vmm_available(d, q))
		vmm_rest(d, q);
}

struct vmm_dev *vmm_add_blk(enum vmm_kind kind, uint64_t features, uint64_t sectors)
{
	struct vmm_dev *d = vmm_add(kind, 2, features);
	uint32_t fields[] = { 65536, 126 };

	d->blk = calloc(1, sizeof *d->blk);
	d->blk->data = calloc(sectors, 512);
	d->blk->sectors = sectors;
	d->work = blk_work;
	memcpy(d->config, &sectors, 8);
	memcpy(d->config + 8, fields, 8);
	memcpy(d->config + 20, (uint32_t[]){ 512 }, 4);
	memcpy(d->config + 36, (uint32_t[]){ 1024, 1, 1 }, 12);
	return d;
}

/* ---- random bytes ---- */

static void rng_work(struct vmm_dev *d)
{
	struct vmm_queue *q = &d->queue[0];
	struct vmm_chain c;
	uint8_t byte;
	uint32_t n;

	if (!works(d) || d->rng_holds || !q->awake)
		return;
	while (vmm_take(d, q, &c)) {
		if (c.out || !c.in_len)
			vmm_wrong("a request for random bytes with %u pieces to read", c.out);
		n = d->rng_len && d->rng_len < c.in_len ? d->rng_len : c.in_len;
		for (uint32_t i = 0; i < n; i++) {
			byte = d->rng_byte ? d->rng_byte : (uint8_t)vmm_random();
			vmm_scatter(&c, i, &byte, 1);
		}
		vmm_return(d, q, &c, n);
	}
	vmm_publish(d, q);
	vmm_rest(d, q);
}

struct vmm_dev *vmm_add_rng(enum vmm_kind kind)
{
	struct vmm_dev *d = vmm_add(kind, 4, 0);

	d->work = rng_work;
	d->config_len = 0;
	return d;
}
