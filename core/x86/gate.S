/* SPDX-License-Identifier: MIT */
/*
 * The gate: what of ring 0 every platform has. A platform's own gate.S defines what is its own (how
 * to sleep, how to end) and includes this file, so that an image's ring 0 is one object.
 *
 * It boots (PVH or multiboot 1, 32-bit, paging off), drops to ring 3 at `start`, and from then on
 * runs only when ring 3 asks by `int3`, and when an exception is bounced back to ring 3.
 * Tables are static; nothing is computed that ring 3 could have computed.
 * Every argument is checked here, because whoever calls may be an attacker.
 *
 * Instructions are plain integer ones without rep, and all memory is reached by absolute address:
 * some hosts emulate ring 0 and know no others. Interrupts are masked in ring 3 for ever, so no
 * call is interrupted.
 *
 * A page-table leaf with bit 9 set is ring 3's: present or not, it may be changed by ring 3. Leaves
 * without it (the gate, page tables, the LAPIC) and entries that point to tables never change. Bit 10 marks
 * pages that another machine may write to: they never become page tables.
 *
 * The platform defines before it includes this: GATE_CALLS, how many calls there are in all; GATE_RING3, where ring 3
 * begins; the macros platform_calls (their addresses), platform_vectors (descriptors from vector 32 on) and
 * platform_ports (what is left open behind the seal, one bit a port); and somewhere the label gate_fatal, which prints
 * fatal_text and ends the machine.
 *
 * Read first: layout.h (addresses), gate.h (what ring 3 sees), mmu.c (who builds the tables).
 */
#include "core/x86/layout.h"

#define MSR_EFER 0xc0000080
#define MSR_FS_BASE 0xc0000100

#define OURS 0x200 /* the leaf is ring 3's */
#define POOL 0x400 /* others may reach the page too */

#define E_PERM -1
#define E_NOENT -2
#define E_INVAL -22

	.section .gate.text, "ax", @progbits

/* ---- exceptions: one call each, 8 bytes apart, so that the return address names the vector ---- */

/* Vectors that no 64-bit CPU raises, and the call's own, have none. */
gate_start:
	.irp vector, 0, 1, 2, 6, 7, 8, 10, 11, 12, 13, 14, 16, 17, 18, 19
	.org gate_start + GATE_STUB * \vector, 0xcc
	call bounce
	.endr
	.balign GATE_STUB, 0xcc

/*
 * Hands an exception to ring 3: the hardware's frame stays on the frame page, which ring 3 can read,
 * and ring 3 goes on at trap_entry with every general register as it was. The frame that leads there is a constant, so
 * nothing that ring 3 holds can influence where we go.
 */
bounce:
	testb $3, GATE_FRAME + FRAME_IST_TOP - 32 /* CS: ring 0 itself must not fault */
	jz gate_fatal
bounce_user:
	incl nested
	cmpl $3, nested /* ring 3's handler faults again and again, without one gate call between */
	ja gate_fatal
	mov %rsp, GATE_FRAME + FRAME_SP
	push %rax
	mov %cr2, %rax
	mov %rax, GATE_FRAME + FRAME_CR2
	pop %rax
	mov $bounce_frame, %esp
	iretq

/* An int3 that is not the gate's call: a breakpoint. Its frame lies on the other ring-0 stack, on the same page. */
breakpoint:
	call bounce_user

/* ---- calls: number in eax, arguments in rdi, rsi, rdx, result in rax ---- */

call_entry:
	cmpq $gate_call_site, (%rsp)
	jne breakpoint
	movl $0, nested
	cmp $GATE_CALLS, %rax
	jae invalid
	jmp *calls(, %rax, 8)

/* Writes rdi to MSR ecx. */
write_msr:
	mov %edi, %eax
	mov %rdi, %rdx
	shr $32, %rdx
	wrmsr
	ret

/*
 * Finds the entry of address rdi in the level whose entries span 1 << esi bytes (12, 21, 30).
 * Returns its address in r8 and ZF set, or ZF clear when there is no table of that level. Leaves rcx = rsi; uses rax.
 */
walk:
	mov %rdi, %rax
	shr $39, %rax
	jnz 9f
	mov $30, %ecx
	mov root, %r8
	mov (%r8), %r8 /* PML4 entry 0, the only one */
1:	and $-4096, %r8
	mov %rdi, %rax
	shr %cl, %rax
	and $511, %eax
	lea (%r8, %rax, 8), %r8
	cmp %rsi, %rcx
	je 8f
	mov (%r8), %r8
	mov %r8d, %eax
	and $0x81, %eax
	cmp $1, %eax /* present, and a table */
	jne 9f
	sub $9, %ecx
	cmp $12, %ecx
	jae 1b
9:	or $-1, %eax /* clears ZF */
8:	ret

