/* SPDX-License-Identifier: MIT */
/*
 * Reads of shared memory, counted. Read fetch.h first.
 */
#define _GNU_SOURCE
#include "test/fake/fetch.h"

#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "core/core.h"

#define AREAS 8u
#define PAGES 8u
#define STEP 0x100 /* the flag that traps after one instruction */
#define WRITES 2   /* in a page fault's error code */

static struct area {
	uintptr_t base;
	size_t len;
	uint16_t reads[PAGES * PAGE_SIZE / 4];
} areas[AREAS];
static unsigned n_areas;

static void protect(int prot)
{
	for (unsigned i = 0; i < n_areas; i++)
		mprotect((void *)areas[i].base, areas[i].len, prot);
}

static struct area *find(uintptr_t addr)
{
	for (unsigned i = 0; i < n_areas; i++)
		if (addr - areas[i].base < areas[i].len)
			return &areas[i];
	return NULL;
}

static void faulted(int sig, siginfo_t *info, void *context)
{
	greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;
	uintptr_t addr = (uintptr_t)info->si_addr;
	struct area *a = find(addr);

	if (!a) {
		signal(sig, SIG_DFL); /* a mistake of its own: once more, and it ends */
		return;
	}
	if (!(r[REG_ERR] & WRITES))
		a->reads[(addr - a->base) / 4]++;
	protect(PROT_READ | PROT_WRITE);
	r[REG_EFL] |= STEP;
}

static void stepped(int sig, siginfo_t *info, void *context)
{
	(void)sig, (void)info;
	((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL] &= ~(greg_t)STEP;
	protect(PROT_NONE);
}

void fetch_watch(const void *page, size_t pages)
{
	struct sigaction fault = { .sa_sigaction = faulted, .sa_flags = SA_SIGINFO }, step = { .sa_sigaction = stepped, .sa_flags = SA_SIGINFO };

	if (n_areas == AREAS || pages > PAGES)
		__builtin_trap();
	areas[n_areas].base = (uintptr_t)page;
	areas[n_areas++].len = pages * PAGE_SIZE;
	sigaction(SIGSEGV, &fault, NULL);
	sigaction(SIGTRAP, &step, NULL);
}

void fetch_begin(void)
{
	for (unsigned i = 0; i < n_areas; i++)
		memset(areas[i].reads, 0, sizeof(areas[i].reads));
	protect(PROT_NONE);
}

void fetch_end(void)
{
	protect(PROT_READ | PROT_WRITE);
}

unsigned fetch_most(const void *from, size_t len)
{
	uintptr_t at = (uintptr_t)from;
	unsigned most = 0;

	for (struct area *a; len >= 4 && (a = find(at)); at += 4, len -= 4)
		if (a->reads[(at - a->base) / 4] > most)
			most = a->reads[(at - a->base) / 4];
	return most;
}

unsigned fetch_all(const void *from, size_t len)
{
	uintptr_t at = (uintptr_t)from;
	unsigned all = 0;

	for (struct area *a; len >= 4 && (a = find(at)); at += 4, len -= 4)
		all += a->reads[(at - a->base) / 4];
	return all;
}
