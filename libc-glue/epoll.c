/* SPDX-License-Identifier: MIT */
#include <errno.h>

/*
 * epoll: waiting on many files, in time that depends on how many are ready and not on how many
 * there are.
 *
 * Each file in the set has a watch (glue.h) for as long as it is there. A change puts the watch on
 * the set's ready list; epoll_wait() goes through that list alone, asks each file what is true now,
 * and reports that. What is reported by level stays on the list, and drops off when a later look
 * finds it no longer ready; what is by edge (EPOLLET) leaves it at once.
 *
 * Linux knows an entry by number and file: a number that was closed and given out again is another
 * entry, while a file that lives on through dup() keeps its entry. So the entries of one number are
 * a list.
 */

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "libc-glue/glue.h"
#include "libc-glue/poll.h"

#define FLAGS (EPOLLET | EPOLLONESHOT | EPOLLEXCLUSIVE)
#define ALWAYS (EPOLLERR | EPOLLHUP)

struct item {
	struct fd_watch watch;
	struct item *next; /* of the same number */
	int fd;
	bool off;          /* EPOLLONESHOT, and it has been reported */
	struct epoll_event event;
};

struct epoll {
	struct fd_file file;
	struct fd_waiter waiter;
	struct item **slots; /* by number */
	int size;
	unsigned epolls;     /* how many of the items are epolls themselves */
};

static const struct fd_ops ops;

static struct epoll *epoll_of(struct fd_file *f)
{
	return f && f->ops == &ops ? container_of(f, struct epoll, file) : NULL;
}

/* ---- Entries ---- */

/* By number and by file: see above. */
static struct item *find(const struct epoll *ep, int fd, const struct fd_file *f)
{
	struct item *item = fd < ep->size ? ep->slots[fd] : NULL;

	while (item && item->watch.file != f)
		item = item->next;
	return item;
}

/* Also off the ready list, so that nobody can report what is freed. */
static void remove_item(struct epoll *ep, struct item *item)
{
	struct item **link = &ep->slots[item->fd];

	while (*link != item)
		link = &(*link)->next;
	*link = item->next;
	if (epoll_of(item->watch.file))
		ep->epolls--;
	fd_unwatch(&item->watch);
	free(item);
}

/*
 * Doubling: numbers are the lowest free ones, so the array is as long as the most that were open.
 */
static bool grow(struct epoll *ep, int fd)
{
	int size = ep->size ? ep->size : 16;
	struct item **slots;

	if (fd < ep->size)
		return true;
	while (size <= fd)
		size *= 2;
	slots = realloc(ep->slots, (size_t)size * sizeof *slots);
	if (!slots)
		return false;
	memset(slots + ep->size, 0, (size_t)(size - ep->size) * sizeof *slots);
	ep->slots = slots;
	ep->size = size;
	return true;
}

/* What is true now, not what was told: a change may have been undone since. */
static unsigned ready_for(const struct item *item)
{
	unsigned wanted = (item->event.events & ~(unsigned)FLAGS) | ALWAYS;
	unsigned ready;

	if (item->off || !item->watch.file)
		return 0;
	ready = fd_ready(item->watch.file);
	ready |= (ready & EPOLLIN ? (unsigned)EPOLLRDNORM : 0) | (ready & EPOLLOUT ? (unsigned)EPOLLWRNORM : 0);
	return ready & wanted;
}

/* What fd.c shall tell about: the names by which files know it. */
static unsigned told_events(unsigned events)
{
	unsigned e = (events & ~(unsigned)FLAGS) | ALWAYS;

	return e | (e & EPOLLRDNORM ? (unsigned)EPOLLIN : 0) | (e & EPOLLWRNORM ? (unsigned)EPOLLOUT : 0);
}

/* The entry is new or has changed: what is ready by now is found by the next wait. */
static void check(struct epoll *ep, struct item *item)
{
	if (!ready_for(item) || !list_empty(&item->watch.of_ready))
		return;
	list_append(&ep->waiter.ready, &item->watch.of_ready);
	waitq_wake(&ep->waiter.wait, 1);
	fd_notify(&ep->file, EPOLLIN);
}

/* ---- The file ---- */

static unsigned op_ready(struct fd_file *f)
{
	struct epoll *ep = container_of(f, struct epoll, file);

	for (struct list *node = ep->waiter.ready.next; node != &ep->waiter.ready; node = node->next)
		if (ready_for(container_of(node, struct item, watch.of_ready)))
			return EPOLLIN;
	return 0;
}

static void op_close(struct fd_file *f)
{
	struct epoll *ep = container_of(f, struct epoll, file);

	for (int fd = 0; fd < ep->size; fd++)
		while (ep->slots[fd])
			remove_item(ep, ep->slots[fd]);
	free(ep->slots);
	free(ep);
}

static const struct fd_ops ops = { .ready = op_ready, .close = op_close };

