/* SPDX-License-Identifier: MIT */
#ifndef TEST_FUZZ_FUZZ_NETBACK_H
#define TEST_FUZZ_FUZZ_NETBACK_H

/*
 * An interface's backend, for targets with netfront: it writes what it likes into the rings and the receive buffers, and answers
 * honestly now and then.
 */

#include <string.h>

#include "netfront/netfront.h"
#include "test/fake/xenhost.h"
#include "test/fuzz/fuzz.h"
#include "test/fuzz/fuzz_headers.h"
#include "test/fuzz/fuzz_ring.h"

static struct netfront *fuzz_netback_nic;

/* Where a buffer may lie: in the pages that the backend writes, or, of one that is not trusted, in their private twins. */
static bool fuzz_netback_is_buffer(const struct nic_buf *b)
{
	struct netfront_queue *q = fuzz_netback_nic->queue[b->id / NETFRONT_BUFFERS];
	const char *base = fuzz_netback_nic->trusted ? q->buffers : q->private, *at = (const char *)b->data;
	size_t page = (size_t)(b->id % NETFRONT_BUFFERS) * PAGE_SIZE;

	return b->id % NETFRONT_BUFFERS < q->n_buffers && at >= base + page && at + b->len <= base + page + PAGE_SIZE;
}

static void *fuzz_netback_at(struct ring *r, uint32_t index)
{
	return (char *)r->shared + RING_HEADER + (index & (r->slots - 1)) * r->stride;
}

/* A frame, or what looks like one, where an honest backend would put it: the buffer behind the next position. */
static uint16_t fuzz_netback_fill(struct netfront_queue *q, uint32_t index, uint16_t offset)
{
	struct netif_rx_request req;
	char *page;

	memcpy(&req, fuzz_netback_at(&q->rx, index), sizeof(req));
	if (req.gref - (uint32_t)q->buffer_ref >= q->n_buffers || q->rx.prod - index > q->rx.slots)
		return 0;
	page = q->buffers + (size_t)(req.gref - (uint32_t)q->buffer_ref) * PAGE_SIZE;
	fuzz_scratch(page, PAGE_SIZE);
	return (uint16_t)fuzz_headers(page + offset, PAGE_SIZE - offset);
}

/* An answer to a receive request; parts of it may be wrong. */
static void fuzz_netback_deliver(struct netfront_queue *q)
{
	unsigned how = fuzz_byte();
	uint32_t index = q->rx.shared->rsp_prod;
	struct netif_rx_response rsp = { .id = (uint16_t)(index & (q->rx.slots - 1)) };

	rsp.offset = how & 1 ? fuzz_u16() % PAGE_SIZE : 0;
	rsp.status = (int16_t)fuzz_netback_fill(q, index, rsp.offset);
	if (how & 2)
		rsp.status = (int16_t)fuzz_u16();
	if (how & 4)
		rsp.flags = fuzz_byte();
	if (how & 8)
		rsp.offset = fuzz_u16();
	if (how & 16)
		rsp.id = fuzz_byte();
	if (how & 32)
		rsp.flags |= NETRXF_more_data;
	memcpy(fuzz_netback_at(&q->rx, index), &rsp, sizeof(rsp));
	if (!(how & 128))
		q->rx.shared->rsp_prod++;
}

/* What follows a response that says so. */
static void fuzz_netback_extra(struct netfront_queue *q)
{
	unsigned how = fuzz_byte();
	struct netif_extra_info x = { .type = XEN_NETIF_EXTRA_TYPE_GSO };

	x.u.gso.size = fuzz_u16();
	x.u.gso.type = how & 1 ? XEN_NETIF_GSO_TYPE_TCPV4 : how & 2 ? XEN_NETIF_GSO_TYPE_TCPV6 : fuzz_byte();
	if (how & 4)
		x.type = fuzz_byte();
	x.flags = how & 8 ? fuzz_byte() : 0;
	memcpy(fuzz_netback_at(&q->rx, q->rx.shared->rsp_prod), &x, sizeof(x));
	if (!(how & 128))
		q->rx.shared->rsp_prod++;
}

static void fuzz_netback_acknowledge(struct netfront_queue *q)
{
	unsigned how = fuzz_byte();
	struct netif_tx_response rsp = { .status = how & 1 ? (int16_t)(int8_t)fuzz_byte() : NETIF_RSP_OKAY };
	struct netif_tx_request req;

	memcpy(&req, fuzz_netback_at(&q->tx, q->tx.shared->rsp_prod + (how >> 4)), sizeof(req));
	rsp.id = how & 2 ? fuzz_u16() : how & 4 ? fuzz_byte() : req.id;
	memcpy(fuzz_netback_at(&q->tx, q->tx.shared->rsp_prod), &rsp, sizeof(rsp));
	q->tx.shared->rsp_prod++;
}

/* One act of its own, `what` below 7. */
static void fuzz_netback(struct netfront_queue *q, unsigned what)
{
	struct ring *r = fuzz_byte() & 1 ? &q->rx : &q->tx;
	size_t at = what == 4 ? fuzz_u16() % (PAGE_SIZE - 16) : 0;

	if (what == 4)
		fuzz_bytes((char *)r->shared + at, 1 + fuzz_below(16));
	else if (what == 6)
		xenhost_raise((unsigned)(r == &q->rx ? q->rx_port : q->tx_port));
	else
		fuzz_ring(r, what);
}

#endif
