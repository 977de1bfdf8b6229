/* SPDX-License-Identifier: MIT */
#include <aio.h>

/*
 * Asynchronous input and output: a few threads that make the blocking calls.
 *
 * Each request in flight needs a thread, and with threads as cheap as here that is all it takes:
 * the disk sees as many requests at once as there are workers. Workers come when there is work and
 * go after a second without. aio_fsync() waits until everything that was begun on its descriptor
 * before it is done.
 */

#include <errno.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

#include "core/plat.h"
#include "libc-glue/clock.h"
#include "libc-glue/glue.h"
#include "libc-glue/signal.h"

#define WORKERS_MAX 32u
#define WORKER_STACK 16384u
#define IDLE_NS 1000000000u

enum { OP_READ, OP_WRITE, OP_SYNC };

/* What lio_listio() wants to be told when all of it is done. */
struct aio_list {
	unsigned left;
	struct sigevent event;
};

/* Requests that nobody has begun, in order; queue_end is where the next one is hung in. */
static struct aiocb *queue, **queue_end = &queue;
static struct aiocb *running[WORKERS_MAX];
static unsigned workers, idle;
static struct waitq work = WAITQ_INIT(work);
static struct waitq progress = WAITQ_INIT(progress); /* something was finished */

/* ---- Telling ---- */

/* SIGEV_THREAD runs in the worker: it is a thread, and has nothing else to do. */
static void tell(const struct sigevent *e)
{
	if (e->sigev_notify == SIGEV_SIGNAL)
		signal_post(e->sigev_signo);
	else if (e->sigev_notify == SIGEV_THREAD && e->sigev_notify_function)
		e->sigev_notify_function(e->sigev_value);
}

/* From the moment the status is set the caller may free cb. */
static void finish(struct aiocb *cb, ssize_t result, int status)
{
	struct sigevent event = cb->aio_sigevent;
	struct aio_list *group = cb->aio_group;

	cb->aio_result = result;
	cb->aio_status = status;
	waitq_wake(&progress, UINT32_MAX);
	tell(&event);
	if (group && --group->left == 0) {
		tell(&group->event);
		free(group);
	}
}

/* ---- Workers ---- */

/* Whether a read or write of this descriptor is under way. */
static bool runs_on(int fd)
{
	unsigned i;

	for (i = 0; i < WORKERS_MAX; i++)
		if (running[i] && running[i]->aio_fildes == fd && running[i]->aio_op != OP_SYNC)
			return true;
	return false;
}

/*
 * Positions do not matter where there are none: a socket or a pipe takes them in the order in which
 * they run.
 */
static ssize_t transfer(const struct aiocb *cb)
{
	struct iovec v = { (void *)(uintptr_t)cb->aio_buf, cb->aio_nbytes };
	bool reading = cb->aio_op == OP_READ;
	ssize_t n = reading ? preadv(cb->aio_fildes, &v, 1, cb->aio_offset) :
		pwritev(cb->aio_fildes, &v, 1, cb->aio_offset);

	if (n < 0 && errno == ESPIPE)
		n = reading ? readv(cb->aio_fildes, &v, 1) : writev(cb->aio_fildes, &v, 1);
	return n;
}

/* The queue is in order, so all that was begun before a sync is done or running. */
static ssize_t perform(const struct aiocb *cb)
{
	if (cb->aio_op != OP_SYNC)
		return transfer(cb);
	while (runs_on(cb->aio_fildes))
		waitq_wait(&progress, PLAT_FOREVER);
	return fsync(cb->aio_fildes);
}

/* The first in the queue, which then belongs to the worker. */
static struct aiocb *take(void)
{
	struct aiocb *cb = queue;

	if (!cb)
		return NULL;
	queue = cb->aio_next;
	if (!queue)
		queue_end = &queue;
	return cb;
}

/*
 * There is a slot for every worker. It is emptied before the result is told: from then on cb is the
 * caller's.
 */
static void run_one(struct aiocb *cb)
{
	unsigned slot = 0;
	ssize_t n;
	int error;

	while (running[slot])
		slot++;
	running[slot] = cb;
	n = perform(cb);
	error = n < 0 ? errno : 0;
	running[slot] = NULL;
	finish(cb, n, error);
}

/*
 * A worker. One that is woken may find that another has taken the work: it then waits for the next.
 * It ends when a second went by without any, and its stack goes back.
 */
static void serve(void *arg)
{
	struct aiocb *cb;
	int rc = 0;

	(void)arg;
	while (!rc) {
		while ((cb = take()) != NULL)
			run_one(cb);
		idle++;
		rc = waitq_wait(&work, plat_now() + IDLE_NS);
		idle--;
	}
	workers--;
}

/* Returns 0, or -EAGAIN when there is nobody who could do it. */
static int start(struct aiocb *cb, int op)
{
	struct thread *t = NULL;

	if (!idle && workers < WORKERS_MAX)
		t = reent_thread("aio", serve, NULL, WORKER_STACK);
	if (t) {
		thread_detach(t);
		workers++;
	}
	if (!workers)
		return -EAGAIN;
	cb->aio_op = op;
	cb->aio_status = EINPROGRESS;
	cb->aio_next = NULL;
	*queue_end = cb;
	queue_end = &cb->aio_next;
	waitq_wake(&work, 1);
	return 0;
}

