/* SPDX-License-Identifier: MIT */
#include "core/core.h"

/*
 * Time: kvmclock where the host offers it, else the TSC at a rate that CPUID tells, else the TSC
 * steered by a reference (steer.c).
 *
 * Nothing here ever waits for a calibration: not at boot, and not when somebody first asks for
 * the time.
 *
 * A machine can be a file for an hour: all its clocks stand still meanwhile, so that nobody in it
 * sees time jump, but the calendar goes on. So the calendar is asked for again. kvmclock says by its
 * page's version that something has changed; the CMOS clock says nothing and is read whenever
 * somebody wants the calendar, at most every LOOK_NS, and under TCG, where exits are cheap, its second each
 * time.
 */

#include "core/plat.h"
#include "core/x86/cpu.h"
#include "core/x86/gate.h"
#include "core/x86/pvclock.h"
#include "kvm/kvm.h"
#include "kvm/steer.h"

#define MSR_WALL 0x4b564d00u
#define MSR_SYSTEM 0x4b564d01u

/* EAX of the leaf after KVM's signature. */
#define FEATURE_CLOCKSOURCE2 (1u << 3)
#define CPUID_RATIO 0x15u     /* TSC to crystal, and the crystal's Hz */
#define CPUID_KHZ 0x40000010u /* the TSC's kHz, as VMware and QEMU tell it */

#define NS_PER_S 1000000000ull
#define LOOK_NS 20000000u

/* The local APIC's timer runs at 1 GHz on QEMU and KVM and counts 32 bits. */
#define TIMER_MAX 0xffffffffull

static enum { STEERED, EXACT, KVMCLOCK } mode;

/* The host writes here: its time, for ever, and its wall clock whenever it is asked. */
static volatile struct pvclock_page page __attribute__((aligned(PAGE_SIZE)));
static union {
	volatile struct pvclock_wall clock;
	uint8_t bytes[PAGE_SIZE];
} wall __attribute__((aligned(PAGE_SIZE)));

static uint64_t origin; /* kvmclock's time, or the TSC, at clock_start() */
static uint64_t last;   /* the latest answer */
static uint64_t epoch;  /* calendar time at clock_now() == 0; 0: unknown */
static uint64_t rate;   /* EXACT: ns a tick, in 2^-32 */
static uint32_t seen;   /* KVMCLOCK: the page's version when the calendar was asked for */
static uint64_t look;   /* others: when to read the CMOS clock again */
static bool deadlines;  /* gate_deadline_mode(), which asks CPUID */

/*
 * Where nothing writes the page, or not soundly, there is no kvmclock. That the host calls it
 * "stable" is not asked for: that is about several vCPUs, and where the host's TSC is not steady
 * kvmclock is right all the same and anything that we could make of the TSC is not.
 */
static bool start_kvmclock(void)
{
	uint32_t leaf = machine_kvm_leaf(), features = leaf ? cpu_id(leaf + 1, 0).eax : 0;

	if (!(features & FEATURE_CLOCKSOURCE2) || gate_msr(MSR_SYSTEM, (uintptr_t)&page | 1) || !pvclock_valid(&page))
		return false;
	origin = pvclock_now(&page);
	mode = KVMCLOCK;
	return true;
}

/*
 * The rate as CPUID tells it, in Hz; 0 when it does not. Leaf 0x16 says MHz only, which is a
 * guess and not a rate.
 */
static uint64_t told_rate(void)
{
	struct cpu_id r = cpu_id_checked(CPUID_RATIO);

	if (r.eax && r.ebx && r.ecx)
		return (uint64_t)r.ecx * r.ebx / r.eax;
	return machine_has_hypervisor() ? cpu_id_checked(CPUID_KHZ).eax * 1000ull : 0;
}

/* The best there is. */
void clock_start(void)
{
	uint64_t told;

	deadlines = gate_start_timer();
	if (start_kvmclock())
		return;
	told = told_rate();
	if (!told) {
		steer_start();
		return;
	}
	mode = EXACT;
	origin = cpu_tsc();
	rate = (NS_PER_S << 32) / told;
}

/* Since clock_start(). */
static uint64_t read_clock(void)
{
	if (mode == STEERED)
		return steer_now();
	if (mode == KVMCLOCK)
		return pvclock_now(&page) - origin;
	return (uint64_t)((unsigned __int128)(cpu_tsc() - origin) * rate >> 32);
}

/*
 * Whatever the host does to its clock, ours does not go back. One that begins anew, as behind a
 * monitor that did not save it, is not waited for either: ours goes on from where it was.
 */
uint64_t clock_now(void)
{
	uint64_t now = read_clock();

	if ((int64_t)(now - last) > 0)
		last = now;
	else if (mode == KVMCLOCK && last - now > NS_PER_S)
		origin -= last - now;
	return last;
}

uint64_t clock_nap(void)
{
	return mode == STEERED ? steer_nap() : PLAT_FOREVER;
}

/* The inverse of read_clock(). */
static uint64_t deadline_tsc(uint64_t deadline)
{
	if (mode == STEERED)
		return steer_tsc(deadline);
	if (mode == KVMCLOCK)
		return pvclock_tsc(&page, deadline + origin);
	return origin + (uint64_t)((unsigned __int128)deadline * (UINT64_MAX / rate) >> 32);
}

/*
 * 0 would be "no timer": a deadline in the past becomes the shortest there is. What does not fit
 * 32 bits ends early, and the caller asks again.
 */
uint64_t clock_timer(uint64_t deadline)
{
	uint64_t now, left;

	if (deadline == PLAT_FOREVER)
		return 0;
	if (deadlines)
		return deadline_tsc(deadline);
	now = clock_now();
	left = deadline > now ? deadline - now : 1;
	return left < TIMER_MAX ? left : TIMER_MAX;
}

/*
 * The version is taken before the host is asked: what changes in between is seen the next time.
 * Behind a host that has no calendar the last one holds.
 */
static void follow_kvmclock(void)
{
	uint32_t version = page.version;
	uint64_t at_zero;

	if (version == seen || gate_msr(MSR_WALL, (uintptr_t)&wall))
		return;
	seen = version;
	at_zero = pvclock_epoch(&wall.clock);
	if (at_zero)
		epoch = at_zero + origin;
}

/* Between two readings one register tells nearly every jump; on a host of costly exits nothing does. */
static bool is_second(uint64_t now)
{
	return mode != STEERED || rtc_second() == (epoch + now) / NS_PER_S % 60;
}

/*
 * It tells whole seconds. So long as ours lies within the second that was told while we read, it is
 * not touched; else it moves by as little as it takes. The first reading is thus late by up to a
 * second, and who asks again and again is right by LOOK_NS.
 */
static void follow_cmos(void)
{
	uint64_t before = clock_now(), told, after;

	if (before < look && is_second(before))
		return;
	look = before + LOOK_NS;
	told = rtc_read() * NS_PER_S;
	after = clock_now();
	if (told && epoch + after < told)
		epoch = told - after;
	else if (told && epoch + before >= told + NS_PER_S)
		epoch = told + NS_PER_S - 1 - before;
}

uint64_t clock_wall(void)
{
	if (mode == KVMCLOCK)
		follow_kvmclock();
	else
		follow_cmos();
	return epoch ? epoch + clock_now() : 0;
}

const char *clock_name(void)
{
	if (mode == STEERED)
		return steer_reference();
	return mode == KVMCLOCK ? "kvmclock" : "tsc";
}
