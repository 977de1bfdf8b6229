/* SPDX-License-Identifier: MIT */
#ifndef CORE_X86_CPU_H
#define CORE_X86_CPU_H

/*
 * core/x86/cpu.h on the desk: CPUID, TSC and random words are the fake machine's, and wherever
 * the order of memory accesses matters, the other side of the queues may get its turn. See
 * test/fake/vmm.h.
 */

#include <stdbool.h>
#include <stdint.h>

struct cpu_id {
	uint32_t eax, ebx, ecx, edx;
};

struct cpu_id vmm_cpuid(uint32_t leaf);
uint64_t vmm_tsc(void);
bool vmm_random_word(bool seed, uint64_t *v);
void vmm_turn(void);
void vmm_advance(uint64_t ns);

static inline struct cpu_id cpu_id(uint32_t leaf, uint32_t sub)
{
	(void)sub;
	return vmm_cpuid(leaf);
}

static inline struct cpu_id cpu_id_checked(uint32_t leaf)
{
	if (cpu_id(leaf & 0xc0000000u, 0).eax < leaf)
		return (struct cpu_id){ 0, 0, 0, 0 };
	return cpu_id(leaf, 0);
}

static inline uint64_t cpu_tsc(void)
{
	return vmm_tsc();
}

static inline bool cpu_has_rdrand(void)
{
	return cpu_id_checked(1).ecx >> 30 & 1;
}

static inline bool cpu_has_rdseed(void)
{
	return cpu_id_checked(7).ebx >> 18 & 1;
}

static inline bool cpu_rdrand(uint64_t *v)
{
	return vmm_random_word(false, v);
}

static inline bool cpu_rdseed(uint64_t *v)
{
	return vmm_random_word(true, v);
}

static inline void cpu_barrier(void)
{
	__asm__ volatile("" : : : "memory");
	vmm_turn();
}

static inline void cpu_fence(void)
{
	__asm__ volatile("" : : : "memory");
	vmm_turn();
}

static inline void cpu_relax(void)
{
	vmm_advance(500); /* waiting costs time, so that giving up does not take for ever */
	vmm_turn();
}

#endif
