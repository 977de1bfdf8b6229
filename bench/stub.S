/* SPDX-License-Identifier: MIT */
/*
 * The least that a machine can boot: a PVH note, one line on the first serial port, hlt.
 *
 * bench/run times it in the same rounds as hello.kvm: what it takes is QEMU's and the machine's own
 * time, so the difference is ours. Not part of any image.
 */
	.section .note.Xen, "a", @note
	.long	4, 4, 18	/* XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz	"Xen"
	.long	start

	.text
	.code32
	.globl	start
start:
	mov	$text, %esi
	mov	$0x3f8, %dx
1:	lodsb
	test	%al, %al
	jz	2f
	out	%al, %dx
	jmp	1b
2:	cli
	hlt
	jmp	2b
text:	.asciz	"stub: first line\n"
