/* SPDX-License-Identifier: MIT */
#include "kvm/pci.h"

/*
 * PCI configuration: by ports 0xcf8 and 0xcfc where they answer (q35, pc), else in memory where
 * ACPI's MCFG says (a microvm with pcie=on).
 *
 * Only before the seal. Buses behind bridges are seen where the firmware numbered them.
 * Everything read here is input: lists are walked for a bounded number of steps, and addresses
 * are checked by map.c before they are used.
 */

#include "core/err.h"
#include "core/x86/io.h"
#include "kvm/kvm.h"

#define PORT_ADDRESS 0xcf8u
#define PORT_DATA 0xcfcu
#define PORT_ENABLE 0x80000000u

/* Configuration in memory: a page for each function, of which we map the first two buses. */
#define ECAM_SHIFT 4u
#define ECAM_LEN 0x200000u

#define NOTHING UINT32_MAX /* what a read answers where there is no function */
#define BUSES_MAX 256u
#define DEVICE_STEP (1u << 11)
#define FUNCTION_STEP (1u << 8)
#define FUNCTION_MASK (7u << 8)

#define HEADER_TYPE(v) ((v) >> 16 & 0x7fu)
#define HEADER_MULTI (1u << 23)
#define HEADER_BRIDGE 1u

#define COMMAND_MEMORY 0x0002u
#define COMMAND_MASTER 0x0004u
#define COMMAND_NO_INTX 0x0400u
#define COMMAND_MASK 0xffffu /* the status above it clears where a 1 is written */
#define STATUS_LIST (1u << 20)

#define BARS 6u
#define BAR_IO 0x1u
#define BAR_64 0x4u
#define BAR_TYPE 0x6u
#define BAR_BITS 0xfu

#define CAP_FIRST 0x40u
#define CAPS_MAX 48u

#define MSIX_TABLE 4u
#define MSIX_ENABLE (1u << 31)
#define MSIX_MASK (1u << 30)
#define MSIX_ENTRY 16u

/*
 * Where BARs go that the firmware left without an address, or put out of reach: above all low
 * RAM, and below everything else that QEMU puts under 4 GiB.
 */
#define REACH (1ull << 39) /* what the page tables can map */
#define WINDOW 0xf0000000u
#define WINDOW_LEN 0x0c000000u

/* QEMU, hw/i386/microvm.h */
#define MICROVM_ECAM 0xe0000000u
#define MICROVM_WINDOW 0xc0000000u

static enum { UNTRIED, PORTS, MEMORY, ABSENT } way;
static uint64_t ecam;
static unsigned last_bus;
static uint64_t window = WINDOW, window_end = WINDOW + WINDOW_LEN; /* where the next BAR goes */

/*
 * QEMU's microvm with pcie=on says only in tables that we do not read where its PCI is: we look
 * where it always is.
 */
static bool find_ecam(void)
{
	const struct acpi *acpi = acpi_get();
	uint32_t id;

	ecam = acpi->ecam;
	if (!ecam && acpi->reduced && !__builtin_memcmp(acpi->oem, "BOCHS", 5)) {
		ecam = MICROVM_ECAM;
		window = MICROVM_WINDOW;
		window_end = MICROVM_WINDOW + WINDOW_LEN;
	}
	if (!ecam || map_setup(ecam, ECAM_LEN))
		return false;
	id = mmio_read32(ecam);
	return id && id != NOTHING;
}

/* The address register keeps what was written to it, if there is one. */
bool pci_present(void)
{
	if (way == UNTRIED) {
		outl(PORT_ADDRESS, PORT_ENABLE);
		way = inl(PORT_ADDRESS) == PORT_ENABLE ? PORTS : find_ecam() ? MEMORY : ABSENT;
	}
	return way != ABSENT;
}

/* Two exits by ports, one in memory. Beyond the registers that every function has nobody reads. */
uint32_t pci_read32(uint32_t addr, unsigned reg)
{
	uint64_t at = (uint64_t)addr << ECAM_SHIFT | reg;

	if (way == MEMORY)
		return at < ECAM_LEN ? mmio_read32(ecam + at) : NOTHING;
	outl(PORT_ADDRESS, PORT_ENABLE | addr | (reg & 0xfc));
	return inl(PORT_DATA);
}

void pci_write32(uint32_t addr, unsigned reg, uint32_t v)
{
	uint64_t at = (uint64_t)addr << ECAM_SHIFT | reg;

	if (way == MEMORY) {
		if (at < ECAM_LEN)
			mmio_write32(ecam + at, v);
		return;
	}
	outl(PORT_ADDRESS, PORT_ENABLE | addr | (reg & 0xfc));
	outl(PORT_DATA, v);
}

/*
 * A bridge tells how far bus numbers go. One that the firmware left alone hides what is behind
 * it.
 */
static void see_bridge(uint32_t addr)
{
	unsigned last;

	if (HEADER_TYPE(pci_read32(addr, PCI_HEADER)) != HEADER_BRIDGE)
		return;
	last = pci_read32(addr, PCI_BUSES) >> 16 & 0xff;
	if (last > last_bus)
		last_bus = last;
}

/*
 * From a function to the next that can be: past the rest of a device that is not there or has one
 * function.
 */
static uint32_t step(uint32_t addr)
{
	uint32_t first = addr & ~FUNCTION_MASK;

	if (addr == first && (pci_read32(addr, PCI_ID) == NOTHING || !(pci_read32(addr, PCI_HEADER) & HEADER_MULTI)))
		return first + DEVICE_STEP;
	return addr + FUNCTION_STEP;
}

