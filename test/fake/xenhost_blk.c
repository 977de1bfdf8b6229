/* SPDX-License-Identifier: MIT */
/*
 * The fake Xen's blkback: the handshake, and requests as xen/io/blkif.h has them, with every feature there or not. It enforces
 * what a frontend must not do, and tells the lies of xenhost.lie. Read xenhost.h first.
 */
#include <stdlib.h>

#include "test/fake/xenhost_back.h"

#define HELD 1024u
#define UNIT 512u
#define PER_LIST 512u /* segments on a page of indirect ones */

struct xenhost_disk xenhost_disk[XENHOST_DISKS] = { { .present = true, .sectors = 2048, .sector_size = 512, .flush = true,
	.barrier = true, .discard = true, .persistent = true, .indirect = 256, .order = 4 } };

struct held {
	unsigned queue;
	struct blkif_response rsp;
};

static struct disk {
	char back[80], front[80];
	bool begun;
	unsigned turns, n_queues;
	struct back_ring ring[XENHOST_QUEUES];
	struct held held[HELD];
	unsigned n_held;
	bool persistent[64 * 512]; /* references that stay mapped */
	unsigned n_persistent;
} disks[XENHOST_DISKS];

static unsigned number_of(unsigned n)
{
	return 51712 + 16 * n; /* xvda, xvdb */
}

/* ---- the handshake ---- */

static void begin(struct disk *b, struct xenhost_disk *c, unsigned n)
{
	back_path(b->back, sizeof(b->back), "vbd", c->domid, number_of(n));
	front_path(b->front, sizeof(b->front), "vbd", number_of(n));
	back_toolstack("vbd", c->domid, number_of(n));
	if (c->order)
		xenhost_set("%s/max-ring-page-order=%u", b->back, c->order);
	if (c->queues)
		xenhost_set("%s/multi-queue-max-queues=%u", b->back, c->queues);
	b->begun = true;
	b->turns = c->state == XenbusStateConnected; /* it was alive before */
	if (!c->data)
		c->data = calloc(c->sectors, UNIT);
	if (c->state)
		back_say(b->back, &c->state, c->state);
	else
		c->state = XenbusStateInitialising;
}

/* blkback writes these when it connects, not before. */
static void describe(struct disk *b, struct xenhost_disk *c)
{
	xenhost_set("%s/sectors=%llu", b->back, (unsigned long long)c->sectors);
	xenhost_set("%s/sector-size=%u", b->back, c->sector_size);
	xenhost_set("%s/info=%u", b->back, c->read_only ? VDISK_READONLY : 0);
	xenhost_set("%s/feature-flush-cache=%u", b->back, c->flush);
	xenhost_set("%s/feature-barrier=%u", b->back, c->barrier);
	xenhost_set("%s/feature-persistent=%u", b->back, c->persistent);
	if (c->discard)
		xenhost_set("%s/feature-discard=1", b->back);
	if (c->indirect)
		xenhost_set("%s/feature-max-indirect-segments=%u", b->back, c->indirect);
}

static bool attach_queue(struct disk *b, struct xenhost_disk *c, unsigned q, const char *dir, unsigned order)
{
	struct back_ring *r = &b->ring[q];
	unsigned port = (unsigned)xenhost_get_number(dir, "event-channel", 0);
	char key[20];

	r->pages = 1u << order;
	for (unsigned i = 0; i < r->pages; i++) {
		snprintf(key, sizeof(key), order ? "ring-ref%u" : "ring-ref", i);
		r->ref[i] = (unsigned)xenhost_get_number(dir, key, 0);
	}
	return xenhost_bind(port, c->domid) && back_attach(r, c->domid, port, sizeof(union blkif_sring_entry));
}

