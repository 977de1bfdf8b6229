/* SPDX-License-Identifier: MIT */
/*
 * Sockets as programs see them: errors, blocking, timeouts, half-closed connections. Options and datagrams: net_option.c.
 *
 * Over the loopback; what needs a wire is in net_stream.c and net_segs.c. Results are counts or negative errnos, as sock.h has them.
 */
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/time.h>

#include "core/plat.h"
#include "libc-glue/fd.h"
#include "libc-glue/sock.h"
#include "test/fake/boot.h"
#include "test/fake/fake.h"
#include "test/fake/netglue.h"
#include "test/tap.h"
#include "test/unit/net_calls.h"

static char buf[300000];

/* ---- Making and naming ---- */

static void test_making(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t len = sizeof a;
	int fd = tcp(), other;

	is(sock_socket(AF_UNIX, SOCK_STREAM, 0), -EAFNOSUPPORT, "a family that is not there");
	is(sock_socket(AF_INET, SOCK_SEQPACKET, 0), -EINVAL, "a type that is not there");
	is(sock_socket(AF_INET, SOCK_STREAM, IPPROTO_UDP), -EPROTONOSUPPORT, "a protocol of another type");
	is(sock_bind(fd, (struct sockaddr *)&a, 3), -EINVAL, "bind with a short address");
	is(bind_to(fd, "127.0.0.1", 7777), 0, "bind");
	is(bind_to(fd, "127.0.0.1", 7778), -EINVAL, "bind twice");
	is(port_of(fd), 7777, "getsockname");
	is(sock_name(fd, (struct sockaddr *)&a, &len, true), -ENOTCONN, "getpeername of nobody");
	is(sock_listen(fd, 5), 0, "listen");
	is(get(fd, SOL_SOCKET, SO_ACCEPTCONN), 1, "SO_ACCEPTCONN");
	other = tcp();
	is(bind_to(other, "127.0.0.1", 7777), -EADDRINUSE, "a port that is taken");
	is(sock_listen(other, 5), 0, "listen without bind");
	ok(port_of(other) >= 32768, "takes a port by itself");
	is(sock_accept(999, NULL, NULL, 0), -EBADF, "a number that is none");
	is(netglue_recv(fd, buf, 1, 0), -ENOTCONN, "reading from a listener");
	is(netglue_send(fd, buf, 1, 0), -ENOTCONN, "writing to a listener");
	is(connect_to(fd, "127.0.0.1", 1), -EISCONN, "connecting a listener");
	fd_remove(fd);
	fd_remove(other);
	fd = tcp();
	is(bind_to(fd, "127.0.0.1", 7777), 0, "the port is free again");
	fd_remove(fd);
}

/* ---- Connecting ---- */

static void test_connect(void)
{
	struct sockaddr_in a;
	socklen_t len = sizeof a;
	int l = listener(5), fd = tcp(), conn;

	is(connect_to(fd, "127.0.0.1", port_of(l)), 0, "connect");
	is(connect_to(fd, "127.0.0.1", port_of(l)), -EISCONN, "connect twice");
	is(sock_name(fd, (struct sockaddr *)&a, &len, true), 0, "getpeername");
	is(ntohs(a.sin_port), port_of(l), "names the listener");
	conn = sock_accept(l, (struct sockaddr *)&a, &len, 0);
	ok(conn >= 0, "accept");
	is(ntohs(a.sin_port), port_of(fd), "and names the client");
	is(port_of(conn), port_of(l), "the connection has the listener's port");
	fd_remove(conn);
	fd_remove(fd);
	fd = tcp();
	is(connect_to(fd, "127.0.0.1", 1), -ECONNREFUSED, "nobody listens");
	is(connect_to(fd, "127.0.0.1", port_of(l)), 0, "the socket can try again");
	fd_remove(fd);
	fd = tcp();
	set_nonblocking(fd);
	is(connect_to(fd, "127.0.0.1", port_of(l)), -EINPROGRESS, "connect without blocking");
	is(connect_to(fd, "127.0.0.1", port_of(l)), -EALREADY, "and again");
	is(ready(fd), 0, "not ready yet");
	is(netglue_send(fd, "x", 1, 0), -EAGAIN, "nothing can be sent yet");
	wait_ms(10);
	is(ready(fd), POLLOUT, "then writable");
	is(get(fd, SOL_SOCKET, SO_ERROR), 0, "without an error");
	fd_remove(fd);
	fd = tcp();
	set_nonblocking(fd);
	connect_to(fd, "127.0.0.1", 1);
	wait_ms(10);
	ok(ready(fd) & POLLERR, "a refused one has an error");
	is(get(fd, SOL_SOCKET, SO_ERROR), ECONNREFUSED, "which SO_ERROR tells");
	is(get(fd, SOL_SOCKET, SO_ERROR), 0, "once");
	fd_remove(fd);
	fd = tcp();
	is(connect_to(fd, "10.99.0.1", 80), -ENETUNREACH, "no route");
	is(connect_to(fd, "0.0.0.0", port_of(l)), 0, "any address is our own");
	fd_remove(fd);
	fd_remove(l);
}

