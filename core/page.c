/* SPDX-License-Identifier: MIT */
#include "core/core.h"

/*
 * Pages of RAM.
 *
 * Free memory is a set of runs, in a treap ordered by address: a binary search tree whose shape is
 * that of random insertion. A run's node stands in its own first page, so there is no table to set
 * up, and adding a range of any size touches one page. Each node also knows the longest run below
 * it. With r runs, page_alloc, page_alloc_at, page_alloc_low and page_free take O(log r) expected,
 * page_alloc_aligned beyond a page O(r) at worst; r is at most half the pages, and a handful in
 * practice.
 *
 * The highest run that fits is used, from its end: what the machine keeps for ever gathers at the
 * top, and a heap that begins with page_alloc_low() grows towards it. A free page is the core's. A
 * node that somebody has written to is found by its check word when it is next seen.
 */

#include "core/err.h"

#define RANGES_MAX 32u

/*
 * A run of free pages, in the first of them. Runs never touch: freeing joins them, so two
 * neighbours always have a used page between them, and r is at most half the pages.
 */
struct run {
	struct run *left, *right; /* lower and higher addresses */
	uint64_t priority;        /* never below that of a child */
	size_t n;                 /* pages */
	size_t longest;           /* the greatest n of this node and all below */
	uintptr_t check;          /* of the fields that say what is free: see checked() */
};

static struct {
	uintptr_t base, end;
} range[RANGES_MAX]; /* what page_add() was given: nothing else can be freed */
static unsigned ranges;

static struct run *root;
static size_t total, unused;

/*
 * Not a secret, and no protection against somebody who wants to forge it: what it finds is a
 * program that uses memory after it was freed, before that becomes an overlap of two owners.
 */
static uintptr_t check_word(const struct run *r)
{
	return (uintptr_t)r ^ ((uintptr_t)r->n << 20) ^ (uintptr_t)r->priority ^ 0x70697468u;
}

/* Panics where a node is not as it was left. NULL passes. Called wherever a node is come to. */
static struct run *checked(struct run *r)
{
	if (r && r->check != check_word(r))
		log_panic("page: the free page at %p was written to", (void *)r);
	return r;
}

static uintptr_t end_of(const struct run *r)
{
	return (uintptr_t)r + r->n * PAGE_SIZE;
}

static size_t longest(const struct run *r)
{
	return r ? r->longest : 0;
}

/*
 * Makes a node right again after its n or its children have changed. Whoever changes a node calls
 * it, from below upwards.
 */
static void update(struct run *r)
{
	size_t l = longest(r->left), h = longest(r->right);

	r->longest = l > h ? l : h;
	if (r->n > r->longest)
		r->longest = r->n;
	r->check = check_word(r);
}

/*
 * The next number of a splitmix64 sequence. The treap's depth is O(log r) if priorities have
 * nothing to do with addresses; nobody outside chooses addresses here, so the sequence may be the
 * same at each boot.
 */
