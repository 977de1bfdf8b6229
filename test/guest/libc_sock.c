/* SPDX-License-Identifier: MIT */
/*
 * Sockets by their POSIX names, on the loopback: what happens when threads, ends and errors meet.
 *
 * Every point holds on Linux too: built by the host's cc, this program passes there. What follows a call that another thread or the
 * other end must see is waited for by settle().
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "test/tap.h"

static char buf[200000];

static void settle(void)
{
	usleep(20000);
}

static struct sockaddr_in loopback(int port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr = { htonl(INADDR_LOOPBACK) } };
}

static int port_of(int fd)
{
	struct sockaddr_in a;
	socklen_t len = sizeof a;

	getsockname(fd, (struct sockaddr *)&a, &len);
	return ntohs(a.sin_port);
}

static int bound(int type)
{
	int fd = socket(AF_INET, type, 0);
	struct sockaddr_in a = loopback(0);

	bind(fd, (struct sockaddr *)&a, sizeof a);
	if (type == SOCK_STREAM)
		listen(fd, 5);
	return fd;
}

static int connect_to(int fd, int port)
{
	struct sockaddr_in a = loopback(port);

	return connect(fd, (struct sockaddr *)&a, sizeof a);
}

static int connected(int port)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	return connect_to(fd, port) == 0 ? fd : -1;
}

static void make_pair(int p[2])
{
	int l = bound(SOCK_STREAM), on = 1;

	p[0] = connected(port_of(l));
	p[1] = accept(l, NULL, NULL);
	setsockopt(p[1], IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	close(l);
}

static void close_both(int p[2])
{
	close(p[0]);
	close(p[1]);
}

static void set_nonblocking(int fd, int on)
{
	fcntl(fd, F_SETFL, on ? O_RDWR | O_NONBLOCK : O_RDWR);
}

static int events_of(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN | POLLOUT | POLLRDHUP };

	poll(&p, 1, 0);
	return p.revents;
}

/* What a call returned, or its errno below 0. */
static long result(long rc)
{
	return rc < 0 ? -errno : rc;
}

