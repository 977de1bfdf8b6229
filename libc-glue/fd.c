/* SPDX-License-Identifier: MIT */
#include "libc-glue/fd.h"

/*
 * The table of descriptors, and who waits for what stands behind them.
 *
 * A file counts two things: its descriptors, and besides these the calls that are running on it.
 * The first tells when nobody can name it any more (its watches end then), the second when it can
 * go. So close() never pulls a file from under a thread that is blocked in read(), as POSIX allows
 * and threads expect. Free numbers are found in a bitmap, 64 at a time: a server with 10,000
 * connections gets its lowest free number in some hundred steps at worst.
 */

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#define FD_FIRST 64 /* size of the table at the start, without malloc() */
#define WORD_BITS 64

struct slot {
	struct fd_file *file;
	bool cloexec;
};

static struct slot first_slots[FD_FIRST];
static uint64_t first_map[FD_FIRST / WORD_BITS];
/* The table grows by doubling and never shrinks: its size follows the most that were ever open. */
static struct slot *slots = first_slots;
static uint64_t *map = first_map; /* a set bit: the number is taken */
static int size = FD_FIRST;

/* ---- Files ---- */

/* No reference yet: fd_install() brings the first, and takes care of the file if it cannot. */
void fd_init(struct fd_file *f, const struct fd_ops *ops, int flags)
{
	memset(f, 0, sizeof *f);
	f->ops = ops;
	f->flags = flags;
	waitq_init(&f->movers);
	list_init(&f->watches);
}

/* The last anybody sees of f. */
static void file_close(struct fd_file *f)
{
	if (f->ops->close)
		f->ops->close(f);
}

/* The hot one: every read and write comes through here. */
struct fd_file *fd_get(int fd)
{
	struct fd_file *f = fd >= 0 && fd < size ? slots[fd].file : NULL;

	if (f)
		f->refs++;
	return f;
}

void fd_put(struct fd_file *f)
{
	if (--f->refs == 0)
		file_close(f);
}

/*
 * What has no idea of readiness never lets anybody wait: regular files and disks, as poll() has it
 * in POSIX.
 */
unsigned fd_ready(struct fd_file *f)
{
	return f->ops->ready ? f->ops->ready(f) : POLLIN | POLLOUT;
}

/* ---- The table ---- */

/* The lowest free number from `from` on, size when all are taken. */
static int find_free(int from)
{
	int i;

	for (i = from / WORD_BITS; i < size / WORD_BITS; i++) {
		uint64_t used = map[i];

		if (i == from / WORD_BITS)
			used |= ((uint64_t)1 << from % WORD_BITS) - 1;
		if (~used)
			return i * WORD_BITS + __builtin_ctzll(~used);
	}
	return size > from ? size : from;
}

/* Makes room for number fd. */
static int grow(int fd)
{
	int want = size;
	struct slot *s;
	uint64_t *m;

	if (fd >= FD_MAX)
		return -EMFILE;
	while (want <= fd)
		want *= 2;
	s = calloc((size_t)want, sizeof *s);
	m = calloc((size_t)want / WORD_BITS, sizeof *m);
	if (!s || !m) {
		free(s);
		free(m);
		return -ENOMEM;
	}
	memcpy(s, slots, (size_t)size * sizeof *s);
	memcpy(m, map, (size_t)size / WORD_BITS * sizeof *m);
	if (slots != first_slots) {
		free(slots);
		free(map);
	}
	slots = s;
	map = m;
	size = want;
	return 0;
}

/* The slot is free, or what was in it is taken care of by the caller. */
static void put_in(int fd, struct fd_file *f, bool cloexec)
{
	slots[fd] = (struct slot){ f, cloexec };
	map[fd / WORD_BITS] |= (uint64_t)1 << fd % WORD_BITS;
	f->refs++;
	f->fds++;
}

int fd_dup(struct fd_file *f, int from, bool cloexec)
{
	int fd = find_free(from);
	int rc = fd < size ? 0 : grow(fd);

	if (rc)
		return rc;
	put_in(fd, f, cloexec);
	return fd;
}

/*
 * Some files live without descriptors, the console for one: they have a reference of their own and
 * stay.
 */
int fd_install(struct fd_file *f, int from, bool cloexec)
{
	int fd = fd_dup(f, from, cloexec);

	if (fd < 0 && f->refs == 0)
		file_close(f);
	return fd;
}

/* Nobody can name f any more: whoever watches it finds the watch on its ready list with no file. */
static void orphan(struct fd_file *f)
{
	struct list *node;

	while ((node = list_take(&f->watches)) != NULL) {
		struct fd_watch *w = container_of(node, struct fd_watch, of_file);

		w->file = NULL;
		list_remove(&w->of_ready);
		list_append(&w->waiter->ready, &w->of_ready);
		waitq_wake(&w->waiter->wait, UINT32_MAX);
	}
}

/* One descriptor of f is gone. */
static void forget(struct fd_file *f)
{
	if (--f->fds == 0)
		orphan(f);
	fd_put(f);
}

/*
 * The number is free before anything else happens, so that a close() which calls out finds the
 * table in order.
 */
int fd_remove(int fd)
{
	struct fd_file *f = fd >= 0 && fd < size ? slots[fd].file : NULL;

	if (!f)
		return -EBADF;
	slots[fd].file = NULL;
	map[fd / WORD_BITS] &= ~((uint64_t)1 << fd % WORD_BITS);
	forget(f);
	return 0;
}

int fd_replace(struct fd_file *f, int fd, bool cloexec)
{
	struct fd_file *old;
	int rc;

	if (fd < 0 || fd >= FD_MAX)
		return -EBADF;
	rc = fd < size ? 0 : grow(fd);
	if (rc)
		return rc;
	old = slots[fd].file;
	put_in(fd, f, cloexec);
	if (old) /* only now: it may be f */
		forget(old);
	return fd;
}

int fd_cloexec(int fd, int set)
{
	if (fd < 0 || fd >= size || !slots[fd].file)
		return -EBADF;
	if (set >= 0)
		slots[fd].cloexec = set;
	return slots[fd].cloexec;
}

/* ---- Watches ---- */

void fd_waiter_init(struct fd_waiter *waiter, struct fd_file *file)
{
	list_init(&waiter->ready);
	waitq_init(&waiter->wait);
	waiter->file = file;
}

/* At the end of the list: fd_notify() may be on its way through it. */
void fd_watch(struct fd_watch *w, struct fd_waiter *waiter, struct fd_file *f, unsigned events)
{
	list_init(&w->of_ready);
	w->waiter = waiter;
	w->file = f;
	w->events = events;
	list_append(&f->watches, &w->of_file);
}

/* Twice does no harm, nor after the file has gone. */
void fd_unwatch(struct fd_watch *w)
{
	if (w->file)
		list_remove(&w->of_file);
	list_remove(&w->of_ready);
	w->file = NULL;
}

/* Goes up through epolls that watch epolls; poll.c refuses to make a ring of them. */
void fd_notify(struct fd_file *f, unsigned events)
{
	struct list *node;

	for (node = f->watches.next; node != &f->watches; node = node->next) {
		struct fd_watch *w = container_of(node, struct fd_watch, of_file);

		if (!w->events || !((w->events | POLLERR | POLLHUP) & events))
			continue;
		if (list_empty(&w->of_ready))
			list_append(&w->waiter->ready, &w->of_ready);
		waitq_wake(&w->waiter->wait, UINT32_MAX);
		if (w->waiter->file)
			fd_notify(w->waiter->file, POLLIN);
	}
}
