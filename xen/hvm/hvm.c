/* SPDX-License-Identifier: MIT */
#include "xen/hypercall.h"

/*
 * The first C of a PVH or HVM guest: the way into Xen, and a memory map for those who were given none.
 *
 * start_info has one since version 1. Before that the guest asks Xen; the answer is put where version
 * 1 would have it, so that core/x86/bootinfo.c knows nothing of this. HVM guests come from a multiboot
 * loader and bring its map.
 */

#include "core/x86/bootinfo.h"
#include "core/x86/mmu.h"
#include "xen/hvm/gate.h"

#define REACH (1ull << 30) /* what mmu_reach() maps */

/* An entry as the BIOS' call 0xe820 has it: 20 bytes, which Xen's call copies. */
struct e820 {
	uint64_t base, size;
	uint32_t type;
} __attribute__((packed));

_Noreturn void x86_start(uintptr_t info, uint32_t magic);
_Noreturn void hvm_boot(uintptr_t info, uint32_t magic);

static struct hvm_start_info with_map;

static void ask_for_map(void)
{
	static struct hvm_memmap_table_entry map[BOOTINFO_RAM];
	static struct e820 v[BOOTINFO_RAM];
	struct xen_memory_map ask = { .nr_entries = BOOTINFO_RAM };

	set_xen_guest_handle(ask.buffer, v);
	if (hypercall_memory(XENMEM_memory_map, &ask) < 0 || ask.nr_entries > BOOTINFO_RAM)
		return; /* no memory, which is said once there is a console */
	for (unsigned i = 0; i < ask.nr_entries; i++)
		map[i] = (struct hvm_memmap_table_entry){ .addr = v[i].base, .size = v[i].size, .type = v[i].type };
	with_map.version = 1;
	with_map.memmap_paddr = (uintptr_t)map;
	with_map.memmap_entries = ask.nr_entries;
}

_Noreturn void hvm_boot(uintptr_t info, uint32_t magic)
{
	const struct hvm_start_info *s = (const struct hvm_start_info *)info;

	mmu_reach();
	hypercall_choose();
	if (info && info < REACH && s->magic == XEN_HVM_START_MAGIC_VALUE && (s->version == 0 || s->memmap_entries == 0)) {
		/* What version 0 has of it; the rest are fields that it knows nothing of. */
		__builtin_memcpy(&with_map, s, offsetof(struct hvm_start_info, memmap_paddr));
		ask_for_map();
		info = (uintptr_t)&with_map;
	}
	x86_start(info, magic);
}
