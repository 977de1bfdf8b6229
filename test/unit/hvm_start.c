/* SPDX-License-Identifier: MIT */
/*
 * The start of a PVH or HVM guest on the desk: xen/hvm/hvm.c and flavour.c as they are, with bootinfo.c, clock.c and evtchn.c, over a
 * Xen that is a function.
 *
 * Two things of it were learnt from a real one. The shared info has the layout of the mode in which the guest last set
 * HVM_PARAM_CALLBACK_IRQ: that of 32-bit firmware, with a wall clock and masks in other places, until the guest does. And as long
 * as that parameter is 0, `xl shutdown` does not ask the guest to end. start_info version 0 has no memory map, which is asked of Xen.
 */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/core.h"
#include "core/x86/bootinfo.h"
#include "core/x86/cpu.h"
#include "core/x86/gate.h"
#include "core/x86/mmu.h"
#include "core/x86/pvclock.h"
#include "test/child.h"
#include "test/tap.h"
#include "xen/flavour.h"
#include "xen/hvm/gate.h"
#include "xen/hypercall.h"

#define INFO 0x30000ul
#define MAP 0x31000ul
#define CONSOLE 0xfeffc000ul
#define WALL 1750000000ull
#define MULTIBOOT 0x2badb002u
#define ENTRIES_ALL 3u

_Noreturn void hvm_boot(uintptr_t info, uint32_t magic);
_Noreturn void x86_start(uintptr_t info, uint32_t magic);

/* ---- Xen ---- */

static struct {
	bool wide;          /* the mode of the last set_param: firmware's was 32 bits */
	bool placed, refuses_map;
	uint64_t param[64];
	unsigned asked_map;
	uint64_t unplugged;
} host;

/* xen/arch-x86/xen.h, struct shared_info, of both modes: its vcpu_info have one size, its bits of channels have not. */
static char *shared(size_t narrow, size_t wide)
{
	return (char *)GATE_SHARED_INFO + 32 * 64 + (host.wide ? wide : narrow);
}

/* As Xen does whenever time passes. */
static void write_clock(void)
{
	uint32_t v[4] = { 2, (uint32_t)WALL, 0, 0 };

	if (host.placed)
		memcpy(shared(2 * 32 * 4, 2 * 64 * 8), v, host.wide ? 16 : 12);
}

static bool all_masked(void)
{
	const uint8_t *mask = (const uint8_t *)shared(32 * 4, 64 * 8);

	for (unsigned i = 0; i < (host.wide ? 64 * 8 : 32 * 4); i++)
		if (mask[i] != 0xff)
			return false;
	return true;
}

static long set_param(const struct xen_hvm_param *p)
{
	host.param[p->index] = p->value;
	if (p->index == HVM_PARAM_CALLBACK_IRQ) {
		host.wide = true; /* hvm_latch_shinfo_size(): we are 64 bits */
		write_clock();
	}
	return 0;
}

static long memory_map(struct xen_memory_map *ask)
{
	static const uint64_t v[ENTRIES_ALL][3] = { { 0, 0xa0000, 1 }, { 0x100000, 0x7f00000, 1 }, { 0xfc000000, 0x4000000, 2 } };
	char *to = ask->buffer.p;

	host.asked_map++;
	if (host.refuses_map || ask->nr_entries < ENTRIES_ALL)
		return -22;
	for (unsigned i = 0; i < ENTRIES_ALL; i++, to += 20) { /* 20 bytes each, as a BIOS has them */
		memcpy(to, v[i], 16);
		memcpy(to + 16, &v[i][2], 4);
	}
	ask->nr_entries = ENTRIES_ALL;
	return 0;
}

static long place(const struct xen_add_to_physmap *op)
{
	if (op->space != XENMAPSPACE_shared_info || op->gpfn != GATE_SHARED_INFO / PAGE_SIZE)
		return -22;
	host.placed = true;
	write_clock();
	return 0;
}

