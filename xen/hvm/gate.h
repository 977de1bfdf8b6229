/* SPDX-License-Identifier: MIT */
#ifndef XEN_HVM_GATE_H
#define XEN_HVM_GATE_H

/*
 * Numbers and addresses that Xen's part of the gate and its callers share, plain #defines because
 * gate.S reads them too, and what the files of xen/hvm/ have in common. core/x86/layout.h has the rest.
 */

#include "core/x86/layout.h"

/* The gate's calls behind those that every platform has; the first three are one routine and a table. */
#define GATE_CALL_POLL (GATE_CALLS_ALL + 0)
#define GATE_CALL_SEND (GATE_CALLS_ALL + 1)
#define GATE_CALL_SHUTDOWN (GATE_CALLS_ALL + 2)
#define GATE_CALL_HYPERCALL (GATE_CALLS_ALL + 3)
#define GATE_CALL_GRANT (GATE_CALLS_ALL + 4)
#define GATE_CALLS_HVM (GATE_CALLS_ALL + 5)

/* hypercall's first argument: its number from bit 32 on, how to make it, and what is its own first argument. */
#define GATE_VMMCALL 0x10000
#define GATE_NUMBER_SHIFT 32

/* The most ports that one poll takes, as Xen has it. */
#define GATE_PORTS 128

/*
 * Where Xen puts its pages, in the hole below 1 MiB that pith uses as RAM nowhere: the shared info,
 * and the grant table behind it.
 */
#define GATE_SHARED_INFO 0xa2000
#define GATE_GRANTS 0xa3000
#define GATE_GRANT_FRAMES 64

#ifndef __ASSEMBLER__

#include <stdbool.h>
#include <stdint.h>

/* The gate's array of the ports that GATE_CALL_POLL looks at. */
extern uint32_t gate_ports[];

/* Console and xenstore, in pages that the toolstack made; 0: none. */
extern uintptr_t flavour_hvm_rings[2];

/* Has Xen put page `index` of a space (XENMAPSPACE_) at addr, and maps it. */
bool flavour_hvm_place(unsigned space, unsigned index, uintptr_t addr);

/* Is there a Xen below us? */
bool hypercall_possible(void);

/* There is none: says so where such a machine may be listening, and stops, as nothing here can end it. */
_Noreturn void ports_wrong_machine(void);

/*
 * Takes the emulated disks and network cards away, where there are some: the same disk must not be
 * there twice.
 */
void ports_unplug(void);

#endif

#endif
