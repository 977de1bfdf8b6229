/* SPDX-License-Identifier: MIT */
/*
 * The gate called with everything that its callers must not say, thousands of times, from a seed.
 *
 * Each call goes straight to the int3, with every register and the flags drawn at random; behind it
 * stands a ud2, or no stack at all, so each ends in an exception that shows all registers as the gate left them. What
 * the gate may grant touches only pages set aside here; whatever the answers were, ring 0's pages stay closed, nothing
 * becomes executable and text stays as it is. Calls that would end or stop the machine are left out: attack_crash.c makes them.
 */
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "test/guest/attack.h"
#include "test/guest/attack_pv.h"

#define CALLS 12000u
#define CHECK_EVERY 200u
#define ARENA_PAGES 64u

#define FLAG_TRAP 0x100u
#define FLAGS_WILD 0x244ed5u /* ID AC NT DF OF SF ZF AF PF CF; IF and IOPL cannot be set, the trap flag has its own test */

extern char gate_call_site[], text_start[], rodata_start[];

/* In the order in which call_raw() loads them. */
struct registers {
	uint64_t rax, rbx, rcx, rdx, rsi, rdi, rbp, r8, r9, r10, r11, r12, r13, r14, r15, rsp, flags, target;
};

static struct registers regs;
static uint8_t *arena;
static uint64_t behind[2]; /* a stack whose one word leads to the ud2 behind the call */

/* Loads everything from regs and jumps to regs.target; comes back by an exception only. */
static void call_raw(uint64_t arg)
{
	(void)arg;
	__asm__ volatile(
		"lea 1f(%%rip), %%rax\n mov %%rax, behind(%%rip)\n"
		"mov regs+8(%%rip), %%rbx\n mov regs+16(%%rip), %%rcx\n mov regs+24(%%rip), %%rdx\n mov regs+32(%%rip), %%rsi\n"
		"mov regs+40(%%rip), %%rdi\n mov regs+48(%%rip), %%rbp\n mov regs+56(%%rip), %%r8\n mov regs+64(%%rip), %%r9\n"
		"mov regs+72(%%rip), %%r10\n mov regs+80(%%rip), %%r11\n mov regs+88(%%rip), %%r12\n mov regs+96(%%rip), %%r13\n"
		"mov regs+104(%%rip), %%r14\n mov regs+112(%%rip), %%r15\n"
		"pushq regs+128(%%rip)\n popfq\n"
		"mov regs(%%rip), %%rax\n mov regs+120(%%rip), %%rsp\n"
		"jmp *regs+136(%%rip)\n"
		"1: ud2"
		: : : "memory");
	__builtin_unreachable();
}

static uint64_t pick(const uint64_t *v, size_t n)
{
	return v[attack_random() % n];
}

/* An address that tempts: ring 0's, ours set aside, above all memory, in no half at all. Never one that the test needs. */
static uint64_t wild_address(void)
{
	static const uint64_t fixed[] = {
		0, 1, GATE_TEXT, GATE_DATA, GATE_FRAME, GATE_TABLES, GATE_TABLES + 4096, GATE_TABLES + 8192, GATE_LAPIC, GATE_FRAME_ALIAS,
		0xfee00000, 0xfec00000, 0x7ffffffff000, 0x800000000000, 0x8000000000000000, ~0ull, ~0ull << 12, 1ull << 39, 1ull << 52,
	};

	switch (attack_random() % 4) {
	case 0:
		return pick(fixed, sizeof(fixed) / sizeof(fixed[0]));
	case 1:
		return (uintptr_t)arena + (attack_random() % ARENA_PAGES) * PAGE_SIZE;
	case 2:
		return attack_random() | 1ull << 40;
	default:
		return pick(fixed, sizeof(fixed) / sizeof(fixed[0])) + attack_random() % PAGE_SIZE;
	}
}

/*
 * A stack that the call returns on: one that ring 3 cannot read. What memory held before, a boot loader's copy of this image or
 * old frames, may be an address of text, and leads there with wild registers: to the machine's end, or to its second beginning.
 */
static uint64_t wild_stack(void)
{
	uint64_t at, arena_at = (uintptr_t)arena;

	do
		at = wild_address();
	while ((at >= GATE_TABLES && at < GATE_END) || at - GATE_FRAME_ALIAS < PAGE_SIZE || at - arena_at < ARENA_PAGES * PAGE_SIZE);
	return at;
}

