/* SPDX-License-Identifier: MIT */
#include <errno.h>

/*
 * The names by which programs know poll.c and epoll.c. Apart from them, so that tests on a Unix
 * host can link those beside the host's.
 */

#include <stddef.h>

#include "core/plat.h"
#include "libc-glue/glue.h"
#include "libc-glue/poll.h"
#include "libc-glue/signal.h"

#define NS_PER_S 1000000000

static uint64_t deadline_of(const struct timespec *t)
{
	if (!t)
		return PLAT_FOREVER;
	if (t->tv_sec == 0 && t->tv_nsec == 0)
		return 0;
	return plat_now() + (uint64_t)t->tv_sec * NS_PER_S + (uint64_t)t->tv_nsec;
}

/*
 * Puts the mask in place for the length of a call. A signal that this lets in has its handler run at
 * once: then the call shall not wait any more, but may still say what is ready (POSIX pselect(), Linux
 * ppoll()). Returns whether that is so.
 */
static bool enter(const sigset_t *mask, sigset_t *old)
{
	unsigned before = signal_runs(0);

	if (mask)
		sigprocmask(SIG_SETMASK, mask, old);
	return mask && signal_runs(0) != before;
}

/* rc is the call's result, which it had without waiting if `late`. */
static int leave(int rc, const sigset_t *mask, const sigset_t *old, bool late)
{
	if (mask)
		sigprocmask(SIG_SETMASK, old, NULL);
	return (int)fd_result(rc == 0 && late ? -EINTR : rc);
}

static int is_time(const struct timespec *t)
{
	return !t || (t->tv_sec >= 0 && t->tv_nsec >= 0 && t->tv_nsec < NS_PER_S);
}

int poll(struct pollfd *v, nfds_t n, int timeout_ms)
{
	return (int)fd_result(poll_wait(v, n, poll_deadline(timeout_ms)));
}

int ppoll(struct pollfd *v, nfds_t n, const struct timespec *timeout, const sigset_t *mask)
{
	sigset_t old;
	bool late;

	if (!is_time(timeout))
		return (int)fd_result(-EINVAL);
	late = enter(mask, &old);
	return leave(poll_wait(v, n, late ? 0 : deadline_of(timeout)), mask, &old, late);
}

int pselect(int n, fd_set *in, fd_set *out, fd_set *err, const struct timespec *timeout, const sigset_t *mask)
{
	sigset_t old;
	bool late;

	if (!is_time(timeout))
		return (int)fd_result(-EINVAL);
	late = enter(mask, &old);
	return leave(poll_select(n, in, out, err, late ? 0 : deadline_of(timeout)), mask, &old, late);
}

/* As Linux does, what is left of the time is written back. */
int select(int n, fd_set *in, fd_set *out, fd_set *err, struct timeval *timeout)
{
	struct timespec t = { 0, 0 };
	uint64_t deadline, now;
	int rc;

	if (timeout) {
		t.tv_sec = timeout->tv_sec + timeout->tv_usec / 1000000;
		t.tv_nsec = timeout->tv_usec % 1000000 * 1000;
	}
	if (!is_time(&t))
		return (int)fd_result(-EINVAL);
	deadline = deadline_of(timeout ? &t : NULL);
	rc = poll_select(n, in, out, err, deadline);
	if (timeout) {
		now = plat_now();
		now = deadline > now ? deadline - now : 0;
		timeout->tv_sec = (time_t)(now / NS_PER_S);
		timeout->tv_usec = (suseconds_t)(now % NS_PER_S / 1000);
	}
	return (int)fd_result(rc);
}

int epoll_create1(int flags)
{
	return (int)fd_result(epoll_make(flags));
}

int epoll_create(int size)
{
	return (int)fd_result(size > 0 ? epoll_make(0) : -EINVAL);
}

int epoll_ctl(int epfd, int op, int fd, struct epoll_event *event)
{
	return (int)fd_result(epoll_change(epfd, op, fd, event));
}

int epoll_wait(int epfd, struct epoll_event *v, int max, int timeout_ms)
{
	return (int)fd_result(epoll_collect(epfd, v, max, poll_deadline(timeout_ms)));
}

int epoll_pwait(int epfd, struct epoll_event *v, int max, int timeout_ms, const sigset_t *mask)
{
	sigset_t old;
	bool late = enter(mask, &old);

	return leave(epoll_collect(epfd, v, max, poll_deadline(late ? 0 : timeout_ms)), mask, &old, late);
}
