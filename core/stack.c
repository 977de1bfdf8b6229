/* SPDX-License-Identifier: MIT */
#include "core/core.h"

/*
 * Stacks for threads, each above a guard page.
 *
 * Running off the end of a stack must fault and not write into a neighbour, so the page below it is
 * unmapped. Every change of a mapping is a call of the gate, thousands of cycles, and the first one
 * in a 2 MiB page splits that page. So freed stacks are kept for the next thread, guard and all, up
 * to a small share of memory; and page_alloc() takes from the top of memory, which puts stacks
 * close together.
 */

#include "core/x86/gate.h"

/*
 * A server that starts a thread for each connection has some dozens at a time; more than that is no
 * everyday use.
 */
#define KEEP_STACKS 64u

/*
 * At most one page in so many of the machine's is kept: a guest of 2 MiB has better uses for them.
 */
#define KEEP_SHARE 32u

/*
 * The stacks that are kept, newest last. The list is not inside the stacks, where a thread that
 * writes past its own could aim it.
 */
static struct {
	char *stack;
	size_t n;
} kept[KEEP_STACKS];
static size_t nkept, kept_pages;

/* Takes kept[i] off the list. The order of the others does not matter. */
static char *unkeep(size_t i)
{
	char *stack = kept[i].stack;

	kept_pages -= kept[i].n + 1;
	kept[i] = kept[--nkept];
	return stack;
}

/*
 * Gives stack and guard back to page.c, which writes to free pages: so the guard must be mapped
 * first. The gate splits a large page once and never joins it, so mapping needs no memory and is
 * not expected to fail; were it refused all the same, the guard page is lost and the rest is not.
 */
static void release(char *stack, size_t n)
{
	char *guard = stack - PAGE_SIZE;

	if (gate_map((uintptr_t)guard, PAGE_SIZE, GATE_READ | GATE_WRITE) == 0) {
		page_free(guard, n + 1);
		return;
	}
	log_line(LOG_ERR, "stack: the guard page at %p cannot be mapped again and is lost", (void *)guard);
	page_free(stack, n);
}

void stack_trim(void)
{
	while (nkept > 0) {
		size_t n = kept[nkept - 1].n;

		release(unkeep(nkept - 1), n);
	}
}

/* A new stack from page.c; no stack at all rather than one without a guard. */
static char *make(size_t n)
{
	char *guard = page_alloc(n + 1);

	if (!guard)
		return NULL;
	if (gate_map((uintptr_t)guard, PAGE_SIZE, 0) != 0) {
		page_free(guard, n + 1);
		return NULL;
	}
	return guard + PAGE_SIZE;
}

/*
 * Only a kept stack of just the right size is used: programs ask for one or two sizes, and a larger
 * one would be lost to those who need it. The newest comes first, its top is likely still in the
 * CPU's caches.
 */
void *stack_alloc(size_t n)
{
	char *stack;

	for (size_t i = nkept; i-- > 0;)
		if (kept[i].n == n)
			return unkeep(i);
	stack = make(n);
	if (!stack && nkept > 0) { /* what is kept may be what is missing */
		stack_trim();
		stack = make(n);
	}
	return stack;
}

void stack_free(void *stack, size_t n)
{
	if (nkept == KEEP_STACKS || kept_pages + n + 1 > page_total() / KEEP_SHARE) {
		release(stack, n);
		return;
	}
	kept[nkept].stack = stack;
	kept[nkept].n = n;
	nkept++;
	kept_pages += n + 1;
}