static uint64_t next_priority(void)
{
	static uint64_t state;
	uint64_t z = state += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

/*
 * ---- The treap ----
 *
 * Everything is made of two operations, split and merge, and of taking the outermost run of what
 * they leave. They recurse as deep as the tree: some 50 levels for a million runs, 64 bytes each.
 */

/*
 * Joins two treaps; every address in a is below every one in b. The higher priority stays on top.
 */
static struct run *merge(struct run *a, struct run *b)
{
	if (!checked(a))
		return checked(b);
	if (!checked(b))
		return a;
	if (a->priority >= b->priority) {
		a->right = merge(a->right, b);
		update(a);
		return a;
	}
	b->left = merge(a, b->left);
	update(b);
	return b;
}

/*
 * Parts r into the runs that begin below addr and the others. Either pointer may be one of r's own
 * child fields.
 */
static void split(struct run *r, uintptr_t addr, struct run **low, struct run **high)
{
	if (!checked(r)) {
		*low = *high = NULL;
	} else if ((uintptr_t)r < addr) {
		*low = r;
		split(r->right, addr, &r->right, high);
		update(r);
	} else {
		*high = r;
		split(r->left, addr, low, &r->left);
		update(r);
	}
}

/* Takes the highest run out of *r and returns it alone, without children; NULL for none. */
static struct run *take_last(struct run **r)
{
	struct run *last = checked(*r);

	if (!last)
		return NULL;
	if (last->right) {
		last = take_last(&(*r)->right);
		update(*r);
		return last;
	}
	*r = last->left;
	last->left = NULL;
	update(last);
	return last;
}

/* The same at the other end. */
static struct run *take_first(struct run **r)
{
	struct run *first = checked(*r);

	if (!first)
		return NULL;
	if (first->left) {
		first = take_first(&(*r)->left);
		update(*r);
		return first;
	}
	*r = first->right;
	first->right = NULL;
	update(first);
	return first;
}

/*
 * A node for n pages at addr, alone. Writes to the first page: from here on the run is the core's.
 * NULL for no pages.
 */
static struct run *make(uintptr_t addr, size_t n)
{
	struct run *r = (struct run *)addr;

	if (n == 0)
		return NULL;
	*r = (struct run){ .priority = next_priority(), .n = n };
	update(r);
	return r;
}

/* ---- Giving ---- */

/*
 * Puts n pages at addr into the treap, as one run with what they touch. Returns false, and changes
 * nothing, where some are in there already: only the run before and the one behind can overlap
 * them.
 *
 * A run that grows at its end keeps its node. One that grows at its front moves to a new first
 * page; the node that it had is then inside the run and means nothing.
 */
static bool insert(uintptr_t addr, size_t n)
{
	struct run *low, *high, *before, *after;
	uintptr_t end = addr + n * PAGE_SIZE;
	bool overlap;

	split(root, addr, &low, &high);
	before = take_last(&low);
	after = take_first(&high);
	overlap = (before && end_of(before) > addr) || (after && (uintptr_t)after < end);
	if (!overlap) {
		if (after && (uintptr_t)after == end) {
			n += after->n;
			after = NULL;
		}
		if (before && end_of(before) == addr) {
			before->n += n;
			update(before);
		} else {
			before = merge(before, make(addr, n));
		}
		unused += (end - addr) / PAGE_SIZE;
	}
	root = merge(merge(low, before), merge(after, high));
	return !overlap;
}

/*
 * Half pages at the ends are left out, and so is a range that wraps. Memory maps come from firmware
 * and hypervisors: the platform has sorted them and cut them apart, so an overlap here is its
 * mistake.
 */
void page_add(uintptr_t base, size_t len)
{
	uintptr_t first = (base + PAGE_SIZE - 1) & ~(uintptr_t)(PAGE_SIZE - 1);
	uintptr_t end = (base + len) & ~(uintptr_t)(PAGE_SIZE - 1);

	if (first == 0) /* page 0 is NULL's */
		first = PAGE_SIZE;
	if (base + len < base || first < base || end <= first)
		return;
	if (ranges == RANGES_MAX) {
		log_line(LOG_WARN, "page: %zu KiB at %p not used: more than %u ranges", len >> 10, (void *)base, RANGES_MAX);
		return;
	}
	if (!insert(first, (end - first) / PAGE_SIZE))
		log_panic("page: %zu KiB at %p added twice", len >> 10, (void *)base);
	range[ranges].base = first;
	range[ranges].end = end;
	ranges++;
	total += (end - first) / PAGE_SIZE;
}

/*
 * Whether n pages at addr lie in memory of ours: in one range, or in several that touch, in
 * whatever order they were added. n is compared before it is used: end wraps for what cannot be.
 */
static bool ours(uintptr_t addr, size_t n)
{
	uintptr_t end = addr + n * PAGE_SIZE;
	bool moved = true;

	if (addr % PAGE_SIZE || n > total || end < addr)
		return false;
	while (addr < end && moved) {
		moved = false;
		for (unsigned i = 0; i < ranges; i++) {
			if (range[i].base <= addr && addr < range[i].end) {
				addr = range[i].end;
				moved = true;
			}
		}
	}
	return addr >= end;
}

/*
 * Both mistakes are looked for at every call: a page that is free twice has two owners soon, and
 * that is found by nobody.
 */
void page_free(void *addr, size_t n)
{
	if (n == 0)
		return;
	if (!ours((uintptr_t)addr, n))
		log_panic("page: %zu pages at %p freed that are not memory", n, addr);
	if (!insert((uintptr_t)addr, n))
		log_panic("page: %zu pages at %p freed twice", n, addr);
}

/* ---- Taking ---- */

/* The highest address in r where n pages begin at a multiple of align; 0 where they do not fit. */
static uintptr_t fit(const struct run *r, size_t n, uintptr_t align)
{
	uintptr_t addr;

	if (r->n < n)
		return 0;
	addr = (end_of(r) - n * PAGE_SIZE) & ~(align - 1);
	return addr >= (uintptr_t)r ? addr : 0;
}

/*
 * The highest address of all, 0 for none. Subtrees without a run that is long enough are passed by;
 * for an alignment of a page the others have one that fits, so the way down is taken once. For a
 * larger one a run may be long enough and still not fit, and the search goes on to the left.
 */
static uintptr_t find(struct run *r, size_t n, uintptr_t align)
{
	uintptr_t addr;

	if (!checked(r) || r->longest < n)
		return 0;
	addr = find(r->right, n, align);
	if (!addr)
		addr = fit(r, n, align);
	return addr ? addr : find(r->left, n, align);
}

/*
 * Cuts the pages out of their run: what is left before them keeps the node, what is left behind
 * gets a new one. All taking ends up here.
 */
int page_alloc_at(void *addr, size_t n)
{
	uintptr_t start = (uintptr_t)addr, end = start + n * PAGE_SIZE;
	struct run *low, *high, *run;
	bool inside;

	if (n == 0 || !ours(start, n))
		return -ERR_NOMEM;
	split(root, start + 1, &low, &high); /* the run that holds start is the last that begins at or before it */
	run = take_last(&low);
	inside = run && end_of(run) >= end;
	if (inside) {
		struct run *rest = make(end, (end_of(run) - end) / PAGE_SIZE);

		unused -= n;
		high = merge(rest, high);
		run->n = (start - (uintptr_t)run) / PAGE_SIZE;
		if (run->n == 0) /* the node's own page is taken: it is the caller's now */
			run = NULL;
		else
			update(run);
	}
	root = merge(merge(low, run), high);
	return inside ? 0 : -ERR_NOMEM;
}

/* What find() has found is free: cutting it out cannot fail. */
static void *take_found(uintptr_t addr, size_t n)
{
	if (!addr)
		return NULL;
	page_alloc_at((void *)addr, n);
	return (void *)addr;
}

void *page_alloc(size_t n)
{
	return n ? take_found(find(root, n, PAGE_SIZE), n) : NULL;
}

void *page_alloc_aligned(size_t n, unsigned shift)
{
	uintptr_t align = shift < 64 ? (uintptr_t)1 << shift : 0;

	if (n == 0 || align == 0)
		return NULL;
	return take_found(find(root, n, align < PAGE_SIZE ? PAGE_SIZE : align), n);
}

/* Down the path of the greatest `longest`, which ends at the run itself. */
void *page_alloc_low(size_t n)
{
	struct run *r = checked(root);

	if (!r || n == 0 || r->longest < n)
		return NULL;
	while (r->n < r->longest)
		r = checked(longest(r->left) == r->longest ? r->left : r->right);
	return take_found((uintptr_t)r, n);
}

size_t page_total(void)
{
	return total;
}

size_t page_unused(void)
{
	return unused;
}
