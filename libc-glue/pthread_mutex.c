/* SPDX-License-Identifier: MIT */
#include <errno.h>

/*
 * Mutexes: lock.c with the three types of POSIX. A static initialiser is a free lock.
 */

#include <pthread.h>
#include <string.h>

#include "core/plat.h"
#include "libc-glue/clock.h"
#include "libc-glue/lock.h"

_Static_assert(sizeof(struct lock) <= sizeof((pthread_mutex_t *)0)->lock, "a mutex has no room for a lock");

/* The type of the public struct has no room for names. */
static struct lock *lock_of(pthread_mutex_t *mutex)
{
	return (struct lock *)(void *)mutex->lock;
}

int pthread_mutex_init(pthread_mutex_t *mutex, const pthread_mutexattr_t *attr)
{
	memset(mutex, 0, sizeof *mutex);
	mutex->type = attr ? attr->type : PTHREAD_MUTEX_DEFAULT;
	return 0;
}

/* EBUSY while somebody holds it or is about to. */
int pthread_mutex_destroy(pthread_mutex_t *mutex)
{
	struct lock *l = lock_of(mutex);

	return l->owner || l->handed ? EBUSY : 0;
}

/*
 * The running thread holds it already: what its type makes of that. -1: wait, though it is for
 * ever.
 */
static int lock_again(pthread_mutex_t *mutex)
{
	if (mutex->type == PTHREAD_MUTEX_ERRORCHECK)
		return EDEADLK;
	if (mutex->type != PTHREAD_MUTEX_RECURSIVE)
		return -1;
	if (lock_of(mutex)->depth == UINT32_MAX)
		return EAGAIN;
	lock_of(mutex)->depth++;
	return 0;
}

/*
 * A normal one that its owner locks again waits for ever, as POSIX has it: no error hides the
 * mistake.
 */
static int take(pthread_mutex_t *mutex, uint64_t deadline)
{
	struct lock *l = lock_of(mutex);
	int rc = l->owner == thread_self() ? lock_again(mutex) : -1;

	if (rc >= 0)
		return rc;
	return lock_take(l, deadline) ? ETIMEDOUT : 0;
}

/*
 * Breathes although it is free: a thread that waits for another by locking and looking must let
 * that one run.
 */
int pthread_mutex_lock(pthread_mutex_t *mutex)
{
	loop_breathe();
	return take(mutex, PLAT_FOREVER);
}

int pthread_mutex_trylock(pthread_mutex_t *mutex)
{
	if (lock_try(lock_of(mutex)))
		return 0;
	if (lock_of(mutex)->owner == thread_self() && mutex->type == PTHREAD_MUTEX_RECURSIVE)
		return lock_again(mutex);
	loop_breathe(); /* who asks again and again must let the owner run */
	return EBUSY;
}

/* The time is only looked at where the lock is not free. */
int pthread_mutex_timedlock(pthread_mutex_t *mutex, const struct timespec *until)
{
	if (lock_try(lock_of(mutex)))
		return 0;
	if (!time_valid(until))
		return EINVAL;
	return take(mutex, time_until(CLOCK_REALTIME, until));
}

/*
 * EPERM for any type: POSIX leaves it undefined for a normal one, and an error is kinder than a
 * broken lock.
 */
int pthread_mutex_unlock(pthread_mutex_t *mutex)
{
	struct lock *l = lock_of(mutex);

	if (l->owner != thread_self())
		return EPERM;
	if (l->depth)
		l->depth--;
	else
		lock_drop(l);
	return 0;
}

/* ---- Attributes ---- */

int pthread_mutexattr_init(pthread_mutexattr_t *attr)
{
	memset(attr, 0, sizeof *attr);
	return 0;
}

int pthread_mutexattr_destroy(pthread_mutexattr_t *attr)
{
	(void)attr;
	return 0;
}

int pthread_mutexattr_settype(pthread_mutexattr_t *attr, int type)
{
	if (type < PTHREAD_MUTEX_NORMAL || type > PTHREAD_MUTEX_ERRORCHECK)
		return EINVAL;
	attr->type = type;
	return 0;
}

int pthread_mutexattr_gettype(const pthread_mutexattr_t *attr, int *type)
{
	*type = attr->type;
	return 0;
}

/* There is one process to share with. */
int pthread_mutexattr_setpshared(pthread_mutexattr_t *attr, int shared)
{
	attr->shared = shared;
	return shared == PTHREAD_PROCESS_PRIVATE || shared == PTHREAD_PROCESS_SHARED ? 0 : EINVAL;
}

int pthread_mutexattr_getpshared(const pthread_mutexattr_t *attr, int *shared)
{
	*shared = attr->shared;
	return 0;
}

/* Without priorities every protocol is kept. */
int pthread_mutexattr_setprotocol(pthread_mutexattr_t *attr, int protocol)
{
	attr->protocol = protocol;
	return protocol >= PTHREAD_PRIO_NONE && protocol <= PTHREAD_PRIO_PROTECT ? 0 : EINVAL;
}

int pthread_mutexattr_getprotocol(const pthread_mutexattr_t *attr, int *protocol)
{
	*protocol = attr->protocol;
	return 0;
}
