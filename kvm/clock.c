/* SPDX-License-Identifier: MIT */
#include "core/core.h"

/*
 * Time: kvmclock where the host offers it, else the TSC at a rate that CPUID tells, else the TSC
 * steered by a reference (steer.c).
 *
 * Nothing here ever waits for a calibration: not at boot, and not when somebody first asks for
 * the time. The calendar is kvmclock's too, or the CMOS clock's, which the seal puts out of reach
 * and which is therefore read before.
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

/* The local APIC's timer runs at 1 GHz on QEMU and KVM and counts 32 bits. */
#define TIMER_MAX 0xffffffffull

static enum { STEERED, EXACT, KVMCLOCK } mode;

/* The host writes here: first its wall clock, then, for ever, its time. */
static union {
	volatile struct pvclock_page time;
	volatile struct pvclock_wall wall;
} page __attribute__((aligned(PAGE_SIZE)));

static uint64_t origin; /* kvmclock's time, or the TSC, at clock_start() */
static uint64_t last;   /* the latest answer */
static uint64_t epoch;  /* calendar time at clock_now() == 0; 0: unknown */
static uint64_t rate;   /* EXACT: ns a tick, in 2^-32 */
static bool calendar_read;
static bool deadlines;  /* gate_deadline_mode(), which asks CPUID */

/*
 * Where nothing writes the page, or not soundly, there is no kvmclock. That the host calls it
 * "stable" is not asked for: that is about several vCPUs, and where the host's TSC is not steady
 * kvmclock is right all the same and anything that we could make of the TSC is not.
 */
static bool start_kvmclock(void)
{
	uint32_t leaf = machine_kvm_leaf(), features = leaf ? cpu_id(leaf + 1, 0).eax : 0;
	uint64_t at_zero;

	if (!(features & FEATURE_CLOCKSOURCE2))
		return false;
	if (gate_msr(MSR_WALL, (uintptr_t)&page))
		return false;
	at_zero = pvclock_epoch(&page.wall);
	page.time.version = 0;
	if (gate_msr(MSR_SYSTEM, (uintptr_t)&page | 1) || !pvclock_valid(&page.time))
		return false;
	origin = pvclock_now(&page.time);
	epoch = at_zero ? at_zero + origin : 0;
	calendar_read = true;
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
		return pvclock_now(&page.time) - origin;
	return (uint64_t)((unsigned __int128)(cpu_tsc() - origin) * rate >> 32);
}

/* Whatever the host does to its clock, ours does not go back. */
uint64_t clock_now(void)
{
	uint64_t now = read_clock();

	if ((int64_t)(now - last) > 0)
		last = now;
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
		return pvclock_tsc(&page.time, deadline + origin);
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

/* The calendar plus the clock: it is not asked again, so it drifts with the clock. */
uint64_t clock_wall(void)
{
	if (!calendar_read)
		clock_seal();
	return epoch ? epoch + clock_now() : 0;
}

void clock_seal(void)
{
	uint64_t calendar;

	if (calendar_read)
		return;
	calendar_read = true;
	calendar = rtc_read() * NS_PER_S;
	if (calendar)
		epoch = calendar - clock_now();
}

const char *clock_name(void)
{
	if (mode == STEERED)
		return steer_reference();
	return mode == KVMCLOCK ? "kvmclock" : "tsc";
}
