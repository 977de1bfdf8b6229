/* SPDX-License-Identifier: MIT */
/*
 * core/page.c against a model that knows each page: free or not.
 *
 * The allocator has one state for the whole process, so the parts follow each other: small ranges
 * and random calls first, a huge range last. What must panic does so in a child process.
 */
#define _GNU_SOURCE
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "core/core.h"
#include "core/err.h"
#include "test/fake/fake.h"
#include "test/tap.h"

#define PAGES 600u /* of the arena; some belong to nobody */
#define ROUNDS 60000

static char *arena;
static enum { NONE, FREE, USED } state[PAGES];

static void *at(unsigned page)
{
	return arena + (size_t)page * PAGE_SIZE;
}

static unsigned page_of(const void *addr)
{
	return (unsigned)(((const char *)addr - arena) / (long)PAGE_SIZE);
}

static void mark(unsigned page, unsigned n, int to)
{
	for (unsigned i = page; i < page + n; i++)
		state[i] = to;
}

static bool all(unsigned page, unsigned n, unsigned what)
{
	if (page + n > PAGES)
		return false;
	for (unsigned i = page; i < page + n; i++)
		if (state[i] != what)
			return false;
	return true;
}

static size_t count(unsigned what)
{
	size_t n = 0;

	for (unsigned i = 0; i < PAGES; i++)
		n += state[i] == what;
	return n;
}

/* Where the model would put n pages: the highest place that fits; PAGES for nowhere. */
static unsigned highest(unsigned n, uintptr_t align)
{
	for (unsigned page = PAGES; page-- > 0;)
		if ((uintptr_t)at(page) % align == 0 && all(page, n, FREE))
			return page;
	return PAGES;
}

/* The longest run, of equal ones any: its length. */
static unsigned longest_run(unsigned *starts, unsigned *nstarts)
{
	unsigned best = 0;

	*nstarts = 0;
	for (unsigned page = 0, len; page < PAGES; page += len ? len : 1) {
		for (len = 0; page + len < PAGES && state[page + len] == FREE; len++)
			;
		if (len > best) {
			best = len;
			*nstarts = 0;
		}
		if (len && len == best)
			starts[(*nstarts)++] = page;
	}
	return best;
}

/* ---- One random call each; false: the allocator and the model disagree ---- */

static bool try_alloc(void)
{
	unsigned n = 1 + (unsigned)fake_below(fake_chance(1000) ? 200 : 12), shift = (unsigned)fake_below(17);
	bool plain = fake_chance(6000);
	unsigned want = highest(n, plain || shift < 12 ? PAGE_SIZE : (uintptr_t)1 << shift);
	void *got = plain ? page_alloc(n) : page_alloc_aligned(n, shift);

	if (!got)
		return want == PAGES;
	memset(got, 0xa5, (size_t)n * PAGE_SIZE); /* all of it is the caller's */
	if (page_of(got) != want)
		return false;
	mark(want, n, USED);
	return true;
}

static bool try_alloc_at(void)
{
	unsigned page = (unsigned)fake_below(PAGES), n = 1 + (unsigned)fake_below(8);
	bool can = all(page, n, FREE);

	if (page_alloc_at(at(page), n) != (can ? 0 : -ERR_NOMEM))
		return false;
	if (can)
		mark(page, n, USED);
	return true;
}

static bool try_alloc_low(void)
{
	unsigned starts[PAGES], nstarts, n = 1 + (unsigned)fake_below(20), best = longest_run(starts, &nstarts);
	void *got = page_alloc_low(n);

	if (!got)
		return best < n;
	for (unsigned i = 0; i < nstarts; i++) {
		if (starts[i] == page_of(got)) {
			mark(starts[i], n, USED);
			return best >= n;
		}
	}
	return false;
}

/* Gives back a part of what is in use: what one call took or several. */
static bool try_free(void)
{
	unsigned page = (unsigned)fake_below(PAGES), n = 1;

	if (state[page] != USED)
		return true;
	while (n < 40 && page + n < PAGES && state[page + n] == USED && !fake_chance(1500))
		n++;
	page_free(at(page), n);
	mark(page, n, FREE);
	return true;
}

static bool try_one(void)
{
	switch (fake_below(8)) {
	case 0:
	case 1:
	case 2:
		return try_alloc();
	case 3:
		return try_alloc_at();
	case 4:
		return try_alloc_low();
	default:
		return try_free();
	}
}

static void test_random(void)
{
	unsigned i = 0;

	while (i < ROUNDS && try_one() && page_unused() == count(FREE))
		i++;
	ok(i == ROUNDS, "%u random calls agree with the model, seed %llu", i, (unsigned long long)fake.seed);
	is(page_total(), count(FREE) + count(USED), "total is what was added");
	for (unsigned page = 0; page < PAGES; page++)
		if (state[page] == USED)
			page_free(at(page), 1);
	for (unsigned page = 0; page < PAGES; page++)
		if (state[page] == USED)
			state[page] = FREE;
	is(page_unused(), page_total(), "everything freed is everything");
	ok(page_alloc_at(at(2), 298) == 0 && page_alloc_at(at(300), 100) == 0, "freed pages join to their ranges");
	page_free(at(2), 398);
	ok(page_alloc_at(at(440), 110) == 0, "and ranges that touch are one");
	page_free(at(440), 110);
}

/* ---- Ranges ---- */

/* Adds whole pages and marks them; the bytes given may be ragged. */
static void add(unsigned page, unsigned n, unsigned ragged)
{
	page_add((uintptr_t)at(page) - ragged, (size_t)n * PAGE_SIZE + 2 * ragged);
	mark(page, n, FREE);
}

