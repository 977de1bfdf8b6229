/* SPDX-License-Identifier: MIT */
/*
 * Queues of waiting threads, first come first woken. Mutexes, conditions and sockets are made of these.
 *
 * A waiter stands on the stack of the thread that waits, so waiting never allocates. It is on the
 * queue exactly as long as nobody has woken it and it has not given up: whoever takes it off says so in `woken`.
 */
#include "core/core.h"
#include "core/err.h"

struct waiter {
	struct list node;
	struct thread *thread;
	bool woken;
};

void waitq_init(struct waitq *q)
{
	list_init(&q->waiters);
}

int waitq_wait(struct waitq *q, uint64_t deadline)
{
	struct waiter w = { .thread = thread_self() };

	list_append(&q->waiters, &w.node);
	/* thread_wake() may end a pause too. That one is for thread_block(), which will see it: here it is no reason to return. */
	do
		thread_pause(deadline);
	while (!w.woken && !thread_passed(deadline));
	/* A wake-up wins over a deadline that passed as well: whoever woke us has counted it as taken. */
	if (w.woken)
		return 0;
	list_remove(&w.node);
	return -ERR_TIMEDOUT;
}

unsigned waitq_wake(struct waitq *q, unsigned max)
{
	unsigned n = 0;
	struct list *node;

	while (n < max && (node = list_take(&q->waiters)) != NULL) {
		struct waiter *w = container_of(node, struct waiter, node);

		w->woken = true;
		thread_ready(w->thread);
		n++;
	}
	return n;
}
