/* SPDX-License-Identifier: MIT */
#ifndef PITH_FCNTL_H
#define PITH_FCNTL_H

/* newlib's <fcntl.h> and what it lacks, or shows to some only (POSIX.1-2017, and Linux's names). */

#include_next <fcntl.h>

#include <sys/cdefs.h>

#undef O_CLOEXEC
#undef O_DIRECTORY
#undef O_NOFOLLOW
#undef O_DIRECT
#undef O_NDELAY

#define O_CLOEXEC _FNOINHERIT
#define O_DIRECTORY _FDIRECTORY
#define O_NOFOLLOW _FNOFOLLOW
/*
 * No cache is bypassed and no alignment asked for: a disk has none, and bounces what is not
 * aligned.
 */
#define O_DIRECT _FDIRECT /* a disk has no cache: it changes nothing */
#define O_NDELAY O_NONBLOCK
#define O_DSYNC O_SYNC
#define O_RSYNC O_SYNC
#define O_LARGEFILE 0 /* off_t has 64 bits */
#define O_NOATIME 0

/* Linux's numbers. */
#define POSIX_FADV_NORMAL 0
#define POSIX_FADV_RANDOM 1
#define POSIX_FADV_SEQUENTIAL 2
#define POSIX_FADV_WILLNEED 3
#define POSIX_FADV_DONTNEED 4
#define POSIX_FADV_NOREUSE 5

__BEGIN_DECLS

/* 0, and no effect, even for a number that is not open: there is no cache to advise. */
int posix_fadvise(int fd, off_t at, off_t length, int advice);

__END_DECLS

#endif
