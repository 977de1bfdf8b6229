/* SPDX-License-Identifier: MIT */
/*
 * The fake Xen's grant table: what a backend may reach is looked up here at every access, as Xen does, and a mapping that is
 * held shows in the entry's flags. Read xenhost.h first.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/core.h"
#include "core/err.h"
#include "test/fake/xenhost.h"
#include "xen/flavour.h"

#define ENTRIES (64u * 512u)
#define FRAMES (256u << 20 >> 12)

static struct grant_entry_v1 table[ENTRIES];
static uint16_t readers[ENTRIES], writers[ENTRIES];
static unsigned frames;
static bool shared[FRAMES]; /* by frame of the guest's memory: marked, so that it can be granted behind the seal */
static bool sealed;

struct grant_entry_v1 *xenhost_grant_table(void)
{
	return table;
}

void xenhost_grant_life(void)
{
	memset(table, 0, sizeof(table));
	memset(readers, 0, sizeof(readers));
	memset(writers, 0, sizeof(writers));
}

void xenhost_grant_seal(void)
{
	sealed = true;
}

/* ---- the guest's side ---- */

int flavour_grant_frame(unsigned index)
{
	if (index >= xenhost.grant_frames || index != frames)
		return -ERR_NOMEM;
	if (sealed)
		xenhost_wrong("grant table: a new frame after the seal");
	frames++;
	return 0;
}

void flavour_share(const void *base, size_t pages)
{
	if (sealed)
		xenhost_wrong("pages shared after the seal");
	for (size_t i = 0; i < pages; i++)
		shared[((uintptr_t)base - XENHOST_BASE) / PAGE_SIZE + i] = true;
}

bool flavour_grant_set(unsigned ref, unsigned domid, uint32_t frame, unsigned flags)
{
	struct grant_entry_v1 *e = &table[ref];

	if (ref >= frames * 512)
		xenhost_wrong("grant %u is beyond the table", ref);
	if (sealed && flags && !shared[frame - XENHOST_BASE / PAGE_SIZE])
		xenhost_wrong("grant %u after the seal: frame %#x for domain %u was not shared before", ref, frame, domid);
	if (e->flags & (GTF_reading | GTF_writing)) {
		if (flags)
			xenhost_wrong("grant %u was reused while it is mapped (XSA-396)", ref);
		return false;
	}
	*e = (struct grant_entry_v1){ .flags = (uint16_t)flags, .domid = (domid_t)domid, .frame = frame };
	return true;
}

/* ---- the backend's side ---- */

static struct grant_entry_v1 *allowed(unsigned domid, unsigned ref, bool write)
{
	struct grant_entry_v1 *e = &table[ref];

	if (ref < ENTRIES && (e->flags & GTF_type_mask) == GTF_permit_access && e->domid == domid &&
	    !(write && e->flags & GTF_readonly))
		return e;
	xenhost.refused_grants++;
	return NULL;
}

static void show(unsigned ref)
{
	table[ref].flags &= (uint16_t)~(GTF_reading | GTF_writing);
	if (readers[ref] || writers[ref])
		table[ref].flags |= GTF_reading;
	if (writers[ref])
		table[ref].flags |= GTF_writing;
}

void *xenhost_map(unsigned domid, unsigned ref, bool write)
{
	struct grant_entry_v1 *e = allowed(domid, ref, write);

	if (!e)
		return NULL;
	if (write)
		writers[ref]++;
	else
		readers[ref]++;
	show(ref);
	return (void *)((uintptr_t)e->frame * PAGE_SIZE);
}

void xenhost_unmap(unsigned ref, bool write)
{
	if (write)
		writers[ref]--;
	else
		readers[ref]--;
	show(ref);
}

bool xenhost_copy(unsigned domid, unsigned ref, unsigned offset, void *buf, unsigned len, bool to_guest)
{
	struct grant_entry_v1 *e = allowed(domid, ref, to_guest);
	char *page;

	if (!e || offset + len > PAGE_SIZE)
		return false;
	page = (char *)((uintptr_t)e->frame * PAGE_SIZE) + offset;
	memcpy(to_guest ? page : buf, to_guest ? buf : page, len);
	return true;
}

unsigned xenhost_mapped(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < ENTRIES; i++)
		n += readers[i] + writers[i];
	return n;
}
