/* SPDX-License-Identifier: MIT */
#include "blkfront/blkfront.h"

/*
 * Requests to the ring and back (xen/io/blkif.h).
 *
 * A request takes pages of the pool when it is queued and gives them back when it is answered.
 * Writes are copied in at the start, reads copied out at the end, once, so what the backend does to
 * a page later changes nothing. A request can be put on a ring again from what the slot remembers:
 * that is how nothing is lost when a backend goes away and comes back.
 *
 * A backend may offer flush, barrier or discard and still answer EOPNOTSUPP: then that feature is
 * gone from there on, and a flush is tried once more as a barrier where there is one.
 */

#define PER_PAGE (PAGE_SIZE / BLKFRONT_UNIT) /* ring units */

/* ---- pages ---- */

/*
 * The callers have asked pool_left. What the backend did to a page is no matter: links are not in
 * it.
 */
static uint16_t take_page(struct blkfront *d)
{
	uint16_t page = d->pool_free;

	d->pool_free = d->pool_next[page];
	d->pool_left--;
	return page;
}

static void give_page(struct blkfront *d, uint16_t page)
{
	d->pool_next[page] = d->pool_free;
	d->pool_free = page;
	d->pool_left++;
}

/* Page i of the pool has reference pool_ref + i. */
static char *page_of(const struct blkfront *d, uint16_t page)
{
	return d->pool + (size_t)page * PAGE_SIZE;
}

static bool moves_data(const struct blkfront_slot *s)
{
	return s->op == BLKIF_OP_READ || s->op == BLKIF_OP_WRITE;
}

/*
 * A list of pages for a request's data, and one for the list of its segments if they do not fit
 * into the ring.
 */
static void take_pages(struct blkfront *d, struct blkfront_slot *s)
{
	uint16_t *at = &s->pages;

	for (unsigned i = 0; i < s->segments; i++) {
		*at = take_page(d);
		at = &d->pool_next[*at];
	}
	*at = BLKFRONT_NONE;
	s->list = s->segments > BLKIF_MAX_SEGMENTS_PER_REQUEST ? take_page(d) : BLKFRONT_NONE;
}

static void give_pages(struct blkfront *d, struct blkfront_slot *s)
{
	for (uint16_t page = s->pages, next; page != BLKFRONT_NONE; page = next) {
		/* Read before give_page() makes the link part of the free list. */
		next = d->pool_next[page];
		give_page(d, page);
	}
	if (s->list != BLKFRONT_NONE)
		give_page(d, s->list);
	s->pages = s->list = BLKFRONT_NONE;
}

/* From the caller's request: no length comes from the other side. */
static size_t bytes_of(const struct blkfront *d, const struct blkfront_slot *s)
{
	return (size_t)s->req->sectors * d->factor * BLKFRONT_UNIT;
}

/* Between the caller's buffer and the pool. */
static void copy(const struct blkfront *d, const struct blkfront_slot *s, bool in)
{
	char *data = s->req->data;
	size_t left = bytes_of(d, s);

	for (uint16_t page = s->pages; page != BLKFRONT_NONE; page = d->pool_next[page]) {
		size_t n = left < PAGE_SIZE ? left : PAGE_SIZE;

		__builtin_memcpy(in ? page_of(d, page) : data, in ? data : page_of(d, page), n);
		data += n;
		left -= n;
	}
}

/* ---- onto the ring ---- */

/* Every page is full but the last; each segment begins at its page's first unit. */
static void fill_segments(const struct blkfront *d, const struct blkfront_slot *s, struct blkif_request_segment *v)
{
	size_t left = bytes_of(d, s) / BLKFRONT_UNIT;

	for (uint16_t page = s->pages; page != BLKFRONT_NONE; page = d->pool_next[page]) {
		size_t n = left < PER_PAGE ? left : PER_PAGE;

		*v++ = (struct blkif_request_segment){ .gref = (uint32_t)d->pool_ref + page, .last_sect = (uint8_t)(n - 1) };
		left -= n;
	}
}

/*
 * blkif.h, BLKIF_OP_INDIRECT: segments stand in pages of their own, 512 in each; BLKFRONT_SEGMENTS
 * keeps us to one. It is written here, before the barrier of ring_push(). A backend that changes it
 * later harms only the data it was trusted with.
 */
