/* SPDX-License-Identifier: MIT */
#include "libc-glue/signal.h"

/*
 * Signals without processes: what the program sends itself, alarm(), and the host's request to
 * stop, which comes as SIGTERM.
 *
 * raise() and kill(getpid()) run the handler in the thread that calls. What comes from outside runs
 * in a thread "signal", because nothing here can break into a thread that computes; the first
 * thread's mask says whether it may, and a sigwait() that asks for it comes first. A handler that
 * has run makes the first thread's blocking call return EINTR (signal_wait), so the usual `while
 * (!stop) poll(...)` ends.
 *
 * Defaults differ from Unix in one point: SIGPIPE is ignored, so that a server without SIG_IGN does
 * not take its machine down with a client. Signals that end a process end the machine with status
 * 128 + number, without atexit() and without a flush, as there.
 */

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "core/plat.h"
#include "libc-glue/glue.h"
#include "libc-glue/reent.h"

#define BIT(sig) ((sigset_t)1 << (sig))
#define IGNORED_BY_DEFAULT                                                                                            \
	(BIT(SIGCHLD) | BIT(SIGURG) | BIT(SIGWINCH) | BIT(SIGCONT) | BIT(SIGPIPE) | BIT(SIGSTOP) | BIT(SIGTSTP) | \
		BIT(SIGTTIN) | BIT(SIGTTOU) | BIT(SIGIO))
#define HANDLER_STACK 65536

static struct sigaction actions[NSIG];
static sigset_t pending;      /* sent, but blocked or not yet looked at */
static struct reent_thread *first;
static struct waitq *first_waits; /* the queue in which the first thread stands in signal_wait() */
static bool interrupted;      /* a handler ran since it stood there */
static bool restarts;         /* that one had SA_RESTART */
static unsigned runs[NSIG];   /* how many handlers have run to their end, for each signal */
static struct waitq suspended = WAITQ_INIT(suspended); /* threads in sigsuspend() */
static struct waitq takers = WAITQ_INIT(takers); /* threads in sigwait() and the like */
static sigset_t wanted;       /* by them */
static struct thread *server;
static struct waitq server_wait = WAITQ_INIT(server_wait);

/* Threads that pith starts for itself have no mask; the first thread's stands for theirs. */
static sigset_t *own_mask(void)
{
	struct reent_thread *t = reent_self();

	return &(t ? t : first)->blocked;
}

static bool valid(int sig)
{
	return sig > 0 && sig < NSIG;
}

/* ---- Running handlers ---- */

/*
 * A handler has run: the first thread's wait is over. Everybody on that queue is woken with it,
 * which costs them a look at their condition and cannot be told from a spurious wake-up.
 */
static void interrupt_first(int flags)
{
	interrupted = true;
	restarts = flags & SA_RESTART;
	if (first_waits)
		waitq_wake(first_waits, UINT32_MAX);
}

/*
 * The mask is that of the thread which runs the handler. act is a copy: a handler may install
 * another one for its own signal. A handler that leaves by longjmp() takes care of the mask itself,
 * or uses siglongjmp().
 */
static void run_handler(int sig, const struct sigaction *act)
{
	siginfo_t info = { .si_signo = sig, .si_code = SI_USER, .si_pid = getpid() };
	sigset_t *mask = own_mask(), before = *mask;

	*mask |= act->sa_mask | (act->sa_flags & SA_NODEFER ? 0 : BIT(sig));
	if (act->sa_flags & SA_RESETHAND)
		actions[sig].sa_handler = SIG_DFL;
	if (act->sa_flags & SA_SIGINFO)
		act->sa_sigaction(sig, &info, NULL);
	else
		act->sa_handler(sig);
	*mask = before;
	runs[sig]++;
	waitq_wake(&suspended, UINT32_MAX);
	interrupt_first(act->sa_flags);
}

/* Handlers that have run for signals outside mask. */
unsigned signal_runs(sigset_t mask)
{
	unsigned sum = 0;

	for (int sig = 1; sig < NSIG; sig++)
		sum += mask & BIT(sig) ? 0 : runs[sig];
	return sum;
}