static bool attach(struct disk *b, struct xenhost_disk *c)
{
	unsigned order = (unsigned)xenhost_get_number(b->front, "ring-page-order", 0);
	const char *protocol;
	bool good = true;
	char dir[120];

	snprintf(dir, sizeof(dir), "%s/protocol", b->front);
	protocol = xenhost_get(dir);
	if (!protocol || strcmp(protocol, XEN_IO_PROTO_ABI_X86_64) || order > c->order || order > 2)
		xenhost_wrong("blkback: protocol or ring order %u", order);
	b->n_queues = (unsigned)xenhost_get_number(b->front, "multi-queue-num-queues", 1);
	if (b->n_queues == 0 || b->n_queues > (c->queues ? c->queues : 1))
		xenhost_wrong("blkback: %u queues asked for", b->n_queues);
	for (unsigned q = 0; q < b->n_queues && good; q++) {
		snprintf(dir, sizeof(dir), b->n_queues > 1 ? "%s/queue-%u" : "%s", b->front, q);
		good = attach_queue(b, c, q, dir, order);
	}
	return good;
}

static void detach(struct disk *b)
{
	for (unsigned q = 0; q < XENHOST_QUEUES; q++)
		back_detach(&b->ring[q], xenhost_disk[b - disks].keep);
	for (unsigned ref = 0; ref < 64 * 512; ref++) {
		if (b->persistent[ref])
			xenhost_unmap(ref, true);
		b->persistent[ref] = false;
	}
	b->n_queues = b->n_held = b->n_persistent = 0;
}

static bool handshake(struct disk *b, struct xenhost_disk *c)
{
	unsigned front = (unsigned)xenhost_get_number(b->front, "state", 1), was = c->state;

	if (c->stay)
		return false;
	if (c->state == XenbusStateInitialising && ++b->turns > 3) {
		back_say(b->back, &c->state, XenbusStateInitWait);
	} else if (c->state == XenbusStateInitWait && (front == XenbusStateInitialised || front == XenbusStateConnected)) {
		if (!attach(b, c))
			xenhost_wrong("blkback: ring or event cannot be had");
		describe(b, c);
		back_say(b->back, &c->state, c->refuse ? XenbusStateClosing : XenbusStateConnected);
	} else if (c->state == XenbusStateConnected && front == XenbusStateClosing) {
		detach(b);
		back_say(b->back, &c->state, XenbusStateClosing);
	} else if (c->state != XenbusStateClosed && c->state > XenbusStateInitWait && front == XenbusStateClosed) {
		detach(b);
		back_say(b->back, &c->state, XenbusStateClosed);
	} else if (c->state == XenbusStateClosed && front == XenbusStateInitialising && b->turns) {
		back_say(b->back, &c->state, XenbusStateInitWait);
	}
	return c->state != was;
}

void xenhost_blk_life(void)
{
	for (struct disk *b = disks; b < disks + XENHOST_DISKS; b++) {
		memset(b->ring, 0, sizeof(b->ring));
		memset(b->persistent, 0, sizeof(b->persistent));
		b->n_queues = b->n_held = b->n_persistent = 0;
		b->begun = false;
		xenhost_disk[b - disks].state = 0;
	}
}

void xenhost_blk_stop(unsigned n)
{
	detach(&disks[n]);
	back_say(disks[n].back, &xenhost_disk[n].state, XenbusStateClosed);
	disks[n].turns = 0;
}

void xenhost_blk_start(unsigned n)
{
	disks[n].turns = 1;
	back_say(disks[n].back, &xenhost_disk[n].state, XenbusStateInitWait);
}

/* What the toolstack writes for `xl block-detach`; the backend serves on until the guest lets it go. */
void xenhost_blk_leave(unsigned n)
{
	back_leave(disks[n].back);
}

void xenhost_blk_unplug(unsigned n)
{
	detach(&disks[n]);
	disks[n].begun = xenhost_disk[n].present = false;
	back_gone(disks[n].front, disks[n].back, &xenhost_disk[n].state);
}

/* As blkback does it: the size, then the state once more so that the watch fires. */
void xenhost_blk_resize(unsigned n, uint64_t sectors)
{
	struct xenhost_disk *c = &xenhost_disk[n];

	c->data = realloc(c->data, sectors * UNIT);
	if (sectors > c->sectors)
		memset(c->data + c->sectors * UNIT, 0, (sectors - c->sectors) * UNIT);
	c->sectors = sectors;
	xenhost_set("%s/sectors=%llu", disks[n].back, (unsigned long long)sectors);
	back_say(disks[n].back, &c->state, c->state);
}