int epoll_make(int flags)
{
	struct epoll *ep;

	if (flags & ~EPOLL_CLOEXEC)
		return -EINVAL;
	ep = calloc(1, sizeof *ep);
	if (!ep)
		return -ENOMEM;
	fd_init(&ep->file, &ops, O_RDWR);
	fd_waiter_init(&ep->waiter, &ep->file);
	return fd_install(&ep->file, 0, flags & EPOLL_CLOEXEC);
}

/* ---- epoll_ctl ---- */

/* An epoll in an epoll: one level, so that no ring can come about. */
static bool may_nest(const struct epoll *ep, struct fd_file *f)
{
	const struct epoll *inner = epoll_of(f);

	return !inner || (inner != ep && inner->epolls == 0 && list_empty(&ep->file.watches));
}

static int add(struct epoll *ep, int fd, struct fd_file *f, const struct epoll_event *event)
{
	struct item *item;

	if (!may_nest(ep, f))
		return -ELOOP;
	item = grow(ep, fd) ? calloc(1, sizeof *item) : NULL;
	if (!item)
		return -ENOMEM;
	item->fd = fd;
	item->event = *event;
	item->next = ep->slots[fd];
	ep->slots[fd] = item;
	ep->epolls += epoll_of(f) != NULL;
	fd_watch(&item->watch, &ep->waiter, f, told_events(event->events));
	check(ep, item);
	return 0;
}

/* A one-shot entry is armed again by this, even if nothing else changes (epoll_ctl(2)). */
static int modify(struct epoll *ep, struct item *item, const struct epoll_event *event)
{
	if ((event->events | item->event.events) & EPOLLEXCLUSIVE) /* Linux: only when it is added */
		return -EINVAL;
	item->event = *event;
	item->off = false;
	item->watch.events = told_events(event->events);
	check(ep, item);
	return 0;
}

static int change(struct epoll *ep, int op, int fd, struct fd_file *f, struct epoll_event *event)
{
	struct item *item = find(ep, fd, f);

	if (op != EPOLL_CTL_DEL && !event)
		return -EFAULT;
	if (!f->ops->ready) /* always ready: files of the archive, disks */
		return -EPERM;
	switch (op) {
	case EPOLL_CTL_ADD:
		return item ? -EEXIST : add(ep, fd, f, event);
	case EPOLL_CTL_MOD:
		return item ? modify(ep, item, event) : -ENOENT;
	case EPOLL_CTL_DEL:
		if (item)
			remove_item(ep, item);
		return item ? 0 : -ENOENT;
	default:
		return -EINVAL;
	}
}

/* The order of the checks is Linux's: EBADF for either number comes before EINVAL. */
int epoll_change(int epfd, int op, int fd, struct epoll_event *event)
{
	struct fd_file *self = fd_get(epfd), *f = fd_get(fd);
	int rc;

	if (!self || !f)
		rc = -EBADF;
	else if (!epoll_of(self) || self == f)
		rc = -EINVAL;
	else
		rc = change(epoll_of(self), op, fd, f, event);
	if (f)
		fd_put(f);
	if (self)
		fd_put(self);
	return rc;
}

/* ---- epoll_wait ---- */

/* Reports one entry, which is off the ready list, if it is still ready. */
static bool report(struct item *item, struct epoll_event *to, struct list *level)
{
	unsigned ready = ready_for(item);

	if (!ready)
		return false;
	to->events = ready;
	to->data = item->event.data;
	if (item->event.events & EPOLLONESHOT)
		item->off = true;
	else if (!(item->event.events & EPOLLET))
		list_append(level, &item->watch.of_ready);
	return true;
}

static int collect(struct epoll *ep, struct epoll_event *v, int max)
{
	struct list level = LIST_INIT(level), *node;
	int n = 0;

	while (n < max && (node = list_take(&ep->waiter.ready)) != NULL) {
		struct item *item = container_of(node, struct item, watch.of_ready);

		if (!item->watch.file) /* its last descriptor was closed */
			remove_item(ep, item);
		else
			n += report(item, &v[n], &level);
	}
	/* Behind those that had no place this time: nobody is passed over for ever. */
	while ((node = list_take(&level)) != NULL)
		list_append(&ep->waiter.ready, node);
	return n;
}

/* A wake-up may find nothing: another thread on the same set was quicker. Then the wait goes on. */
static int wait(struct epoll *ep, struct epoll_event *v, int max, uint64_t deadline)
{
	int n = collect(ep, v, max), rc = 0;

	if (n == 0 && deadline == 0) {
		thread_yield(); /* as poll() does */
		return collect(ep, v, max);
	}
	while (n == 0 && rc == 0) {
		rc = signal_wait(&ep->waiter.wait, deadline);
		n = collect(ep, v, max);
	}
	return n > 0 || rc == -ERR_TIMEDOUT ? n : rc;
}

int epoll_collect(int epfd, struct epoll_event *v, int max, uint64_t deadline)
{
	struct fd_file *f;
	int rc;

	poll_begin();
	f = fd_get(epfd);
	if (!f)
		return -EBADF;
	if (!epoll_of(f) || max <= 0)
		rc = -EINVAL;
	else
		rc = wait(epoll_of(f), v, max, deadline);
	fd_put(f);
	return rc > 0 ? poll_end(rc) : rc;
}
