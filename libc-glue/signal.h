/* SPDX-License-Identifier: MIT */
/* Signals inside libc-glue: signal.c. */
#ifndef GLUE_SIGNAL_H
#define GLUE_SIGNAL_H

#include <signal.h>

/* For crt.c: from now on the host's request to stop arrives as SIGTERM. */
void signal_start(void);

/*
 * Runs the handler of sig in this thread if the program has installed one and does not block it;
 * without one does nothing. Returns whether it ran.
 */
int signal_call(int sig);

/* How many handlers have run for signals outside mask: it is another number when one more has. */
unsigned signal_runs(sigset_t mask);

/* sig for the program from a poller or timer: its handler runs later, in a thread of its own. */
void signal_post(int sig);

#endif
