/* SPDX-License-Identifier: MIT */
#ifndef XEN_RING_H
#define XEN_RING_H

/*
 * The frontend's side of a shared ring: our own counters, so that what can go wrong is on the page.
 *
 * The layout is Xen's (io/ring.h, DEFINE_RING_TYPES): four 32-bit counters, padding to 64 bytes,
 * then 2^k slots. The counters run freely and wrap at 2^32, so they are only ever subtracted.
 * Requests and responses share slots: response i may overwrite request i, and nothing earlier.
 *
 * The backend can write the whole page at any time. So: counters of ours are never read back, each
 * counter of its is read once for each use, and a response is copied out once, then checked, then
 * used (XSA-155). A producer that claims more responses than we made requests breaks the ring for
 * good.
 */

#include <stdbool.h>
#include <stdint.h>

#ifndef RING_FIRST
#define RING_FIRST 0u /* the desk tests start just below 2^32 */
#endif
#ifndef RING_FETCHED
#define RING_FETCHED(p, len) ((void)0) /* the desk tests overwrite what was just read */
#endif

#define RING_HEADER 64u

struct ring_shared {
	volatile uint32_t req_prod, req_event, rsp_prod, rsp_event;
};

struct ring {
	struct ring_shared *shared;
	uint32_t slots;  /* a power of two */
	uint32_t stride; /* bytes a slot */
	uint32_t prod;   /* requests written */
	uint32_t pushed; /* of those, what the backend has been shown */
	uint32_t cons;   /* responses taken */
	bool broken;     /* the backend's counter cannot be true */
};

static inline void ring_init(struct ring *r, void *page, uint32_t bytes, uint32_t stride)
{
	uint32_t fit = (bytes - RING_HEADER) / stride;

	*r = (struct ring){ .shared = page, .slots = 1, .stride = stride };
	while (r->slots * 2 <= fit)
		r->slots *= 2;
	r->prod = r->pushed = r->cons = RING_FIRST;
	r->shared->req_prod = r->shared->rsp_prod = RING_FIRST;
	r->shared->req_event = r->shared->rsp_event = RING_FIRST + 1;
}

/* How many requests can be written now. */
static inline uint32_t ring_room(const struct ring *r)
{
	return r->slots - (r->prod - r->cons);
}

static inline volatile void *ring_slot(const struct ring *r, uint32_t index)
{
	return (volatile char *)r->shared + RING_HEADER + (index & (r->slots - 1)) * r->stride;
}

/*
 * Writes the next request: a whole structure that lives with us, never field by field in the shared
 * page.
 */
static inline void ring_put(struct ring *r, const void *req, uint32_t len)
{
	volatile uint32_t *to = ring_slot(r, r->prod);
	uint32_t word;

	for (uint32_t i = 0; i < len / 4; i++) {
		__builtin_memcpy(&word, (const char *)req + 4 * i, 4);
		to[i] = word;
	}
	r->prod++;
}

/*
 * Shows the backend what was put. Returns whether it wants an event: it does when its req_event
 * lies in what is new. The barrier before the store: requests before their counter. The one after:
 * our counter before we read its wish, as it does the reverse.
 */
static inline bool ring_push(struct ring *r)
{
	uint32_t old = r->pushed;

	if (r->prod == old)
		return false;
	__atomic_thread_fence(__ATOMIC_RELEASE);
	r->shared->req_prod = r->pushed = r->prod;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return r->prod - r->shared->req_event < r->prod - old;
}

/*
 * Responses that can be taken. Sets broken, and says 0 from then on, when they are more than the
 * requests out.
 */
static inline uint32_t ring_pending(struct ring *r)
{
	uint32_t n = r->shared->rsp_prod - r->cons;

	if (n > r->pushed - r->cons)
		r->broken = true;
	if (r->broken)
		return 0;
	__atomic_thread_fence(__ATOMIC_ACQUIRE); /* the counter before what it counts */
	return n;
}

/*
 * Copies the response `ahead` of the next one out of the shared page, each word once. The caller
 * has seen it pending.
 */
static inline void ring_peek(const struct ring *r, uint32_t ahead, void *rsp, uint32_t len)
{
	volatile uint32_t *from = ring_slot(r, r->cons + ahead);

	for (uint32_t i = 0; i < len / 4; i++) {
		uint32_t word = from[i];

		__builtin_memcpy((char *)rsp + 4 * i, &word, 4);
	}
	RING_FETCHED(from, len);
}

/*
 * Asks for an event once more than `after` further responses are there; true, and no event is due,
 * when that is so already.
 */
static inline bool ring_arm(struct ring *r, uint32_t after)
{
	r->shared->rsp_event = r->cons + after + 1;
	__atomic_thread_fence(__ATOMIC_SEQ_CST); /* our wish before its counter: one of us two sees the other */
	return ring_pending(r) > after;
}

#endif
