/* SPDX-License-Identifier: MIT */
#include "core/core.h"

/*
 * The grant table, version 1: which pages of ours another domain may reach.
 *
 * Version 1 because every host has it: version 2 can be forbidden (gnttab=max-ver:1). Grants are
 * made by the range and meant to last: rings, packet arena, receive and bounce pages are granted
 * once, before the seal, and never again while packets flow. What a backend can reach is therefore
 * the list in ranges[], and on PVH, where the table itself is out of ring 3's reach after the seal,
 * an exploited guest cannot lengthen it.
 *
 * Taking a grant back is a race with the backend (XSA-396, CVE-2022-23036): the flags are compared
 * and swapped, and an entry that is still mapped stays as it is. Its whole range is then parked:
 * never reused while anybody holds it, its pages never free again.
 *
 * For devices that come later, pages can be set aside before the seal. They are marked as shared,
 * and granted to nobody; behind it they alone can be.
 */

#include "core/err.h"
#include "xen/flavour.h"
#include "xen/hypercall.h"

#define RESERVED 8u /* grant_table.h, GNTTAB_NR_RESERVED_ENTRIES: the toolstack's */
#define PER_FRAME (PAGE_SIZE / (unsigned)sizeof(struct grant_entry_v1))
#define RANGES 192u
#define ASIDE 4096u /* pages: 16 MiB */

/*
 * Consecutive references for consecutive pages. Sorted by first; n == 0 never stands in the list.
 */
struct range {
	uint32_t first, n;
	const char *base;
	uint16_t domid;
	bool readonly;
	bool parked; /* somebody holds some of it after gnttab_end() */
};

static struct range ranges[RANGES];
static unsigned n_ranges;
static unsigned frames, frames_max; /* of the table: mapped, and the host's limit */

static char *aside; /* pages */
static size_t asides;
static bool aside_used[ASIDE];

void gnttab_start(void)
{
	struct gnttab_query_size q = { .dom = DOMID_SELF };

	if (hypercall_grant_table(GNTTABOP_query_size, &q, 1) < 0 || q.status != GNTST_okay)
		log_panic("gnttab: the host tells no size");
	frames_max = q.max_nr_frames;
	if (frames_max == 0 || flavour_grant_frame(0) < 0)
		log_panic("gnttab: no grant table");
	frames = 1;
}

/* Makes the table long enough for references below end. */
static int grow(uint32_t end)
{
	while (frames * PER_FRAME < end) {
		if (frames == frames_max || flavour_grant_frame(frames) < 0)
			return -ERR_NOMEM;
		frames++;
	}
	return 0;
}

/*
 * Ends what can be ended of a range; whether that was all. Entries that were ended before are ended
 * again, harmlessly.
 */
static bool revoke(const struct range *r)
{
	bool all = true;

	for (uint32_t i = 0; i < r->n; i++)
		if (!flavour_grant_set(r->first + i, 0, 0, 0))
			all = false;
	return all;
}

static void forget(unsigned i)
{
	n_ranges--;
	for (; i < n_ranges; i++)
		ranges[i] = ranges[i + 1];
}

/* Gives parked references another chance. Their pages stay lost. */
static void sweep(void)
{
	for (unsigned i = n_ranges; i-- > 0;)
		if (ranges[i].parked && revoke(&ranges[i]))
			forget(i);
}

/*
 * Where in ranges[] a gap of n references is; *first is its start. The end of the list is the gap
 * without end.
 */
static unsigned gap(uint32_t n, uint32_t *first)
{
	unsigned i;

	*first = RESERVED;
	for (i = 0; i < n_ranges; i++) {
		if (ranges[i].first - *first >= n)
			break;
		*first = ranges[i].first + ranges[i].n;
	}
	return i;
}

static void set_all(const struct range *r)
{
	unsigned flags = GTF_permit_access | (r->readonly ? GTF_readonly : 0);

	for (uint32_t i = 0; i < r->n; i++)
		flavour_grant_set(r->first + i, r->domid, (uint32_t)flavour_frame(r->base + (size_t)i * PAGE_SIZE), flags);
}

/*
 * An entry names its frame with 32 bits (16 TiB). Nothing is granted beyond that rather than
 * something else.
 */
static bool reachable(const char *base, size_t pages)
{
	for (size_t i = 0; i < pages; i++)
		if (flavour_frame(base + i * PAGE_SIZE) > UINT32_MAX)
			return false;
	return true;
}

