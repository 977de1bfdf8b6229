/* SPDX-License-Identifier: MIT */
/*
 * Changing stacks. Read switch.h first.
 *
 * A switch is a function call, so only what the System V ABI has a callee keep is kept: rbx, rbp,
 * r12 to r15, the control bits of MXCSR and the x87 control word. Everything else of the FPU and of
 * the vector registers is dead at a call: nothing here depends on how wide they are.
 * Works in ring 3 of a guest and in a process of the host alike.
 *
 * A stack at rest, upwards from the saved rsp:
 *     mxcsr (4) x87cw (4) | r15 | r14 | r13 | r12 | rbx | rbp | return address
 */

	.text

	.globl switch_to
	.type switch_to, @function
switch_to:
	push %rbp
	push %rbx
	push %r12
	push %r13
	push %r14
	push %r15
	sub $8, %rsp
	stmxcsr (%rsp)
	fnstcw 4(%rsp)
	mov %rsp, (%rdi)
	mov %rsi, %rdi

	/* Falls through: what is left of a switch is the same as an end. */
	.globl switch_end
	.type switch_end, @function
switch_end:
	mov %rdi, %rsp
	ldmxcsr (%rsp)
	fldcw 4(%rsp)
	add $8, %rsp
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %rbx
	pop %rbp
	ret
	.size switch_end, . - switch_end
	.size switch_to, . - switch_to

	/*
	 * rdi stack, rsi length, rdx entry. The entry finds rsp as after a call (8 modulo 16) from
	 * address 0 with rbp 0, where a backtrace stops.
	 */
	.globl switch_prepare
	.type switch_prepare, @function
switch_prepare:
	lea (%rdi,%rsi), %rax
	and $-16, %rax
	sub $72, %rax
	movl $0x1f80, (%rax)		/* MXCSR at reset: every exception masked, round to nearest */
	movl $0x037f, 4(%rax)		/* x87: the same, 64-bit mantissa */
	xor %ecx, %ecx
	mov %rcx, 8(%rax)
	mov %rcx, 16(%rax)
	mov %rcx, 24(%rax)
	mov %rcx, 32(%rax)
	mov %rcx, 40(%rax)		/* rbx */
	mov %rcx, 48(%rax)		/* rbp */
	mov %rdx, 56(%rax)		/* what `ret` goes to */
	mov %rcx, 64(%rax)		/* where the entry would return to */
	ret
	.size switch_prepare, . - switch_prepare

	.section .note.GNU-stack, "", @progbits
