/* SPDX-License-Identifier: MIT */
#ifndef LWIP_GLUE_POOL_H
#define LWIP_GLUE_POOL_H

/*
 * Pools of objects of one size: lwIP's memp, and ours for sockets and the like.
 */

#include <stddef.h>
#include <stdint.h>

#include "core/list.h"

struct pool {
	const char *name;
	uint32_t size;       /* bytes of an object, a multiple of 8, at most 1024 */
	struct list partial; /* slabs with a free object */
	size_t used, most, failures;
	size_t slabs;
};

#define POOL_INIT(pool, what, bytes) { .name = (what), .size = ((bytes) + 7u) & ~7u, .partial = LIST_INIT((pool).partial) }

void *pool_take(struct pool *pool); /* NULL when there are no pages: counted. Contents undefined. */
void pool_give(struct pool *pool, void *object);

/* lwIP's pools, for who counts them; NULL past the last. */
const struct pool *pool_of_lwip(unsigned n);

#endif