static bool is_aside(const char *base, size_t pages)
{
	size_t first = (size_t)(base - aside) / PAGE_SIZE;

	return aside && base >= aside && first < asides && pages <= asides - first;
}

int gnttab_grant(unsigned domid, const void *base, size_t pages, bool readonly)
{
	uint32_t first;
	unsigned i;

	if (flavour_sealed() && !is_aside(base, pages))
		return -ERR_NOMEM;
	sweep();
	if (pages == 0 || pages > (size_t)frames_max * PER_FRAME || n_ranges == RANGES || !reachable(base, pages))
		return -ERR_NOMEM;
	i = gap((uint32_t)pages, &first);
	if (grow(first + (uint32_t)pages) < 0)
		return -ERR_NOMEM;
	if (!flavour_sealed())
		flavour_share(base, pages);
	for (unsigned k = n_ranges++; k > i; k--)
		ranges[k] = ranges[k - 1];
	ranges[i] = (struct range){ first, (uint32_t)pages, base, (uint16_t)domid, readonly, false };
	set_all(&ranges[i]);
	return (int)first;
}

bool gnttab_end(unsigned ref)
{
	for (unsigned i = 0; i < n_ranges; i++) {
		if (ranges[i].first != ref || ranges[i].parked)
			continue;
		if (revoke(&ranges[i])) {
			forget(i);
			return true;
		}
		ranges[i].parked = true;
		log_line(LOG_WARN, "gnttab: domain %u still holds pages, %u parked", ranges[i].domid, ranges[i].n);
		return false;
	}
	log_panic("gnttab: reference %u was never granted", ref);
}

/* The first run of n pages that are free; NULL: there is none. */
static char *take_aside(size_t n)
{
	static bool told;
	size_t run = 0;

	if (!aside && !told)
		log_line(LOG_ERR, "gnttab: no pages for a device that was not there at the start: see pith.hotplug");
	told = true;
	for (size_t i = 0; i < asides; i++) {
		run = aside_used[i] ? 0 : run + 1;
		if (run < n)
			continue;
		__builtin_memset(aside_used + i + 1 - n, true, n);
		return aside + (i + 1 - n) * PAGE_SIZE;
	}
	return NULL;
}

static void give(char *pages, size_t n)
{
	if (is_aside(pages, n))
		__builtin_memset(aside_used + (size_t)(pages - aside) / PAGE_SIZE, false, n);
	else
		page_free(pages, n);
}

char *gnttab_alloc(unsigned domid, size_t n, bool readonly, int *ref)
{
	char *p = flavour_sealed() ? take_aside(n) : page_alloc(n);

	if (!p)
		return NULL;
	__builtin_memset(p, 0, n * PAGE_SIZE); /* what they held before must not leak */
	*ref = gnttab_grant(domid, p, n, readonly);
	if (*ref >= 0)
		return p;
	give(p, n);
	return NULL;
}

void gnttab_free(char *pages, size_t n, int ref)
{
	if (pages && gnttab_end((unsigned)ref))
		give(pages, n);
}

/* The table is made long enough for them, too: its frames cannot be mapped later. */
void gnttab_set_aside(void)
{
	uint64_t size;
	char text[16];
	uint32_t end;
	size_t n;

	if (!flavour_seals() || option_get("pith.hotplug", text, sizeof(text)) < 0)
		return;
	n = fmt_number(text, ASIDE * PAGE_SIZE, &size) == 0 ? size / PAGE_SIZE : 0;
	end = RESERVED + (uint32_t)n + (n_ranges ? ranges[n_ranges - 1].first + ranges[n_ranges - 1].n : 0);
	aside = n && grow(end) == 0 ? page_alloc(n) : NULL;
	if (!aside) {
		log_line(LOG_WARN, "pith.hotplug=%s: not a size up to %u KiB that there is room for, ignored", text, ASIDE * PAGE_SIZE / 1024);
		return;
	}
	asides = n;
	flavour_share(aside, n);
}

/* The table is empty, so nobody holds what was parked; whose pages it was stays lost. */
void gnttab_resume(void)
{
	for (unsigned i = n_ranges; i-- > 0;)
		if (ranges[i].parked)
			forget(i);
	for (unsigned i = 0; i < n_ranges; i++)
		set_all(&ranges[i]);
}

unsigned gnttab_used(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < n_ranges; i++)
		n += ranges[i].n;
	return n;
}

unsigned gnttab_parked(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < n_ranges; i++)
		n += ranges[i].parked ? ranges[i].n : 0;
	return n;
}
