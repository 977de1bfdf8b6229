/* SPDX-License-Identifier: MIT */
#include <errno.h>

/*
 * Condition variables. Between giving up the mutex and waiting nothing switches, so no signal is
 * lost.
 */

#include <pthread.h>
#include <string.h>

#include "core/plat.h"
#include "libc-glue/clock.h"
#include "libc-glue/queue.h"

int pthread_cond_init(pthread_cond_t *cond, const pthread_condattr_t *attr)
{
	memset(cond, 0, sizeof *cond);
	cond->clock = attr ? attr->clock : 0;
	return 0;
}

int pthread_cond_destroy(pthread_cond_t *cond)
{
	return list_empty(&queue_of(cond->queue)->waiters) ? 0 : EBUSY;
}

/*
 * The result of the wait is what is told, however long it then takes to get the mutex: a signal
 * that came in time has not been lost. A recursive mutex must be held once, as POSIX demands.
 */
static int wait(pthread_cond_t *cond, pthread_mutex_t *mutex, uint64_t deadline)
{
	int rc = pthread_mutex_unlock(mutex);

	if (rc)
		return rc;
	rc = waitq_wait(queue_of(cond->queue), deadline) ? ETIMEDOUT : 0;
	pthread_mutex_lock(mutex);
	return rc;
}

int pthread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex)
{
	return wait(cond, mutex, PLAT_FOREVER);
}

/* A clock of 0 is that of a static initialiser. */
int pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *mutex, const struct timespec *until)
{
	if (!time_valid(until))
		return EINVAL;
	return wait(cond, mutex, time_until(cond->clock ? cond->clock : CLOCK_REALTIME, until));
}

/*
 * The waiter runs when this thread blocks, and finds the mutex free as a rule: no switch for
 * nothing.
 */
int pthread_cond_signal(pthread_cond_t *cond)
{
	waitq_wake(queue_of(cond->queue), 1);
	return 0;
}

int pthread_cond_broadcast(pthread_cond_t *cond)
{
	waitq_wake(queue_of(cond->queue), UINT32_MAX);
	return 0;
}

/* ---- Attributes ---- */

int pthread_condattr_init(pthread_condattr_t *attr)
{
	attr->clock = CLOCK_REALTIME;
	attr->shared = PTHREAD_PROCESS_PRIVATE;
	return 0;
}

int pthread_condattr_destroy(pthread_condattr_t *attr)
{
	(void)attr;
	return 0;
}

int pthread_condattr_setclock(pthread_condattr_t *attr, clockid_t clock)
{
	if (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC)
		return EINVAL;
	attr->clock = clock;
	return 0;
}

int pthread_condattr_getclock(const pthread_condattr_t *attr, clockid_t *clock)
{
	*clock = attr->clock;
	return 0;
}

int pthread_condattr_setpshared(pthread_condattr_t *attr, int shared)
{
	attr->shared = shared;
	return shared == PTHREAD_PROCESS_PRIVATE || shared == PTHREAD_PROCESS_SHARED ? 0 : EINVAL;
}

int pthread_condattr_getpshared(const pthread_condattr_t *attr, int *shared)
{
	*shared = attr->shared;
	return 0;
}
