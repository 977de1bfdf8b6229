/* SPDX-License-Identifier: MIT */
#include "core/core.h"

/*
 * Page tables of a PV guest, and gate.h by hypercalls.
 *
 * Entries hold machine frames; page tables are mapped read-only, and only Xen writes them, after
 * checking. The builder mapped the image and some 512 KiB more, readable, writable and executable;
 * here the rest of memory is added and every page gets its rights: text executable and read-only,
 * nothing else executable, page 0 absent. A PTE that is not present is 0, never a frame without its
 * present bit: that would make Xen shadow or kill the guest (L1TF, pv-l1tf).
 *
 * This keeps a program from breaking W^X by accident and an attacker from doing it by a write; it
 * cannot keep one who runs code of his choice from asking Xen for another mapping: on PV there is
 * no ring below ours to refuse it.
 */

#include "core/err.h"
#include "core/x86/gate.h"
#include "xen/hypercall.h"
#include "xen/pv/pv.h"

#define PTE_P 1ull
#define PTE_RW 2ull
#define PTE_US 4ull
#define PTE_A 0x20ull
#define PTE_D 0x40ull
#define PTE_NX (1ull << 63)
#define PTE_FRAME 0x000ffffffffff000ull
#define PTE_TABLE (PTE_P | PTE_RW | PTE_US | PTE_A)
#define PTE_DATA (PTE_P | PTE_RW | PTE_US | PTE_A | PTE_D | PTE_NX)
#define LARGE (512ull * PAGE_SIZE)
#define BATCH 64u

extern char text_start[], text_end[], rodata_start[], rodata_end[];

static uintptr_t memory_end;  /* one past the last page of RAM */
static uintptr_t next_free;   /* pages taken for tables come from here on */
static uintptr_t window;
static bool sealed;

uint64_t mmu_frame(uintptr_t addr)
{
	return ((const uint64_t *)pv_info->mfn_list)[addr / PAGE_SIZE];
}

void *mmu_address(uint64_t frame)
{
	return (void *)(((const uint64_t *)MACH2PHYS_VIRT_START)[frame] * PAGE_SIZE);
}

/* ---- entries ---- */

/*
 * The entry for addr in a table of a level (4: the root), NULL where a table above it is missing.
 */
static uint64_t *entry(uintptr_t addr, unsigned level)
{
	uint64_t *table = (uint64_t *)pv_info->pt_base;

	for (unsigned l = 4;; l--) {
		uint64_t *e = &table[addr >> (3 + 9 * l) & 511];

		if (l == level)
			return e;
		if (!(*e & PTE_P))
			return NULL;
		table = mmu_address((*e & PTE_FRAME) / PAGE_SIZE);
	}
}

static uint64_t machine(const void *p)
{
	return mmu_frame((uintptr_t)p) * PAGE_SIZE | ((uintptr_t)p & (PAGE_SIZE - 1));
}

static void must(long rc, const char *what, uintptr_t addr)
{
	if (rc < 0)
		log_panic("xen: %s for %#lx is refused, error %ld", what, addr, -rc);
}

static uint64_t pte(uintptr_t addr, unsigned perm)
{
	if (perm == 0)
		return 0;
	return mmu_frame(addr) * PAGE_SIZE | PTE_P | PTE_US | PTE_A | PTE_D | (perm & GATE_WRITE ? PTE_RW : 0) |
	       (perm & GATE_EXEC ? 0 : PTE_NX);
}

/*
 * Hangs a page of entries into the tables, with those above it. Xen takes it only when nobody can
 * write it.
 */
static void hang(uintptr_t addr, unsigned level, uintptr_t page)
{
	struct mmu_update u = { .val = mmu_frame(page) * PAGE_SIZE | PTE_TABLE };

	if (!entry(addr, level)) {
		uintptr_t table = next_free;

		next_free += PAGE_SIZE;
		__builtin_memset((void *)table, 0, PAGE_SIZE);
		hang(addr, level + 1, table);
	}
	must(hypercall_update_va(page, pte(page, GATE_READ), UVMF_INVLPG), "a read-only page table", page);
	u.ptr = machine(entry(addr, level)) | MMU_NORMAL_PT_UPDATE;
	must(hypercall_mmu_update(&u, 1), "a page table", addr);
}

/* A new table of the lowest level for the 2 MiB at addr: RAM as far as there is some. */
static void add(uintptr_t addr)
{
	uint64_t *table = (uint64_t *)next_free;

	next_free += PAGE_SIZE;
	for (unsigned i = 0; i < 512; i++) {
		uintptr_t page = addr + i * PAGE_SIZE;

		table[i] = page < memory_end ? pte(page, GATE_READ | GATE_WRITE) : 0;
	}
	hang(addr, 2, (uintptr_t)table);
}

