/* SPDX-License-Identifier: MIT */
#include <stdio.h>

/*
 * flockfile(): a stream for one thread for the length of several calls (POSIX.1-2017 <stdio.h>). The
 * lock is the one that each call of newlib's takes for itself, and may be taken again by its owner.
 */

#include <sys/lock.h>

void flockfile(FILE *f)
{
	__lock_acquire_recursive(f->_lock);
}

int ftrylockfile(FILE *f)
{
	return !__lock_try_acquire_recursive(f->_lock);
}

void funlockfile(FILE *f)
{
	__lock_release_recursive(f->_lock);
}
