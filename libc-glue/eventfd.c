/* SPDX-License-Identifier: MIT */
#include <errno.h>

/*
 * eventfd: a counter that is written by adding to it and read by taking it away.
 */

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/plat.h"
#include "libc-glue/glue.h"

#define MOST (UINT64_MAX - 1)

struct event {
	struct fd_file file;
	uint64_t count;
	bool by_one;       /* EFD_SEMAPHORE */
	struct waitq wait; /* readers and writers: each looks again */
};

static struct event *event_of(struct fd_file *f)
{
	return container_of(f, struct event, file);
}

/* For the counter to change. */
static int wait(struct event *e)
{
	return e->file.flags & O_NONBLOCK ? -EAGAIN : signal_wait(&e->wait, PLAT_FOREVER);
}

static void changed(struct event *e, unsigned events)
{
	waitq_wake(&e->wait, UINT32_MAX);
	fd_notify(&e->file, events);
}

/*
 * All of it, or one at a time as a semaphore. Eight bytes at least: Linux's rule, and EINVAL is its
 * word.
 */
static ssize_t event_read(struct fd_file *f, const struct iovec *v, int nv, off_t at)
{
	struct event *e = event_of(f);
	uint64_t value;
	int rc;

	(void)at;
	if (nv < 1 || v->iov_len < sizeof value)
		return -EINVAL;
	while (e->count == 0) {
		rc = wait(e);
		if (rc)
			return rc;
	}
	value = e->by_one ? 1 : e->count;
	e->count -= value;
	memcpy(v->iov_base, &value, sizeof value);
	changed(e, POLLOUT);
	return sizeof value;
}

/* Waits where the sum would pass the largest number; that one itself cannot be added. */
static ssize_t event_write(struct fd_file *f, const struct iovec *v, int nv, off_t at)
{
	struct event *e = event_of(f);
	uint64_t value;
	int rc;

	(void)at;
	if (nv < 1 || v->iov_len < sizeof value)
		return -EINVAL;
	memcpy(&value, v->iov_base, sizeof value);
	if (value > MOST)
		return -EINVAL;
	while (value > MOST - e->count) {
		rc = wait(e);
		if (rc)
			return rc;
	}
	e->count += value;
	changed(e, POLLIN);
	return sizeof value;
}

static unsigned event_ready(struct fd_file *f)
{
	return (event_of(f)->count ? POLLIN : 0u) | (event_of(f)->count < MOST ? POLLOUT : 0u);
}

static void event_close(struct fd_file *f)
{
	free(event_of(f));
}

static const struct fd_ops ops = { .read = event_read, .write = event_write, .ready = event_ready, .close = event_close };

/*
 * Threads wake an event loop by it: write() is a few hundred instructions and never blocks in
 * practice.
 */
int eventfd(unsigned count, int flags)
{
	struct event *e;

	if (flags & ~(EFD_SEMAPHORE | EFD_NONBLOCK | EFD_CLOEXEC))
		return (int)fd_result(-EINVAL);
	e = malloc(sizeof *e);
	if (!e)
		return (int)fd_result(-ENOMEM);
	fd_init(&e->file, &ops, O_RDWR | (flags & O_NONBLOCK));
	e->count = count;
	e->by_one = flags & EFD_SEMAPHORE;
	waitq_init(&e->wait);
	return (int)fd_result(fd_install(&e->file, 0, flags & O_CLOEXEC));
}

int eventfd_read(int fd, eventfd_t *value)
{
	return read(fd, value, sizeof *value) == sizeof *value ? 0 : -1;
}

int eventfd_write(int fd, eventfd_t value)
{
	return write(fd, &value, sizeof value) == sizeof value ? 0 : -1;
}
