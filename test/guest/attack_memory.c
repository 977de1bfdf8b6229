/* SPDX-License-Identifier: MIT */
/*
 * Attacks on memory: nothing that runs can be written, nothing that can be written runs, and what is
 * ring 0's cannot be read, written or run from ring 3, wherever it lies.
 *
 * Page tables are found as an attacker would find them, by trying every page of low memory. A PV guest of Xen has no ring 0 below it
 * but Xen's: there page tables can be read, and Xen lets nobody else write them.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "test/guest/attack.h"

#define SCAN_END (64u << 20) /* what the test guest has */

extern char text_start[], rodata_start[], image_end[];

static const uint8_t a_ret_in_rodata[] = { 0xc3 };
static uint8_t a_ret_in_data[] = { 0xc3 };
static uint8_t a_ret_in_bss[16];

static bool is_fault(int vector, uint64_t addr, unsigned error)
{
	return vector == 14 && attack_frame.cr2 == addr && (attack_frame.error & 0x1f) == error;
}

static void refuse(const char *what, void (*go)(uint64_t), void *at, unsigned error)
{
	int vector = attack(go, (uintptr_t)at);

	attack_point(is_fault(vector, (uintptr_t)at, error), what);
}

/* A page of ring 0's: no way in. */
static void refuse_all(const char *what, uintptr_t at, unsigned present)
{
	char line[80];

	fmt_format(line, sizeof(line), "%s cannot be read", what);
	refuse(line, attack_read, (void *)at, PF_USER | present);
	fmt_format(line, sizeof(line), "%s cannot be written", what);
	refuse(line, attack_write, (void *)at, PF_USER | PF_WRITE | present);
	fmt_format(line, sizeof(line), "%s cannot be run", what);
	refuse(line, attack_jump, (void *)at, PF_USER | PF_FETCH | present);
}

static void try_image(void)
{
	refuse("text cannot be written", attack_write, text_start, PF_PRESENT | PF_WRITE | PF_USER);
	refuse("constants cannot be written", attack_write, rodata_start, PF_PRESENT | PF_WRITE | PF_USER);
	refuse("constants cannot be run", attack_jump, (void *)(uintptr_t)a_ret_in_rodata, PF_PRESENT | PF_FETCH | PF_USER);
	refuse("data cannot be run", attack_jump, a_ret_in_data, PF_PRESENT | PF_FETCH | PF_USER);
	a_ret_in_bss[0] = 0xc3;
	refuse("bss cannot be run", attack_jump, a_ret_in_bss, PF_PRESENT | PF_FETCH | PF_USER);
}

static void try_heap_and_stack(void)
{
	volatile uint8_t on_stack[16] = { 0xc3 };
	uint8_t *small = malloc(64), *large = malloc(1 << 20);

	if (!small || !large) {
		attack_point(false, "no memory for the heap's attacks");
		return;
	}
	memset(small, 0xc3, 64);
	memset(large, 0xc3, 1 << 20);
	refuse("the heap cannot be run", attack_jump, small, PF_PRESENT | PF_FETCH | PF_USER);
	refuse("large blocks of the heap cannot be run", attack_jump, large + (1 << 19), PF_PRESENT | PF_FETCH | PF_USER);
	refuse("the stack cannot be run", attack_jump, (void *)(uintptr_t)on_stack, PF_PRESENT | PF_FETCH | PF_USER);
	free(small);
	free(large);
}

static void try_nowhere(void)
{
	refuse("page 0 cannot be read", attack_read, (void *)8, PF_USER);
	refuse("page 0 cannot be written", attack_write, NULL, PF_USER | PF_WRITE);
	refuse("page 0 cannot be run", attack_jump, NULL, PF_USER | PF_FETCH);
	refuse("nothing is mapped at 1 TiB", attack_read, (void *)(1ull << 40), PF_USER);
	refuse("nothing is mapped at the top of the lower half", attack_write, (void *)0x7ffffffff000, PF_USER | PF_WRITE);
	refuse("nothing is mapped in the upper half", attack_read, (void *)0xffffffff80000000, PF_USER);
	attack_expect("a non-canonical read", attack_read, 0x8000000000000000, GP);
	attack_expect("a non-canonical jump", attack_jump, 0x0123456789abcdef, GP);
}

/* Where Xen itself lies in every PV guest's address space, and where it maps all memory. */
static void try_xen(void)
{
	refuse("Xen cannot be written", attack_write, (void *)0xffff82d040200000, PF_PRESENT | PF_WRITE | PF_USER);
	attack_point(attack(attack_read, 0xffff830000000000) == 14, "all of the machine's memory cannot be read");
	attack_skip("the gate's pages", "there is no gate on PV, they are ordinary memory");
	refuse("the frame page cannot be run", attack_jump, (void *)GATE_FRAME_ALIAS, PF_PRESENT | PF_FETCH | PF_USER);
}