static void put_indirect(struct blkfront_queue *q, const struct blkfront_slot *s, uint64_t id)
{
	struct blkfront *d = q->disk;
	struct blkif_request_indirect req = {
		.operation = BLKIF_OP_INDIRECT,
		.indirect_op = s->op,
		.nr_segments = s->segments,
		.id = id,
		.sector_number = s->req->sector * d->factor,
		.handle = d->handle,
		.indirect_grefs = { (uint32_t)d->pool_ref + s->list },
	};

	fill_segments(d, s, (struct blkif_request_segment *)(void *)page_of(d, s->list));
	ring_put(&q->ring, &req, sizeof(req));
}

static void put_discard(struct blkfront_queue *q, const struct blkfront_slot *s, uint64_t id)
{
	struct blkif_request_discard req = {
		.operation = BLKIF_OP_DISCARD,
		.handle = q->disk->handle,
		.id = id,
		.sector_number = s->req->sector * q->disk->factor,
		.nr_sectors = (uint64_t)s->req->sectors * q->disk->factor,
	};

	ring_put(&q->ring, &req, sizeof(req));
}

static void put_plain(struct blkfront_queue *q, const struct blkfront_slot *s, uint64_t id)
{
	struct blkif_request req = {
		.operation = s->op,
		.nr_segments = (uint8_t)s->segments,
		.handle = q->disk->handle,
		.id = id,
	};

	if (s->segments > 0) {
		req.sector_number = s->req->sector * q->disk->factor;
		fill_segments(q->disk, s, req.seg);
	}
	ring_put(&q->ring, &req, sizeof(req));
}

/*
 * All that an answer will be checked against is in the slot: the ring's copy of a request is the
 * backend's to change, and an answer may overwrite it.
 */
static void put(struct blkfront_queue *q, unsigned id)
{
	struct blkfront_slot *s = &q->slot[id];

	s->state = SLOT_OUT;
	suspend_busy++;
	q->kick = true;
	if (s->list != BLKFRONT_NONE)
		put_indirect(q, s, id);
	else if (s->op == BLKIF_OP_DISCARD)
		put_discard(q, s, id);
	else
		put_plain(q, s, id);
}

static uint8_t op_of(const struct blkfront *d, enum blk_op op)
{
	switch (op) {
	case BLK_READ:
		return BLKIF_OP_READ;
	case BLK_WRITE:
		return BLKIF_OP_WRITE;
	case BLK_DISCARD:
		return BLKIF_OP_DISCARD;
	default:
		/*
		 * A barrier does more: it also holds back what comes after. For backends without
		 * the other.
		 */
		return d->flush ? BLKIF_OP_FLUSH_DISKCACHE : BLKIF_OP_WRITE_BARRIER;
	}
}

/* No backend, or a suspend that waits for what is out. */
static bool held(const struct blkfront *d)
{
	return !d->connected || suspend_due();
}

/*
 * What can fail fails before anything is taken. One page more than the data needs is asked for, in
 * case there is a list. While requests of an earlier connection wait nothing new is put, or they
 * might wait for ever; as long as nothing can be put at all it waits with them. A write is copied
 * here: what goes out is what the caller had at this moment, also if it goes out twice.
 */
int queue_submit(struct blkfront_queue *q, struct blk_req *req)
{
	struct blkfront *d = q->disk;
	struct blkfront_slot s = { .req = req, .op = op_of(d, req->op), .pages = BLKFRONT_NONE, .list = BLKFRONT_NONE };
	unsigned id;

	if (moves_data(&s))
		s.segments = (uint16_t)((bytes_of(d, &s) + PAGE_SIZE - 1) / PAGE_SIZE);
	if (q->slots_free == 0 || d->pool_left < s.segments + 1u)
		return -ERR_AGAIN;
	if (!held(d) && (ring_room(&q->ring) == 0 || q->waiting > 0))
		return -ERR_AGAIN;
	id = q->slot_free[--q->slots_free];
	take_pages(d, &s);
	q->slot[id] = s;
	if (s.op == BLKIF_OP_WRITE)
		copy(d, &s, true);
	if (held(d)) {
		q->slot[id].state = SLOT_WAITING;
		q->waiting++;
	} else {
		put(q, id);
	}
	return 0;
}

