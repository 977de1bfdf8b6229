/* SPDX-License-Identifier: MIT */
#include <errno.h>

/*
 * Locks for many readers or one writer. Readers come in as long as no writer is in, as with glibc:
 * a thread may take its read lock again while a writer waits.
 */

#include <pthread.h>
#include <string.h>

#include "core/plat.h"
#include "libc-glue/clock.h"
#include "libc-glue/queue.h"

int pthread_rwlock_init(pthread_rwlock_t *lock, const pthread_rwlockattr_t *attr)
{
	(void)attr;
	memset(lock, 0, sizeof *lock);
	return 0;
}

int pthread_rwlock_destroy(pthread_rwlock_t *lock)
{
	return lock->owner || lock->active ? EBUSY : 0;
}

/* A writer that waits does not keep readers out: see above. */
int pthread_rwlock_tryrdlock(pthread_rwlock_t *lock)
{
	if (lock->owner)
		return EBUSY;
	if (lock->active == __INT_MAX__)
		return EAGAIN;
	lock->active++;
	return 0;
}

int pthread_rwlock_trywrlock(pthread_rwlock_t *lock)
{
	if (lock->owner || lock->active)
		return EBUSY;
	lock->owner = thread_self();
	return 0;
}

/* EDEADLK for the writer itself: it would wait for ever. */
static int read_lock(pthread_rwlock_t *lock, uint64_t deadline)
{
	int rc;

	loop_breathe();
	if (lock->owner == thread_self())
		return EDEADLK;
	while ((rc = pthread_rwlock_tryrdlock(lock)) == EBUSY)
		if (waitq_wait(queue_of(lock->readers), deadline))
			return ETIMEDOUT;
	return rc;
}

static int write_lock(pthread_rwlock_t *lock, uint64_t deadline)
{
	loop_breathe();
	if (lock->owner == thread_self())
		return EDEADLK;
	while (pthread_rwlock_trywrlock(lock))
		if (waitq_wait(queue_of(lock->writers), deadline))
			return ETIMEDOUT;
	return 0;
}

int pthread_rwlock_rdlock(pthread_rwlock_t *lock)
{
	return read_lock(lock, PLAT_FOREVER);
}

int pthread_rwlock_wrlock(pthread_rwlock_t *lock)
{
	return write_lock(lock, PLAT_FOREVER);
}

/* By the wall clock, as POSIX says. */
int pthread_rwlock_timedrdlock(pthread_rwlock_t *lock, const struct timespec *until)
{
	return time_valid(until) ? read_lock(lock, time_until(CLOCK_REALTIME, until)) : EINVAL;
}

int pthread_rwlock_timedwrlock(pthread_rwlock_t *lock, const struct timespec *until)
{
	return time_valid(until) ? write_lock(lock, time_until(CLOCK_REALTIME, until)) : EINVAL;
}

/*
 * After a writer both kinds may try: the one that runs first was waiting first or was a reader, of
 * whom all get in.
 */
int pthread_rwlock_unlock(pthread_rwlock_t *lock)
{
	if (lock->owner == thread_self()) {
		lock->owner = NULL;
		waitq_wake(queue_of(lock->readers), UINT32_MAX);
	} else if (lock->owner || !lock->active) {
		return EPERM;
	} else {
		lock->active--;
	}
	if (!lock->active)
		waitq_wake(queue_of(lock->writers), 1);
	return 0;
}

int pthread_rwlockattr_init(pthread_rwlockattr_t *attr)
{
	attr->shared = PTHREAD_PROCESS_PRIVATE;
	return 0;
}

int pthread_rwlockattr_destroy(pthread_rwlockattr_t *attr)
{
	(void)attr;
	return 0;
}