static uint64_t wild_shift(void)
{
	static const uint64_t known[] = { 12, 12, 12, 21, 30, 39 };

	return attack_random() % 4 ? pick(known, 6) : attack_random() % 2 ? attack_random() % 70 : attack_random();
}

/* How many calls the gate has, and the one that ends the machine. */
static unsigned number_of_calls(void)
{
	return attack_place() == ON_HVM ? GATE_CALLS_HVM : GATE_CALLS_KVM;
}

static bool ends(uint32_t number)
{
	return number == (attack_place() == ON_HVM ? GATE_CALL_SHUTDOWN : GATE_CALL_RESET);
}

/* The calls that only one of the two gates has. What is drawn for a call that waits ends at once. */
static void draw_call_kvm(uint32_t number)
{
	if (number == GATE_CALL_WAIT)
		regs.rdi = 1;
	if (number == GATE_CALL_MSR && attack_random() % 2) {
		regs.rdi = 0x4b564d00 + attack_random() % 2;
		regs.rsi = wild_address() | attack_random() % 2;
	}
}

static void draw_call_hvm(uint32_t number)
{
	if (number == GATE_CALL_POLL)
		regs.rsi = 1;
	if (number >= GATE_CALL_POLL && number <= GATE_CALL_FRAME)
		regs.rdi = attack_random() % 2 ? attack_random() % 200 : attack_random();
	if (number == GATE_CALL_CLOSE && (uint32_t)regs.rdi < 3)
		regs.rdi += 1000; /* the console's and xenstore's are how the result is told */
	if (number == GATE_CALL_CHANNEL && attack_random() % 2)
		regs.rdi = 0x7ff0 | (attack_random() % 4) << 16;
	if (number == GATE_CALL_GRANT) {
		regs.rsi = attack_random() % 2 ? attack_random() % 8 : attack_random();
		regs.rdx = attack_random() % 2 ? attack_random() % (GATE_GRANT_FRAMES * 513) : attack_random();
	}
	if (number == GATE_CALL_HYPERCALL && attack_random() % 2)
		regs.rdi = attack_random() % 32;
}

/* Draws the number and arguments of a call. */
static void draw_call(void)
{
	regs.rax = attack_random() % 8 ? attack_random() % (number_of_calls() + 3) : attack_random();
	if (ends((uint32_t)regs.rax))
		regs.rax = GATE_CALL_MAP;
	regs.rdi = wild_address();
	regs.rsi = wild_shift();
	regs.rdx = attack_random() % 3 ? attack_random() % 70 : attack_random();
	if ((uint32_t)regs.rax == GATE_CALL_TABLE)
		regs.rdx = wild_address();
	if (attack_place() == ON_HVM)
		draw_call_hvm((uint32_t)regs.rax);
	else
		draw_call_kvm((uint32_t)regs.rax);
}

static void draw_rest(void)
{
	uint64_t *v = (uint64_t *)&regs;
	const size_t random[] = { 1, 2, 6, 7, 8, 9, 10, 11, 12, 13, 14 };

	for (size_t i = 0; i < sizeof(random) / sizeof(random[0]); i++)
		v[random[i]] = attack_random() % 2 ? attack_random() : wild_address();
	if (attack_random() % 2)
		regs.r8 = attack_random() % 64; /* a hypercall's number */
	regs.flags = (attack_random() & FLAGS_WILD) | 2;
	regs.rsp = attack_random() % 8 ? (uintptr_t)behind : wild_stack();
	regs.target = (uintptr_t)gate_call_site - 1;
}

/* What the gate left can be seen at the ud2, or at a ret that found no stack, and nowhere else. */
static bool kept(void)
{
	if (attack_frame.rip != behind[0] && attack_frame.rip != (uintptr_t)gate_call_site)
		return true;
	return attack_frame.rbx == regs.rbx && attack_frame.rbp == regs.rbp && attack_frame.r12 == regs.r12 &&
	       attack_frame.r13 == regs.r13 && attack_frame.r14 == regs.r14 && attack_frame.r15 == regs.r15;
}