/* ---- back from the ring ---- */

/*
 * The pages are free at once, for requests that wait for some; the slot only when blk_reap() has
 * handed the request over.
 */
static void finish(struct blkfront_queue *q, unsigned id, int status)
{
	struct blkfront_slot *s = &q->slot[id];

	give_pages(q->disk, s);
	if (status < 0)
		q->disk->stats.errors++;
	s->req->status = status;
	s->state = SLOT_DONE;
	s->next = BLKFRONT_NONE;
	if (q->done == BLKFRONT_NONE)
		q->done = (uint16_t)id;
	else
		q->slot[q->done_last].next = (uint16_t)id;
	q->done_last = (uint16_t)id;
}

/*
 * What was offered is not there after all. Returns the status for the caller, or 1 when the request
 * goes out another way.
 */
static int withdrawn(struct blkfront_queue *q, unsigned id)
{
	struct blkfront *d = q->disk;
	struct blkfront_slot *s = &q->slot[id];

	if (moves_data(s))
		return -ERR_IO;
	if (s->op == BLKIF_OP_DISCARD) {
		d->info.max_discard = 0;
	} else {
		d->flush = d->flush && s->op != BLKIF_OP_FLUSH_DISKCACHE;
		d->barrier = d->barrier && s->op != BLKIF_OP_WRITE_BARRIER;
		d->info.can_flush = d->flush || d->barrier;
	}
	log_line(LOG_WARN, "blk%u: operation %u was offered and is not supported", d->number, s->op);
	if (s->op == BLKIF_OP_DISCARD || !d->info.can_flush)
		return -ERR_NOTSUP;
	s->op = op_of(d, BLK_FLUSH);
	s->state = SLOT_WAITING;
	q->waiting++;
	return 1;
}

static void count(struct blkfront *d, const struct blkfront_slot *s)
{
	d->stats.reads += s->op == BLKIF_OP_READ;
	d->stats.writes += s->op == BLKIF_OP_WRITE;
	d->stats.discards += s->op == BLKIF_OP_DISCARD;
	d->stats.flushes += s->op == BLKIF_OP_FLUSH_DISKCACHE || s->op == BLKIF_OP_WRITE_BARRIER;
	d->stats.bytes_read += s->op == BLKIF_OP_READ ? bytes_of(d, s) : 0;
	d->stats.bytes_written += s->op == BLKIF_OP_WRITE ? bytes_of(d, s) : 0;
}

/* One answer. Returns why the disk is broken, or NULL. */
static const char *answered(struct blkfront_queue *q, const struct blkif_response *rsp)
{
	struct blkfront_slot *s;
	int status = 0;

	/* The id is 64 bits of the backend's: never an index before this. */
	if (rsp->id >= BLKFRONT_SLOTS || q->slot[rsp->id].state != SLOT_OUT)
		return "an answer with an id that is not out";
	s = &q->slot[rsp->id];
	/*
	 * An answer to an indirect request may repeat either operation, the outer or the one
	 * inside; any other shows that the two sides disagree about what was done.
	 */
	if (rsp->operation != s->op && (rsp->operation != BLKIF_OP_INDIRECT || s->list == BLKFRONT_NONE))
		return "an answer to another operation";
	suspend_busy--;
	if (rsp->status == BLKIF_RSP_EOPNOTSUPP)
		status = withdrawn(q, (unsigned)rsp->id);
	else if (rsp->status != BLKIF_RSP_OKAY)
		status = -ERR_IO;
	if (status > 0)
		return NULL;
	/* Only now does data reach the caller's buffer: what failed leaves it as it was. */
	if (status == 0) {
		count(q->disk, s);
		if (s->op == BLKIF_OP_READ)
			copy(q->disk, s, false);
	}
	finish(q, (unsigned)rsp->id, status);
	return NULL;
}

/*
 * The number pending is read once, so what one call does is bounded by the ring, however fast the
 * backend answers. Room on the ring may be what others waited for.
 */
