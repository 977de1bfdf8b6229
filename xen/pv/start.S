/* SPDX-License-Identifier: MIT */
/*
 * Where Xen enters a PV guest, and what the image says of itself to the domain builder.
 *
 * VIRT_BASE 0 makes memory one to one: page frame N of the guest stands at address N * 4096, as everywhere in pith. Xen
 * enters in ring 3, 64 bits, paging on, rsi at start_info, the builder's stack page just below rsp.
 */
#include "xen/note.h"

	.section .notes, "a", @note
	note XEN_ELFNOTE_GUEST_OS, .asciz "pith"
	note XEN_ELFNOTE_XEN_VERSION, .asciz "xen-3.0"
	note XEN_ELFNOTE_LOADER, .asciz "generic"
	note XEN_ELFNOTE_VIRT_BASE, .quad 0
	note XEN_ELFNOTE_ENTRY, .quad pv_start
	note XEN_ELFNOTE_FEATURES, .asciz "!writable_page_tables|pae_pgdir_above_4gb"
	note XEN_ELFNOTE_PAE_MODE, .asciz "yes"

	.section .text.start, "ax", @progbits
	.globl pv_start
pv_start:
	cld
	mov %rsi, %rdi
	mov %rsp, %rsi
	mov $start_stack_top, %esp
	xor %ebp, %ebp
	call pv_boot
	ud2

/* long hypercall_syscall(unsigned nr, a1, a2, a3, a4, a5): Xen takes rax, rdi, rsi, rdx, r10, r8, and loses rcx and r11. */
	.text
	.globl hypercall_syscall
hypercall_syscall:
	mov %edi, %eax
	mov %rsi, %rdi
	mov %rdx, %rsi
	mov %rcx, %rdx
	mov %r8, %r10
	mov %r9, %r8
	syscall
	ret

	.section .note.GNU-stack, "", @progbits
