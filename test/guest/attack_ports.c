/* SPDX-License-Identifier: MIT */
/*
 * I/O ports behind the seal: what sets the machine up is out of reach, in every width and with every
 * overlap, and what a running guest needs is not: a PVH guest of Xen its debug port, a PV guest nothing.
 */
#include "test/guest/attack.h"

static void in8(uint64_t port)
{
	__asm__ volatile("inb %%dx, %%al" : : "d"((uint16_t)port) : "rax");
}

static void in16(uint64_t port)
{
	__asm__ volatile("inw %%dx, %%ax" : : "d"((uint16_t)port) : "rax");
}

static void in32(uint64_t port)
{
	__asm__ volatile("inl %%dx, %%eax" : : "d"((uint16_t)port) : "rax");
}

static void out8(uint64_t port)
{
	__asm__ volatile("outb %%al, %%dx" : : "d"((uint16_t)port), "a"(0));
}

static void out16(uint64_t port)
{
	__asm__ volatile("outw %%ax, %%dx" : : "d"((uint16_t)port), "a"(0));
}

static void out32(uint64_t port)
{
	__asm__ volatile("outl %%eax, %%dx" : : "d"((uint16_t)port), "a"(0));
}

static void ins8(uint64_t port)
{
	uint8_t buf[4], *at = buf;

	__asm__ volatile("insb" : "+D"(at) : "d"((uint16_t)port) : "memory");
}

static void outs8(uint64_t port)
{
	static const uint8_t buf[4];
	const uint8_t *at = buf;

	__asm__ volatile("outsb" : "+S"(at) : "d"((uint16_t)port) : "memory");
}

static const struct {
	uint16_t port;
	const char *what;
} closed[] = {
	{ 0x0000, "the DMA controller" }, { 0x0020, "the interrupt controller" }, { 0x0021, "its mask" }, { 0x0040, "the timer chip" },
	{ 0x0043, "its mode" }, { 0x0060, "the keyboard controller" }, { 0x0064, "its reset line" }, { 0x0072, "the second CMOS index" },
	{ 0x0080, "DMA pages" }, { 0x0092, "fast reset" }, { 0x00a1, "the second interrupt controller" }, { 0x00b2, "system management" },
	{ 0x00c0, "the second DMA controller" }, { 0x01f0, "IDE" }, { 0x0510, "firmware configuration's selector" },
	{ 0x0511, "its data" }, { 0x0514, "its DMA address" }, { 0x0cd8, "ACPI hot-plug" }, { 0x0cf8, "PCI's address" }, { 0x0cf9, "reset control" },
	{ 0x0cfc, "PCI's data" }, { 0x0cff, "the last byte of PCI's data" }, { 0x1000, "the first port past the bitmap" },
	{ 0x5658, "VMware's back door" }, { 0xc000, "a PCI device's ports" }, { 0xffff, "the last port" },
};

static bool refused(void (*go)(uint64_t), uint64_t port)
{
	return attack(go, port) == 13;
}

static void try_closed(void)
{
	static void (*const ways[])(uint64_t) = { in8, in16, in32, out8, out16, out32, ins8, outs8 };

	for (size_t i = 0; i < sizeof(closed) / sizeof(closed[0]); i++) {
		unsigned open = 0;

		for (size_t k = 0; k < sizeof(ways) / sizeof(ways[0]); k++)
			open += !refused(ways[k], closed[i].port);
		attack_point(open == 0, closed[i].what);
	}
}

/* The serial lines', the debug exit's, power management's; the timer chip's second counter and the CMOS clock, which are clocks. */
static bool is_needed(uint32_t port)
{
	if (attack_place() != ON_KVM)
		return attack_place() == ON_HVM && port == 0xe9;
	return port == 0x42 || port == 0x70 || port == 0x71 || port == 0xe9 || (port >= 0xf4 && port <= 0xf7) || (port >= 0x2f8 && port <= 0x2ff) ||
	       (port >= 0x3f8 && port <= 0x3ff) || port == 0x501 || (port >= 0x600 && port <= 0x60f);
}

static void try_all(void)
{
	unsigned open = 0;

	for (uint32_t port = 0; port < 0x10000; port++) {
		if (!is_needed(port) && !refused(in8, port)) {
			attack_say("# port %x can be read", port);
			open++;
		}
	}
	attack_point(open == 0, "no port but those that a running guest needs");
}

/* One denied byte denies the whole access. */
static void try_overlaps(void)
{
	attack_point(refused(in16, 0x3f7) && refused(out16, 0x3f7), "a word that begins one byte before the serial port");
	attack_point(refused(in32, 0x3fd) && refused(out32, 0x3fd), "a double word that ends one byte past it");
	attack_point(refused(out32, 0xcf5), "a double word that ends in PCI's address");
	attack_point(refused(in32, 0xf3) && refused(in16, 0xf7), "words across the debug exit's ends");
	attack_point(refused(in8, 0x3fd) == !is_needed(0x3fd), "the serial port's status can be read where it is needed");
	attack_point(refused(in8, 0xe9) == !is_needed(0xe9), "so can the debug port");
}

int main(void)
{
	try_closed();
	try_overlaps();
	try_all();
	return attack_done();
}
