/* SPDX-License-Identifier: MIT */
/* POSIX semaphores without names. libc-glue/sem.c. sem_open() fails with ENOSYS. */
#ifndef SEMAPHORE_H
#define SEMAPHORE_H

#include <sys/cdefs.h>
#include <sys/types.h>
#include <time.h>

#define SEM_VALUE_MAX 0x7fffffff
#define SEM_FAILED ((sem_t *)0)

typedef struct {
	void *queue[2];
	unsigned int value;
} sem_t;

__BEGIN_DECLS

int sem_init(sem_t *sem, int shared, unsigned value);
int sem_destroy(sem_t *sem);
int sem_post(sem_t *sem);
int sem_wait(sem_t *sem);
int sem_trywait(sem_t *sem);
int sem_timedwait(sem_t *sem, const struct timespec *until);
int sem_getvalue(sem_t *sem, int *value);
sem_t *sem_open(const char *name, int flags, ...);
int sem_close(sem_t *sem);
int sem_unlink(const char *name);

__END_DECLS

#endif
