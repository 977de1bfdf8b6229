/* SPDX-License-Identifier: MIT */
#include "core/x86/mmu.h"

/*
 * Builds the page tables, in ring 3, before they are closed.
 *
 * The gate boots on three pages of tables that map the first GiB for everybody. Nothing but our own
 * start-up code has run then, so the real tables are built here, beside the live ones, in C and at
 * full speed, where the gate would need ring-0 instructions for it. Memory is mapped one to one: in
 * 4 KiB pages for the image and for the tables, in 2 MiB pages for the rest. In the new tables the
 * tables themselves are ring 0's alone, so with gate_adopt() they are out of our reach.
 *
 * Leaf bits are gate.S's: OURS marks what ring 3 may change later by gate_map().
 */

#include "core/core.h"
#include "core/err.h"
#include "core/x86/bootinfo.h"
#include "core/x86/layout.h"

#define PRESENT 1ull
#define WRITE 2ull
#define USER 4ull
#define LARGE 0x80ull
#define OURS 0x200ull
#define UNCACHED 0x10ull
#define NX (1ull << 63)

#define LAPIC 0xfee00000ull
#define REACH (1ull << 30) /* what the first tables map */

#define RAM_BITS (PRESENT | WRITE | USER | OURS | NX)
#define READ_BITS (PRESENT | USER | OURS | NX)
#define TEXT_BITS (PRESENT | USER | OURS)
#define GATE_BITS (PRESENT | WRITE | NX)

#define SHIFT_4K 12
#define SHIFT_2M 21
#define SHIFT_1G 30
#define SHIFT_512G 39

#define SPARES_MAX 256

extern char text_start[], text_end[], rodata_start[], rodata_end[], data_start[], image_end[];

/*
 * Tables are taken from the low end of this run of RAM; what is left over at its high end are the
 * spares.
 */
static uintptr_t pool, pool_used, pool_end;

static uint64_t *root;

void mmu_reach(void)
{
	uint64_t *pd = (uint64_t *)(GATE_TABLES + 2 * PAGE_SIZE);
	uint64_t i;

	for (i = 0; i < 512; i++)
		pd[i] = i << SHIFT_2M | PRESENT | WRITE | USER | LARGE;
}

static uint64_t *new_table(void)
{
	uint64_t *t = (uint64_t *)pool_used;
	size_t i;

	if (pool_used == pool_end)
		return NULL;
	pool_used += PAGE_SIZE;
	for (i = 0; i < 512; i++)
		t[i] = 0;
	return t;
}

/*
 * The table below *entry; makes it, with what the entry mapped in smaller pieces, when there is
 * none. NULL: no memory.
 */
static uint64_t *below(uint64_t *entry, unsigned shift)
{
	uint64_t old = *entry, *t;
	size_t i;

	if ((old & (PRESENT | LARGE)) == PRESENT)
		return (uint64_t *)(old & ~(NX | 0xfffull));
	t = new_table();
	if (!t)
		return NULL;
	if (shift - 9 == SHIFT_4K)
		old &= ~LARGE;
	for (i = 0; old && i < 512; i++)
		t[i] = old + ((uint64_t)i << (shift - 9));
	*entry = (uintptr_t)t | PRESENT | WRITE | USER;
	return t;
}

/* The table that holds va's leaf in the level of `shift`. NULL: no memory. */
static uint64_t *table_of(uintptr_t va, unsigned shift)
{
	uint64_t *t = root;
	unsigned s;

	for (s = SHIFT_512G; t && s > shift; s -= 9)
		t = below(&t[va >> s & 511], s);
	return t;
}

/* Sets one 4 KiB leaf. Returns 0 or -ERR_NOMEM. */
static int set(uintptr_t va, uint64_t value)
{
	uint64_t *t = table_of(va, SHIFT_4K);

	if (!t)
		return -ERR_NOMEM;
	t[va >> SHIFT_4K & 511] = value;
	return 0;
}

/*
 * The page that fits at base. Not 1 GiB even where CPUID offers it: a host that shadows these
 * tables may refuse them (seen on one that emulates ring 0: every access faults).
 */
static unsigned fitting(uintptr_t base, uintptr_t end)
{
	return base & ((1ull << SHIFT_2M) - 1) || end - base < 1ull << SHIFT_2M ? SHIFT_4K : SHIFT_2M;
}

/*
 * Fills leaves of one size, as far as one table and `end` reach, and returns where the next begins.
 * Boot time is mostly spent here, so there is no walk for each page.
 */
static uintptr_t fill(uint64_t *t, uintptr_t base, uintptr_t end, uint64_t bits, unsigned shift)
{
	uint64_t *p = &t[base >> shift & 511], size = 1ull << shift;

	bits |= shift > SHIFT_4K ? LARGE : 0;
	do {
		*p++ = base | bits;
		base += size;
	} while (p < t + 512 && end - base >= size);
	return base;
}

