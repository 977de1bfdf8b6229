/* SPDX-License-Identifier: MIT */
#ifndef POLL_H
#define POLL_H

/*
 * poll() (POSIX.1-2017) and ppoll() (Linux, POSIX.1-2024). libc-glue/poll.c; poll_posix.c has the
 * names. For many descriptors epoll is quicker: sys/epoll.h.
 *
 * Regular files, disks and what else cannot say are always ready. POLLPRI, POLLRDBAND and
 * POLLWRBAND never come: there is no urgent data. POLLRDHUP is Linux's: the peer sends no more.
 */

#include <sys/types.h>

/*
 * Linux's numbers. POLLRDNORM and POLLWRNORM come with POLLIN and POLLOUT. POLLERR, POLLHUP and
 * POLLNVAL come unasked.
 */
#define POLLIN 0x001
#define POLLPRI 0x002
#define POLLOUT 0x004
#define POLLERR 0x008
#define POLLHUP 0x010
#define POLLNVAL 0x020
#define POLLRDNORM 0x040
#define POLLRDBAND 0x080
#define POLLWRNORM 0x100
#define POLLWRBAND 0x200
#define POLLRDHUP 0x2000

typedef unsigned long nfds_t;

/*
 * fd < 0: not looked at, revents becomes 0. A number that is not open gives POLLNVAL, which is an
 * answer and no error.
 */
struct pollfd {
	int fd;
	short events;
	short revents;
};

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Waits until one of v[0..n) is ready, timeout_ms milliseconds at most: 0 only looks, and lets the
 * other threads run, negative waits for ever. Returns how many have revents, 0 at the timeout. v is
 * the caller's and is read again after each wake-up: leave it alone meanwhile. EINVAL (n above
 * OPEN_MAX), ENOMEM (n above 16), EINTR in the first thread.
 *
 * A descriptor that is closed while somebody polls it ends the wait with POLLNVAL; on Linux the
 * wait goes on.
 */
int poll(struct pollfd *v, nfds_t n, int timeout_ms);

/*
 * The same to the nanosecond, NULL for ever, and with another mask of signals for the time of the
 * call. timeout is not written to. EINVAL for one that is no time.
 */
int ppoll(struct pollfd *v, nfds_t n, const struct timespec *timeout, const sigset_t *mask);

#ifdef __cplusplus
}
#endif

#endif
