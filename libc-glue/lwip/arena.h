/* SPDX-License-Identifier: MIT */
/*
 * The memory of packets: one range that every network device may reach, and nothing else in it.
 *
 * lwIP's mem_malloc(), so every PBUF_RAM, and the data of segs.c. PCBs, sockets and the like are in pools (pool.h), out of the
 * devices' sight.
 */
#ifndef LWIP_GLUE_ARENA_H
#define LWIP_GLUE_ARENA_H

#include <stdbool.h>
#include <stddef.h>

/* Takes pages for the arena, replacing an earlier one that is still unused. Returns false when there are not that many. */
bool arena_init(size_t pages);

/* Where it lies, for nic_share(). */
void *arena_base(void);
size_t arena_size(void);

void *arena_malloc(size_t size); /* NULL when it is full: counted */
void *arena_calloc(size_t n, size_t size);
void arena_free(void *p);

/* Whether a buffer may be lent to a device. */
bool arena_has(const void *p, size_t len);

/* Bytes: in whole pages taken, free, and how many calls were refused. */
size_t arena_used(void);
size_t arena_unused(void);
size_t arena_failures(void);

#endif
