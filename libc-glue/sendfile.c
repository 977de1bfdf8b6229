/* SPDX-License-Identifier: MIT */
#include <errno.h>

/*
 * sendfile(): from a file of the archive the bytes go to the other side's write() from where they
 * lie; from a disk they go through a buffer, 64 KiB at a time.
 */

#include <limits.h>
#include <signal.h>
#include <sys/sendfile.h>

#include "libc-glue/io.h"

#define BUFFER_PAGES 16u

/* Where the source is read from: *at, or its own position. */
static ssize_t send_memory(struct fd_file *to, struct fd_file *from, off_t at, size_t len)
{
	struct iovec v = { .iov_len = len };

	v.iov_base = (void *)(uintptr_t)from->ops->memory(from, at, &v.iov_len);
	return v.iov_len ? io_move(to, true, &v, 1, FD_HERE) : 0;
}

/* Stops at the first short write: what was not taken is read again another time. */
static ssize_t send_read(struct fd_file *to, struct fd_file *from, off_t at, size_t len)
{
	char *buf = page_alloc(BUFFER_PAGES);
	ssize_t sum = 0, got = 0, n = 0;

	if (!buf)
		return -ENOMEM;
	while (len > 0 && n == got) {
		struct iovec v = { buf, len < BUFFER_PAGES * PAGE_SIZE ? len : BUFFER_PAGES * PAGE_SIZE };

		n = got = io_move(from, false, &v, 1, at);
		if (got <= 0)
			break;
		v.iov_len = (size_t)got;
		n = io_move(to, true, &v, 1, FD_HERE);
		if (n < 0)
			break;
		sum += n;
		at += n;
		len -= (size_t)n;
	}
	page_free(buf, BUFFER_PAGES);
	return sum ? sum : n;
}

/*
 * With at the file's own position stays, without it moves: Linux's rule. A source must have a size
 * and stay where it is: EINVAL.
 */
static ssize_t send_checked(struct fd_file *to, struct fd_file *from, off_t *at, size_t len)
{
	off_t start = at ? *at : from->pos;
	ssize_t n;

	if (!from->ops->size || !from->ops->read || start < 0)
		return -EINVAL;
	if (len > SSIZE_MAX)
		len = SSIZE_MAX;
	n = from->ops->memory ? send_memory(to, from, start, len) : send_read(to, from, start, len);
	if (n > 0)
		*(at ? at : &from->pos) = start + n;
	return n;
}

/*
 * Both files have a reference while the bytes are on their way. Short counts are usual on sockets
 * that do not block.
 */
ssize_t sendfile(int to, int from, off_t *at, size_t len)
{
	struct fd_file *out, *in;
	ssize_t n = -EBADF;

	loop_breathe();
	out = fd_get(to);
	in = fd_get(from);
	if (out && in)
		n = send_checked(out, in, at, len);
	if (out)
		fd_put(out);
	if (in)
		fd_put(in);
	if (n == -EPIPE)
		raise(SIGPIPE);
	return fd_result(n);
}
