/* SPDX-License-Identifier: MIT */
#ifndef PITH_LIMITS_H
#define PITH_LIMITS_H

/*
 * newlib's <limits.h> and the limits of pith that it lacks or has too small (POSIX.1-2017
 * <limits.h>).
 */

#include_next <limits.h>

#undef SSIZE_MAX
#undef OPEN_MAX
#undef HOST_NAME_MAX
#undef PIPE_BUF
#undef IOV_MAX
#undef PATH_MAX
#undef NAME_MAX
#undef PTHREAD_KEYS_MAX
#undef PTHREAD_DESTRUCTOR_ITERATIONS
#undef PTHREAD_STACK_MIN
#undef SEM_VALUE_MAX

#define SSIZE_MAX __LONG_MAX__
#define OPEN_MAX 65536     /* FD_MAX of glue.h */
#define HOST_NAME_MAX 64
#define PIPE_BUF 4096      /* pipe.c writes as much in one piece */
#define IOV_MAX 1024
#define PATH_MAX 1024      /* tree.c */
#define NAME_MAX 255
#define PTHREAD_KEYS_MAX 128
#define PTHREAD_DESTRUCTOR_ITERATIONS 4
#define PTHREAD_STACK_MIN 16384
#define SEM_VALUE_MAX 0x7fffffff

#endif