long hypercall(unsigned nr, unsigned long a1, unsigned long a2, unsigned long a3, unsigned long a4, unsigned long a5)
{
	struct xen_hvm_param *p = (struct xen_hvm_param *)a2;

	(void)a3, (void)a4, (void)a5;
	if (nr == __HYPERVISOR_memory_op)
		return a1 == XENMEM_memory_map ? memory_map((void *)a2) : a1 == XENMEM_add_to_physmap ? place((void *)a2) : -38;
	if (nr == __HYPERVISOR_hvm_op && a1 == HVMOP_set_param)
		return set_param(p);
	if (nr != __HYPERVISOR_hvm_op || a1 != HVMOP_get_param)
		return -38;
	p->value = host.param[p->index];
	return 0;
}

/* What libxl asks before it writes control/shutdown for an HVM guest (libxl__domain_pvcontrol_available). */
static bool xl_can_ask(void)
{
	return host.param[HVM_PARAM_CALLBACK_IRQ] != 0;
}

/* ---- what these files need of the rest ---- */

static char said[1000];

void log_line(enum log_level level, const char *fmt, ...)
{
	va_list ap;

	(void)level;
	va_start(ap, fmt);
	vsnprintf(said, sizeof said, fmt, ap);
	va_end(ap);
}

void log_panic(const char *fmt, ...)
{
	printf("# panic: %s\n", fmt);
	fflush(stdout);
	_exit(2);
}

struct shared_info *flavour_shared_info(void)
{
	return flavour_hvm_shared_info();
}

bool flavour_sealed(void)
{
	return false;
}

bool grant_resume(void)
{
	return true;
}

void hypercall_choose(void)
{
}

bool hypercall_possible(void)
{
	return true;
}

void ports_wrong_machine(void)
{
	_exit(3);
}

void ports_unplug(void)
{
	host.unplugged = host.placed ? 2 : 1;
}

static unsigned long mapped;

int gate_map(uintptr_t addr, size_t len, unsigned perm)
{
	if (len != PAGE_SIZE || perm != (GATE_READ | GATE_WRITE))
		return -1;
	mapped = addr;
	return 0;
}

static unsigned reached;

void mmu_reach(void)
{
	reached++;
}

/* ---- cases ---- */

static void must(bool good, const char *what)
{
	if (good)
		return;
	printf("# not so: %s\n", what);
	fflush(stdout);
	_exit(1);
}

static void layout(void)
{
	flavour_hvm_start();
	must(host.placed && mapped == GATE_SHARED_INFO && host.unplugged == 1, "the shared info, after the emulated devices are gone");
	clock_start();
	must(clock_wall() / 1000000000 == WALL, "the wall clock is where we look for it");
	evtchn_start();
	must(all_masked(), "every channel is masked, where Xen looks for it");
	must(!said[0], said);
}

static void deaf(void)
{
	must(!xl_can_ask(), "before");
	flavour_hvm_start();
	must(xl_can_ask(), "after");
	must(host.param[HVM_PARAM_CALLBACK_IRQ] >> 56 == 2 && (host.param[HVM_PARAM_CALLBACK_IRQ] & 0xff) >= 0x20, "by a vector, of no exception");
}

static void rings(void)
{
	unsigned port = 0;

	must(!flavour_hvm_console(&port) && !flavour_hvm_xenstore(&port), "none on a machine without");
	host.param[HVM_PARAM_CONSOLE_PFN] = CONSOLE / PAGE_SIZE;
	must(!flavour_hvm_console(&port), "a page without a port");
	host.param[HVM_PARAM_CONSOLE_EVTCHN] = 2;
	bootinfo.ram[0] = (struct plat_range){ CONSOLE - PAGE_SIZE, 3 * PAGE_SIZE };
	bootinfo.nram = 1;
	must(flavour_hvm_console(&port) == (void *)CONSOLE && port == 2 && mapped == CONSOLE, "page and port");
	must(bootinfo.nram == 2 && bootinfo.ram[0].len == PAGE_SIZE, "taken out of what the map calls RAM");
	must(flavour_hvm_rings[0] == CONSOLE && flavour_hvm_rings[1] == 0, "for the gate");
}

/* ---- start_info ---- */

static unsigned asks;   /* how often Xen must have been asked for the map */
static size_t ram;      /* pages that must come out */

