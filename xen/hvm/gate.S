/* SPDX-License-Identifier: MIT */
/*
 * Xen's part of the gate, for PVH and HVM guests: hypercalls, and the grant table.
 *
 * An allow-list of hypercall numbers would be a hole: Xen reads and writes through the pointers that a hypercall is given, with
 * ring 0's rights, and some calls move pages. So before the seal everything passes, and behind it calls of fixed shape, whose
 * structures lie here and take one number of the caller's, and one that writes an entry of the grant table. That table is mapped for ring 0 alone,
 * and an entry is written only for a page that was marked as shared before the seal: whatever runs in ring 3, other domains reach those pages and no other.
 * Xen's own pages can be put where they belong, at any time and nowhere else: that is what a guest needs that was restored elsewhere.
 *
 * Read first: core/x86/gate.S, which this file becomes a part of; xen/hvm/hypercall.c is the other side.
 */
#include "xen/hvm/gate.h"
#include "xen/note.h"

#define GATE_CALLS GATE_CALLS_HVM
#define GATE_RING3 hvm_start

	.macro platform_calls
	.rept GATE_CALL_GIVE - GATE_CALL_POLL
	.quad call_fixed
	.endr
	.quad call_page, call_page, call_hypercall, call_grant
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

/* xen/xen.h, sched.h, event_channel.h, memory.h, hvm/hvm_op.h; hypercall.c compares them. */
#define SELF 0x7ff0
#define MEMORY_OP 12
#define MEMORY_GIVE 1
#define MEMORY_TAKE 6
#define MEMORY_PLACE 7
#define SCHED_OP 29
#define SCHED_SHUTDOWN 2
#define SCHED_POLL 3
#define SHUTDOWN_CRASH 3
#define EVENT_OP 32
#define EVENT_CLOSE 3
#define EVENT_SEND 4
#define EVENT_ALLOC 6
#define HVM_OP 34
#define HVM_SET 0
#define HVM_GET 1
#define ANY 0xffffffff

/* grant_table.h: a flags word, its domain, and the frame */
#define GRANT_FLAGS 5 /* permit access, read-only */
#define GRANT_IN_USE 0x18 /* reading, writing */

	.section .notes, "a", @note
	note XEN_ELFNOTE_PHYS32_ENTRY, .quad boot

	.section .gate.text

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

/* give(page), take(page): a frame of ring 3's own, which nobody else reaches and which is no table, goes to Xen or comes back. */
call_page:
	mov %eax, %r10d
	call own
	jne denied
	mov %r10d, %eax
	shr $12, %rdi

/* All the others: what is not in the argument (and, for poll, the timeout) is constant. The ports to poll stand in gate_ports. */
call_fixed:
	shl $4, %eax
	cmp fixed - GATE_CALL_POLL * 16(%rax), %edi
	ja invalid
	mov fixed - GATE_CALL_POLL * 16 + 12(%rax), %ecx
	mov %edi, (%rcx)
	lea GATE_GRANTS / 4096(%rdi), %ecx
	mov %ecx, frame_args + 16
	mov %rsi, poll_args + 16
	movzwl fixed - GATE_CALL_POLL * 16 + 6(%rax), %edi
	mov fixed - GATE_CALL_POLL * 16 + 8(%rax), %esi
	movzwl fixed - GATE_CALL_POLL * 16 + 4(%rax), %eax
	jmp enter_xen

/* hypercall(first argument, second, third), its number in r8: before the seal. */
call_hypercall:
	cmpl $0, sealed
	jne denied
	mov %r8d, %eax
enter_xen:
	.globl gate_vmcall
gate_vmcall:
	vmcall /* hvm.c makes it vmmcall, before the tables close, where that is the CPU's */
	mov value, %rdx
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
	and $~GRANT_IN_USE, %al
	xor %ecx, %ecx
	lock cmpxchg %cx, (%r11) /* unless it is in use, or somebody has just begun to use it */
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

	.section .gate.data
	.macro row most, number, command, structure, argument
	.long \most
	.word \number, \command
	.long \structure, \argument
	.endm

	.balign 8
fixed: /* by call: the largest argument; the hypercall's number, first argument and structure; where in it the argument belongs */
	row GATE_PORTS, SCHED_OP, SCHED_POLL, poll_args, (poll_args+8)
	row ANY, EVENT_OP, EVENT_SEND, argument, argument
	row SHUTDOWN_CRASH, SCHED_OP, SCHED_SHUTDOWN, argument, argument
	row ANY, EVENT_OP, EVENT_ALLOC, argument, argument /* ours and the other's domain */
	row ANY, EVENT_OP, EVENT_CLOSE, argument, argument
	row ANY, HVM_OP, HVM_GET, (argument-4), argument
	row 0, HVM_OP, HVM_SET, callback_args, argument
	row 0, MEMORY_OP, MEMORY_PLACE, info_args, argument
	row (GATE_GRANT_FRAMES-1), MEMORY_OP, MEMORY_PLACE, frame_args, (frame_args+8)
	row ANY, MEMORY_OP, MEMORY_GIVE, page_args, page_frame
	row ANY, MEMORY_OP, MEMORY_TAKE, page_args, page_frame
	.if . - fixed - 16 * (GATE_CALL_TAKE - GATE_CALL_POLL + 1)
	.error "there are not as many rows as calls of fixed shape"
	.endif
poll_args: /* struct sched_poll */
	.quad gate_ports
	.long 0, 0
	.quad 0
	.long SELF /* of struct xen_hvm_param */
argument:
	.long 0
value: /* what Xen answers beside its result: a parameter's value, a new port; ring 3 gets it with every answer */
	.quad 0
callback_args: /* struct xen_hvm_param: flavour.c says why */
	.long SELF, 0
	.quad GATE_CALLBACK
info_args: /* struct xen_add_to_physmap */
	.long SELF, 0
	.quad 0, GATE_SHARED_INFO / 4096
frame_args: /* another; the frame's number is GATE_GRANTS' and the argument */
	.long SELF, 1
	.quad 0, 0
page_args: /* struct xen_memory_reservation */
	.quad page_frame, 1
	.long 0, 0
	.quad SELF
page_frame:
	.quad 0

/* ---- ring 3 ---- */

	.section .text.start, "ax", @progbits
hvm_start:
	mov $hvm_boot, %ebx
	jmp start_in

/* As gate_call(), whose one place this leaves the calling to, with one argument more, which stays in r8. */
	.globl gate_call_more
gate_call_more:
	jmp gate_call

	.section .bss.gate_ports, "aw", @nobits
	.balign 4
	.globl gate_ports
gate_ports:
	.fill GATE_PORTS * 4
