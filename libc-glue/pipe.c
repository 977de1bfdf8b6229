/* SPDX-License-Identifier: MIT */
#include <errno.h>

/*
 * Pipes: a ring of bytes between two files. Threads and event loops use them to wake each other.
 */

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "core/plat.h"
#include "libc-glue/glue.h"

#define CAPACITY 16384u /* a power of two, more than PIPE_BUF */

struct pipe {
	struct fd_file ends[2]; /* 0 is read from, 1 is written to */
	bool open[2];
	unsigned in, out;       /* bytes ever written and read; they wrap */
	struct waitq readers, writers;
	char ring[CAPACITY];
};

/* The ends lie side by side. */
static struct pipe *pipe_of(struct fd_file *f, int end)
{
	return container_of(f - end, struct pipe, ends[0]);
}

/* By difference, so that the counters may wrap. */
static unsigned filled(const struct pipe *p)
{
	return p->in - p->out;
}

/* Copies up to n bytes between buf and the ring; it wraps at most once. */
static void ring_copy(struct pipe *p, unsigned at, char *buf, size_t n, bool writing)
{
	size_t first = CAPACITY - at % CAPACITY;

	if (first > n)
		first = n;
	if (writing) {
		memcpy(&p->ring[at % CAPACITY], buf, first);
		memcpy(p->ring, buf + first, n - first);
	} else {
		memcpy(buf, &p->ring[at % CAPACITY], first);
		memcpy(buf + first, p->ring, n - first);
	}
}

/* Waits for the first byte only. 0 when the pipe is empty and its other end closed. */
static ssize_t pipe_read(struct fd_file *f, const struct iovec *v, int nv, off_t at)
{
	struct pipe *p = pipe_of(f, 0);
	ssize_t sum = 0;
	bool full;
	int i, rc;

	(void)at;
	while (nv > 1 && v->iov_len == 0) { /* to the first piece that can take something */
		v++;
		nv--;
	}
	while (v->iov_len > 0 && filled(p) == 0 && p->open[1]) {
		if (f->flags & O_NONBLOCK)
			return -EAGAIN;
		rc = signal_wait(&p->readers, PLAT_FOREVER);
		if (rc && filled(p) == 0)
			return rc;
	}
	full = CAPACITY - filled(p) < PIPE_BUF;
	for (i = 0; i < nv && filled(p); i++) {
		size_t n = v[i].iov_len < filled(p) ? v[i].iov_len : filled(p);

		ring_copy(p, p->out, v[i].iov_base, n, false);
		p->out += (unsigned)n;
		sum += (ssize_t)n;
	}
	waitq_wake(&p->writers, UINT32_MAX);
	if (full) /* by edge it is told only then */
		fd_notify(&p->ends[1], POLLOUT);
	return sum;
}

/* Waits until `want` bytes fit. */
static int wait_for_room(struct pipe *p, const struct fd_file *f, size_t want)
{
	int rc;

	while (p->open[0] && CAPACITY - filled(p) < want) {
		if (f->flags & O_NONBLOCK)
			return -EAGAIN;
		rc = signal_wait(&p->writers, PLAT_FOREVER);
		if (rc)
			return rc;
	}
	return p->open[0] ? 0 : -EPIPE;
}

/* One piece. Up to PIPE_BUF bytes go in whole or not at all; more go as there is room. */
static ssize_t write_piece(struct pipe *p, const struct fd_file *f, const struct iovec *v)
{
	size_t done = 0, n;
	int rc = 0;

	while (done < v->iov_len) {
		rc = wait_for_room(p, f, v->iov_len <= PIPE_BUF ? v->iov_len : 1);
		if (rc)
			break;
		n = CAPACITY - filled(p);
		if (n > v->iov_len - done)
			n = v->iov_len - done;
		ring_copy(p, p->in, (char *)v->iov_base + done, n, true);
		p->in += (unsigned)n;
		done += n;
		waitq_wake(&p->readers, UINT32_MAX);
		fd_notify(&p->ends[0], POLLIN);
	}
	return done ? (ssize_t)done : rc;
}

