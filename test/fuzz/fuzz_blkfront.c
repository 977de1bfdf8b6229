/* SPDX-License-Identifier: MIT */
/*
 * blkfront's rings: a backend that writes what it likes into them, at any moment between two calls of the guest's, and answers
 * honestly now and then so that a script gets far. Two disks: one with four queues of four pages, indirect segments and every
 * feature; one with one queue of one page and none.
 *
 * Whatever it does: what fuzz_blk.h asks, and no slot and no page of the pool is lost when the disk breaks.
 */
#include <string.h>

#include "blkfront/blkfront.h"
#include "test/fake/xenhost.h"
#include "test/fuzz/fuzz_blk.h"
#include "xen/flavour.h"

static struct blkfront *disk;

void xenhost_net_input(unsigned n, const uint8_t *frame, unsigned len, const struct nic_offload *off)
{
	(void)n, (void)frame, (void)len, (void)off;
}

/* ---- the machine ---- */

static size_t whole_pages(size_t bytes)
{
	return (bytes + PAGE_SIZE - 1) / PAGE_SIZE * PAGE_SIZE;
}

static void keep_disk(unsigned n)
{
	struct blkfront *d = connect_disk(n);

	fuzz_keep(d, whole_pages(sizeof(*d)));
	for (unsigned i = 0; i < d->n_queues; i++) {
		fuzz_keep(d->queue[i], whole_pages(sizeof(*d->queue[i])));
		fuzz_keep(d->queue[i]->page, (size_t)PAGE_SIZE << d->order);
	}
}

void fuzz_begin(void)
{
	struct blk_info info;

	fuzz_blk_begin();
	xenhost.memory = 3u << 20;
	xenhost.quiet = true;
	xenhost.cmdline = "pith.queues=4";
	xenhost_nic[0].present = false;
	xenhost_disk[0].queues = 4;
	xenhost_disk[1] = (struct xenhost_disk){ .present = true, .sectors = 2048, .sector_size = 4096, .domid = 5 };
	xenhost_boot();
	for (unsigned n = 0; n < 2; n++) {
		fuzz_must(blk_open(n, &info) == 0);
		keep_disk(n);
	}
	plat_seal();
	plat_wait(plat_now() + 100000000);
	blk_info(0, &info); /* what their watches said at the start is old */
	blk_info(1, &info);
	fuzz_must(connect_disk(0)->connected && connect_disk(1)->connected);
	xenhost_disk[0].present = xenhost_disk[1].present = false;
	xenhost.store_dead = xenhost.console_dead = true;
	fuzz_keep(flavour_shared_info(), sizeof(struct shared_info));
}

/* ---- the backend ---- */

/* What stands at a position of the ring: a request of ours, or an answer. */
static void *at_position(struct blkfront_queue *q, uint32_t index)
{
	return (char *)q->ring.shared + RING_HEADER + (index & (q->ring.slots - 1)) * q->ring.stride;
}


/* Answers a request that is on the ring; parts of the answer may be wrong. */
static void answer(void)
{
	unsigned how = fuzz_byte(), q = how & 3, which = fuzz_byte();
	struct blkfront_queue *x = disk->queue[q % disk->n_queues];
	struct blkif_request r;
	struct blkif_response rsp;

	memcpy(&r, at_position(x, x->ring.shared->req_prod - 1 - which), sizeof(r));
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
	memcpy(at_position(x, x->ring.shared->rsp_prod), &rsp, sizeof(rsp));
	if (!(how & 128))
		x->ring.shared->rsp_prod++;
}

static void scribble(void)
{
	struct blkfront_queue *x = disk->queue[fuzz_below(disk->n_queues)];
	size_t len = (size_t)PAGE_SIZE << disk->order, at = fuzz_u16() % len, n = 1u + fuzz_below(16);

	fuzz_bytes((char *)x->page + at, n < len - at ? n : len - at);
}

static void backend(unsigned what)
{
	struct blkfront_queue *x = disk->queue[fuzz_below(disk->n_queues)];

	switch (what) {
	case 0:
		x->ring.shared->rsp_prod += (uint32_t)(int8_t)fuzz_byte();
		break;
	case 1:
		x->ring.shared->rsp_prod = fuzz_u32();
		break;
	case 2:
		x->ring.shared->req_event = fuzz_u32();
		break;
	case 3:
		x->ring.shared->rsp_prod = x->ring.shared->req_prod; /* as if all of it had been answered */
		break;
	case 4:
		scribble();
		break;
	case 5:
		xenhost.scribble = !xenhost.scribble; /* what was read is another thing at the second look */
		break;
	default:
		xenhost_raise((unsigned)x->port);
	}
}

/* ---- a run ---- */

/* Whatever happened: when the disk is given up, everything comes back, and nothing of it is missing. */
static void settle(void)
{
	connect_disk_break(disk, "end of the script");
	fuzz_blk_settle();
	fuzz_must(disk->pool_left == disk->pool_pages && disk->info.broken);
	for (unsigned i = 0; i < disk->n_queues; i++)
		fuzz_must(disk->queue[i]->slots_free == BLKFRONT_SLOTS && disk->queue[i]->waiting == 0);
}

void fuzz_run(void)
{
	fuzz_blk.number = fuzz_byte() & 1;
	disk = connect_disk(fuzz_blk.number);
	while (fuzz_more()) {
		unsigned act = fuzz_below(20);

		if (act < 10)
			fuzz_blk_act(act);
		else if (act < 13)
			answer();
		else
			backend(act - 13);
	}
	settle();
}
