/* SPDX-License-Identifier: MIT */
#include "core/core.h"

/*
 * The grant table of a PVH or HVM guest, and the seal that takes it away.
 *
 * Before the seal ring 3 writes entries itself, and marks every page that it grants. The seal gives the
 * table to ring 0 alone, makes the mappings of what is Xen's unchangeable (a page that Xen writes to must not become
 * a page table), and closes hypercalls. Behind it entries are the gate's, for marked pages only.
 */

#include "core/err.h"
#include "core/x86/gate.h"
#include "xen/flavour.h"
#include "xen/hvm/gate.h"

#define RINGS (GATE_READ | GATE_WRITE)

_Static_assert(GATE_SHARED_INFO >= GATE_VGA_END && GATE_GRANTS >= GATE_VGA_END, "Xen's pages must not be where it takes writes for the VGA's");
_Static_assert(GATE_GRANTS + GATE_GRANT_FRAMES * PAGE_SIZE <= 0x100000, "the grant table must end below the image");

static bool sealed;
static unsigned frames; /* that Xen has put there, in a row */

static bool place(unsigned index)
{
	return flavour_hvm_place(XENMAPSPACE_grant_table, index, GATE_GRANTS + index * PAGE_SIZE);
}

int grant_frame(unsigned index)
{
	if (index < frames)
		return 0;
	if (index >= GATE_GRANT_FRAMES || sealed || !place(index) ||
	    gate_map(GATE_GRANTS + index * PAGE_SIZE, PAGE_SIZE, GATE_READ | GATE_WRITE) < 0)
		return -ERR_NOMEM;
	frames = index + 1;
	return 0;
}

/* The table of a new domain is empty, and its frames are anywhere but here. */
bool grant_resume(void)
{
	for (unsigned i = 0; i < frames; i++)
		if (!place(i))
			return false;
	return true;
}

void grant_share(const void *base, size_t pages)
{
	if (!sealed && gate_map((uintptr_t)base, pages * PAGE_SIZE, GATE_READ | GATE_WRITE | GATE_SHARED) < 0)
		log_panic("xen: %zu pages at %p cannot be shared", pages, base);
}

/* What was shared as one large page is cut first: the gate grants small ones. */
bool grant_set(unsigned ref, unsigned domid, uint32_t frame, unsigned flags)
{
	uintptr_t page = (uintptr_t)frame * PAGE_SIZE;

	if (!sealed)
		return flavour_write_grant((struct grant_entry_v1 *)GATE_GRANTS + ref, domid, frame, flags);
	if (flags)
		gate_map(page, PAGE_SIZE, GATE_READ | GATE_WRITE);
	return gate_call(GATE_CALL_GRANT, page, flags ? flags | domid << 16 : 0, ref) == 0;
}

void grant_seal(void)
{
	/* All of what the gate may write to, though Xen has put a table there in part only. */
	gate_map(GATE_GRANTS, GATE_GRANT_FRAMES * PAGE_SIZE, GATE_WRITE | GATE_FIXED);
	gate_map(GATE_SHARED_INFO, PAGE_SIZE, RINGS | GATE_FIXED);
	for (unsigned i = 0; i < 2; i++)
		if (flavour_hvm_rings[i])
			gate_map(flavour_hvm_rings[i], PAGE_SIZE, RINGS | GATE_FIXED);
	gate_seal();
	sealed = true;
}

bool grant_sealed(void)
{
	return sealed;
}
