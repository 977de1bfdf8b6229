/* SPDX-License-Identifier: MIT */
/*
 * libc-glue/heap.c: the break goes up and down among other users of pages, jumps when it must, and gives pages back.
 */
#include <errno.h>
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/core.h"
#include "test/fake/boot.h"
#include "test/fake/fake.h"
#include "test/tap.h"

/* By other names: the host has its own. */
#define sbrk heap_sbrk
#define posix_memalign heap_posix_memalign
#include "libc-glue/heap.c"
#undef sbrk
#undef posix_memalign

static uint64_t seed;

static unsigned next(unsigned below)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(seed >> 33) % below;
}

static void test_simple(void)
{
	size_t before = page_unused();
	char *p = heap_sbrk(100), *q = heap_sbrk(10000), *r = heap_sbrk(0);

	ok(p && (uintptr_t)p % 16 == 0, "the first break is aligned");
	ok(q == p + 100 && r == q + 10000, "the next ones follow");
	memset(p, 1, 10100);
	ok(before - page_unused() == 3, "10,100 bytes are three pages");
	ok(heap_sbrk(-10000) == r && heap_sbrk(0) == q, "the break goes back");
	is(before - page_unused(), 1, "and so do the pages");
	errno = 0;
	ok(heap_sbrk(-101) == (void *)-1 && errno == EINVAL, "but not to before the beginning");
	ok(heap_sbrk(-100) == q && heap_sbrk(100) == p, "to it, and up again");
}

static void test_out(void)
{
	char *now = heap_sbrk(0);

	errno = 0;
	ok(heap_sbrk(1 << 30) == (void *)-1 && errno == ENOMEM, "a GiB is ENOMEM");
	ok(heap_sbrk(0) == now, "and changes nothing");
	errno = 0;
	ok(heap_sbrk(INTPTR_MAX) == (void *)-1 && errno == ENOMEM, "nor does the largest number");
}

/* The page behind the heap is taken: the next break is somewhere higher, or there is none. */
static void test_jump(void)
{
	char *now = heap_sbrk(0), *wall = (char *)(((uintptr_t)now + PAGE_SIZE - 1) & ~(uintptr_t)(PAGE_SIZE - 1)), *p;

	is(page_alloc_at(wall, 1), 0, "somebody takes the page behind the heap");
	p = heap_sbrk(3 * PAGE_SIZE);
	ok(p != (void *)-1 && p > wall, "the break jumps over it");
	memset(p, 2, 3 * PAGE_SIZE);
	ok(heap_sbrk(PAGE_SIZE) == p + 3 * PAGE_SIZE, "and grows on from there");
	page_free(wall, 1);
}

/* Blocks of others in between, and the heap as a stack of pieces with marks. */
static void test_random(void)
{
	static struct { unsigned char *p; size_t n; } piece[500];
	void *other[40] = { NULL };
	unsigned i, k, n = 0, bad = 0;

	for (i = 0; i < 20000; i++) {
		k = next(40);
		if (next(8) == 0) {
			if (other[k])
				page_free(other[k], 3);
			other[k] = other[k] ? NULL : page_alloc(3);
		} else if (n < 500 && next(2)) {
			size_t size = next(next(4) ? 300 : 30000) + 1;
			void *p = heap_sbrk((ptrdiff_t)size);

			if (p == (void *)-1)
				continue;
			piece[n].p = p;
			piece[n].n = size;
			memset(p, (int)n & 255, size);
			n++;
		} else if (n > 0 && piece[n - 1].p + piece[n - 1].n == heap_sbrk(0)) {
			n--;
			for (k = 0; k < piece[n].n; k++)
				bad += piece[n].p[k] != (n & 255);
			bad += heap_sbrk(-(ptrdiff_t)piece[n].n) == (void *)-1;
		} else if (n > 0) { /* it has jumped: what is below stays for ever */
			n--;
		}
	}
	is(bad, 0, "20,000 random steps keep every byte");
}

int main(void)
{
	void *p;

	fake_boot();
	seed = fake.seed;
	tap_diag("PITH_SEED=%llu", (unsigned long long)seed);
	test_simple();
	test_out();
	test_jump();
	test_random();
	is(heap_posix_memalign(&p, 3, 8), EINVAL, "posix_memalign refuses 3");
	return tap_done();
}
