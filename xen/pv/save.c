/* SPDX-License-Identifier: MIT */
#include "core/core.h"

/*
 * What a PV guest has to do for xl save and xl migrate, whose work is the toolstack's: it reads our page tables
 * and the list of our frames, and writes them anew for the frames of another domain.
 *
 * So it must find that list, by a tree of frames that hangs in the shared info; it looks while we still
 * run. It must find no frame in our tables that is not ours: the shared info and the grant table are
 * unmapped before a suspend. And start_info, which is named by the third argument of the hypercall, has page
 * numbers for the console and xenstore while it is on its way. Afterwards start_info and the list are
 * right again; the tree, the shared info and the grant table are to be made anew.
 */

#include "xen/flavour.h"
#include "xen/hypercall.h"
#include "xen/pv/pv.h"

#define PER_PAGE (PAGE_SIZE / sizeof(uint64_t))

static uintptr_t tree; /* its root; the pages below it follow */

static size_t pages_for(size_t entries)
{
	return (entries + PER_PAGE - 1) / PER_PAGE;
}

/* Of n pages in a row, from addr on. */
static void list_frames(uint64_t *to, uintptr_t addr, size_t n)
{
	for (size_t i = 0; i < n; i++)
		to[i] = mmu_frame(addr + i * PAGE_SIZE);
}

/* xen/arch-x86/xen.h, struct arch_shared_info: pfn_to_mfn_frame_list_list. The lowest level is start_info's list. */
static void hang_tree(void)
{
	size_t lists = pages_for(pv_info->nr_pages);

	list_frames((uint64_t *)(tree + PAGE_SIZE), pv_info->mfn_list, lists);
	list_frames((uint64_t *)tree, tree + PAGE_SIZE, pages_for(lists));
	pv_shared_info->arch.max_pfn = pv_info->nr_pages;
	pv_shared_info->arch.pfn_to_mfn_frame_list_list = mmu_frame(tree);
}

uintptr_t save_start(uintptr_t free)
{
	size_t pages = 1 + pages_for(pages_for(pv_info->nr_pages));

	tree = free;
	__builtin_memset((void *)tree, 0, pages * PAGE_SIZE);
	hang_tree();
	return tree + pages * PAGE_SIZE;
}

static uint64_t page_of(uint64_t frame)
{
	return frame ? (uintptr_t)mmu_address(frame) / PAGE_SIZE : 0;
}

static uint64_t frame_of(uint64_t page)
{
	return page ? mmu_frame(page * PAGE_SIZE) : 0;
}

long flavour_pv_suspend(void)
{
	struct sched_shutdown shutdown = { .reason = SHUTDOWN_suspend };
	long rc;

	flavour_pv_hide();
	pv_info->store_mfn = page_of(pv_info->store_mfn);
	pv_info->console.domU.mfn = page_of(pv_info->console.domU.mfn);
	rc = hypercall(__HYPERVISOR_sched_op, SCHEDOP_shutdown, (unsigned long)&shutdown, mmu_frame((uintptr_t)pv_info), 0, 0);
	if (rc != 0) { /* nobody has turned them into frames for us */
		pv_info->store_mfn = frame_of(pv_info->store_mfn);
		pv_info->console.domU.mfn = frame_of(pv_info->console.domU.mfn);
	}
	if (!flavour_pv_show())
		hypercall_shutdown(SHUTDOWN_crash); /* nothing to say it with */
	hang_tree();
	return rc;
}
