/* SPDX-License-Identifier: MIT */
#include "xen/hypercall.h"

/*
 * Hypercalls of a PVH or HVM guest, all through the gate.
 *
 * By `vmmcall` on AMD's CPUs and their descendants and by `vmcall` on all others: the wrong one is an
 * invalid opcode. Xen answers both where it is at home, so there is no hypercall page. What the
 * gate does behind the seal has calls of its own there, and is done by these from the beginning.
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

_Static_assert(__HYPERVISOR_sched_op == 29 && SCHEDOP_shutdown == 2 && SCHEDOP_poll == 3 && SHUTDOWN_crash == 3, "gate.S");
_Static_assert(__HYPERVISOR_event_channel_op == 32 && EVTCHNOP_send == 4, "gate.S");
_Static_assert(sizeof(struct sched_poll) == 24 && offsetof(struct sched_poll, nr_ports) == 8, "gate.S");
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

static uint64_t way(void)
{
	static bool asked, amd;

	if (!asked) {
		uint32_t vendor = cpu_id(0, 0).ebx;

		amd = vendor == VENDOR_AMD || vendor == VENDOR_HYGON;
		asked = true;
	}
	return amd ? GATE_VMMCALL : 0;
}

static long poll(const struct sched_poll *p)
{
	if (p->nr_ports > GATE_PORTS)
		return -ERR_INVAL;
	__builtin_memcpy(gate_ports, p->ports.p, p->nr_ports * sizeof(gate_ports[0]));
	return gate_call(GATE_CALL_POLL, p->nr_ports, p->timeout, 0);
}

long hypercall_gate(unsigned nr, unsigned long a1, unsigned long a2, unsigned long a3)
{
	const void *arg = (const void *)a2;

	if (nr == __HYPERVISOR_sched_op && a1 == SCHEDOP_poll)
		return poll(arg);
	if (nr == __HYPERVISOR_sched_op && a1 == SCHEDOP_shutdown)
		return gate_call(GATE_CALL_SHUTDOWN, ((const struct sched_shutdown *)arg)->reason, 0, 0);
	if (nr == __HYPERVISOR_event_channel_op && a1 == EVTCHNOP_send)
		return gate_call(GATE_CALL_SEND, ((const struct evtchn_send *)arg)->port, 0, 0);
	return gate_call(GATE_CALL_HYPERCALL, (uint64_t)nr << GATE_NUMBER_SHIFT | way() | a1, a2, a3);
}
