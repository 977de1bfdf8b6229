/* SPDX-License-Identifier: MIT */
#include "core/x86/gate.h"

/*
 * Ring 3's side of the gate: gate.h in terms of gate_call().
 *
 * The gate changes one leaf a call and splits nothing by itself. Here a range is cut into the
 * largest leaves that fit, and where the tables have no leaf of that size a spare page becomes the
 * missing table.
 */

#include "core/core.h"
#include "core/err.h"
#include "core/x86/cpu.h"
#include "core/x86/layout.h"
#include "core/x86/mmu.h"

#define SHIFT_4K 12
#define SHIFT_2M 21
#define SHIFT_1G 30

/* Gives the gate one page to make the table that is missing on the way to addr's leaf. */
static int add_table(uintptr_t addr, unsigned shift)
{
	void *page = mmu_spare();
	long rc = -ERR_NOENT;

	if (!page)
		return -ERR_NOMEM;
	if (shift == SHIFT_4K)
		rc = gate_call(GATE_CALL_TABLE, addr, SHIFT_2M, (uintptr_t)page);
	if (rc == -ERR_NOENT)
		rc = gate_call(GATE_CALL_TABLE, addr, SHIFT_1G, (uintptr_t)page);
	return (int)rc;
}

static long set_leaf(uintptr_t addr, unsigned shift, unsigned perm)
{
	long rc = gate_call(GATE_CALL_MAP, addr, shift, perm);

	while (rc == -ERR_NOENT) {
		rc = add_table(addr, shift);
		if (!rc)
			rc = gate_call(GATE_CALL_MAP, addr, shift, perm);
	}
	return rc;
}

int gate_map(uintptr_t addr, size_t len, unsigned perm)
{
	if ((addr | len) & (PAGE_SIZE - 1) || addr + len < addr)
		return -ERR_INVAL;
	while (len) {
		unsigned shift = len >= 1u << SHIFT_2M && !(addr & ((1u << SHIFT_2M) - 1)) ? SHIFT_2M : SHIFT_4K;
		long rc = set_leaf(addr, shift, perm);

		if (rc && shift == SHIFT_2M) {
			shift = SHIFT_4K;
			rc = set_leaf(addr, shift, perm);
		}
		if (rc)
			return (int)rc;
		addr += 1ul << shift;
		len -= 1ul << shift;
	}
	return 0;
}

void gate_seal(void)
{
	gate_call(GATE_CALL_SEAL, 0, 0, 0);
}

void gate_set_tls(uintptr_t addr)
{
	static enum { UNKNOWN, BY_INSTRUCTION, BY_CALL } way;

	if (way == UNKNOWN)
		way = cpu_has_fsgsbase() ? BY_INSTRUCTION : BY_CALL;
	if (way == BY_INSTRUCTION)
		cpu_wrfsbase(addr);
	else
		gate_call(GATE_CALL_TLS, addr, 0, 0);
}

/* What CPUID offers of CR4, beyond what the gate booted with: UMIP, FSGSBASE, OSXSAVE, SMEP. */
static uint64_t wanted_cr4(uint32_t leaf1_ecx)
{
	struct cpu_id seven = cpu_id_checked(7);
	uint64_t cr4 = 0x620;

	cr4 |= (seven.ecx >> 2 & 1) << 11;
	cr4 |= (seven.ebx & 1) << 16;
	cr4 |= (leaf1_ecx >> 26 & 1) << 18;
	cr4 |= (seven.ebx >> 7 & 1) << 20;
	return cr4;
}

void gate_adopt(uintptr_t root)
{
	uint32_t leaf1 = cpu_id(1, 0).ecx;
	uint32_t state = leaf1 >> 26 & 1 ? cpu_id(0xd, 0).eax & 0xe7 : 0; /* XSAVE's: x87, SSE, AVX, AVX-512 */

	gate_call(GATE_CALL_ADOPT, root, wanted_cr4(leaf1), state);
}