static void test_backlog(void)
{
	int l = listener(2), fd[6], got = 0;

	set_nonblocking(l);
	is(sock_accept(l, NULL, NULL, 0), -EAGAIN, "nobody to accept");
	for (unsigned i = 0; i < 6; i++) {
		fd[i] = tcp();
		set_nonblocking(fd[i]);
		connect_to(fd[i], "127.0.0.1", port_of(l));
	}
	wait_ms(20);
	is(ready(l), POLLIN, "somebody to accept");
	while (sock_accept(l, NULL, NULL, SOCK_NONBLOCK) >= 0)
		got++;
	ok(got >= 2 && got <= 6, "the backlog takes %d of 6 at once", got);
	wait_ms(10000);
	while (sock_accept(l, NULL, NULL, 0) >= 0)
		got++;
	is(got, 6, "and all of them in time");
	for (unsigned i = 0; i < 6; i++)
		fd_remove(fd[i]);
	for (int i = fd[5] + 1; i < 40; i++)
		fd_remove(i);
	fd_remove(l);
}

/* ---- Data ---- */

static void test_data(void)
{
	int p[2], n = 0;
	struct fd_file *f;
	struct iovec v[3] = { { buf, 3 }, { buf + 10, 0 }, { buf + 20, 4 } };
	struct msghdr msg = { .msg_iov = v, .msg_iovlen = 3 };

	netglue_pair("127.0.0.1", p);
	is(netglue_send(p[0], "abcdefg", 7, 0), 7, "send");
	is(netglue_recv(p[1], buf, 3, MSG_PEEK), 3, "MSG_PEEK");
	is(memcmp(buf, "abc", 3), 0, "sees the data");
	is(sock_recv(p[1], &msg, 0), 7, "recvmsg into pieces");
	ok(memcmp(buf, "abc", 3) == 0 && memcmp(buf + 20, "defg", 4) == 0, "that are filled in turn");
	is(netglue_recv(p[1], buf, 1, MSG_DONTWAIT), -EAGAIN, "MSG_DONTWAIT");
	is(sock_send(p[1], &msg, 0), 7, "sendmsg of pieces");
	is(netglue_recv(p[0], buf, 100, 0), 7, "arrives as one");
	is(memcmp(buf, "abcdefg", 7), 0, "in order");
	netglue_send(p[0], buf, 100, 0);
	wait_ms(1);
	f = fd_get(p[1]);
	is(f->ops->ioctl(f, FIONREAD, &n), 0, "FIONREAD");
	fd_put(f);
	is(n, 100, "counts what is there");
	is(netglue_send(p[0], buf, 0, 0), 0, "nothing sent");
	is(netglue_recv(p[1], buf, 0, 0), 0, "nothing read");
	is(netglue_recv(p[1], buf, 10, MSG_OOB), -EINVAL, "urgent data");
	fd_remove(p[0]);
	fd_remove(p[1]);
}

static void send_in_parts(void *arg)
{
	int fd = (int)(intptr_t)arg;

	for (unsigned i = 0; i < 10; i++) {
		wait_ms(5);
		netglue_send(fd, "0123456789", 10, 0);
	}
}

static void test_waiting(void)
{
	struct timeval tv = { .tv_sec = 0, .tv_usec = 50000 };
	uint64_t start;
	struct thread *t;
	int p[2];

	netglue_pair("127.0.0.1", p);
	t = thread_create("parts", send_in_parts, (void *)(intptr_t)p[0], 32768);
	is(netglue_recv(p[1], buf, 100, MSG_WAITALL), 100, "MSG_WAITALL waits for all");
	thread_join(t);
	is(sock_setsockopt(p[1], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv), 0, "SO_RCVTIMEO");
	start = plat_now();
	is(netglue_recv(p[1], buf, 1, 0), -EAGAIN, "ends a wait");
	ok(plat_now() - start >= 50 * MS && plat_now() - start < 60 * MS, "in time");
	netglue_send(p[0], "abc", 3, 0);
	is(netglue_recv(p[1], buf, 10, MSG_WAITALL), 3, "what came in time is not lost");
	sock_setsockopt(p[0], SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof tv);
	start = plat_now();
	ok(netglue_send(p[0], buf, sizeof buf, 0) > 0, "a peer that does not read takes some");
	for (size_t n = sizeof buf; n > 0; n /= 2)
		while (netglue_send(p[0], buf, n, 0) > 0)
			;
	is(netglue_send(p[0], buf, 1, 0), -EAGAIN, "and then no more, SO_SNDTIMEO");
	ok(!(ready(p[0]) & POLLOUT), "not writable");
	is(netglue_send(p[0], buf, 1, MSG_DONTWAIT), -EAGAIN, "nor without waiting");
	while (netglue_recv(p[1], buf, sizeof buf, 0) > 0)
		;
	ok(ready(p[0]) & POLLOUT, "writable when it has read");
	fd_remove(p[0]);
	fd_remove(p[1]);
}

