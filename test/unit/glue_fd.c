/* SPDX-License-Identifier: MIT */
/*
 * libc-glue/fd.c: random calls against a model of the table, closing under running calls, watches, no memory.
 */
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>

#include "core/plat.h"
#include "libc-glue/fd.h"
#include "test/fake/boot.h"
#include "test/fake/fake.h"
#include "test/tap.h"

#define NUMBERS 300
#define FILES 40

struct thing {
	struct fd_file file;
	unsigned closed;
	unsigned events;
};

static void thing_close(struct fd_file *f)
{
	((struct thing *)f)->closed++;
}

static unsigned thing_ready(struct fd_file *f)
{
	return ((struct thing *)f)->events;
}

static const struct fd_ops ops = { .close = thing_close, .ready = thing_ready };

static uint64_t seed;

static unsigned next(unsigned below)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(seed >> 33) % below;
}

static void init(struct thing *t)
{
	memset(t, 0, sizeof *t);
	fd_init(&t->file, &ops, 0);
}

/* ---- Random calls ---- */

static struct thing thing[FILES];
static int model[NUMBERS]; /* the file's number plus 1, 0: free */

static int lowest(int from)
{
	while (from < NUMBERS && model[from])
		from++;
	return from;
}

/* Whether a file is closed just when nothing names it. */
static unsigned check_files(void)
{
	unsigned i, bad = 0;
	int fd;

	for (i = 0; i < FILES; i++) {
		unsigned named = 0;

		for (fd = 0; fd < NUMBERS; fd++)
			named += model[fd] == (int)i + 1;
		bad += thing[i].file.fds != named || thing[i].file.refs != named || (named && thing[i].closed);
	}
	return bad;
}

static unsigned step(void)
{
	unsigned i = next(FILES), bad = 0;
	int fd = (int)next(NUMBERS), from = next(4) ? 0 : (int)next(100), want = lowest(from);

	switch (next(4)) {
	case 0: /* a new descriptor */
		if (!thing[i].file.refs)
			init(&thing[i]);
		if (want >= NUMBERS)
			return 0;
		bad = fd_install(&thing[i].file, from, false) != want;
		model[want] = (int)i + 1;
		break;
	case 1: /* over another one */
		if (!thing[i].file.refs)
			init(&thing[i]);
		bad = fd_replace(&thing[i].file, fd, true) != fd;
		model[fd] = (int)i + 1;
		bad += fd_cloexec(fd, -1) != 1;
		break;
	default: /* away */
		bad = fd_remove(fd) != (model[fd] ? 0 : -EBADF);
		model[fd] = 0;
	}
	return bad;
}

static void test_random(void)
{
	unsigned i, bad = 0;

	for (i = 0; i < 20000; i++) {
		bad += step();
		if (i % 100 == 0)
			bad += check_files();
	}
	is(bad, 0, "20,000 random calls do what the model does");
	for (i = 0; i < NUMBERS; i++)
		fd_remove((int)i);
	memset(model, 0, sizeof model);
	is(check_files(), 0, "and at the end all is closed");
}

static void test_numbers(void)
{
	static struct thing t;

	init(&t);
	ok(!fd_get(-1) && !fd_get(0) && !fd_get(FD_MAX) && !fd_get(INT32_MAX), "numbers that are not there");
	is(fd_replace(&t.file, FD_MAX, false), -EBADF, "dup2 beyond the table");
	is(fd_replace(&t.file, -1, false), -EBADF, "and before it");
	is(fd_install(&t.file, FD_MAX - 1, false), FD_MAX - 1, "the last number can be had");
	is(fd_dup(&t.file, FD_MAX - 1, false), -EMFILE, "once");
	is(t.closed, 0, "which does not close the file");
	fd_remove(FD_MAX - 1);
	is(t.closed, 1, "its last descriptor does");
	init(&t);
	t.file.refs = 0;
	is(fd_install(&t.file, FD_MAX, false), -EMFILE, "no number at all");
	is(t.closed, 1, "closes a file that nobody has");
}

static void test_full(void)
{
	static struct thing t;
	int i, bad = 0;

	init(&t);
	for (i = 0; i < FD_MAX; i++)
		bad += fd_install(&t.file, 0, false) != i;
	is(bad, 0, "65,536 descriptors");
	is(fd_dup(&t.file, 0, false), -EMFILE, "are all there are");
	fd_remove(12345);
	is(fd_dup(&t.file, 0, false), 12345, "the one that is closed comes back");
	for (i = 0; i < FD_MAX; i++)
		fd_remove(i);
	is(t.closed, 1, "all closed");
}

/* ---- References ---- */

static void test_running(void)
{
	static struct thing t;
	struct fd_file *f;
	int fd;

	init(&t);
	fd = fd_install(&t.file, 0, false);
	f = fd_get(fd);
	ok(f == &t.file, "a call has its file");
	fd_remove(fd);
	is(t.closed, 0, "which stays while the call runs");
	ok(!fd_get(fd), "though the number is gone");
	fd_put(f);
	is(t.closed, 1, "and goes then");
}

/* ---- Watches ---- */

static unsigned count(const struct fd_waiter *w)
{
	const struct list *node;
	unsigned n = 0;

	for (node = w->ready.next; node != &w->ready; node = node->next)
		n++;
	return n;
}

static void test_watches(void)
{
	static struct thing a, b, inner;
	struct fd_waiter waiter, outer;
	struct fd_watch wa, wb, we;
	int fa, fb, copy;

	init(&a);
	init(&b);
	init(&inner);
	fa = fd_install(&a.file, 0, false);
	fb = fd_install(&b.file, 0, false);
	copy = fd_dup(&a.file, 0, false);
	fd_install(&inner.file, 0, false);
	fd_waiter_init(&waiter, &inner.file);
	fd_waiter_init(&outer, NULL);
	fd_watch(&wa, &waiter, &a.file, POLLIN);
	fd_watch(&wb, &waiter, &b.file, POLLOUT);
	fd_watch(&we, &outer, &inner.file, POLLIN);
	fd_notify(&a.file, POLLOUT);
	is(count(&waiter), 0, "what nobody asked for wakes nobody");
	fd_notify(&a.file, POLLIN);
	fd_notify(&a.file, POLLIN);
	is(count(&waiter), 1, "what somebody asked for is told once");
	is(count(&outer), 1, "and goes up to who watches the waiter");
	fd_notify(&b.file, POLLHUP);
	is(count(&waiter), 2, "the end is told to everybody");
	wb.events = 0;
	list_remove(&wb.of_ready);
	fd_notify(&b.file, POLLHUP | POLLIN);
	is(count(&waiter), 1, "but not to a watch that is switched off");
	fd_remove(fa);
	ok(wa.file == &a.file, "closing one of two descriptors keeps the watch");
	list_remove(&wa.of_ready);
	fd_remove(copy);
	ok(wa.file == NULL && count(&waiter) == 1, "closing the last one ends it and says so");
	fd_unwatch(&wa);
	fd_unwatch(&wa);
	fd_unwatch(&wb);
	is(count(&waiter), 0, "a watch can be ended twice");
	ok(list_empty(&b.file.watches), "and leaves its file");
	fd_remove(fb);
	is(fd_ready(&inner.file), 0, "ready asks the kind");
	fd_unwatch(&we);
}

int main(void)
{
	fake_boot();
	seed = fake.seed;
	tap_diag("PITH_SEED=%llu", (unsigned long long)seed);
	test_random();
	test_numbers();
	test_full();
	test_running();
	test_watches();
	return tap_done();
}
