/* SPDX-License-Identifier: MIT */
#include "core/core.h"

/*
 * Maps what lies outside of RAM: firmware's tables and device registers.
 *
 * Where they lie is told by tables and devices, which is input: an address in our own memory
 * would have us make our data read-only or take it for registers, so it is refused. Registers
 * that only set-up needs (IOAPIC, MSI-X tables, PCI configuration) could be used to interrupt or
 * to re-aim DMA at will; they are taken away again before the seal, for good.
 */

#include "core/err.h"
#include "core/x86/bootinfo.h"
#include "core/x86/gate.h"
#include "kvm/kvm.h"

#define REGISTERS (GATE_READ | GATE_WRITE | GATE_UNCACHED)
#define SETUP_MAX 40u /* one for each virtio device, and the IOAPICs, and PCI configuration */

extern char image_end[];

/* What map_seal() will take away; a length of 0 is an entry that map_device() has claimed. */
static struct plat_range setup[SETUP_MAX];
static unsigned nsetup;

/* Rounded outwards. A range that wraps comes out shorter than it was, which map() sees. */
static struct plat_range whole_pages(uint64_t addr, uint64_t len)
{
	uintptr_t base = addr & -(uintptr_t)PAGE_SIZE;

	return (struct plat_range){ base, ((addr + len + PAGE_SIZE - 1) & -(uintptr_t)PAGE_SIZE) - base };
}

static bool overlaps(const struct plat_range *a, const struct plat_range *b)
{
	return a->base < b->base + b->len && b->base < a->base + a->len;
}

/*
 * Image, RAM or module? Page tables and the gate are none of these, but the gate itself refuses
 * them. Below 1 MiB is firmware's.
 */
static bool is_ours(const struct plat_range *r)
{
	size_t i;

	if (r->base < (uintptr_t)image_end && r->base + r->len > 1u << 20)
		return true;
	for (i = 0; i < bootinfo.nram; i++)
		if (overlaps(r, &bootinfo.ram[i]))
			return true;
	for (i = 0; i < bootinfo.nmodule; i++)
		if (overlaps(r, &bootinfo.module[i]))
			return true;
	return false;
}

/* The gate refuses what is beyond the reach of the page tables. */
static int map(uint64_t addr, uint64_t len, unsigned perm)
{
	struct plat_range r = whole_pages(addr, len);

	if (!r.base || !len || addr + len < addr || r.base + r.len < r.base || is_ours(&r))
		return -ERR_INVAL;
	return gate_map(r.base, r.len, perm);
}

/* Read-only and cached: tables lie in memory, only not in ours. */
int map_table(uint64_t addr, uint64_t len)
{
	return map(addr, len, GATE_READ);
}

/*
 * What a device needs for ever stays, even where a setup register shares its page. Neighbours
 * share one too: it is mapped once.
 */
int map_device(uint64_t addr, uint64_t len)
{
	static struct plat_range last;
	struct plat_range r = whole_pages(addr, len);
	unsigned i;
	int rc;

	if (r.len && r.len <= last.len && r.base >= last.base && r.base - last.base <= last.len - r.len)
		return 0;
	for (i = 0; i < nsetup; i++)
		if (overlaps(&r, &setup[i]))
			setup[i].len = 0;
	rc = map(addr, len, REGISTERS);
	if (!rc)
		last = r;
	return rc;
}

/* A full table is no reason to leave a register open for ever: then it is not mapped at all. */
int map_setup(uint64_t addr, uint64_t len)
{
	int rc;

	if (nsetup == SETUP_MAX)
		return -ERR_NOMEM;
	rc = map(addr, len, REGISTERS);
	if (!rc)
		setup[nsetup++] = whole_pages(addr, len);
	return rc;
}

/* Registers that were unmapped once never come back, seal or not: the gate sees to that. */
void map_seal(void)
{
	while (nsetup) {
		struct plat_range *r = &setup[--nsetup];

		if (r->len)
			gate_map(r->base, r->len, 0);
	}
}
