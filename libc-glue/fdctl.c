/* SPDX-License-Identifier: MIT */
#include <errno.h>

/*
 * The calls that are about a descriptor: close, dup, fcntl, fstat, ioctl, isatty, fsync, ftruncate.
 *
 * Access modes, O_NONBLOCK and O_APPEND are kept here in fd_file.flags; the kinds look at them when
 * they are called. Locks (F_SETLK) are granted always: there is one process.
 */

#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "libc-glue/fd.h"

#define CHANGEABLE (O_APPEND | O_NONBLOCK | O_SYNC | O_DIRECT)

/*
 * Never fails for a number that is open: what could fail has failed in write() or fsync(). Not in
 * POSIX's words, but a descriptor is gone after EINTR or EIO everywhere too.
 */
int close(int fd)
{
	loop_breathe();
	return (int)fd_result(fd_remove(fd));
}

/* ---- dup ---- */

/* EINVAL for a bound that no number can reach is fcntl()'s; dup() passes 0. */
static int dup_from(int fd, int from, bool cloexec)
{
	struct fd_file *f = fd_get(fd);
	int rc;

	if (!f)
		return -EBADF;
	rc = from < 0 || from >= FD_MAX ? -EINVAL : fd_dup(f, from, cloexec);
	fd_put(f);
	return rc;
}

/* The reference keeps the file while the number it comes from may be the one that is replaced. */
static int dup_to(int fd, int to, bool cloexec)
{
	struct fd_file *f = fd_get(fd);
	int rc;

	if (!f)
		return -EBADF;
	rc = fd == to ? fd : fd_replace(f, to, cloexec);
	fd_put(f);
	return rc;
}

int dup(int fd)
{
	return (int)fd_result(dup_from(fd, 0, false));
}

int dup2(int fd, int to)
{
	return (int)fd_result(dup_to(fd, to, false));
}

int dup3(int fd, int to, int flags)
{
	if (fd == to || (flags & ~O_CLOEXEC))
		return (int)fd_result(-EINVAL);
	return (int)fd_result(dup_to(fd, to, flags & O_CLOEXEC));
}

/* ---- fcntl ---- */

/* Nobody else holds a lock, and nobody else will ask. */
static int lock_nothing(int cmd, struct flock *lock)
{
	if (cmd == F_GETLK)
		lock->l_type = F_UNLCK;
	return 0;
}

static int control(struct fd_file *f, int cmd, long arg, void *ptr)
{
	switch (cmd) {
	case F_GETFL:
		return f->flags;
	case F_SETFL:
		f->flags = (f->flags & ~CHANGEABLE) | ((int)arg & CHANGEABLE);
		return 0;
	case F_GETLK:
	case F_SETLK:
	case F_SETLKW:
		return lock_nothing(cmd, ptr);
	default:
		return -EINVAL;
	}
}

/* newlib's stdio calls it by this name too: it must take the argument that is not there. */
int fcntl(int fd, int cmd, ...)
{
	struct fd_file *f;
	va_list ap;
	void *arg;
	int rc;

	va_start(ap, cmd);
	arg = va_arg(ap, void *); /* integers come the same way on x86-64 */
	va_end(ap);
	if (cmd == F_DUPFD || cmd == F_DUPFD_CLOEXEC)
		return (int)fd_result(dup_from(fd, (int)(intptr_t)arg, cmd == F_DUPFD_CLOEXEC));
	if (cmd == F_GETFD || cmd == F_SETFD) {
		rc = fd_cloexec(fd, cmd == F_GETFD ? -1 : ((int)(intptr_t)arg & FD_CLOEXEC) != 0);
		return (int)fd_result(rc < 0 || cmd == F_GETFD ? rc : 0);
	}
	f = fd_get(fd);
	if (!f)
		return (int)fd_result(-EBADF);
	rc = control(f, cmd, (long)(intptr_t)arg, arg);
	fd_put(f);
	return (int)fd_result(rc);
}

/* ---- ioctl and what asks through it ---- */

/* For all descriptors of the file, as O_NONBLOCK is. */
static int set_nonblocking(struct fd_file *f, const int *on)
{
	f->flags = *on ? f->flags | O_NONBLOCK : f->flags & ~O_NONBLOCK;
	return 0;
}

/* The argument may be missing: then what is read is not used. */
int ioctl(int fd, unsigned long request, ...)
{
	struct fd_file *f = fd_get(fd);
	va_list ap;
	void *arg;
	int rc;

	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	if (!f)
		return (int)fd_result(-EBADF);
	if (request == FIONBIO)
		rc = set_nonblocking(f, arg);
	else
		rc = f->ops->ioctl ? f->ops->ioctl(f, request, arg) : -ENOTTY;
	fd_put(f);
	return (int)fd_result(rc);
}

/* Only the console has a window. errno is ENOTTY or EBADF, as POSIX wants. */
int isatty(int fd)
{
	struct winsize size;

	return ioctl(fd, TIOCGWINSZ, &size) == 0;
}

/* ---- The rest ---- */

/* A kind without an answer is a character device: stdio then does not try to seek in it. */
int fstat(int fd, struct stat *st)
{
	struct fd_file *f = fd_get(fd);
	int rc = 0;

	if (!f)
		return (int)fd_result(-EBADF);
	memset(st, 0, sizeof *st);
	st->st_nlink = 1;
	st->st_blksize = 4096;
	if (f->ops->stat)
		rc = f->ops->stat(f, st);
	else
		st->st_mode = S_IFCHR | 0666;
	fd_put(f);
	return (int)fd_result(rc);
}

/* EINVAL for what cannot be synchronised: pipes, sockets. */
int fsync(int fd)
{
	struct fd_file *f;
	int rc;

	loop_breathe();
	f = fd_get(fd);
	if (!f)
		return (int)fd_result(-EBADF);
	rc = f->ops->sync ? f->ops->sync(f) : -EINVAL;
	fd_put(f);
	return (int)fd_result(rc);
}

/* No times of files to leave out. */
int fdatasync(int fd)
{
	return fsync(fd);
}

/* No kind can change its size. */
int ftruncate(int fd, off_t length)
{
	struct fd_file *f = fd_get(fd);
	int rc = -EINVAL;

	if (!f)
		return (int)fd_result(-EBADF);
	if ((f->flags & O_ACCMODE) != O_RDONLY && f->ops->size && f->ops->size(f) == length)
		rc = 0;
	fd_put(f);
	return (int)fd_result(rc);
}
