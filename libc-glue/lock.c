/* SPDX-License-Identifier: MIT */
#include "libc-glue/lock.h"

/*
 * A lock that is cheap when free and fair when it matters.
 *
 * Whoever drops it wakes the first waiter, but may take it again before that one runs: with threads
 * that switch only where they block that is the common case, and handing the lock over at once
 * would cost a switch each time. A waiter that was woken in vain marks the lock hungry; the next
 * drop then hands it over, so nobody starves.
 */

/* One that was handed over is taken, though nobody holds it yet. */
bool lock_try(struct lock *l)
{
	if (l->owner || l->handed)
		return false;
	l->owner = thread_self();
	return true;
}

/*
 * A wake-up wins over a deadline (waitq.c): so a lock that was handed over is always taken by
 * somebody.
 */
int lock_take(struct lock *l, uint64_t deadline)
{
	int rc;

	if (!l->waiters.waiters.next)
		waitq_init(&l->waiters);
	while (!lock_try(l)) {
		rc = waitq_wait(&l->waiters, deadline);
		if (rc)
			return rc;
		if (l->handed) { /* to one of those that were woken, and all of them take the same way here */
			l->handed = false;
			l->owner = thread_self();
			return 0;
		}
		l->hungry = l->owner != NULL;
	}
	return 0;
}

void lock_drop(struct lock *l)
{
	l->owner = NULL;
	if (!l->waiters.waiters.next || !waitq_wake(&l->waiters, 1))
		return;
	l->handed = l->hungry;
	l->hungry = false;
}
