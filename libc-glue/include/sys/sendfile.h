/* SPDX-License-Identifier: MIT */
#ifndef SYS_SENDFILE_H
#define SYS_SENDFILE_H

/* Linux's sendfile(2). libc-glue/sendfile.c. */

#include <sys/cdefs.h>
#include <sys/types.h>

__BEGIN_DECLS

/*
 * Writes up to len bytes of `from` to `to`, which may be anything that can be written. `from` must
 * have a size and be readable: a file of the archive, whose bytes go out from where they lie, or a
 * disk, through a buffer of 64 KiB. With at they are read from *at, which is moved on, and the
 * file's position stays; with NULL it is the other way round. Blocks as write() to `to` does; on a
 * socket that does not block, short counts are usual.
 *
 * Returns the count, 0 at the end of `from`. EBADF, EINVAL (`from` has no size, at < 0), ENOMEM,
 * and what write() sets; EPIPE with SIGPIPE.
 */
ssize_t sendfile(int to, int from, off_t *at, size_t len);

__END_DECLS

#endif
