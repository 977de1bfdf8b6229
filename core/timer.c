/* SPDX-License-Identifier: MIT */
#include "core/core.h"

/*
 * Timers: a pairing heap through the timers themselves, so that setting one never allocates and
 * never fails.
 *
 * timer_set and timer_next take constant time, timer_cancel and each firing O(log n) amortised. A
 * node's children hang in a list from `child` by `next`; `prev` is the elder sibling, or the parent
 * for the first child, or the node itself for the root. prev NULL: not set. Timers due at the same
 * instant fire in no promised order.
 */

#include "core/plat.h"

/*
 * Why this heap: an array of pointers would be smaller, but has to grow, and a thread that goes to
 * sleep must not fail for want of memory. In this one every node is the caller's.
 */
static struct timer *root;
static size_t set_now; /* how many are set */

/*
 * Joins two heaps, either of which may be NULL: the later root becomes the first child of the
 * earlier. The parent is not looked at, so a root's `prev` is right only after set_root().
 */
static struct timer *meld(struct timer *a, struct timer *b)
{
	struct timer *early = a, *late = b;

	if (!a || !b)
		return a ? a : b;
	if (b->when < a->when) {
		early = b;
		late = a;
	}
	late->prev = early;
	late->next = early->child;
	if (late->next)
		late->next->prev = late;
	early->child = late;
	return early;
}

/*
 * Joins a list of siblings into one heap: first in pairs from left to right, then the pairs from
 * right to left. The two passes are what makes the heap O(log n) amortised.
 */
static struct timer *meld_siblings(struct timer *first)
{
	struct timer *pairs = NULL, *heap = NULL;

	while (first) {
		struct timer *a = first, *b = a->next;

		first = b ? b->next : NULL;
		a->next = NULL;
		if (b)
			b->next = NULL;
		a = meld(a, b);
		a->next = pairs;
		pairs = a;
	}
	while (pairs) {
		struct timer *a = pairs;

		pairs = a->next;
		a->next = NULL;
		heap = meld(heap, a);
	}
	return heap;
}

/*
 * Takes t, which is not the root, out of its parent's list, with the heap below it. `prev` is the
 * parent only for a first child; no elder sibling has t as its child, so one comparison tells them
 * apart.
 */
static void cut(struct timer *t)
{
	if (t->prev->child == t)
		t->prev->child = t->next;
	else
		t->prev->next = t->next;
	if (t->next)
		t->next->prev = t->prev;
	t->next = NULL;
}

/* A root points back at itself: `prev` is NULL for timers that are not set, and only for those. */
static void set_root(struct timer *t)
{
	root = t;
	if (t)
		t->prev = t;
}

/* What was below t finds a new place; t itself is left as timer_set() expects a new one. */
void timer_cancel(struct timer *t)
{
	struct timer *below;

	if (!t->prev)
		return;
	below = meld_siblings(t->child);
	if (t == root) {
		set_root(below);
	} else {
		cut(t);
		set_root(meld(root, below));
	}
	t->child = t->next = t->prev = NULL;
	set_now--;
}

/*
 * An earlier deadline could be moved up in constant time; taking it out first is one path less to
 * get wrong.
 */
int timer_set(struct timer *t, uint64_t when, void (*fn)(struct timer *t))
{
	timer_cancel(t);
	t->when = when;
	t->fn = fn;
	t->child = t->next = NULL;
	set_root(meld(root, t));
	set_now++;
	return 0;
}

uint64_t timer_next(void)
{
	return root ? root->when : PLAT_FOREVER;
}

/*
 * A timer's function may do with timers what it likes: set and cancel others, set itself, or free
 * the memory that it stands in. So each is off the heap before its function is called, and the heap
 * is looked at anew after it.
 */
void timer_run(uint64_t now)
{
	/*
	 * One that sets itself again for now must not keep us here for ever: no more turns than there
	 * were timers.
	 */
	size_t left = set_now;

	for (; left > 0 && root && root->when <= now; left--) {
		struct timer *t = root;

		timer_cancel(t);
		t->fn(t); /* t may be gone after this */
	}
}
