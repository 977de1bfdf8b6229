/* SPDX-License-Identifier: MIT */
/*
 * poll(), select() and epoll, over sockets and over files that the test makes ready itself.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "core/plat.h"
#include "libc-glue/fd.h"
#include "libc-glue/poll.h"
#include "libc-glue/sock.h"
#include "test/fake/boot.h"
#include "test/fake/fake.h"
#include "test/fake/netglue.h"
#include "test/tap.h"

#define MS 1000000ull

/* A file that is ready for what the test says; counts who asks. */
struct toy {
	struct fd_file file;
	unsigned events, asked;
};

static unsigned toy_ready(struct fd_file *f)
{
	struct toy *t = container_of(f, struct toy, file);

	t->asked++;
	return t->events;
}

static void toy_close(struct fd_file *f)
{
	free(container_of(f, struct toy, file));
}

static const struct fd_ops toy_ops = { .ready = toy_ready, .close = toy_close };
static const struct fd_ops plain_ops = { .close = toy_close };

static int new_toy(struct toy **t, const struct fd_ops *ops)
{
	*t = calloc(1, sizeof **t);
	fd_init(&(*t)->file, ops, O_RDWR);
	return fd_install(&(*t)->file, 0, false);
}

static void make_ready(struct toy *t, unsigned events)
{
	t->events |= events;
	fd_notify(&t->file, events);
}

static struct toy *later_toy;
static unsigned later_events;
static int later_fd;

static void make_ready_later(struct timer *timer)
{
	(void)timer;
	make_ready(later_toy, later_events);
}

static void in_ms(unsigned ms, struct toy *t, unsigned events)
{
	static struct timer timer;

	later_toy = t;
	later_events = events;
	timer_set(&timer, plat_now() + ms * MS, make_ready_later);
}

/* ---- poll ---- */

static void test_poll(void)
{
	struct toy *a, *b;
	int x = new_toy(&a, &toy_ops), y = new_toy(&b, &toy_ops), z = new_toy(&later_toy, &plain_ops);
	struct pollfd v[4] = { { x, POLLIN, 9 }, { y, POLLOUT | POLLWRNORM, 9 }, { -1, POLLIN, 9 }, { 777, POLLIN, 9 } };
	uint64_t start = plat_now();

	is(poll_wait(v, 3, 0), 0, "nothing is ready");
	is(v[0].revents | v[1].revents | v[2].revents, 0, "and says so");
	is(poll_wait(v, 4, PLAT_FOREVER), 1, "a number that is none is told at once");
	is(v[3].revents, POLLNVAL, "by POLLNVAL");
	is(poll_wait(v, 3, plat_now() + 50 * MS), 0, "a timeout");
	ok(plat_now() - start >= 50 * MS && plat_now() - start < 55 * MS, "in time");
	in_ms(10, b, POLLOUT);
	is(poll_wait(v, 3, PLAT_FOREVER), 1, "one becomes ready");
	is(v[1].revents, POLLOUT | POLLWRNORM, "with the names that were asked for");
	b->events = 0;
	in_ms(10, a, POLLOUT);
	is(poll_wait(v, 1, plat_now() + 30 * MS), 0, "for something else than was asked");
	in_ms(10, a, POLLHUP);
	is(poll_wait(v, 1, PLAT_FOREVER), 1, "POLLHUP is always told");
	v[0] = (struct pollfd){ z, POLLIN | POLLOUT, 0 };
	is(poll_wait(v, 1, PLAT_FOREVER), 1, "a file that never blocks is ready");
	is(v[0].revents, POLLIN | POLLOUT, "for both");
	is(poll_wait(NULL, 0, plat_now() + MS), 0, "waiting for nothing is sleeping");
	fd_remove(x);
	fd_remove(y);
	fd_remove(z);
}

static void test_many(void)
{
	struct pollfd v[100];
	struct toy *t[100];

	for (unsigned i = 0; i < 100; i++)
		v[i] = (struct pollfd){ new_toy(&t[i], &toy_ops), POLLIN, 0 };
	in_ms(5, t[99], POLLIN);
	is(poll_wait(v, 100, PLAT_FOREVER), 1, "one of a hundred");
	is(v[99].revents, POLLIN, "the last");
	for (unsigned i = 0; i < 100; i++)
		fd_remove(v[i].fd);
}

