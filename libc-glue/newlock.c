/* SPDX-License-Identifier: MIT */
#include <malloc.h>

/*
 * newlib's locks (--enable-newlib-retargetable-locking): around FILEs, the list of FILEs, the
 * environment, atexit.
 *
 * They are real, because a thread can switch in the middle: fflush() holds the FILE's lock while
 * write() blocks. All are recursive, as newlib takes even some of the plain ones again. malloc() is
 * the exception: nothing in it blocks, so its lock is none.
 */

#include <stdlib.h>
#include <sys/lock.h>

#include "core/plat.h"
#include "libc-glue/lock.h"

/* newlib knows the name only. */
struct __lock {
	struct lock lock;
};

/* The ones that newlib names (libc/misc/lock.c). */
struct __lock __lock___sinit_recursive_mutex;
struct __lock __lock___sfp_recursive_mutex;
struct __lock __lock___atexit_recursive_mutex;
struct __lock __lock___at_quick_exit_mutex;
struct __lock __lock___malloc_recursive_mutex;
struct __lock __lock___env_recursive_mutex;
struct __lock __lock___tz_mutex;
struct __lock __lock___dd_hash_mutex;

/* Where there is no memory for a lock its owner works without one: newlib cannot be told. */
void __retarget_lock_init_recursive(_LOCK_T *lock)
{
	*lock = calloc(1, sizeof **lock);
}

void __retarget_lock_init(_LOCK_T *lock)
{
	__retarget_lock_init_recursive(lock);
}

/* The stream is closed: nobody waits for it any more, or the program is wrong. */
void __retarget_lock_close_recursive(_LOCK_T lock)
{
	free(lock);
}

void __retarget_lock_close(_LOCK_T lock)
{
	free(lock);
}

/* In the common case one comparison and one store. */
void __retarget_lock_acquire_recursive(_LOCK_T lock)
{
	if (!lock)
		return;
	if (lock->lock.owner == thread_self())
		lock->lock.depth++;
	else
		lock_take(&lock->lock, PLAT_FOREVER);
}

void __retarget_lock_acquire(_LOCK_T lock)
{
	__retarget_lock_acquire_recursive(lock);
}

/* 1: it is ours. */
int __retarget_lock_try_acquire_recursive(_LOCK_T lock)
{
	if (!lock)
		return 1;
	if (lock->lock.owner != thread_self())
		return lock_try(&lock->lock);
	lock->lock.depth++;
	return 1;
}

int __retarget_lock_try_acquire(_LOCK_T lock)
{
	return __retarget_lock_try_acquire_recursive(lock);
}

void __retarget_lock_release_recursive(_LOCK_T lock)
{
	if (!lock)
		return;
	if (lock->lock.depth)
		lock->lock.depth--;
	else
		lock_drop(&lock->lock);
}

void __retarget_lock_release(_LOCK_T lock)
{
	__retarget_lock_release_recursive(lock);
}

void __malloc_lock(struct _reent *reent)
{
	(void)reent;
}

void __malloc_unlock(struct _reent *reent)
{
	(void)reent;
}