/* Maps [base, end), which may begin and end inside a page. `small`: in 4 KiB pages. */
static int map(uintptr_t base, uintptr_t end, uint64_t bits, bool small)
{
	base &= -(uintptr_t)PAGE_SIZE;
	end = (end + PAGE_SIZE - 1) & -(uintptr_t)PAGE_SIZE;
	while (base < end) {
		unsigned shift = small ? SHIFT_4K : fitting(base, end);
		uint64_t *t = table_of(base, shift);

		if (!t)
			return -ERR_NOMEM;
		base = fill(t, base, end, bits, shift);
	}
	return 0;
}

static int map_ranges(const struct plat_range *v, size_t n, uint64_t bits)
{
	int rc = 0;

	for (; n && !rc; n--, v++)
		rc = map(v->base, v->base + v->len, bits, false);
	return rc;
}

/*
 * The image by section: sections begin at pages. Page 0 is not in bootinfo.ram and stays unmapped.
 */
static int map_image(void)
{
	int rc = map(GATE_TEXT, GATE_DATA, PRESENT, true);

	rc = rc ? rc : map(GATE_DATA, GATE_TABLES, GATE_BITS, true);
	rc = rc ? rc : map(GATE_TABLES, GATE_END, RAM_BITS, true); /* spares, once they are no longer the live tables */
	rc = rc ? rc : map((uintptr_t)text_start, (uintptr_t)text_end, TEXT_BITS, true);
	rc = rc ? rc : map((uintptr_t)rodata_start, (uintptr_t)rodata_end, READ_BITS, true);
	rc = rc ? rc : map((uintptr_t)data_start, (uintptr_t)image_end, RAM_BITS, true);
	rc = rc ? rc : set(GATE_LAPIC, LAPIC | GATE_BITS | UNCACHED);
	return rc ? rc : set(GATE_FRAME_ALIAS, GATE_FRAME | PRESENT | USER | NX);
}

/*
 * How many spares to keep: some for devices' windows, and one for each 2 MiB of RAM, because each
 * can cut one large page.
 */
static size_t spares_wanted(void)
{
	size_t i, pages = 4;

	for (i = 0; i < bootinfo.nram; i++)
		pages += bootinfo.ram[i].len >> SHIFT_2M;
	return pages < SPARES_MAX ? pages : SPARES_MAX;
}

/*
 * How many tables there may be: for each range one in each GiB and two at either end, and one for
 * each 2 MiB of image and pool.
 */
static size_t tables_wanted(void)
{
	size_t i, pages = 8 + ((uintptr_t)image_end >> SHIFT_2M) + 4 * (bootinfo.nram + bootinfo.nmodule);

	for (i = 0; i < bootinfo.nram; i++)
		pages += bootinfo.ram[i].len >> SHIFT_1G;
	for (i = 0; i < bootinfo.nmodule; i++)
		pages += bootinfo.module[i].len >> SHIFT_1G;
	return pages;
}

/*
 * Takes the pool from the first range that has room for it: low memory, which is in small pages
 * anyway, unless there is very much RAM.
 */
static int choose_pool(void)
{
	size_t i, want = (tables_wanted() + spares_wanted()) * PAGE_SIZE;

	for (i = 0; i < bootinfo.nram; i++) {
		uintptr_t base = bootinfo.ram[i].base;

		if (base < REACH && REACH - base >= want && bootinfo.ram[i].len >= want) {
			pool = pool_used = base;
			pool_end = base + want;
			return 0;
		}
	}
	return -ERR_NOMEM;
}

/*
 * Takes the tables from ring 3. Cutting the pool into small pages may need further tables, which
 * the loop then meets too.
 */
static int close_tables(void)
{
	uintptr_t p;

	for (p = pool; p < pool_used; p += PAGE_SIZE)
		if (set(p, p | GATE_BITS))
			return -ERR_NOMEM;
	return 0;
}

void *mmu_spare(void)
{
	static uintptr_t boot_table = GATE_TABLES;

	if (boot_table < GATE_END) {
		boot_table += PAGE_SIZE;
		return (void *)(boot_table - PAGE_SIZE);
	}
	if (pool_end - pool_used < PAGE_SIZE)
		return NULL;
	pool_end -= PAGE_SIZE;
	return (void *)pool_end;
}

uintptr_t mmu_build(void)
{
	uintptr_t taken;
	int rc;

	if (choose_pool())
		return 0;
	root = new_table();
	rc = map_ranges(bootinfo.ram, bootinfo.nram, RAM_BITS);
	rc = rc ? rc : map_ranges(bootinfo.module, bootinfo.nmodule, READ_BITS);
	rc = rc ? rc : map(pool, pool_end, RAM_BITS, true);
	rc = rc ? rc : map_image();
	rc = rc ? rc : close_tables();
	if (rc)
		return 0;
	taken = pool_used + spares_wanted() * PAGE_SIZE;
	pool_end = taken < pool_end ? taken : pool_end;
	bootinfo_reserve(pool, pool_end - pool);
	return (uintptr_t)root;
}
