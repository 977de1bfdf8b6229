/* SPDX-License-Identifier: MIT */
#ifndef _SYS_SIGNAL_H
#define _SYS_SIGNAL_H

/*
 * Signals (POSIX.1-2017 <signal.h>), in place of newlib's header: its struct sigaction has no
 * sa_sigaction and no flags.
 *
 * The numbers are newlib's. No other process sends any: raise(), kill(getpid()), alarm() and the
 * host's request to stop (SIGTERM) are where they come from. libc-glue/signal.c says how they are
 * delivered: what the program sends runs in the thread that sends, before the call returns; what
 * comes from outside runs in a thread of its own with 64 KiB of stack, when the others block. Each
 * thread has a mask; dispositions and what is pending are the program's.
 *
 * A handler that has run ends the first thread's blocking call with EINTR, and of the other threads'
 * only sigsuspend() and pause(), where their mask lets that signal in.
 * Faults (SIGSEGV, SIGFPE ...) are not signals here: they end the machine.
 */

#include <_ansi.h>
#include <sys/_sigset.h>
#include <sys/_timespec.h>
#include <sys/cdefs.h>
#include <sys/features.h>
#include <sys/types.h>

#ifndef _SIGSET_T_DECLARED
#define _SIGSET_T_DECLARED
typedef __sigset_t sigset_t;
#endif

/*
 * SIGPIPE is ignored by default, so that no client takes a server's machine down. What ends a
 * process elsewhere ends the machine with status 128 + number, without atexit() and without a
 * flush; there is nothing to stop or continue. No real-time signals: NSIG is all.
 */
#define SIGHUP 1
#define SIGINT 2
#define SIGQUIT 3
#define SIGILL 4
#define SIGTRAP 5
#define SIGABRT 6
#define SIGIOT SIGABRT
#define SIGEMT 7
#define SIGFPE 8
#define SIGKILL 9
#define SIGBUS 10
#define SIGSEGV 11
#define SIGSYS 12
#define SIGPIPE 13
#define SIGALRM 14
#define SIGTERM 15
#define SIGURG 16
#define SIGSTOP 17
#define SIGTSTP 18
#define SIGCONT 19
#define SIGCHLD 20
#define SIGCLD SIGCHLD
#define SIGTTIN 21
#define SIGTTOU 22
#define SIGIO 23
#define SIGPOLL SIGIO
#define SIGXCPU 24
#define SIGXFSZ 25
#define SIGVTALRM 26
#define SIGPROF 27
#define SIGWINCH 28
#define SIGLOST 29
#define SIGUSR1 30
#define SIGUSR2 31
#define NSIG 32

/* Kept by nobody but SIGEV_THREAD (aio.h): si_value is not carried. */
union sigval {
	int sival_int;
	void *sival_ptr;
};

/* For aio.h alone: timer_create() fails with ENOSYS. */
#define SIGEV_NONE 1
#define SIGEV_SIGNAL 2
#define SIGEV_THREAD 3

struct sigevent {
	int sigev_notify;
	int sigev_signo;
	union sigval sigev_value;
	void (*sigev_notify_function)(union sigval);
	pthread_attr_t *sigev_notify_attributes;
};

#define SI_USER 1
#define SI_QUEUE 2
#define SI_TIMER 3
#define SI_ASYNCIO 4
#define SI_MESGQ 5

/* si_signo and si_pid are set, si_code is SI_USER always; everything else is 0. */
typedef struct {
	int si_signo;
	int si_code;
	int si_errno;
	pid_t si_pid;
	uid_t si_uid;
	int si_status;
	void *si_addr;
	union sigval si_value;
} siginfo_t;

/*
 * With effect: SA_SIGINFO, SA_RESTART (read(), write() and theirs begin again; recv(), poll() and
 * sleeps do not), SA_NODEFER, SA_RESETHAND. The others are kept.
 */
#define SA_NOCLDSTOP 0x01
#define SA_SIGINFO 0x02
#define SA_ONSTACK 0x04
#define SA_RESTART 0x08
#define SA_NODEFER 0x10
#define SA_RESETHAND 0x20
#define SA_NOCLDWAIT 0x40

typedef void (*_sig_func_ptr)(int);

/*
 * sa_mask is added to the mask of the thread that runs the handler, while it runs. The third
 * argument of sa_sigaction is NULL.
 */
struct sigaction {
	union {
		_sig_func_ptr handler;
		void (*action)(int, siginfo_t *, void *);
	} sa_both;
	sigset_t sa_mask;
	int sa_flags;
};
#define sa_handler sa_both.handler
#define sa_sigaction sa_both.action

/* For programs that ask; there is no alternate stack. */
#define MINSIGSTKSZ 2048
#define SIGSTKSZ 8192
#define SS_ONSTACK 1
#define SS_DISABLE 2

typedef struct sigaltstack {
	void *ss_sp;
	int ss_flags;
	size_t ss_size;
} stack_t;

#define SIG_SETMASK 0
#define SIG_BLOCK 1
#define SIG_UNBLOCK 2

__BEGIN_DECLS

/*
 * pid 1, 0, -1 or -1's group: this program; else ESRCH. sig 0 only asks. EINVAL. As raise(): the
 * handler has run when it returns, unless this thread blocks the signal; then it is pending for
 * sigwait() in any thread.
 */
int kill(pid_t pid, int sig);
int killpg(pid_t group, int sig);

/* old and act may be NULL. EINVAL for no signal, or to change SIGKILL or SIGSTOP. */
int sigaction(int sig, const struct sigaction *act, struct sigaction *old);

/*
 * The calling thread's mask. What is pending and becomes unblocked is delivered, all of it, before
 * it returns. SIGKILL and SIGSTOP stay unblocked. EINVAL for another how.
 */
int sigprocmask(int how, const sigset_t *set, sigset_t *old);

/* The same, and returns the error. */
int pthread_sigmask(int how, const sigset_t *set, sigset_t *old);

/*
 * Runs the handler in the calling thread: there is no way into another. 0 or EINVAL; thread is not
 * looked at.
 */
int pthread_kill(pthread_t thread, int sig);

/* Bit n is signal n. The last three say EINVAL for no signal. */
int sigemptyset(sigset_t *set);
int sigfillset(sigset_t *set);
int sigaddset(sigset_t *set, int sig);
int sigdelset(sigset_t *set, int sig);
int sigismember(const sigset_t *set, int sig);

/* What is pending and blocked by this thread. */
int sigpending(sigset_t *set);

/*
 * Blocks with this mask until a handler has run, delivering what is pending. Always -1 with EINTR;
 * for the first thread alone: no other is interrupted.
 */
int sigsuspend(const sigset_t *mask);

/*
 * Blocks until one of set is pending, takes it and tells the lowest. set must be blocked by the
 * callers, or a handler may be quicker. Never fails.
 */
int sigwait(const sigset_t *set, int *sig);

/*
 * The same, and returns the number; info may be NULL. With timeout, a span: -1 with EAGAIN. No
 * EINTR.
 */
int sigwaitinfo(const sigset_t *set, siginfo_t *info);
int sigtimedwait(const sigset_t *set, siginfo_t *info, const struct timespec *timeout);

/* kill(): nothing is queued, two of one kind are one, and value is lost. */
int sigqueue(pid_t pid, int sig, const union sigval value);

/* 0 without effect; old says SS_DISABLE. */
int sigaltstack(const stack_t *stack, stack_t *old);

/* Takes SA_RESTART away, or gives it. EINVAL for no signal. */
int siginterrupt(int sig, int on);

__END_DECLS

#ifndef _SIGNAL_H_
#include <signal.h>
#endif

#endif
