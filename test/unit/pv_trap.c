/* SPDX-License-Identifier: MIT */
/*
 * Exceptions of a PV guest on the desk: xen/pv/trap.S and pv.c, core/x86/start.S and trap.c as they are, and a Xen that is a signal
 * handler. What this process's CPU raises is brought to the guest's handler as Xen brings it: after the trap table that the
 * guest registered, by a frame on the stack in use, with rcx and r11 on top of it, and with a code segment that says ring 0.
 *
 * Under a real Xen every exception once hung the guest: the gate's call returned by iretq to that segment, the fault of
 * that was an exception too, and so for ever.
 */
#define _GNU_SOURCE
#include <sanitizer/asan_interface.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "core/core.h"
#include "core/plat.h"
#include "core/x86/gate.h"
#include "core/x86/layout.h"
#include "test/child.h"
#include "test/tap.h"
#include "xen/flavour.h"
#include "xen/hypercall.h"
#include "xen/pv/pv.h"

#define TRAP_STACK 8192
#define MOST 50u /* exceptions: more of them are a guest that goes round for ever */
#define CRASHED 99 /* exit status: the guest has ended itself */
#define ROUND 98   /* it went round for ever */
#define REFUSED 97 /* Xen ended it */

_Noreturn void pv_boot(struct start_info *info, uintptr_t stack);
void x86_start(void);
void pvhost_call(unsigned long a1, const unsigned *a2, unsigned long nr);

/* What the linker script and the rest of the image would have. */
char text_start[1], text_end[1], image_end[1], bss_start[1];
const uint32_t trap_sym_count, trap_sym_addr[1];
const char trap_sym_name[1];
uintptr_t __stack_chk_guard;
bool flavour_is_pv;

extern char trap_stack_top[];

static struct shared_info shared;
static struct trap_info table[256];
static unsigned entries;
static const void *read_only;
static bool gdt_set;

/* The last exception that was no call of the gate: what the CPU had, and what came out at the end. */
static greg_t was[NGREG];
static struct gate_frame got;
static unsigned exceptions;
static bool broken_console;

/* Each loads the registers with values of their own and does what its name says; what was caught goes on at back. */
void try_read(void), try_write(void), try_jump(void), try_ud2(void), try_hlt(void), try_divide(void), try_int3(void);
void try_stack(void), try_step(void), try_int14(void), try_inject(void), inject_at(void), landed(void), back(void), gate_call_site(void);
long try_call(void);
__asm__(".macro try name\n"
	"	.globl \\name\n"
	"\\name:	push %rbx\n	push %rbp\n	push %r12\n	push %r13\n	push %r14\n	push %r15\n"
	"	mov $0x1111111111111111, %rax\n	mov $0x2222222222222222, %rbx\n	mov $0x3333333333333333, %rcx\n"
	"	mov $0x4444444444444444, %rdx\n	mov $0x5555555555555555, %rsi\n	mov $0x6666666666666666, %rdi\n"
	"	mov $0x7777777777777777, %rbp\n	mov $0x8888888888888888, %r8\n	mov $0x9999999999999999, %r9\n"
	"	mov $0xaaaaaaaaaaaaaaaa, %r10\n	mov $0xbbbbbbbbbbbbbbbb, %r11\n	mov $0xcccccccccccccccc, %r12\n"
	"	mov $0xdddddddddddddddd, %r13\n	mov $0xeeeeeeeeeeeeeeee, %r14\n	mov $0xffffffffffff0000, %r15\n"
	".endm\n"
	"	try try_read\n	mov 0x10, %eax; jmp back\n"
	"	try try_write\n	movl $0, trap_sym_count; jmp back\n"
	"	try try_jump\n	mov $0x10, %eax; jmp *%rax; jmp back\n"
	"	try try_ud2\n	ud2; jmp back\n"
	"	try try_hlt\n	hlt; jmp back\n"
	"	try try_divide\n	xor %ecx, %ecx; div %ecx; jmp back\n"
	"	try try_int3\n	int3; jmp back\n"
	"	try try_stack\n	mov 8(%rbp), %eax; jmp back\n"
	"	try try_step\n	pushf; orl $0x100, (%rsp); popf; nop; jmp back\n"
	"	try try_int14\n	int $14; jmp back\n"
	"	try try_inject\n	inject_at: ud2; jmp back\n"
	"back:	pop %r15\n	pop %r14\n	pop %r13\n	pop %r12\n	pop %rbp\n	pop %rbx\n	ret\n"
	"landed:	hlt\n"
	"	.globl try_call\n"
	"try_call: push %rbx\n	push %rbp\n	push %r12\n	push %r13\n	push %r14\n	push %r15\n"
	"	mov $7, %ebx\n	mov %rsp, %rbp\n	mov $8, %r12d\n	mov $9, %r13d\n	mov $10, %r14d\n	mov $11, %r15d\n"
	"	xor %edi, %edi\n	call gate_call\n"
	"	cmp %rsp, %rbp\n	jne 1f\n	add %r15, %rax\n	add %r14, %rax\n	add %r13, %rax\n	add %r12, %rax\n"
	"	add %rbx, %rax\n	jmp back\n"
	"1:	ud2\n"
	"	.globl pvhost_syscall\n"
	"pvhost_syscall: mov %rax, %rdx\n	and $-16, %rsp\n	call pvhost_call\n	ud2\n");

