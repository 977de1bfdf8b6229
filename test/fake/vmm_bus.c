/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include <string.h>

/*
 * The fake machine's buses: PCI configuration by ports or in memory, BARs, MSI-X, virtio-mmio
 * slots, IOAPICs. Read vmm.h first.
 *
 * Every device of PCI has its common configuration at 0 of BAR 4, notify at 0x3000, device
 * configuration at 0x2000, and the MSI-X table in BAR 1.
 */

#include "core/x86/io.h"
#include "test/fake/vmm.h"

#define NOTHING UINT32_MAX
#define BAR4 0x4000u
#define BAR1 0x1000u
#define ECAM 0xb0000000u
#define IOAPIC 0xfec00000u
#define SLOTS 0xfeb00000u
#define SLOT 0x200u
#define GED 0xfea00000u
#define NOTIFY 0x3000u
#define CONFIG 0x2000u
#define NOTIFY_STEP 4u
#define BRIDGE (0x1eu << 11)

struct vmm_dev vmm_devices[VMM_DEVICES];
unsigned vmm_ndevices;

static uint32_t pci_address;
static uint32_t ioapic_select[2], ioapic_pin[2][64];
static uint32_t next_bar = 0xfe000000u;
static uint32_t bridge_bus, bridge_buses;

void vmm_bridge(unsigned secondary, unsigned subordinate)
{
	bridge_bus = secondary;
	bridge_buses = secondary << 8 | subordinate << 16;
}

static bool is_pci(const struct vmm_dev *d)
{
	return d->kind == VMM_MODERN || d->kind == VMM_TRANSITIONAL;
}

static void place(struct vmm_dev *d)
{
	unsigned n = vmm_ndevices - 1;

	if (!is_pci(d)) {
		unsigned slot = (vmm.ioapic2 ? 23 : 7) - n; /* QEMU fills them from the last */

		d->mmio = SLOTS + slot * SLOT;
		d->gsi = (vmm.ioapic2 ? 24 : 5) + slot;
		return;
	}
	d->pci = bridge_bus << 16 | (n + 1) << 11;
	if (vmm.bars_unassigned)
		return;
	d->bar[1] = next_bar;
	d->bar[4] = next_bar + 0x4000;
	d->bar[5] = vmm.bars_high ? 0x8000 : 0; /* above what page tables reach */
	next_bar += 0x10000;
}

struct vmm_dev *vmm_add(enum vmm_kind kind, uint16_t type, uint64_t features)
{
	struct vmm_dev *d = &vmm_devices[vmm_ndevices++];

	*d = (struct vmm_dev){ .kind = kind, .type = type, .features = features, .config_len = 60, .nqueues = 1 };
	for (unsigned i = 0; i < VMM_QUEUES; i++)
		d->queue[i].max = 256;
	place(d);
	if (kind != VMM_LEGACY)
		d->features |= 1ull << 32;
	vmm_reset(d);
	return d;
}

/* ---- interrupts ---- */

bool vmm_pin_open(unsigned gsi)
{
	uint32_t low = ioapic_pin[gsi / 24][(gsi % 24) * 2], high = ioapic_pin[gsi / 24][(gsi % 24) * 2 + 1];

	if (!low || low & 1u << 16)
		return false;
	if (low != 0x41 || high)
		vmm_wrong("pin %u is routed to %#x %#x", gsi, low, high);
	return true;
}

/* MSI-X: a message. MMIO: a line that rises once, until it is acknowledged. */
void vmm_raise(struct vmm_dev *d, uint16_t vector, uint32_t isr)
{
	uint32_t was = d->isr;

	if (!is_pci(d)) {
		d->isr |= isr;
		if (!was && vmm_pin_open(d->gsi))
			vmm_interrupt();
		return;
	}
	if (!d->msix_on || vector == 0xffff || d->msix[vector].word[3] & 1)
		return;
	if (d->msix[vector].word[0] != 0xfee00000u || d->msix[vector].word[1] || d->msix[vector].word[2] != 0x41)
		vmm_wrong("an MSI to %#x %#x %#x", d->msix[vector].word[0], d->msix[vector].word[1], d->msix[vector].word[2]);
	vmm_interrupt();
}

static uint32_t ioapic_read(unsigned n)
{
	uint32_t reg = ioapic_select[n];

	if (n && !vmm.ioapic2)
		return 0;
	if (reg == 1)
		return 0x170020;
	return reg >= 0x10 && reg < 0x40 ? ioapic_pin[n][reg - 0x10] : 0;
}

static void ioapic_write(unsigned n, uint32_t v)
{
	if (n && !vmm.ioapic2)
		return;
	if (ioapic_select[n] >= 0x10 && ioapic_select[n] < 0x40)
		ioapic_pin[n][ioapic_select[n] - 0x10] = v;
}

/* ---- PCI configuration ---- */

