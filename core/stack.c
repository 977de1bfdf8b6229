/* SPDX-License-Identifier: MIT */
/*
 * Stacks for threads, each above a guard page.
 *
 * Running off the end of a stack must fault and not write into a neighbour, so the page below it is
 * unmapped. Every change of a mapping is a call of the gate, thousands of cycles, and the first one
 * in a 2 MiB page splits that page. So freed stacks are kept for the next thread, guard and
 * all, up to a small share of memory; and page_alloc() takes from the top of memory, which puts stacks close together.
 */
#include "core/core.h"
#include "core/x86/gate.h"

#define KEEP_STACKS 64u /* at most so many */
#define KEEP_SHARE 32u  /* and at most one page in so many of the machine's */

/* A stack that is kept, in its own last bytes: the part that is in the cache. */
struct kept {
	struct kept *next;
	char *stack;
	size_t n;
};

static struct kept *kept;
static size_t kept_stacks, kept_pages;

/* Takes *at off the list and returns the stack. */
static char *unkeep(struct kept **at)
{
	struct kept *k = *at;

	*at = k->next;
	kept_stacks--;
	kept_pages -= k->n + 1;
	return k->stack;
}

static void release(char *stack, size_t n)
{
	char *guard = stack - PAGE_SIZE;

	/* The gate splits a page once, so mapping it again needs no memory; were it refused, the guard is lost and the rest is not. */
	if (gate_map((uintptr_t)guard, PAGE_SIZE, GATE_READ | GATE_WRITE) == 0) {
		page_free(guard, n + 1);
		return;
	}
	log_line(LOG_ERR, "stack: the guard page at %p cannot be mapped again and is lost", (void *)guard);
	page_free(stack, n);
}

void stack_trim(void)
{
	while (kept) {
		size_t n = kept->n;

		release(unkeep(&kept), n);
	}
}

/* A new stack, from page.c. */
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

void *stack_alloc(size_t n)
{
	char *stack;

	for (struct kept **at = &kept; *at; at = &(*at)->next)
		if ((*at)->n == n)
			return unkeep(at);
	stack = make(n);
	if (!stack && kept) { /* what is kept may be what is missing */
		stack_trim();
		stack = make(n);
	}
	return stack;
}

void stack_free(void *stack, size_t n)
{
	struct kept *k = (struct kept *)(void *)((char *)stack + n * PAGE_SIZE) - 1;

	if (kept_stacks >= KEEP_STACKS || kept_pages + n + 1 > page_total() / KEEP_SHARE) {
		release(stack, n);
		return;
	}
	k->stack = stack;
	k->n = n;
	k->next = kept;
	kept = k;
	kept_stacks++;
	kept_pages += n + 1;
}
