/* SPDX-License-Identifier: MIT */
#ifndef XEN_PV_PV_H
#define XEN_PV_PV_H

/*
 * Between the files of xen/pv/: page tables by hypercall, and what the domain builder left.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "xen/xen.h"

extern struct start_info *pv_info;
extern struct shared_info *pv_shared_info;
extern uintptr_t pv_builder_end; /* where what the builder put ends: its stack comes last */

/* Exceptions come to core/x86/trap.c from here on. */
void pv_exceptions(void);

/*
 * Maps all of memory one to one, each part with its rights, and no page 0. free is where the
 * builder's own pages end; what is free after the new page tables were taken comes back.
 */
uintptr_t mmu_start(uintptr_t free);

/*
 * The machine frame of a page of ours, and the other way: the address of a machine frame of ours.
 */
uint64_t mmu_frame(uintptr_t addr);
void *mmu_address(uint64_t frame);

/* Page n of a window above memory shows a machine frame that is not ours. 0 or -ERR_NOMEM. */
#define MMU_WINDOW 512u
int mmu_show(unsigned n, uint64_t frame);
void mmu_hide(unsigned n); /* nothing */
void *mmu_window(unsigned n);

/* save.c: takes pages from `free` on for what the toolstack looks for; what is free after it comes back. */
uintptr_t save_start(uintptr_t free);

/* flavour.c: the shared info and the grant table, out of sight and back. False: Xen does not give them. */
void flavour_pv_hide(void);
bool flavour_pv_show(void);

/*
 * A page without a frame of its own, and the other way: with this one, mapped readable and writable.
 */
void mmu_forget(uintptr_t addr);
void mmu_learn(uintptr_t addr, uint64_t frame);

/* gate.h's three, as far as PV can. */
int mmu_map(uintptr_t addr, size_t len, unsigned perm);
void mmu_seal(void);
void mmu_set_tls(uintptr_t addr);

#endif
