/* SPDX-License-Identifier: MIT */
#ifndef CORE_X86_BOOTINFO_H
#define CORE_X86_BOOTINFO_H

/*
 * What the boot protocol handed over, PVH start_info or multiboot 1, in one shape.
 *
 * Filled before plat_start(). Everything in it was checked: ranges do not wrap or overlap, `ram`
 * leaves out the image, page tables, the boot information itself and the modules.
 */

#include <stddef.h>
#include <stdint.h>

#include "core/plat.h"

#define BOOTINFO_RAM 32
#define BOOTINFO_MODULES 8
#define BOOTINFO_CMDLINE 4096

struct bootinfo {
	const char *boot; /* "pvh" or "multiboot"; NULL: the loader left nothing that we know */
	char cmdline[BOOTINFO_CMDLINE];
	bool cmdline_cut; /* it was longer */
	struct plat_range ram[BOOTINFO_RAM]; /* whole pages, ascending */
	size_t nram;
	struct plat_range module[BOOTINFO_MODULES];
	size_t nmodule;
	uint64_t rsdp; /* physical address of the ACPI RSDP, 0 for not told */
	uint64_t tsc;  /* when ring 3 began */
};

extern struct bootinfo bootinfo;

/*
 * Reads what the boot protocol left at info; magic is eax at entry, which tells multiboot. Only the
 * first GiB is mapped then.
 */
void bootinfo_read(uint32_t magic, uintptr_t info);

/* Takes a range out of `ram`. */
void bootinfo_reserve(uintptr_t base, size_t len);

/* plat_memory() and plat_module() as the boot protocol has it. */
size_t bootinfo_memory(struct plat_range *v, size_t max);
int bootinfo_module(unsigned n, struct plat_range *module);

#endif