/*
 * Is rdi in a present, writable 4 KiB page of ring 3 that nobody else reaches? ZF set: yes, and r8 is its entry.
 * If others reach it, eax is POOL + OURS + 7, and nothing like it for any other refusal.
 */
own:
	mov $12, %esi
	call walk
	jne 1f
	mov (%r8), %rax
	and $POOL + OURS + 7, %eax
	cmp $OURS + 7, %eax
1:	ret

/* map(address, shift, permissions): sets one leaf. */
call_map:
	cmp $GATE_PERMS, %rdx
	jae invalid
	test %edx, sealed /* after the seal: not executable, not uncached, none of the two marks */
	jnz denied
	call walk
	jne missing
	shr %cl, %rdi
	shl %cl, %rdi
	mov (%r8), %r9
	test $OURS, %r9d
	jnz 1f
	mov sealed, %eax
	or %r9, %rax
	jnz denied /* what was never mapped may be mapped before the seal only */
1:	mov leaf_bits(, %rdx, 8), %rax
	test %rax, %rax
	jz invalid
	mov %r9d, %r10d
	and $POOL, %r10d /* for ever */
	or %r10, %rax
	or %rdi, %rax
	cmp $12, %ecx
	je 2f
	or $0x80, %eax
2:	test %edx, %edx
	jnz 3f
	test $0x10, %r9b /* device registers, once unmapped, never come back */
	jz 3f
	xor %eax, %eax
3:
set_entry:
	mov %rax, (%r8)
	invlpg (%rdi)
	jmp done

/* table(address, shift, page): page becomes the table below that entry, which keeps mapping what it mapped, in smaller pieces. */
call_table:
	cmp $12, %rsi
	je invalid
	test $0xfff, %edx
	jnz invalid
	mov %rdi, %r10
	mov %rsi, %r11
	mov %rdx, %rdi
	call own
	jne denied
	mov %r8, %r9
	mov %r10, %rdi
	mov %r11, %rsi
	call walk
	jne missing
	mov (%r8), %r10
	mov %r10d, %eax
	and $0x81, %eax
	cmp $1, %eax
	je invalid /* is there already */
	andl $~(OURS + 4), (%r9) /* from here on the page is supervisor's */
	invlpg (%rdx)
	lea 7(%rdx), %rax
	sub $9, %ecx
	xor %r11d, %r11d /* step: 0 where nothing was mapped */
	test %r10, %r10
	jz 2f
	bts %rcx, %r11
	cmp $12, %ecx
	jne 2f
	and $0x7f, %r10b /* bit 7 of the lowest level means something else */
2:	mov $512, %ecx
3:	mov %r10, (%rdx)
	add %r11, %r10
	add $8, %rdx
	dec %ecx
	jnz 3b
	jmp set_entry

/* seal(): one way. */
call_seal:
	movl $GATE_SEALED, sealed
	movw $ports_sealed - tss, tss + 102
	jmp done

/* tls(address) */
call_tls:
	mov %rdi, %rax
	shr $47, %rax
	jnz invalid
	mov $MSR_FS_BASE, %ecx
	call write_msr
	jmp done

/* adopt(root, cr4, xcr0): once, with the tables that mmu.c built, what CPUID offers for CR4, and 0 where there is no XSAVE. */
call_adopt:
	cmpq $0, root
	jne denied
	mov %rdi, root
	mov %rdi, %cr3
	mov %rsi, %cr4
	mov %edx, %eax
	xor %ecx, %ecx
	xor %edx, %edx
	test %eax, %eax
	jz done
	xsetbv
done:	xor %eax, %eax
	iretq

invalid:
	mov $E_INVAL, %rax
	iretq
denied:
	mov $E_PERM, %rax
	iretq
missing:
	mov $E_NOENT, %rax
	iretq

/* ---- boot ---- */

	.code32
	.globl boot
boot:
	mov %eax, %esi /* multiboot's magic, or nothing */
	mov %ebx, %edi /* the boot information */
	movl $GATE_TABLES + 0x1007, GATE_TABLES
	movl $GATE_TABLES + 0x2007, GATE_TABLES + 0x1000
	mov $0x87, %eax /* the image, in 2 MiB pages, until mmu.c has built the real tables */
	mov $GATE_TABLES + 0x2000, %edx
2:	mov %eax, (%edx)
	add $8, %edx
	add $0x200000, %eax
	cmp $image_end + 0x200000, %eax
	jb 2b
	mov $GATE_TABLES, %eax
	mov %eax, %cr3
	mov $0x620, %eax /* PAE, OSFXSR, OSXMMEXCPT; ring 3 finds out what else there is, see adopt */
	mov %eax, %cr4
	mov $0x900, %eax /* LME, NXE */
	xor %edx, %edx
	mov $MSR_EFER, %ecx
	wrmsr
	mov $0x80010033, %eax /* PG, WP, NE, ET, MP, PE */
	mov %eax, %cr0
	lgdt gdt_pointer
	ljmp $GATE_KCS, $4f
	.code64
