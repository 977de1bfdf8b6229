/* SPDX-License-Identifier: MIT */
#ifndef CORE_X86_IO_H
#define CORE_X86_IO_H

/*
 * core/x86/io.h on the desk: ports and registers are the fake machine's. See test/fake/vmm.h.
 */

#include <stdint.h>

uint32_t vmm_in(uint16_t port, unsigned width);
void vmm_out(uint16_t port, uint32_t v, unsigned width);
uint32_t vmm_load(uintptr_t addr, unsigned width);
void vmm_store(uintptr_t addr, uint32_t v, unsigned width);

static inline uint8_t inb(uint16_t port)
{
	return (uint8_t)vmm_in(port, 1);
}

static inline uint16_t inw(uint16_t port)
{
	return (uint16_t)vmm_in(port, 2);
}

static inline uint32_t inl(uint16_t port)
{
	return vmm_in(port, 4);
}

static inline void outb(uint16_t port, uint8_t v)
{
	vmm_out(port, v, 1);
}

static inline void outw(uint16_t port, uint16_t v)
{
	vmm_out(port, v, 2);
}

static inline void outl(uint16_t port, uint32_t v)
{
	vmm_out(port, v, 4);
}

static inline void outsb(uint16_t port, const void *s, unsigned long n)
{
	const uint8_t *byte = s;

	while (n--)
		vmm_out(port, *byte++, 1);
}

static inline uint8_t mmio_read8(uintptr_t addr)
{
	return (uint8_t)vmm_load(addr, 1);
}

static inline uint16_t mmio_read16(uintptr_t addr)
{
	return (uint16_t)vmm_load(addr, 2);
}

static inline uint32_t mmio_read32(uintptr_t addr)
{
	return vmm_load(addr, 4);
}

static inline void mmio_write8(uintptr_t addr, uint8_t v)
{
	vmm_store(addr, v, 1);
}

static inline void mmio_write16(uintptr_t addr, uint16_t v)
{
	vmm_store(addr, v, 2);
}

static inline void mmio_write32(uintptr_t addr, uint32_t v)
{
	vmm_store(addr, v, 4);
}

static inline void mmio_write64(uintptr_t addr, uint64_t v)
{
	mmio_write32(addr, (uint32_t)v);
	mmio_write32(addr + 4, (uint32_t)(v >> 32));
}

#endif
