/* SPDX-License-Identifier: MIT */
#include <errno.h>

/*
 * Sets of signals, and the calls about signals that have nothing to do here: no alternate stack is
 * ever needed.
 */

#include <signal.h>

static int check(int sig)
{
	if (sig > 0 && sig < NSIG)
		return 0;
	errno = EINVAL;
	return -1;
}

int sigemptyset(sigset_t *set)
{
	*set = 0;
	return 0;
}

int sigfillset(sigset_t *set)
{
	*set = (((sigset_t)1 << NSIG) - 1) & ~(sigset_t)1;
	return 0;
}

int sigaddset(sigset_t *set, int sig)
{
	if (check(sig))
		return -1;
	*set |= (sigset_t)1 << sig;
	return 0;
}

int sigdelset(sigset_t *set, int sig)
{
	if (check(sig))
		return -1;
	*set &= ~((sigset_t)1 << sig);
	return 0;
}

int sigismember(const sigset_t *set, int sig)
{
	if (check(sig))
		return -1;
	return (*set >> sig) & 1;
}

/* Handlers never run on a stack that has overflowed: such a fault ends the machine. */
int sigaltstack(const stack_t *stack, stack_t *old)
{
	(void)stack;
	if (old)
		*old = (stack_t){ .ss_flags = SS_DISABLE };
	return 0;
}

/* Old, and still used by servers that want EINTR after signal(). */
int siginterrupt(int sig, int on)
{
	struct sigaction act;

	if (sigaction(sig, 0, &act))
		return -1;
	act.sa_flags = on ? act.sa_flags & ~SA_RESTART : act.sa_flags | SA_RESTART;
	return sigaction(sig, &act, 0);
}
