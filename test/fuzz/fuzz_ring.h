/* SPDX-License-Identifier: MIT */
#ifndef TEST_FUZZ_FUZZ_RING_H
#define TEST_FUZZ_FUZZ_RING_H

/*
 * What any backend may do to a ring's counters. Included by fuzz_netback.h and fuzz_blkback.h.
 */

#include "test/fake/xenhost.h"
#include "test/fuzz/fuzz.h"
#include "xen/ring.h"

/* One act, `what` from 0 to 3, or anything else. */
static void fuzz_ring(struct ring *r, unsigned what)
{
	switch (what) {
	case 0:
		r->shared->rsp_prod += (uint32_t)(int8_t)fuzz_byte();
		break;
	case 1:
		r->shared->rsp_prod = fuzz_u32();
		break;
	case 2:
		r->shared->req_event = fuzz_u32();
		break;
	case 3:
		r->shared->rsp_prod = r->shared->req_prod; /* as if all of it had been answered */
		break;
	default:
		xenhost.scribble = !xenhost.scribble; /* what was read is another thing at the second look */
	}
}

#endif