/* ---- Ends ---- */

static void test_ends(void)
{
	int p[2];

	netglue_pair("127.0.0.1", p);
	netglue_send(p[0], "last", 4, 0);
	is(sock_shutdown(p[0], SHUT_WR), 0, "SHUT_WR");
	is(netglue_send(p[0], "x", 1, 0), -EPIPE, "ends sending");
	is(netglue_recv(p[1], buf, 10, 0), 4, "what was sent arrives");
	is(netglue_recv(p[1], buf, 10, 0), 0, "then the end");
	is(netglue_recv(p[1], buf, 10, 0), 0, "again and again");
	is(ready(p[1]), POLLIN | POLLRDHUP | POLLOUT, "half closed: POLLRDHUP");
	is(netglue_send(p[1], "back", 4, 0), 4, "the other way is open");
	is(netglue_recv(p[0], buf, 10, 0), 4, "and works");
	is(sock_shutdown(p[1], SHUT_WR), 0, "until it is closed too");
	is(netglue_recv(p[0], buf, 10, 0), 0, "the end there");
	wait_ms(5);
	is(ready(p[0]), POLLIN | POLLOUT | POLLRDHUP | POLLHUP, "both: POLLHUP");
	fd_remove(p[0]);
	fd_remove(p[1]);

	netglue_pair("127.0.0.1", p);
	is(sock_shutdown(p[1], SHUT_RD), 0, "SHUT_RD");
	is(netglue_recv(p[1], buf, 10, 0), 0, "ends reading");
	is(netglue_send(p[0], buf, 1000, 0), 1000, "the peer may go on sending");
	wait_ms(300);
	is(netglue_recv(p[1], buf, 2000, 0), 1000, "what comes can be had");
	is(netglue_recv(p[1], buf, 10, 0), 0, "but is not waited for");
	is(netglue_send(p[1], "x", 1, 0), 1, "and is answered");
	is(netglue_recv(p[0], buf, 10, 0), 1, "by data");
	is(sock_shutdown(p[1], 7), -EINVAL, "no such way to shut down");
	is(sock_shutdown(p[1], SHUT_WR), 0, "the other way too");
	is(netglue_send(p[0], "x", 1, 0), 1, "who still sends");
	wait_ms(300);
	is(netglue_send(p[0], "x", 1, 0), -EPIPE, "is told that nobody listens");
	is(netglue_recv(p[1], buf, 10, 0), -ECONNRESET, "and so is who does not");
	is(netglue_recv(p[1], buf, 10, 0), 0, "it is over");
	is(sock_shutdown(p[1], SHUT_RDWR), -ENOTCONN, "and nothing left to shut down");
	fd_remove(p[0]);
	fd_remove(p[1]);
}

/* A peer that closes and is written to: the answer to that is not a reset of what it sent. */
static void test_broken_pipe(void)
{
	int p[2];

	for (unsigned reads = 0; reads < 2; reads++) {
		netglue_pair("127.0.0.1", p);
		fd_remove(p[1]);
		wait_ms(5);
		is(netglue_send(p[0], "x", 1, 0), 1, "to a peer that has closed");
		wait_ms(5);
		is(ready(p[0]), POLLIN | POLLOUT | POLLERR | POLLHUP | POLLRDHUP, "its reset is an error");
		if (reads)
			is(netglue_recv(p[0], buf, 10, 0), 0, "a reader sees the end");
		is(netglue_send(p[0], "x", 1, 0), -EPIPE, "a writer EPIPE");
		is(netglue_recv(p[0], buf, 10, 0), 0, "a reader the end");
		fd_remove(p[0]);
	}
}

static int accepted;

static void accept_blocked(void *arg)
{
	accepted = sock_accept(*(int *)arg, NULL, NULL, 0);
}

