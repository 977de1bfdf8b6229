/* SPDX-License-Identifier: MIT */
#include "core/core.h"

/*
 * flavour.h for PV: what start_info says, the shared info, the grant table. Page tables are
 * mmu.c's.
 *
 * Memory as the builder leaves it, and we take it over, from 0: [free] image, boot modules, frame
 * list, start_info, xenstore and console pages, page tables, stack [our page tables, free]. The two
 * pages of the VGA hole that layout.h gives to the gate are RAM here and kept for trap.S.
 */

#include "core/err.h"
#include "core/x86/layout.h"
#include "xen/flavour.h"
#include "xen/hypercall.h"
#include "xen/pv/pv.h"

#define WINDOW_SHARED 0u /* the shared info */
#define WINDOW_GRANTS 1u /* and behind it the grant table */
#define GRANT_FRAMES 64u

static unsigned grant_frames; /* shown, in a row */
static uintptr_t memory_free; /* where memory is free from: behind what the builder put there and our page tables */

void flavour_pv_start(void)
{
	uintptr_t tables_end = pv_info->pt_base + pv_info->nr_pt_frames * PAGE_SIZE;

	pv_builder_end = (pv_builder_end + PAGE_SIZE - 1) / PAGE_SIZE * PAGE_SIZE;
	if (pv_builder_end < tables_end)
		pv_builder_end = tables_end;
	memory_free = mmu_start(pv_builder_end);
	if (mmu_show(WINDOW_SHARED, pv_info->shared_info / PAGE_SIZE) < 0)
		hypercall_shutdown(SHUTDOWN_crash); /* nothing to say it with */
	pv_shared_info = mmu_window(WINDOW_SHARED);
	memory_free = save_start(memory_free);
	pv_exceptions();
}

/* What is Xen's goes out of our tables, and comes back, in what may be another domain. */
void flavour_pv_hide(void)
{
	for (unsigned i = 0; i < grant_frames; i++)
		mmu_hide(WINDOW_GRANTS + i);
	mmu_hide(WINDOW_SHARED);
}

bool flavour_pv_show(void)
{
	if (mmu_show(WINDOW_SHARED, pv_info->shared_info / PAGE_SIZE) < 0)
		return false;
	for (unsigned i = 0; i < grant_frames; i++)
		if (flavour_pv_grant_frame(i) < 0)
			return false;
	return true;
}

struct xencons_interface *flavour_pv_console(unsigned *port)
{
	*port = pv_info->console.domU.evtchn;
	return mmu_address(pv_info->console.domU.mfn);
}

struct xenstore_domain_interface *flavour_pv_xenstore(unsigned *port)
{
	*port = pv_info->store_evtchn;
	return pv_info->store_mfn ? mmu_address(pv_info->store_mfn) : NULL;
}

uint64_t flavour_pv_frame(const void *addr)
{
	return mmu_frame((uintptr_t)addr);
}

/* Xen tells every frame at each call; the new one is the last. */
int flavour_pv_grant_frame(unsigned index)
{
	static xen_pfn_t list[GRANT_FRAMES];
	struct gnttab_setup_table op = { .dom = DOMID_SELF, .nr_frames = index + 1 };

	if (index >= GRANT_FRAMES)
		return -ERR_NOMEM;
	set_xen_guest_handle(op.frame_list, list);
	if (hypercall_grant_table(GNTTABOP_setup_table, &op, 1) < 0 || op.status != GNTST_okay)
		return -ERR_NOMEM;
	if (mmu_show(WINDOW_GRANTS + index, list[index]) < 0)
		return -ERR_NOMEM;
	if (index >= grant_frames)
		grant_frames = index + 1;
	return 0;
}

bool flavour_pv_grant_set(unsigned ref, unsigned domid, uint32_t frame, unsigned flags)
{
	return flavour_write_grant((struct grant_entry_v1 *)mmu_window(WINDOW_GRANTS) + ref, domid, frame, flags);
}

size_t flavour_pv_memory(struct plat_range *v, size_t max)
{
	const uintptr_t bounds[][2] = {
		{ PAGE_SIZE, GATE_LAPIC },
		{ GATE_FRAME_ALIAS + PAGE_SIZE, GATE_TEXT },
		{ memory_free, pv_info->nr_pages * PAGE_SIZE },
	};
	size_t n = 0;

	for (size_t i = 0; i < sizeof(bounds) / sizeof(bounds[0]) && n < max; i++)
		if (bounds[i][0] < bounds[i][1])
			v[n++] = (struct plat_range){ bounds[i][0], bounds[i][1] - bounds[i][0] };
	return n;
}

const char *flavour_pv_cmdline(void)
{
	pv_info->cmd_line[MAX_GUEST_CMDLINE - 1] = 0;
	return (const char *)pv_info->cmd_line;
}

uint64_t flavour_pv_given(void)
{
	return pv_info->nr_pages;
}

/* A page that is mapped somewhere is not taken by Xen: first it is forgotten, what is refused comes back. */
static int give(const uintptr_t *pages, unsigned n)
{
	xen_pfn_t frame[PLAT_BALLOON], list[PLAT_BALLOON];
	long rc;

	for (unsigned i = 0; i < n; i++) {
		list[i] = frame[i] = mmu_frame(pages[i]);
		mmu_forget(pages[i]);
	}
	rc = hypercall_reservation(XENMEM_decrease_reservation, list, n);
	for (unsigned i = rc > 0 ? (unsigned)rc : 0; i < n; i++)
		mmu_learn(pages[i], frame[i]);
	return rc > 0 ? (int)rc : 0;
}

/* xen/memory.h, XENMEM_populate_physmap: page numbers go in, machine frames come out. */
static int take(const uintptr_t *pages, unsigned n)
{
	xen_pfn_t list[PLAT_BALLOON];
	long rc;

	for (unsigned i = 0; i < n; i++)
		list[i] = pages[i] / PAGE_SIZE;
	rc = hypercall_reservation(XENMEM_populate_physmap, list, n);
	for (long i = 0; i < rc; i++)
		mmu_learn(pages[i], list[i]);
	return rc > 0 ? (int)rc : 0;
}

int flavour_pv_balloon(const uintptr_t *pages, unsigned n, bool gives)
{
	return gives ? give(pages, n) : take(pages, n);
}

int flavour_pv_module(unsigned n, struct plat_range *module)
{
	if (n > 0 || pv_info->mod_len == 0 || pv_info->flags & SIF_MOD_START_PFN)
		return -ERR_NOENT;
	*module = (struct plat_range){ pv_info->mod_start, pv_info->mod_len };
	return 0;
}