static struct vmm_dev *at_address(uint32_t addr)
{
	for (unsigned i = 0; i < vmm_ndevices; i++)
		if (is_pci(&vmm_devices[i]) && vmm_devices[i].pci == addr)
			return &vmm_devices[i];
	return NULL;
}

static uint32_t capability(unsigned at, unsigned next, unsigned len, unsigned kind)
{
	return 0x09 | next << 8 | len << 16 | kind << 24 | 0 * at;
}

/*
 * The list: MSI-X at 0x40, then vendor capabilities: one of a kind that nobody knows, a broken
 * second common one, and the three that count.
 */
static uint32_t capability_word(const struct vmm_dev *d, unsigned reg)
{
	static const struct { unsigned at, next, kind; uint32_t bar, offset, len; } v[] = {
		{ 0x50, 0x60, 5, 0, 0, 0 }, { 0x60, 0x70, 1, 4, 0, 56 }, { 0x70, 0x84, 2, 4, NOTIFY, 0x100 },
		{ 0x84, 0x94, 4, 4, CONFIG, 0 }, { 0x94, 0, 1, 2, 0xfffffff0u, 56 },
	};

	if (reg == 0x40)
		return d->no_msix ? 0x01 | 0x50u << 8 : 0x11 | 0x50u << 8 | 1u << 16 | (uint32_t)d->msix_on << 31;
	if (reg == 0x44)
		return d->no_msix ? 0 : 1;
	if (reg == 0x80)
		return NOTIFY_STEP;
	for (unsigned i = 0; i < sizeof v / sizeof *v; i++) {
		if (reg == v[i].at)
			return capability(reg, v[i].next, v[i].kind == 2 ? 20 : 16, v[i].kind);
		if (reg == v[i].at + 4)
			return v[i].bar;
		if (reg == v[i].at + 8)
			return v[i].offset;
		if (reg == v[i].at + 12)
			return v[i].kind == 4 ? d->config_len : v[i].len;
	}
	return 0;
}

static uint32_t bar_read(struct vmm_dev *d, unsigned n)
{
	static const uint32_t size[6] = { 32, BAR1, 0, 0, BAR4, 0 }, bits[6] = { 1, 0, 0, 0, 0xc, 0 };

	if (n == 5)
		return d->sizing[5] ? NOTHING : d->bar[5];
	if (!size[n])
		return 0;
	return (d->sizing[n] ? -size[n] : d->bar[n]) | bits[n];
}

static uint32_t pci_read(uint32_t addr, unsigned reg)
{
	struct vmm_dev *d = at_address(addr);

	if (!addr)
		return reg == 0 ? 0x29c08086 : 0;
	if (addr == BRIDGE && bridge_buses)
		return reg == 0 ? 0x000c1b36 : reg == 0x0c ? 1u << 16 : reg == 0x18 ? bridge_buses : 0;
	if (!d)
		return NOTHING;
	if (d->capabilities && reg >= 0x34 && d->capabilities(reg) != NOTHING)
		return d->capabilities(reg);
	if (reg >= 0x10 && reg < 0x28)
		return bar_read(d, (reg - 0x10) / 4);
	switch (reg) {
	case 0x00:
		return 0x1af4 | (d->kind == VMM_MODERN ? 0x1040u + d->type : d->type == 1 ? 0x1000u : d->type == 2 ? 0x1001u : d->type == 5 ? 0x1002u : 0x1005u) << 16;
	case 0x04:
		return d->command | 1u << 20;
	case 0x2c:
		return 0x1af4 | (d->kind == VMM_MODERN ? 0x1100u : d->type) << 16;
	case 0x34:
		return 0x40;
	default:
		return capability_word(d, reg);
	}
}

static void pci_write(uint32_t addr, unsigned reg, uint32_t v)
{
	struct vmm_dev *d = at_address(addr);

	if (!d)
		vmm_wrong("PCI configuration of nothing at %#x written", addr);
	if (reg == 0x04) {
		if (v >> 16)
			vmm_wrong("PCI status cleared");
		d->command = v;
	} else if (reg >= 0x10 && reg < 0x28) {
		if (d->command & 2 && v == NOTHING)
			vmm_wrong("a BAR that is being decoded is sized");
		d->sizing[(reg - 0x10) / 4] = v == NOTHING;
		d->bar[(reg - 0x10) / 4] = v;
	} else if (reg == 0x40) {
		d->msix_on = v >> 31 && !(v & 1u << 30);
	} else {
		vmm_wrong("PCI register %#x written", reg);
	}
}

/* ---- registers in memory ---- */

static uint32_t msix(struct vmm_dev *d, unsigned at, const uint32_t *v)
{
	if (at >= sizeof d->msix)
		vmm_wrong("the MSI-X table at %#x", at);
	if (v)
		d->msix[at / 16].word[at / 4 % 4] = *v;
	return d->msix[at / 16].word[at / 4 % 4];
}

