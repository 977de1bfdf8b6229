/* SPDX-License-Identifier: MIT */
/* What the pthread files share: pthread.c owns it. */
#ifndef GLUE_PTHREAD_H
#define GLUE_PTHREAD_H

#include <pthread.h>

#include "core/core.h"

/* A value of pthread_setspecific(); it counts while the key's round is the same. */
struct pthread_value {
	const void *value;
	unsigned round;
};

/*
 * A thread as POSIX sees it: pthread_t is its address. It outlives the core's thread until it is
 * joined.
 */
struct pthread {
	struct thread *thread;          /* NULL once it has ended */
	void *(*fn)(void *);
	void *arg;
	void *result;
	bool detached, done;
	struct waitq joiners;
	struct pthread_cleanup *cleanup;
	struct pthread_value *values;   /* PTHREAD_KEYS_MAX, NULL until one is set */
};

/* Runs the destructors of the running thread's values and frees the values. */
void pthread_key_finish(struct pthread *self);

/* Of the running thread; made when it has none yet. NULL without memory. */
struct pthread *pthread_current(void);

#endif
