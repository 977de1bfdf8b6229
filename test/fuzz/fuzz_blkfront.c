/* SPDX-License-Identifier: MIT */
/*
 * blkfront's rings: a backend that writes what it likes into them, at any moment between two calls of the guest's, and answers
 * honestly now and then so that a script gets far. Two disks: one with four queues of four pages, indirect segments and every
 * feature; one with one queue of one page and none.
 *
 * Whatever it does: what fuzz_blk.h asks, and no slot and no page of the pool is lost when the disk breaks.
 */
#include <string.h>

#include "test/fake/xenhost.h"
#include "test/fuzz/fuzz_blk.h"
#include "test/fuzz/fuzz_blkback.h"
#include "xen/flavour.h"

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

/* ---- a run ---- */

/* Whatever happened: when the disk is given up, everything comes back, and nothing of it is missing. */
static void settle(void)
{
	connect_disk_break(fuzz_blkback_disk, "end of the script");
	fuzz_blk_settle();
	fuzz_must(fuzz_blkback_disk->pool_left == fuzz_blkback_disk->pool_pages && fuzz_blkback_disk->info.broken);
	for (unsigned i = 0; i < fuzz_blkback_disk->n_queues; i++)
		fuzz_must(fuzz_blkback_disk->queue[i]->slots_free == BLKFRONT_SLOTS && fuzz_blkback_disk->queue[i]->waiting == 0);
}

void fuzz_run(void)
{
	fuzz_blk.number = fuzz_byte() & 1;
	fuzz_blkback_disk = connect_disk(fuzz_blk.number);
	while (fuzz_more()) {
		unsigned act = fuzz_below(20);

		if (act < 10)
			fuzz_blk_act(act);
		else if (act < 13)
			fuzz_blkback_answer();
		else
			fuzz_blkback(act - 13);
	}
	settle();
}
