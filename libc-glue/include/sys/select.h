/* SPDX-License-Identifier: MIT */
#ifndef _SYS_SELECT_H
#define _SYS_SELECT_H

/*
 * select() and pselect() (POSIX.1-2017), in the place of newlib's, whose sets hold 64 descriptors.
 * libc-glue/poll.c makes them of poll().
 *
 * A program may define FD_SETSIZE before it includes this; the calls go by n alone.
 */

#define _SYS_TYPES_FD_SET

#include <sys/_sigset.h>
#include <sys/_timeval.h>
#include <sys/cdefs.h>
#include <sys/timespec.h>

#ifndef _SIGSET_T_DECLARED
#define _SIGSET_T_DECLARED
typedef __sigset_t sigset_t;
#endif

#ifndef FD_SETSIZE
#define FD_SETSIZE 1024
#endif
#define NFDBITS (8 * (int)sizeof(unsigned long))

typedef unsigned long fd_mask;
typedef struct {
	unsigned long fds_bits[FD_SETSIZE / (8 * sizeof(unsigned long))];
} fd_set;

/* n must be below FD_SETSIZE: nothing checks it, as nowhere. */
#define FD_SET(n, p) ((p)->fds_bits[(n) / NFDBITS] |= 1ul << ((n) % NFDBITS))
#define FD_CLR(n, p) ((p)->fds_bits[(n) / NFDBITS] &= ~(1ul << ((n) % NFDBITS)))
#define FD_ISSET(n, p) (((p)->fds_bits[(n) / NFDBITS] >> ((n) % NFDBITS)) & 1)
#define FD_ZERO(p) ((void)__builtin_memset((p), 0, sizeof(*(p))))

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Waits until a descriptor below n is ready in one of the sets, each of which may be NULL. Leaves
 * in them what is ready and returns the number of bits; 0 at the timeout. The end of a file and
 * errors count as readable; err never has any. What is left of the time is written back to timeout,
 * as on Linux (POSIX leaves it open).
 *
 * EBADF for a number that is not open, EINVAL (n negative or above OPEN_MAX, or no time), ENOMEM,
 * EINTR in the first thread. On failure the sets are unchanged.
 */
int select(int n, fd_set *in, fd_set *out, fd_set *err, struct timeval *timeout);

/*
 * The same to the nanosecond, without writing timeout, and with another mask for the time of the
 * call.
 */
int pselect(int n, fd_set *in, fd_set *out, fd_set *err, const struct timespec *timeout, const sigset_t *mask);

#ifdef __cplusplus
}
#endif

#endif