_Noreturn void x86_start(uintptr_t info, uint32_t magic)
{
	size_t pages = 0;

	bootinfo_read(magic, info);
	for (size_t i = 0; i < bootinfo.nram; i++)
		pages += bootinfo.ram[i].len / PAGE_SIZE;
	must(reached == 1 && host.asked_map == asks, "how often the map was asked of Xen");
	must(pages == ram, "the memory of the map");
	must(magic == MULTIBOOT || strcmp(bootinfo.cmdline, "ip=off") == 0, "the command line");
	must(magic == MULTIBOOT || (bootinfo.nmodule == 1 && bootinfo.rsdp == 0x1234), "module, ACPI");
	_exit(0);
}

/* start_info as Xen's domain builder leaves it, of this version; behind version 0's end is whatever was there. */
static void boot(uint32_t version, uint32_t entries)
{
	struct hvm_start_info *s = (struct hvm_start_info *)INFO;
	struct hvm_memmap_table_entry *map = (struct hvm_memmap_table_entry *)MAP;
	struct hvm_modlist_entry *module = (struct hvm_modlist_entry *)(MAP + 0x800);

	*s = (struct hvm_start_info){ .magic = XEN_HVM_START_MAGIC_VALUE, .version = version, .nr_modules = 1, .rsdp_paddr = 0x1234,
				      .modlist_paddr = (uintptr_t)module, .cmdline_paddr = MAP + 0xc00 };
	s->memmap_paddr = version ? MAP : 0xdeadbeef000;
	s->memmap_entries = version ? entries : 77;
	map[0] = (struct hvm_memmap_table_entry){ .addr = 0x200000, .size = 0x100000, .type = 1 };
	*module = (struct hvm_modlist_entry){ .paddr = 0x400000, .size = PAGE_SIZE };
	strcpy((char *)MAP + 0xc00, "ip=off");
	hvm_boot(INFO, 0);
}

/* Of the host's map: page 0 and the image are not RAM, nor is the module; start_info is a copy in the image by then. */
#define HOST_PAGES ((0xa0000 + 0x8000000 - 0x180000) / PAGE_SIZE - 2)

static void version_0(void)
{
	asks = 1;
	ram = HOST_PAGES;
	boot(0, 0);
}

static void version_1(void)
{
	ram = 0x100;
	boot(1, 1);
}

static void version_1_empty(void)
{
	asks = 1;
	ram = HOST_PAGES;
	boot(1, 0);
}

static void refused(void)
{
	asks = 1;
	host.refuses_map = true;
	boot(0, 0);
}

static void multiboot(void)
{
	memset((void *)INFO, 0, 256);
	hvm_boot(INFO, MULTIBOOT);
}

/* The cycle counter began when the guest was made, the record is of a moment of the host's before that. */
static bool clock_goes(void)
{
	struct pvclock_page page = { .version = 2, .time = 5000, .mul = 1u << 31, .shift = 1 };
	uint64_t from = cpu_tsc(), now;

	page.tsc = 0 - from;
	now = pvclock_now(&page);
	if (page.tsc < from || now - 5000 - 2 * from > 1ull << 40)
		return false;
	page.tsc = cpu_tsc() + (1ull << 40); /* another CPU's, ahead */
	return pvclock_now(&page) == 5000;
}

int main(void)
{
	if (mmap((void *)INFO, 0x3000, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) != (void *)INFO ||
	    mmap((void *)GATE_SHARED_INFO, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) !=
	    (void *)GATE_SHARED_INFO)
		tap_bail("no memory at fixed addresses");
	ok(child_ends(layout, 0), "HVM: the shared info has 32 bits until the guest says how it wants its interrupts");
	ok(child_ends(deaf, 0), "HVM: `xl shutdown` asks only who has set HVM_PARAM_CALLBACK_IRQ");
	ok(child_ends(rings, 0), "console and xenstore: pages and ports by HVM parameters");
	ok(child_ends(version_0, 0), "start_info version 0: the memory map is asked of Xen");
	ok(child_ends(version_1, 0), "start_info version 1: its own memory map, Xen is not asked");
	ok(child_ends(version_1_empty, 0), "start_info version 1 without entries: Xen is asked");
	ok(child_ends(refused, 0), "a Xen that refuses the map: no memory, and no more than that");
	ok(child_ends(multiboot, 0), "a multiboot loader's map is left alone");
	ok(clock_goes(), "the clock goes before Xen has written its record anew");
	return tap_done();
}