/* ---- requests ---- */

/* Moves one segment. A page stays mapped where grants are persistent. */
static void move(struct disk *b, struct xenhost_disk *c, const struct blkif_request_segment *s, uint64_t unit, bool read)
{
	unsigned len = (s->last_sect - s->first_sect + 1u) * UNIT;
	char *page;

	if (s->first_sect > s->last_sect || s->last_sect > 7)
		xenhost_wrong("blkback: segment %u to %u", s->first_sect, s->last_sect);
	if (unit + len / UNIT > c->sectors)
		xenhost_wrong("blkback: beyond the disk");
	page = xenhost_map(c->domid, s->gref, true);
	if (!page)
		xenhost_wrong("blkback: page %u is not granted", s->gref);
	if (read)
		memcpy(page + s->first_sect * UNIT, c->data + unit * UNIT, len);
	else
		memcpy(c->data + unit * UNIT, page + s->first_sect * UNIT, len);
	if (c->persistent && !b->persistent[s->gref]) {
		b->persistent[s->gref] = true;
		b->n_persistent++;
	} else {
		xenhost_unmap(s->gref, true);
	}
}

static void move_all(struct disk *b, struct xenhost_disk *c, const struct blkif_request_segment *v, unsigned n, uint64_t unit, bool read)
{
	for (unsigned i = 0; i < n; i++) {
		move(b, c, &v[i], unit, read);
		unit += v[i].last_sect - v[i].first_sect + 1u;
	}
}

static int data_request(struct disk *b, struct xenhost_disk *c, const struct blkif_request *r, unsigned *op)
{
	struct blkif_request_segment v[PER_LIST];
	const struct blkif_request_indirect *x = (const void *)r;

	if (r->operation != BLKIF_OP_INDIRECT) {
		if (r->nr_segments == 0 || r->nr_segments > BLKIF_MAX_SEGMENTS_PER_REQUEST)
			xenhost_wrong("blkback: %u segments", r->nr_segments);
		memcpy(v, r->seg, sizeof(r->seg));
		move_all(b, c, v, r->nr_segments, r->sector_number, r->operation == BLKIF_OP_READ);
		return BLKIF_RSP_OKAY;
	}
	if (x->nr_segments > c->indirect || x->nr_segments > PER_LIST ||
	    !xenhost_copy(c->domid, x->indirect_grefs[0], 0, v, x->nr_segments * (unsigned)sizeof(v[0]), false))
		xenhost_wrong("blkback: %u indirect segments", x->nr_segments);
	*op = x->indirect_op;
	move_all(b, c, v, x->nr_segments, x->sector_number, x->indirect_op == BLKIF_OP_READ);
	return BLKIF_RSP_OKAY;
}

static int discard(struct xenhost_disk *c, const struct blkif_request *r)
{
	const struct blkif_request_discard *x = (const void *)r;

	if (!c->discard || x->sector_number > c->sectors || x->nr_sectors > c->sectors - x->sector_number)
		xenhost_wrong("blkback: discard of %llu at %llu", (unsigned long long)x->nr_sectors, (unsigned long long)x->sector_number);
	if (c->no_discard)
		return BLKIF_RSP_EOPNOTSUPP;
	memset(c->data + x->sector_number * UNIT, 0, x->nr_sectors * UNIT);
	return BLKIF_RSP_OKAY;
}

