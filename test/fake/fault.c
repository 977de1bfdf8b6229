/* SPDX-License-Identifier: MIT */
/*
 * Makes the n-th allocation fail. Read fake.h first.
 *
 * The linker sends every call of these functions from one object to another here (fault.flags).
 */
#include <stddef.h>
#include <stdint.h>

#include "core/err.h"
#include "test/fake/fake.h"

static unsigned long fail_at, count;

void *__real_page_alloc(size_t n);
void *__real_page_alloc_aligned(size_t n, unsigned shift);
void *__real_page_alloc_low(size_t n);
int __real_page_alloc_at(void *addr, size_t n);
int __real_gate_map(uintptr_t addr, size_t len, unsigned perm);
void *__wrap_page_alloc(size_t n);
void *__wrap_page_alloc_aligned(size_t n, unsigned shift);
void *__wrap_page_alloc_low(size_t n);
int __wrap_page_alloc_at(void *addr, size_t n);
int __wrap_gate_map(uintptr_t addr, size_t len, unsigned perm);

void fault_set(unsigned long n)
{
	fail_at = n;
	count = 0;
}

unsigned long fault_count(void)
{
	return count;
}

static bool fails(void)
{
	return ++count == fail_at;
}

void *__wrap_page_alloc(size_t n)
{
	return fails() ? NULL : __real_page_alloc(n);
}

void *__wrap_page_alloc_aligned(size_t n, unsigned shift)
{
	return fails() ? NULL : __real_page_alloc_aligned(n, shift);
}

void *__wrap_page_alloc_low(size_t n)
{
	return fails() ? NULL : __real_page_alloc_low(n);
}

int __wrap_page_alloc_at(void *addr, size_t n)
{
	return fails() ? -ERR_NOMEM : __real_page_alloc_at(addr, n);
}

/* Making memory accessible again needs no memory: only the other way may fail. */
int __wrap_gate_map(uintptr_t addr, size_t len, unsigned perm)
{
	return perm == 0 && fails() ? -ERR_NOMEM : __real_gate_map(addr, len, perm);
}
