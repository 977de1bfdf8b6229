/* SPDX-License-Identifier: MIT */
/* The one lock under pthread mutexes and newlib's own locks: lock.c. */
#ifndef LOCK_H
#define LOCK_H

#include "core/core.h"

/* All zero: nobody holds it. A public pthread_mutex_t begins with one. */
struct lock {
	struct waitq waiters;  /* set up by the first who waits */
	struct thread *owner;
	unsigned depth;        /* the users' own: how often a recursive one is held beyond once */
	bool hungry;           /* somebody was woken and found it taken again */
	bool handed;           /* it belongs to whoever waitq_wake() has just woken */
};

/* Takes it if nobody has it and nobody was promised it. Never blocks. */
bool lock_try(struct lock *l);
int lock_take(struct lock *l, uint64_t deadline); /* 0 or -ERR_TIMEDOUT; the caller does not hold it */

/* By its owner alone, which is not checked. Wakes the first waiter, and does not switch to it. */
void lock_drop(struct lock *l);

#endif