/* What may be granted to anybody: it touches nothing but the caller. */
static bool is_harmless(uint32_t number)
{
	if (number == GATE_CALL_ACK || number == GATE_CALL_SEAL || number == GATE_CALL_TLS)
		return true;
	if (attack_place() == ON_HVM)
		return (number >= GATE_CALL_POLL && number <= GATE_CALL_FRAME) || (number == GATE_CALL_GRANT && !(uint32_t)regs.rsi);
	return number == GATE_CALL_WAIT;
}

/* Did the gate grant what it must not? Behind the seal: nothing executable, nothing uncached, only pages of ours. */
static bool granted_wrongly(uint64_t answer)
{
	uint32_t number = (uint32_t)regs.rax;
	bool msr = attack_place() == ON_KVM && number == GATE_CALL_MSR;
	uint64_t page = number == GATE_CALL_TABLE ? regs.rdx : msr ? regs.rsi : regs.rdi;

	bool frame = attack_place() == ON_HVM && (number == GATE_CALL_GIVE || number == GATE_CALL_TAKE);

	if (answer != frame || is_harmless(number)) /* a frame that changed hands is answered with 1 */
		return false;
	if (number == GATE_CALL_MAP && regs.rdx > (GATE_READ | GATE_WRITE))
		return true;
	if (number != GATE_CALL_MAP && number != GATE_CALL_TABLE && !msr && !frame)
		return true;
	if (page >= GATE_TABLES && page < GATE_END) /* the tables of the boot: ordinary memory once others are adopted */
		return false;
	return page < (uintptr_t)arena || page >= (uintptr_t)arena + ARENA_PAGES * PAGE_SIZE;
}

/* What must hold whatever was answered. */
static unsigned broken_rules(void)
{
	static const uint64_t closed[] = { GATE_TEXT, GATE_DATA, GATE_FRAME, GATE_LAPIC, 0xfee00000, 0 };
	unsigned broken = 0;

	for (size_t i = 0; i < sizeof(closed) / sizeof(closed[0]); i++)
		broken += attack(attack_read, closed[i]) != 14;
	broken += attack(attack_write, (uintptr_t)text_start) != 14;
	broken += attack(attack_write, (uintptr_t)rodata_start) != 14;
	broken += attack(attack_jump, (uintptr_t)behind) != 14;
	for (unsigned i = 0; i < ARENA_PAGES; i += 7)
		broken += attack(attack_jump, (uintptr_t)arena + i * PAGE_SIZE) != 14;
	return broken;
}

static void fuzz(void)
{
	unsigned lost = 0, wrong = 0, broken = 0, odd = 0, n;

	for (n = 1; n <= CALLS; n++) {
		int vector;

		draw_call();
		draw_rest();
		vector = attack(call_raw, 0);
		if (!attack_ended(vector, UD | PF | SS | GP | AC) || (attack_frame.cs & 3) != 3) {
			attack_say("# odd: vector %d error %lx rip %lx cs %lx flags %lx rsp %lx", vector, attack_frame.error, attack_frame.rip,
				   attack_frame.cs, attack_frame.rflags, attack_frame.rsp);
			odd++;
		}
		if (!kept()) {
			attack_say("# lost: call %lx of %lx %lx %lx, vector %d, rip %lx, rbx %lx, was %lx", regs.rax, regs.rdi, regs.rsi, regs.rdx, vector,
				   attack_frame.rip, attack_frame.rbx, regs.rbx);
			lost++;
		}
		if (vector == 6 && granted_wrongly(attack_frame.rax)) {
			attack_say("# granted: call %lx of %lx %lx %lx", (unsigned long)regs.rax, (unsigned long)regs.rdi, (unsigned long)regs.rsi, (unsigned long)regs.rdx);
			wrong++;
		}
		if (n % CHECK_EVERY == 0)
			broken += broken_rules();
	}
	attack_point(odd == 0, "every call came back to ring 3");
	attack_point(lost == 0, "no call changed a register that it must keep");
	attack_point(wrong == 0, "no call was granted that must be refused");
	attack_point(broken == 0, "ring 0's pages stayed closed, nothing became executable");
}

/* The gate must not be single-stepped: the trap flag makes ring 3's own instruction trap, before or behind the call. */
static void single_step(void)
{
	regs = (struct registers){ .rax = GATE_CALL_ACK, .flags = FLAG_TRAP | 2, .rsp = (uintptr_t)behind, .target = (uintptr_t)gate_call_site - 1 };
	attack_point(attack_ended(attack(call_raw, 0), DB | UD) && (attack_frame.cs & 3) == 3, "the gate cannot be single-stepped");
}

