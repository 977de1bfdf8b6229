/* SPDX-License-Identifier: MIT */
#include "core/core.h"

/*
 * flavour.h for PVH and HVM: what start_info or the boot loader said, pages by HVM parameters, shared
 * info where we want it. Grants and the seal are grant.c's, ring 0 is the gate's (gate.S).
 *
 * Xen puts its pages into the hole below 1 MiB. On PVH that was RAM, which it takes back, and which pith
 * uses nowhere; on HVM it was the display's and the BIOS', with which we are done.
 */

#include "core/x86/bootinfo.h"
#include "core/x86/gate.h"
#include "xen/flavour.h"
#include "xen/hvm/gate.h"
#include "xen/hypercall.h"

uintptr_t flavour_hvm_rings[2];

/*
 * The layout of the shared info is that of the mode in which the guest last said how it wants its
 * interrupts: on HVM that was 32-bit firmware. We want none, and say so in 64 bits: by a vector that no
 * channel raises, as all stay masked, because `xl shutdown` takes an HVM guest without one for deaf.
 */
static void use_64_bits(void)
{
	struct xen_hvm_param p = { .domid = DOMID_SELF, .index = HVM_PARAM_CALLBACK_IRQ, .value = GATE_CALLBACK };

	if (hypercall_hvm(HVMOP_set_param, &p) < 0)
		log_line(LOG_WARN, "xen: the layout of the shared info cannot be chosen");
}

bool flavour_hvm_place(unsigned space, unsigned index, uintptr_t addr)
{
	struct xen_add_to_physmap op = { .domid = DOMID_SELF, .space = space, .idx = index, .gpfn = addr / PAGE_SIZE };

	return hypercall_memory(XENMEM_add_to_physmap, &op) >= 0;
}

void flavour_hvm_start(void)
{
	if (!hypercall_possible())
		ports_wrong_machine();
	ports_unplug();
	use_64_bits();
	if (!flavour_hvm_place(XENMAPSPACE_shared_info, 0, GATE_SHARED_INFO) || gate_map(GATE_SHARED_INFO, PAGE_SIZE, GATE_READ | GATE_WRITE) < 0)
		log_panic("xen: no shared info");
}

struct shared_info *flavour_hvm_shared_info(void)
{
	return (struct shared_info *)GATE_SHARED_INFO;
}

const char *flavour_hvm_name(void)
{
	return bootinfo.boot && bootinfo.boot[0] == 'm' ? "hvm" : "pvh";
}

/* hvm/params.h; 0: there is none */
static uint64_t param(unsigned index)
{
	struct xen_hvm_param p = { .domid = DOMID_SELF, .index = index };

	return hypercall_hvm(HVMOP_get_param, &p) < 0 ? 0 : p.value;
}

/*
 * The page may lie in what the map calls RAM, and beside the local APIC: 4 KiB are mapped, and no more. After a restore it
 * is where it was, since what it is mapped at never changes; only its port is another.
 */
static void *ring(unsigned slot, unsigned frame, unsigned event, unsigned *port)
{
	uintptr_t addr = param(frame) * PAGE_SIZE;

	*port = (unsigned)param(event);
	if (!addr || !*port)
		return NULL;
	if (flavour_hvm_rings[slot])
		return addr == flavour_hvm_rings[slot] ? (void *)addr : NULL;
	bootinfo_reserve(addr, PAGE_SIZE);
	if (gate_map(addr, PAGE_SIZE, GATE_READ | GATE_WRITE) < 0)
		return NULL;
	flavour_hvm_rings[slot] = addr;
	return (void *)addr;
}

struct xencons_interface *flavour_hvm_console(unsigned *port)
{
	return ring(0, HVM_PARAM_CONSOLE_PFN, HVM_PARAM_CONSOLE_EVTCHN, port);
}

struct xenstore_domain_interface *flavour_hvm_xenstore(unsigned *port)
{
	return ring(1, HVM_PARAM_STORE_PFN, HVM_PARAM_STORE_EVTCHN, port);
}

/* A cancelled suspend has changed nothing. Else Xen's pages have to be put where they belong, in what is another domain. */
long flavour_hvm_suspend(void)
{
	long rc = hypercall_shutdown(SHUTDOWN_suspend);

	if (rc != 0)
		return rc;
	use_64_bits();
	if (!flavour_hvm_place(XENMAPSPACE_shared_info, 0, GATE_SHARED_INFO) || !grant_resume())
		hypercall_shutdown(SHUTDOWN_crash); /* nothing to say it with */
	return 0;
}
