/* SPDX-License-Identifier: MIT */
/*
 * The arena, the pools and the checksum against models: every block is where it should be, none overlaps another, all comes back.
 */
#include <string.h>

#include "core/core.h"
#include "core/plat.h"
#include "libc-glue/lwip/arena.h"
#include "libc-glue/lwip/pool.h"
#include "lwip/opt.h"
#include "test/fake/boot.h"
#include "test/fake/fake.h"
#include "test/tap.h"

#define BLOCKS 3000
#define STEPS 300000

static struct block {
	uint8_t *p;
	size_t size;
	uint8_t mark;
} blocks[BLOCKS];

static unsigned outside, spoilt, misaligned;

static void take(struct block *b, size_t size)
{
	b->p = arena_malloc(size);
	if (!b->p)
		return;
	b->size = size;
	b->mark = (uint8_t)fake_random();
	outside += !arena_has(b->p, size);
	misaligned += (uintptr_t)b->p % 16 != 0;
	memset(b->p, b->mark, size);
}

static void give(struct block *b)
{
	for (size_t i = 0; i < b->size; i++)
		if (b->p[i] != b->mark) {
			spoilt++;
			break;
		}
	arena_free(b->p);
	b->p = NULL;
}

static size_t some_size(void)
{
	switch (fake_below(4)) {
	case 0:
		return 1 + fake_below(128);
	case 1:
		return 1 + fake_below(2048);
	case 2:
		return 1 + fake_below(9000);
	default:
		return 1 + fake_below(65552);
	}
}

static void test_arena(void)
{
	size_t refused = 0, least = SIZE_MAX;

	ok(arena_init(256), "an arena of 1 MiB");
	is(arena.used, 0, "empty");
	for (unsigned i = 0; i < STEPS; i++) {
		struct block *b = &blocks[fake_below(BLOCKS)];

		if (b->p) {
			give(b);
		} else {
			take(b, some_size());
			refused += !b->p;
		}
		if (arena_unused() < least)
			least = arena_unused();
	}
	ok(refused > 0 && arena.failures == refused, "%zu of %u were refused, and counted", refused, STEPS);
	for (unsigned i = 0; i < BLOCKS; i++)
		if (blocks[i].p)
			give(&blocks[i]);
	is(outside, 0, "every block lies in the arena");
	is(misaligned, 0, "at a multiple of 16");
	is(spoilt, 0, "and was nobody else's");
	ok(arena.used <= 5, "all came back, but for a page of each size: %zu", arena.used);
	ok(least < 8 * PAGE_SIZE, "it was used to the last: %zu bytes were left", least);
	arena_free(NULL);
	ok(arena_malloc(2 << 20) == NULL, "more than there is");
	ok(!arena_has((char *)arena.base - 1, 1) && !arena_has((char *)arena.base + arena_size() - 1, 2), "its ends");
	ok(arena_init(64), "another, while the first is unused");
	is(arena_size(), 64 * PAGE_SIZE, "has its own size");
}

static void free_twice(void)
{
	void *p;

	arena_init(16);
	p = arena_malloc(100);
	arena_malloc(100);
	arena_free(p);
	arena_free(p);
}

static void free_foreign(void)
{
	arena_init(16);
	arena_free((char *)arena.base + 5 * PAGE_SIZE);
}

static void give_to_other(void)
{
	static struct pool a = POOL_INIT(a, "a", 64), b = POOL_INIT(b, "b", 64);

	pool_give(&b, pool_take(&a));
}

static void test_mistakes(void)
{
	static char said[4096];

	is(fake_dies(free_twice, said, sizeof said), FAKE_CRASH, "freeing twice is found");
	ok(strstr(said, "freed twice"), "and said");
	is(fake_dies(free_foreign, said, sizeof said), FAKE_CRASH, "freeing what was not taken");
	ok(strstr(said, "was not taken"), "is said");
	is(fake_dies(give_to_other, said, sizeof said), FAKE_CRASH, "giving to another pool");
	ok(strstr(said, "pool:"), "is said");
}

static void test_pool(unsigned size)
{
	struct pool pool = POOL_INIT(pool, "test", size);
	static uint8_t *objects[BLOCKS];
	size_t before = page_unused(), have = 0;
	unsigned bad = 0;

	for (unsigned i = 0; i < STEPS / 4; i++) {
		uint8_t **o = &objects[fake_below(BLOCKS)];

		if (!*o && (*o = pool_take(&pool)) != NULL) {
			memset(*o, (int)((uintptr_t)o >> 3), size);
			have++;
		} else if (*o) {
			for (unsigned k = 0; k < size; k++)
				bad += (*o)[k] != (uint8_t)((uintptr_t)o >> 3);
			pool_give(&pool, *o);
			*o = NULL;
			have--;
		}
		bad += pool.used != have;
	}
	for (unsigned i = 0; i < BLOCKS; i++)
		if (objects[i]) {
			pool_give(&pool, objects[i]);
			objects[i] = NULL;
		}
	is(bad, 0, "a pool's objects are their takers' alone");
	is(pool.used, 0, "all came back");
	ok(before - page_unused() <= 1 && pool.slabs <= 1, "and the pages, but for one");
}

static void test_empty(void)
{
	struct pool pool = POOL_INIT(pool, "test", 1000);
	void *first = pool_take(&pool), *page;
	size_t n = 0, took = 1;

	while ((page = page_alloc(1)) != NULL)
		n++;
	while (pool_take(&pool))
		took++;
	ok(n > 0 && first, "a machine without a free page");
	is(pool.failures, 1, "refuses, and counts it");
	is(pool.used, took, "what it had it gave");
}

/* The sum as RFC 1071 writes it, 16 bits at a time in network order. */
static uint16_t model(const uint8_t *p, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i++)
		sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
	while (sum >> 16)
		sum = (sum >> 16) + (sum & 0xffff);
	return (uint16_t)sum;
}

static void test_chksum(void)
{
	static uint8_t buf[70000];
	unsigned bad = 0;

	for (size_t i = 0; i < sizeof buf; i++)
		buf[i] = (uint8_t)fake_random();
	for (unsigned i = 0; i < 20000; i++) {
		size_t at = fake_below(64), len = fake_below(fake_chance(9000) ? 200 : 65000);
		uint16_t sum = chksum_sum(buf + at, (int)len), want = model(buf + at, len);

		sum = (uint16_t)(sum >> 8 | sum << 8);
		bad += sum != want && !(sum == 0xffff && want == 0) && !(sum == 0 && want == 0xffff);
	}
	is(bad, 0, "checksums of any length and place");
	memset(buf, 0xff, sizeof buf);
	is(chksum_sum(buf, 65535), 0xff, "of ones");
	is(chksum_sum(buf, 0), 0, "of nothing");
}

int main(void)
{
	fake_boot();
	test_mistakes();
	test_arena();
	test_pool(8);
	test_pool(40);
	test_pool(304);
	test_pool(1024);
	test_chksum();
	test_empty();
	return tap_done();
}
