/* SPDX-License-Identifier: MIT */
/*
 * The gate before the seal, and the seal itself. This is no program: it stands in core_main()'s place,
 * where the C library would start, so nothing has sealed the machine yet.
 *
 * Before the seal a page may be made executable, never while it is writable, and never one of the gate's;
 * the set-up ports are open. Behind it all of that is gone for good.
 */
#include "core/err.h"
#include "test/guest/attack.h"

static void read_pci(uint64_t arg)
{
	uint32_t id;

	(void)arg;
	__asm__ volatile("outl %%eax, %%dx" : : "d"((uint16_t)0xcf8), "a"(0x80000000u));
	__asm__ volatile("inl %%dx, %%eax" : "=a"(id) : "d"((uint16_t)0xcfc));
}

static void try_mapping(uint8_t *page)
{
	uint64_t at = (uintptr_t)page;

	for (unsigned i = 0; i < 4096; i++)
		page[i] = 0xc3;
	attack_point(attack(attack_jump, at) == 14, "fresh memory cannot be run");
	attack_point(gate_map(at, PAGE_SIZE, GATE_READ | GATE_WRITE | GATE_EXEC) == -ERR_INVAL, "writable and executable is refused");
	attack_point(gate_map(at, PAGE_SIZE, GATE_WRITE | GATE_EXEC) == -ERR_INVAL, "also without readable");
	attack_point(gate_map(at, PAGE_SIZE, GATE_READ | GATE_EXEC) == 0 && attack(attack_jump, at) < 0, "executable instead of writable is granted");
	attack_point(attack(attack_write, at) == 14, "and then it cannot be written");
	attack_point(gate_map(at, PAGE_SIZE, GATE_READ | GATE_WRITE) == 0 && attack(attack_jump, at) == 14, "writable again, it cannot be run");
	attack_point(gate_map(at + 1, PAGE_SIZE, GATE_READ) == -ERR_INVAL, "an odd address is refused");
	attack_point(gate_map(at, 100, GATE_READ) == -ERR_INVAL, "an odd length is refused");
	attack_point(gate_map(~0ull << 12, 2 * PAGE_SIZE, GATE_READ) == -ERR_INVAL, "a range around the end of memory is refused");
	attack_point(gate_map(1ull << 47, PAGE_SIZE, GATE_READ) < 0, "an address that cannot be is refused");
}

static void try_gates_pages(void)
{
	static const uintptr_t pages[] = { GATE_TEXT, GATE_DATA, GATE_FRAME, GATE_LAPIC, GATE_FRAME_ALIAS };
	static const unsigned perms[] = { 0, GATE_READ, GATE_READ | GATE_WRITE, GATE_READ | GATE_EXEC, GATE_READ | GATE_WRITE | GATE_UNCACHED,
		GATE_READ | GATE_WRITE | GATE_SHARED, GATE_READ | GATE_WRITE | GATE_FIXED };
	unsigned granted = 0;

	for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++)
		for (size_t k = 0; k < sizeof(perms) / sizeof(perms[0]); k++)
			granted += gate_map(pages[i], PAGE_SIZE, perms[k]) != -ERR_PERM;
	attack_point(granted == 0, "the gate's pages are refused with -ERR_PERM, whatever is asked");
	attack_point(attack(attack_read, GATE_TEXT) == 14, "and stay closed");
	attack_point(gate_call(GATE_CALL_ADOPT, GATE_TABLES, 0, 0) == -ERR_PERM, "page tables are adopted once");
}

static void try_clock(uintptr_t page)
{
	attack_point(gate_call(GATE_CALL_MSR, 0x4b564d02, page | 1, 0) == -ERR_INVAL, "only the clock's two registers can be written");
	attack_point(gate_call(GATE_CALL_MSR, 0xc0000082, page, 0) == -ERR_INVAL, "LSTAR is not among them");
	attack_point(gate_call(GATE_CALL_MSR, 0x4b564d01, GATE_DATA | 1, 0) == -ERR_PERM, "the clock cannot be aimed at the gate");
	attack_point(gate_call(GATE_CALL_MSR, 0x4b564d01, (page + 0x20) | 1, 0) == -ERR_INVAL, "nor into the middle of a page");
}

static void try_seal(uint8_t *page)
{
	uintptr_t at = (uintptr_t)page;

	attack_point(attack(read_pci, 0) < 0, "PCI configuration can be reached before the seal");
	gate_seal();
	attack_point(attack(read_pci, 0) == 13, "and not behind it");
	attack_point(gate_map(at, PAGE_SIZE, GATE_READ | GATE_EXEC) == -ERR_PERM, "nothing becomes executable behind it");
	attack_point(gate_map(1ull << 36, PAGE_SIZE, GATE_READ | GATE_UNCACHED) < 0, "no device registers are mapped behind it");
	attack_point(gate_map(1ull << 36, PAGE_SIZE, GATE_READ | GATE_WRITE) < 0, "nothing new is mapped behind it");
	attack_point(gate_map(at, PAGE_SIZE, 0) == 0 && attack(attack_read, at) == 14, "a page can still be unmapped");
	attack_point(gate_map(at, PAGE_SIZE, GATE_READ | GATE_WRITE) == 0 && attack(attack_write, at) < 0, "and mapped again");
	gate_seal();
	attack_point(attack(read_pci, 0) == 13, "a second seal changes nothing");
}

_Noreturn void core_main(void)
{
	uint8_t *page = page_alloc(1);

	if (page) {
		try_mapping(page);
		try_gates_pages();
		try_clock((uintptr_t)page);
		try_seal(page);
	} else {
		attack_point(false, "no page to attack with");
	}
	plat_exit(PLAT_OFF, attack_done());
}
