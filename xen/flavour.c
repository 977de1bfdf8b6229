/* SPDX-License-Identifier: MIT */
#include "xen/flavour.h"

/*
 * Which of the two flavours of an image runs: PV, or PVH and HVM behind the gate.
 *
 * The domain builder enters a PV guest at xen/pv/start.S, which sets flavour_is_pv; all others are
 * entered by core/x86/gate.S. Everything that differs passes here and nowhere else: one branch, always
 * the same way, so it costs next to nothing.
 */

#include "core/core.h"
#include "core/x86/bootinfo.h"
#include "core/x86/gate.h"
#include "xen/hypercall.h"
#include "xen/pv/pv.h"

/* core/x86/gate.c's, under names that the link gives them: the plain ones are defined here. */
int x86_gate_map(uintptr_t addr, size_t len, unsigned perm);
void x86_gate_seal(void);
void x86_gate_set_tls(uintptr_t addr);

bool flavour_is_pv;

/* ---- core/x86/gate.h ---- */

int gate_map(uintptr_t addr, size_t len, unsigned perm)
{
	return flavour_is_pv ? mmu_map(addr, len, perm) : x86_gate_map(addr, len, perm);
}

void gate_seal(void)
{
	if (flavour_is_pv)
		mmu_seal();
	else
		x86_gate_seal();
}

void gate_set_tls(uintptr_t addr)
{
	if (flavour_is_pv)
		mmu_set_tls(addr);
	else
		x86_gate_set_tls(addr);
}

/* ---- xen/hypercall.h: what needs five arguments is PV's ---- */

long hypercall(unsigned nr, unsigned long a1, unsigned long a2, unsigned long a3, unsigned long a4, unsigned long a5)
{
	return flavour_is_pv ? hypercall_syscall(nr, a1, a2, a3, a4, a5) : hypercall_gate(nr, a1, a2, a3);
}

/* ---- xen/flavour.h ---- */

void flavour_start(void)
{
	if (flavour_is_pv)
		flavour_pv_start();
	else
		flavour_hvm_start();
}

const char *flavour_name(void)
{
	return flavour_is_pv ? "pv" : flavour_hvm_name();
}

struct shared_info *flavour_shared_info(void)
{
	return flavour_is_pv ? pv_shared_info : flavour_hvm_shared_info();
}

struct xencons_interface *flavour_console(unsigned *port)
{
	return flavour_is_pv ? flavour_pv_console(port) : flavour_hvm_console(port);
}

struct xenstore_domain_interface *flavour_xenstore(unsigned *port)
{
	return flavour_is_pv ? flavour_pv_xenstore(port) : flavour_hvm_xenstore(port);
}

uint64_t flavour_frame(const void *addr)
{
	return flavour_is_pv ? flavour_pv_frame(addr) : (uintptr_t)addr / PAGE_SIZE;
}

int flavour_grant_frame(unsigned index)
{
	return flavour_is_pv ? flavour_pv_grant_frame(index) : grant_frame(index);
}

void flavour_share(const void *base, size_t pages)
{
	if (!flavour_is_pv)
		grant_share(base, pages);
}

bool flavour_grant_set(unsigned ref, unsigned domid, uint32_t frame, unsigned flags)
{
	return flavour_is_pv ? flavour_pv_grant_set(ref, domid, frame, flags) : grant_set(ref, domid, frame, flags);
}

/* grant_table.h, "Invalidating an unused GTF_permit_access entry": only while nobody reads or writes. */
bool flavour_write_grant(struct grant_entry_v1 *entry, unsigned domid, uint32_t frame, unsigned flags)
{
	volatile struct grant_entry_v1 *e = entry;
	uint16_t was = e->flags;

	do {
		if (was & (GTF_reading | GTF_writing))
			return false;
	} while (!__atomic_compare_exchange_n(&e->flags, &was, (uint16_t)0, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
	if (!flags)
		return true;
	e->frame = frame;
	e->domid = (domid_t)domid;
	__atomic_thread_fence(__ATOMIC_RELEASE); /* all of it before the flags that make it valid */
	e->flags = (uint16_t)flags;
	return true;
}

size_t flavour_memory(struct plat_range *v, size_t max)
{
	return flavour_is_pv ? flavour_pv_memory(v, max) : bootinfo_memory(v, max);
}

uint64_t flavour_given(void)
{
	return flavour_is_pv ? flavour_pv_given() : 0;
}

int flavour_balloon(const uintptr_t *pages, unsigned n, bool give)
{
	return flavour_is_pv ? flavour_pv_balloon(pages, n, give) : balloon_hvm(pages, n, give);
}

const char *flavour_cmdline(void)
{
	return flavour_is_pv ? flavour_pv_cmdline() : bootinfo.cmdline;
}

int flavour_module(unsigned n, struct plat_range *module)
{
	return flavour_is_pv ? flavour_pv_module(n, module) : bootinfo_module(n, module);
}

static bool running;

void flavour_seal(void)
{
	running = true;
	if (flavour_is_pv)
		mmu_seal();
	else
		grant_seal();
}

bool flavour_running(void)
{
	return running;
}

bool flavour_seals(void)
{
	return !flavour_is_pv;
}

long flavour_suspend(void)
{
	return flavour_is_pv ? flavour_pv_suspend() : flavour_hvm_suspend();
}

bool flavour_sealed(void)
{
	return !flavour_is_pv && grant_sealed();
}

void flavour_say(const char *s, size_t len)
{
	if (!flavour_is_pv)
		ports_say(s, len);
}