void queue_poll(struct blkfront_queue *q)
{
	uint32_t n = ring_pending(&q->ring);
	const char *why = q->ring.broken ? "more answers than requests" : NULL;

	if (n > 0)
		evtchn_worked((unsigned)q->port);
	while (n-- > 0 && !why) {
		struct blkif_response rsp;

		_Static_assert(sizeof(rsp) % 4 == 0, "copied by words");
		ring_peek(&q->ring, 0, &rsp, sizeof(rsp));
		q->ring.cons++;
		why = answered(q, &rsp);
	}
	if (why)
		connect_disk_break(q->disk, why);
	else if (q->waiting > 0 && !suspend_due())
		queue_resume(q);
}

unsigned queue_reap(struct blkfront_queue *q, struct blk_req **v, unsigned max)
{
	unsigned n = 0;

	while (n < max && q->done != BLKFRONT_NONE) {
		unsigned id = q->done;

		q->done = q->slot[id].next;
		q->slot[id].state = SLOT_FREE;
		q->slot_free[q->slots_free++] = (uint8_t)id;
		v[n++] = q->slot[id].req;
	}
	return n;
}

/* ---- when the backend goes and comes ---- */

/* What is done and not yet reaped needs no backend. */
bool queue_idle(const struct blkfront_queue *q)
{
	for (unsigned id = 0; id < BLKFRONT_SLOTS; id++)
		if (q->slot[id].state == SLOT_OUT || q->slot[id].state == SLOT_WAITING)
			return false;
	return true;
}

void queue_init(struct blkfront_queue *q)
{
	q->done = BLKFRONT_NONE;
	q->port = -1;
	for (unsigned i = 0; i < BLKFRONT_SLOTS; i++)
		q->slot_free[q->slots_free++] = (uint8_t)(BLKFRONT_SLOTS - 1 - i);
}

/*
 * The old backend may have done any of it and not said so. Doing it again is harmless: the caller
 * may not have touched the buffer, a write goes out from the pool's copy, and blk.h promises no
 * order among requests in flight.
 */
void queue_again(struct blkfront_queue *q)
{
	q->kick = false;
	for (unsigned id = 0; id < BLKFRONT_SLOTS; id++)
		if (q->slot[id].state == SLOT_OUT) {
			q->slot[id].state = SLOT_WAITING;
			q->waiting++;
			suspend_busy--;
		}
}

/* The new backend may take less than the old: shorter requests, a smaller disk. */
static bool possible(const struct blkfront *d, const struct blkfront_slot *s)
{
	if (s->op == BLKIF_OP_DISCARD)
		return d->info.max_discard > 0;
	if (!moves_data(s))
		return d->info.can_flush;
	return s->list == BLKFRONT_NONE || s->segments <= d->indirect;
}

/*
 * By slot number, not by age, for the same reason. A flush is looked up anew: this backend may have
 * another word for it.
 */
void queue_resume(struct blkfront_queue *q)
{
	for (unsigned id = 0; id < BLKFRONT_SLOTS && q->waiting > 0 && ring_room(&q->ring) > 0; id++) {
		struct blkfront_slot *s = &q->slot[id];

		if (s->state != SLOT_WAITING)
			continue;
		q->waiting--;
		if (s->op == BLKIF_OP_FLUSH_DISKCACHE || s->op == BLKIF_OP_WRITE_BARRIER)
			s->op = op_of(q->disk, BLK_FLUSH);
		if (possible(q->disk, s))
			put(q, id);
		else /* a flush or discard that waited while the last way to do it was withdrawn */
			finish(q, id, moves_data(s) ? -ERR_IO : -ERR_NOTSUP);
	}
}

int queue_refuse(struct blkfront_queue *q, struct blk_req *req)
{
	unsigned id;

	if (q->slots_free == 0)
		return -ERR_AGAIN;
	id = q->slot_free[--q->slots_free];
	q->slot[id] = (struct blkfront_slot){ .req = req, .pages = BLKFRONT_NONE, .list = BLKFRONT_NONE };
	finish(q, id, -ERR_IO);
	return 0;
}

/* Done requests keep their status: what was answered before the disk broke has happened. */
void queue_fail(struct blkfront_queue *q)
{
	q->waiting = 0;
	for (unsigned id = 0; id < BLKFRONT_SLOTS; id++) {
		suspend_busy -= q->slot[id].state == SLOT_OUT;
		if (q->slot[id].state == SLOT_OUT || q->slot[id].state == SLOT_WAITING)
			finish(q, id, -ERR_IO);
	}
}
