/* SPDX-License-Identifier: MIT */
/* select() and pselect() (POSIX), in the place of newlib's, whose sets hold 64 descriptors. poll.c. */
#ifndef _SYS_SELECT_H
#define _SYS_SELECT_H
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

#define FD_SET(n, p) ((p)->fds_bits[(n) / NFDBITS] |= 1ul << ((n) % NFDBITS))
#define FD_CLR(n, p) ((p)->fds_bits[(n) / NFDBITS] &= ~(1ul << ((n) % NFDBITS)))
#define FD_ISSET(n, p) (((p)->fds_bits[(n) / NFDBITS] >> ((n) % NFDBITS)) & 1)
#define FD_ZERO(p) ((void)__builtin_memset((p), 0, sizeof(*(p))))

#ifdef __cplusplus
extern "C" {
#endif

int select(int n, fd_set *in, fd_set *out, fd_set *err, struct timeval *timeout);
int pselect(int n, fd_set *in, fd_set *out, fd_set *err, const struct timespec *timeout, const sigset_t *mask);

#ifdef __cplusplus
}
#endif

#endif