static ssize_t pipe_write(struct fd_file *f, const struct iovec *v, int nv, off_t at)
{
	struct pipe *p = pipe_of(f, 1);
	size_t total = 0;
	ssize_t sum = 0, n;
	int i;

	(void)at;
	for (i = 0; i < nv; i++)
		total += v[i].iov_len;
	n = total > 0 && total <= PIPE_BUF ? wait_for_room(p, f, total) : 0; /* in one piece, however it is cut */
	if (n < 0)
		return n;
	for (i = 0; i < nv; i++) {
		n = write_piece(p, f, &v[i]);
		if (n < 0)
			return sum ? sum : n;
		sum += n;
		if ((size_t)n < v[i].iov_len)
			break;
	}
	return sum;
}

/*
 * Linux's answers: the reader sees POLLHUP, the writer POLLERR, and room means that PIPE_BUF bytes
 * go in whole.
 */
static unsigned read_ready(struct fd_file *f)
{
	struct pipe *p = pipe_of(f, 0);

	return (filled(p) ? POLLIN : 0u) | (p->open[1] ? 0u : POLLHUP);
}

static unsigned write_ready(struct fd_file *f)
{
	struct pipe *p = pipe_of(f, 1);

	return (CAPACITY - filled(p) >= PIPE_BUF ? POLLOUT : 0u) | (p->open[0] ? 0u : POLLERR);
}

static int pipe_ioctl(struct fd_file *f, unsigned long request, void *arg)
{
	if (request != FIONREAD)
		return -ENOTTY;
	*(int *)arg = (int)filled(pipe_of(f, 0));
	return 0;
}

static int pipe_stat(struct fd_file *f, struct stat *st)
{
	(void)f;
	st->st_mode = S_IFIFO | 0600;
	return 0;
}

/* Both ends lie in one piece of memory: the last one frees it. */
static void close_end(struct pipe *p, int end)
{
	p->open[end] = false;
	if (!p->open[!end]) {
		free(p);
		return;
	}
	waitq_wake(end ? &p->readers : &p->writers, UINT32_MAX);
	fd_notify(&p->ends[!end], end ? POLLIN | POLLHUP : POLLOUT | POLLERR);
}

static void read_close(struct fd_file *f)
{
	close_end(pipe_of(f, 0), 0);
}

static void write_close(struct fd_file *f)
{
	close_end(pipe_of(f, 1), 1);
}

static const struct fd_ops read_ops = {
	.read = pipe_read,
	.stat = pipe_stat,
	.ioctl = pipe_ioctl,
	.ready = read_ready,
	.close = read_close,
};

static const struct fd_ops write_ops = {
	.write = pipe_write,
	.stat = pipe_stat,
	.ready = write_ready,
	.close = write_close,
};

/* The ring is not cleared: nothing is read that was not written. */
static struct pipe *make(int flags)
{
	struct pipe *p = malloc(sizeof *p);

	if (!p)
		return NULL;
	fd_init(&p->ends[0], &read_ops, O_RDONLY | (flags & O_NONBLOCK));
	fd_init(&p->ends[1], &write_ops, O_WRONLY | (flags & O_NONBLOCK));
	p->open[0] = p->open[1] = true;
	p->in = p->out = 0;
	waitq_init(&p->readers);
	waitq_init(&p->writers);
	return p;
}

/* When only one number is left, it is given back; fds is untouched on failure. */
int pipe2(int fds[2], int flags)
{
	struct pipe *p;
	int to_read, to_write;

	if (flags & ~(O_NONBLOCK | O_CLOEXEC))
		return (int)fd_result(-EINVAL);
	p = make(flags);
	if (!p)
		return (int)fd_result(-ENOMEM);
	to_read = fd_install(&p->ends[0], 0, flags & O_CLOEXEC); /* a failure closes that end only */
	to_write = fd_install(&p->ends[1], 0, flags & O_CLOEXEC);
	if (to_read < 0 || to_write < 0) {
		int rc = to_read < 0 ? to_read : to_write;

		if (to_read >= 0)
			close(to_read);
		if (to_write >= 0)
			close(to_write);
		return (int)fd_result(rc);
	}
	fds[0] = to_read;
	fds[1] = to_write;
	return 0;
}

int pipe(int fds[2])
{
	return pipe2(fds, 0);
}
