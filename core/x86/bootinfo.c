/* SPDX-License-Identifier: MIT */
#include "core/x86/bootinfo.h"

/*
 * Reads start_info of the PVH boot protocol (versions 0 and 1) and multiboot 1
 * information.
 *
 * The structures are described here in the few fields that we use, because core does not include
 * the headers of a hypervisor. Everything is input: copied once, checked, and what does not fit is
 * left out.
 */

#include "core/core.h"
#include "core/err.h"
#include "core/x86/layout.h"

#define REACH (1ull << 30) /* what is mapped while we read */
#define LIMIT (1ull << 39) /* what can be mapped at all */
#define E820_RAM 1

struct pvh_info {
	uint32_t magic, version, flags, nr_modules;
	uint64_t modlist, cmdline, rsdp;
	uint64_t memmap; /* version 1 */
	uint32_t memmap_entries, reserved;
};

struct pvh_module {
	uint64_t base, size, cmdline, reserved;
};

struct pvh_memory {
	uint64_t base, size;
	uint32_t type, reserved;
};

struct multiboot_info {
	uint32_t flags, mem_lower, mem_upper, boot_device, cmdline, mods_count, mods_addr, syms[4], mmap_length, mmap_addr;
};

struct multiboot_module {
	uint32_t start, end, cmdline, reserved;
};

struct multiboot_memory {
	uint32_t size; /* of what follows */
	uint64_t base, len;
	uint32_t type;
} __attribute__((packed));

#define PVH_MAGIC 0x336ec578u
#define MULTIBOOT_MEMORY 0x01u
#define MULTIBOOT_CMDLINE 0x04u
#define MULTIBOOT_MODULES 0x08u
#define MULTIBOOT_MMAP 0x40u

struct bootinfo bootinfo;

extern char image_end[];

/* Is [base, base + len) where we can read it? */
static bool readable(uint64_t base, uint64_t len)
{
	return base && base < REACH && len <= REACH - base;
}

static const void *at(uint64_t base, uint64_t len)
{
	return readable(base, len) ? (const void *)(uintptr_t)base : NULL;
}

/* Removes ram[i], keeping the order. */
static void drop(size_t i)
{
	bootinfo.nram--;
	for (; i < bootinfo.nram; i++)
		bootinfo.ram[i] = bootinfo.ram[i + 1];
}

/*
 * Puts a range in its place by address; a full table loses the range, an overlap loses the later
 * one.
 */
static void insert(uintptr_t base, uintptr_t end)
{
	size_t i = 0, j;

	while (i < bootinfo.nram && bootinfo.ram[i].base < base)
		i++;
	if (bootinfo.nram == BOOTINFO_RAM || base >= end)
		return;
	if (i && bootinfo.ram[i - 1].base + bootinfo.ram[i - 1].len > base)
		return;
	if (i < bootinfo.nram && bootinfo.ram[i].base < end)
		return;
	for (j = bootinfo.nram++; j > i; j--)
		bootinfo.ram[j] = bootinfo.ram[j - 1];
	bootinfo.ram[i] = (struct plat_range){ base, end - base };
}

/* Adds RAM as the memory map says it, shrunk to whole pages and to what can be mapped. */
static void add_ram(uint64_t base, uint64_t len)
{
	uint64_t end = len > LIMIT || base > LIMIT - len ? LIMIT : base + len;

	base = (base + PAGE_SIZE - 1) & -(uint64_t)PAGE_SIZE;
	insert(base, end & -(uint64_t)PAGE_SIZE);
}

void bootinfo_reserve(uintptr_t base, size_t len)
{
	uintptr_t end = (base + len + PAGE_SIZE - 1) & -(uintptr_t)PAGE_SIZE;
	size_t i = 0;

	base &= -(uintptr_t)PAGE_SIZE;
	while (i < bootinfo.nram) {
		struct plat_range r = bootinfo.ram[i];
		uintptr_t rend = r.base + r.len;

		if (rend <= base || r.base >= end) {
			i++;
			continue;
		}
		drop(i);
		insert(r.base, base < rend ? base : rend);
		insert(end > r.base ? end : r.base, rend);
	}
}

static void set_cmdline(uint64_t addr)
{
	const char *s = at(addr, 1);
	size_t n = 0;

	for (; s && readable(addr + n, 1) && s[n] && n < BOOTINFO_CMDLINE - 1; n++)
		bootinfo.cmdline[n] = s[n];
	bootinfo.cmdline_cut = n == BOOTINFO_CMDLINE - 1 && s[n];
}

