/* SPDX-License-Identifier: MIT */
#include <fcntl.h>

/*
 * socketpair(): two sockets that are each other's far end, for programs that talk to themselves
 * across threads.
 *
 * The only sockets of AF_UNIX here; as there is one process, there is nobody to find by a path.
 * Streams, through a ring of bytes each way.
 */

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "core/plat.h"
#include "libc-glue/fd.h"
#include "libc-glue/sock.h"

#define RING 65536u /* bytes; a power of two */

struct end {
	struct fd_file file;
	struct end *peer;   /* NULL once that end is closed */
	char *ring;         /* what the peer has sent */
	unsigned in, out;   /* counters of bytes, free-running */
	struct waitq readers, writers;
};

static unsigned filled(const struct end *e)
{
	return e->in - e->out;
}

/*
 * Copies between the ring and a vector, up to n bytes from counter `at` on, in at most two pieces.
 */
static void move(struct end *e, struct iov *v, unsigned at, unsigned n, bool into)
{
	while (n > 0) {
		unsigned place = at % RING, len = RING - place < n ? RING - place : n;

		if (into)
			iov_get(v, e->ring + place, len);
		else
			iov_put(v, e->ring + place, len);
		at += len;
		n -= len;
	}
}

/* An end whose peer has gone still gives what it has, then 0. */
static ssize_t op_read(struct fd_file *f, const struct iovec *v, int nv, off_t at)
{
	struct end *e = container_of(f, struct end, file);
	size_t want = iov_length(v, nv);
	struct iov to = { v, nv, 0 };
	unsigned n;
	int rc = 0;

	(void)at;
	while (want > 0 && filled(e) == 0 && e->peer && rc == 0)
		rc = f->flags & O_NONBLOCK ? -EAGAIN : sock_wait(&e->readers, PLAT_FOREVER);
	if (rc)
		return rc;
	n = want < filled(e) ? (unsigned)want : filled(e);
	move(e, &to, e->out, n, false);
	e->out += n;
	if (n > 0 && e->peer) {
		waitq_wake(&e->peer->writers, UINT32_MAX);
		fd_notify(&e->peer->file, POLLOUT);
	}
	return (ssize_t)n;
}

/* As much as there is room for. Wakes whoever reads there. */
static size_t put(struct end *to, struct iov *from, size_t len)
{
	unsigned room = RING - filled(to), n = len < room ? (unsigned)len : room;

	move(to, from, to->in, n, true);
	to->in += n;
	if (n > 0) {
		waitq_wake(&to->readers, UINT32_MAX);
		fd_notify(&to->file, POLLIN);
	}
	return n;
}

/* EPIPE only if nothing was written before: a short count comes first. */
static ssize_t op_write(struct fd_file *f, const struct iovec *v, int nv, off_t at)
{
	struct end *e = container_of(f, struct end, file);
	size_t total = iov_length(v, nv), done = 0;
	struct iov from = { v, nv, 0 };
	int rc = 0;

	(void)at;
	while (done < total && rc == 0) {
		if (!e->peer)
			rc = -EPIPE;
		else if (filled(e->peer) < RING)
			done += put(e->peer, &from, total - done);
		else
			rc = f->flags & O_NONBLOCK ? -EAGAIN : sock_wait(&e->writers, PLAT_FOREVER);
	}
	return done > 0 ? (ssize_t)done : rc;
}

/* Without a peer everything is ready: read() says the end, write() EPIPE. */
static unsigned op_ready(struct fd_file *f)
{
	struct end *e = container_of(f, struct end, file);
	unsigned events = filled(e) > 0 ? POLLIN : 0;

	if (!e->peer)
		return events | POLLIN | POLLRDHUP | POLLHUP | POLLOUT;
	return events | (filled(e->peer) < RING ? POLLOUT : 0);
}

static int op_stat(struct fd_file *f, struct stat *st)
{
	(void)f;
	st->st_mode = S_IFSOCK | 0777;
	return 0;
}

static int op_ioctl(struct fd_file *f, unsigned long request, void *arg)
{
	if (request != FIONREAD)
		return -ENOTTY;
	*(int *)arg = (int)filled(container_of(f, struct end, file));
	return 0;
}

/* The other end lives on, with what was sent to it. */
static void op_close(struct fd_file *f)
{
	struct end *e = container_of(f, struct end, file);

	if (e->peer) {
		e->peer->peer = NULL;
		waitq_wake(&e->peer->readers, UINT32_MAX);
		waitq_wake(&e->peer->writers, UINT32_MAX);
		fd_notify(&e->peer->file, POLLIN | POLLOUT | POLLHUP | POLLRDHUP);
	}
	free(e->ring);
	free(e);
}

static const struct fd_ops ops = {
	.read = op_read,
	.write = op_write,
	.stat = op_stat,
	.ioctl = op_ioctl,
	.ready = op_ready,
	.close = op_close,
};

static struct end *new_end(int flags)
{
	struct end *e = calloc(1, sizeof *e);

	if (!e)
		return NULL;
	fd_init(&e->file, &ops, O_RDWR | (flags & SOCK_NONBLOCK ? O_NONBLOCK : 0));
	waitq_init(&e->readers);
	waitq_init(&e->writers);
	e->ring = malloc(RING);
	if (e->ring)
		return e;
	free(e);
	return NULL;
}

/* The first number is taken back if there is no second one. */
static int install(struct end *a, struct end *b, bool cloexec, int fds[2])
{
	a->peer = b;
	b->peer = a;
	b->file.refs++; /* as long as a could fail */
	fds[0] = fd_install(&a->file, 0, cloexec);
	if (fds[0] < 0) {
		fd_put(&b->file);
		return fds[0];
	}
	fds[1] = fd_install(&b->file, 0, cloexec);
	fd_put(&b->file);
	if (fds[1] < 0)
		fd_remove(fds[0]);
	return fds[1] < 0 ? fds[1] : 0;
}

int sock_socketpair(int domain, int type, int proto, int fds[2])
{
	int flags = type & (SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct end *a, *b;

	if (domain != AF_UNIX)
		return -EOPNOTSUPP;
	if ((type & ~flags) != SOCK_STREAM || proto != 0)
		return -EPROTONOSUPPORT;
	a = new_end(flags);
	b = a ? new_end(flags) : NULL;
	if (!b) {
		if (a)
			op_close(&a->file);
		return -ENOMEM;
	}
	return install(a, b, flags & SOCK_CLOEXEC, fds);
}
