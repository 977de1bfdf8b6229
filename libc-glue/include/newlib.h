/* SPDX-License-Identifier: MIT */
#ifndef PITH_NEWLIB_H
#define PITH_NEWLIB_H

/*
 * Stands before newlib's <newlib.h>, which all of its headers include first: adds what pith offers
 * beyond newlib.
 *
 * The _POSIX_* macros make <time.h>, <signal.h>, <sched.h> and <unistd.h> declare what libc-glue/
 * defines.
 */

#include <sys/pith.h>
#include_next <newlib.h>

/*
 * POSIX.1-2017 <unistd.h>: 200809 is the year and month that option's text has to be of. sysconf()
 * (proc.c) says the same for most. Not here: _POSIX_MAPPED_FILES, _POSIX_MESSAGE_PASSING,
 * _POSIX_SHARED_MEMORY_OBJECTS, _POSIX_SPAWN.
 */
#define _POSIX_ASYNCHRONOUS_IO 200809L
#define _POSIX_BARRIERS 200809L
#define _POSIX_CLOCK_SELECTION 200809L
#define _POSIX_CPUTIME 200809L
#define _POSIX_FSYNC 200809L
#define _POSIX_MONOTONIC_CLOCK 200809L
#define _POSIX_PRIORITY_SCHEDULING 200809L
#define _POSIX_READER_WRITER_LOCKS 200809L
#define _POSIX_REALTIME_SIGNALS 200809L
#define _POSIX_SEMAPHORES 200809L
#define _POSIX_SPIN_LOCKS 200809L
#define _POSIX_THREADS 200809L
#define _POSIX_THREAD_ATTR_STACKSIZE 200809L
#define _POSIX_THREAD_CPUTIME 200809L
#define _POSIX_THREAD_SAFE_FUNCTIONS 200809L
#define _POSIX_TIMEOUTS 200809L
#define _POSIX_TIMERS 200809L
#define _UNIX98_THREAD_MUTEX_ATTRIBUTES 1

#endif
