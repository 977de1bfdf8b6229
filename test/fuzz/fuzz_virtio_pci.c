/* SPDX-License-Identifier: MIT */
/*
 * virtio over PCI: configuration space, capabilities, BARs and the registers behind them, all of which may say anything, at any
 * read. Three functions: an interface, a disk, a source of random bytes or a balloon. Read fuzz_virtio.h first.
 */
#include "test/fuzz/fuzz_virtio.h"

#define FUNCTIONS 3u
#define NOTHING UINT32_MAX
#define BAR1 0x1000u
#define BAR4 0x4000u
#define CONFIG 0x2000u
#define NOTIFY 0x3000u
#define ANYWHERE 7u /* the space of registers that are nobody's */

/* Spaces of lies: configuration of the functions 0 to 2, their registers 3 to 5. */
static struct fuzz_device device[FUNCTIONS];
static uint32_t bar[FUNCTIONS][6], command[FUNCTIONS], address;

void fuzz_begin(void)
{
	fuzz_start("");
	for (unsigned i = 0; i < FUNCTIONS; i++) {
		fuzz_make_device(&device[i], (uint16_t)(i == 2 ? 4 : i + 1));
		bar[i][1] = 0xfe000000u + 0x10000 * i;
		bar[i][4] = 0xfe004000u + 0x10000 * i;
	}
}

/* ---- configuration space ---- */

static unsigned function_at(uint32_t addr)
{
	for (unsigned i = 0; i < FUNCTIONS; i++)
		if (addr == (i + 1) << 11)
			return i;
	return FUNCTIONS;
}

static uint32_t bar_read(unsigned f, unsigned n)
{
	static const uint32_t size[6] = { 32, BAR1, 0, 0, BAR4, 0 }, bits[6] = { 1, 0, 0, 0, 0xc, 0 };

	if (n == 5 || !size[n])
		return bar[f][n];
	return (bar[f][n] & -size[n]) | bits[n];
}

/* MSI-X at 0x40, then common, notify with its step, and device configuration. */
static uint32_t capability(unsigned reg)
{
	static const uint32_t list[] = { 0x00015011, 1, 0, 0, 0x01106009, 4, 0, 56, 0x02147409, 4, NOTIFY, 0x100, 4, 0x04100009, 4, CONFIG, FUZZ_CONFIG };

	return reg >= 0x40 && reg - 0x40 < sizeof list ? list[(reg - 0x40) / 4] : 0;
}

static uint32_t honest_config(unsigned f, unsigned reg)
{
	if (reg >= 0x10 && reg < 0x28)
		return bar_read(f, (reg - 0x10) / 4);
	switch (reg) {
	case 0x00:
		return 0x1af4 | (0x1040u + device[f].type) << 16;
	case 0x04:
		return command[f] | 1u << 20;
	case 0x34:
		return 0x40;
	default:
		return capability(reg);
	}
}

static uint32_t config_read(uint32_t addr, unsigned reg)
{
	unsigned f = function_at(addr);

	if (!addr)
		return reg == 0 ? 0x29c08086 : 0;
	return f < FUNCTIONS ? fuzz_seen(f, reg, honest_config(f, reg)) : fuzz_seen(6, (addr >> 8) & 0xffff, NOTHING);
}

static void config_write(uint32_t addr, unsigned reg, uint32_t v)
{
	unsigned f = function_at(addr);

	if (f == FUNCTIONS)
		return;
	if (reg == 0x04)
		command[f] = v;
	if (reg >= 0x10 && reg < 0x28)
		bar[f][(reg - 0x10) / 4] = v;
}

uint32_t vmm_in(uint16_t port, unsigned width)
{
	uint32_t v = NOTHING;

	vmm_advance(vmm.exit_ns);
	if (vmm_chip_in(port, width, &v))
		return v;
	return port == 0xcf8 ? address : port == 0xcfc ? config_read(address & 0xffff00, address & 0xfc) : NOTHING;
}

void vmm_out(uint16_t port, uint32_t v, unsigned width)
{
	vmm_advance(vmm.exit_ns);
	if (vmm_chip_out(port, v, width))
		return;
	if (port == 0xcf8)
		address = v;
	else if (port == 0xcfc)
		config_write(address & 0xffff00, address & 0xfc, v);
}

/* ---- registers in memory ---- */

static uint32_t honest_read(struct fuzz_device *d, unsigned at, unsigned width)
{
	if (at >= CONFIG)
		return fuzz_config(d, at - CONFIG, width);
	switch (at) {
	case 4:
		return fuzz_features(d);
	case 16:
	case 26:
		return d->vector[at == 26];
	case 18:
		return d->queues;
	case 20:
		return d->status;
	case 21:
		return d->generation;
	case 24:
		return d->queue_select < d->queues ? 256 : 0;
	case 30:
		return d->queue_select;
	default:
		return 0;
	}
}

static void honest_write(struct fuzz_device *d, unsigned at, uint32_t v)
{
	if (at == 0)
		d->device_select = v;
	else if (at == 16 || at == 26)
		d->vector[at == 26] = (uint16_t)v;
	else if (at == 20)
		d->status = (uint8_t)v;
	else if (at == 22)
		d->queue_select = v;
	else if (at == 48 || at == 52)
		fuzz_see_used(d, at == 52, v);
}

/* Which function decodes that address, and where in its BAR 4 it is. */
static struct fuzz_device *decode(uintptr_t addr, unsigned *at, unsigned *f)
{
	for (*f = 0; *f < FUNCTIONS; ++*f) {
		uint64_t base = (uint64_t)bar[*f][5] << 32 | (bar[*f][4] & ~0xfu);

		if (!(command[*f] & 2) || addr - base >= BAR4)
			continue;
		*at = (unsigned)(addr - base);
		return &device[*f];
	}
	return NULL;
}

uint32_t vmm_load(uintptr_t addr, unsigned width)
{
	unsigned at, f;
	struct fuzz_device *d = decode(addr, &at, &f);

	vmm_advance(vmm.exit_ns);
	fuzz_must(fuzz_mapped(addr, width));
	return d ? fuzz_seen(3 + f, at, honest_read(d, at, width)) : fuzz_seen(ANYWHERE, addr & 0xfff, NOTHING);
}

void vmm_store(uintptr_t addr, uint32_t v, unsigned width)
{
	unsigned at, f;
	struct fuzz_device *d = decode(addr, &at, &f);

	vmm_advance(vmm.exit_ns);
	fuzz_must(fuzz_mapped(addr, width));
	if (d)
		honest_write(d, at, v);
}

void fuzz_run(void)
{
	fuzz_draw_lies();
	if (fuzz_has_balloon)
		fuzz_make_device(&device[2], 5);
	fuzz_bring_up(&device[2]);
}