/* A module above the first GiB is fine: nobody reads it before everything is mapped. */
static void add_module(uint64_t base, uint64_t len)
{
	if (!base || !len || base >= LIMIT || len > LIMIT - base || bootinfo.nmodule == BOOTINFO_MODULES)
		return;
	bootinfo.module[bootinfo.nmodule++] = (struct plat_range){ base, len };
	bootinfo_reserve(base, len);
}

static void read_pvh(const struct pvh_info *info)
{
	const struct pvh_memory *memory;
	const struct pvh_module *module;
	uint32_t i;

	if (!info || info->magic != PVH_MAGIC)
		return;
	bootinfo.boot = "pvh";
	memory = info->version ? at(info->memmap, (uint64_t)info->memmap_entries * sizeof *memory) : NULL;
	for (i = 0; memory && i < info->memmap_entries; i++)
		if (memory[i].type == E820_RAM)
			add_ram(memory[i].base, memory[i].size);
	set_cmdline(info->cmdline);
	bootinfo.rsdp = info->rsdp;
	bootinfo_reserve((uintptr_t)info, sizeof *info);
	module = at(info->modlist, (uint64_t)info->nr_modules * sizeof *module);
	for (i = 0; module && i < info->nr_modules; i++)
		add_module(module[i].base, module[i].size);
}

static void read_multiboot_map(const struct multiboot_info *info)
{
	uint64_t p = info->mmap_addr, end = p + info->mmap_length;
	const struct multiboot_memory *m;

	while (p + sizeof *m <= end && (m = at(p, sizeof *m))) {
		if (m->type == E820_RAM)
			add_ram(m->base, m->len);
		p += (uint64_t)m->size + sizeof m->size;
	}
}

static void read_multiboot(const struct multiboot_info *info)
{
	const struct multiboot_module *module;
	uint32_t i;

	bootinfo.boot = "multiboot";
	if (!info)
		return;
	if (info->flags & MULTIBOOT_MMAP)
		read_multiboot_map(info);
	else if (info->flags & MULTIBOOT_MEMORY)
		add_ram(0x100000, (uint64_t)info->mem_upper << 10);
	if (info->flags & MULTIBOOT_CMDLINE)
		set_cmdline(info->cmdline);
	bootinfo_reserve((uintptr_t)info, sizeof *info);
	module = info->flags & MULTIBOOT_MODULES ? at(info->mods_addr, (uint64_t)info->mods_count * sizeof *module) : NULL;
	for (i = 0; module && i < info->mods_count; i++)
		add_module(module[i].start, module[i].end - (uint64_t)module[i].start);
}

/* GRUB gives the image's own path as the first word, where a direct boot gives none. */
static void skip_path(void)
{
	size_t from = 0, to = 0;

	if (bootinfo.cmdline[0] != '/' && bootinfo.cmdline[0] != '(')
		return;
	while (bootinfo.cmdline[from] && bootinfo.cmdline[from] != ' ')
		from++;
	while (bootinfo.cmdline[from] == ' ')
		from++;
	do
		bootinfo.cmdline[to++] = bootinfo.cmdline[from];
	while (bootinfo.cmdline[from++]);
}

/* QEMU's PVH loader leaves multiboot's magic in eax too, so start_info's own decides. */
void bootinfo_read(uint32_t magic, uintptr_t info)
{
	const struct pvh_info *pvh = at(info, sizeof *pvh);

	if (magic == BOOT_MULTIBOOT && !(pvh && pvh->magic == PVH_MAGIC)) {
		read_multiboot(at(info, sizeof(struct multiboot_info)));
		skip_path();
	} else {
		read_pvh(pvh);
	}
	bootinfo_reserve(0, PAGE_SIZE);
	bootinfo_reserve(GATE_LAPIC, GATE_TEXT - GATE_LAPIC);
	bootinfo_reserve(GATE_TEXT, (uintptr_t)image_end - GATE_TEXT);
}

size_t bootinfo_memory(struct plat_range *v, size_t max)
{
	size_t n = bootinfo.nram < max ? bootinfo.nram : max;

	__builtin_memcpy(v, bootinfo.ram, n * sizeof *v);
	return n;
}

int bootinfo_module(unsigned n, struct plat_range *module)
{
	if (n >= bootinfo.nmodule)
		return -ERR_NOENT;
	*module = bootinfo.module[n];
	return 0;
}
