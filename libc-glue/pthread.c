/* SPDX-License-Identifier: MIT */
#include "libc-glue/pthread.h"

/*
 * POSIX threads: life and death. Each is a thread of the core with C library state (reent.c) and a
 * struct pthread that holds the result until somebody joins.
 *
 * The core's thread is detached always: joining waits for the struct, not for the thread. Threads
 * that were started in other ways (the first one, the network's) get a struct when they ask for
 * pthread_self().
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/plat.h"
#include "libc-glue/glue.h"
#include "libc-glue/reent.h"

#define STACK_LEAST (64u << 10)
#define STACK_MOST (256u << 10)

static unsigned living = 1; /* threads that POSIX knows of; the first one is one */

static struct pthread *of(pthread_t thread)
{
	return (struct pthread *)thread;
}

/* Stacks are real memory here, there is no overcommit: a part of the machine's, within bounds. */
static size_t default_stack(void)
{
	size_t size = page_total() * PAGE_SIZE / 256;

	return size < STACK_LEAST ? STACK_LEAST : size > STACK_MOST ? STACK_MOST : size;
}

/* All zero is right for the rest: not done, not detached, no values. */
static struct pthread *make(void)
{
	struct pthread *p = calloc(1, sizeof *p);

	if (p)
		waitq_init(&p->joiners);
	return p;
}

/* Made at the first question, so that threads of the network, which ask for nothing, have none. */
struct pthread *pthread_current(void)
{
	struct reent_thread *t = reent_self();

	if (!t->pthread) {
		t->pthread = make();
		if (t->pthread)
			t->pthread->thread = thread_self();
	}
	return t->pthread;
}

/* ---- The end ---- */

/*
 * The last one that was pushed comes first; each is off the list before it runs, as it may end the
 * thread again.
 */
static void run_cleanup(struct pthread *p)
{
	while (p->cleanup) {
		struct pthread_cleanup *c = p->cleanup;

		p->cleanup = c->next;
		c->fn(c->arg);
	}
}

/* The last libc calls of a thread. What is left of it is the core's. */
static void finish(struct pthread *p, void *result)
{
	run_cleanup(p);
	pthread_key_finish(p);
	if (--living == 0)
		exit(0);
	p->result = result;
	p->done = true;
	p->thread = NULL;
	reent_self()->pthread = NULL;
	if (p->detached)
		free(p);
	else
		waitq_wake(&p->joiners, UINT32_MAX);
}

/* In the first thread too: the others go on, and the program ends with the last of them. */
void pthread_exit(void *result)
{
	struct pthread *p = pthread_current();

	if (!p)
		log_panic("pthread: no memory to end a thread");
	finish(p, result);
	reent_end();
	thread_exit();
}

/* ---- The beginning ---- */

/* Where a thread begins; what is set here is what pthread_create() could not know yet. */
static void run(void *arg)
{
	struct pthread *p = arg;

	reent_self()->pthread = p;
	p->thread = thread_self();
	finish(p, p->fn(p->arg));
}

/*
 * The new thread does not run before this one blocks, so *thread is set by the time it looks at it.
 * POSIX knows one error for all that can lack: EAGAIN.
 */
int pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*fn)(void *), void *arg)
{
	size_t stack = attr && attr->stack_size ? attr->stack_size : default_stack();
	struct pthread *p = make();

	if (!p)
		return EAGAIN;
	p->fn = fn;
	p->arg = arg;
	p->detached = attr && attr->detached == PTHREAD_CREATE_DETACHED;
	p->thread = reent_thread(thread_name(thread_self()), run, p, stack);
	if (!p->thread) {
		free(p);
		return EAGAIN;
	}
	thread_detach(p->thread);
	living++;
	*thread = (pthread_t)p;
	return 0;
}

/* ---- Join and detach ---- */

/* A thread id that was joined already is freed memory, and undefined in POSIX as here. */
static int check_joinable(const struct pthread *p)
{
	if (p->detached)
		return EINVAL;
	return p->thread == thread_self() ? EDEADLK : 0;
}

/*
 * The thread itself is gone, or about to be: the core frees its stack when the next one has taken
 * over.
 */
