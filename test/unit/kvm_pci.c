/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include <stdio.h>

/*
 * kvm/pci.c, virtio_pci.c, map.c and acpi.c on the fake machine: finding devices by ports and in
 * memory, BARs without an address or out of reach, lists that loop or lie, tables that are
 * damaged, and that the seal leaves no set-up register in reach.
 */

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "core/core.h"
#include "core/err.h"
#include "core/nic.h"
#include "core/plat.h"
#include "core/x86/bootinfo.h"
#include "core/x86/io.h"
#include "kvm/kvm.h"
#include "kvm/pci.h"
#include "test/child.h"
#include "test/fake/vmm.h"
#include "test/tap.h"

static struct vmm_dev *dev;
static struct nic_info info;
#define TABLES 0x40000u
static uint8_t *tables; /* outside of RAM */

static void boot(void)
{
	vmm.quiet = true;
	vmm_start();
	plat_start();
}

/* The NIC works: a frame arrives. */
static void check_nic(void)
{
	struct nic_buf v[64];
	uint8_t frame[60] = { 1, 2, 3 };
	unsigned n = 0;

	must(!nic_open(0, &info));
	plat_seal();
	must(vmm_send(dev, frame, sizeof frame, NULL));
	while (!(n = nic_rx(0, v, 64)))
		if (!nic_arm(0))
			plat_wait(PLAT_FOREVER);
	must(n == 1 && v->len == 60 && !memcmp(v->data, frame, 60));
}

/* ---- where devices and BARs are ---- */

static void run_ports(void)
{
	dev = vmm_add_net(VMM_MODERN, 1ull << 5);
	boot();
	check_nic();
	must(!strcmp(machine_name(), "q35"));
}

static void run_unassigned(void)
{
	vmm.bars_unassigned = true;
	dev = vmm_add_net(VMM_MODERN, 1ull << 5);
	boot();
	check_nic();
	must(dev->bar[4] >= 0xf0000000 && dev->bar[1] >= 0xf0000000 && dev->bar[4] % 0x4000 < 16 && dev->bar[4] >> 14 != dev->bar[1] >> 14);
}

static void run_high(void)
{
	vmm.bars_high = true;
	dev = vmm_add_net(VMM_TRANSITIONAL, 1ull << 5);
	boot();
	check_nic();
	must(!dev->bar[5]);
}

static void run_bridge(void)
{
	vmm_bridge(3, 5);
	dev = vmm_add_net(VMM_MODERN, 1ull << 5);
	boot();
	check_nic();
	must(strstr(vmm_log(), "virtio pci 03:01.0"));
}

/* Registers whose last page is the last there can be: its end is 0, as that of what nothing was mapped before is. */
static void run_last_page(void)
{
	boot();
	must(map_device(0xfffffffffffff814, 56) && map_device(0xffffffffffffffff, 1) && map_device(0xfffffffffffff814, 4096));
	must(!map_device(0xe0000000, 8192) && !map_device(0xe0001000, 4096) && map_device(0xfffffffffffff814, 56));
}

/* ---- the seal ---- */

static void after_seal(void (*fn)(void))
{
	dev = vmm_add_net(VMM_MODERN, 1ull << 5);
	boot();
	check_nic();
	fn();
}

static void touch_msix(void)
{
	mmio_write32(dev->bar[1], 0);
}

static void touch_ioapic(void)
{
	mmio_read32(0xfec00000);
}

static void touch_pci(void)
{
	pci_read32(0, 0);
}

static void touch_common(void)
{
	mmio_read8(dev->bar[4] + 20);
	must(map_device(0xe0000000, 4096));
}

static void run_msix_sealed(void)
{
	after_seal(touch_msix);
}

static void run_ioapic_sealed(void)
{
	after_seal(touch_ioapic);
}

static void run_pci_sealed(void)
{
	after_seal(touch_pci);
}

static void run_common_sealed(void)
{
	after_seal(touch_common);
}

/* ---- capabilities ---- */

static uint32_t caps[80];
static bool instead;

static uint32_t answer(unsigned reg)
{
	return instead ? caps[reg / 4] : UINT32_MAX;
}

static void cap(unsigned at, unsigned next, unsigned len, unsigned kind, uint32_t bar, uint32_t offset, uint32_t length)
{
	caps[at / 4] = 9 | next << 8 | len << 16 | kind << 24;
	caps[at / 4 + 1] = bar;
	caps[at / 4 + 2] = offset;
	caps[at / 4 + 3] = length;
}

/* A device with these capabilities is not there, and nobody comes to harm. */
static void not_there(void)
{
	dev = vmm_add_net(VMM_MODERN, 1ull << 5);
	dev->capabilities = answer;
	instead = true;
	boot();
	must(nic_open(0, &info) == -ERR_NODEV);
	plat_seal();
}

static void good_caps(void)
{
	caps[0x34 / 4] = 0x40;
	cap(0x40, 0x50, 16, 1, 4, 0, 56);
	cap(0x50, 0x64, 20, 2, 4, 0x3000, 0x100);
	caps[0x60 / 4] = 4;
	cap(0x64, 0, 16, 4, 4, 0x2000, 12);
}

