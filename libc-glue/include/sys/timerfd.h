/* SPDX-License-Identifier: MIT */
#ifndef SYS_TIMERFD_H
#define SYS_TIMERFD_H

/*
 * A timer as a descriptor: Linux's timerfd_create(2). libc-glue/timerfd.c.
 *
 * read() gives 8 bytes: how often it has gone off since the last read; blocks while that is 0.
 * EAGAIN with O_NONBLOCK, EINVAL for a first buffer below 8 bytes, EINTR. poll(): readable once it
 * has gone off. Times are as exact as the turns of the loop; a thread that computes delays them,
 * and the count makes up for it.
 */

#include <fcntl.h>
#include <sys/cdefs.h>
#include <time.h>

/* TFD_TIMER_CANCEL_ON_SET is not known: EINVAL. */
#define TFD_NONBLOCK O_NONBLOCK
#define TFD_CLOEXEC O_CLOEXEC
#define TFD_TIMER_ABSTIME 1

__BEGIN_DECLS

/*
 * CLOCK_MONOTONIC or CLOCK_REALTIME, else EINVAL, as for other flags; EMFILE, ENOMEM. Not set yet.
 */
int timerfd_create(clockid_t clock, int flags);

/*
 * First time and period, it_value 0 to stop it. What has gone off and was not read is forgotten. A
 * time of CLOCK_REALTIME is converted now: a step of the wall clock later is not seen (Linux sees
 * it). old may be NULL. EINVAL (no time, other flags, no timerfd), EBADF. Never blocks.
 */
int timerfd_settime(int fd, int flags, const struct itimerspec *value, struct itimerspec *old);

/* What is left until the next time, 0 when it is not set, and the period. EINVAL, EBADF. */
int timerfd_gettime(int fd, struct itimerspec *value);

__END_DECLS

#endif