/* ---- Xen ---- */

static _Noreturn void xen_ends(int status, const char *why)
{
	dprintf(1, "# xen: %s\n", why);
	_exit(status);
}

void pvhost_call(unsigned long a1, const unsigned *a2, unsigned long nr)
{
	if (nr != __HYPERVISOR_sched_op || a1 != SCHEDOP_shutdown || *a2 != SHUTDOWN_crash)
		xen_ends(REFUSED, "a hypercall that ends nothing");
	_exit(CRASHED);
}

/* xen/arch-x86/xen.h, struct trap_info: an entry without an address is the last. */
static long set_trap_table(const struct trap_info *v)
{
	for (entries = 0; v[entries].address; entries++)
		table[v[entries].vector] = v[entries];
	return 0;
}

long hypercall(unsigned nr, unsigned long a1, unsigned long a2, unsigned long a3, unsigned long a4, unsigned long a5)
{
	(void)a3, (void)a4, (void)a5;
	if (nr == __HYPERVISOR_set_trap_table)
		return set_trap_table((const struct trap_info *)a1);
	if (nr != __HYPERVISOR_set_gdt)
		xen_ends(REFUSED, "hypercall");
	/* Frames must not be writable; what stands here as a frame is the address. */
	gdt_set = read_only && *(const unsigned long *)a1 == (uintptr_t)read_only / PAGE_SIZE && a2 == 16;
	return gdt_set ? 0 : -22;
}

/* create_bounce_frame(): onto the guest's own stack. rcx and r11 are lost on the way, their values are on top. */
static void deliver(greg_t *r, unsigned vector, bool has_error, uint64_t error)
{
	uint64_t *sp = (uint64_t *)(r[REG_RSP] & ~15l);

	if (!table[vector].address)
		xen_ends(REFUSED, "an exception without a handler");
	*--sp = (uint64_t)r[REG_CSGSFS] >> 48;
	*--sp = (uint64_t)r[REG_RSP];
	*--sp = (uint64_t)r[REG_EFL];
	*--sp = (uint64_t)r[REG_CSGSFS] & 0xfffc; /* "kernel context" */
	*--sp = (uint64_t)r[REG_RIP];
	if (has_error)
		*--sp = error;
	*--sp = (uint64_t)r[REG_R11];
	*--sp = (uint64_t)r[REG_RCX];
	r[REG_RCX] = r[REG_R11] = 0x5a5a5a5a;
	r[REG_RSP] = (greg_t)sp;
	r[REG_RIP] = (greg_t)table[vector].address;
	r[REG_EFL] &= ~0x54100l; /* AC, RF, NT, TF */
}

static bool pushes_error(unsigned vector)
{
	return vector == 8 || (vector >= 10 && vector <= 14) || vector == 17;
}

