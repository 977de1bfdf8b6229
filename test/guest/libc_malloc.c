/* SPDX-License-Identifier: MIT */
/*
 * The heap: random allocations with patterns that are checked, alignment, zeros, running out and coming back.
 */
#include <errno.h>
#include <malloc.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "test/tap.h"

#define SLOTS 400
#define ROUNDS 60000

static struct {
	unsigned char *p;
	size_t size;
	unsigned char mark;
} slot[SLOTS];

static uint64_t seed = 1;

static unsigned next(void)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(seed >> 33);
}

/* Mostly small, sometimes pages, seldom large. */
static size_t some_size(void)
{
	unsigned r = next() % 100;

	return r < 80 ? next() % 300 : r < 97 ? next() % 9000 : next() % 150000;
}

static bool intact(unsigned i)
{
	size_t k, step = slot[i].size / 64 + 1;

	for (k = 0; k < slot[i].size; k += step)
		if (slot[i].p[k] != slot[i].mark)
			return false;
	return !slot[i].size || slot[i].p[slot[i].size - 1] == slot[i].mark;
}

static void mark(unsigned i)
{
	slot[i].mark = (unsigned char)next();
	memset(slot[i].p, slot[i].mark, slot[i].size);
}

/* One step on one slot. Returns whether all was well. */
static bool step(unsigned i)
{
	size_t size = some_size();
	unsigned char *p;

	if (!slot[i].p) {
		slot[i].p = malloc(size ? size : 1);
		slot[i].size = slot[i].p ? size : 0;
	} else if (next() % 4) {
		if (!intact(i))
			return false;
		free(slot[i].p);
		slot[i].p = NULL;
		slot[i].size = 0;
		return true;
	} else {
		if (!intact(i))
			return false;
		p = realloc(slot[i].p, size ? size : 1);
		if (!p)
			return true;
		slot[i].p = p;
		if (size < slot[i].size)
			slot[i].size = size;
		if (!intact(i))
			return false;
		slot[i].size = size;
	}
	if (!slot[i].p || ((uintptr_t)slot[i].p & 15))
		return slot[i].p == NULL;
	mark(i);
	return true;
}

static void stress(void)
{
	unsigned i, bad = 0;

	for (i = 0; i < ROUNDS; i++)
		bad += !step(next() % SLOTS);
	is(bad, 0, "60,000 random steps keep every byte, aligned to 16");
	for (i = 0; i < SLOTS; i++) {
		free(slot[i].p);
		slot[i].p = NULL;
		slot[i].size = 0;
	}
}

static void *volatile kept; /* clang takes an allocation that nobody looks into for one that succeeds */

static void zeros(void)
{
	volatile size_t many; /* compilers warn of what is tested here */
	unsigned i, bad = 0;
	size_t k;

	for (i = 0; i < 200; i++) {
		size_t size = some_size();
		unsigned char *p = calloc(1, size + 1);

		for (k = 0; p && k < size; k++)
			bad += p[k] != 0;
		if (p)
			memset(p, 0xff, size);
		free(p);
	}
	is(bad, 0, "calloc gives zeros");
	many = SIZE_MAX / 2;
	errno = 0;
	kept = calloc(many, 4);
	ok(!kept && errno == ENOMEM, "calloc sees the overflow");
}

static void alignment(void)
{
	unsigned shift, bad = 0;
	void *p;

	for (shift = 4; shift <= 16; shift++) {
		p = memalign((size_t)1 << shift, 100);
		bad += !p || ((uintptr_t)p & (((size_t)1 << shift) - 1));
		free(p);
		p = NULL;
		bad += posix_memalign(&p, (size_t)1 << shift, 5000) != 0 || ((uintptr_t)p & (((size_t)1 << shift) - 1));
		free(p);
	}
	is(bad, 0, "memalign and posix_memalign keep what they promise");
	is(posix_memalign(&p, 24, 8), EINVAL, "posix_memalign refuses 24");
}

static void running_out(void)
{
	volatile size_t huge = SIZE_MAX / 4;
	void *p, *volatile p_again; /* gcc warns of a pointer that realloc() saw, though it fails here */

	errno = 0;
	kept = malloc(huge);
	ok(!kept && errno == ENOMEM, "malloc of a quarter of everything is ENOMEM");
	p = malloc(100);
	p_again = p;
	ok(p != NULL, "and then it goes on");
	kept = realloc(p, huge);
	ok(p && !kept, "realloc to as much fails");
	free(p_again);
	free(NULL);
}

/* Takes and frees megabytes again and again: what is freed can be had again, in other sizes too. */
static void again(void)
{
	unsigned i, k, got = 0;
	void *p[8];

	for (i = 0; i < 100; i++) {
		size_t size = 100000 + i * 7919;

		for (k = 0; k < 8; k++) {
			p[k] = malloc(size);
			got += p[k] != NULL;
			if (p[k])
				memset(p[k], (int)k, size);
		}
		for (k = 0; k < 8; k++)
			free(p[k]);
	}
	is(got, 800, "800 large pieces one after the other fit where 8 fit");
}

static void pages(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *p = mmap(NULL, 5 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t i, bad = 0;

	if (!ok(p != MAP_FAILED, "mmap gives pages"))
		return;
	for (i = 0; i < 5 * page; i++)
		bad += p[i] != 0;
	is(bad, 0, "of zeros");
	memset(p, 7, 5 * page);
	is(munmap(p + 2 * page, page), 0, "munmap in the middle");
	ok(p[0] == 7 && p[2 * page - 1] == 7 && p[3 * page] == 7 && p[5 * page - 1] == 7, "leaves both sides");
	is(mprotect(p, page, PROT_READ), 0, "mprotect to read-only");
	ok(p[0] == 7 && mprotect(p, page, PROT_READ | PROT_WRITE) == 0, "and back");
	p[0] = 8;
	ok(munmap(p, 2 * page) == 0 && munmap(p + 3 * page, 2 * page) == 0, "munmap of the rest");
	errno = 0;
	ok(mmap(NULL, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED && errno == EINVAL, "mmap of nothing is EINVAL");
}

int main(void)
{
	stress();
	zeros();
	alignment();
	running_out();
	again();
	pages();
	stress();
	return tap_done();
}
