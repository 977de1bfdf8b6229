/* SPDX-License-Identifier: MIT */
#include "xen/hypercall.h"

/*
 * Hypercalls of a PVH or HVM guest, all through the gate.
 *
 * By `vmmcall` on AMD's CPUs and their descendants and by `vmcall` on all others: the wrong one is an
 * invalid opcode. Xen answers both where it is at home, so there is no hypercall page. What the
 * gate does behind the seal has calls of its own there, and is done by these from the beginning:
 * so what is needed after a restore has been used at every start.
 */

#include "core/err.h"
#include "core/x86/cpu.h"
#include "core/x86/gate.h"
#include "xen/flavour.h"
#include "xen/hvm/gate.h"

#define CPUID_XEN 0x40000000u
#define CPUID_STEP 0x100u
#define CPUID_END 0x40010000u
#define SIGNATURE_B 0x566e6558u /* "XenV" "MMXe" "nVMM" */
#define SIGNATURE_C 0x65584d4du
#define SIGNATURE_D 0x4d4d566eu
#define VENDOR_AMD 0x68747541u   /* "Auth"enticAMD */
#define VENDOR_HYGON 0x6f677948u /* "Hygo"nGenuine */
#define VMMCALL 0xd9u /* its third byte; vmcall's is 0xc1 */

_Static_assert(__HYPERVISOR_sched_op == 29 && SCHEDOP_shutdown == 2 && SCHEDOP_poll == 3 && SHUTDOWN_crash == 3, "gate.S");
_Static_assert(__HYPERVISOR_event_channel_op == 32 && EVTCHNOP_send == 4 && EVTCHNOP_close == 3 && EVTCHNOP_alloc_unbound == 6, "gate.S");
_Static_assert(__HYPERVISOR_hvm_op == 34 && HVMOP_set_param == 0 && HVMOP_get_param == 1 && HVM_PARAM_CALLBACK_IRQ == 0, "gate.S");
_Static_assert(__HYPERVISOR_memory_op == 12 && XENMEM_decrease_reservation == 1 && XENMEM_populate_physmap == 6, "gate.S");
_Static_assert(XENMEM_add_to_physmap == 7 && XENMAPSPACE_shared_info == 0 && XENMAPSPACE_grant_table == 1 && DOMID_SELF == 0x7ff0, "gate.S");
_Static_assert(sizeof(struct sched_poll) == 24 && offsetof(struct sched_poll, nr_ports) == 8, "gate.S");
_Static_assert(offsetof(struct evtchn_alloc_unbound, remote_dom) == 2 && offsetof(struct evtchn_alloc_unbound, port) == 4, "gate.S");
_Static_assert(offsetof(struct xen_hvm_param, index) == 4 && offsetof(struct xen_hvm_param, value) == 8, "gate.S");
_Static_assert(offsetof(struct xen_add_to_physmap, idx) == 8 && offsetof(struct xen_add_to_physmap, gpfn) == 16, "gate.S");
_Static_assert(offsetof(struct xen_memory_reservation, nr_extents) == 8 && offsetof(struct xen_memory_reservation, domid) == 24, "gate.S");
_Static_assert(GTF_permit_access == 1 && GTF_readonly == 4 && GTF_reading == 8 && GTF_writing == 16, "gate.S");

/* Hyper-V's leaves may stand before Xen's. */
bool hypercall_possible(void)
{
	for (uint32_t leaf = CPUID_XEN; leaf < CPUID_END; leaf += CPUID_STEP) {
		struct cpu_id r = cpu_id(leaf, 0);

		if (r.ebx == SIGNATURE_B && r.ecx == SIGNATURE_C && r.edx == SIGNATURE_D)
			return true;
	}
	return false;
}

void hypercall_choose(void)
{
	uint32_t vendor = cpu_id(0, 0).ebx;

	if (vendor == VENDOR_AMD || vendor == VENDOR_HYGON)
		gate_vmcall[2] = VMMCALL;
}

static long poll(const struct sched_poll *p)
{
	if (p->nr_ports > GATE_PORTS)
		return -ERR_INVAL;
	__builtin_memcpy(gate_ports, p->ports.p, p->nr_ports * sizeof(gate_ports[0]));
	return gate_call(GATE_CALL_POLL, p->nr_ports, p->timeout, 0);
}

/* Event channels: the gate takes one number, and the domain that makes a channel is ours whatever the caller says. */
static long event(unsigned cmd, void *arg)
{
	struct evtchn_alloc_unbound *alloc = arg;
	struct gate_answer made;

	if (cmd == EVTCHNOP_send)
		return gate_call(GATE_CALL_SEND, ((const struct evtchn_send *)arg)->port, 0, 0);
	if (cmd == EVTCHNOP_close)
		return gate_call(GATE_CALL_CLOSE, ((const struct evtchn_close *)arg)->port, 0, 0);
	if (cmd != EVTCHNOP_alloc_unbound)
		return -ERR_INVAL;
	made = gate_call_more(GATE_CALL_CHANNEL, (uint32_t)alloc->remote_dom << 16 | DOMID_SELF, 0, 0, 0);
	alloc->port = (uint32_t)made.value;
	return made.rc;
}

static long hvm(unsigned cmd, struct xen_hvm_param *p)
{
	struct gate_answer got;

	if (cmd == HVMOP_set_param && p->index == HVM_PARAM_CALLBACK_IRQ && p->value == GATE_CALLBACK)
		return gate_call(GATE_CALL_CALLBACK, 0, 0, 0);
	if (cmd != HVMOP_get_param)
		return -ERR_INVAL;
	got = gate_call_more(GATE_CALL_PARAM, p->index, 0, 0, 0);
	p->value = got.value;
	return got.rc;
}

/* Where a page of Xen's goes is the gate's to know; that the two agree is checked here. */
static long place(const struct xen_add_to_physmap *op)
{
	uint64_t addr = op->gpfn << 12;

	if (op->space == XENMAPSPACE_shared_info && addr == GATE_SHARED_INFO)
		return gate_call(GATE_CALL_INFO, 0, 0, 0);
	if (op->space == XENMAPSPACE_grant_table && addr == GATE_GRANTS + (op->idx << 12))
		return gate_call(GATE_CALL_FRAME, op->idx, 0, 0);
	return -ERR_INVAL;
}

long hypercall_gate(unsigned nr, unsigned long a1, unsigned long a2, unsigned long a3)
{
	void *arg = (void *)a2;

	if (nr == __HYPERVISOR_sched_op && a1 == SCHEDOP_poll)
		return poll(arg);
	if (nr == __HYPERVISOR_sched_op && a1 == SCHEDOP_shutdown)
		return gate_call(GATE_CALL_SHUTDOWN, ((const struct sched_shutdown *)arg)->reason, 0, 0);
	if (nr == __HYPERVISOR_event_channel_op)
		return event((unsigned)a1, arg);
	if (nr == __HYPERVISOR_hvm_op)
		return hvm((unsigned)a1, arg);
	if (nr == __HYPERVISOR_memory_op && a1 == XENMEM_add_to_physmap)
		return place(arg);
	return gate_call_more(GATE_CALL_HYPERCALL, a1, a2, a3, nr).rc;
}
