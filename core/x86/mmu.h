/* SPDX-License-Identifier: MIT */
#ifndef CORE_X86_MMU_H
#define CORE_X86_MMU_H

/*
 * Building the page tables at boot; afterwards they are the gate's (gate.h).
 */

#include <stdint.h>

/* Makes the first GiB readable, so that the boot information can be read. */
void mmu_reach(void);

/*
 * Builds the tables: the image by section, all of bootinfo.ram and the modules, the gate and the
 * tables themselves for ring 0 alone. Takes its pages out of bootinfo.ram. Returns the address of
 * the PML4 for gate_adopt(), or 0 when memory does not suffice.
 */
uintptr_t mmu_build(void);

/* A page that the gate can take as a table, NULL when there are no more. */
void *mmu_spare(void);

#endif
