/* SPDX-License-Identifier: MIT */
#include "core/core.h"

/*
 * The first C of a PV guest, on the boot stack, and its exceptions: a trap table for Xen, and a GDT
 * with the selectors that the rest of core/x86 knows.
 */

#include "core/x86/cpu.h"
#include "core/x86/gate.h"
#include "core/x86/layout.h"
#include "xen/flavour.h"
#include "xen/hypercall.h"
#include "xen/pv/pv.h"

#define GDT_ENTRIES 16u

_Noreturn void core_start(void);
_Noreturn void pv_boot(struct start_info *info, uintptr_t stack);

extern uintptr_t __stack_chk_guard;
extern const uintptr_t pv_traps[GATE_STUBS];

struct start_info *pv_info;
struct shared_info *pv_shared_info;

uintptr_t pv_builder_end;

/*
 * Selectors 0x2b and 0x33, with which trap.c resumes. Xen takes a GDT only in pages that are not
 * writable.
 */
static uint64_t gdt[PAGE_SIZE / 8] __attribute__((aligned(PAGE_SIZE))) = {
	[GATE_UDS / 8] = 0x00cff3000000ffffull,
	[GATE_UCS / 8] = 0x00affb000000ffffull,
};

__attribute__((no_stack_protector)) _Noreturn void pv_boot(struct start_info *info, uintptr_t stack)
{
	uint64_t random = 0;

	if (cpu_has_rdrand())
		(void)cpu_rdrand(&random);
	random ^= cpu_tsc() * 0x9e3779b97f4a7c15ull;
	__stack_chk_guard = (random ^ random >> 29) & ~0xfful; /* the lowest byte 0: no string passes it */
	flavour_is_pv = true;
	pv_info = info;
	pv_builder_end = stack;
	core_start();
}

/* Privilege level 0: an `int` instruction reaches none of them, which has pushed no error code. */
static void set_traps(void)
{
	static struct trap_info v[GATE_STUBS + 1];

	for (unsigned i = 0; i < GATE_STUBS; i++)
		v[i] = (struct trap_info){ .vector = (uint8_t)i, .flags = 0, .cs = FLAT_KERNEL_CS, .address = pv_traps[i] };
	if (hypercall_trap_table(v) < 0)
		log_panic("xen: the trap table is refused");
}

static void set_gdt(void)
{
	unsigned long frame = mmu_frame((uintptr_t)gdt);

	if (mmu_map((uintptr_t)gdt, PAGE_SIZE, GATE_READ) < 0 || hypercall(__HYPERVISOR_set_gdt, (unsigned long)&frame, GDT_ENTRIES, 0, 0, 0) < 0)
		log_panic("xen: the GDT is refused");
}

void pv_exceptions(void)
{
	set_traps();
	set_gdt();
}
