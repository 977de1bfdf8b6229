/* SPDX-License-Identifier: MIT */
/* newlib's <limits.h> and the limits of pith that it lacks or has too small. */
#ifndef PITH_LIMITS_H
#define PITH_LIMITS_H

#include_next <limits.h>

#ifndef SSIZE_MAX
#define SSIZE_MAX __LONG_MAX__
#endif
#undef OPEN_MAX
#define OPEN_MAX 65536
#ifndef HOST_NAME_MAX
#define HOST_NAME_MAX 64
#endif
#undef PIPE_BUF
#define PIPE_BUF 4096
#ifndef IOV_MAX
#define IOV_MAX 1024
#endif
#ifndef PATH_MAX
#define PATH_MAX 1024
#endif
#ifndef NAME_MAX
#define NAME_MAX 255
#endif
#ifndef PTHREAD_KEYS_MAX
#define PTHREAD_KEYS_MAX 128
#define PTHREAD_DESTRUCTOR_ITERATIONS 4
#define PTHREAD_STACK_MIN 16384
#endif
#ifndef SEM_VALUE_MAX
#define SEM_VALUE_MAX 0x7fffffff
#endif

#endif
