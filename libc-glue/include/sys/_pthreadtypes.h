/* SPDX-License-Identifier: MIT */
#ifndef SYS_PTHREADTYPES_H
#define SYS_PTHREADTYPES_H

/*
 * The types of <pthread.h>, apart because <sys/types.h> must have them. In place of newlib's.
 *
 * Zeroed objects are valid ones, so the static initialisers are zeros but for a mutex's type. What
 * the arrays hold is known to libc-glue/pthread*.c, which assert their sizes.
 */

#include <sys/sched.h>

/* The address of pthread.c's struct; 0 is no thread's. */
typedef unsigned long pthread_t;

/* Below PTHREAD_KEYS_MAX. */
typedef unsigned int pthread_key_t;

typedef struct {
	unsigned long stack_size;
	unsigned long guard_size;
	void *stack;
	int detached;
	int policy;
	int inherit;
	int scope;
	struct sched_param param;
	int ready;
} pthread_attr_t;

typedef struct {
	void *lock[4];
	int type;
	int prioceiling;
} pthread_mutex_t;

typedef struct {
	int type;
	int shared;
	int protocol;
	int prioceiling;
} pthread_mutexattr_t;

typedef struct {
	void *queue[2];
	unsigned long clock;
} pthread_cond_t;

typedef struct {
	unsigned long clock;
	int shared;
} pthread_condattr_t;

typedef struct {
	void *readers[2];
	void *writers[2];
	void *owner;
	int active;
	int waiting;
} pthread_rwlock_t;

typedef struct {
	int shared;
} pthread_rwlockattr_t;

typedef struct {
	void *queue[2];
	unsigned int count, arrived, round;
} pthread_barrier_t;

typedef struct {
	int shared;
} pthread_barrierattr_t;

typedef struct {
	void *queue[2];
	int state;
} pthread_once_t;

typedef struct {
	void *owner;
} pthread_spinlock_t;

#endif
