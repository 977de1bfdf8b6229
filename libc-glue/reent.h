/* SPDX-License-Identifier: MIT */
/* What every thread that runs C library code carries: reent.c. */
#ifndef REENT_GLUE_H
#define REENT_GLUE_H

#include <reent.h>

#include "core/core.h"

struct pthread;

/* thread_data() of such a thread. newlib's part comes first, so that __getreent() is one load. */
struct reent_thread {
	struct _reent *reent;
	struct pthread *pthread; /* pthread.c's, NULL until somebody asks for it */
	void *tls;               /* the block of thread-local storage, NULL without */
	uintptr_t tp;            /* and the thread pointer into it */
	void (*fn)(void *arg);
	void *arg;
	unsigned long blocked;   /* sigset_t: the signals that this thread does not take; signal.c */
	struct _reent own;       /* what reent points at, but for the first thread */
};

/* For crt.c: makes the first thread one of these. */
void reent_start(void);

/* Of the running thread. NULL in a thread that reent_thread() did not start. */
struct reent_thread *reent_self(void);

/*
 * Gives back what the running thread carries; thread_exit() must follow, with no libc call between.
 */
void reent_end(void);

#endif