/* ---- at start ---- */

/* What a page of the builder's mapping is for. */
static unsigned rights(uintptr_t addr)
{
	uintptr_t tables = pv_info->pt_base;

	if (addr == 0)
		return 0;
	if (addr >= (uintptr_t)text_start && addr < (uintptr_t)text_end)
		return GATE_READ | GATE_EXEC;
	if (addr >= (uintptr_t)rodata_start && addr < (uintptr_t)rodata_end)
		return GATE_READ;
	if (addr >= tables && addr < tables + pv_info->nr_pt_frames * PAGE_SIZE)
		return GATE_READ;
	return GATE_READ | GATE_WRITE;
}

static void protect(uintptr_t end)
{
	struct mmu_update v[BATCH];
	unsigned n = 0;

	for (uintptr_t addr = 0; addr < end; addr += PAGE_SIZE) {
		v[n].ptr = machine(entry(addr, 1)) | MMU_NORMAL_PT_UPDATE;
		v[n++].val = pte(addr, rights(addr));
		if (n < BATCH && addr + PAGE_SIZE < end)
			continue;
		must(hypercall_mmu_update(v, n), "protection", addr);
		n = 0;
	}
}

static void flush(void)
{
	struct mmuext_op op = { .cmd = MMUEXT_TLB_FLUSH_LOCAL };

	must(hypercall_mmuext(&op, 1), "a flush", 0);
}

static bool mapped(uintptr_t addr)
{
	uint64_t *e = entry(addr, 1);

	return e && *e & PTE_P;
}

uintptr_t mmu_start(uintptr_t free)
{
	uintptr_t end = free;

	memory_end = pv_info->nr_pages * PAGE_SIZE;
	next_free = free;
	while (end < memory_end && mapped(end))
		end += PAGE_SIZE;
	protect(end);
	/*
	 * The builder maps whole tables, or what is left of one is filled here; then one table after
	 * the other.
	 */
	for (; end < memory_end && end % LARGE; end += PAGE_SIZE) {
		struct mmu_update u = { .ptr = machine(entry(end, 1)), .val = pte(end, GATE_READ | GATE_WRITE) };

		must(hypercall_mmu_update(&u, 1), "memory", end);
	}
	for (; end < memory_end; end += LARGE)
		add(end);
	window = (memory_end + LARGE - 1) / LARGE * LARGE;
	add(window);
	flush();
	return next_free;
}

int mmu_show(unsigned n, uint64_t frame)
{
	return hypercall_update_va(window + n * PAGE_SIZE, frame * PAGE_SIZE | PTE_DATA, UVMF_INVLPG) < 0 ? -ERR_NOMEM : 0;
}

void mmu_hide(unsigned n)
{
	must(hypercall_update_va(window + n * PAGE_SIZE, 0, UVMF_INVLPG), "an empty window", window);
}

void *mmu_window(unsigned n)
{
	return (void *)(window + n * PAGE_SIZE);
}

/* ---- pages that Xen has back ---- */

#define NO_FRAME UINT64_MAX /* what the toolstack takes for a page that is not there, when it saves the guest */

void mmu_forget(uintptr_t addr)
{
	must(hypercall_update_va(addr, 0, UVMF_INVLPG), "no page", addr);
	((uint64_t *)pv_info->mfn_list)[addr / PAGE_SIZE] = NO_FRAME;
}

void mmu_learn(uintptr_t addr, uint64_t frame)
{
	((uint64_t *)pv_info->mfn_list)[addr / PAGE_SIZE] = frame;
	must(hypercall_update_va(addr, pte(addr, GATE_READ | GATE_WRITE), UVMF_INVLPG), "a page", addr);
}

/* ---- gate.h ---- */

/* RAM but page 0, and no page table: Xen itself refuses to make one writable. */
int mmu_map(uintptr_t addr, size_t len, unsigned perm)
{
	if ((addr | len) % PAGE_SIZE || addr + len < addr || (perm & GATE_WRITE && perm & GATE_EXEC))
		return -ERR_INVAL;
	if (addr == 0 || addr >= memory_end || len > memory_end - addr || (sealed && perm & (GATE_EXEC | GATE_UNCACHED)))
		return -ERR_PERM;
	for (; len > 0; addr += PAGE_SIZE, len -= PAGE_SIZE)
		if (hypercall_update_va(addr, pte(addr, perm), UVMF_INVLPG) < 0)
			return -ERR_PERM;
	return 0;
}

void mmu_seal(void)
{
	sealed = true;
}

void mmu_set_tls(uintptr_t addr)
{
	static uintptr_t current;

	if (addr == current)
		return;
	current = addr;
	hypercall_segment_base(SEGBASE_FS, addr);
}
