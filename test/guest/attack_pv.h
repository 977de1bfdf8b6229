/* SPDX-License-Identifier: MIT */
/*
 * attack_gate.c on Xen PV: the guest is a kernel in ring 3, and below it is Xen, which takes hypercalls from any code in it.
 *
 * So some attacks succeed that a gate refuses; each is a point here that expects just that, so that what docs/security.md says of PV
 * stays true. What Xen itself refuses are points as everywhere.
 */
#ifndef TEST_GUEST_ATTACK_PV_H
#define TEST_GUEST_ATTACK_PV_H

#include "test/guest/attack.h"

#define PV_M2P ((const uint64_t *)0xffff800000000000) /* xen/arch-x86/xen-x86_64.h: which page of ours a machine frame is */
#define PV_FRAME 0x000ffffffffff000ull
#define PV_NX (1ull << 63)
#define PV_UPDATE_VA 14 /* xen/xen.h */
#define PV_MMUEXT 26
#define PV_NEW_BASE 5
#define PV_EVENTS 32
#define PV_ALLOC 6
#define PV_SELF 0x7ff0

extern char image_end[];

static inline long pv_call(long number, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	register uint64_t r10 __asm__("r10") = d;

	__asm__ volatile("syscall" : "+a"(number), "+D"(a), "+S"(b), "+d"(c), "+r"(r10) : : "rcx", "r11", "r8", "memory");
	return number;
}

/* The page-table entry of a page, found by reading every page that could be a table; *table is one that is. */
static inline uint64_t pv_find_entry(uintptr_t page, uintptr_t *table)
{
	uintptr_t at = ((uintptr_t)image_end + PAGE_SIZE - 1) & -(uintptr_t)PAGE_SIZE;

	for (; at < 64u << 20; at += PAGE_SIZE) {
		uint64_t e;

		if (attack(attack_read, at) == 14 || attack(attack_rewrite, at) != 14)
			continue;
		e = ((const uint64_t *)at)[page / PAGE_SIZE % 512];
		if (!(e & 1) || attack(attack_read, (uintptr_t)&PV_M2P[(e & PV_FRAME) / PAGE_SIZE]) == 14 || PV_M2P[(e & PV_FRAME) / PAGE_SIZE] != page / PAGE_SIZE)
			continue;
		*table = at;
		return e;
	}
	return 0;
}

static inline void attack_pv(uint8_t *page)
{
	uintptr_t at = (uintptr_t)page, table = 0;
	uint64_t entry = pv_find_entry(at, &table), of_table = table ? pv_find_entry(table, &(uintptr_t){ 0 }) : 0;
	struct {
		uint32_t command;
		uint64_t frame, unused;
	} base = { PV_NEW_BASE, (entry & PV_FRAME) / PAGE_SIZE, 0 };
	struct {
		uint16_t domain, remote;
		uint32_t port;
	} channel = { PV_SELF, 0, 0 };

	attack_point(entry && of_table, "page tables can be read, and tell where a page is");
	if (!entry || !of_table)
		return;
	attack_point(pv_call(PV_UPDATE_VA, at, of_table | 2, 2, 0) < 0, "Xen refuses to map a page table writable");
	attack_point(pv_call(PV_UPDATE_VA, at, 0x1000 | (entry & 0xfff), 2, 0) < 0, "Xen refuses to map memory that is not the guest's");
	attack_point(pv_call(PV_MMUEXT, (uintptr_t)&base, 1, 0, PV_SELF) < 0, "Xen refuses page tables that are not proper");
	attack_point(gate_call(GATE_CALL_MAP, at, 12, 0) == 0 && attack(attack_read, at) < 0, "a call of the gate does nothing");
	attack_point(gate_map(at, PAGE_SIZE, GATE_READ | GATE_EXEC) < 0, "gate_map() refuses executable memory behind the seal");
	attack_point(pv_call(PV_EVENTS, PV_ALLOC, (uintptr_t)&channel, 0, 0) == 0, "PV cannot stop: a channel to another domain is opened");
	page[0] = 0xc3;
	attack_point(attack(attack_jump, at) == 14, "data cannot be run");
	attack_point(pv_call(PV_UPDATE_VA, at, entry & ~PV_NX, 2, 0) == 0 && attack(attack_jump, at) < 0 && attack(attack_write, at) < 0,
		     "PV cannot stop: data is made executable by a hypercall, and stays writable");
}

#endif
