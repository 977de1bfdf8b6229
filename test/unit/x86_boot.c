/* SPDX-License-Identifier: MIT */
/*
 * Boot information and page tables on the desk: bootinfo.c and mmu.c, compiled as they are, over low memory of this process.
 *
 * Linked away from low addresses, with the image's symbols given by the linker (Makefile.in): a made-up
 * image from 1 MiB to 0x180000. What a loader hands over is random and often absurd; what must come out
 * is checked page by page.
 */
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "core/core.h"
#include "core/x86/bootinfo.h"
#include "core/x86/layout.h"
#include "core/x86/mmu.h"
#include "test/tap.h"

#define LOW 0x10000ul
#define REACH 0x40000000ul /* bootinfo.c may read all of the first GiB, so all of it is there */
#define HIGH 0x8000000ul   /* the largest machine whose tables are looked at */
#define INFO 0x30000ul
#define MAP 0x31000ul
#define MODULES 0x33000ul
#define CMDLINE 0x34000ul

#define ROUNDS 3000

extern char text_start[], text_end[], rodata_start[], rodata_end[], data_start[], image_end[];

static uint64_t state;

static uint64_t random64(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static void put32(uintptr_t at, uint32_t v)
{
	memcpy((void *)at, &v, sizeof v);
}

static void put64(uintptr_t at, uint64_t v)
{
	memcpy((void *)at, &v, sizeof v);
}

/* start_info of version 1 with n memory map entries and m modules. */
static void put_pvh(uint32_t n, uint32_t m)
{
	memset((void *)INFO, 0, 64);
	put32(INFO, 0x336ec578);
	put32(INFO + 4, 1);
	put32(INFO + 12, m);
	put64(INFO + 16, MODULES);
	put64(INFO + 24, CMDLINE);
	put64(INFO + 40, MAP);
	put32(INFO + 48, n);
}

static void put_memory(unsigned i, uint64_t base, uint64_t size, uint32_t type)
{
	put64(MAP + 24 * i, base);
	put64(MAP + 24 * i + 8, size);
	put32(MAP + 24 * i + 16, type);
}

static void put_module(unsigned i, uint64_t base, uint64_t size)
{
	put64(MODULES + 32 * i, base);
	put64(MODULES + 32 * i + 8, size);
}

static void fresh(void)
{
	memset(&bootinfo, 0, sizeof bootinfo);
}

static bool overlap(uint64_t a, uint64_t alen, uint64_t b, uint64_t blen)
{
	return a < b + blen && b < a + alen;
}

/* Whole pages, ascending, apart from each other, from the image, from page 0 and from every module. */
static bool sane(void)
{
	uintptr_t last = 0;
	size_t i, j;

	if (bootinfo.nram > BOOTINFO_RAM || bootinfo.nmodule > BOOTINFO_MODULES)
		return false;
	for (i = 0; i < bootinfo.nram; i++) {
		struct plat_range r = bootinfo.ram[i];

		if ((r.base | r.len) % PAGE_SIZE || !r.len || r.base < last || r.base + r.len > 1ull << 39)
			return false;
		if (overlap(r.base, r.len, 0, PAGE_SIZE) || overlap(r.base, r.len, GATE_LAPIC, (uintptr_t)image_end - GATE_LAPIC))
			return false;
		for (j = 0; j < bootinfo.nmodule; j++)
			if (overlap(r.base, r.len, bootinfo.module[j].base, bootinfo.module[j].len))
				return false;
		last = r.base + r.len;
	}
	return true;
}

static void test_plain(void)
{
	fresh();
	put_pvh(3, 1);
	put_memory(0, 0, 0x9fc00, 1);
	put_memory(1, 0x100000, HIGH - 0x100000, 1);
	put_memory(2, 0xfeffc000, 0x4000, 2);
	put_module(0, 0x2000123, 0x1800);
	strcpy((char *)CMDLINE, "pith.log=info -- one 'two three'");
	bootinfo_read(0, INFO);
	ok(sane(), "a plain start_info");
	is(bootinfo.nram, 4, "low memory twice around the information, and memory twice around the module");
	is(bootinfo.ram[2].base, (uintptr_t)image_end, "memory begins behind the image");
	is(bootinfo.ram[2].base + bootinfo.ram[2].len, 0x2000000, "and ends at the module's page");
	is(bootinfo.ram[3].base, 0x2002000, "and goes on behind it");
	ok(!strcmp(bootinfo.cmdline, "pith.log=info -- one 'two three'"), "the command line");
	ok(bootinfo.nmodule == 1 && bootinfo.module[0].base == 0x2000123 && bootinfo.module[0].len == 0x1800, "the module");
}

static void test_cmdline(void)
{
	fresh();
	put_pvh(0, 0);
	memset((void *)CMDLINE, 'x', 5000);
	*(char *)(CMDLINE + 5000) = 0;
	bootinfo_read(0, INFO);
	is(strlen(bootinfo.cmdline), BOOTINFO_CMDLINE - 1, "a long command line is cut");
	ok(bootinfo.cmdline_cut, "and that is noted");
}

static void test_multiboot(void)
{
	static const char line[] = "(hd0)/boot/app.kvm  ip=dhcp -- a b";

	fresh();
	memset((void *)INFO, 0, 128);
	put32(INFO, 0x4d);
	put32(INFO + 16, CMDLINE);
	put32(INFO + 20, 1);
	put32(INFO + 24, MODULES);
	put32(INFO + 44, 48);
	put32(INFO + 48, MAP);
	put32(MAP, 20);
	put64(MAP + 4, 0x100000);
	put64(MAP + 12, 0x4000000);
	put32(MAP + 20, 1);
	put32(MAP + 24, 20);
	put64(MAP + 28, 0x8000000);
	put64(MAP + 36, 0x1000);
	put32(MAP + 44, 2);
	put32(MODULES, 0x1000000);
	put32(MODULES + 4, 0x1000800);
	memcpy((void *)CMDLINE, line, sizeof line);
	bootinfo_read(BOOT_MULTIBOOT, INFO);
	ok(sane(), "multiboot information");
	ok(!strcmp(bootinfo.boot, "multiboot"), "is told from PVH's");
	ok(!strcmp(bootinfo.cmdline, "ip=dhcp -- a b"), "the loader's path is left out");
	is(bootinfo.nram, 2, "one range of RAM, cut by the module");
	is(bootinfo.module[0].len, 0x800, "the module");
}

/* A number that a hostile loader might write: small, huge, at an edge. */
static uint64_t odd(void)
{
	uint64_t r = random64();

	switch (r & 7) {
	case 0:
		return r >> 8;
	case 1:
		return -(r >> 58);
	case 2:
		return 0x100000 + (r >> 40);
	case 3:
		return (1ull << 39) - (r >> 50);
	case 4:
		return 0;
	default:
		return r >> 36;
	}
}

static void test_hostile(void)
{
	unsigned round, i, bad = 0;

	for (round = 0; round < ROUNDS; round++) {
		uint32_t n = random64() % 60, m = random64() % 12;

		fresh();
		put_pvh(random64() % 50 ? n : (uint32_t)random64(), random64() % 50 ? m : (uint32_t)random64());
		for (i = 0; i < n; i++)
			put_memory(i, odd(), odd(), random64() % 3 + !(random64() % 4));
		for (i = 0; i < m; i++)
			put_module(i, odd(), odd());
		bootinfo_read(random64() & 1 ? BOOT_MULTIBOOT : 0, INFO);
		bad += !sane();
	}
	is(bad, 0, "absurd information gives sane ranges, or none");
}

/* What a root maps at va, as the CPU would read it: the leaf, 0 for nothing. *user: every level lets ring 3 in. */
static uint64_t leaf(uint64_t root, uintptr_t va)
{
	uint64_t e = root | 1;
	unsigned s;

	for (s = 39; s >= 12; s -= 9) {
		e = ((uint64_t *)(e & 0xffffffffff000ull))[va >> s & 511];
		if (!(e & 1) || s == 12 || e & 0x80)
			return e;
	}
	return e;
}

#define LEAF_WRITE 2
#define LEAF_USER 4

static struct bootinfo before; /* mmu_build() took its pages */

static bool is_ram(const struct bootinfo *b, uintptr_t page)
{
	size_t i;

	for (i = 0; i < b->nram; i++)
		if (page - b->ram[i].base < b->ram[i].len)
			return true;
	return false;
}

/* What this page's leaf must be: the permissions as "uwx", "" for unmapped, NULL for either a table or a spare. */
static const char *wanted(uintptr_t page)
{
	if (page == GATE_LAPIC || (page >= GATE_DATA && page < GATE_TABLES))
		return "w";
	if (page == GATE_FRAME_ALIAS)
		return "u";
	if (page == GATE_TEXT)
		return "x";
	if (page >= GATE_TABLES && page < GATE_END)
		return "uw";
	if (page >= (uintptr_t)text_start && page < (uintptr_t)text_end)
		return "ux";
	if (page >= (uintptr_t)rodata_start && page < (uintptr_t)rodata_end)
		return "u";
	if ((page >= (uintptr_t)data_start && page < (uintptr_t)image_end) || is_ram(&bootinfo, page))
		return "uw";
	return is_ram(&before, page) ? NULL : "";
}

static bool as_wanted(uint64_t e, const char *want)
{
	char got[4] = "";
	size_t n = 0;

	if (e & 1) {
		if (e & LEAF_USER)
			got[n++] = 'u';
		if (e & LEAF_WRITE)
			got[n++] = 'w';
		if (!(e >> 63))
			got[n++] = 'x';
	}
	return want ? !strcmp(got, want) : !strcmp(got, "w") || !strcmp(got, "uw");
}

static void test_tables(uint64_t memory)
{
	uint64_t root, page, bad = 0, supervisor = 0;

	fresh();
	put_pvh(2, 0);
	put_memory(0, 0x40000, 0x5fc00, 1); /* below, this process has nothing */
	put_memory(1, 0x100000, memory - 0x100000, 1);
	bootinfo_read(0, INFO);
	before = bootinfo;
	root = mmu_build();
	ok(root != 0, "tables for %llu KiB", (unsigned long long)memory >> 10);
	ok(sane(), "and what is left of memory is sane");
	for (page = 0; page < memory; page += PAGE_SIZE) {
		uint64_t e = leaf(root, page);

		if (!as_wanted(e, wanted(page)) && !bad++)
			tap_diag("page %llx: leaf %llx, wanted %s", (unsigned long long)page, (unsigned long long)e, wanted(page));
		supervisor += is_ram(&before, page) && e & 1 && !(e & LEAF_USER);
	}
	is(bad, 0, "every page has the rights that it must have");
	ok(supervisor >= 3, "the tables themselves are ring 0's");
	ok(!(leaf(root, root) & LEAF_USER), "the root too");
}

int main(void)
{
	void *low = mmap((void *)LOW, REACH - LOW, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
	const char *seed = getenv("PITH_SEED");

	if (low != (void *)LOW)
		tap_bail("low memory cannot be mapped");
	state = seed ? strtoull(seed, NULL, 0) : 1;
	tap_diag("seed %llu", (unsigned long long)state);
	state = state * 0x9e3779b97f4a7c15ull | 1;
	test_plain();
	test_cmdline();
	test_multiboot();
	test_hostile();
	test_tables(0x200000);
	test_tables(0x500000);
	test_tables(HIGH);
	return tap_done();
}
