/* SPDX-License-Identifier: MIT */
#ifndef CORE_X86_LAYOUT_H
#define CORE_X86_LAYOUT_H

/*
 * Addresses and numbers that the gate, the linker script and the C side of core/x86 share.
 *
 * Plain #defines, because gate.S and link.lds read them too. The gate sits at fixed addresses so
 * that the descriptors of its static tables are constants of the assembler.
 */

#define GATE_TEXT 0x100000 /* one page: everything that runs in ring 0 */
#define GATE_DATA 0x101000 /* one page: IDT, GDT, TSS, port bitmaps */
#define GATE_FRAME 0x102000 /* one page: both ring-0 stacks, so the frames of exceptions */
#define GATE_TABLES 0x103000 /* three pages: the PML4, PDPT and PD that the boot runs on */
#define GATE_END 0x106000

/* Two aliases in the VGA hole, where never is RAM. */
#define GATE_LAPIC 0xa0000       /* the local APIC, supervisor */
#define GATE_FRAME_ALIAS 0xa1000 /* GATE_FRAME, read-only for ring 3 */

/* Inside GATE_FRAME. */
#define FRAME_CR2 0
#define FRAME_SP 8 /* where the stub's return address, the error code if any, and the hardware's frame begin */
#define FRAME_IST_TOP 2048
#define FRAME_RSP0_TOP 4096

/*
 * Exception stubs are this far apart, from GATE_TEXT on; a stub's return address tells its vector.
 */
#define GATE_STUB 8
#define GATE_STUBS 20

/* Selectors are Linux's: hosts that emulate ring 0 check them against the hardware's own. */
#define GATE_KCS 0x10
#define GATE_KDS 0x18
#define GATE_UDS 0x2b
#define GATE_UCS 0x33
#define GATE_TSS 0x40

/* Numbers of the calls that every platform's gate has; the platform's own come behind them. */
#define GATE_CALL_ACK 0
#define GATE_CALL_MAP 1
#define GATE_CALL_TABLE 2
#define GATE_CALL_SEAL 3
#define GATE_CALL_TLS 4
#define GATE_CALL_ADOPT 5
#define GATE_CALLS_ALL 6

/* The permissions of gate.h that are not to be had behind the seal. */
#define GATE_SEALED 0x3c

/* What a multiboot 1 loader leaves in eax. */
#define BOOT_MULTIBOOT 0x2badb002

#endif
