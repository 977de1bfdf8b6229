/* SPDX-License-Identifier: MIT */
#include "core/core.h"

/*
 * The balloon: memory that the host has back for a while.
 *
 * The platform says what the host wants (balloon_want); here it is done, as a timer, in slices of
 * PLAT_BALLOON pages, so that packets and threads have their turn in between. What is given are
 * pages that page_alloc() has: what the program uses is never taken, and a part of the machine is
 * kept free for what it will use next. If that is all there is, the balloon tries again each
 * RETRY_NS, as long as the host's wish stands.
 *
 * Which pages are out is written down in pages that are not: a list of them, each with the
 * addresses of some 500. The last one given is the first to come back.
 */

#include "core/err.h"
#include "core/plat.h"

#define SLICE_NS 100000ull
#define RETRY_NS 250000000ull
#define KEEP_LEAST 64u /* pages */
#define KEEP_SHARE 64u /* this part of the machine stays free */
#define PER_SHEET ((PAGE_SIZE - 16u) / sizeof(uintptr_t))

struct sheet {
	struct sheet *next;
	size_t n;
	uintptr_t page[PER_SHEET];
};

static struct sheet *sheets;
static size_t wanted, out;
static bool impossible, told;
static struct timer timer;

size_t balloon_out(void)
{
	return out;
}

/* How many may be taken without a word from the host that the program would feel. */
static size_t to_spare(void)
{
	size_t keep = page_total() / KEEP_SHARE + KEEP_LEAST;

	return page_unused() > keep ? page_unused() - keep : 0;
}

/* The first sheet with room for a slice's worth of addresses; NULL: no memory. */
static struct sheet *room_for(unsigned n)
{
	struct sheet *s = sheets;

	if (s && PER_SHEET - s->n >= n)
		return s;
	s = page_alloc(1);
	if (!s)
		return NULL;
	s->next = sheets;
	s->n = 0;
	sheets = s;
	return s;
}

static void drop_empty(void)
{
	struct sheet *s = sheets;

	if (!s || s->n)
		return;
	sheets = s->next;
	page_free(s, 1);
}

/* Gives up to most pages; how many it were. What the host did not take is free again. */
static int give(size_t most)
{
	unsigned n, want = most < PLAT_BALLOON ? (unsigned)most : PLAT_BALLOON;
	struct sheet *s = room_for(want);
	uintptr_t *v;
	int rc = 0;

	if (!s)
		return 0;
	v = s->page + s->n;
	for (n = 0; n < want && (v[n] = (uintptr_t)page_alloc(1)) != 0; n++)
		;
	if (n)
		rc = plat_balloon(v, n, true);
	for (unsigned i = rc > 0 ? (unsigned)rc : 0; i < n; i++)
		page_free((void *)v[i], 1);
	if (rc > 0) {
		s->n += (unsigned)rc;
		out += (unsigned)rc;
	}
	drop_empty();
	return rc;
}

/*
 * Takes back up to most, the last ones first. The platform counts from the front, so a part of a
 * slice that came back leaves a hole, which what stands behind it closes.
 */
static int take(size_t most)
{
	struct sheet *s = sheets;
	unsigned n = most < PLAT_BALLOON ? (unsigned)most : PLAT_BALLOON;
	uintptr_t *v;
	int rc;

	n = n < s->n ? n : (unsigned)s->n;
	v = s->page + s->n - n;
	rc = plat_balloon(v, n, false);
	if (rc <= 0)
		return rc;
	for (int i = 0; i < rc; i++)
		page_free((void *)v[i], 1);
	for (unsigned i = (unsigned)rc; i < n; i++)
		v[i - (unsigned)rc] = v[i];
	s->n -= (unsigned)rc;
	out -= (unsigned)rc;
	drop_empty();
	return rc;
}

static void say(const char *more)
{
	log_line(LOG_INFO, "balloon: the host has %zu of %zu KiB%s", out * (PAGE_SIZE / 1024), page_total() * (PAGE_SIZE / 1024), more);
}

/* One slice. It is said when the wish is fulfilled, and once if it cannot be now. */
static void work(struct timer *t)
{
	size_t spare = to_spare(), more = wanted > out ? wanted - out : 0;
	int rc = 0;

	if (more && spare)
		rc = give(more < spare ? more : spare);
	else if (out > wanted) /* not so where the host has changed its mind meanwhile */
		rc = take(out - wanted);
	if (rc == -ERR_NODEV) {
		impossible = true;
		log_line(LOG_WARN, "balloon: the host wants %zu KiB back, and here is no way to give them", wanted * (PAGE_SIZE / 1024));
		return;
	}
	if (wanted == out) {
		say("");
		return;
	}
	if (rc <= 0 && !told)
		say(more ? ", no more are free" : ", it gives no more back");
	told |= rc <= 0;
	timer_set(t, plat_now() + (rc > 0 ? SLICE_NS : RETRY_NS), work);
}

void balloon_want(size_t pages)
{
	pages = pages < page_total() ? pages : page_total();
	if (impossible || pages == wanted)
		return;
	wanted = pages;
	told = false;
	if (wanted != out)
		timer_set(&timer, plat_now(), work);
}
