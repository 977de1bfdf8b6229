/* SPDX-License-Identifier: MIT */
/*
 * flavour.h for PV: start_info, shared info, exceptions, the grant table. Page tables are mmu.c's.
 *
 * Memory as the builder leaves it, and we take it over, from 0: [free] image, boot modules, frame list, start_info, xenstore and
 * console pages, page tables, stack [our page tables, free]. The two pages of the VGA hole that layout.h gives to the gate
 * are RAM here and kept for trap.S.
 */
#include "core/core.h"
#include "core/err.h"
#include "core/x86/cpu.h"
#include "core/x86/gate.h"
#include "core/x86/layout.h"
#include "xen/flavour.h"
#include "xen/hypercall.h"
#include "xen/pv/pv.h"

#define WINDOW_SHARED 0u /* the shared info */
#define WINDOW_GRANTS 1u /* and behind it the grant table */
#define GRANT_FRAMES 64u
#define GDT_ENTRIES 16u

_Noreturn void core_start(void);
_Noreturn void pv_boot(struct start_info *info, uintptr_t stack);

extern uintptr_t __stack_chk_guard;
extern const uintptr_t pv_traps[GATE_STUBS];

struct start_info *pv_info;
struct shared_info *pv_shared_info;

static uintptr_t builder_end; /* where what the builder put ends */
static uintptr_t memory_free; /* and where memory is free from */

/* Selectors 0x2b and 0x33, with which trap.c resumes. Xen takes a GDT only in pages that are not writable. */
static uint64_t gdt[PAGE_SIZE / 8] __attribute__((aligned(PAGE_SIZE))) = {
	[GATE_UDS / 8] = 0x00cff3000000ffffull,
	[GATE_UCS / 8] = 0x00affb000000ffffull,
};

__attribute__((no_stack_protector)) _Noreturn void pv_boot(struct start_info *info, uintptr_t stack)
{
	uint64_t random = 0;

	if (cpu_has_rdrand())
		(void)cpu_rdrand(&random);
	random ^= cpu_tsc() * 0x9e3779b97f4a7c15ull;
	__stack_chk_guard = (random ^ random >> 29) & ~0xfful; /* the lowest byte 0: no string passes it */
	pv_info = info;
	builder_end = stack;
	core_start();
}

static void set_traps(void)
{
	static struct trap_info v[GATE_STUBS + 1];

	for (unsigned i = 0; i < GATE_STUBS; i++)
		v[i] = (struct trap_info){ .vector = (uint8_t)i, .flags = 3, .cs = FLAT_KERNEL_CS, .address = pv_traps[i] };
	if (hypercall_trap_table(v) < 0)
		log_panic("xen: the trap table is refused");
}

static void set_gdt(void)
{
	unsigned long frame = mmu_frame((uintptr_t)gdt);

	if (gate_map((uintptr_t)gdt, PAGE_SIZE, GATE_READ) < 0 || hypercall(__HYPERVISOR_set_gdt, (unsigned long)&frame, GDT_ENTRIES, 0, 0, 0) < 0)
		log_panic("xen: the GDT is refused");
}

void flavour_start(void)
{
	uintptr_t tables_end = pv_info->pt_base + pv_info->nr_pt_frames * PAGE_SIZE;

	builder_end = (builder_end + PAGE_SIZE - 1) / PAGE_SIZE * PAGE_SIZE;
	if (builder_end < tables_end)
		builder_end = tables_end;
	memory_free = mmu_start(builder_end);
	if (mmu_show(WINDOW_SHARED, pv_info->shared_info / PAGE_SIZE) < 0)
		hypercall_shutdown(SHUTDOWN_crash); /* nothing to say it with */
	pv_shared_info = mmu_window(WINDOW_SHARED);
	set_traps();
	set_gdt();
}

const char *flavour_name(void)
{
	return "pv";
}

struct shared_info *flavour_shared_info(void)
{
	return pv_shared_info;
}

struct xencons_interface *flavour_console(unsigned *port)
{
	*port = pv_info->console.domU.evtchn;
	return mmu_address(pv_info->console.domU.mfn);
}

struct xenstore_domain_interface *flavour_xenstore(unsigned *port)
{
	*port = pv_info->store_evtchn;
	return pv_info->store_mfn ? mmu_address(pv_info->store_mfn) : NULL;
}

uint64_t flavour_frame(const void *addr)
{
	return mmu_frame((uintptr_t)addr);
}

/* Xen tells every frame at each call; the new one is the last. */
int flavour_grant_frame(unsigned index)
{
	static xen_pfn_t list[GRANT_FRAMES];
	struct gnttab_setup_table op = { .dom = DOMID_SELF, .nr_frames = index + 1 };

	if (index >= GRANT_FRAMES)
		return -ERR_NOMEM;
	set_xen_guest_handle(op.frame_list, list);
	if (hypercall_grant_table(GNTTABOP_setup_table, &op, 1) < 0 || op.status != GNTST_okay)
		return -ERR_NOMEM;
	return mmu_show(WINDOW_GRANTS + index, list[index]);
}

struct grant_entry_v1 *flavour_grant_table(void)
{
	return mmu_window(WINDOW_GRANTS);
}

bool flavour_grant_set(unsigned ref, unsigned domid, uint32_t frame, unsigned flags)
{
	volatile struct grant_entry_v1 *e = &flavour_grant_table()[ref];
	uint16_t was = e->flags;

	/* grant_table.h, "Invalidating an unused GTF_permit_access entry": only while nobody reads or writes. */
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
	uintptr_t end = pv_info->nr_pages * PAGE_SIZE;

	if (max < 3 || memory_free >= end)
		return 0;
	v[0] = (struct plat_range){ PAGE_SIZE, GATE_LAPIC - PAGE_SIZE };
	v[1] = (struct plat_range){ GATE_FRAME_ALIAS + PAGE_SIZE, GATE_TEXT - GATE_FRAME_ALIAS - PAGE_SIZE };
	v[2] = (struct plat_range){ memory_free, end - memory_free };
	return 3;
}

const char *flavour_cmdline(void)
{
	pv_info->cmd_line[MAX_GUEST_CMDLINE - 1] = 0;
	return (const char *)pv_info->cmd_line;
}

int flavour_module(unsigned n, struct plat_range *module)
{
	if (n > 0 || pv_info->mod_len == 0 || pv_info->flags & SIF_MOD_START_PFN)
		return -ERR_NOENT;
	*module = (struct plat_range){ pv_info->mod_start, pv_info->mod_len };
	return 0;
}

void flavour_seal(void)
{
	gate_seal();
}
