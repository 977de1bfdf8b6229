/* SPDX-License-Identifier: MIT */
#ifndef CORE_X86_CPU_H
#define CORE_X86_CPU_H

/*
 * The x86 instructions that C has no words for and that ring 3 may use.
 *
 * CPUID traps on some hosts (10,000 cycles): ask once and keep the answer.
 */

#include <stdbool.h>
#include <stdint.h>

struct cpu_id {
	uint32_t eax, ebx, ecx, edx;
};

static inline struct cpu_id cpu_id(uint32_t leaf, uint32_t sub)
{
	struct cpu_id r;

	__asm__ volatile("cpuid" : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx) : "a"(leaf), "c"(sub));
	return r;
}

/*
 * cpu_id(), or zeroes when the CPU has no such leaf: Intel's answers with another leaf's bits then.
 */
static inline struct cpu_id cpu_id_checked(uint32_t leaf)
{
	if (cpu_id(leaf & 0xc0000000u, 0).eax < leaf)
		return (struct cpu_id){ 0, 0, 0, 0 };
	return cpu_id(leaf, 0);
}

static inline uint64_t cpu_tsc(void)
{
	uint32_t lo, hi;

	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return (uint64_t)hi << 32 | lo;
}

/* The gate has set CR4.FSGSBASE where CPUID offers it. */
static inline bool cpu_has_fsgsbase(void)
{
	return cpu_id_checked(7).ebx & 1;
}

static inline void cpu_wrfsbase(uint64_t base)
{
	__asm__ volatile("wrfsbase %0" : : "r"(base));
}

static inline bool cpu_has_rdrand(void)
{
	return cpu_id_checked(1).ecx >> 30 & 1;
}

static inline bool cpu_has_rdseed(void)
{
	return cpu_id_checked(7).ebx >> 18 & 1;
}

/* One random word; false when the CPU has none ready. */
static inline bool cpu_rdrand(uint64_t *v)
{
	bool ok;

	__asm__ volatile("rdrand %0" : "=r"(*v), "=@ccc"(ok));
	return ok;
}

static inline bool cpu_rdseed(uint64_t *v)
{
	bool ok;

	__asm__ volatile("rdseed %0" : "=r"(*v), "=@ccc"(ok));
	return ok;
}

/* Only the compiler is kept from moving memory accesses across: x86 stores stay in order. */
static inline void cpu_barrier(void)
{
	__asm__ volatile("" : : : "memory");
}

/* Earlier stores are seen before later loads are done. */
static inline void cpu_fence(void)
{
	__asm__ volatile("mfence" : : : "memory");
}

static inline void cpu_relax(void)
{
	__asm__ volatile("pause");
}

#endif
