/* SPDX-License-Identifier: MIT */
#ifndef SYS_UIO_H
#define SYS_UIO_H

/*
 * Scattered input and output (POSIX.1-2017 <sys/uio.h>, with the preadv() pair of BSD, Linux and
 * POSIX.1-2024). libc-glue/io.c.
 *
 * Exactly read(), write(), pread() and pwrite() with several buffers, filled in order; what they
 * return and when they block is theirs. EINVAL for more than IOV_MAX pieces, a negative number of
 * them, or a sum above SSIZE_MAX. nv 0 is allowed, as on Linux.
 */

#include <sys/cdefs.h>
#include <sys/types.h>

/* Linux's number; sock.c uses it under the BSDs' name. */
#undef IOV_MAX
#define IOV_MAX 1024
#define UIO_MAXIOV 1024

/* The array and the buffers are the caller's, and are not changed but for what is read. */
struct iovec {
	void *iov_base;
	size_t iov_len;
};

__BEGIN_DECLS

/* At the file's position, which moves on. Threads that share it take turns. */
ssize_t readv(int fd, const struct iovec *v, int nv);
ssize_t writev(int fd, const struct iovec *v, int nv);

/* At `at`, and the position stays. ESPIPE for what cannot seek, EINVAL for at < 0. */
ssize_t preadv(int fd, const struct iovec *v, int nv, off_t at);
ssize_t pwritev(int fd, const struct iovec *v, int nv, off_t at);

__END_DECLS

#endif
