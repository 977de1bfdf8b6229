/* SPDX-License-Identifier: MIT */
/*
 * What the core's log and page allocator need of the rest of the core, for programs that test xen/ without threads.
 */
#include <stdio.h>
#include <unistd.h>

#include "core/core.h"
#include "core/x86/gate.h"
#include "test/fake/fake.h"
#include "test/fake/xenhost.h"

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

void gate_seal(void)
{
}

void fake_wrong(const char *fmt, ...)
{
	xenhost_wrong("%s", fmt);
}
