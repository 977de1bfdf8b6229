/* SPDX-License-Identifier: MIT */
#include <errno.h>

/*
 * timerfd: a timer that is read, and that poll() and epoll_wait() can wait for.
 *
 * One timer of the core for each descriptor. read() gives the number of times it has gone off since
 * the last read: a period that is shorter than the loop's turns is counted by the clock, not by
 * wake-ups.
 */

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>

#include "core/plat.h"
#include "libc-glue/clock.h"
#include "libc-glue/glue.h"

struct timer_file {
	struct fd_file file;
	clockid_t clock;
	struct timer timer;
	uint64_t due;    /* plat_now() of the next time, 0: not set */
	uint64_t period; /* ns, 0: once */
	uint64_t count;  /* not read yet */
	struct waitq readers;
};

/* The file is the first member, but need not be. */
static struct timer_file *of(struct fd_file *f)
{
	return container_of(f, struct timer_file, file);
}

/* Runs inside the loop, so it only notes and wakes. */
static void ring(struct timer *timer)
{
	struct timer_file *t = container_of(timer, struct timer_file, timer);
	uint64_t late = plat_now() - t->due;

	t->count++;
	if (t->period) {
		t->count += late / t->period;
		t->due += (1 + late / t->period) * t->period;
		timer_set(&t->timer, t->due, ring);
	} else {
		t->due = 0;
	}
	waitq_wake(&t->readers, UINT32_MAX);
	fd_notify(&t->file, POLLIN);
}

static ssize_t timer_read(struct fd_file *f, const struct iovec *v, int nv, off_t at)
{
	struct timer_file *t = of(f);
	uint64_t count;
	int rc;

	(void)at;
	if (nv < 1 || v->iov_len < sizeof count)
		return -EINVAL;
	while (t->count == 0) {
		if (f->flags & O_NONBLOCK)
			return -EAGAIN;
		rc = signal_wait(&t->readers, PLAT_FOREVER);
		if (rc && t->count == 0)
			return rc;
	}
	count = t->count;
	t->count = 0;
	memcpy(v->iov_base, &count, sizeof count);
	return sizeof count;
}

/* Cannot be written, and so is never ready for it. */
static unsigned timer_ready(struct fd_file *f)
{
	return of(f)->count ? POLLIN : 0;
}

static void timer_close(struct fd_file *f)
{
	timer_cancel(&of(f)->timer);
	free(of(f));
}

static const struct fd_ops ops = { .read = timer_read, .ready = timer_ready, .close = timer_close };

int timerfd_create(clockid_t clock, int flags)
{
	struct timer_file *t;

	if ((clock != CLOCK_MONOTONIC && clock != CLOCK_REALTIME) || (flags & ~(TFD_NONBLOCK | TFD_CLOEXEC)))
		return (int)fd_result(-EINVAL);
	t = calloc(1, sizeof *t);
	if (!t)
		return (int)fd_result(-ENOMEM);
	fd_init(&t->file, &ops, O_RDONLY | (flags & O_NONBLOCK));
	t->clock = clock;
	waitq_init(&t->readers);
	return (int)fd_result(fd_install(&t->file, 0, flags & O_CLOEXEC));
}

/* ---- Setting ---- */

/*
 * A timer that is due but has not run yet has a nanosecond left: 0 would mean that it is not set.
 */
static void tell(const struct timer_file *t, struct itimerspec *value)
{
	uint64_t now = plat_now();

	value->it_value = time_spec(t->due > now ? t->due - now : t->due ? 1 : 0);
	value->it_interval = time_spec(t->period);
}

/* What has gone off and was not read is forgotten, as on Linux. */
static int set(struct timer_file *t, int flags, const struct itimerspec *value)
{
	const struct timespec *first = &value->it_value;

	if (!time_valid(first) || !time_valid(&value->it_interval) || (flags & ~TFD_TIMER_ABSTIME))
		return -EINVAL;
	timer_cancel(&t->timer);
	t->count = 0;
	t->period = (uint64_t)value->it_interval.tv_sec * 1000000000u + (uint64_t)value->it_interval.tv_nsec;
	t->due = 0;
	if (!first->tv_sec && !first->tv_nsec)
		return 0;
	t->due = flags & TFD_TIMER_ABSTIME ? time_until(t->clock, first) : time_after(first);
	if (t->due == 0) /* long past, which is not the same as not set */
		t->due = 1;
	timer_set(&t->timer, t->due, ring);
	return 0;
}

/* The file with a reference, or NULL and the error. */
static struct timer_file *get(int fd, int *rc)
{
	struct fd_file *f = fd_get(fd);

	*rc = f ? -EINVAL : -EBADF;
	if (f && f->ops == &ops)
		return of(f);
	if (f)
		fd_put(f);
	return NULL;
}

int timerfd_settime(int fd, int flags, const struct itimerspec *value, struct itimerspec *old)
{
	int rc;
	struct timer_file *t = get(fd, &rc);

	if (!t)
		return (int)fd_result(rc);
	if (old)
		tell(t, old);
	rc = set(t, flags, value);
	fd_put(&t->file);
	return (int)fd_result(rc);
}

int timerfd_gettime(int fd, struct itimerspec *value)
{
	int rc;
	struct timer_file *t = get(fd, &rc);

	if (!t)
		return (int)fd_result(rc);
	tell(t, value);
	fd_put(&t->file);
	return 0;
}
