/* SPDX-License-Identifier: MIT */
#include "core/core.h"

/*
 * The first C, in ring 3, on the boot stack: boot information, page tables, then the core.
 *
 * Also home of the stack protector's two names, because its guard must be random before any
 * function that checks it is entered.
 */

#include "core/x86/bootinfo.h"
#include "core/x86/cpu.h"
#include "core/x86/gate.h"
#include "core/x86/mmu.h"

_Noreturn void x86_start(uintptr_t info, uint32_t magic);
_Noreturn void core_start(void);

uintptr_t __stack_chk_guard = 0x00000aff0d000a00ul;
_Noreturn void __stack_chk_fail(void);

_Noreturn void __stack_chk_fail(void)
{
	log_panic("stack smashed");
}

/*
 * A guard that differs at every boot. The lowest byte stays 0, so that no string function reads or
 * writes past it.
 */
__attribute__((no_stack_protector)) static void set_guard(void)
{
	uint64_t random = 0;

	if (cpu_has_rdrand())
		(void)cpu_rdrand(&random);
	random ^= cpu_tsc() * 0x9e3779b97f4a7c15ull;
	__stack_chk_guard = (random ^ random >> 29) & ~0xfful;
}

__attribute__((no_stack_protector)) _Noreturn void x86_start(uintptr_t info, uint32_t magic)
{
	uintptr_t root;

	bootinfo.tsc = cpu_tsc();
	set_guard();
	mmu_reach();
	bootinfo_read(magic, info);
	root = mmu_build();
	if (root)
		gate_adopt(root);
	else
		bootinfo.nram = 0; /* said once there is a console: no memory */
	core_start();
}
