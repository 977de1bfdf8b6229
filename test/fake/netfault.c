/* SPDX-License-Identifier: MIT */
/*
 * Allocations of the network that fail. Read netfault.h first.
 *
 * In the arena a sanitizer sees nothing by itself: what is not taken is poisoned here, so a packet that is read after it was freed,
 * or past its end, ends the test.
 */
#include "test/fake/netfault.h"

#include <sanitizer/asan_interface.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "libc-glue/lwip/arena.h"
#include "libc-glue/lwip/pool.h"

#define UNIT 128u /* of the smallest block */

void *__real_arena_malloc(size_t size);
void __real_arena_free(void *p);
bool __real_arena_init(size_t pages);
void *__real_pool_take(struct pool *pool);

static unsigned long fail_from, fail_to, count;
static uint32_t *sizes; /* of the block that begins at each unit */

void netfault_set(unsigned long n, unsigned long more)
{
	count = 0;
	fail_from = n;
	fail_to = n ? n + more : 0;
}

unsigned long netfault_count(void)
{
	return count;
}

static bool fails(void)
{
	count++;
	return count >= fail_from && count <= fail_to;
}

bool __wrap_arena_init(size_t pages)
{
	bool ok;

	if (sizes)
		__asan_unpoison_memory_region(arena.base, arena_size());
	ok = __real_arena_init(pages);
	free(sizes);
	sizes = ok ? calloc(arena_size() / UNIT, sizeof *sizes) : NULL;
	if (ok)
		__asan_poison_memory_region(arena.base, arena_size());
	return ok;
}

void *__wrap_arena_malloc(size_t size)
{
	char *p = fails() ? NULL : __real_arena_malloc(size);

	if (p) {
		sizes[(size_t)(p - arena.base) / UNIT] = (uint32_t)size;
		__asan_unpoison_memory_region(p, size);
	}
	return p;
}

void __wrap_arena_free(void *p)
{
	if (p)
		__asan_poison_memory_region(p, sizes[(size_t)((char *)p - arena.base) / UNIT]);
	__real_arena_free(p);
}

void *__wrap_pool_take(struct pool *pool)
{
	return fails() ? NULL : __real_pool_take(pool);
}
