/* SPDX-License-Identifier: MIT */
/* newlib's <fcntl.h> and what it lacks. */
#ifndef PITH_FCNTL_H
#define PITH_FCNTL_H

#include_next <fcntl.h>

#ifndef O_DSYNC
#define O_DSYNC O_SYNC
#define O_RSYNC O_SYNC
#endif
#ifndef O_NDELAY
#define O_NDELAY O_NONBLOCK
#endif
#ifndef O_CLOEXEC
#define O_CLOEXEC _FNOINHERIT
#define O_DIRECTORY _FDIRECTORY
#define O_NOFOLLOW _FNOFOLLOW
#endif
#ifndef O_DIRECT
#define O_DIRECT _FDIRECT
#endif
#define O_LARGEFILE 0
#define O_NOATIME 0

#define POSIX_FADV_NORMAL 0
#define POSIX_FADV_RANDOM 1
#define POSIX_FADV_SEQUENTIAL 2
#define POSIX_FADV_WILLNEED 3
#define POSIX_FADV_DONTNEED 4
#define POSIX_FADV_NOREUSE 5

#ifdef __cplusplus
extern "C" {
#endif

int posix_fadvise(int fd, off_t at, off_t length, int advice);

#ifdef __cplusplus
}
#endif

#endif
