/* SPDX-License-Identifier: MIT */
/*
 * The gate before the seal, and the seal itself. This is no program: it stands in core_main()'s place,
 * where the C library would start, so nothing has sealed the machine yet.
 *
 * Before the seal a page may be made executable, never while it is writable, and never one of the gate's;
 * the set-up ports are open. Behind it all of that is gone for good.
 */
#include "core/err.h"
#include "core/x86/cpu.h"
#include "test/guest/attack.h"

#define DATA (GATE_READ | GATE_WRITE)
#define XEN_VERSION 17u /* xen/xen.h; its command 0 tells the version */
#define GRANT 1u        /* xen/grant_table.h: permit access */
#define REF 300u

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

static long ask_version(void)
{
	return attack_call(GATE_CALL_HYPERCALL, 0, 0, 0, XEN_VERSION);
}

/* Two marks that a page can be given before the seal: others reach it, and it can never change. */
static void try_marks(uintptr_t shared, uintptr_t fixed)
{
	attack_point(gate_map(shared, PAGE_SIZE, DATA | GATE_SHARED) == 0 && attack(attack_write, shared) < 0, "a page can be shared before the seal");
	attack_point(gate_call(GATE_CALL_TABLE, 1ull << 38, 30, shared) == -ERR_PERM, "and can then not become a page table");
	attack_point(gate_map(shared, PAGE_SIZE, 0) == 0 && gate_map(shared, PAGE_SIZE, DATA) == 0 &&
		     gate_call(GATE_CALL_TABLE, 1ull << 38, 30, shared) == -ERR_PERM, "nor after it was mapped anew");
	attack_point(gate_map(fixed, PAGE_SIZE, DATA | GATE_FIXED) == 0 && attack(attack_write, fixed) < 0, "a page can be fixed before the seal");
	attack_point(gate_map(fixed, PAGE_SIZE, GATE_READ) == -ERR_PERM && gate_map(fixed, PAGE_SIZE, 0) == -ERR_PERM, "and can then not change");
	attack_point(gate_call(GATE_CALL_TABLE, 1ull << 38, 30, fixed) == -ERR_PERM, "nor become a page table");
	attack_point(gate_map(shared, PAGE_SIZE, GATE_READ | GATE_EXEC | GATE_SHARED) == -ERR_INVAL, "what is shared is not executable");
}

/* Behind the seal: what Xen's part of the gate still does, and for which arguments. */
static void try_xen(uintptr_t shared, uintptr_t other)
{
	attack_point(ask_version() == -ERR_PERM, "no hypercall passes behind the seal");
	attack_point(attack(attack_read, GATE_GRANTS) == 14 && attack(attack_write, GATE_GRANTS + 8 * REF) == 14, "the grant table is out of reach");
	attack_point(gate_map(GATE_SHARED_INFO, PAGE_SIZE, GATE_READ) == -ERR_PERM, "the shared info's mapping cannot change");
	attack_point(gate_call(GATE_CALL_GRANT, shared, GRANT, REF) == 0, "a page that is shared can be granted");
	attack_point(gate_call(GATE_CALL_GRANT, other, GRANT, REF) == -ERR_PERM, "another cannot");
	attack_point(gate_call(GATE_CALL_GRANT, GATE_DATA, GRANT, REF) == -ERR_PERM && gate_call(GATE_CALL_GRANT, GATE_GRANTS, GRANT, REF) == -ERR_PERM, "nor one of the gate's");
	attack_point(gate_call(GATE_CALL_GRANT, 1ull << 46, GRANT, REF) == -ERR_PERM, "nor what is not mapped");
	attack_point(gate_call(GATE_CALL_GRANT, shared, 2, REF) == -ERR_INVAL, "no page can be given away for good");
	attack_point(gate_call(GATE_CALL_GRANT, shared, GRANT, GATE_GRANT_FRAMES * 512) == -ERR_INVAL && gate_call(GATE_CALL_GRANT, shared, GRANT, ~0ull) == -ERR_INVAL, "nor an entry past the table be written");
	attack_point(gate_call(GATE_CALL_GRANT, 0, 0, REF) == 0, "a grant can be taken back");
	attack_point(gate_call(GATE_CALL_POLL, GATE_PORTS + 1, 1, 0) == -ERR_INVAL, "no poll of more ports than there is room for");
	attack_point(gate_call(GATE_CALL_POLL, 0, 1, 0) == 0, "a poll until a time that has passed returns");
	attack_point(gate_call(GATE_CALL_SEND, 4096, 0, 0) == -ERR_INVAL && gate_call(GATE_CALL_SEND, 0, 0, 0) < 0, "no event to a port that cannot be");
	attack_point(gate_call(GATE_CALL_SHUTDOWN, 4, 0, 0) == -ERR_INVAL, "no end for a reason that is none");
}

/* On PV Xen allows a guest no port at all, before or behind any seal. */
static void try_seal(uint8_t *page)
{
	uintptr_t at = (uintptr_t)page;
	bool pv = attack_place() == ON_PV;

	attack_point(attack(read_pci, 0) == (pv ? 13 : -1), pv ? "PCI configuration is out of reach" : "PCI configuration can be reached before the seal");
	if (attack_place() == ON_KVM)
		gate_seal();
	else
		plat_seal();
	attack_point(attack(read_pci, 0) == 13, "and not behind it");
	attack_point(gate_map(at, PAGE_SIZE, GATE_READ | GATE_EXEC) == -ERR_PERM, "nothing becomes executable behind it");
	attack_point(gate_map(1ull << 36, PAGE_SIZE, GATE_READ | GATE_UNCACHED) < 0, "no device registers are mapped behind it");
	attack_point(gate_map(1ull << 36, PAGE_SIZE, GATE_READ | GATE_WRITE) < 0, "nothing new is mapped behind it");
	attack_point(gate_map(at, PAGE_SIZE, 0) == 0 && attack(attack_read, at) == 14, "a page can still be unmapped");
	attack_point(gate_map(at, PAGE_SIZE, GATE_READ | GATE_WRITE) == 0 && attack(attack_write, at) < 0, "and mapped again");
	gate_seal();
	attack_point(attack(read_pci, 0) == 13, "a second seal changes nothing");
}

/* There is no gate on PV: its pages are the image's own, its calls do nothing, and page tables are Xen's to refuse (attack_gate.c). */
static void try_all(uint8_t *page)
{
	uintptr_t shared = (uintptr_t)page + PAGE_SIZE, fixed = shared + PAGE_SIZE;
	enum attack_place place = attack_place();

	try_mapping(page);
	if (place == ON_PV) {
		attack_skip("the gate's pages and calls", "there is no gate on PV");
	} else {
		try_gates_pages();
		try_marks(shared, fixed);
	}
	if (place == ON_KVM)
		try_clock((uintptr_t)page);
	if (place == ON_HVM)
		attack_point(ask_version() > 0, "hypercalls pass before the seal");
	try_seal(page);
	if (place == ON_HVM)
		try_xen(shared, (uintptr_t)page);
}

_Noreturn void core_main(void)
{
	uint8_t *page = page_alloc(3);

	if (page)
		try_all(page);
	else
		attack_point(false, "no page to attack with");
	plat_exit(PLAT_OFF, attack_done());
}
