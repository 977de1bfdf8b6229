/* SPDX-License-Identifier: MIT */
/*
 * xen/pv/save.c as it is, on the desk: what xl save looks for in a PV guest, looked for in the same way; what it may not find; and a
 * restore that gives every page another frame.
 */
#include <stdlib.h>
#include <string.h>

#include "core/core.h"
#include "test/tap.h"
#include "xen/flavour.h"
#include "xen/hypercall.h"
#include "xen/pv/pv.h"

#define PAGES 1500u /* of the guest: the list of frames has three pages */
#define PER_PAGE (PAGE_SIZE / 8)
#define START_INFO 10u
#define LIST 11u
#define STORE 20u
#define CONSOLE 21u
#define TREE 30u

struct start_info *pv_info;
struct shared_info *pv_shared_info;

static char *memory;   /* the guest's, from address 0 on there */
static uint64_t frame[PAGES];
static unsigned hidden, shown, good = 1;
static long answer;    /* of the suspend */
static uint64_t seed = 1;

#define must(x) do { if (!(x)) { good = 0; printf("# not so, line %d: %s\n", __LINE__, #x); } } while (0)

static void *page(uint64_t n)
{
	return memory + n * PAGE_SIZE;
}

/* Other frames for every page, and the list that says so: the builder's work, and the toolstack's at a restore. */
static void give_frames(void)
{
	for (unsigned i = 0; i < PAGES; i++) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		frame[i] = (seed >> 40) * PAGES + i; /* no two are the same */
	}
	memcpy(page(LIST), frame, sizeof(frame));
}

uint64_t mmu_frame(uintptr_t addr)
{
	return ((uint64_t *)page(LIST))[(addr - (uintptr_t)memory) / PAGE_SIZE];
}

void *mmu_address(uint64_t f)
{
	for (unsigned i = 0; i < PAGES; i++)
		if (frame[i] == f)
			return page(i);
	must(!"a frame of ours");
	return NULL;
}

void flavour_pv_hide(void)
{
	hidden++;
}

bool flavour_pv_show(void)
{
	shown++;
	return true;
}

/* libxc's way from the shared info to each frame (xc_sr_save_x86_pv.c: map_p2m). */
static void walk_tree(void)
{
	uint64_t *top = mmu_address(pv_shared_info->arch.pfn_to_mfn_frame_list_list);
	uint64_t *middle = mmu_address(top[0]);

	must(pv_shared_info->arch.max_pfn == PAGES);
	for (unsigned i = 0; i < PAGES; i++) {
		uint64_t *list = mmu_address(middle[i / PER_PAGE]);

		must(list[i % PER_PAGE] == frame[i]);
	}
}

static uint64_t number(uint64_t address_page)
{
	return (uintptr_t)memory / PAGE_SIZE + address_page;
}

/* What the toolstack demands at this moment, and does if it goes well. */
static long suspend(const struct sched_shutdown *op, unsigned long info)
{
	must(op->reason == SHUTDOWN_suspend && info == frame[START_INFO] && hidden == shown + 1);
	must(pv_info->store_mfn == number(STORE) && pv_info->console.domU.mfn == number(CONSOLE));
	if (answer != 0)
		return answer;
	give_frames();
	memset(pv_shared_info, 0, sizeof(*pv_shared_info));
	pv_info->store_mfn = frame[STORE];
	pv_info->console.domU.mfn = frame[CONSOLE];
	return 0;
}

long hypercall(unsigned nr, unsigned long a1, unsigned long a2, unsigned long a3, unsigned long a4, unsigned long a5)
{
	(void)a4, (void)a5;
	must(nr == __HYPERVISOR_sched_op && a1 == SCHEDOP_shutdown);
	return suspend((const struct sched_shutdown *)a2, a3);
}

static void try_suspend(long how)
{
	answer = how;
	must(flavour_pv_suspend() == how);
	must(hidden == shown && pv_info->store_mfn == frame[STORE] && pv_info->console.domU.mfn == frame[CONSOLE]);
	walk_tree();
}

int main(void)
{
	static struct shared_info shared;

	memory = aligned_alloc(PAGE_SIZE, PAGES * PAGE_SIZE);
	memset(memory, 0xa5, PAGES * PAGE_SIZE);
	pv_info = page(START_INFO);
	memset(pv_info, 0, PAGE_SIZE);
	pv_shared_info = &shared;
	give_frames();
	pv_info->nr_pages = PAGES;
	pv_info->mfn_list = (uintptr_t)page(LIST);
	pv_info->store_mfn = frame[STORE];
	pv_info->console.domU.mfn = frame[CONSOLE];
	must(save_start((uintptr_t)page(TREE)) == (uintptr_t)page(TREE + 2));
	walk_tree();
	ok(good, "the toolstack finds every frame before anything happens");
	try_suspend(1);
	ok(good, "cancelled: start_info has frames again");
	for (int i = 0; i < 5; i++)
		try_suspend(0);
	ok(good, "restored, five times: other frames, another tree");
	try_suspend(-22);
	ok(good, "refused: as cancelled");
	return tap_done();
}
