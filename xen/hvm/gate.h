/* SPDX-License-Identifier: MIT */
#ifndef XEN_HVM_GATE_H
#define XEN_HVM_GATE_H

/*
 * Numbers and addresses that Xen's part of the gate and its callers share, plain #defines because
 * gate.S reads them too, and what the files of xen/hvm/ have in common. core/x86/layout.h has the rest.
 */

#include "core/x86/layout.h"

/*
 * The gate's calls behind those that every platform has. Up to TAKE each is one hypercall of fixed shape with one argument: how
 * many ports and until when, port, reason, `domain << 16 | DOMID_SELF`, port, number, 0, 0, index; a page of ours. Beside its
 * result, CHANNEL answers with a port and PARAM with a value.
 */
#define GATE_CALL_POLL (GATE_CALLS_ALL + 0)
#define GATE_CALL_SEND (GATE_CALLS_ALL + 1)
#define GATE_CALL_SHUTDOWN (GATE_CALLS_ALL + 2)
#define GATE_CALL_CHANNEL (GATE_CALLS_ALL + 3)
#define GATE_CALL_CLOSE (GATE_CALLS_ALL + 4)
#define GATE_CALL_PARAM (GATE_CALLS_ALL + 5)
#define GATE_CALL_CALLBACK (GATE_CALLS_ALL + 6)
#define GATE_CALL_INFO (GATE_CALLS_ALL + 7)  /* puts the shared info where it belongs */
#define GATE_CALL_FRAME (GATE_CALLS_ALL + 8) /* a frame of the grant table */
#define GATE_CALL_GIVE (GATE_CALLS_ALL + 9)  /* a page's frame, to Xen; answers 1 */
#define GATE_CALL_TAKE (GATE_CALLS_ALL + 10) /* and back */
#define GATE_CALL_HYPERCALL (GATE_CALLS_ALL + 11) /* any, before the seal: its first three arguments; its number is the fourth */
#define GATE_CALL_GRANT (GATE_CALLS_ALL + 12)
#define GATE_CALLS_HVM (GATE_CALLS_ALL + 13)

/* The most ports that one poll takes, as Xen has it. */
#define GATE_PORTS 128

/*
 * Where Xen puts its pages, in the hole below 1 MiB that pith uses as RAM nowhere: the shared info,
 * and the grant table behind it. Not below GATE_VGA_END: while an HVM guest is migrated alive, the first
 * write to each page faults, and there Xen takes it for one to its VGA's memory, where it is lost.
 */
#define GATE_VGA_END 0xc0000
#define GATE_SHARED_INFO GATE_VGA_END
#define GATE_GRANTS 0xc1000
#define GATE_GRANT_FRAMES 63

/* The only value of HVM_PARAM_CALLBACK_IRQ behind the seal: by vector, and one that no channel raises. */
#define GATE_CALLBACK 0x02000000000000ff

#ifndef __ASSEMBLER__

#include <stdbool.h>
#include <stdint.h>

/* The gate's array of the ports that GATE_CALL_POLL looks at. */
extern uint32_t gate_ports[];

/* gate_call() with one argument more, and the second word of the answer. */
struct gate_answer {
	long rc;
	uint64_t value;
};
struct gate_answer gate_call_more(unsigned number, uint64_t a, uint64_t b, uint64_t c, uint64_t d);

/* The gate's one instruction that enters Xen: three bytes, `vmcall` as it comes. Writable until gate_adopt(). */
extern uint8_t gate_vmcall[];

/* Console and xenstore, in pages that the toolstack made; 0: none. */
extern uintptr_t flavour_hvm_rings[2];

/* Has Xen put page `index` of a space (XENMAPSPACE_) at addr. The gate knows one address for each. */
bool flavour_hvm_place(unsigned space, unsigned index, uintptr_t addr);

/* Is there a Xen below us? */
bool hypercall_possible(void);

/* First of all: makes the gate enter Xen by the instruction that this CPU has for it. */
void hypercall_choose(void);

/* Xen puts the grant table's frames where they were. False: the new host has fewer. */
bool grant_resume(void);

/* There is none: says so where such a machine may be listening, and stops, as nothing here can end it. */
_Noreturn void ports_wrong_machine(void);

/*
 * Takes the emulated disks and network cards away, where there are some: the same disk must not be
 * there twice.
 */
void ports_unplug(void);

#endif

#endif
