/* SPDX-License-Identifier: MIT */
#include <errno.h>

/*
 * alarm() and setitimer(ITIMER_REAL): SIGALRM by a timer of the core.
 */

#include <sys/time.h>
#include <unistd.h>

#include "core/plat.h"
#include "libc-glue/glue.h"
#include "libc-glue/signal.h"

static struct timer timer;
static uint64_t due;    /* 0: not set */
static uint64_t period; /* ns, 0: once */

/* In the loop. The period counts from when it was due, not from when it ran. */
static void ring(struct timer *t)
{
	signal_post(SIGALRM);
	due = period ? due + period : 0;
	if (due)
		timer_set(t, due, ring);
}

/* Sets the alarm for ns from now, 0 for never. Returns how many were left of the one before. */
static uint64_t set(uint64_t ns, uint64_t every)
{
	uint64_t now = plat_now();
	uint64_t left = due > now ? due - now : 0;

	timer_cancel(&timer);
	period = every;
	due = ns ? now + ns : 0;
	if (due)
		timer_set(&timer, due, ring);
	return left;
}

/* Rounded up: what is left of a second is told as one. */
unsigned alarm(unsigned seconds)
{
	return (unsigned)((set((uint64_t)seconds * 1000000000u, 0) + 999999999u) / 1000000000u);
}

static uint64_t from_timeval(const struct timeval *t)
{
	return (uint64_t)t->tv_sec * 1000000000u + (uint64_t)t->tv_usec * 1000u;
}

static struct timeval to_timeval(uint64_t ns)
{
	return (struct timeval){ .tv_sec = (time_t)(ns / 1000000000u), .tv_usec = (suseconds_t)(ns % 1000000000u / 1000u) };
}

/* The timers that count CPU time are refused: nobody counts it. */
int setitimer(int which, const struct itimerval *value, struct itimerval *old)
{
	uint64_t left, every = period;

	if (which != ITIMER_REAL)
		return (int)fd_result(-EINVAL);
	left = set(from_timeval(&value->it_value), from_timeval(&value->it_interval));
	if (old)
		*old = (struct itimerval){ .it_value = to_timeval(left), .it_interval = to_timeval(every) };
	return 0;
}

int getitimer(int which, struct itimerval *value)
{
	uint64_t now = plat_now();

	if (which != ITIMER_REAL)
		return (int)fd_result(-EINVAL);
	*value = (struct itimerval){ .it_value = to_timeval(due > now ? due - now : 0), .it_interval = to_timeval(period) };
	return 0;
}
