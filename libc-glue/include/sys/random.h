/* SPDX-License-Identifier: MIT */
#ifndef SYS_RANDOM_H
#define SYS_RANDOM_H

/*
 * Random bytes fit for keys: Linux's getrandom(2), and getentropy() (POSIX.1-2024, OpenBSD).
 * libc-glue/entropy.c. They come from the platform alone, so
 * there never is a weak answer.
 */

#include <sys/cdefs.h>
#include <sys/types.h>

/* GRND_RANDOM makes no difference: there is one source. */
#define GRND_NONBLOCK 1
#define GRND_RANDOM 2

__BEGIN_DECLS

/*
 * Fills all of buf, however long, and returns len. Waits where the machine has none to give yet, 10
 * s at most: then EIO (Linux waits for ever); EAGAIN at once with GRND_NONBLOCK. EINVAL for other
 * flags. Never EINTR.
 */
ssize_t getrandom(void *buf, size_t len, unsigned flags);

/* 0, or -1 with EIO: above 256 bytes, or nothing for 10 s. */
int getentropy(void *buf, size_t len);

__END_DECLS

#endif
