/* SPDX-License-Identifier: MIT */
#include "core/core.h"

/*
 * Queues of waiting threads, first come first woken. Mutexes, conditions and sockets are made of
 * these.
 *
 * A waiter stands on the stack of the thread that waits, so waiting never allocates. It is on the
 * queue exactly as long as nobody has woken it and it has not given up: whoever takes it off says
 * so in `woken`.
 */

#include "core/err.h"

struct waiter {
	struct list node;
	struct thread *thread;
	bool woken; /* by waitq_wake(), which has also taken it off the queue */
};

void waitq_init(struct waitq *q)
{
	list_init(&q->waiters);
}

/*
 * Nothing runs between the caller's look at its condition and the pause, so whoever changes the
 * condition later finds the waiter on the queue: there is no gap for a wake-up to fall into.
 */
int waitq_wait(struct waitq *q, uint64_t deadline)
{
	struct waiter w = { .thread = thread_self() };

	list_append(&q->waiters, &w.node);
	/*
	 * thread_wake() may end a pause too. That wake-up is meant for a thread_block(), which will
	 * still see it: here it is no reason to return.
	 */
	do
		thread_pause(deadline);
	while (!w.woken && !thread_passed(deadline));
	/*
	 * A wake-up wins over a deadline that has passed as well: whoever woke us has counted it as
	 * taken, and would have woken somebody else instead.
	 */
	if (w.woken)
		return 0;
	/* The waiter's memory ends here, so it must not stay on the queue. */
	list_remove(&w.node);
	return -ERR_TIMEDOUT;
}

/*
 * Only makes threads ready: none runs before the caller blocks. So the waiters' stacks and the
 * queue stay as they are for the length of this loop, and who queues up again after waking is not
 * woken twice.
 */
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