/* Each instruction boundary and every byte of the gate's text is out of reach as a target. */
static void jump_into_gate(void)
{
	unsigned open = 0;

	for (uint64_t at = GATE_TEXT; at < GATE_TEXT + PAGE_SIZE; at++) {
		regs = (struct registers){ .flags = 2, .rsp = (uintptr_t)behind, .target = at };
		open += attack(call_raw, 0) != 14 || (attack_frame.cs & 3) != 3;
	}
	attack_point(open == 0, "no byte of the gate can be jumped to");
}

/* Hypercalls that were seen to break a gate which lets them pass by their number: each writes where it is told to, with ring 0's rights. */
static void refusals_hvm(void)
{
	static const struct {
		const char *what;
		uint64_t number, command;
	} calls[] = {
		{ "a parameter is not written to an address of choice", 34, 1 }, /* hvm_op, get_param */
		{ "no copying by grants", 20, 5 },                              /* grant_table_op, copy */
		{ "no page of Xen's is put over another", 12, 7 },              /* memory_op, add_to_physmap */
		{ "no sleep for ever", 29, 1 },                                 /* sched_op, block */
		{ "no new event channels", 32, 6 },                             /* event_channel_op, alloc_unbound */
		{ "no messages on Xen's console", 18, 0 },
	};

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		attack_point(attack_call(GATE_CALL_HYPERCALL, calls[i].command, GATE_DATA, 1, calls[i].number) == -ERR_PERM, calls[i].what);
	attack_point(gate_call(GATE_CALL_GRANT, (uintptr_t)arena, 1, 400) == -ERR_PERM, "a page that was not shared cannot be granted");
	attack_point(gate_map((uintptr_t)arena, PAGE_SIZE, GATE_READ | GATE_WRITE | GATE_SHARED) == -ERR_PERM, "nor be shared now");
	attack_point(gate_call(GATE_CALL_TABLE, 1ull << 38, 30, GATE_SHARED_INFO) == -ERR_PERM, "the shared info cannot become a page table");
	attack_point(gate_call(GATE_CALL_GIVE, GATE_SHARED_INFO, 0, 0) == -ERR_PERM && gate_call(GATE_CALL_GIVE, GATE_DATA, 0, 0) == -ERR_PERM &&
		gate_call(GATE_CALL_GIVE, GATE_GRANTS, 0, 0) == -ERR_PERM, "Xen gets no frame that is its own or the gate's");
	attack_point(gate_call(GATE_CALL_INFO, 1, 0, 0) == -ERR_INVAL && gate_call(GATE_CALL_FRAME, GATE_GRANT_FRAMES, 0, 0) == -ERR_INVAL,
		"Xen's pages are put where they belong, and nowhere else");
	attack_point(gate_call(GATE_CALL_CHANNEL, 0, 0, 0) < 0, "no channel is made in another domain's name");
}

static void refusals_kvm(void)
{
	attack_point(gate_call(GATE_CALL_MSR, 0x4b564d01, GATE_DATA | 1, 0) == -ERR_PERM, "the clock cannot be aimed at the gate");
	attack_point(gate_call(GATE_CALL_MSR, 0xc0000080, 0, 0) < 0, "EFER cannot be written through the gate");
}

/* A page that the host writes its clock into must never become a page table, nor anything else. */
static void try_clock_page(void)
{
	uint64_t page = (uintptr_t)arena + (ARENA_PAGES - 1) * PAGE_SIZE;

	attack_point(gate_call(GATE_CALL_MSR, 0x4b564d01, page | 1, 0) == 0, "the clock takes a page of ours");
	attack_point(gate_call(GATE_CALL_TABLE, 1ull << 38, 30, page) == -ERR_PERM, "which can then not become a page table");
	attack_point(gate_call(GATE_CALL_MAP, page, 12, 0) == -ERR_PERM, "and not be unmapped");
	attack_point(attack(attack_jump, page) == 14, "and not be run");
}