static void run_good(void)
{
	good_caps();
	dev = vmm_add_net(VMM_MODERN, 1ull << 5);
	dev->capabilities = answer;
	instead = true;
	boot();
	must(!nic_open(0, &info) && strstr(vmm_log(), "no interrupt: polled"));
}

static void run_loop(void)
{
	good_caps();
	cap(0x40, 0x40, 16, 3, 4, 0, 56);
	not_there();
}

static void run_pair_loop(void)
{
	good_caps();
	cap(0x50, 0x40, 20, 9, 4, 0, 56);
	not_there();
}

static void run_empty(void)
{
	not_there();
}

static void run_low_pointer(void)
{
	good_caps();
	caps[0x34 / 4] = 0x10;
	not_there();
}

static void run_past_end(void)
{
	good_caps();
	caps[0x34 / 4] = 0xf8;
	cap(0xf8, 0, 16, 1, 4, 0, 56);
	not_there();
}

static void run_bar_7(void)
{
	good_caps();
	caps[0x44 / 4] = 7;
	not_there();
}

static void run_io_bar(void)
{
	good_caps();
	caps[0x44 / 4] = 0;
	not_there();
}

static void run_short(void)
{
	good_caps();
	caps[0x4c / 4] = 55;
	not_there();
}

static void run_no_notify(void)
{
	good_caps();
	caps[0x50 / 4] = 9 | 0x64 << 8 | 16 << 16 | 2u << 24;
	not_there();
}

static void run_huge(void)
{
	good_caps();
	caps[0x4c / 4] = 0xffffffff;
	not_there();
}

/* Registers in the middle of our own memory. */
static void run_in_ram(void)
{
	good_caps();
	dev = vmm_add_net(VMM_MODERN, 1ull << 5);
	vmm.quiet = true;
	vmm_start();
	dev->bar[4] = (uint32_t)bootinfo.ram[0].base;
	dev->capabilities = answer;
	instead = true;
	plat_start();
	must(nic_open(0, &info) == -ERR_NODEV);
}

/* A doorbell beyond the window that was told. */
static void run_far_doorbell(void)
{
	good_caps();
	caps[0x60 / 4] = 0x1000;
	dev = vmm_add_net(VMM_MODERN, 1ull << 5);
	dev->capabilities = answer;
	instead = true;
	boot();
	must(nic_open(0, &info) == -ERR_PROTO && !dev->status);
}

static void run_random_caps(void)
{
	good_caps();
	for (unsigned n = 1 + (unsigned)vmm_below(6); n; n--)
		((uint8_t *)caps)[0x34 + vmm_below(0x70 - 0x34)] = (uint8_t)vmm_random();
	caps[0x3c / 4] = 0;
	dev = vmm_add_net(VMM_MODERN, 1ull << 5);
	dev->capabilities = answer;
	instead = true;
	boot();
	(void)pci_capability(dev->pci, PCI_CAP_VENDOR, 0);
	for (unsigned at = 0, i = 0; i < 100 && (at = pci_capability(dev->pci, PCI_CAP_VENDOR, at)); i++)
		must(at >= 0x40 && at < 0x100);
}

/* ---- ACPI ---- */

static void sum(uint8_t *p, size_t len, size_t at)
{
	uint8_t s = 0;

	p[at] = 0;
	for (size_t i = 0; i < len; i++)
		s += p[i];
	p[at] = (uint8_t)-s;
}

static void header(uint8_t *p, const char *name, uint32_t len)
{
	memcpy(p, name, 4);
	memcpy(p + 4, &len, 4);
	memcpy(p + 10, "BOCHS ", 6);
}

/*
 * RSDP at 0, RSDT at 0x100, FADT at 0x200, MCFG at 0x400; all as QEMU's q35 has them, but for
 * where PCI is.
 */