static void test_stopped_listener(void)
{
	int l = listener(5), c = tcp();
	uint16_t port = port_of(l);
	struct thread *t = thread_create("accept", accept_blocked, &l, 32768);

	thread_yield();
	is(sock_shutdown(l, SHUT_WR), 0, "SHUT_WR of a listener is nothing");
	is(ready(l), 0, "it listens");
	is(sock_shutdown(l, SHUT_RD), 0, "SHUT_RD of a listener");
	thread_join(t);
	is(accepted, -EINVAL, "ends a blocked accept()");
	is(ready(l), POLLOUT | POLLHUP, "it is as new");
	is(connect_to(c, "127.0.0.1", port), -ECONNREFUSED, "nobody is accepted");
	is(sock_listen(l, 5), 0, "until it listens again");
	is(port_of(l), port, "on its port");
	is(connect_to(c, "127.0.0.1", port), 0, "then as before");
	is(sock_shutdown(l, SHUT_RDWR), 0, "with a connection waiting");
	wait_ms(5);
	is(netglue_recv(c, buf, 1, 0), -ECONNRESET, "that one is reset");
	fd_remove(l);
	fd_remove(c);
}

/* The result of a connect() that did not wait, asked for by another. */
static void test_second_connect(void)
{
	int l = listener(5), c = sock_socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	uint16_t port = port_of(l);

	is(connect_to(c, "127.0.0.1", port), -EINPROGRESS, "under way");
	wait_ms(5);
	is(connect_to(c, "127.0.0.1", port), 0, "a second connect() says that it has come");
	is(connect_to(c, "127.0.0.1", port), -EISCONN, "once");
	fd_remove(c);
	fd_remove(l);
	c = sock_socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	is(connect_to(c, "127.0.0.1", port), -EINPROGRESS, "under way to nobody");
	wait_ms(5);
	is(connect_to(c, "127.0.0.1", port), -ECONNREFUSED, "a second connect() says so");
	is(ready(c), POLLOUT | POLLHUP, "then the socket is as new");
	is(netglue_recv(c, buf, 1, 0), -ENOTCONN, "and not connected");
	fd_remove(c);
}

static void test_reset(void)
{
	struct linger hard = { .l_onoff = 1 };
	int p[2];

	netglue_pair("127.0.0.1", p);
	sock_setsockopt(p[0], SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
	fd_remove(p[0]);
	wait_ms(5);
	ok(ready(p[1]) & POLLERR, "SO_LINGER of 0 s resets");
	is(netglue_recv(p[1], buf, 10, 0), -ECONNRESET, "the peer hears of it once");
	is(netglue_recv(p[1], buf, 10, 0), 0, "then the end");
	is(netglue_send(p[1], "x", 1, 0), -EPIPE, "writing fails");
	fd_remove(p[1]);

	netglue_pair("127.0.0.1", p);
	netglue_send(p[0], "unread", 6, 0);
	wait_ms(5);
	fd_remove(p[1]);
	wait_ms(5);
	is(netglue_recv(p[0], buf, 10, 0), -ECONNRESET, "closing with unread data resets");
	fd_remove(p[0]);

	netglue_pair("127.0.0.1", p);
	netglue_send(p[0], "queued", 6, 0);
	fd_remove(p[0]);
	is(netglue_recv(p[1], buf, 10, 0), 6, "closing sends what was queued");
	is(netglue_recv(p[1], buf, 10, 0), 0, "and the end");
	fd_remove(p[1]);
}

static void read_one(void *arg)
{
	char c;

	*(ssize_t *)arg = netglue_recv((int)*(ssize_t *)arg, &c, 1, 0);
}

static void test_threads(void)
{
	int p[2];
	ssize_t got;
	struct thread *t;

	netglue_pair("127.0.0.1", p);
	got = p[1];
	t = thread_create("reader", read_one, &got, 32768);
	wait_ms(5);
	fd_remove(p[1]);
	wait_ms(5);
	netglue_send(p[0], "x", 1, 0);
	thread_join(t);
	is(got, 1, "a call that blocks keeps its socket from going away");
	fd_remove(p[0]);
}

int main(void)
{
	long held;

	fake_boot();
	netglue_wire();
	wait_ms(2000);
	held = netglue_held();
	test_making();
	test_connect();
	test_backlog();
	test_data();
	test_waiting();
	test_ends();
	test_broken_pipe();
	test_stopped_listener();
	test_second_connect();
	test_reset();
	test_threads();
	settle(held, "nothing is left of connections");
	return tap_done();
}