4:	lidt idt_pointer
	mov $GATE_TSS, %eax
	ltr %ax
	mov $boot_frame, %esp
	iretq

/* Multiboot 1, at file offset 8160: within what a boot loader searches, beyond what QEMU's -kernel does, which must see the PVH note instead. */
	.section .gate.multiboot, "a", @progbits /* link.lds puts it there */
	.long 0x1badb002, 0x3, -(0x1badb002 + 0x3), 0, 0, 0, 0, boot

/* ---- static tables ---- */

	.section .gate.data, "aw", @progbits

	.macro gate_entry address, type, ist
	.word (\address) & 0xffff, GATE_KCS
	.byte \ist, \type
	.word (\address) >> 16 & 0xffff
	.quad 0
	.endm

	.set at_call, GATE_TEXT + (call_entry - gate_start)

	.balign 16
idt:
	.irp vector, 0, 1, 2, 6, 7, 8, 10, 11, 12, 13, 14, 16, 17, 18, 19
	.org idt + 16 * \vector
	gate_entry (GATE_TEXT + GATE_STUB * \vector), 0x8e, 1
	.if \vector == 2
	gate_entry at_call, 0xee, 0
	.endif
	.endr
	.org idt + 16 * 32
	platform_vectors
idt_end:

gdt:
	.quad 0, 0
	.quad 0x00af9b000000ffff /* 0x10 ring 0 code, 64 bit */
	.quad 0x00cf93000000ffff /* 0x18 ring 0 data */
	.quad 0
	.quad 0x00cff3000000ffff /* 0x28 ring 3 data */
	.quad 0x00affb000000ffff /* 0x30 ring 3 code, 64 bit */
	.quad 0
	.word tss_end - tss - 1, (GATE_DATA + tss_offset) & 0xffff /* 0x40 TSS */
	.byte (GATE_DATA + tss_offset) >> 16 & 0xff, 0x89, 0, 0
	.quad 0
gdt_end:

tss:
	.long 0
	.quad GATE_FRAME + FRAME_RSP0_TOP, 0, 0
	.quad 0
	.quad GATE_FRAME + FRAME_IST_TOP, 0, 0, 0, 0, 0, 0
	.quad 0
	.word 0
	.word ports_open - tss
/* One bit a port, 0 allows. Before the seal all of the first 4096, for PCI and firmware configuration. */
ports_open:
	.fill 512
	.byte 0xff
/* After it what the platform needs. */
ports_sealed:
	platform_ports
	.byte 0xff
tss_end:
	.set tss_offset, tss - idt

	.balign 8
gdt_pointer:
	.word gdt_end - gdt - 1
	.long gdt
idt_pointer:
	.word idt_end - idt - 1
	.quad idt

	.balign 8
boot_frame:
	.quad GATE_RING3, GATE_UCS, 2, start_stack_top, GATE_UDS
bounce_frame:
	.quad trap_entry, GATE_UCS, 2, trap_stack_top, GATE_UDS
calls:
	.quad done /* ack: the entry has cleared `nested` */, call_map, call_table, call_seal, call_tls, call_adopt
	platform_calls
	.if . - calls - 8 * GATE_CALLS
	.error "the gate has another number of calls than it says"
	.endif

/*
 * Leaf bits by GATE_READ 1, GATE_WRITE 2, GATE_EXEC 4, GATE_UNCACHED 8, GATE_SHARED 16, GATE_FIXED 32; 0 refuses: W with X, and
 * anything without R but "nothing" and what is fixed to be ring 0's alone.
 */
	.set NX, 1 << 63
	.set U, OURS + 5
leaf_bits:
	.quad OURS, NX + U, 0, NX + U + 2, 0, U, 0, 0
	.quad 0, NX + U + 0x10, 0, NX + U + 0x12, 0, 0, 0, 0
	.quad 0, 0, 0, NX + U + 2 + POOL, 0, 0, 0, 0
	.quad 0, 0, 0, 0, 0, 0, 0, 0
	.quad 0, NX + 5, NX + 3, NX + 7
	.set GATE_PERMS, (. - leaf_bits) / 8

root:
	.quad 0 /* the PML4, 0 before adopt */
sealed:
	.long 0 /* the permissions that are no longer to be had */
nested:
	.long 0
fatal_text:
	.asciz "pith: gate: fault upon fault, giving up; too little memory for the image?\n"

	.section .gate.bss, "aw", @nobits
	.balign 4096
	.fill 4096 * 4 /* GATE_FRAME, GATE_TABLES */