/* What can be known now is told now; the rest by aio_error(). */
static int start_alone(struct aiocb *cb, int op)
{
	struct fd_file *f = fd_get(cb->aio_fildes);

	if (!f)
		return (int)fd_result(-EBADF);
	fd_put(f);
	if (op != OP_SYNC && cb->aio_offset < 0)
		return (int)fd_result(-EINVAL);
	cb->aio_group = NULL;
	return (int)fd_result(start(cb, op));
}

/* ---- The calls ---- */

int aio_read(struct aiocb *cb)
{
	return start_alone(cb, OP_READ);
}

int aio_write(struct aiocb *cb)
{
	return start_alone(cb, OP_WRITE);
}

/* O_DSYNC is the same thing here. */
int aio_fsync(int op, struct aiocb *cb)
{
	if (op != O_SYNC && op != O_DSYNC)
		return (int)fd_result(-EINVAL);
	return start_alone(cb, OP_SYNC);
}

int aio_error(const struct aiocb *cb)
{
	return cb->aio_status;
}

/* May be asked once by POSIX; here as often as one likes. */
ssize_t aio_return(struct aiocb *cb)
{
	return fd_result(cb->aio_status ? -cb->aio_status : cb->aio_result);
}

static bool any_done(const struct aiocb *const list[], int n)
{
	int i;

	for (i = 0; i < n; i++)
		if (list[i] && list[i]->aio_status != EINPROGRESS)
			return true;
	return false;
}

/*
 * Every completion wakes all who wait; each looks at its own list. Entries that are NULL are
 * skipped.
 */
int aio_suspend(const struct aiocb *const list[], int n, const struct timespec *timeout)
{
	uint64_t deadline = timeout ? time_after(timeout) : PLAT_FOREVER;
	int rc = 0;

	while (!any_done(list, n) && !rc)
		rc = signal_wait(&progress, deadline);
	return (int)fd_result(rc == -ETIMEDOUT ? -EAGAIN : rc);
}

/* Takes what has not begun out of the queue: all of a descriptor's, or one. */
int aio_cancel(int fd, struct aiocb *cb)
{
	struct aiocb **p = &queue, *at;
	int rc = AIO_ALLDONE;

	while ((at = *p) != NULL) {
		if (at->aio_fildes != fd || (cb && at != cb)) {
			p = &at->aio_next;
			continue;
		}
		*p = at->aio_next;
		if (!*p)
			queue_end = p;
		finish(at, -1, ECANCELED);
		rc = AIO_CANCELED;
	}
	if (rc == AIO_ALLDONE && (cb ? cb->aio_status == EINPROGRESS : runs_on(fd)))
		rc = AIO_NOTCANCELED;
	return rc;
}

static bool all_done(struct aiocb *const list[], int n)
{
	int i;

	for (i = 0; i < n; i++)
		if (list[i] && list[i]->aio_lio_opcode != LIO_NOP && list[i]->aio_status == EINPROGRESS)
			return false;
	return true;
}

/* Waits for all of the list. -EIO when one of them failed. */
static int wait_for_all(struct aiocb *const list[], int n)
{
	int i, rc = 0;

	while (!all_done(list, n) && !rc)
		rc = signal_wait(&progress, PLAT_FOREVER);
	for (i = 0; i < n && !rc; i++)
		if (list[i] && list[i]->aio_lio_opcode != LIO_NOP && list[i]->aio_status)
			rc = -EIO;
	return rc;
}

/* Begins one of a list; why it could not be is its status too. */
static int start_listed(struct aiocb *cb, struct aio_list *group)
{
	int rc = -EINVAL;

	cb->aio_group = group;
	group->left++;
	if (cb->aio_lio_opcode == LIO_READ || cb->aio_lio_opcode == LIO_WRITE)
		rc = start(cb, cb->aio_lio_opcode == LIO_READ ? OP_READ : OP_WRITE);
	if (rc) {
		cb->aio_status = -rc;
		cb->aio_result = -1;
		group->left--;
	}
	return rc;
}

/*
 * Begins what the list says. -EAGAIN: there was nobody for some of it; -EIO: some of it is nothing that
 * can be done.
 */
static int start_list(struct aiocb *const list[], int n, struct aio_list *group)
{
	int i, one, rc = 0;

	for (i = 0; i < n; i++) {
		if (!list[i] || list[i]->aio_lio_opcode == LIO_NOP)
			continue;
		one = start_listed(list[i], group);
		if (one && rc != -EAGAIN)
			rc = one == -EAGAIN ? one : -EIO;
	}
	return rc;
}

/*
 * The group is freed by the last of its requests, or here when that came first. With LIO_WAIT the
 * list is waited for by looking at each of its requests, so the event is not needed.
 */
int lio_listio(int mode, struct aiocb *const list[], int n, struct sigevent *event)
{
	struct aio_list *group;
	int begun, rc = 0;

	if ((mode != LIO_WAIT && mode != LIO_NOWAIT) || n < 0)
		return (int)fd_result(-EINVAL);
	group = calloc(1, sizeof *group);
	if (!group)
		return (int)fd_result(-EAGAIN);
	if (event && mode == LIO_NOWAIT)
		group->event = *event;
	group->left = 1; /* ours, so that it is not told before the last one has begun */
	begun = start_list(list, n, group);
	if (--group->left == 0) {
		tell(&group->event);
		free(group);
	}
	if (mode == LIO_WAIT)
		rc = wait_for_all(list, n);
	return (int)fd_result(begun && rc != -EINTR ? begun : rc);
}