static void make_tables(uint64_t ecam)
{
	uint32_t base;

	tables = mmap((void *)0x8000000, TABLES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	must(tables != MAP_FAILED);
	vmm.tables = (struct plat_range){ (uintptr_t)tables, TABLES };
	base = (uint32_t)(uintptr_t)tables;
	memcpy(tables, "RSD PTR ", 8);
	memcpy(tables + 16, (uint32_t[]){ base + 0x100 }, 4);
	header(tables + 0x100, "RSDT", 36 + 8);
	memcpy(tables + 0x100 + 36, (uint32_t[]){ base + 0x200, base + 0x400 }, 8);
	header(tables + 0x200, "FACP", 244);
	memcpy(tables + 0x200 + 56, (uint32_t[]){ 0x600, 0, 0x604, 0, 0, 0x608 }, 24);
	header(tables + 0x400, "MCFG", 60);
	memcpy(tables + 0x400 + 44, &ecam, 8);
	sum(tables, 20, 8);
	sum(tables + 0x100, 44, 9);
	sum(tables + 0x200, 244, 9);
	sum(tables + 0x400, 60, 9);
	bootinfo.rsdp = base;
}

static void close_tables(void)
{
	must(!mprotect(tables, TABLES, PROT_NONE)); /* whoever reads them must map them first */
}

static void run_acpi(void)
{
	const struct acpi *a;

	make_tables(0xb0000000);
	close_tables();
	boot();
	a = acpi_get();
	must(a->found && !a->reduced && a->pm1_event == 0x600 && a->pm1_control == 0x604 && a->pm_timer == 0x608 && a->ecam == 0xb0000000);
	must(!strcmp(a->oem, "BOCHS "));
}

static void run_ecam(void)
{
	make_tables(0xb0000000);
	close_tables();
	vmm.ecam = true;
	dev = vmm_add_net(VMM_MODERN, 1ull << 5);
	boot();
	check_nic();
}

static void run_bad_sum(void)
{
	make_tables(0xb0000000);
	tables[0x200 + 60]++;
	close_tables();
	boot();
	must(!acpi_get()->found && acpi_get()->ecam == 0xb0000000);
}

static void run_bad_root(void)
{
	make_tables(0xb0000000);
	tables[8]++;
	close_tables();
	boot();
	must(!acpi_get()->found && !acpi_get()->ecam);
}

/*
 * Lengths and pointers may be anything; what they point to is readable there, as on a machine it
 * would be.
 */
static void run_random_tables(void)
{
	static const uint16_t at[] = { 15, 16, 17, 24, 0x104, 0x105, 0x106, 0x107, 0x124, 0x125, 0x128, 0x129, 0x204, 0x205, 0x206, 0x207 };

	make_tables(0xb0000000);
	for (unsigned n = 1 + (unsigned)vmm_below(4); n; n--)
		tables[at[vmm_below(sizeof at / sizeof *at)]] = (uint8_t)vmm_random();
	sum(tables, 20, 8);
	sum(tables + 0x100, 44, 9);
	boot();
	(void)acpi_get();
}

/* A table that says it lies in our memory would have us make that read-only. */
static void run_in_our_memory(void)
{
	make_tables(0xb0000000);
	vmm.quiet = true;
	vmm_start();
	memcpy(tables + 0x124, (uint32_t[]){ (uint32_t)bootinfo.ram[0].base + 64 }, 4);
	sum(tables + 0x100, 44, 9);
	close_tables();
	must(!acpi_get()->found && acpi_get()->ecam == 0xb0000000);
}

int main(void)
{
	static const struct { void (*fn)(void); const char *what; } caps_v[] = {
		{ run_good, "capabilities without MSI-X: polled" }, { run_loop, "a list that is its own next" }, { run_pair_loop, "a list that loops" },
		{ run_empty, "no list" }, { run_low_pointer, "a list inside the header" }, { run_past_end, "a capability over the end" },
		{ run_bar_7, "BAR 7" }, { run_io_bar, "a BAR of ports" }, { run_short, "registers that are too short" },
		{ run_no_notify, "a notify capability without its step" }, { run_huge, "registers of 4 GiB" },
		{ run_in_ram, "registers in our memory" }, { run_far_doorbell, "a doorbell out of its window" },
	};
	const char *seed = getenv("PITH_SEED");
	unsigned good = 0;

	vmm.seed = seed ? strtoull(seed, NULL, 10) : 1;
	ok(child_ends(run_ports, 0), "a device by ports");
	ok(child_ends(run_unassigned, 0), "BARs that the firmware left without an address");
	ok(child_ends(run_high, 0), "BARs out of reach are placed anew");
	ok(child_ends(run_bridge, 0), "a device behind a bridge");
	ok(child_ends(run_last_page, 0), "registers in the last page there is");
	ok(child_ends(run_msix_sealed, VMM_WRONG), "the seal closes MSI-X tables");
	ok(child_ends(run_ioapic_sealed, VMM_WRONG), "the seal closes the IOAPIC");
	ok(child_ends(run_pci_sealed, VMM_WRONG), "the seal closes PCI configuration");
	ok(child_ends(run_common_sealed, 0), "the seal leaves the device's own registers, and nothing new");
	for (unsigned i = 0; i < sizeof caps_v / sizeof *caps_v; i++)
		ok(child_ends(caps_v[i].fn, 0), "%s", caps_v[i].what);
	for (; good < 500 && child_ends(run_random_caps, 0); good++, vmm.seed++)
		;
	ok(good == 500, "random capabilities end (seed %lu)", (unsigned long)vmm.seed);
	ok(child_ends(run_acpi, 0), "ACPI's tables");
	ok(child_ends(run_ecam, 0), "PCI configuration in memory");
	ok(child_ends(run_bad_sum, 0) && child_ends(run_bad_root, 0), "a table whose sum is wrong counts as absent");
	ok(child_ends(run_in_our_memory, 0), "a table in our memory counts as absent");
	for (good = 0; good < 300 && child_ends(run_random_tables, 0); good++, vmm.seed++)
		;
	ok(good == 300, "damaged tables (seed %lu)", (unsigned long)vmm.seed);
	return tap_done();
}
