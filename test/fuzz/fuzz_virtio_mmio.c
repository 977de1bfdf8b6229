/* SPDX-License-Identifier: MIT */
/*
 * virtio over MMIO, of version 2 and of version 1: registers that may say anything, at any read. Four slots: an interface and a
 * disk of each version, or a balloon for the second disk, which the command line names, in the order that the input chooses. Read
 * fuzz_virtio.h first.
 */
#include "kvm/pci.h"
#include "test/fuzz/fuzz_virtio.h"

#define SLOTS 4u
#define BASE 0xfeb00000u
#define STEP 0x200u
#define IOAPIC 0xfec00000u
#define WORDS "virtio_mmio.device=512@0xfeb00000:5 virtio_mmio.device=512@0xfeb00200:6 " \
	"virtio_mmio.device=512@0xfeb00400:7 virtio_mmio.device=512@0xfeb00600:8"

/* Spaces of lies: the slots 0 to 3, the IOAPICs 4, and 7 everything else. */
static struct fuzz_device device[SLOTS];
static unsigned legacy; /* first slot of version 1: 0 or 2 */
static uint32_t ioapic_register;

void fuzz_begin(void)
{
	fuzz_start(WORDS);
	pci_present(); /* there is none: ports answer all ones */
	for (unsigned i = 0; i < SLOTS; i++)
		fuzz_make_device(&device[i], (uint16_t)(i % 2 + 1));
}

uint32_t vmm_in(uint16_t port, unsigned width)
{
	uint32_t v = UINT32_MAX;

	vmm_advance(vmm.exit_ns);
	return vmm_chip_in(port, width, &v) ? v : UINT32_MAX;
}

void vmm_out(uint16_t port, uint32_t v, unsigned width)
{
	vmm_advance(vmm.exit_ns);
	vmm_chip_out(port, v, width);
}

static uint32_t honest_read(const struct fuzz_device *d, bool old, unsigned at, unsigned width)
{
	if (at >= 0x100)
		return fuzz_config(d, at - 0x100, width);
	switch (at) {
	case 0x00:
		return 0x74726976;
	case 0x04:
		return old ? 1 : 2;
	case 0x08:
		return d->type;
	case 0x10:
		return fuzz_features(d);
	case 0x34:
		return d->queue_select < d->queues ? 256 : 0;
	case 0x70:
		return d->status;
	case 0xfc:
		return d->generation;
	default:
		return 0;
	}
}

static void honest_write(struct fuzz_device *d, unsigned at, uint32_t v)
{
	if (at == 0x14)
		d->device_select = v;
	else if (at == 0x30)
		d->queue_select = v;
	else if (at == 0x70)
		d->status = (uint8_t)v;
	else if (at == 0xa0 || at == 0xa4)
		fuzz_see_used(d, at == 0xa4, v);
}

uint32_t vmm_load(uintptr_t addr, unsigned width)
{
	unsigned slot = (unsigned)((addr - BASE) / STEP), at = (unsigned)((addr - BASE) % STEP);

	vmm_advance(vmm.exit_ns);
	fuzz_must(fuzz_mapped(addr, width));
	if (addr >= BASE && addr < BASE + SLOTS * STEP)
		return fuzz_seen(slot, at, honest_read(&device[slot], slot / 2 * 2 == legacy, at, width));
	if (addr == IOAPIC + 0x10)
		return fuzz_seen(4, ioapic_register & 0xffff, ioapic_register == 1 ? 0x170020 : 0);
	return fuzz_seen(7, addr & 0xffff, 0);
}

void vmm_store(uintptr_t addr, uint32_t v, unsigned width)
{
	unsigned slot = (unsigned)((addr - BASE) / STEP);

	vmm_advance(vmm.exit_ns);
	fuzz_must(fuzz_mapped(addr, width));
	if (addr >= BASE && addr < BASE + SLOTS * STEP)
		honest_write(&device[slot], (unsigned)((addr - BASE) % STEP), v);
	else if (addr == IOAPIC)
		ioapic_register = v;
}

void fuzz_run(void)
{
	legacy = fuzz_byte() & 1 ? 2 : 0;
	fuzz_draw_lies();
	if (fuzz_has_balloon)
		fuzz_make_device(&device[1], 5); /* the second disk: the last slot comes first */
	fuzz_bring_up(&device[1]);
}
