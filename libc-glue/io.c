/* SPDX-License-Identifier: MIT */
#include "libc-glue/io.h"

/*
 * The calls that move bytes: read, write, their vectors and positions, lseek.
 *
 * Every call goes the same way: take a reference to the file, check what POSIX says, hand a vector
 * to the kind's read or write, keep the position. A file that has a size has a position; two
 * threads that read through it take turns, so that each byte is read by one of them, as Linux does
 * it.
 */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <sys/uio.h>
#include <unistd.h>

#include "core/plat.h"

/* A kind's read or write. */
typedef ssize_t mover(struct fd_file *f, const struct iovec *v, int nv, off_t at);

/* The sum of the pieces, -EINVAL when it is no ssize_t. */
static ssize_t vector_length(const struct iovec *v, int nv)
{
	size_t sum = 0;
	int i;

	if (nv < 0 || nv > IOV_MAX)
		return -EINVAL;
	for (i = 0; i < nv; i++)
		if (__builtin_add_overflow(sum, v[i].iov_len, &sum) || sum > SSIZE_MAX)
			return -EINVAL;
	return (ssize_t)sum;
}

static mover *find_mover(const struct fd_file *f, bool writing)
{
	return writing ? f->ops->write : f->ops->read;
}

/* EBADF: "not a valid descriptor open for reading", or writing. */
static int check_mode(const struct fd_file *f, bool writing)
{
	int mode = f->flags & O_ACCMODE;

	return mode == O_RDWR || mode == (writing ? O_WRONLY : O_RDONLY) ? 0 : -EBADF;
}

/* A handler that was installed with SA_RESTART lets the call go on. */
static ssize_t move(mover *m, struct fd_file *f, const struct iovec *v, int nv, off_t at)
{
	ssize_t n;

	do
		n = m(f, v, nv, at);
	while (n == -EINTR && signal_restart());
	return n;
}

/* By the file's own position, one at a time. */
static ssize_t move_on(mover *m, struct fd_file *f, bool writing, const struct iovec *v, int nv)
{
	ssize_t n;

	while (f->moving)
		waitq_wait(&f->movers, PLAT_FOREVER);
	f->moving = true;
	if (writing && (f->flags & O_APPEND))
		f->pos = f->ops->size(f);
	n = move(m, f, v, nv, f->pos);
	if (n > 0)
		f->pos += n;
	f->moving = false;
	waitq_wake(&f->movers, 1);
	return n;
}

/*
 * Positions are only for kinds with a size: pread() of a socket is ESPIPE, read() of one goes
 * straight to it. What read() or write() moves by the file's own position is added to it under the
 * turn, so two threads never get the same bytes.
 */
ssize_t io_move(struct fd_file *f, bool writing, const struct iovec *v, int nv, off_t at)
{
	ssize_t sum = vector_length(v, nv);
	mover *m = find_mover(f, writing);
	int rc = check_mode(f, writing);

	if (rc)
		return rc;
	if (sum < 0 || !m)
		return -EINVAL;
	if (at == FD_HERE)
		return f->ops->size ? move_on(m, f, writing, v, nv) : move(m, f, v, nv, FD_HERE);
	return f->ops->size ? move(m, f, v, nv, at) : -ESPIPE;
}

/*
 * The turn for the others comes first: from fd_get() on nothing but the kind decides whether the
 * thread blocks.
 */
static ssize_t transfer(int fd, bool writing, const struct iovec *v, int nv, off_t at)
{
	struct fd_file *f;
	ssize_t n;

	loop_breathe();
	f = fd_get(fd);
	if (!f)
		return fd_result(-EBADF);
	n = io_move(f, writing, v, nv, at);
	fd_put(f);
	if (n == -EPIPE && writing)
		raise(SIGPIPE);
	return fd_result(n);
}

/* ---- The calls ---- */

ssize_t read(int fd, void *buf, size_t len)
{
	struct iovec v = { buf, len };

	return transfer(fd, false, &v, 1, FD_HERE);
}

ssize_t write(int fd, const void *buf, size_t len)
{
	struct iovec v = { (void *)(uintptr_t)buf, len };

	return transfer(fd, true, &v, 1, FD_HERE);
}

ssize_t readv(int fd, const struct iovec *v, int nv)
{
	return transfer(fd, false, v, nv, FD_HERE);
}

ssize_t writev(int fd, const struct iovec *v, int nv)
{
	return transfer(fd, true, v, nv, FD_HERE);
}

ssize_t preadv(int fd, const struct iovec *v, int nv, off_t at)
{
	return at < 0 ? fd_result(-EINVAL) : transfer(fd, false, v, nv, at);
}

ssize_t pwritev(int fd, const struct iovec *v, int nv, off_t at)
{
	return at < 0 ? fd_result(-EINVAL) : transfer(fd, true, v, nv, at);
}

ssize_t pread(int fd, void *buf, size_t len, off_t at)
{
	struct iovec v = { buf, len };

	return preadv(fd, &v, 1, at);
}

ssize_t pwrite(int fd, const void *buf, size_t len, off_t at)
{
	struct iovec v = { (void *)(uintptr_t)buf, len };

	return pwritev(fd, &v, 1, at);
}

/* ---- lseek ---- */

/* Beyond the end is allowed: reads there find nothing. */
static off_t seek(struct fd_file *f, off_t by, int whence)
{
	off_t base, to;

	if (!f->ops->size)
		return -ESPIPE;
	if (whence == SEEK_SET)
		base = 0;
	else if (whence == SEEK_CUR)
		base = f->pos;
	else if (whence == SEEK_END)
		base = f->ops->size(f);
	else
		return -EINVAL;
	if (__builtin_add_overflow(base, by, &to))
		return -EOVERFLOW;
	if (to < 0)
		return -EINVAL;
	f->pos = to;
	return to;
}

off_t lseek(int fd, off_t by, int whence)
{
	struct fd_file *f = fd_get(fd);
	off_t to;

	if (!f)
		return fd_result(-EBADF);
	to = seek(f, by, whence);
	fd_put(f);
	return fd_result(to);
}