static unsigned inject;

/* `int n` raises a general protection; Xen lets it through to who said that ring 3 may (privilege level of the entry). */
static void exception(greg_t *r)
{
	unsigned vector = (unsigned)r[REG_TRAPNO];
	uint64_t error = (uint64_t)r[REG_ERR];
	bool own = r[REG_RIP] == (greg_t)inject_at;

	if (own) {
		vector = inject;
		error = 0x1234;
	}
	if (++exceptions > MOST)
		xen_ends(ROUND, "exceptions for ever");
	/* The handler begins at the top of its stack, whatever stood there. */
	__asan_unpoison_memory_region(trap_stack_top - TRAP_STACK, TRAP_STACK);
	if (vector != 3 || r[REG_RIP] != (greg_t)gate_call_site)
		memcpy(was, r, sizeof was);
	if (vector == 14)
		shared.vcpu_info[0].arch.cr2 = own ? 0xc2c2 : (uint64_t)r[REG_CR2];
	if (vector == 13 && error & 2 && (table[error >> 3 & 255].flags & 3)) {
		r[REG_RIP] += 2;
		deliver(r, error >> 3 & 255, false, 0);
		return;
	}
	deliver(r, vector, pushes_error(vector), error);
}

static void signalled(int sig, siginfo_t *info, void *context)
{
	greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;

	(void)sig, (void)info;
	if (r[REG_RIP] != (greg_t)landed) {
		exception(r);
		return;
	}
	/* The guest's catcher has run: go on behind what was tried. */
	memcpy(r, was, sizeof was);
	r[REG_RIP] = (greg_t)back;
	r[REG_EFL] &= ~0x100l;
}

/* ---- what pv.c and trap.c need of the rest ---- */

int mmu_map(uintptr_t addr, size_t len, unsigned perm)
{
	if (len == PAGE_SIZE && perm == GATE_READ)
		read_only = (const void *)addr;
	return 0;
}

uint64_t mmu_frame(uintptr_t addr)
{
	return addr / PAGE_SIZE;
}

void plat_console_write(const char *buf, size_t len)
{
	if (broken_console)
		try_ud2();
	dprintf(1, "# guest: %.*s", (int)len, buf);
}

_Noreturn void plat_exit(enum plat_end how, int status)
{
	(void)status;
	_exit(how == PLAT_CRASH ? CRASHED : 0);
}

struct thread *thread_self(void)
{
	return NULL;
}

const char *thread_name(const struct thread *t)
{
	(void)t;
	return "test";
}

void x86_start(void)
{
}

void log_panic(const char *fmt, ...)
{
	xen_ends(1, fmt);
}

/* ---- cases ---- */

static void must(bool good, const char *what)
{
	if (good)
		return;
	dprintf(1, "# not so: %s\n", what);
	_exit(1);
}

static void boot(void)
{
	static char alt[1 << 16];
	stack_t stack = { .ss_sp = alt, .ss_size = sizeof alt };
	struct sigaction action = { .sa_sigaction = signalled, .sa_flags = SA_SIGINFO | SA_ONSTACK };
	static const int all[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP };

	if (mmap((void *)GATE_LAPIC, 2 * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) !=
	    (void *)GATE_LAPIC)
		xen_ends(1, "no memory at the gate's pages");
	alarm(20);
	sigaltstack(&stack, NULL);
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		sigaction(all[i], &action, NULL);
	pv_shared_info = &shared;
	pv_exceptions();
}

static void registered(void)
{
	boot();
	must(entries == GATE_STUBS, "an entry for each exception, and an end");
	for (unsigned i = 0; i < GATE_STUBS; i++) {
		must(table[i].vector == i && table[i].address && table[i].cs == FLAT_KERNEL_CS, "vector, address, code segment");
		must((table[i].flags & 3) == 0, "no `int` instruction gets there");
		for (unsigned k = 0; k < i; k++)
			must(table[k].address != table[i].address, "a handler of its own");
	}
	must(gdt_set, "a GDT in a page that is not writable");
}

