/* SPDX-License-Identifier: MIT */
/*
 * Exceptions of a PV guest, brought into the shape in which core/x86/trap.c takes them from the gate.
 *
 * Xen pushes rcx, r11, the error code if there is one, and what the hardware would, onto the stack that was in use: a
 * stack that has run out into its guard page takes no frame, and Xen then crashes the domain and says so in
 * its log. The frame goes to the page where the gate would leave it (layout.h), and then on to trap_entry.
 *
 * The gate's own call, int3, comes here too: it has nothing to do on PV and returns 0. As in the gate, it says that all is
 * well: the third exception without one ends the domain, because a handler that itself faults would go round for ever.
 */
#include "core/x86/layout.h"

#define FRAME (GATE_FRAME_ALIAS + 2048)
#define NESTED (GATE_FRAME_ALIAS + 24) /* exceptions since the last call */
#define SCHED_OP 29 /* xen/xen.h, xen/sched.h */
#define SCHEDOP_SHUTDOWN 2
#define SHUTDOWN_CRASH 3
#define CR2 16 /* struct vcpu_info, arch.cr2, of the first vCPU: at the start of the shared info */

	.macro entry vector, error
	.balign 16
pv_trap_\vector:
	pop %rcx
	pop %r11
	.if \vector == 3
	cmpq $gate_call_site, (%rsp)
	je returned
	.endif
	movq $(GATE_TEXT + \vector * GATE_STUB), FRAME
	.if \error
	popq FRAME + 8
	popq FRAME + 16
	popq FRAME + 24
	popq FRAME + 32
	popq FRAME + 40
	popq FRAME + 48
	.else
	popq FRAME + 8
	popq FRAME + 16
	popq FRAME + 24
	popq FRAME + 32
	popq FRAME + 40
	.endif
	jmp arrived
	.endm

	.text
	.irp v, 0, 1, 2, 3, 4, 5, 6, 7, 9, 15, 16, 18, 19
	entry \v, 0
	.endr
	.irp v, 8, 10, 11, 12, 13, 14, 17
	entry \v, 1
	.endr

arrived:
	incl NESTED
	cmpl $3, NESTED
	ja fatal
	mov %rax, FRAME + 64
	mov pv_shared_info, %rax
	mov CR2(%rax), %rax
	mov %rax, GATE_FRAME_ALIAS + FRAME_CR2
	movq $FRAME, GATE_FRAME_ALIAS + FRAME_SP
	mov FRAME + 64, %rax
	mov $trap_stack_top, %esp
	jmp trap_entry

/* Not by iretq: Xen pushes its own idea of the code segment, ring 0's, which ring 3 cannot return to. */
returned:
	movl $0, NESTED
	xor %eax, %eax
	mov 24(%rsp), %rsp
	ret

fatal:
	mov $SCHED_OP, %eax
	mov $SCHEDOP_SHUTDOWN, %edi
	mov $crash, %esi
	syscall
	jmp fatal

	.section .rodata
	.balign 8
crash:
	.long SHUTDOWN_CRASH
	.balign 8
	.globl pv_traps
pv_traps: /* by vector */
	.irp v, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19
	.quad pv_trap_\v
	.endr

	.section .note.GNU-stack, "", @progbits
