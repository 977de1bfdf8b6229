/* SPDX-License-Identifier: MIT */
#include "core/core.h"

/*
 * Pages that Xen has back, on PVH and HVM: page by page, by the gate's two calls for it.
 *
 * The gate gives only what is ring 3's own: no page of its own, no page table, none that others
 * reach. A page that is out is not mapped, so that whoever still uses it is found.
 */

#include "core/err.h"
#include "core/plat.h"
#include "core/x86/gate.h"
#include "xen/flavour.h"
#include "xen/hvm/gate.h"

/* Mapped as a small page first: the gate gives and takes no other. */
static bool exchange(uintptr_t page, bool give)
{
	if (gate_map(page, PAGE_SIZE, GATE_READ | GATE_WRITE) < 0)
		return false; /* no table left to cut the large page */
	return gate_call(give ? GATE_CALL_GIVE : GATE_CALL_TAKE, page, 0, 0) == 1;
}

int balloon_hvm(const uintptr_t *pages, unsigned n, bool give)
{
	unsigned i;

	for (i = 0; i < n && exchange(pages[i], give); i++)
		if (give)
			gate_map(pages[i], PAGE_SIZE, 0);
	if (!give && i < n)
		gate_map(pages[i], PAGE_SIZE, 0); /* it has not come back */
	return (int)i;
}