static bool bar_access(struct vmm_dev *d, uintptr_t addr, unsigned width, uint32_t *v, bool write)
{
	uint64_t bar1 = d->bar[1], bar4 = (uint64_t)d->bar[5] << 32 | d->bar[4];
	unsigned at = (unsigned)(addr - bar4);

	if (!(d->command & 2))
		return false;
	if (bar1 && addr - bar1 < BAR1) {
		*v = msix(d, (unsigned)(addr - bar1), write ? v : NULL);
		return true;
	}
	if (!bar4 || addr - bar4 >= BAR4)
		return false;
	if (at >= NOTIFY) {
		if (!write || width != 2 || (at - NOTIFY) % NOTIFY_STEP)
			vmm_wrong("the doorbells at %#x, %u wide", at - NOTIFY, width);
		if (*v != (at - NOTIFY) / NOTIFY_STEP)
			vmm_wrong("doorbell %u rung with %u", (at - NOTIFY) / NOTIFY_STEP, *v);
		vmm_ring(d, *v);
	} else if (at >= CONFIG && write) {
		vmm_config_write(d, at - CONFIG, *v, width);
	} else if (at >= CONFIG) {
		*v = vmm_config_read(d, at - CONFIG, width);
	} else if (write) {
		vmm_common_write(d, at, *v, width);
	} else {
		*v = vmm_common_read(d, at, width);
	}
	return true;
}

static bool slot_access(uintptr_t addr, unsigned width, uint32_t *v, bool write)
{
	for (unsigned i = 0; i < vmm_ndevices; i++) {
		struct vmm_dev *d = &vmm_devices[i];

		if (is_pci(d) || addr < d->mmio || addr >= d->mmio + SLOT)
			continue;
		if (write)
			vmm_mmio_write(d, (unsigned)(addr - d->mmio), *v, width);
		else
			*v = vmm_mmio_read(d, (unsigned)(addr - d->mmio), width);
		return true;
	}
	return false;
}

static bool ioapic_access(uintptr_t addr, uint32_t *v, bool write)
{
	unsigned n = (unsigned)(addr - IOAPIC) >> 16, at = addr & 0xffff;

	if (addr < IOAPIC || n > 1 || (at != 0 && at != 0x10))
		return false;
	if (at == 0 && write)
		ioapic_select[n] = *v;
	else if (write)
		ioapic_write(n, *v);
	else
		*v = ioapic_read(n);
	return true;
}

static void access_memory(uintptr_t addr, unsigned width, uint32_t *v, bool write)
{
	vmm.exits++;
	vmm_advance(vmm.exit_ns);
	if (addr % width)
		vmm_wrong("register %#lx, %u wide", (unsigned long)addr, width);
	if (!vmm_mapped(addr))
		vmm_wrong("register %#lx is not mapped", (unsigned long)addr);
	if (vmm.ecam && addr >= ECAM && addr < ECAM + 0x10000000) {
		if (write)
			pci_write((uint32_t)(addr - ECAM) >> 4 & 0xffff00, addr & 0xffc, *v);
		else
			*v = pci_read((uint32_t)(addr - ECAM) >> 4 & 0xffff00, addr & 0xffc);
		return;
	}
	if (ioapic_access(addr, v, write) || slot_access(addr, width, v, write))
		return;
	for (unsigned i = 0; i < vmm_ndevices; i++)
		if (is_pci(&vmm_devices[i]) && bar_access(&vmm_devices[i], addr, width, v, write))
			return;
	if (addr - GED < 0x1000 || addr - SLOTS < 24 * SLOT) {
		*v = 0;
		return;
	}
	vmm_wrong("register %#lx is nobody's", (unsigned long)addr);
}

uint32_t vmm_load(uintptr_t addr, unsigned width)
{
	uint32_t v = 0;

	access_memory(addr, width, &v, false);
	return v;
}

void vmm_store(uintptr_t addr, uint32_t v, unsigned width)
{
	access_memory(addr, width, &v, true);
}

uint32_t vmm_in(uint16_t port, unsigned width)
{
	uint32_t v = NOTHING;
	bool ports = !vmm.no_pci && !vmm.ecam;

	vmm.exits++;
	vmm_advance(vmm.exit_ns);
	if (vmm_chip_in(port, width, &v))
		return v;
	if (port == 0xcf8 && ports)
		return pci_address;
	if (port == 0xcfc && ports && pci_address >> 31)
		return pci_read(pci_address & 0xffff00, pci_address & 0xfc);
	return NOTHING;
}

void vmm_out(uint16_t port, uint32_t v, unsigned width)
{
	bool ports = !vmm.no_pci && !vmm.ecam;

	vmm.exits++;
	vmm_advance(vmm.exit_ns);
	if (vmm_chip_out(port, v, width))
		return;
	if (port == 0xcf8 && ports)
		pci_address = v;
	if (port == 0xcfc && ports && pci_address >> 31)
		pci_write(pci_address & 0xffff00, pci_address & 0xfc, v);
}