static void try_gate(void)
{
	refuse_all("the gate's text", GATE_TEXT, PF_PRESENT);
	refuse_all("the end of the gate's text", GATE_TEXT + PAGE_SIZE - 1, PF_PRESENT);
	refuse_all("the gate's tables", GATE_DATA, PF_PRESENT);
	refuse_all("the gate's stacks", GATE_FRAME, PF_PRESENT);
	refuse_all("the local APIC", GATE_LAPIC, PF_PRESENT);
	refuse("the frame page cannot be written", attack_write, (void *)GATE_FRAME_ALIAS, PF_PRESENT | PF_WRITE | PF_USER);
	refuse("the frame page cannot be run", attack_jump, (void *)GATE_FRAME_ALIAS, PF_PRESENT | PF_FETCH | PF_USER);
	if (attack_place() == ON_HVM)
		refuse_all("the grant table", GATE_GRANTS, PF_PRESENT);
}

static void try_devices(void)
{
	attack_point(attack(attack_read, 0xfee00000) == 14, "the local APIC is not at its own address");
	attack_point(attack(attack_write, 0xfee00300) == 14, "no inter-processor interrupt can be sent");
	attack_point(attack(attack_read, 0xb0000000) == 14, "PCI configuration is not mapped");
}

/* On PV: what can be read and not written is a page table. */
static void try_tables_pv(void)
{
	unsigned found = 0, open = 0;

	for (uintptr_t at = ((uintptr_t)image_end + PAGE_SIZE - 1) & -(uintptr_t)PAGE_SIZE; at < SCAN_END; at += PAGE_SIZE) {
		if (attack(attack_read, at) == 14)
			continue;
		if (!is_fault(attack(attack_rewrite, at), at, PF_PRESENT | PF_WRITE | PF_USER))
			continue;
		found++;
		open += !is_fault(attack(attack_jump, at), at, PF_PRESENT | PF_FETCH | PF_USER);
		open += gate_map(at, PAGE_SIZE, GATE_READ | GATE_WRITE) == 0;
	}
	attack_say("# %u page tables found, %u attempts got through", found, open);
	attack_point(found >= 4, "page tables were found");
	attack_point(open == 0, "no page table can be written, run or made writable");
}

/* Every page of low memory that is present and not ours is the gate's or a page table: none may be touched or taken. */
static void try_tables(void)
{
	unsigned found = 0, open = 0;

	for (uintptr_t at = PAGE_SIZE; at < SCAN_END; at += PAGE_SIZE) {
		if (at >= GATE_LAPIC && at < (uintptr_t)image_end)
			continue;
		if (attack(attack_read, at) != 14 || !(attack_frame.error & PF_PRESENT))
			continue;
		found++;
		open += !is_fault(attack(attack_write, at), at, PF_PRESENT | PF_WRITE | PF_USER);
		open += !is_fault(attack(attack_jump, at), at, PF_PRESENT | PF_FETCH | PF_USER);
		open += gate_map(at, PAGE_SIZE, GATE_READ | GATE_WRITE) == 0;
		open += gate_map(at, PAGE_SIZE, 0) == 0;
		open += gate_call(GATE_CALL_MAP, at, 12, GATE_READ) == 0;
		open += gate_call(GATE_CALL_TABLE, 1ull << 30, 30, at) == 0;
		open += gate_call(GATE_CALL_TABLE, at, 21, at) == 0;
		open += !is_fault(attack(attack_read, at), at, PF_PRESENT | PF_USER);
	}
	attack_say("# %u pages of ring 0 found, %u attempts got through", found, open);
	attack_point(found >= 4, "page tables were found");
	attack_point(open == 0, "no page table can be read, written, run, mapped or given away again");
}

/* In a thread of its own: walks down from its frame until the guard page stops it. */
static void *walk_down(void *size)
{
	uint8_t here = 0;
	uintptr_t at = (uintptr_t)&here & -(uintptr_t)PAGE_SIZE, lowest = at - (uintptr_t)size - PAGE_SIZE;

	while (at > lowest && attack(attack_write, at) < 0)
		at -= PAGE_SIZE;
	attack_point(at > lowest && is_fault(14, at, PF_USER | PF_WRITE), "a guard page stands below the stack");
	return NULL;
}

static void try_guard(void)
{
	pthread_attr_t attr;
	pthread_t thread;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 64 << 10);
	if (pthread_create(&thread, &attr, walk_down, (void *)(64ul << 10)) != 0) {
		attack_point(false, "no thread for the guard page's attack");
		return;
	}
	pthread_join(thread, NULL);
}

int main(void)
{
	try_image();
	try_heap_and_stack();
	try_nowhere();
	try_devices();
	if (attack_place() == ON_PV) {
		try_xen();
		try_tables_pv();
	} else {
		try_gate();
		try_tables();
	}
	try_guard();
	return attack_done();
}
