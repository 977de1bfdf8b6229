/* SPDX-License-Identifier: MIT */
/*
 * Signals that a program sends itself: handlers, masks, waiting for them, and what they interrupt.
 */
#define _GNU_SOURCE /* ppoll */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "test/tap.h"

static volatile sig_atomic_t last, count, code;

static void note(int sig)
{
	last = sig;
	count++;
}

static void note_info(int sig, siginfo_t *info, void *context)
{
	(void)context;
	last = sig;
	code = info->si_signo;
}

static void handlers(void)
{
	struct sigaction act, old;

	ok(signal(SIGUSR1, note) == SIG_DFL, "signal() gives back the default");
	ok(raise(SIGUSR1) == 0 && last == SIGUSR1, "raise() runs the handler at once");
	ok(kill(getpid(), SIGUSR1) == 0 && count == 2, "kill() of itself too");
	memset(&act, 0, sizeof act);
	act.sa_sigaction = note_info;
	act.sa_flags = SA_SIGINFO | SA_RESETHAND;
	ok(!sigaction(SIGUSR2, &act, &old) && old.sa_handler == SIG_DFL, "sigaction");
	ok(!raise(SIGUSR2) && last == SIGUSR2 && code == SIGUSR2, "with SA_SIGINFO tells which");
	ok(!sigaction(SIGUSR2, NULL, &old) && old.sa_handler == SIG_DFL, "SA_RESETHAND takes it away");
	ok(signal(SIGUSR2, SIG_IGN) != SIG_ERR && !raise(SIGUSR2), "what is ignored does nothing");
	ok(sigaction(SIGKILL, &act, NULL) == -1 && errno == EINVAL, "SIGKILL cannot be caught");
	ok(raise(12345) != 0, "there is no signal 12345");
	ok(!raise(SIGCHLD) && !raise(SIGURG), "some are ignored by default");
	is(kill(getpid(), 0), 0, "signal 0 asks only");
}

static void masks(void)
{
	sigset_t set, old, waiting;
	int before = count;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	ok(sigismember(&set, SIGUSR1) == 1 && sigismember(&set, SIGUSR2) == 0, "a set of one");
	is(sigprocmask(SIG_BLOCK, &set, &old), 0, "blocked");
	raise(SIGUSR1);
	is(count, before, "it does not come");
	ok(!sigpending(&waiting) && sigismember(&waiting, SIGUSR1) == 1, "but waits");
	sigprocmask(SIG_SETMASK, &old, NULL);
	is(count, before + 1, "until it may");
	sigfillset(&set);
	ok(sigdelset(&set, SIGUSR1) == 0 && sigismember(&set, SIGUSR1) == 0 && sigismember(&set, SIGTERM) == 1, "all but one");
	ok(sigaddset(&set, 0) == -1 && errno == EINVAL, "0 is no signal");
}

static void *send_later(void *arg)
{
	sigset_t none;

	(void)arg;
	usleep(5000);
	sigemptyset(&none);
	kill(getpid(), SIGUSR1);
	return NULL;
}

static void waits(void)
{
	sigset_t set, old;
	struct timespec short_time = { .tv_nsec = 10000000 };
	pthread_t t;
	int sig = 0;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &set, &old);
	raise(SIGUSR1);
	ok(!sigwait(&set, &sig) && sig == SIGUSR1, "sigwait takes what waits");
	ok(sigtimedwait(&set, NULL, &short_time) == -1 && errno == EAGAIN, "sigtimedwait gives up");
	pthread_create(&t, NULL, send_later, NULL);
	ok(!sigwait(&set, &sig) && sig == SIGUSR1, "sigwait waits for what another thread sends");
	pthread_join(t, NULL);
	raise(SIGUSR1);
	count = 0;
	ok(sigsuspend(&old) == -1 && errno == EINTR && count == 1, "sigsuspend lets it in");
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

static volatile int suspended_rc, suspended_errno, suspended_step;

static void *suspend(void *arg)
{
	suspended_step = 1;
	suspended_rc = arg ? sigsuspend(arg) : pause();
	suspended_errno = errno;
	suspended_step = 2;
	return NULL;
}

static int reaches(int step)
{
	for (int i = 0; i < 200 && suspended_step < step; i++)
		usleep(1000);
	return suspended_step == step;
}

/* What the mask of another thread lets in ends its sigsuspend(), also where this one has it blocked. */
static void other_threads(void)
{
	struct timespec second = { .tv_sec = 1 };
	sigset_t set, none;
	pthread_t t;

	sigemptyset(&none);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	signal(SIGUSR1, note);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	count = 0;
	pthread_create(&t, NULL, suspend, &none);
	ok(reaches(1) && kill(getpid(), SIGUSR1) == 0, "sigsuspend in another thread");
	ok(reaches(2) && suspended_rc == -1 && suspended_errno == EINTR && count == 1, "ends when its signal comes");
	pthread_join(t, NULL);
	suspended_step = 0;
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	pthread_create(&t, NULL, suspend, NULL);
	ok(reaches(1) && pthread_kill(t, SIGUSR1) == 0, "pause in another thread");
	ok(reaches(2) && suspended_rc == -1 && suspended_errno == EINTR && count == 2, "ends too");
	pthread_join(t, NULL);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	raise(SIGUSR1);
	ok(ppoll(NULL, 0, &second, &none) == -1 && errno == EINTR && count == 3, "ppoll lets in what waits, and ends");
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

static void interrupts(void)
{
	struct sigaction act;
	int fds[2], rc;
	char c;

	if (pipe(fds))
		return;
	memset(&act, 0, sizeof act);
	act.sa_handler = note;
	sigaction(SIGALRM, &act, NULL);
	alarm(1);
	rc = (int)read(fds[0], &c, 1);
	ok(rc == -1 && errno == EINTR && last == SIGALRM, "an alarm ends a read with EINTR");
	ok(write(fds[1], "x", 1) == 1 && read(fds[0], &c, 1) == 1, "which can be made again");
	close(fds[0]);
	ok(signal(SIGPIPE, note) != SIG_ERR && write(fds[1], "x", 1) == -1 && errno == EPIPE && last == SIGPIPE,
		"writing where nobody reads is EPIPE and SIGPIPE");
	close(fds[1]);
}

static sigjmp_buf out;

static void jump(int sig)
{
	siglongjmp(out, sig);
}

static void jumps(void)
{
	signal(SIGUSR2, jump);
	if (sigsetjmp(out, 1) == 0) {
		raise(SIGUSR2);
		ok(0, "a handler may jump out");
	} else {
		ok(1, "a handler may jump out");
	}
}

int main(void)
{
	handlers();
	masks();
	waits();
	other_threads();
	interrupts();
	jumps();
	return tap_done();
}
