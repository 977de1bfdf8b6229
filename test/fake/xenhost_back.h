/* SPDX-License-Identifier: MIT */
/*
 * What the fake netback and blkback share: the backend's side of a ring and of the handshake. Read xenhost.h first.
 *
 * A ring is attached to where its counters stand, as Linux' BACK_RING_ATTACH does, so that a frontend may begin anywhere.
 */
#ifndef TEST_FAKE_XENHOST_BACK_H
#define TEST_FAKE_XENHOST_BACK_H

#include <stdio.h>
#include <string.h>

#include "core/core.h"
#include "test/fake/xenhost.h"
#include "xen/ring.h"

#define BACK_PAGES 4u

struct back_ring {
	char *page[BACK_PAGES]; /* mapped */
	unsigned ref[BACK_PAGES], pages;
	uint32_t slots, stride;
	uint32_t cons, prod; /* requests taken, responses given */
	unsigned port;
};

static inline struct ring_shared *back_shared(struct back_ring *r)
{
	return (struct ring_shared *)(void *)r->page[0];
}

/* Byte `at` of a ring that may lie in several pages, which need not be neighbours for the backend. */
static inline char *back_at(struct back_ring *r, size_t at)
{
	return r->page[at / PAGE_SIZE] + at % PAGE_SIZE;
}

static inline void back_read(struct back_ring *r, uint32_t index, void *to, size_t len)
{
	for (size_t i = 0; i < len; i++)
		((char *)to)[i] = *back_at(r, RING_HEADER + (index & (r->slots - 1)) * r->stride + i);
}

static inline void back_write(struct back_ring *r, uint32_t index, const void *from, size_t len)
{
	for (size_t i = 0; i < len; i++)
		*back_at(r, RING_HEADER + (index & (r->slots - 1)) * r->stride + i) = ((const char *)from)[i];
}

static inline bool back_attach(struct back_ring *r, unsigned domid, unsigned port, uint32_t stride)
{
	uint32_t fit = (r->pages * PAGE_SIZE - RING_HEADER) / stride;

	for (unsigned i = 0; i < r->pages; i++) {
		r->page[i] = xenhost_map(domid, r->ref[i], true);
		if (!r->page[i])
			return false;
	}
	r->stride = stride;
	for (r->slots = 1; r->slots * 2 <= fit;)
		r->slots *= 2;
	r->prod = r->cons = back_shared(r)->rsp_prod;
	r->port = port;
	return true;
}

static inline void back_detach(struct back_ring *r, bool keep)
{
	for (unsigned i = 0; i < r->pages && !keep; i++)
		if (r->page[i])
			xenhost_unmap(r->ref[i], true);
	xenhost_unbind(r->port);
	*r = (struct back_ring){ .pages = 0 };
}

/* Requests that stand on the ring. More than its slots is a guest's mistake. */
static inline uint32_t back_pending(struct back_ring *r)
{
	uint32_t n = back_shared(r)->req_prod - r->cons;

	if (n > r->slots)
		xenhost_wrong("ring: the guest claims %u requests of %u", n, r->slots);
	return n;
}

/* Shows the guest the responses up to prod, and tells it if it asked to be told. */
static inline void back_push(struct back_ring *r)
{
	uint32_t old = back_shared(r)->rsp_prod;

	back_shared(r)->rsp_prod = r->prod;
	if (r->prod - back_shared(r)->rsp_event < r->prod - old)
		xenhost_raise(r->port);
}

/* ---- the handshake ---- */

static inline void back_path(char *to, size_t size, const char *kind, unsigned domid, unsigned number)
{
	snprintf(to, size, "/local/domain/%u/backend/%s/%u/%u", domid, kind, XENHOST_GUEST, number);
}

static inline void front_path(char *to, size_t size, const char *kind, unsigned number)
{
	snprintf(to, size, "/local/domain/%u/device/%s/%u", XENHOST_GUEST, kind, number);
}

/* What the toolstack writes for a device. */
static inline void back_toolstack(const char *kind, unsigned domid, unsigned number)
{
	char back[80], front[80];

	back_path(back, sizeof(back), kind, domid, number);
	front_path(front, sizeof(front), kind, number);
	xenhost_set("%s/backend=%s", front, back);
	xenhost_set("%s/backend-id=%u", front, domid);
	xenhost_set("%s/state=1", front);
	xenhost_set("%s/state=1", back);
}

static inline void back_say(const char *path, unsigned *state, unsigned to)
{
	*state = to;
	xenhost_set("%s/state=%u", path, to);
}

/* The toolstack wants the device back; and then both directories are away. */
static inline void back_leave(const char *back)
{
	xenhost_set("%s/online=0", back);
	xenhost_set("%s/state=%u", back, XenbusStateClosing);
}

static inline void back_gone(const char *front, const char *back, unsigned *state)
{
	*state = 0;
	xenhost_remove(front);
	xenhost_remove(back);
}

#endif
