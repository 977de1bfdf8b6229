/* SPDX-License-Identifier: MIT */
#include <errno.h>

/*
 * Barriers, and spin locks, which on one CPU with threads that do not preempt each other are locks
 * that yield.
 */

#include <pthread.h>
#include <string.h>

#include "core/plat.h"
#include "libc-glue/queue.h"

int pthread_barrier_init(pthread_barrier_t *barrier, const pthread_barrierattr_t *attr, unsigned count)
{
	(void)attr;
	if (count == 0)
		return EINVAL;
	memset(barrier, 0, sizeof *barrier);
	barrier->count = count;
	return 0;
}

/* Those who have been let out may still be on their way; they do not look at it any more. */
int pthread_barrier_destroy(pthread_barrier_t *barrier)
{
	return barrier->arrived ? EBUSY : 0;
}

/* The round tells a thread that its barrier has opened even when others have begun the next. */
int pthread_barrier_wait(pthread_barrier_t *barrier)
{
	unsigned round = barrier->round;

	if (++barrier->arrived == barrier->count) {
		barrier->arrived = 0;
		barrier->round++;
		waitq_wake(queue_of(barrier->queue), UINT32_MAX);
		return PTHREAD_BARRIER_SERIAL_THREAD;
	}
	while (barrier->round == round)
		waitq_wait(queue_of(barrier->queue), PLAT_FOREVER);
	return 0;
}

int pthread_barrierattr_init(pthread_barrierattr_t *attr)
{
	attr->shared = PTHREAD_PROCESS_PRIVATE;
	return 0;
}

int pthread_barrierattr_destroy(pthread_barrierattr_t *attr)
{
	(void)attr;
	return 0;
}

/* ---- Spin locks ---- */

int pthread_spin_init(pthread_spinlock_t *lock, int shared)
{
	(void)shared;
	lock->owner = NULL;
	return 0;
}

int pthread_spin_destroy(pthread_spinlock_t *lock)
{
	return lock->owner ? EBUSY : 0;
}

int pthread_spin_trylock(pthread_spinlock_t *lock)
{
	if (lock->owner)
		return EBUSY;
	lock->owner = thread_self();
	return 0;
}

/* The holder can only be blocked: everybody else gets a turn, until it is not. */
int pthread_spin_lock(pthread_spinlock_t *lock)
{
	if (lock->owner == thread_self())
		return EDEADLK;
	while (pthread_spin_trylock(lock))
		thread_yield();
	return 0;
}

int pthread_spin_unlock(pthread_spinlock_t *lock)
{
	if (lock->owner != thread_self())
		return EPERM;
	lock->owner = NULL;
	return 0;
}
