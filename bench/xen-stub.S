/* SPDX-License-Identifier: MIT */
/*
 * The least that Xen can start as PV and as PVH: one line on the console, then a power-off.
 *
 * bench/xenboot.py times it in the same rounds as hello.xen: what it takes is xl's, the builder's and the console daemon's own
 * time, so the difference is ours. Memory is one to one, as in pith. Not part of any image.
 */
#include "xen/note.h"

	.section .note.Xen, "a", @note
	note XEN_ELFNOTE_PHYS32_ENTRY, .long pvh
	note XEN_ELFNOTE_ENTRY, .quad pv
	note XEN_ELFNOTE_VIRT_BASE, .quad 0
	note XEN_ELFNOTE_XEN_VERSION, .asciz "xen-3.0"
	note XEN_ELFNOTE_LOADER, .asciz "generic"

/* struct xencons_interface: 1 KiB in, 2 KiB out, then in_cons, in_prod, out_cons, out_prod. Both entries leave the page in edi. */
#define OUT 1024
#define OUT_PROD 3084
	.macro put_line
	mov $text, %esi
	xor %ecx, %ecx
1:	mov (%esi,%ecx), %al
	mov %al, OUT(%edi,%ecx)
	inc %ecx
	cmp $(text_end - text), %ecx
	jne 1b
	mov %ecx, OUT_PROD(%edi)
	.endm

	.text
	.code64
	.globl pv
pv:	mov $stack_top, %esp
	mov 80(%rsi), %eax		/* start_info.console.domU.evtchn, .mfn */
	mov %eax, port
	mov 72(%rsi), %rax
	movabs $0xffff800000000000, %rcx	/* machine_to_phys */
	mov (%rcx,%rax,8), %rdi
	shl $12, %rdi
	put_line
	mov $32, %eax			/* event_channel_op: send */
	mov $4, %edi
	mov $port, %esi
	syscall
	mov $29, %eax			/* sched_op: shutdown, poweroff */
	mov $2, %edi
	mov $zero, %esi
	syscall
	ud2

	.code32
pvh:	mov $stack_top, %esp
	mov $0x40000000 - 0x100, %esi
1:	add $0x100, %esi		/* Xen's CPUID leaves */
	mov %esi, %eax
	cpuid
	cmp $0x566e6558, %ebx
	jne 1b
	lea 2(%esi), %eax
	cpuid
	mov %ebx, %ecx			/* the register that fills the hypercall page */
	mov $page, %eax
	xor %edx, %edx
	wrmsr
	mov $18, %eax			/* HVM_PARAM_CONSOLE_EVTCHN, _PFN */
	call param
	mov %eax, port
	mov $17, %eax
	call param
	shl $12, %eax
	mov %eax, %edi
	put_line
	mov $4, %ebx
	mov $port, %ecx
	call page + 32 * 32
	mov $2, %ebx
	mov $zero, %ecx
	call page + 29 * 32
	ud2
param:	mov %eax, asked + 4		/* hvm_op: get_param */
	mov $1, %ebx
	mov $asked, %ecx
	call page + 34 * 32
	mov asked + 8, %eax
	ret

	.data
text:	.ascii "stub: first line\r\n"
text_end:
	.balign 8
asked:	.short 0x7ff0, 0		/* DOMID_SELF */
	.long 0
	.quad 0
port:	.long 0
zero:	.long 0

	.bss
	.balign 4096
page:	.skip 4096
	.skip 4096
stack_top:
	.section .note.GNU-stack, "", @progbits
