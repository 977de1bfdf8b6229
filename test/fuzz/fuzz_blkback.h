/* SPDX-License-Identifier: MIT */
#ifndef TEST_FUZZ_FUZZ_BLKBACK_H
#define TEST_FUZZ_FUZZ_BLKBACK_H

/*
 * A disk's backend, for targets with blkfront: it writes what it likes into the rings, and answers honestly now and then.
 */

#include <string.h>

#include "blkfront/blkfront.h"
#include "test/fake/xenhost.h"
#include "test/fuzz/fuzz.h"
#include "test/fuzz/fuzz_ring.h"

static struct blkfront *fuzz_blkback_disk;

/* What stands at a position of the ring: a request of ours, or an answer. */
static void *fuzz_blkback_at(struct blkfront_queue *q, uint32_t index)
{
	return (char *)q->ring.shared + RING_HEADER + (index & (q->ring.slots - 1)) * q->ring.stride;
}

/* Answers a request that is on the ring; parts of the answer may be wrong. */
static void fuzz_blkback_answer(void)
{
	unsigned how = fuzz_byte(), q = how & 3, which = fuzz_byte();
	struct blkfront_queue *x = fuzz_blkback_disk->queue[q % fuzz_blkback_disk->n_queues];
	struct blkif_request r;
	struct blkif_response rsp;

	memcpy(&r, fuzz_blkback_at(x, x->ring.shared->req_prod - 1 - which), sizeof(r));
	rsp = (struct blkif_response){ .id = r.id, .operation = r.operation, .status = BLKIF_RSP_OKAY };
	if (r.operation == BLKIF_OP_INDIRECT)
		rsp.id = ((struct blkif_request_indirect *)(void *)&r)->id;
	if (how & 4)
		rsp.status = (int16_t)fuzz_byte();
	if (how & 8)
		rsp.status = (int16_t)-fuzz_byte();
	if (how & 16)
		rsp.operation = fuzz_byte();
	if (how & 32)
		rsp.id = how & 64 ? fuzz_u64() : fuzz_byte();
	memcpy(fuzz_blkback_at(x, x->ring.shared->rsp_prod), &rsp, sizeof(rsp));
	if (!(how & 128))
		x->ring.shared->rsp_prod++;
}

static void fuzz_blkback_scribble(void)
{
	struct blkfront_queue *x = fuzz_blkback_disk->queue[fuzz_below(fuzz_blkback_disk->n_queues)];
	size_t len = (size_t)PAGE_SIZE << fuzz_blkback_disk->order, at = fuzz_u16() % len, n = 1u + fuzz_below(16);

	fuzz_bytes((char *)x->page + at, n < len - at ? n : len - at);
}

/* One act of its own, `what` below 7. */
static void fuzz_blkback(unsigned what)
{
	struct blkfront_queue *x = fuzz_blkback_disk->queue[fuzz_below(fuzz_blkback_disk->n_queues)];

	if (what == 4)
		fuzz_blkback_scribble();
	else if (what == 6)
		xenhost_raise((unsigned)x->port);
	else
		fuzz_ring(&x->ring, what);
}

#endif
