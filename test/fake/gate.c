/* SPDX-License-Identifier: MIT */
/*
 * The door's gate.h as a Unix process: guard pages are real, the rest is remembered.
 *
 * trap_catch() works with SIGSEGV, on a stack of its own, since what faults may be the stack itself.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "core/core.h"
#include "core/err.h"
#include "core/x86/gate.h"
#include "test/fake/fake.h"

unsigned fake_gate_maps;
bool fake_sealed;
uintptr_t fake_tls;
unsigned fake_tls_sets;
void (*fake_on_backtrace)(void);

static void (*resume_at)(void);
static struct gate_frame *resume_frame;

int gate_map(uintptr_t addr, size_t len, unsigned perm)
{
	int prot = (perm & GATE_READ ? PROT_READ : 0) | (perm & GATE_WRITE ? PROT_WRITE : 0) | (perm & GATE_EXEC ? PROT_EXEC : 0);

	fake_gate_maps++;
	if (addr % PAGE_SIZE || len % PAGE_SIZE || ((perm & GATE_WRITE) && (perm & GATE_EXEC)))
		return -ERR_INVAL;
	if (fake_sealed && (perm & (GATE_EXEC | GATE_UNCACHED)))
		return -ERR_PERM;
	return mprotect((void *)addr, len, prot) == 0 ? 0 : -ERR_NOMEM;
}

void gate_seal(void)
{
	fake_sealed = true;
}

/* The process has a thread pointer of its own, which its C library needs. */
void gate_set_tls(uintptr_t addr)
{
	if (addr >> 47)
		fake_wrong("gate_set_tls(%#lx): not an address", (unsigned long)addr);
	fake_tls = addr;
	fake_tls_sets++;
}

void trap_backtrace(uintptr_t rip, uintptr_t rbp)
{
	if (fake_on_backtrace)
		fake_on_backtrace();
	printf("trap: at %#lx, frame %#lx\n", (unsigned long)rip, (unsigned long)rbp);
}

void trap_handle(struct gate_frame *frame)
{
	fake_wrong("exception %llu at %#llx", (unsigned long long)frame->vector, (unsigned long long)frame->rip);
}

/* The first thing on the stack that is lent to what trap_catch() was given. */
static void resume(void)
{
	void (*go)(void) = resume_at;

	resume_at = NULL;
	fake_stack_arrive();
	go();
}

/* Goes on in resume(), on a stack where it can run: the faulting one may have no room left. */
static void caught(int sig, siginfo_t *info, void *context)
{
	static char stack[256 << 10] __attribute__((aligned(64)));
	ucontext_t *u = context;
	greg_t *r = u->uc_mcontext.gregs;

	if (!resume_at) {
		signal(sig, SIG_DFL);
		return;
	}
	memset(resume_frame, 0, sizeof(*resume_frame));
	resume_frame->vector = 14;
	resume_frame->rip = (uint64_t)r[REG_RIP];
	resume_frame->rsp = (uint64_t)r[REG_RSP];
	resume_frame->rbp = (uint64_t)r[REG_RBP];
	resume_frame->cr2 = (uint64_t)info->si_addr;
	r[REG_RIP] = (greg_t)resume;
	r[REG_RSP] = (greg_t)(stack + sizeof(stack) - 8);
	fake_stack_leave(stack, sizeof(stack));
}

void trap_catch(void (*go)(void), struct gate_frame *frame)
{
	static char stack[64 << 10];
	stack_t alt = { .ss_sp = stack, .ss_size = sizeof(stack) };
	struct sigaction action = { .sa_sigaction = caught, .sa_flags = SA_SIGINFO | SA_ONSTACK };

	resume_at = go;
	resume_frame = frame;
	sigaltstack(&alt, NULL);
	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
}