/* Does what is to be done about sig, in this thread, now. */
static void act_on(int sig)
{
	struct sigaction act = actions[sig];

	if (act.sa_handler == SIG_IGN || (act.sa_handler == SIG_DFL && (IGNORED_BY_DEFAULT & BIT(sig))))
		return;
	if (act.sa_handler != SIG_DFL) {
		run_handler(sig, &act);
		return;
	}
	log_line(LOG_WARN, "signal: the program is ended by signal %d", sig);
	_exit(128 + sig);
}

/*
 * What is pending and not blocked by mask. The lowest number first, as Linux does it. The set is looked
 * at again each time: a handler may send or block others.
 */
static void act_on_pending(const sigset_t *mask)
{
	sigset_t now;

	while ((now = pending & ~*mask) != 0) {
		int sig = __builtin_ctzl(now);

		pending &= ~BIT(sig);
		act_on(sig);
	}
}

int signal_call(int sig)
{
	struct sigaction act = actions[sig];

	if (act.sa_handler == SIG_DFL || act.sa_handler == SIG_IGN || (*own_mask() & BIT(sig)))
		return 0;
	run_handler(sig, &act);
	return 1;
}

/* ---- From outside ---- */

/*
 * The thread "signal". Its handlers may block as any thread's code may; signals that come meanwhile
 * wait their turn.
 */
static void serve(void *arg)
{
	(void)arg;
	for (;;) {
		act_on_pending(&first->blocked);
		waitq_wait(&server_wait, PLAT_FOREVER);
	}
}

/* The stack is only taken when a signal comes: most programs never get one. */
static void wake_server(void)
{
	if (!(pending & ~first->blocked & ~wanted))
		return;
	if (!server)
		server = reent_thread("signal", serve, NULL, HANDLER_STACK);
	if (!server)
		log_line(LOG_ERR, "signal: no memory for the thread that runs handlers");
	waitq_wake(&server_wait, 1);
}

/*
 * Safe in pollers and timers: nothing here blocks. Two of one kind that nobody has looked at yet
 * are one, as POSIX allows.
 */
void signal_post(int sig)
{
	pending |= BIT(sig);
	waitq_wake(&takers, UINT32_MAX);
	waitq_wake(&suspended, UINT32_MAX);
	wake_server();
}

/* plat_wait() ends when the host asks; a flag is all that is looked at here. */
static bool stop_poll(void)
{
	static bool told;

	if (told || !plat_asked_to_stop())
		return false;
	told = true;
	signal_post(SIGTERM);
	return true;
}

static bool stop_arm(void)
{
	return false;
}

/* The poller is in every image: without it a machine could not be stopped in an orderly way. */
void signal_start(void)
{
	static struct poller poller = { .poll = stop_poll, .arm = stop_arm };

	first = reent_self();
	loop_add(&poller);
}

/* ---- Waiting ---- */

/*
 * What interrupts is a handler that ran since the wait began, not one before it: a flag that such a
 * handler set was there to be seen before the call, as with any signal that comes just before one.
 */
int signal_wait(struct waitq *q, uint64_t deadline)
{
	int rc;

	if (reent_self() != first)
		return waitq_wait(q, deadline);
	interrupted = false;
	first_waits = q;
	rc = waitq_wait(q, deadline);
	first_waits = NULL;
	return interrupted ? -EINTR : rc;
}

bool signal_restart(void)
{
	return restarts;
}

/*
 * In any thread. Nothing switches between letting the signals in and waiting, so none is missed in
 * between: that is what the call is for. A handler for a signal that the mask lets in ends it,
 * whichever thread it ran in. Nothing of this is on the stack, which a handler may leave by
 * siglongjmp().
 */
int sigsuspend(const sigset_t *mask)
{
	sigset_t *own = own_mask(), before = *own, now = *mask & ~(BIT(SIGKILL) | BIT(SIGSTOP));
	unsigned start = signal_runs(now);

	*own = now;
	act_on_pending(own);
	while (signal_runs(now) == start) {
		waitq_wait(&suspended, PLAT_FOREVER);
		act_on_pending(own);
	}
	*own = before;
	errno = EINTR;
	return -1;
}

int pause(void)
{
	return sigsuspend(own_mask());
}