static bool same_registers(void)
{
	static const int order[] = { REG_R15, REG_R14, REG_R13, REG_R12, REG_R11, REG_R10, REG_R9, REG_R8, REG_RBP, REG_RDI, REG_RSI,
				     REG_RDX, REG_RCX, REG_RBX, REG_RAX };

	for (size_t i = 0; i < sizeof order / sizeof *order; i++)
		if ((&got.r15)[i] != (uint64_t)was[order[i]])
			return false;
	return true;
}

/* One exception, caught by the guest and compared. */
static void caught(void (*fn)(void), unsigned vector)
{
	exceptions = 0;
	memset(&got, 0x5c, sizeof got);
	trap_catch(landed, &got);
	fn();
	must(exceptions == 2, "it comes to its handler, which tells the gate, and that is all");
	must(got.vector == vector, "which exception");
	must(same_registers() && got.rip == (uint64_t)was[REG_RIP] && got.rsp == (uint64_t)was[REG_RSP], "registers as they were");
	must(got.rflags == (uint64_t)was[REG_EFL] && got.cr2 == shared.vcpu_info[0].arch.cr2, "flags, cr2");
	must(got.error == (!pushes_error(vector) ? 0 : fn == try_inject ? 0x1234 : (uint64_t)was[REG_ERR]), "error code");
}

static void raised(void)
{
	boot();
	caught(try_divide, 0);
	caught(try_step, 1);
	caught(try_int3, 3);
	caught(try_ud2, 6);
	caught(try_stack, 12);
	caught(try_hlt, 13);
	caught(try_read, 14);
	must(got.cr2 == 0x10 && (got.error & 0x17) == 4, "a read of page 0");
	caught(try_write, 14);
	must(got.cr2 == (uintptr_t)&trap_sym_count && (got.error & 0x17) == 7, "a write to what is read-only");
	caught(try_jump, 14);
	must(got.rip == 0x10, "a jump to page 0");
}

static void every(void)
{
	boot();
	for (inject = 0; inject < GATE_STUBS; inject++)
		for (int twice = 0; twice < 2; twice++)
			caught(try_inject, inject);
}

static void by_int(void)
{
	boot();
	caught(try_int14, 13);
	must(got.error == 14 * 8 + 2, "error code of a vector");
}

static void call(void)
{
	boot();
	for (int i = 0; i < 3; i++)
		must(try_call() == 0 + 7 + 8 + 9 + 10 + 11, "its result, and the registers that a call keeps");
	must(exceptions == 3, "one exception a call");
}

static void not_caught(void)
{
	boot();
	try_ud2();
}

static void faults_in_handler(void)
{
	boot();
	broken_console = true;
	try_ud2();
}

/* As Xen enters it: what it was given is kept, and it says that it is PV. */
static struct start_info given;

_Noreturn void core_start(void)
{
	must(flavour_is_pv && pv_info == &given && pv_builder_end == 0x1234000, "start_info and the end of what the builder left");
	must((__stack_chk_guard & 0xff) == 0 && __stack_chk_guard, "a stack guard");
	_exit(0);
}

static void enter(void)
{
	boot();
	pv_boot(&given, 0x1234000);
}

int main(void)
{
	ok(child_ends(enter, 0), "entry: start_info, the builder's end, a stack guard");
	ok(child_ends(registered, 0), "trap table: a handler for each exception, none for an `int` instruction");
	ok(child_ends(call, 0), "the gate's call returns, though Xen pushes ring 0's code segment");
	ok(child_ends(raised, 0), "exceptions of this CPU come to the guest's handler with every register");
	ok(child_ends(every, 0), "all %u exceptions, with and without error code, come to it", GATE_STUBS);
	ok(child_ends(by_int, 0), "`int` with an exception's number is a general protection");
	ok(child_ends(not_caught, CRASHED), "an exception that nobody catches: a report, and the domain has crashed");
	ok(child_ends(faults_in_handler, CRASHED), "a handler that faults: the domain ends, it does not go round for ever");
	return tap_done();
}