static void test_select(void)
{
	struct toy *a, *b;
	int x = new_toy(&a, &toy_ops), y = new_toy(&b, &toy_ops);
	fd_set in, out;

	FD_ZERO(&in);
	FD_ZERO(&out);
	FD_SET(x, &in);
	FD_SET(y, &in);
	FD_SET(y, &out);
	is(poll_select(y + 1, &in, &out, NULL, plat_now() + MS), 0, "select: a timeout");
	ok(!FD_ISSET(x, &in) && !FD_ISSET(y, &in) && !FD_ISSET(y, &out), "clears the sets");
	FD_SET(x, &in);
	FD_SET(y, &in);
	FD_SET(y, &out);
	in_ms(3, b, POLLIN | POLLOUT);
	is(poll_select(y + 1, &in, &out, NULL, PLAT_FOREVER), 2, "one file, two sets");
	ok(!FD_ISSET(x, &in) && FD_ISSET(y, &in) && FD_ISSET(y, &out), "sets are right");
	b->events = POLLERR;
	FD_SET(y, &in);
	is(poll_select(y + 1, &in, NULL, NULL, PLAT_FOREVER), 1, "an error is readable");
	FD_SET(200, &in);
	is(poll_select(201, &in, NULL, NULL, 0), -EBADF, "a number that is none");
	is(poll_select(-1, NULL, NULL, NULL, 0), -EINVAL, "a negative size");
	fd_remove(x);
	fd_remove(y);
}

/* ---- epoll ---- */

static int add(int ep, int fd, unsigned events)
{
	struct epoll_event e = { .events = events, .data.fd = fd };

	return epoll_change(ep, EPOLL_CTL_ADD, fd, &e);
}

static int modify(int ep, int fd, unsigned events)
{
	struct epoll_event e = { .events = events, .data.fd = fd };

	return epoll_change(ep, EPOLL_CTL_MOD, fd, &e);
}

static int collect(int ep, struct epoll_event *v, int max)
{
	return epoll_collect(ep, v, max, 0);
}

static void test_epoll_errors(void)
{
	struct epoll_event e[2];
	struct toy *t, *plain;
	int ep = epoll_make(0), x = new_toy(&t, &toy_ops), y = new_toy(&plain, &plain_ops), inner, outer;

	is(epoll_make(1), -EINVAL, "epoll_create1 with wrong flags");
	is(add(ep, 777, EPOLLIN), -EBADF, "adding nothing");
	is(add(777, x, EPOLLIN), -EBADF, "to nothing");
	is(add(x, ep, EPOLLIN), -EINVAL, "to what is no epoll");
	is(add(ep, ep, EPOLLIN), -EINVAL, "itself");
	is(add(ep, y, EPOLLIN), -EPERM, "a file that never blocks");
	is(add(ep, x, EPOLLIN), 0, "adding");
	is(add(ep, x, EPOLLIN), -EEXIST, "twice");
	is(modify(ep, y, EPOLLIN), -EPERM, "changing what cannot be there");
	is(epoll_change(ep, EPOLL_CTL_MOD, x, NULL), -EFAULT, "changing to nothing");
	is(epoll_change(ep, 9, x, e), -EINVAL, "no such operation");
	is(epoll_change(ep, EPOLL_CTL_DEL, x, NULL), 0, "deleting");
	is(epoll_change(ep, EPOLL_CTL_DEL, x, NULL), -ENOENT, "twice");
	is(epoll_collect(ep, e, 0, 0), -EINVAL, "waiting for no events");
	is(epoll_collect(x, e, 2, 0), -EINVAL, "on what is no epoll");
	inner = epoll_make(0);
	outer = epoll_make(0);
	is(add(outer, inner, EPOLLIN), 0, "an epoll in an epoll");
	is(add(inner, outer, EPOLLIN), -ELOOP, "but no ring");
	is(add(ep, outer, EPOLLIN), -ELOOP, "and no tower");
	add(inner, x, EPOLLIN);
	is(collect(outer, e, 2), 0, "nothing inside");
	make_ready(t, POLLIN);
	is(collect(outer, e, 2), 1, "something inside");
	is(e[0].data.fd, inner, "the inner one is named");
	fd_remove(inner);
	fd_remove(outer);
	fd_remove(ep);
	fd_remove(x);
	fd_remove(y);
}

