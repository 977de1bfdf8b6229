/* SPDX-License-Identifier: MIT */
#ifndef TEST_FUZZ_FUZZ_BLK_H
#define TEST_FUZZ_FUZZ_BLK_H

/*
 * The guest's side of a disk, by core/blk.h alone: for targets of every platform. Each request that was taken comes back once, with
 * a status that blk.h knows, whatever the device did.
 */

#include <stdlib.h>

#include "core/blk.h"
#include "core/core.h"
#include "core/err.h"
#include "core/plat.h"
#include "test/fuzz/fuzz.h"

#define FUZZ_BLK_REQUESTS 96u
#define FUZZ_BLK_BYTES (1u << 20)

static struct {
	unsigned number; /* which disk */
	uint8_t *data;   /* of every request */
	struct blk_req req[FUZZ_BLK_REQUESTS];
	bool out[FUZZ_BLK_REQUESTS];
	unsigned n_out;
} fuzz_blk;

static void fuzz_blk_begin(void)
{
	fuzz_blk.data = aligned_alloc(BLK_ALIGN, FUZZ_BLK_BYTES);
}

static void fuzz_blk_submit(void)
{
	unsigned i = fuzz_below(FUZZ_BLK_REQUESTS), how = fuzz_byte();
	struct blk_req *r = &fuzz_blk.req[i];
	struct blk_info info;
	int rc;

	if (fuzz_blk.out[i])
		return;
	blk_info(fuzz_blk.number, &info);
	*r = (struct blk_req){ .op = (enum blk_op)(how & 3), .status = 77, .data = fuzz_blk.data };
	r->sectors = how & 4 ? fuzz_u16() : 1u + fuzz_below(64);
	r->sector = how & 8 ? fuzz_u64() : fuzz_byte();
	if (r->op == BLK_FLUSH)
		r->sectors = 0;
	if ((uint64_t)r->sectors * info.sector_size > FUZZ_BLK_BYTES && r->op <= BLK_WRITE)
		return; /* the caller's own mistake: no such buffer */
	rc = blk_submit(fuzz_blk.number, r);
	fuzz_must(rc == 0 || rc == -ERR_AGAIN || rc == -ERR_INVAL || rc == -ERR_ROFS || rc == -ERR_NOTSUP || rc == -ERR_NODEV);
	fuzz_must(rc != 0 || r->op == BLK_FLUSH || (r->sector < info.sectors && r->sectors <= info.sectors - r->sector));
	fuzz_blk.out[i] = rc == 0;
	fuzz_blk.n_out += rc == 0;
}

static unsigned fuzz_blk_reap(unsigned max)
{
	struct blk_req *v[FUZZ_BLK_REQUESTS];
	unsigned n = blk_reap(fuzz_blk.number, v, max);

	fuzz_must(n <= max && n <= fuzz_blk.n_out);
	for (unsigned k = 0; k < n; k++) {
		unsigned i = (unsigned)(v[k] - fuzz_blk.req);

		fuzz_must(i < FUZZ_BLK_REQUESTS && v[k] == &fuzz_blk.req[i] && fuzz_blk.out[i]);
		fuzz_must(v[k]->status == 0 || v[k]->status == -ERR_IO || v[k]->status == -ERR_NOTSUP);
		fuzz_blk.out[i] = false;
		fuzz_blk.n_out--;
	}
	return n;
}

/* One act of the guest's; `what` below 10. */
static void fuzz_blk_act(unsigned what)
{
	struct blk_stats stats;
	struct blk_info info;

	switch (what) {
	case 0:
		blk_kick(fuzz_blk.number);
		break;
	case 1:
		fuzz_blk_reap(1 + fuzz_below(FUZZ_BLK_REQUESTS));
		break;
	case 2:
		if (!blk_arm(fuzz_blk.number))
			plat_wait(plat_now() + 1000000);
		break;
	case 3:
		blk_info(fuzz_blk.number, &info);
		blk_stats(fuzz_blk.number, &stats);
		break;
	default:
		fuzz_blk_submit();
	}
}

/* The disk was given up: everything comes back, and as long as something is missing there is work. */
static void fuzz_blk_settle(void)
{
	for (unsigned i = 0; i < FUZZ_BLK_REQUESTS && blk_arm(fuzz_blk.number); i++)
		fuzz_blk_reap(FUZZ_BLK_REQUESTS);
	fuzz_must(fuzz_blk.n_out == 0 && !blk_arm(fuzz_blk.number));
}

#endif
