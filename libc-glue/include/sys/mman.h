/* SPDX-License-Identifier: MIT */
#ifndef SYS_MMAN_H
#define SYS_MMAN_H

/*
 * Memory by the page (POSIX.1-2017 <sys/mman.h>). libc-glue/mman.c: anonymous memory, and private
 * copies of files; never executable.
 *
 * Addresses are real ones, and every page is there from the start: no overcommit, no lazy reading,
 * no swap. All but posix_madvise() return -1 (mmap: MAP_FAILED) and set errno where they fail.
 */

#include <sys/cdefs.h>
#include <sys/types.h>

/*
 * PROT_WRITE includes reading. PROT_EXEC is refused with EACCES: the gate makes nothing executable
 * after start.
 */
#define PROT_NONE 0
#define PROT_READ 1
#define PROT_WRITE 2
#define PROT_EXEC 4

/* Linux's numbers. MAP_NORESERVE, MAP_POPULATE and MAP_STACK are taken and change nothing. */
#define MAP_SHARED 0x01
#define MAP_PRIVATE 0x02
#define MAP_FIXED 0x10
#define MAP_ANONYMOUS 0x20
#define MAP_ANON MAP_ANONYMOUS
#define MAP_NORESERVE 0x4000
#define MAP_POPULATE 0x8000
#define MAP_STACK 0x20000
#define MAP_FAILED ((void *)-1)

#define MS_ASYNC 1
#define MS_INVALIDATE 2
#define MS_SYNC 4

/* Only MADV_DONTNEED does something. */
#define MADV_NORMAL 0
#define MADV_RANDOM 1
#define MADV_SEQUENTIAL 2
#define MADV_WILLNEED 3
#define MADV_DONTNEED 4
#define MADV_FREE 8
#define POSIX_MADV_NORMAL 0
#define POSIX_MADV_RANDOM 1
#define POSIX_MADV_SEQUENTIAL 2
#define POSIX_MADV_WILLNEED 3
#define POSIX_MADV_DONTNEED 4

#define MCL_CURRENT 1
#define MCL_FUTURE 2

__BEGIN_DECLS

/*
 * Zeroed pages, or a copy of len bytes of fd from `at` on (a multiple of the page size), zeros
 * behind its end. addr is a hint, and not followed. Reading the file may block. What others write
 * to it later does not show. The memory is the caller's until munmap(); the descriptor may be
 * closed.
 *
 * EINVAL (len 0, not one of SHARED and PRIVATE, at), EACCES (PROT_EXEC, or fd is not open for
 * reading), ENOTSUP (MAP_FIXED), ENOMEM, EBADF, ENODEV (no file with a size; or MAP_SHARED with
 * PROT_WRITE, which would have to be written back).
 */
void *mmap(void *addr, size_t len, int prot, int flags, int fd, off_t at);

/*
 * Frees what mmap() has given out in this range, whole or in part. EINVAL (addr not a multiple of
 * the page size, len 0), ENOMEM (a hole in the middle needs memory to be noted).
 */
int munmap(void *addr, size_t len);

/*
 * Of any memory that the gate lets change, the heap's too: whoever does that must make it writable
 * again before free(). EINVAL (addr), EACCES (PROT_EXEC, or not to be changed), ENOMEM (not
 * memory).
 */
int mprotect(void *addr, size_t len, int prot);

/* 0: no file can be written through a mapping. */
int msync(void *addr, size_t len, int flags);

/*
 * MADV_DONTNEED fills with zeros at once; no page goes back. EINVAL for an addr that is not a
 * multiple of the page size.
 */
int madvise(void *addr, size_t len, int advice);

/* 0, and no effect. */
int posix_madvise(void *addr, size_t len, int advice);

/* 0: everything is in memory always. */
int mlock(const void *addr, size_t len);
int munlock(const void *addr, size_t len);
int mlockall(int flags);
int munlockall(void);

__END_DECLS

#endif
