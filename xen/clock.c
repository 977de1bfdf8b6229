/* SPDX-License-Identifier: MIT */
/*
 * Time on Xen: nanoseconds since the host started, from the vCPU's time record and the cycle counter.
 *
 * Xen rewrites the record under a version that is odd meanwhile; a reader takes everything, then looks
 * whether the version stood still. pith has one vCPU, and Xen updates the record only while that vCPU
 * is not running, so the loop is short; it still has to be there.
 * One vCPU also means that system time does not go back, except across a restore on another host. So clock_now() is
 * an offset from the last clock_start(), plus what had passed by then, and is held from going back.
 */
#include "xen/flavour.h"

#include "core/core.h"

static uint64_t system_base; /* system time of the last clock_start() */
static uint64_t passed;      /* clock_now() at that moment */
static uint64_t latest;      /* the last answer: the next is not less */

static uint64_t cycles(void)
{
	return __builtin_ia32_rdtsc();
}

/* delta cycles in ns: shifted by tsc_shift, then times a 32.32 fraction. */
static uint64_t scale(uint64_t delta, uint32_t mul, int8_t shift)
{
	delta = shift < 0 ? delta >> -shift : delta << shift;
	return (uint64_t)(((unsigned __int128)delta * mul) >> 32);
}

static uint64_t system_time(void)
{
	const volatile struct vcpu_time_info *t = &flavour_shared_info()->vcpu_info[0].time;
	uint64_t at, stamp, delta;
	uint32_t version, mul;
	int8_t shift;

	do {
		version = t->version & ~1u; /* odd: being written, so the comparison below fails */
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		at = t->system_time;
		stamp = t->tsc_timestamp;
		mul = t->tsc_to_system_mul;
		shift = t->tsc_shift;
		delta = cycles() - stamp;
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
	} while (version != t->version);
	if ((int64_t)delta < 0)
		delta = 0; /* a counter behind its own stamp: another core's, corrected at the next update */
	return at + scale(delta, mul, shift);
}

void clock_start(void)
{
	passed = latest;
	system_base = system_time();
}

uint64_t clock_now(void)
{
	uint64_t now = passed + (system_time() - system_base);

	if ((int64_t)(now - latest) > 0)
		latest = now;
	return latest;
}

uint64_t clock_to_system(uint64_t now)
{
	return now - passed + system_base;
}

uint64_t clock_wall(void)
{
	const volatile struct shared_info *s = flavour_shared_info();
	uint32_t version, sec, nsec, high;

	do {
		version = s->wc_version & ~1u;
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		sec = s->wc_sec;
		nsec = s->wc_nsec;
		high = s->wc_sec_hi;
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
	} while (version != s->wc_version);
	if (!sec && !high)
		return 0;
	/* The wall clock at the moment when system time was 0. */
	return (((uint64_t)high << 32) | sec) * 1000000000u + nsec + system_time();
}