/* The lowest signal of set that is pending, taken; or a negative error. */
static int take(const sigset_t *set, uint64_t deadline)
{
	int rc, sig;

	while (!(pending & *set)) {
		wanted |= *set;
		rc = waitq_wait(&takers, deadline);
		wanted &= ~*set; /* two threads that wait for one signal would be odd; the other asks again when it wakes */
		if (rc)
			return -EAGAIN;
	}
	sig = __builtin_ctzl(pending & *set);
	pending &= ~BIT(sig);
	return sig;
}

/* The signals are to be blocked by the caller, as POSIX says; else a handler may be quicker. */
int sigwait(const sigset_t *set, int *sig)
{
	*sig = take(set, PLAT_FOREVER);
	return 0;
}

int sigtimedwait(const sigset_t *set, siginfo_t *info, const struct timespec *timeout)
{
	uint64_t deadline = PLAT_FOREVER;
	int sig;

	if (timeout)
		deadline = plat_now() + (uint64_t)timeout->tv_sec * 1000000000u + (uint64_t)timeout->tv_nsec;
	sig = take(set, deadline);
	if (sig > 0 && info)
		*info = (siginfo_t){ .si_signo = sig, .si_code = SI_USER, .si_pid = getpid() };
	return (int)fd_result(sig);
}

int sigwaitinfo(const sigset_t *set, siginfo_t *info)
{
	return sigtimedwait(set, info, NULL);
}

/* ---- Sending ---- */

/*
 * A blocked one goes where all threads can find it: to sigwait(), or to this thread when it lifts
 * its mask.
 */
int raise(int sig)
{
	if (!valid(sig))
		return (int)fd_result(-EINVAL);
	if (*own_mask() & BIT(sig)) {
		signal_post(sig);
		return 0;
	}
	act_on(sig);
	return 0;
}

/* There is one process, which is its own group and everybody. */
int kill(pid_t pid, int sig)
{
	if (pid != getpid() && pid != 0 && pid != -1 && pid != -getpid())
		return (int)fd_result(-ESRCH);
	return sig == 0 ? 0 : raise(sig);
}

int killpg(pid_t group, int sig)
{
	return kill(-group, sig);
}

int sigqueue(pid_t pid, int sig, const union sigval value)
{
	(void)value; /* si_value is not carried */
	return kill(pid, sig);
}

/* There is no way into another thread: the handler runs here. */
int pthread_kill(pthread_t thread, int sig)
{
	(void)thread;
	return sig == 0 || !raise(sig) ? 0 : EINVAL;
}

/* ---- What the program says about signals ---- */

/* Flags that need a second stack or children are kept and have no effect. */
int sigaction(int sig, const struct sigaction *act, struct sigaction *old)
{
	if (!valid(sig) || (act && (sig == SIGKILL || sig == SIGSTOP)))
		return (int)fd_result(-EINVAL);
	if (old)
		*old = actions[sig];
	if (act)
		actions[sig] = *act;
	return 0;
}

/* With the meaning of BSD and glibc: the handler stays, and read() begins again. */
_sig_func_ptr signal(int sig, _sig_func_ptr handler)
{
	struct sigaction act = { .sa_flags = SA_RESTART }, old;

	act.sa_handler = handler;
	return sigaction(sig, &act, &old) ? SIG_ERR : old.sa_handler;
}

/*
 * POSIX: what becomes unblocked and is pending is delivered before the call returns, at least one
 * of them. Here all are.
 */
static int change_mask(int how, const sigset_t *set, sigset_t *old)
{
	sigset_t *mask = own_mask();

	if (old)
		*old = *mask;
	if (!set)
		return 0;
	if (how == SIG_BLOCK)
		*mask |= *set;
	else if (how == SIG_UNBLOCK)
		*mask &= ~*set;
	else if (how == SIG_SETMASK)
		*mask = *set;
	else
		return EINVAL;
	*mask &= ~(BIT(SIGKILL) | BIT(SIGSTOP));
	act_on_pending(mask);
	return 0;
}

int pthread_sigmask(int how, const sigset_t *set, sigset_t *old)
{
	return change_mask(how, set, old);
}

int sigprocmask(int how, const sigset_t *set, sigset_t *old)
{
	return (int)fd_result(-change_mask(how, set, old));
}

int sigpending(sigset_t *set)
{
	*set = pending & *own_mask();
	return 0;
}
