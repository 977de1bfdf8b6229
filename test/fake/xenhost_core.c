/* SPDX-License-Identifier: MIT */
/*
 * What the core's log and page allocator need of the rest of the core, for programs that test xen/ without threads.
 */
#include <stdio.h>

#include "core/core.h"
#include "core/x86/gate.h"

struct thread *thread_self(void)
{
	return NULL;
}

const char *thread_name(const struct thread *t)
{
	(void)t;
	return "test";
}

void trap_backtrace(uintptr_t rip, uintptr_t rbp)
{
	(void)rip, (void)rbp;
}

int gate_map(uintptr_t addr, size_t len, unsigned perm)
{
	(void)addr, (void)len, (void)perm;
	return 0;
}
