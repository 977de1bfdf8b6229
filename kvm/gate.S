/* SPDX-License-Identifier: MIT */
/*
 * KVM's part of the gate: to sleep on the local APIC, to hand kvmclock its page, to end.
 *
 * An interrupt does nothing but end the wait that let it in, so all of them share one handler. Instructions are
 * what core/x86/gate.S allows itself, and fewer are better: some hosts emulate ring 0, at a microsecond each.
 *
 * Read first: core/x86/gate.S, which this file becomes a part of.
 */
#include "kvm/gate.h"

#define GATE_CALLS GATE_CALLS_KVM
#define GATE_RING3 start

	.macro platform_calls
	.quad call_wait, call_timer, call_msr, call_reset
	.endm

	.macro platform_vectors
	.rept GATE_VECTORS - 32
	gate_entry (GATE_TEXT + (interrupt - gate_start)), 0x8e, 0
	.endr
	.endm

	/* debug console e9, debug exit f4-f7, serial 2f8 and 3f8, exit 501, ACPI power management 600-60f; the timer chip's second counter 42, CMOS clock 70 and 71 */
	.macro platform_ports
	.fill 8, 1, 0xff
	.byte 0xfb
	.fill 0x0d - 8, 1, 0xff
	.byte 0xfc
	.fill 0x1c - 0x0e, 1, 0xff
	.byte 0xfd, 0x0f
	.fill 0x5f - 0x1f, 1, 0xff
	.byte 0
	.fill 0x7f - 0x60, 1, 0xff
	.byte 0
	.fill 0xa0 - 0x80, 1, 0xff
	.byte 0xfd
	.fill 0xc0 - 0xa1, 1, 0xff
	.byte 0, 0
	.endm

#include "core/x86/gate.S"

#define LAPIC_EOI (GATE_LAPIC + 0x0b0)
#define LAPIC_SVR (GATE_LAPIC + 0x0f0)
#define LAPIC_TIMER (GATE_LAPIC + 0x320)
#define LAPIC_LINT0 (GATE_LAPIC + 0x350)
#define LAPIC_COUNT (GATE_LAPIC + 0x380)
#define LAPIC_DIVIDE (GATE_LAPIC + 0x3e0)

#define MSR_TSC_DEADLINE 0x6e0
#define MSR_KVMCLOCK 0x4b564d00 /* wall clock; system time is the next one */

	.section .notes, "a", @note
	.balign 4
	.long 4, 8, 18 /* XEN_ELFNOTE_PHYS32_ENTRY: where a loader that speaks PVH begins */
	.asciz "Xen"
	.quad boot

	.section .gate.text

/* All that an interrupt does is to end the wait that let it in. */
interrupt:
	mov $GATE_FRAME + FRAME_RSP0_TOP - 40, %esp /* back by the frame of the call, past sti; hlt */
	iretq

/* wait(timer): sleeps until an interrupt. The EOI belongs here and not in the stub: a level-triggered line is quiet again only after ring 3 saw to its device. */
call_wait:
	movl $0, LAPIC_EOI
	testl $GATE_TIMER_DEADLINE, timer
	jz 1f
	mov $MSR_TSC_DEADLINE, %ecx
	call write_msr
	jmp 2f
1:	mov %edi, LAPIC_COUNT
2:	sti
	hlt
	cli
	iretq

/* timer(mode): once, sets up the local APIC; GATE_TIMER_DEADLINE or 0. */
call_timer:
	cmpl $0, timer
	jne denied
	and $GATE_TIMER_DEADLINE, %edi
	or $GATE_VECTOR_TIMER, %edi
	movl $0x10000, LAPIC_LINT0
	movl $0x100 + GATE_VECTOR_SPURIOUS, LAPIC_SVR
	movl $0xb, LAPIC_DIVIDE /* by 1 */
	mov %edi, LAPIC_TIMER
	mov %edi, timer
	jmp done

/*
 * msr(number, value): hands kvmclock a page of ring 3's. With bit 0 the host goes on writing to it, so its mapping may
 * not change any more: it could become a page table.
 */
call_msr:
	lea -MSR_KVMCLOCK(%rdi), %rax
	cmp $1, %rax
	ja invalid
	mov %rdi, %r10
	mov %rsi, %rdi
	test $0xffe, %edi /* bit 0 enables; the structure begins its page */
	jnz invalid
	call own
	jne denied
	test $1, %edi
	jz 1f
	andl $~OURS, (%r8)
1:	mov %r10d, %ecx
	call write_msr
	jmp done

/* On the serial port; then the host is told, and the machine ends by a triple fault. */
gate_fatal:
	mov $fatal_text, %esi
	mov $0x3f8, %edx
1:	mov (%rsi), %al
	out %al, %dx
	inc %esi
	test %al, %al
	jnz 1b
	mov $0xff, %al
	out %al, $0xf4
call_reset:
	lidt no_idt
	ud2

	.section .gate.data
	.balign 8
no_idt:
	.word 0
	.quad 0
timer:
	.long 0 /* the LAPIC's timer register */