static void test_level(void)
{
	struct epoll_event e[8];
	struct toy *t;
	int ep = epoll_make(0), x = new_toy(&t, &toy_ops);

	add(ep, x, EPOLLIN | EPOLLRDHUP);
	is(collect(ep, e, 8), 0, "level: not ready");
	make_ready(t, POLLIN);
	make_ready(t, POLLIN);
	is(collect(ep, e, 8), 1, "ready, told once a call");
	ok(e[0].events == EPOLLIN && e[0].data.fd == x, "with its events and data");
	is(collect(ep, e, 8), 1, "again, as long as it is");
	t->events = 0;
	is(collect(ep, e, 8), 0, "no longer");
	make_ready(t, POLLOUT);
	is(collect(ep, e, 8), 0, "not for what was not asked");
	is(modify(ep, x, EPOLLOUT), 0, "EPOLL_CTL_MOD");
	is(collect(ep, e, 8), 1, "sees what is ready already");
	is(modify(ep, x, 0), 0, "to nothing");
	is(collect(ep, e, 8), 0, "then nothing is told");
	make_ready(t, POLLHUP);
	is(collect(ep, e, 8), 1, "but for EPOLLHUP");
	is(e[0].events, EPOLLHUP, "which cannot be turned off");
	t->events = 0;
	in_ms(5, t, POLLERR);
	is(epoll_collect(ep, e, 8, PLAT_FOREVER), 1, "a wait ends by a change");
	t->events = 0;
	is(epoll_collect(ep, e, 8, plat_now() + 3 * MS), 0, "or by time");
	fd_remove(x);
	fd_remove(ep);
}

static void test_edge(void)
{
	struct epoll_event e[8];
	struct toy *t;
	int ep = epoll_make(0), x = new_toy(&t, &toy_ops);

	make_ready(t, POLLIN);
	add(ep, x, EPOLLIN | EPOLLET);
	is(collect(ep, e, 8), 1, "edge: ready when it is added");
	is(collect(ep, e, 8), 0, "told once");
	make_ready(t, POLLIN);
	is(collect(ep, e, 8), 1, "and at the next change");
	modify(ep, x, EPOLLIN | EPOLLET);
	is(collect(ep, e, 8), 1, "and after EPOLL_CTL_MOD");
	modify(ep, x, EPOLLIN | EPOLLONESHOT);
	is(collect(ep, e, 8), 1, "one shot");
	make_ready(t, POLLIN);
	is(collect(ep, e, 8), 0, "is one");
	make_ready(t, POLLHUP);
	is(collect(ep, e, 8), 0, "whatever happens");
	modify(ep, x, EPOLLIN | EPOLLONESHOT);
	is(collect(ep, e, 8), 1, "until it is armed again");
	fd_remove(x);
	fd_remove(ep);
}

/* Nobody is passed over when there are more ready files than places. */
static void test_fairness(void)
{
	struct epoll_event e[2];
	struct toy *t[5];
	int ep = epoll_make(0), fd[5], seen[64] = { 0 };

	for (unsigned i = 0; i < 5; i++) {
		fd[i] = new_toy(&t[i], &toy_ops);
		add(ep, fd[i], EPOLLIN);
		make_ready(t[i], POLLIN);
	}
	for (unsigned i = 0; i < 5; i++) {
		is(collect(ep, e, 2), 2, "as many as there are places");
		seen[e[0].data.fd]++;
		seen[e[1].data.fd]++;
	}
	for (unsigned i = 0; i < 5; i++)
		is(seen[fd[i]], 2, "each gets its turn");
	for (unsigned i = 0; i < 5; i++)
		fd_remove(fd[i]);
	fd_remove(ep);
}

static void test_closing(void)
{
	struct epoll_event e[8];
	struct toy *t, *u;
	int ep = epoll_make(0), x = new_toy(&t, &toy_ops), y;

	add(ep, x, EPOLLIN);
	make_ready(t, POLLIN);
	fd_remove(x);
	is(collect(ep, e, 8), 0, "a closed file is not told");
	y = new_toy(&u, &toy_ops);
	is(y, x, "its number is given out again");
	is(add(ep, y, EPOLLIN), 0, "and is another entry");
	make_ready(u, POLLIN);
	is(collect(ep, e, 8), 1, "that works");
	x = fd_dup(&u->file, 0, false);
	fd_remove(y);
	is(collect(ep, e, 8), 1, "a file that lives on by dup() stays");
	is(e[0].data.fd, y, "under the number that it was added by");
	fd_remove(x);
	is(collect(ep, e, 8), 0, "until its last number is closed");
	x = new_toy(&t, &toy_ops);
	add(ep, x, EPOLLIN);
	fd_remove(ep);
	make_ready(t, POLLIN);
	fd_remove(x);
	ok(true, "an epoll goes before its files");
}