static int perform(struct disk *b, struct xenhost_disk *c, const struct blkif_request *r, unsigned *op)
{
	bool writes = r->operation == BLKIF_OP_WRITE || r->operation == BLKIF_OP_DISCARD ||
		      (r->operation == BLKIF_OP_INDIRECT && r->nr_segments == BLKIF_OP_WRITE);

	if (c->read_only && writes)
		xenhost_wrong("blkback: operation %u on a read-only disk", r->operation);
	if (xenhost_below(10000) < c->fail)
		return BLKIF_RSP_ERROR;
	switch (r->operation) {
	case BLKIF_OP_READ:
	case BLKIF_OP_WRITE:
	case BLKIF_OP_INDIRECT:
		return data_request(b, c, r, op);
	case BLKIF_OP_FLUSH_DISKCACHE:
		if (!c->flush || r->nr_segments)
			xenhost_wrong("blkback: flush was not offered");
		return c->no_flush ? BLKIF_RSP_EOPNOTSUPP : BLKIF_RSP_OKAY;
	case BLKIF_OP_WRITE_BARRIER:
		if (!c->barrier)
			xenhost_wrong("blkback: barrier was not offered");
		return c->no_barrier ? BLKIF_RSP_EOPNOTSUPP : BLKIF_RSP_OKAY;
	case BLKIF_OP_DISCARD:
		return discard(c, r);
	default:
		xenhost_wrong("blkback: operation %u", r->operation);
	}
}

static void take(struct disk *b, struct xenhost_disk *c, unsigned q)
{
	struct blkif_request r;
	struct blkif_request_indirect x;
	uint64_t id;
	unsigned op;
	int status;

	back_read(&b->ring[q], b->ring[q].cons++, &r, sizeof(r));
	memcpy(&x, &r, sizeof(x));
	id = r.operation == BLKIF_OP_INDIRECT ? x.id : r.id; /* at the same place in all of them */
	op = r.operation;
	status = perform(b, c, &r, &op);
	if (b->n_held == HELD)
		xenhost_wrong("blkback: too much held");
	b->held[b->n_held++] = (struct held){ q, { id, (uint8_t)op, (int16_t)status } };
	c->done++;
}

static void answer(struct back_ring *r, struct blkif_response rsp)
{
	if (xenhost_lies(LIE_BLK_ID))
		rsp.id = 1ull << 40;
	if (xenhost_lies(LIE_BLK_TWICE))
		rsp.id ^= 64;
	if (xenhost_lies(LIE_BLK_OP))
		rsp.operation = 77;
	if (xenhost_lies(LIE_BLK_STATUS))
		rsp.status = 99;
	back_write(r, r->prod++, &rsp, sizeof(rsp));
	if (xenhost_lies(LIE_BLK_PROD))
		r->prod += 500;
	if (xenhost_lies(LIE_BLK_BACK))
		r->prod -= 1000;
}

static bool run(struct disk *b, struct xenhost_disk *c)
{
	bool did = false;

	for (unsigned q = 0; q < b->n_queues; q++) {
		struct back_ring *r = &b->ring[q];

		if (!xenhost_kicked(r->port) && back_shared(r)->req_event == r->cons + 1)
			continue; /* asleep until the guest tells */
		while (back_pending(r) > 0) {
			take(b, c, q);
			did = true;
		}
		back_shared(r)->req_event = r->cons + 1;
	}
	while (b->n_held > 0 && !c->hold) {
		unsigned i = c->shuffle ? (unsigned)xenhost_below(b->n_held) : 0;

		if (c->shuffle && xenhost_below(5) == 0)
			break;
		answer(&b->ring[b->held[i].queue], b->held[i].rsp);
		b->held[i] = b->held[--b->n_held];
		did = true;
	}
	for (unsigned q = 0; q < b->n_queues; q++)
		back_push(&b->ring[q]);
	return did || (b->n_held > 0 && !c->hold);
}

bool xenhost_blk_run(void)
{
	bool did = false;

	for (unsigned n = 0; n < XENHOST_DISKS; n++) {
		struct disk *b = &disks[n];
		struct xenhost_disk *c = &xenhost_disk[n];

		if (!c->present)
			continue;
		if (!b->begun)
			begin(b, c, n);
		did |= handshake(b, c);
		if (c->state == XenbusStateConnected && b->n_queues > 0)
			did |= run(b, c);
	}
	return did;
}
