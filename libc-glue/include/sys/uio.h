/* SPDX-License-Identifier: MIT */
/* Scattered input and output (POSIX, with the preadv() pair of BSD and Linux). fd.c. */
#ifndef SYS_UIO_H
#define SYS_UIO_H

#include <sys/cdefs.h>
#include <sys/types.h>

#undef IOV_MAX
#define IOV_MAX 1024
#define UIO_MAXIOV 1024

struct iovec {
	void *iov_base;
	size_t iov_len;
};

__BEGIN_DECLS

ssize_t readv(int fd, const struct iovec *v, int nv);
ssize_t writev(int fd, const struct iovec *v, int nv);
ssize_t preadv(int fd, const struct iovec *v, int nv, off_t at);
ssize_t pwritev(int fd, const struct iovec *v, int nv, off_t at);

__END_DECLS

#endif
