/* SPDX-License-Identifier: MIT */
/* A timer as a descriptor, as Linux has it. libc-glue/timerfd.c. */
#ifndef SYS_TIMERFD_H
#define SYS_TIMERFD_H

#include <fcntl.h>
#include <sys/cdefs.h>
#include <time.h>

#define TFD_NONBLOCK O_NONBLOCK
#define TFD_CLOEXEC O_CLOEXEC
#define TFD_TIMER_ABSTIME 1

__BEGIN_DECLS

int timerfd_create(clockid_t clock, int flags);
int timerfd_settime(int fd, int flags, const struct itimerspec *value, struct itimerspec *old);
int timerfd_gettime(int fd, struct itimerspec *value);

__END_DECLS

#endif