/* The mapping calls one by one, with what a careful attacker would say. */
static void refusals(void)
{
	uint64_t page = (uintptr_t)arena, text = (uintptr_t)text_start & -(uint64_t)PAGE_SIZE;

	attack_point(gate_call(GATE_CALL_MAP, page, 12, GATE_READ | GATE_WRITE | GATE_EXEC) < 0, "writable and executable is refused");
	attack_point(gate_call(GATE_CALL_MAP, page, 12, GATE_READ | GATE_EXEC) < 0, "executable is refused behind the seal");
	attack_point(gate_call(GATE_CALL_MAP, page, 12, GATE_READ | GATE_UNCACHED) < 0, "uncached is refused behind the seal");
	attack_point(gate_call(GATE_CALL_MAP, 1ull << 38, 30, GATE_READ) < 0, "what was never mapped is refused");
	attack_point(gate_call(GATE_CALL_MAP, 0xfee00000, 21, GATE_READ) < 0, "the local APIC is refused");
	attack_point(gate_call(GATE_CALL_MAP, 0, 30, 0) < 0, "the first GiB cannot be unmapped at once");
	attack_point(gate_call(GATE_CALL_MAP, GATE_TEXT, 12, GATE_READ) == -ERR_PERM, "the gate's text is refused");
	attack_point(gate_call(GATE_CALL_MAP, GATE_DATA, 12, GATE_READ | GATE_WRITE) == -ERR_PERM, "the gate's tables are refused");
	attack_point(gate_call(GATE_CALL_TABLE, 1ull << 38, 30, GATE_DATA) == -ERR_PERM, "the gate's pages cannot become page tables");
	attack_point(gate_call(GATE_CALL_TABLE, 1ull << 38, 30, text) == -ERR_PERM, "text cannot become a page table");
	attack_point(gate_call(GATE_CALL_ADOPT, page, 0, 0) == -ERR_PERM, "no other page tables are adopted");
	attack_point(gate_call(GATE_CALL_TLS, 1ull << 63, 0, 0) == -ERR_INVAL, "a thread pointer must be canonical");
	attack_point(gate_call(number_of_calls(), 0, 0, 0) == -ERR_INVAL, "there is no call past the last");
	attack_point(gate_call(0xffffffff, 0, 0, 0) == -ERR_INVAL, "there is no call number 2^32 - 1");
}

/* Text may be made writable, for a thing that is no longer executable is only data; and it stays so. */
static void write_then_run(void)
{
	uint64_t page = (uintptr_t)arena;

	memset(arena, 0xc3, PAGE_SIZE);
	attack_point(gate_call(GATE_CALL_MAP, page, 12, GATE_READ) == 0 && attack(attack_write, page) == 14, "what is read-only cannot be written");
	attack_point(gate_call(GATE_CALL_MAP, page, 12, 0) == 0 && attack(attack_read, page) == 14, "what is unmapped cannot be read");
	attack_point(gate_call(GATE_CALL_MAP, page, 12, GATE_READ | GATE_WRITE) == 0 && attack(attack_write, page) < 0, "and it can be mapped again");
	attack_point(gate_call(GATE_CALL_MAP, page, 12, GATE_READ | GATE_EXEC) < 0 && attack(attack_jump, page) == 14, "what was written cannot be run");
}

static void try_gate(void)
{
	refusals();
	write_then_run();
	if (attack_place() == ON_HVM) {
		refusals_hvm();
	} else {
		refusals_kvm();
		try_clock_page();
	}
	single_step();
	jump_into_gate();
	fuzz();
}

int main(void)
{
	arena = aligned_alloc(PAGE_SIZE, ARENA_PAGES * PAGE_SIZE);
	if (!arena || gate_map((uintptr_t)arena, ARENA_PAGES * PAGE_SIZE, GATE_READ | GATE_WRITE)) {
		attack_point(false, "no pages to attack with");
		return attack_done();
	}
	/* gate_map() need not split what already is so: make sure that each page is a leaf of its own. */
	for (unsigned i = 0; i < ARENA_PAGES; i++)
		gate_map((uintptr_t)arena + i * PAGE_SIZE, PAGE_SIZE, GATE_READ);
	gate_map((uintptr_t)arena, ARENA_PAGES * PAGE_SIZE, GATE_READ | GATE_WRITE);
	if (attack_place() == ON_PV)
		attack_pv(arena);
	else
		try_gate();
	return attack_done();
}
