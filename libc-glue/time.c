/* SPDX-License-Identifier: MIT */
#include <errno.h>

/*
 * Clocks and sleeping.
 *
 * CLOCK_MONOTONIC is plat_now(), CLOCK_REALTIME is plat_wall(), which starts at 1970 on a machine
 * without a calendar clock. There is one process on one CPU and nobody counts what a thread uses,
 * so the CPU-time clocks tell the time since boot. The host owns the wall clock: setting it is
 * refused.
 */

#include <sys/time.h>
#include <sys/times.h>
#include <unistd.h>

#include "core/plat.h"
#include "libc-glue/clock.h"
#include "libc-glue/glue.h"

#define NS 1000000000u
#define COARSE_REALTIME ((clockid_t)0) /* CLOCK_REALTIME_COARSE, which newlib only shows to _GNU_SOURCE */
#define CLOCK_LAST ((clockid_t)9)

struct timespec time_spec(uint64_t ns)
{
	return (struct timespec){ .tv_sec = (time_t)(ns / NS), .tv_nsec = (long)(ns % NS) };
}

int time_valid(const struct timespec *t)
{
	return t->tv_sec >= 0 && t->tv_nsec >= 0 && t->tv_nsec < (long)NS;
}

/* A time that does not fit, some 584 years from now, never comes. */
static uint64_t to_ns(const struct timespec *t)
{
	uint64_t ns;

	if (__builtin_mul_overflow((uint64_t)t->tv_sec, (uint64_t)NS, &ns) ||
		__builtin_add_overflow(ns, (uint64_t)t->tv_nsec, &ns))
		return PLAT_FOREVER;
	return ns;
}

static uint64_t after(uint64_t ns)
{
	uint64_t deadline;

	return __builtin_add_overflow(plat_now(), ns, &deadline) ? PLAT_FOREVER : deadline;
}

uint64_t time_after(const struct timespec *span)
{
	return after(to_ns(span));
}

static bool is_wall(clockid_t clock)
{
	return clock == CLOCK_REALTIME || clock == COARSE_REALTIME;
}

/* A step of the wall clock while somebody waits is not seen: the wait ends when it would have. */
uint64_t time_until(clockid_t clock, const struct timespec *t)
{
	uint64_t ns = to_ns(t), wall;

	if (!is_wall(clock))
		return ns;
	wall = plat_wall();
	return ns <= wall ? 0 : after(ns - wall);
}

/* ---- Clocks ---- */

int clock_gettime(clockid_t clock, struct timespec *t)
{
	if (clock > CLOCK_LAST)
		return (int)fd_result(-EINVAL);
	*t = time_spec(is_wall(clock) ? plat_wall() : plat_now());
	return 0;
}

/*
 * Clocks tell nanoseconds; what ticks beneath is the platform's. Not 0, which some programs divide
 * by.
 */
int clock_getres(clockid_t clock, struct timespec *res)
{
	if (clock > CLOCK_LAST)
		return (int)fd_result(-EINVAL);
	if (res)
		*res = time_spec(1);
	return 0;
}

/* The host sets the clock. EINVAL where the call would be wrong anywhere. */
int clock_settime(clockid_t clock, const struct timespec *t)
{
	return (int)fd_result(clock > CLOCK_LAST || !time_valid(t) ? -EINVAL : -EPERM);
}

int clock_getcpuclockid(pid_t pid, clockid_t *clock)
{
	if (pid != 0 && pid != getpid())
		return ESRCH;
	*clock = CLOCK_PROCESS_CPUTIME_ID;
	return 0;
}

/* The zone is obsolete in POSIX and not filled in; TZ is newlib's affair. */
int gettimeofday(struct timeval *t, void *zone)
{
	uint64_t us = plat_wall() / 1000;

	(void)zone;
	if (t)
		*t = (struct timeval){ .tv_sec = (time_t)(us / 1000000), .tv_usec = (suseconds_t)(us % 1000000) };
	return 0;
}

int settimeofday(const struct timeval *t, const struct timezone *zone)
{
	(void)t;
	(void)zone;
	return (int)fd_result(-EPERM);
}

/* newlib's clock() is made of this. Its unit is CLOCKS_PER_SEC. */
clock_t times(struct tms *t)
{
	clock_t now = (clock_t)(plat_now() / (NS / CLOCKS_PER_SEC));

	if (t)
		*t = (struct tms){ .tms_utime = now };
	return now;
}

/* ---- Sleeping ---- */

/*
 * Woken by the clock or by a handler. A signal to the first thread also wakes the other sleepers:
 * they look and go on sleeping.
 */
static int sleep_until(uint64_t deadline)
{
	static struct waitq sleepers = WAITQ_INIT(sleepers); /* nobody wakes them but a signal */
	int rc;

	do
		rc = signal_wait(&sleepers, deadline);
	while (rc == 0);
	return rc == -EINTR ? -EINTR : 0;
}

/* A span of 0 is a yield. */
int nanosleep(const struct timespec *span, struct timespec *left)
{
	uint64_t deadline, now;
	int rc;

	if (!time_valid(span))
		return (int)fd_result(-EINVAL);
	deadline = time_after(span);
	rc = sleep_until(deadline);
	now = plat_now();
	if (rc && left)
		*left = time_spec(deadline > now ? deadline - now : 0);
	return (int)fd_result(rc);
}

int clock_nanosleep(clockid_t clock, int flags, const struct timespec *t, struct timespec *left)
{
	if (clock > CLOCK_LAST || !time_valid(t))
		return EINVAL;
	if (flags & TIMER_ABSTIME)
		return -sleep_until(time_until(clock, t));
	return nanosleep(t, left) ? errno : 0;
}

int usleep(useconds_t us)
{
	struct timespec t = time_spec((uint64_t)us * 1000);

	return nanosleep(&t, NULL);
}

unsigned sleep(unsigned seconds)
{
	struct timespec t = { .tv_sec = seconds }, left;

	return nanosleep(&t, &left) ? (unsigned)left.tv_sec + (left.tv_nsec > 0) : 0;
}
