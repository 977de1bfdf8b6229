/* SPDX-License-Identifier: MIT */
/*
 * Ways for a program to die, one for each run: argv[1] names it. attack_crash.py starts each and checks
 * that the machine ends at once, says what happened and in which function, and tells the host of a failure.
 *
 * Every case is a function of its own name, never inlined, because that name must be in the report.
 * test/run: driven by attack_crash.py.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "test/guest/attack.h"

#define CASE(name) __attribute__((noinline)) static void name(void)

static volatile uint64_t sink;
static volatile unsigned deep;

CASE(crash_read_null)
{
	sink = *(volatile uint64_t *)(uintptr_t)sink;
}

CASE(crash_write_text)
{
	*(volatile uint8_t *)(uintptr_t)crash_read_null = 0;
}

CASE(crash_write_constant)
{
	static const char text[] = "constant";

	*(volatile char *)(uintptr_t)text = 'C';
}

CASE(crash_run_data)
{
	static uint8_t code[16] = { 0xc3 };

	__asm__ volatile("call *%0" : : "r"(code) : "memory");
	sink++;
}

CASE(crash_run_nothing)
{
	void (*volatile nothing)(void) = (void (*)(void))(uintptr_t)sink;

	nothing();
	sink++;
}

CASE(crash_run_gate)
{
	__asm__ volatile("call *%0" : : "r"((uintptr_t)GATE_TEXT + 0x200) : "memory");
	sink++;
}

CASE(crash_privileged)
{
	__asm__ volatile("hlt");
}

CASE(crash_port)
{
	__asm__ volatile("outb %%al, %%dx" : : "a"(6), "d"((uint16_t)0xcf9));
}

CASE(crash_divide)
{
	volatile unsigned zero = 0;

	sink = sink / zero;
}

CASE(crash_undefined)
{
	__builtin_trap();
}

CASE(crash_non_canonical)
{
	sink = *(volatile uint64_t *)0x8000000000000000;
}

CASE(crash_no_stack)
{
	__asm__ volatile("xor %%esp, %%esp\n push %%rax" : : : "memory");
}

CASE(crash_wild_stack)
{
	__asm__ volatile("mov $0x8000000000000000, %%rsp\n push %%rax" : : : "memory");
}

CASE(crash_odd_stack)
{
	__asm__ volatile("sub $4, %%rsp\n movaps %%xmm0, -16(%%rsp)" : : : "memory");
}

/* The frame pointers' chain leads into the gate, then nowhere: the report must come all the same. */
CASE(crash_wild_frames)
{
	__asm__ volatile("mov $0x100000, %%rbp\n ud2" : : : "memory");
}

CASE(crash_wild_frames_far)
{
	__asm__ volatile("mov $0xffff800000000000, %%rbp\n ud2" : : : "memory");
}

CASE(crash_flags)
{
	__asm__ volatile("pushfq\n orq $0x44500, (%%rsp)\n popfq\n ud2" : : : "memory", "cc");
}

__attribute__((noinline)) static uint64_t crash_recursion(uint64_t n)
{
	volatile uint64_t room[32] = { n };

	deep++;
	return n ? crash_recursion(n + 1) + room[n & 31] : 0;
}

CASE(crash_stack)
{
	sink = crash_recursion(1);
}

static void *crash_in_thread(void *arg)
{
	sink = crash_recursion(1 + (uintptr_t)arg);
	return NULL;
}

CASE(crash_thread_stack)
{
	pthread_t t;

	pthread_create(&t, NULL, crash_in_thread, NULL);
	pthread_join(t, NULL);
}

CASE(crash_smash)
{
	volatile char room[16];
	volatile char *at = room;

	for (int i = 0; i < 64; i++)
		at[i] = 'A';
}

CASE(crash_abort)
{
	abort();
}

/* The exception handler's own ground is taken away: what is left is the gate, which counts. */
CASE(crash_without_text)
{
	extern char trap_entry[];

	gate_map((uintptr_t)trap_entry & -(uintptr_t)PAGE_SIZE, PAGE_SIZE, GATE_READ);
	__builtin_trap();
}

CASE(crash_without_trap_stack)
{
	extern char trap_stack_top[];

	gate_map(((uintptr_t)trap_stack_top - 16) & -(uintptr_t)PAGE_SIZE, PAGE_SIZE, 0);
	__builtin_trap();
}

CASE(crash_without_data)
{
	extern char data_start[], image_end[];

	gate_map((uintptr_t)data_start, (size_t)(image_end - data_start), GATE_READ);
	__builtin_trap();
}

CASE(crash_without_rodata)
{
	extern char rodata_start[], rodata_end[];

	gate_map((uintptr_t)rodata_start, ((uintptr_t)rodata_end - (uintptr_t)rodata_start + PAGE_SIZE - 1) & -(uintptr_t)PAGE_SIZE, 0);
	__builtin_trap();
}

/* Faults inside the handler, by way of a catcher that never comes home. */
CASE(crash_in_resume)
{
	trap_catch((void (*)(void))(uintptr_t)0x10, &attack_frame);
	__builtin_trap();
}

CASE(crash_catch_nowhere)
{
	trap_catch(attack_resume, (struct gate_frame *)(uintptr_t)8);
	__builtin_trap();
}

/* KVM's gate only: on Xen a guest restarts by a hypercall. */
CASE(crash_reset)
{
	gate_call(GATE_CALL_RESET, 0, 0, 0);
}

CASE(crash_icebp)
{
	__asm__ volatile(".byte 0xf1");
}

CASE(crash_breakpoint)
{
	__asm__ volatile("int3");
}

/* Not a crash: a thread that never lets go must still die by the host's hand. */
CASE(crash_spin)
{
	printf("spinning\n");
	fflush(stdout);
	for (;;)
		sink++;
}

#define ENTRY(name) { #name, name }

static const struct {
	const char *name;
	void (*go)(void);
} cases[] = {
	ENTRY(crash_read_null), ENTRY(crash_write_text), ENTRY(crash_write_constant), ENTRY(crash_run_data), ENTRY(crash_run_nothing),
	ENTRY(crash_run_gate), ENTRY(crash_privileged), ENTRY(crash_port), ENTRY(crash_divide), ENTRY(crash_undefined),
	ENTRY(crash_non_canonical), ENTRY(crash_no_stack), ENTRY(crash_wild_stack), ENTRY(crash_odd_stack), ENTRY(crash_wild_frames),
	ENTRY(crash_wild_frames_far), ENTRY(crash_flags), ENTRY(crash_stack), ENTRY(crash_thread_stack), ENTRY(crash_smash), ENTRY(crash_abort),
	ENTRY(crash_without_text), ENTRY(crash_without_trap_stack), ENTRY(crash_without_data), ENTRY(crash_without_rodata),
	ENTRY(crash_in_resume), ENTRY(crash_catch_nowhere), ENTRY(crash_reset), ENTRY(crash_icebp), ENTRY(crash_breakpoint), ENTRY(crash_spin),
};

int main(int argc, char **argv)
{
	(void)attack_resume;
	for (size_t i = 0; argc > 1 && i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (!strcmp(cases[i].name, argv[1])) {
			cases[i].go();
			printf("still alive\n");
			return 0;
		}
	}
	printf("usage: attack_crash CASE\n");
	return 2;
}
