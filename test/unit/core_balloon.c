/* SPDX-License-Identifier: MIT */
/*
 * core/balloon.c under a program that allocates, writes and frees meanwhile. What the host has is out of reach in the fake
 * machine: a page that was in use when it was given kills the test.
 */
#include <string.h>

#include "core/core.h"
#include "core/plat.h"
#include "test/fake/fake.h"
#include "test/tap.h"

#define BLOCKS 200
#define SECOND 1000000000ull

static struct block {
	unsigned char *at;
	size_t n;
	unsigned char fill;
} block[BLOCKS];
static unsigned refused;

static bool intact(const struct block *b)
{
	for (size_t i = 0; i < b->n * PAGE_SIZE; i += 512)
		if (b->at[i] != b->fill)
			return false;
	return true;
}

/* Frees or takes one block. Returns whether what is freed was as it was left. */
static bool step(void)
{
	struct block *b = &block[fake_below(BLOCKS)];
	bool good = true;

	if (b->at) {
		good = intact(b);
		page_free(b->at, b->n);
		b->at = NULL;
		return good;
	}
	b->n = 1 + fake_below(fake_chance(500) ? 400 : 20);
	b->at = page_alloc(b->n);
	b->fill = (unsigned char)fake_random();
	if (b->at)
		memset(b->at, b->fill, b->n * PAGE_SIZE);
	else
		refused++;
	return true;
}

static void run(uint64_t ns)
{
	uint64_t end = fake_now() + ns;

	while (timer_next() <= end) {
		if (timer_next() > fake_now())
			fake_advance(timer_next() - fake_now());
		timer_run(plat_now());
	}
	if (fake_now() < end)
		fake_advance(end - fake_now());
}

static bool all_intact(void)
{
	for (unsigned i = 0; i < BLOCKS; i++)
		if (block[i].at && !intact(&block[i]))
			return false;
	return true;
}

static void free_all(void)
{
	for (unsigned i = 0; i < BLOCKS; i++)
		if (block[i].at)
			page_free(block[i].at, block[i].n);
	memset(block, 0, sizeof(block));
}

static void up_and_down(size_t whole)
{
	bool good = true;

	for (unsigned wish = 0; wish < 300 && good; wish++) {
		balloon_want(fake_below(page_total() * 5 / 4));
		for (unsigned i = 0; i < 100 && good; i++) {
			good = step();
			run(fake_below(4 * 100000));
		}
		good &= all_intact() && balloon_out() == fake.ballooned;
	}
	ok(good, "what the program holds is never taken nor changed, and the counts agree");
	ok(refused > 0, "the program was short of memory now and then (%u times)", refused);
	free_all();
	balloon_want(page_total());
	run(60 * SECOND);
	ok(page_unused() >= page_total() / 64 && page_unused() <= page_total() / 64 + 64 + 1 && balloon_out() < page_total(),
	   "a wish for everything leaves something: %zu pages", page_unused());
	balloon_want(0);
	run(60 * SECOND);
	ok(balloon_out() == 0 && fake.ballooned == 0 && page_unused() == whole, "all of it comes back, lists included: %zu of %zu",
	   page_unused(), whole);
	ok(timer_next() == PLAT_FOREVER, "and then there is nothing left to do");
}

/* What it says, and that a stuck balloon goes on when something is freed. */
static void says(size_t whole)
{
	void *most = page_alloc(3000);

	fake_console_clear();
	log_level = LOG_INFO;
	balloon_want(whole - 1000);
	run(2 * SECOND);
	ok(strstr(fake_console(), "no more are free") && balloon_out() < whole - 1000, "it says that it is stuck");
	fake_console_clear();
	run(10 * SECOND);
	ok(fake_console()[0] == 0, "once");
	page_free(most, 3000);
	run(SECOND);
	ok(balloon_out() == whole - 1000 && strstr(fake_console(), "balloon: the host has"), "goes on when memory is freed, and says when it is done");
	balloon_want(0);
	run(60 * SECOND);
	ok(page_unused() == whole, "all is back");
	log_level = LOG_WARN;
}

/* Before the first page went, or while none could. */
static void changed_mind(size_t whole)
{
	void **all = NULL, **next;

	balloon_want(100);
	balloon_want(0);
	run(SECOND);
	ok(balloon_out() == 0 && timer_next() == PLAT_FOREVER, "a wish that is taken back at once");
	while ((next = page_alloc(1)) != NULL) {
		*next = all;
		all = next;
	}
	balloon_want(100);
	run(SECOND);
	balloon_want(0);
	run(SECOND);
	ok(balloon_out() == 0 && timer_next() == PLAT_FOREVER, "and one while no memory was free");
	for (; all; all = next) {
		next = *all;
		page_free(all, 1);
	}
	ok(page_unused() == whole, "all is back");
}

static void none(size_t whole)
{
	fake.balloon = 0;
	fake_console_clear();
	balloon_want(100);
	run(2 * SECOND);
	balloon_want(200);
	run(2 * SECOND);
	ok(strstr(fake_console(), "no way to give") && page_unused() == whole && timer_next() == PLAT_FOREVER,
	   "a machine that cannot give memory says so, and is left alone");
}

int main(void)
{
	struct plat_range v[2];
	size_t whole;

	fake.quiet = true;
	fake.memory = 32u << 20;
	fake.balloon = PLAT_BALLOON;
	fake.spurious = 500;
	plat_start();
	for (size_t i = 0, n = plat_memory(v, 2); i < n; i++)
		page_add(v[i].base, v[i].len);
	whole = page_unused();
	up_and_down(whole);
	says(whole);
	changed_mind(whole);
	none(whole);
	return tap_done();
}
