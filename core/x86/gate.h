/* SPDX-License-Identifier: MIT */
#ifndef CORE_X86_GATE_H
#define CORE_X86_GATE_H

/*
 * The door to the CPU: what only ring 0 can do, asked of it from ring 3.
 *
 * core/x86/gate.S and gate.c define these for everything that boots in ring 0: an `int3` enters the
 * gate, which checks every argument. Where a machine begins in ring 3 its platform defines the same
 * names in its own way. Addresses are one to one: a page is named by its address alone.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Page permissions. GATE_WRITE and GATE_EXEC together are refused. 0 unmaps. */
#define GATE_READ 1u
#define GATE_WRITE 2u
#define GATE_EXEC 4u     /* before gate_seal() only */
#define GATE_UNCACHED 8u /* device registers; before gate_seal() only */
#define GATE_SHARED 16u  /* another machine may reach it: never a page table, for ever; before gate_seal() only */
#define GATE_FIXED 32u   /* can never change again; without GATE_READ it is the gate's alone; before gate_seal() only */

/*
 * Maps or protects len bytes at addr, both multiples of PAGE_SIZE. Before the seal, memory that was
 * never mapped may be mapped; after it only what was mapped before can change, never to executable.
 * Splits large pages with pages taken by page_alloc(). Returns 0, -ERR_PERM (gate, page tables,
 * sealed), -ERR_INVAL, -ERR_NOMEM.
 */
int gate_map(uintptr_t addr, size_t len, unsigned perm);

/* One way: from now on GATE_EXEC and new mappings are refused and set-up ports are closed. */
void gate_seal(void);

/* Sets the thread pointer (FS base). addr below 2^47. */
void gate_set_tls(uintptr_t addr);

/* For boot.c: gives the gate the tables that mmu_build() made. Works once. */
void gate_adopt(uintptr_t root);

/* Any call with any arguments; tests use it to attack. Returns what the gate answered. */
long gate_call(unsigned number, uint64_t a, uint64_t b, uint64_t c);

/* ---- exceptions ---- */

/*
 * The registers of a thread at an exception, in the order in which start.S pushes them.
 */
struct gate_frame {
	uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax;
	uint64_t vector, error, rip, cs, rflags, rsp, ss, cr2;
};

/*
 * trap.c: prints registers and a backtrace with function names, and ends the machine. May be given
 * a chance to go on instead, see trap_catch().
 */
void trap_handle(struct gate_frame *frame);

/*
 * For tests: the next exception resumes at resume with frame in *frame instead of ending the
 * machine. One shot.
 */
void trap_catch(void (*resume)(void), struct gate_frame *frame);

/*
 * Prints the callers of the frame at rbp, a line each, names from the image's own table. Stops at
 * anything odd.
 */
void trap_backtrace(uintptr_t rip, uintptr_t rbp);

#endif
