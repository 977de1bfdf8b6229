/* SPDX-License-Identifier: MIT */
#ifndef LWIP_GLUE_ARENA_H
#define LWIP_GLUE_ARENA_H

/*
 * The memory of packets: one range that every network device may reach, and nothing else in it.
 *
 * lwIP's mem_malloc(), so every PBUF_RAM, and the data of segs.c. PCBs, sockets and the like are in
 * pools (pool.h), out of the devices' sight.
 */

#include <stdbool.h>
#include <stddef.h>

#include "core/core.h"

/*
 * Takes pages for the arena, replacing an earlier one that is still unused. Returns false when
 * there are not that many.
 */
bool arena_init(size_t pages);

/*
 * As malloc() and its family; aligned to 128. Memory is lent to devices, so a pbuf must not be
 * freed while one of them reads it: netdev_tx.c holds a reference until then.
 */
void *arena_malloc(size_t size); /* NULL when it is full: counted */
void *arena_calloc(size_t n, size_t size);
void arena_free(void *p);

/*
 * Pages in all and taken, and how many calls were refused. Read only; here for the functions below,
 * which every packet asks several times.
 */
struct arena_state {
	char *base;
	size_t pages, used;
	size_t failures;
};
extern struct arena_state arena;

static inline size_t arena_unused(void)
{
	return (arena.pages - arena.used) * PAGE_SIZE;
}

/* Bytes free above the eighth that is kept for headers and ACKs; 0 when that is begun. */
static inline size_t arena_spare(void)
{
	size_t unused = arena.pages - arena.used, kept = arena.pages / 8;

	return unused > kept ? (unused - kept) * PAGE_SIZE : 0;
}

static inline size_t arena_size(void)
{
	return arena.pages * PAGE_SIZE;
}

/* Whether a buffer may be lent to a device. */
static inline bool arena_has(const void *p, size_t len)
{
	size_t offset = (size_t)((const char *)p - arena.base);

	return offset < arena_size() && len <= arena_size() - offset;
}

#endif