static void reset_close(int fd)
{
	struct linger hard = { .l_onoff = 1 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
	close(fd);
}

/* Linux lets a buffer grow while it is filled, unless its size was said. */
static void fill(int fd)
{
	int size = 65536;

	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
	set_nonblocking(fd, 1);
	for (int idle = 0; idle < 3; idle++, settle())
		while (write(fd, buf, sizeof buf) > 0)
			idle = 0;
	set_nonblocking(fd, 0);
}

/* ---- A thread that is blocked in a call ---- */

static struct {
	int fd;
	enum { READ, READ_ALL, ACCEPT, WRITE } call;
	long rc;
	volatile int over;
	pthread_t thread;
} blocked;

static void *call(void *arg)
{
	char some[100];

	(void)arg;
	switch (blocked.call) {
	case READ:
		blocked.rc = result(read(blocked.fd, some, sizeof some));
		break;
	case READ_ALL:
		blocked.rc = result(recv(blocked.fd, some, sizeof some, MSG_WAITALL));
		break;
	case ACCEPT:
		blocked.rc = result(accept(blocked.fd, NULL, NULL));
		break;
	default:
		blocked.rc = result(write(blocked.fd, buf, sizeof buf));
	}
	blocked.over = 1;
	return NULL;
}

static int block(int fd, int what)
{
	blocked.fd = fd;
	blocked.call = what;
	blocked.over = 0;
	pthread_create(&blocked.thread, NULL, call, NULL);
	settle();
	return !blocked.over;
}

static long unblocked(void)
{
	pthread_join(blocked.thread, NULL);
	return blocked.rc;
}

/* close() does not end what others do with the file; shutdown() does. */
static void test_threads(void)
{
	int p[2], l, c;

	ok(pipe(p) == 0 && block(p[0], READ) && close(p[0]) == 0, "a pipe is closed under a reader");
	settle();
	ok(!blocked.over && write(p[1], "x", 1) == 1, "who goes on waiting");
	ok(unblocked() == 1 && result(write(p[1], "x", 1)) == -EPIPE, "and gets what comes; then it is closed");
	close(p[1]);
	make_pair(p);
	ok(block(p[0], READ) && close(p[0]) == 0, "a socket is closed under a reader");
	ok(write(p[1], "hello", 5) == 5 && unblocked() == 5, "the same");
	close(p[1]);
	make_pair(p);
	ok(block(p[0], READ) && shutdown(p[0], SHUT_RD) == 0 && unblocked() == 0, "SHUT_RD ends a read");
	close_both(p);
	l = bound(SOCK_STREAM);
	ok(block(l, ACCEPT) && shutdown(l, SHUT_RD) == 0 && unblocked() == -EINVAL, "and an accept");
	ok(events_of(l) == (POLLOUT | POLLHUP) && listen(l, 5) == 0, "the listener may listen again");
	c = port_of(l);
	ok(block(l, ACCEPT) && close(l) == 0, "a listener is closed under an accept");
	c = connected(c);
	ok(c >= 0 && unblocked() >= 0, "which gets the next connection");
	close(c);
	close((int)blocked.rc);
	make_pair(p);
	fill(p[0]);
	ok(block(p[0], WRITE), "a write waits for room");
	reset_close(p[1]);
	ok(unblocked() < (long)sizeof buf && result(write(p[0], "x", 1)) < 0, "and ends at a reset");
	close(p[0]);
	make_pair(p);
	fill(p[0]);
	ok(block(p[0], WRITE) && shutdown(p[0], SHUT_WR) == 0 && unblocked() < (long)sizeof buf, "SHUT_WR ends a write");
	close_both(p);
}

/* ---- epoll ---- */

static int epfd;

static int control(int op, int fd, unsigned events)
{
	struct epoll_event e = { .events = events, .data = { .fd = fd } };

	return (int)result(epoll_ctl(epfd, op, fd, &e));
}

/* The events of the one entry that is ready, 0 for none. */
static unsigned next_event(void)
{
	struct epoll_event e[4];
	int n = epoll_wait(epfd, e, 4, 30);

	return n == 1 ? e[0].events : n == 0 ? 0 : ~0u;
}

static void test_epoll(void)
{
	int p[2], d;

	make_pair(p);
	epfd = epoll_create1(0);
	is(control(EPOLL_CTL_ADD, p[0], EPOLLIN | EPOLLET), 0, "by edge");
	ok(write(p[1], "abc", 3) == 3 && next_event() == EPOLLIN && next_event() == 0, "told once");
	ok(read(p[0], buf, 1) == 1 && next_event() == 0, "not for what was left");
	ok(write(p[1], "d", 1) == 1 && next_event() == EPOLLIN, "but for more");
	ok(control(EPOLL_CTL_MOD, p[0], EPOLLIN | EPOLLET) == 0 && next_event() == EPOLLIN, "and after a change of the entry");
	ok(control(EPOLL_CTL_MOD, p[0], EPOLLIN | EPOLLONESHOT) == 0 && next_event() == EPOLLIN, "one-shot");
	ok(write(p[1], "e", 1) == 1 && next_event() == 0, "is off then");
	ok(control(EPOLL_CTL_MOD, p[0], EPOLLIN | EPOLLONESHOT) == 0 && next_event() == EPOLLIN, "until it is armed");
	is(control(EPOLL_CTL_ADD, p[0], EPOLLIN), -EEXIST, "the same again: EEXIST");
	d = dup(p[0]);
	ok(control(EPOLL_CTL_ADD, d, EPOLLIN) == 0 && next_event() == EPOLLIN, "another number of the same file is another entry");
	ok(control(EPOLL_CTL_DEL, d, 0) == 0 && control(EPOLL_CTL_MOD, p[0], EPOLLIN) == 0 && close(p[0]) == 0, "the first number is closed");
	is(next_event(), EPOLLIN, "its entry lives as long as the file");
	ok(close(d) == 0 && next_event() == 0, "and ends with it");
	close(p[1]);
	ok(pipe(p) == 0 && control(EPOLL_CTL_ADD, p[1], EPOLLOUT | EPOLLET) == 0 && next_event() == EPOLLOUT, "a pipe by edge");
	ok(write(p[1], "a", 1) == 1 && read(p[0], buf, 1) == 1 && next_event() == 0, "that was never full tells nothing");
	ok(close(p[0]) == 0 && next_event() == (EPOLLOUT | EPOLLERR), "but that its reader has gone");
	close(p[1]);
	make_pair(p);
	ok(control(EPOLL_CTL_ADD, p[0], 0) == 0 && shutdown(p[1], SHUT_WR) == 0 && next_event() == 0, "who asks for nothing");
	ok(shutdown(p[0], SHUT_WR) == 0 && next_event() == EPOLLHUP, "is told of the end");
	close_both(p);
	is(control(EPOLL_CTL_ADD, epfd, EPOLLIN), -EINVAL, "no epoll in itself");
	close(epfd);
}

/* ---- How connections end ---- */

static void test_ends(void)
{
	const int both = POLLIN | POLLOUT | POLLRDHUP | POLLHUP;
	int p[2];

	make_pair(p);
	ok(write(p[1], "last", 4) == 4 && shutdown(p[1], SHUT_WR) == 0, "half closed");
	settle();
	is(events_of(p[0]), POLLIN | POLLOUT | POLLRDHUP, "is seen by poll()");
	ok(read(p[0], buf, 2) == 2 && read(p[0], buf, 9) == 2 && read(p[0], buf, 9) == 0, "all comes, and then the end");
	ok(write(p[0], "back", 4) == 4 && recv(p[1], buf, 4, MSG_WAITALL) == 4, "the other way goes on");
	ok(result(write(p[1], "x", 1)) == -EPIPE && shutdown(p[0], SHUT_WR) == 0, "this one does not");
	settle();
	ok(events_of(p[0]) == both && events_of(p[1]) == both && result(shutdown(p[1], SHUT_RDWR)) == -ENOTCONN, "both ways closed");
	close_both(p);

	make_pair(p);
	write(p[1], "data", 4);
	settle();
	reset_close(p[1]);
	settle();
	ok(events_of(p[0]) == (both | POLLERR) && read(p[0], buf, 9) == 4, "a reset: first what came before");
	ok(result(read(p[0], buf, 9)) == -ECONNRESET && read(p[0], buf, 9) == 0, "then the error, then the end");
	is(result(write(p[0], "x", 1)), -EPIPE, "and EPIPE");
	close(p[0]);
	make_pair(p);
	reset_close(p[1]);
	settle();
	ok(result(write(p[0], "x", 1)) == -ECONNRESET && result(write(p[0], "x", 1)) == -EPIPE, "a writer hears of it first, too");
	close(p[0]);
	make_pair(p);
	ok(close(p[1]) == 0 && (settle(), write(p[0], "x", 1) == 1), "the first write to a peer that has closed");
	settle();
	ok(result(write(p[0], "x", 1)) == -EPIPE && read(p[0], buf, 9) == 0, "the next is EPIPE, reading the end");
	close(p[0]);
	make_pair(p);
	write(p[0], "unread", 6);
	settle();
	close(p[1]);
	settle();
	is(result(read(p[0], buf, 9)), -ECONNRESET, "closed with bytes unread: a reset");
	close(p[0]);
}

static void test_connect(void)
{
	int l = bound(SOCK_STREAM), port = port_of(l), s = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	is(result(connect_to(s, port)), -EINPROGRESS, "connect() is under way");
	settle();
	ok(events_of(s) == POLLOUT && connect_to(s, port) == 0 && result(connect_to(s, port)) == -EISCONN, "asked again: it is done");
	reset_close(s);
	settle();
	ok(events_of(l) == POLLIN && (s = accept(l, NULL, NULL)) >= 0 && result(read(s, buf, 1)) == -ECONNRESET, "reset before accept()");
	close(s);
	close(l);
	s = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	is(result(connect_to(s, port)), -EINPROGRESS, "to nobody");
	settle();
	ok((events_of(s) & POLLERR) && result(connect_to(s, port)) == -ECONNREFUSED, "asked again: refused");
	close(s);
	s = socket(AF_INET, SOCK_STREAM, 0);
	ok(result(connect_to(s, port)) == -ECONNREFUSED && events_of(s) == (POLLOUT | POLLHUP), "without O_NONBLOCK: as new");
	ok(result(read(s, buf, 1)) == -ENOTCONN && result(shutdown(s, SHUT_WR)) == -ENOTCONN, "not connected");
	close(s);
}

/* ---- Flags and datagrams ---- */

static void test_flags(void)
{
	struct timeval soon = { .tv_usec = 30000 };
	int p[2];

	make_pair(p);
	write(p[1], "abcdef", 6);
	settle();
	ok(recv(p[0], buf, 4, MSG_PEEK) == 4 && recv(p[0], buf, 99, MSG_PEEK) == 6 && recv(p[0], buf, 6, 0) == 6, "MSG_PEEK leaves it");
	is(result(recv(p[0], buf, 1, MSG_DONTWAIT)), -EAGAIN, "MSG_DONTWAIT");
	ok(block(p[0], READ_ALL) && write(p[1], buf, 60) == 60, "MSG_WAITALL");
	settle();
	ok(!blocked.over && shutdown(p[1], SHUT_WR) == 0 && unblocked() == 60, "waits for all, or the end");
	setsockopt(p[1], SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof soon);
	ok(write(p[0], "q", 1) == 1 && recv(p[1], buf, 5, MSG_WAITALL) == 1, "or SO_RCVTIMEO");
	is(result(recv(p[1], buf, 5, 0)), -EAGAIN, "which is EAGAIN when nothing came");
	ok(result(recv(p[0], buf, 1, MSG_OOB)) == -EINVAL && result(lseek(p[0], 0, SEEK_SET)) == -ESPIPE, "what there is not");
	close_both(p);
}

static void test_datagrams(void)
{
	int a = bound(SOCK_DGRAM), b = socket(AF_INET, SOCK_DGRAM, 0), port = port_of(a);
	struct iovec v = { buf, 2 };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1 };

	ok(connect_to(b, port) == 0 && send(b, "hello", 5, 0) == 5, "a datagram");
	settle();
	ok(recv(a, buf, 2, MSG_PEEK | MSG_TRUNC) == 5 && recvmsg(a, &m, 0) == 2 && (m.msg_flags & MSG_TRUNC), "is cut, and says so");
	ok(result(recv(a, buf, 9, MSG_DONTWAIT)) == -EAGAIN && send(b, "", 0, 0) == 0, "its rest is lost; an empty one");
	settle();
	ok(events_of(a) == (POLLIN | POLLOUT) && recv(a, buf, 9, MSG_DONTWAIT) == 0, "is one, too");
	close(a);
	is(send(b, "x", 1, 0), 1, "to a port that nobody has any more");
	settle();
	ok(events_of(b) == (POLLOUT | POLLERR) && result(recv(b, buf, 9, 0)) == -ECONNREFUSED, "is refused");
	is(result(recv(b, buf, 9, MSG_DONTWAIT)), -EAGAIN, "once");
	ok(result(listen(b, 1)) == -EOPNOTSUPP && result(send(b, buf, 65508, 0)) == -EMSGSIZE, "what datagrams cannot");
	close(b);
}

/* ---- Files ---- */

static void test_sendfile(void)
{
	int p[2], f = open("/proc/version", O_RDONLY), i;
	off_t at = 7;

	make_pair(p);
	ok(sendfile(p[0], f, &at, 10) == 10 && at == 17 && recv(p[1], buf, 10, MSG_WAITALL) == 10, "sendfile moves its offset");
	fill(p[0]);
	set_nonblocking(p[0], 1);
	for (i = 0; i < 100000 && write(p[0], "x", 1) == 1; i++)
		;
	ok(result(sendfile(p[0], f, &at, 10)) == -EAGAIN && at == 17, "but not where there is no room");
	close(p[1]);
	settle();
	ok(result(sendfile(p[0], f, &at, 10)) < 0 && result(sendfile(p[0], f, &at, 10)) == -EPIPE, "nor to who has gone");
	ok(result(sendfile(p[0], p[0], NULL, 1)) < 0, "nor from a socket");
	close(p[0]);
	close(f);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	test_threads();
	test_epoll();
	test_ends();
	test_connect();
	test_flags();
	test_datagrams();
	test_sendfile();
	return tap_done();
}
