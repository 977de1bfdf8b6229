/* SPDX-License-Identifier: MIT */
#ifndef SYS_EVENTFD_H
#define SYS_EVENTFD_H

/*
 * A counter as a descriptor: Linux's eventfd(2). libc-glue/eventfd.c. Threads wake an event loop by
 * it.
 *
 * read() gives the 8 bytes of the counter and makes it 0, or with EFD_SEMAPHORE gives 1 and takes 1
 * away; blocks while it is 0. write() adds 8 bytes' number; blocks where the sum would pass 2^64 -
 * 2, EINVAL for 2^64 - 1. Both: EAGAIN with O_NONBLOCK, EINVAL for a first buffer below 8 bytes,
 * EINTR. poll(): readable above 0, writable below the most.
 */

#include <fcntl.h>
#include <stdint.h>
#include <sys/cdefs.h>

#define EFD_SEMAPHORE 1
#define EFD_NONBLOCK O_NONBLOCK
#define EFD_CLOEXEC O_CLOEXEC

typedef uint64_t eventfd_t;

__BEGIN_DECLS

/* A new one that begins at count. EINVAL for other flags, EMFILE, ENOMEM. */
int eventfd(unsigned count, int flags);

/* glibc: read() and write() of the 8 bytes. 0, or -1 with errno. */
int eventfd_read(int fd, eventfd_t *value);
int eventfd_write(int fd, eventfd_t value);

__END_DECLS

#endif
