/* SPDX-License-Identifier: MIT */
#include <errno.h>

/*
 * Where malloc() gets its memory: sbrk() over the core's pages.
 *
 * The heap begins at the bottom of a large range of RAM and grows in place as long as the next
 * pages are free; page_alloc() takes from the top, so that is nearly always. When they are not, it
 * goes on somewhere higher: newlib's malloc copes with a break that jumps, but only upwards. What
 * malloc() trims off the end goes back to the core; a region that was left is not returned to.
 */

#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/core.h"
#include "core/err.h"
#include "core/plat.h"

#define RANGES 16u

/*
 * All NULL at first. base <= top <= end, and end - top is less than a page, but after a shrink to
 * nothing.
 */
static char *base, *end; /* the present region, and how far its pages go */
static char *top;        /* what malloc() was given of it */

static size_t pages_for(size_t bytes)
{
	return bytes / PAGE_SIZE + (bytes % PAGE_SIZE != 0);
}

/* Makes the region reach up to top + more. */
static int grow_in_place(size_t more)
{
	size_t n = pages_for(more - (size_t)(end - top));

	if (page_alloc_at(end, n))
		return -ERR_NOMEM;
	end += n * PAGE_SIZE;
	return 0;
}

/*
 * Where the first region begins. The break can only jump upwards, so of two large ranges of RAM (a
 * PC's are below and above the hole under 4 GiB) the lower one comes first.
 */
static char *first_place(size_t n)
{
	struct plat_range v[RANGES];
	size_t i, count = plat_memory(v, RANGES), largest = 0;

	for (i = 0; i < count; i++)
		largest = v[i].len > largest ? v[i].len : largest;
	for (i = 0; i < count; i++)
		if (v[i].len >= largest / 2 && !page_alloc_at((void *)v[i].base, n))
			return (char *)v[i].base;
	return page_alloc_low(n);
}

/*
 * The rest of the old region is lost to sbrk(), but not to malloc(), which has all of it up to top.
 */
static int start_region(size_t bytes)
{
	size_t n = pages_for(bytes);
	char *p = base ? page_alloc_low(n) : first_place(n);

	if (p && p < end) {
		page_free(p, n);
		p = NULL;
	}
	if (!p)
		return -ERR_NOMEM;
	if (end > top) {
		char *unused = top + (-(uintptr_t)top & (PAGE_SIZE - 1));

		if (end > unused)
			page_free(unused, (size_t)(end - unused) / PAGE_SIZE);
	}
	base = top = p;
	end = p + n * PAGE_SIZE;
	return 0;
}

/* Whole pages behind the break go back at once. */
static void shrink(size_t less)
{
	char *keep;

	top -= less;
	keep = top + (-(uintptr_t)top & (PAGE_SIZE - 1));
	if (keep == base) /* one page stays, so that the region does */
		keep += PAGE_SIZE;
	if (end > keep) {
		page_free(keep, (size_t)(end - keep) / PAGE_SIZE);
		end = keep;
	}
}

/* In place, or in a new region for all of it: sbrk() has to give one piece. */
static int grow(size_t more)
{
	if (more <= (size_t)(end - top))
		return 0;
	if (base && !grow_in_place(more))
		return 0;
	return start_region(more);
}

/* malloc() trims what is more than 128 KiB at its end, and asks for pages as it needs them. */
void *sbrk(ptrdiff_t change)
{
	char *old = top;

	if (change < 0) {
		if (-(size_t)change > (size_t)(top - base)) {
			errno = EINVAL;
			return (void *)-1;
		}
		shrink(-(size_t)change);
		return old;
	}
	if (grow((size_t)change)) {
		errno = ENOMEM;
		return (void *)-1;
	}
	old = top; /* only now: it may have jumped */
	top += change;
	return old;
}

/* newlib has memalign() only. */
int posix_memalign(void **p, size_t align, size_t size)
{
	void *got;

	if (align < sizeof(void *) || (align & (align - 1)))
		return EINVAL;
	got = memalign(align, size);
	if (!got)
		return ENOMEM;
	*p = got;
	return 0;
}
