/* SPDX-License-Identifier: MIT */
#include <assert.h>

/*
 * How a program that knows something is wrong ends: abort() and a failed assert().
 *
 * Both end in log_panic(): a backtrace on the console and PLAT_CRASH, which the host sees as a
 * failure.
 */

#include <signal.h>
#include <stdlib.h>

#include "core/core.h"
#include "libc-glue/signal.h"

/* A handler of the program's may leave by longjmp(); if it returns the end comes all the same. */
void abort(void)
{
	signal_call(SIGABRT);
	log_panic("abort() was called in thread %s", thread_name(thread_self()));
}

void __assert_func(const char *file, int line, const char *function, const char *expression)
{
	signal_call(SIGABRT);
	log_panic("%s:%d: %s%sassertion `%s' failed", file, line, function ? function : "",
		function ? ": " : "", expression);
}
