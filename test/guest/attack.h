/* SPDX-License-Identifier: MIT */
/*
 * How a test guest does what is forbidden and lives to tell.
 *
 * attack(go, arg) runs go(arg). It returns the vector of the exception that ended it, or -1 when
 * nothing did; attack_frame then holds the registers. The attacker is ordinary ring-3 code: what an
 * exploited program could do, no more. Tests print TAP through attack_point(), by the core and the platform alone, so that
 * they work before and without a C library.
 */
#ifndef TEST_GUEST_ATTACK_H
#define TEST_GUEST_ATTACK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/core.h"
#include "core/plat.h"
#include "core/x86/gate.h"
#include "core/x86/layout.h"
#include "kvm/gate.h"
#include "xen/hvm/gate.h"

/* Sets of vectors. NONE stands for "no exception", where an instruction may also be harmless. */
#define DE (1u << 0)
#define DB (1u << 1)
#define BP (1u << 3)
#define UD (1u << 6)
#define NP (1u << 11)
#define SS (1u << 12)
#define GP (1u << 13)
#define PF (1u << 14)
#define AC (1u << 17)
#define NONE (1u << 31)
/* On Xen PV, where no gate is below us: Xen does what the instruction asks, to the guest alone; it stops the guest, or ends it. */
#define EMULATED (1u << 30)
#define ENDS_PV (1u << 29)

/* Bits of a page fault's error code. */
#define PF_PRESENT 1u
#define PF_WRITE 2u
#define PF_USER (attack_place() == ON_PV ? 0 : 4u) /* Xen takes a PV guest's ring 3 for its kernel */
#define PF_FETCH 16u

/* gate_call() with the register behind its arguments, of which KVM's gate knows nothing. */
long attack_call(unsigned number, uint64_t a, uint64_t b, uint64_t c, uint64_t d) __asm__("gate_call");

static jmp_buf attack_back;
static struct gate_frame attack_frame;
static unsigned attack_points, attack_failed;

/* What stands below ring 3: a gate with KVM's calls, a gate with Xen's (PVH and HVM), or Xen alone. */
enum attack_place { ON_KVM, ON_HVM, ON_PV };

static inline enum attack_place attack_place(void)
{
	static struct plat_about about;

	if (!about.platform)
		plat_about(&about);
	return about.platform[0] != 'x' ? ON_KVM : __builtin_strcmp(about.machine, "pv") ? ON_HVM : ON_PV;
}

static void attack_resume(void)
{
	longjmp(attack_back, 1);
}

static inline int attack(void (*go)(uint64_t), uint64_t arg)
{
	if (setjmp(attack_back))
		return (int)attack_frame.vector;
	trap_catch(attack_resume, &attack_frame);
	go(arg);
	trap_catch(NULL, NULL);
	return -1;
}

/* Is the outcome of attack() one of the allowed ones? */
static inline bool attack_ended(int vector, uint32_t allowed)
{
	return vector < 0 ? allowed & NONE : vector < 31 && (allowed >> vector & 1);
}

__attribute__((format(printf, 1, 2))) static inline void attack_say(const char *fmt, ...)
{
	char line[200];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = fmt_vformat(line, sizeof(line), fmt, ap);
	va_end(ap);
	plat_console_write(line, n < (int)sizeof(line) ? (size_t)n : sizeof(line) - 1);
	plat_console_write("\n", 1);
}

static inline void attack_point(bool fine, const char *what)
{
	attack_points++;
	attack_failed += !fine;
	attack_say("%s %u - %s", fine ? "ok" : "not ok", attack_points, what);
	if (!fine)
		attack_say("# last exception: vector %lu error %lx rip %lx cr2 %lx", attack_frame.vector, attack_frame.error,
			   attack_frame.rip, attack_frame.cr2);
}

static inline void attack_skip(const char *what, const char *why)
{
	attack_say("ok %u - %s # SKIP %s", ++attack_points, what, why);
}

/* One attack is one point. */
static inline void attack_expect(const char *what, void (*go)(uint64_t), uint64_t arg, uint32_t allowed)
{
	int vector;

	if (allowed & ENDS_PV && attack_place() == ON_PV) {
		attack_skip(what, "on PV it stops or ends the guest: attack_crash");
		return;
	}
	if (allowed & EMULATED && attack_place() == ON_PV)
		allowed |= NONE;
	vector = attack(go, arg);
	if (!attack_ended(vector, allowed))
		attack_say("# ended with vector %d, allowed are %x", vector, allowed);
	attack_point(attack_ended(vector, allowed), what);
}

/* The plan, at the end, and main()'s status. */
static inline int attack_done(void)
{
	attack_say("1..%u", attack_points);
	plat_console_flush();
	return attack_failed != 0;
}

/* Numbers that can be drawn again: PITH_SEED is on the command line. */
static uint64_t attack_state;

static inline uint64_t attack_random(void)
{
	if (!attack_state) {
		char text[24] = "1";
		uint64_t seed = 1;

		option_get("PITH_SEED", text, sizeof(text));
		if (fmt_number(text, UINT64_MAX, &seed))
			seed = 1;
		attack_say("# seed %lu", (unsigned long)seed);
		attack_state = seed * 0x9e3779b97f4a7c15ull + 1;
	}
	attack_state ^= attack_state << 13;
	attack_state ^= attack_state >> 7;
	attack_state ^= attack_state << 17;
	return attack_state;
}

/* The accesses that the tests make. */
static inline void attack_read(uint64_t addr)
{
	(void)*(volatile uint8_t *)addr;
}

static inline void attack_write(uint64_t addr)
{
	*(volatile uint8_t *)addr = 0x90;
}

/* Changes nothing where it succeeds. */
static inline void attack_rewrite(uint64_t addr)
{
	__asm__ volatile("lock addl $0, (%0)" : : "r"(addr) : "memory", "cc");
}

static inline void attack_jump(uint64_t addr)
{
	__asm__ volatile("call *%0" : : "r"(addr) : "memory");
}

#endif