static void test_add(void)
{
	is(page_unused(), 0, "nothing is there at first");
	ok(!page_alloc(1) && !page_alloc_low(1), "so nothing is given");
	add(2, 298, 0);
	add(300, 100, 0);
	add(410, 1, 1);
	add(450, 100, 4095);
	add(440, 10, 0); /* touches the last one, from below */
	page_add((uintptr_t)at(560) + 1, PAGE_SIZE);
	page_add((uintptr_t)at(570), 0);
	page_add(UINTPTR_MAX - 10, 100);
	is(page_unused(), 509, "whole pages of what was added count, nothing else");
	ok(!page_alloc(0) && !page_alloc_aligned(0, 12) && !page_alloc_aligned(1, 64) && !page_alloc_low(0), "no pages, no address");
	ok(!page_alloc(SIZE_MAX) && !page_alloc_low(SIZE_MAX) && page_alloc_at(at(2), SIZE_MAX) == -ERR_NOMEM &&
		page_alloc_at(at(2), (SIZE_MAX >> 12) + 2) == -ERR_NOMEM, "too many pages do not wrap");
	ok(page_alloc_at(at(2), 0) == -ERR_NOMEM && page_alloc_at(at(2) + 1, 1) == -ERR_NOMEM, "no pages or half pages are not to be had");
	page_free(at(2), 0);
	is(page_unused(), 509, "and nothing is lost by asking");
}

/* ---- What panics ---- */

static void free_twice(void)
{
	void *p = page_alloc(3);

	page_free(p, 3);
	page_free(p, 3);
}

static void free_overlap_low(void)
{
	page_alloc_at(at(100), 4);
	page_free(at(99), 2);
}

static void free_overlap_high(void)
{
	page_alloc_at(at(100), 4);
	page_free(at(103), 2);
}

static void free_foreign(void)
{
	page_free(at(405), 1);
}

static void free_past_end(void)
{
	page_alloc_at(at(399), 1);
	page_free(at(399), 2);
}

static void free_half(void)
{
	page_free((char *)page_alloc(1) + 8, 1);
}

static void free_huge(void)
{
	page_free(page_alloc(1), SIZE_MAX / 2);
}

static void add_twice(void)
{
	page_add((uintptr_t)at(300), 50 * PAGE_SIZE);
}

static void write_free(void)
{
	uint64_t *p = page_alloc_at(at(50), 2) ? NULL : at(50);

	page_free(p, 2);
	page_alloc_at(at(40), 8); /* a run begins at 48 */
	((uint64_t *)at(48))[3] ^= 1; /* use after free */
	page_alloc_at(at(60), 1);
}

static void test_panics(void)
{
	static const struct {
		void (*fn)(void);
		const char *says;
	} v[] = {
		{ free_twice, "freed twice" }, { free_overlap_low, "freed twice" }, { free_overlap_high, "freed twice" },
		{ free_foreign, "not memory" }, { free_past_end, "not memory" }, { free_half, "not memory" }, { free_huge, "not memory" },
		{ add_twice, "added twice" }, { write_free, "was written to" },
	};
	char said[2000];

	for (unsigned i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		int status = fake_dies(v[i].fn, said, sizeof(said));

		ok(status == FAKE_CRASH && strstr(said, v[i].says), "panics: %s", v[i].says);
		if (status != FAKE_CRASH)
			tap_diag("status %d: %s", status, said);
	}
}

/* ---- 64 GiB ---- */

static void test_huge(void)
{
	size_t len = (size_t)64 << 30, before = page_unused();
	struct rusage was, is_now;
	char *base = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	char *low, *high;

	if (base == MAP_FAILED) {
		tap_skip("no 64 GiB of addresses here");
		return;
	}
	getrusage(RUSAGE_SELF, &was);
	page_add((uintptr_t)base, len);
	getrusage(RUSAGE_SELF, &is_now);
	ok(is_now.ru_minflt - was.ru_minflt <= 32, "adding 64 GiB touches %ld pages, the sanitizer's too", is_now.ru_minflt - was.ru_minflt);
	is(page_unused(), before + (len >> 12), "and all of it is there");
	low = page_alloc_low(1000);
	high = page_alloc(1000);
	ok(low == base, "a heap begins at the bottom of the largest run");
	ok(high == base + len - (size_t)1000 * PAGE_SIZE || high < base, "the rest comes from the top");
	ok(page_alloc_at(low + 1000 * PAGE_SIZE, 5000000) == 0, "the heap grows by 19 GiB in place");
	page_free(low, 5001000);
	page_free(high, 1000);
	is(page_unused(), before + (len >> 12), "and is given back");
}

/* More ranges than anybody has: the rest of memory is left alone. */
static void test_many_ranges(void)
{
	size_t before = page_total();
	char *base = mmap(NULL, 100 * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	fake_console_clear();
	for (unsigned i = 0; i < 100; i += 2)
		page_add((uintptr_t)base + i * PAGE_SIZE, PAGE_SIZE);
	ok(page_total() > before && page_total() < before + 50, "of too many ranges some are used: %zu", page_total() - before);
	ok(strstr(fake_console(), "not used: more than 32 ranges"), "and the others are named");
}

int main(void)
{
	fake_random(); /* settles the seed */
	fake.quiet = true;
	arena = mmap((void *)0x20000000, PAGES * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	test_add();
	test_random();
	test_panics();
	test_huge();
	test_many_ranges();
	return tap_done();
}
