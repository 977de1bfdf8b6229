/* SPDX-License-Identifier: MIT */
#ifndef XEN_HYPERCALL_H
#define XEN_HYPERCALL_H

/*
 * Hypercalls, one typed inline for each that pith makes, over one entry: hypercall().
 *
 * On PV the entry is a `syscall`, else a gate call, which before the seal passes anything on and
 * after it only what flavour.h lists (xen/flavour.c chooses); test/fake/xenhost*.c plays Xen. Results are 0 or more, or
 * a negative Xen errno (its own numbers: see xen/errno.h): callers look at the sign, nobody hands
 * them on. Arguments live on the caller's stack: a debug Xen clobbers argument registers, never
 * memory.
 */

#include "xen/xen.h"

long hypercall(unsigned nr, unsigned long a1, unsigned long a2, unsigned long a3, unsigned long a4, unsigned long a5);

/* For flavour.c: xen/pv/start.S, xen/hvm/hypercall.c. */
long hypercall_syscall(unsigned nr, unsigned long a1, unsigned long a2, unsigned long a3, unsigned long a4, unsigned long a5);
long hypercall_gate(unsigned nr, unsigned long a1, unsigned long a2, unsigned long a3);

static inline long hypercall_event_channel(unsigned cmd, void *arg)
{
	return hypercall(__HYPERVISOR_event_channel_op, cmd, (unsigned long)arg, 0, 0, 0);
}

static inline long hypercall_event_send(unsigned port)
{
	struct evtchn_send send = { .port = port };

	return hypercall_event_channel(EVTCHNOP_send, &send);
}

static inline long hypercall_grant_table(unsigned cmd, void *arg, unsigned count)
{
	return hypercall(__HYPERVISOR_grant_table_op, cmd, (unsigned long)arg, count, 0, 0);
}

static inline long hypercall_memory(unsigned cmd, void *arg)
{
	return hypercall(__HYPERVISOR_memory_op, cmd, (unsigned long)arg, 0, 0, 0);
}

/*
 * Gives pages back to Xen, or asks for some: XENMEM_decrease_reservation, XENMEM_populate_physmap.
 * Returns how many of the first of them; the second overwrites v with machine frames, on PV.
 */
static inline long hypercall_reservation(unsigned cmd, xen_pfn_t *v, unsigned n)
{
	struct xen_memory_reservation r = { .nr_extents = n, .domid = DOMID_SELF };

	set_xen_guest_handle(r.extent_start, v);
	return hypercall_memory(cmd, &r);
}

/*
 * Sleeps until one of the ports is pending or until system time `until` (0: for ever). Needs no
 * interrupt flag.
 */
static inline long hypercall_poll(unsigned *ports, unsigned n, uint64_t until)
{
	struct sched_poll poll = { .nr_ports = n, .timeout = until };

	set_xen_guest_handle(poll.ports, ports);
	return hypercall(__HYPERVISOR_sched_op, SCHEDOP_poll, (unsigned long)&poll, 0, 0, 0);
}

static inline long hypercall_shutdown(unsigned reason)
{
	struct sched_shutdown shutdown = { .reason = reason };

	return hypercall(__HYPERVISOR_sched_op, SCHEDOP_shutdown, (unsigned long)&shutdown, 0, 0, 0);
}

static inline long hypercall_hvm(unsigned cmd, void *arg)
{
	return hypercall(__HYPERVISOR_hvm_op, cmd, (unsigned long)arg, 0, 0, 0);
}

static inline long hypercall_version(unsigned cmd, void *arg)
{
	return hypercall(__HYPERVISOR_xen_version, cmd, (unsigned long)arg, 0, 0, 0);
}

static inline long hypercall_vcpu(unsigned cmd, unsigned vcpu, void *arg)
{
	return hypercall(__HYPERVISOR_vcpu_op, cmd, vcpu, (unsigned long)arg, 0, 0);
}

/* ---- PV only ---- */

static inline long hypercall_mmu_update(struct mmu_update *v, unsigned n)
{
	return hypercall(__HYPERVISOR_mmu_update, (unsigned long)v, n, 0, DOMID_SELF, 0);
}

static inline long hypercall_mmuext(struct mmuext_op *v, unsigned n)
{
	return hypercall(__HYPERVISOR_mmuext_op, (unsigned long)v, n, 0, DOMID_SELF, 0);
}

static inline long hypercall_update_va(uintptr_t va, uint64_t pte, unsigned flags)
{
	return hypercall(__HYPERVISOR_update_va_mapping, va, pte, flags, 0, 0);
}

static inline long hypercall_trap_table(struct trap_info *v)
{
	return hypercall(__HYPERVISOR_set_trap_table, (unsigned long)v, 0, 0, 0, 0);
}

static inline long hypercall_callbacks(uintptr_t event, uintptr_t failsafe, uintptr_t syscall)
{
	return hypercall(__HYPERVISOR_set_callbacks, event, failsafe, syscall, 0, 0);
}

static inline long hypercall_segment_base(unsigned which, uintptr_t base)
{
	return hypercall(__HYPERVISOR_set_segment_base, which, base, 0, 0, 0);
}

static inline long hypercall_stack_switch(unsigned ss, uintptr_t sp)
{
	return hypercall(__HYPERVISOR_stack_switch, ss, sp, 0, 0, 0);
}

#endif