/* Work for each call is in proportion to the ready files, not to all. */
static void test_cost(void)
{
	enum { MANY = 2000 };
	static struct toy *t[MANY];
	static int fd[MANY];
	struct epoll_event e[8];
	int ep = epoll_make(0);
	unsigned asked = 0;

	for (unsigned i = 0; i < MANY; i++) {
		fd[i] = new_toy(&t[i], &toy_ops);
		add(ep, fd[i], EPOLLIN);
		t[i]->asked = 0;
	}
	for (unsigned i = 0; i < 100; i++) {
		make_ready(t[i * 7], POLLIN);
		is(collect(ep, e, 8), 1, "one of 2000");
		t[i * 7]->events = 0;
	}
	for (unsigned i = 0; i < MANY; i++)
		asked += t[i]->asked;
	ok(asked <= 300, "asked %u times", asked);
	for (unsigned i = 0; i < MANY; i++)
		fd_remove(fd[i]);
	fd_remove(ep);
}

static void wait_here(void *arg)
{
	struct epoll_event e[8];

	*(int *)arg = epoll_collect(later_fd, e, 8, PLAT_FOREVER);
}

static void test_two_threads(void)
{
	struct thread *a, *b;
	struct toy *t, *u;
	int x = new_toy(&t, &toy_ops), y = new_toy(&u, &toy_ops), got[2] = { 0 };

	later_fd = epoll_make(0);
	a = thread_create("a", wait_here, &got[0], 32768);
	b = thread_create("b", wait_here, &got[1], 32768);
	thread_sleep(plat_now() + MS);
	add(later_fd, x, EPOLLIN | EPOLLET);
	add(later_fd, y, EPOLLIN | EPOLLET);
	make_ready(t, POLLIN);
	thread_sleep(plat_now() + MS);
	is(got[0] + got[1], 1, "an edge goes to one of two threads");
	make_ready(u, POLLIN);
	thread_join(a);
	thread_join(b);
	is(got[0] + got[1], 2, "the next one to the other");
	fd_remove(later_fd);
	fd_remove(x);
	fd_remove(y);
}

/* ---- Sockets ---- */

static void test_sockets(void)
{
	static char buf[200000];
	struct epoll_event e[8];
	int ep = epoll_make(0), p[2];

	netglue_pair("127.0.0.1", p);
	is(add(ep, p[1], EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET), 0, "sockets: edge");
	is(collect(ep, e, 8), 1, "writable at first");
	is(e[0].events, EPOLLOUT, "and nothing else");
	netglue_send(p[0], "x", 1, 0);
	is(epoll_collect(ep, e, 8, PLAT_FOREVER), 1, "data arrives");
	is(e[0].events, EPOLLIN | EPOLLOUT, "readable");
	netglue_send(p[0], "y", 1, 0);
	is(epoll_collect(ep, e, 8, PLAT_FOREVER), 1, "more data is a new edge");
	do /* until the peer's window is full as well */
		thread_sleep(plat_now() + 5 * MS);
	while (netglue_send(p[1], buf, sizeof buf, MSG_DONTWAIT) > 0);
	collect(ep, e, 8);
	thread_sleep(plat_now() + 5 * MS);
	is(collect(ep, e, 8), 0, "no edge for a full buffer");
	while (netglue_recv(p[0], buf, sizeof buf, MSG_DONTWAIT) > 0)
		thread_sleep(plat_now() + MS);
	is(epoll_collect(ep, e, 8, plat_now() + 1000 * MS), 1, "an edge when it empties");
	ok(e[0].events & EPOLLOUT, "writable");
	sock_shutdown(p[0], SHUT_WR);
	is(epoll_collect(ep, e, 8, plat_now() + 1000 * MS), 1, "the end is an edge");
	ok((e[0].events & (EPOLLRDHUP | EPOLLIN)) == (EPOLLRDHUP | EPOLLIN), "EPOLLRDHUP");
	fd_remove(p[0]);
	fd_remove(p[1]);
	fd_remove(ep);
}

int main(void)
{
	fake_boot();
	netglue_wire();
	test_poll();
	test_many();
	test_select();
	test_epoll_errors();
	test_level();
	test_edge();
	test_fairness();
	test_closing();
	test_cost();
	test_two_threads();
	test_sockets();
	return tap_done();
}
