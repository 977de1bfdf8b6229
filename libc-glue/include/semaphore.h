/* SPDX-License-Identifier: MIT */
#ifndef SEMAPHORE_H
#define SEMAPHORE_H

/*
 * POSIX semaphores without names (POSIX.1-2017 <semaphore.h>). libc-glue/sem.c. Those with names
 * would be for other processes: sem_open() fails with ENOSYS, as do sem_close() and sem_unlink().
 *
 * All return -1 and set errno where they fail.
 */

#include <sys/cdefs.h>
#include <sys/types.h>
#include <time.h>

#define SEM_VALUE_MAX 0x7fffffff
#define SEM_FAILED ((sem_t *)0)

/* The caller's memory; holds no other, and need not be destroyed. */
typedef struct {
	void *queue[2];
	unsigned int value;
} sem_t;

__BEGIN_DECLS

/* shared makes no difference: there is one process. EINVAL above SEM_VALUE_MAX. */
int sem_init(sem_t *sem, int shared, unsigned value);

/* EBUSY while a thread waits (POSIX leaves it undefined). */
int sem_destroy(sem_t *sem);

/*
 * Adds one and wakes one; does not block, may be called by a signal's handler. EOVERFLOW
 * (POSIX.1-2024).
 */
int sem_post(sem_t *sem);

/*
 * Takes one, blocks while there is none. EINTR in the first thread when a handler has run and no
 * post has come.
 */
int sem_wait(sem_t *sem);

/* EAGAIN instead of blocking; lets the other threads run before it says so. */
int sem_trywait(sem_t *sem);

/*
 * Until a point in time of CLOCK_REALTIME: ETIMEDOUT. EINVAL for no time, EINTR as above; the time
 * is not looked at when there is one to take.
 */
int sem_timedwait(sem_t *sem, const struct timespec *until);

/* Never negative: 0 while threads wait (POSIX allows either). */
int sem_getvalue(sem_t *sem, int *value);
sem_t *sem_open(const char *name, int flags, ...);
int sem_close(sem_t *sem);
int sem_unlink(const char *name);

__END_DECLS

#endif