static void reap(struct pthread *p, void **result)
{
	if (result)
		*result = p->result;
	free(p);
}

int pthread_join(pthread_t thread, void **result)
{
	struct pthread *p = of(thread);
	int rc = check_joinable(p);

	if (rc)
		return rc;
	loop_breathe();
	while (!p->done)
		waitq_wait(&p->joiners, PLAT_FOREVER);
	reap(p, result);
	return 0;
}

int pthread_tryjoin_np(pthread_t thread, void **result)
{
	struct pthread *p = of(thread);
	int rc = check_joinable(p);

	if (!rc && !p->done)
		rc = EBUSY;
	if (!rc)
		reap(p, result);
	return rc;
}

/* One that has ended is freed here, as nobody else will come. */
int pthread_detach(pthread_t thread)
{
	struct pthread *p = of(thread);

	if (p->detached)
		return EINVAL;
	p->detached = true;
	if (p->done)
		free(p);
	return 0;
}

/* ---- The rest ---- */

/* There is no way to report that memory has run out; 0 is no thread's. */
pthread_t pthread_self(void)
{
	return (pthread_t)pthread_current();
}

int pthread_equal(pthread_t a, pthread_t b)
{
	return a == b;
}

int pthread_setname_np(pthread_t thread, const char *name)
{
	if (strlen(name) >= THREAD_NAME)
		return ERANGE;
	if (!of(thread)->thread)
		return ESRCH;
	thread_rename(of(thread)->thread, name);
	return 0;
}

int pthread_getname_np(pthread_t thread, char *name, size_t size)
{
	if (!of(thread)->thread)
		return ESRCH;
	return strlcpy(name, thread_name(of(thread)->thread), size) < size ? 0 : ERANGE;
}

/* Also gives the devices a turn: a loop around it does not starve the network. */
int sched_yield(void)
{
	thread_yield();
	return 0;
}

int pthread_yield(void)
{
	return sched_yield();
}

void pthread_cleanup_enter(struct pthread_cleanup *c)
{
	struct pthread *p = pthread_current();

	if (!p)
		log_panic("pthread: no memory for a cleanup handler");
	c->next = p->cleanup;
	p->cleanup = c;
}

void pthread_cleanup_leave(struct pthread_cleanup *c, int execute)
{
	pthread_current()->cleanup = c->next;
	if (execute)
		c->fn(c->arg);
}

int pthread_getcpuclockid(pthread_t thread, clockid_t *clock)
{
	(void)thread;
	*clock = CLOCK_THREAD_CPUTIME_ID;
	return 0;
}

/*
 * Policies are accepted and have no effect: threads run in the order in which they became runnable.
 */
int pthread_setschedparam(pthread_t thread, int policy, const struct sched_param *param)
{
	(void)thread;
	(void)param;
	return policy == SCHED_OTHER || policy == SCHED_FIFO || policy == SCHED_RR ? 0 : EINVAL;
}

int pthread_getschedparam(pthread_t thread, int *policy, struct sched_param *param)
{
	(void)thread;
	*policy = SCHED_OTHER;
	param->sched_priority = 0;
	return 0;
}

int pthread_setconcurrency(int level)
{
	return level < 0 ? EINVAL : 0;
}

int pthread_getconcurrency(void)
{
	return 0;
}

/* ---- Cancellation: there is none ---- */

int pthread_cancel(pthread_t thread)
{
	(void)thread;
	return ENOSYS;
}

int pthread_setcancelstate(int state, int *old)
{
	if (old)
		*old = PTHREAD_CANCEL_DISABLE;
	return state == PTHREAD_CANCEL_ENABLE || state == PTHREAD_CANCEL_DISABLE ? 0 : EINVAL;
}

int pthread_setcanceltype(int type, int *old)
{
	if (old)
		*old = PTHREAD_CANCEL_DEFERRED;
	return type == PTHREAD_CANCEL_DEFERRED || type == PTHREAD_CANCEL_ASYNCHRONOUS ? 0 : EINVAL;
}

void pthread_testcancel(void)
{
}
