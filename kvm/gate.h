/* SPDX-License-Identifier: MIT */
#ifndef KVM_GATE_H
#define KVM_GATE_H

/*
 * Numbers that KVM's part of the gate and its callers share; core/x86/layout.h has the rest. Plain
 * #defines, because gate.S reads them too.
 */

#include "core/x86/layout.h"

/* The gate's calls behind those that every platform has. */
#define GATE_CALL_WAIT (GATE_CALLS_ALL + 0)
#define GATE_CALL_TIMER (GATE_CALLS_ALL + 1)
#define GATE_CALL_MSR (GATE_CALLS_ALL + 2)
#define GATE_CALL_RESET (GATE_CALLS_ALL + 3)
#define GATE_CALLS_KVM (GATE_CALLS_ALL + 4)

#define GATE_TIMER_DEADLINE 0x40000 /* the LAPIC timer register's mode bit */
#define GATE_VECTOR_TIMER 0x40
#define GATE_VECTOR_DEVICE 0x41
#define GATE_VECTOR_SPURIOUS 0x4f
#define GATE_VECTORS 0x50

#endif
