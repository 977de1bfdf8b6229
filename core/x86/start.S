/* SPDX-License-Identifier: MIT */
/*
 * The first instructions in ring 3, the one place that calls the gate, and the way into the trap handler.
 *
 * The gate arrives at `start` with the boot information in rdi and the loader's eax in rsi, and at
 * trap_entry after an exception, with every general register as it was.
 */
#include "core/x86/layout.h"

	.section .text.start, "ax", @progbits
	.globl start, start_in
start:
	mov $x86_start, %ebx
start_in: /* the same for a platform whose first C is another function, in rbx */
	mov %rdi, %rdx
	mov $bss_start, %edi /* a loader may leave a segment without contents as it was before a reset (QEMU does) */
	mov $image_end, %ecx
	sub %edi, %ecx
	shr $3, %ecx
	xor %eax, %eax
	rep stosq
	mov %rdx, %rdi
	xor %ebp, %ebp
	call *%rbx
	ud2

/* long gate_call(unsigned number, a, b, c): the gate obeys only an int3 whose return address is gate_call_site. */
	.globl gate_call, gate_call_site
gate_call:
	mov %edi, %eax
	mov %rsi, %rdi
	mov %rdx, %rsi
	mov %rcx, %rdx
	int3
gate_call_site:
	ret

/* Builds a struct gate_frame on the trap stack: the general registers here, the rest in trap_enter(). */
	.globl trap_entry
trap_entry:
	sub $64, %rsp
	push %rax
	push %rbx
	push %rcx
	push %rdx
	push %rsi
	push %rdi
	push %rbp
	push %r8
	push %r9
	push %r10
	push %r11
	push %r12
	push %r13
	push %r14
	push %r15
	mov %rsp, %rdi
	xor %ebp, %ebp
	cld
	call trap_enter
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %r11
	pop %r10
	pop %r9
	pop %r8
	pop %rbp
	pop %rdi
	pop %rsi
	pop %rdx
	pop %rcx
	pop %rbx
	pop %rax
	add $16, %rsp /* vector, error */
	iretq         /* ring 3 to ring 3 */

	.section .bss.start, "aw", @nobits
	.balign 16
	.fill 8192
	.globl start_stack_top
start_stack_top:
	.fill 8192 + 8 /* so that trap_enter is called with the stack aligned: 64 + 15 * 8 bytes are pushed */
	.globl trap_stack_top
trap_stack_top:
	.fill 8

	.section .note.GNU-stack, "", @progbits
