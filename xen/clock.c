/* SPDX-License-Identifier: MIT */
#include "core/x86/pvclock.h"

/*
 * Time on Xen: nanoseconds since the host started, from the vCPU's time record and the cycle
 * counter.
 *
 * Reading the record under its version is core/x86/pvclock.c's. Here is what is Xen's: system time
 * counts from the host's start and begins anew on another host, so clock_now() is an offset from
 * the last clock_start() plus what had passed by then, and is held from going back; and the wall
 * clock, whose seconds have a high half.
 */

#include "xen/flavour.h"

static uint64_t system_base; /* system time of the last clock_start() */
static uint64_t passed;      /* clock_now() at that moment */
static uint64_t latest;      /* the last answer: the next is not less */

static uint64_t system_time(void)
{
	_Static_assert(sizeof(struct vcpu_time_info) == sizeof(struct pvclock_page), "Xen's record is the pvclock's");
	return pvclock_now((const volatile struct pvclock_page *)&flavour_shared_info()->vcpu_info[0].time);
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