/* How many buses there are is learned on the way; the count can only grow, up to BUSES_MAX. */
uint32_t pci_next(uint32_t addr)
{
	if (!pci_present())
		return PCI_NONE;
	if (addr == PCI_NONE)
		last_bus = 0;
	addr = addr == PCI_NONE ? 0 : step(addr);
	for (; addr >> 16 <= last_bus; addr = step(addr)) {
		if (pci_read32(addr, PCI_ID) == NOTHING)
			continue;
		see_bridge(addr);
		return addr;
	}
	return PCI_NONE;
}

/*
 * Pointers are masked as the specification says, and a list that does not end is left after
 * CAPS_MAX.
 */
unsigned pci_capability(uint32_t addr, unsigned kind, unsigned at)
{
	unsigned i;
	uint32_t v;

	if (!at && !(pci_read32(addr, PCI_COMMAND) & STATUS_LIST))
		return 0;
	v = at ? pci_read32(addr, at) >> 8 : pci_read32(addr, PCI_CAPABILITIES);
	for (i = 0; i < CAPS_MAX; i++) {
		at = v & 0xfc;
		if (at < CAP_FIRST)
			return 0;
		v = pci_read32(addr, at);
		if ((v & 0xff) == kind)
			return at;
		v >>= 8;
	}
	return 0;
}

/* How much a BAR decodes: which address bits stay 0 when all are set. 0: it is none. */
static uint64_t bar_size(uint32_t addr, unsigned reg, bool wide)
{
	uint64_t mask;

	pci_write32(addr, reg, NOTHING);
	mask = pci_read32(addr, reg) & ~BAR_BITS;
	if (!mask)
		return 0;
	mask |= 0xffffffff00000000u;
	if (wide) {
		pci_write32(addr, reg + 4, NOTHING);
		mask = (mask & NOTHING) | (uint64_t)pci_read32(addr, reg + 4) << 32;
	}
	return -mask;
}

/*
 * Sizes are powers of two, and so is what they are aligned to. Nothing is decoded while the
 * address is in pieces.
 */
static void place_bar(uint32_t addr, unsigned reg, bool wide)
{
	uint32_t command = pci_read32(addr, PCI_COMMAND) & COMMAND_MASK;
	uint64_t size, base;

	pci_write32(addr, PCI_COMMAND, command & ~COMMAND_MEMORY);
	size = bar_size(addr, reg, wide);
	base = (window + size - 1) & -size;
	if (!size || size & (size - 1) || size > WINDOW_LEN || base + size > window_end)
		base = 0;
	else
		window = base + size;
	pci_write32(addr, reg, (uint32_t)base);
	if (wide)
		pci_write32(addr, reg + 4, 0);
	pci_write32(addr, PCI_COMMAND, command);
}

/* As it stands, without its type bits. */
static uint64_t get_bar(uint32_t addr, unsigned n)
{
	unsigned reg = PCI_BAR0 + 4 * n;
	uint32_t v = pci_read32(addr, reg);

	if ((v & BAR_TYPE) != BAR_64)
		return v & ~BAR_BITS;
	return n + 1 < BARS ? (v & ~BAR_BITS) | (uint64_t)pci_read32(addr, reg + 4) << 32 : 0;
}

/* BARs that nobody asks for are left as they are: placing one costs a dozen exits. */
uint64_t pci_bar(uint32_t addr, unsigned n)
{
	uint32_t v = n < BARS ? pci_read32(addr, PCI_BAR0 + 4 * n) : BAR_IO;
	uint64_t base;

	if (v & BAR_IO)
		return 0;
	base = get_bar(addr, n);
	if (base && base < REACH)
		return base;
	/* A bridge that hands on no addresses was not set up by the firmware (qboot does not). */
	if (addr >> 16)
		return 0;
	place_bar(addr, PCI_BAR0 + 4 * n, (v & BAR_TYPE) == BAR_64 && n + 1 < BARS);
	return get_bar(addr, n);
}

/* INTx is switched off: its line may be shared with somebody who would be rung for nothing. */
void pci_enable(uint32_t addr)
{
	uint32_t command = pci_read32(addr, PCI_COMMAND) & COMMAND_MASK;

	pci_write32(addr, PCI_COMMAND, command | COMMAND_MEMORY | COMMAND_MASTER | COMMAND_NO_INTX);
}

/*
 * One entry does for all queues, because an interrupt carries nothing here. The table is
 * set-up's: who may write it can send any vector, so its page goes away with the seal.
 */
int pci_msix(uint32_t addr)
{
	unsigned cap = pci_capability(addr, PCI_CAP_MSIX, 0);
	uint32_t where = cap ? pci_read32(addr, cap + MSIX_TABLE) : 0;
	uint64_t bar = cap ? pci_bar(addr, where & 7) : 0, entry = bar + (where & ~7u);

	if (!bar || map_setup(entry, MSIX_ENTRY))
		return -ERR_NOTSUP;
	mmio_write32(entry, INTR_MSI_ADDRESS);
	mmio_write32(entry + 4, 0);
	mmio_write32(entry + 8, intr_msi_data());
	mmio_write32(entry + 12, 0); /* not masked */
	pci_write32(addr, cap, (pci_read32(addr, cap) | MSIX_ENABLE) & ~MSIX_MASK);
	return 0;
}
