/* SPDX-License-Identifier: MIT */
#include "libc-glue/poll.h"

/*
 * poll() and select(): waiting until one of several files is ready. epoll.c is for many files.
 *
 * A look costs one question for each file. Only when none is ready are watches put on all (glue.h),
 * on the stack for a few; a change wakes the caller, who looks again.
 */

#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "core/plat.h"
#include "libc-glue/glue.h"

#define FEW 16
#define ALWAYS (POLLERR | POLLHUP)

unsigned poll_handed;

void poll_begin(void)
{
	loop_breathe();
	if (poll_handed) {
		poll_handed = 0;
		loop_poll();
	}
}

int poll_end(int n)
{
	poll_handed = n > 1 ? (unsigned)n : 0;
	return n;
}

uint64_t poll_deadline(int timeout_ms)
{
	if (timeout_ms < 0)
		return PLAT_FOREVER;
	return timeout_ms == 0 ? 0 : plat_now() + (uint64_t)timeout_ms * 1000000;
}

/* ---- poll ---- */

/* POLLRDNORM and POLLWRNORM are other names for what POLLIN and POLLOUT mean here. */
static unsigned with_aliases(unsigned events)
{
	return events | (events & POLLIN ? POLLRDNORM : 0) | (events & POLLOUT ? POLLWRNORM : 0);
}

static unsigned without_aliases(unsigned events)
{
	return events | (events & POLLRDNORM ? POLLIN : 0) | (events & POLLWRNORM ? POLLOUT : 0);
}

/* POLLNVAL is an answer, not an error (POSIX poll()). */
static short look_at(const struct pollfd *p)
{
	struct fd_file *f;
	unsigned ready;

	if (p->fd < 0)
		return 0;
	f = fd_get(p->fd);
	if (!f)
		return POLLNVAL;
	ready = with_aliases(fd_ready(f)) & ((unsigned)(unsigned short)p->events | ALWAYS);
	fd_put(f);
	return (short)ready;
}

static int look(struct pollfd *v, nfds_t n)
{
	int ready = 0;

	for (nfds_t i = 0; i < n; i++) {
		v[i].revents = look_at(&v[i]);
		ready += v[i].revents != 0;
	}
	return ready;
}

static void watch_all(struct fd_watch *w, struct fd_waiter *waiter, const struct pollfd *v, nfds_t n)
{
	for (nfds_t i = 0; i < n; i++) {
		struct fd_file *f = v[i].fd >= 0 ? fd_get(v[i].fd) : NULL;

		w[i] = (struct fd_watch){ .waiter = NULL };
		if (!f)
			continue;
		fd_watch(&w[i], waiter, f, without_aliases((unsigned)(unsigned short)v[i].events) | ALWAYS);
		fd_put(f);
	}
}

static void unwatch_all(struct fd_watch *w, nfds_t n)
{
	for (nfds_t i = 0; i < n; i++)
		if (w[i].waiter)
			fd_unwatch(&w[i]);
}

/*
 * Nothing switches between the look that came before and the watches, so no change falls between.
 */
static int block(struct pollfd *v, nfds_t n, uint64_t deadline, struct fd_watch *w)
{
	struct fd_waiter waiter;
	int ready = 0, rc = 0;

	fd_waiter_init(&waiter, NULL);
	watch_all(w, &waiter, v, n);
	while (ready == 0 && rc == 0) {
		rc = signal_wait(&waiter.wait, deadline);
		ready = look(v, n);
	}
	unwatch_all(w, n);
	return ready > 0 || rc == -ERR_TIMEDOUT ? ready : rc;
}

/* n is checked against the table: POSIX allows EINVAL above OPEN_MAX. */
int poll_wait(struct pollfd *v, nfds_t n, uint64_t deadline)
{
	struct fd_watch few[FEW], *w = few;
	int ready;

	if (n > FD_MAX)
		return -EINVAL;
	poll_begin();
	ready = look(v, n);
	if (ready > 0 || deadline == 0) {
		if (ready == 0)
			thread_yield(); /* who asks over and over without waiting must not shut the others out */
		return poll_end(ready ? ready : look(v, n));
	}
	if (n > FEW)
		w = malloc(n * sizeof *w);
	if (!w)
		return -ENOMEM;
	ready = block(v, n, deadline, w);
	if (w != few)
		free(w);
	return poll_end(ready);
}

/* ---- select ---- */

static bool has(const fd_set *set, int fd)
{
	return set && FD_ISSET(fd, set);
}

/* The sets as a vector. Returns its length. */
static nfds_t list_sets(struct pollfd *v, int n, const fd_set *in, const fd_set *out, const fd_set *err)
{
	nfds_t count = 0;

	for (int fd = 0; fd < n; fd++) {
		short events = (short)((has(in, fd) ? POLLIN : 0) | (has(out, fd) ? POLLOUT : 0) | (has(err, fd) ? POLLPRI : 0));

		if (events)
			v[count++] = (struct pollfd){ .fd = fd, .events = events };
	}
	return count;
}

static void clear(fd_set *set, int n)
{
	if (set)
		memset(set, 0, (size_t)(n + NFDBITS - 1) / NFDBITS * (NFDBITS / 8));
}

static int mark(fd_set *set, const struct pollfd *p, short asked, int ready)
{
	if (!(p->events & asked) || !(p->revents & ready))
		return 0;
	FD_SET(p->fd, set);
	return 1;
}

/* An end or an error makes a file readable and writable: the call will not block. */
static int fill_sets(const struct pollfd *v, nfds_t count, fd_set *in, fd_set *out, fd_set *err)
{
	int bits = 0;

	for (nfds_t i = 0; i < count; i++) {
		bits += mark(in, &v[i], POLLIN, POLLIN | POLLHUP | POLLERR);
		bits += mark(out, &v[i], POLLOUT, POLLOUT | POLLERR);
		bits += mark(err, &v[i], POLLPRI, POLLPRI);
	}
	return bits;
}

/* select() fails where poll() answers: EBADF. */
static bool any_bad(const struct pollfd *v, nfds_t count)
{
	for (nfds_t i = 0; i < count; i++)
		if (v[i].revents & POLLNVAL)
			return true;
	return false;
}

/* The sets are written when all has gone well, and not before. */
int poll_select(int n, fd_set *in, fd_set *out, fd_set *err, uint64_t deadline)
{
	struct pollfd *v;
	nfds_t count;
	int rc;

	if (n < 0 || n > FD_MAX)
		return -EINVAL;
	v = malloc((size_t)(n ? n : 1) * sizeof *v);
	if (!v)
		return -ENOMEM;
	count = list_sets(v, n, in, out, err);
	rc = poll_wait(v, count, deadline);
	if (rc >= 0 && any_bad(v, count))
		rc = -EBADF;
	if (rc >= 0) {
		clear(in, n);
		clear(out, n);
		clear(err, n);
		rc = fill_sets(v, count, in, out, err);
	}
	free(v);
	return rc;
}
