/* SPDX-License-Identifier: MIT */
/*
 * Xen's part of the gate, for PVH and HVM guests: hypercalls, and the grant table.
 *
 * An allow-list of hypercall numbers would be a hole: Xen reads and writes through the pointers that a hypercall is given, with
 * ring 0's rights, and some calls move pages. So before the seal everything passes, and behind it three calls of fixed shape, whose
 * structures lie here, and one that writes an entry of the grant table. That table is mapped for ring 0 alone, and an entry is
 * written only for a page that was marked as shared before the seal: whatever runs in ring 3, other domains reach those pages and no other.
 *
 * Read first: core/x86/gate.S, which this file becomes a part of; xen/hvm/hypercall.c is the other side.
 */
#include "xen/hvm/gate.h"

#define GATE_CALLS GATE_CALLS_HVM
#define GATE_RING3 hvm_start

	.macro platform_calls
	.quad call_fixed, call_fixed, call_fixed, call_hypercall, call_grant
	.endm

	/* Interrupts stay masked for ever, SCHEDOP_poll needs none. */
	.macro platform_vectors
	.endm

	/* The debug port e9. */
	.macro platform_ports
	.fill 0x1d, 1, 0xff
	.byte 0xfd
	.endm

#include "core/x86/gate.S"

/* xen/xen.h, sched.h, event_channel.h; hypercall.c compares them. */
#define SCHED_OP 29
#define SCHED_SHUTDOWN 2
#define SCHED_POLL 3
#define SHUTDOWN_CRASH 3
#define EVENT_OP 32
#define EVENT_SEND 4
#define EVENT_LAST 4095

/* grant_table.h: a flags word, its domain, and the frame */
#define GRANT_FLAGS 5 /* permit access, read-only */
#define GRANT_IN_USE 0x18 /* reading, writing */

	.section .notes, "a", @note
	.balign 4
	.long 4, 8, 18 /* XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz "Xen"
	.quad boot

	.section .gate.text

/* poll(n, timeout), send(port), shutdown(reason): what is not in the arguments is constant. The ports to poll stand in gate_ports. */
call_fixed:
	shl $4, %eax
	cmp fixed - GATE_CALL_POLL * 16(%rax), %edi
	ja invalid
	mov %edi, fixed_args + 8
	mov %rsi, fixed_args + 16
	mov fixed - GATE_CALL_POLL * 16 + 8(%rax), %edi
	mov fixed - GATE_CALL_POLL * 16 + 12(%rax), %esi
	mov fixed - GATE_CALL_POLL * 16 + 4(%rax), %eax
	jmp enter_xen

/* hypercall(number and first argument, second, third): before the seal. */
call_hypercall:
	cmpl $0, sealed
	jne denied
	mov %edi, way
	mov %rdi, %rax
	shr $GATE_NUMBER_SHIFT, %rax
	movzwl %di, %edi
enter_xen:
	testl $GATE_VMMCALL, way
	jz 1f
	vmmcall
	iretq
1:	vmcall
	iretq

/*
 * grant(page, flags and domain << 16, reference): ends what the entry granted, unless somebody has it mapped, and grants the page
 * instead; flags 0 grant nothing. Frame before flags: from these on the entry counts.
 */
call_grant:
	cmp $GATE_GRANT_FRAMES * 512, %rdx
	jae invalid
	lea GATE_GRANTS(, %rdx, 8), %r11
	mov %esi, %r10d
	movzwl (%r11), %eax
	test $GRANT_IN_USE, %al
	jnz denied
	xor %ecx, %ecx
	lock cmpxchg %cx, (%r11) /* it changes only when somebody begins to use it */
	jne denied
	test %r10d, %r10d
	jz done
	test $0xffff & ~GRANT_FLAGS, %r10d
	jnz invalid
	call own
	cmp $POOL + OURS + 7, %eax
	jne denied
	shr $12, %rdi
	mov %edi, 4(%r11)
	mov %r10d, (%r11)
	jmp done

/* On Xen's debug port; then the domain has crashed. */
gate_fatal:
	mov $fatal_text, %esi
1:	mov (%rsi), %al
	out %al, $0xe9
	inc %esi
	test %al, %al
	jnz 1b
	mov $SHUTDOWN_CRASH, %edi
	mov $GATE_CALL_SHUTDOWN, %eax
	jmp call_fixed

	.section .gate.data
	.balign 8
fixed: /* the largest first argument; number, first argument and pointer of the hypercall */
	.long GATE_PORTS, SCHED_OP, SCHED_POLL, fixed_args
	.long EVENT_LAST, EVENT_OP, EVENT_SEND, fixed_args + 8
	.long SHUTDOWN_CRASH, SCHED_OP, SCHED_SHUTDOWN, fixed_args + 8
fixed_args: /* struct sched_poll; its second field is all of the other two structures */
	.quad gate_ports
	.long 0, 0
	.quad 0
way:
	.long 0 /* GATE_VMMCALL, or not */

/* ---- ring 3 ---- */

	.section .text.start, "ax", @progbits
hvm_start:
	mov $hvm_boot, %ebx
	jmp start_in

	.section .bss.gate_ports, "aw", @nobits
	.balign 4
	.globl gate_ports
gate_ports:
	.fill GATE_PORTS * 4
