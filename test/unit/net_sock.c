/* SPDX-License-Identifier: MIT */
/*
 * Sockets as programs see them: errors, blocking, timeouts, options, half-closed connections, datagrams.
 *
 * Mostly over the loopback; what needs a wire is in net_stream.c and net_segs.c. Results are counts or negative errnos, as sock.h has them.
 */
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
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

#define MS 1000000ull
#define SECOND (1000 * MS)

static char buf[300000];
static long held;

static int set(int fd, int level, int name, int value)
{
	return sock_setsockopt(fd, level, name, &value, sizeof value);
}

static int get(int fd, int level, int name)
{
	int value = -12345;
	socklen_t len = sizeof value;
	int rc = sock_getsockopt(fd, level, name, &value, &len);

	return rc ? rc : value;
}

static unsigned ready(int fd)
{
	struct fd_file *f = fd_get(fd);
	unsigned events = fd_ready(f);

	fd_put(f);
	return events;
}

static void set_nonblocking(int fd)
{
	struct fd_file *f = fd_get(fd);

	f->flags |= O_NONBLOCK;
	fd_put(f);
}

static uint16_t port_of(int fd)
{
	struct sockaddr_in6 a; /* the port of a struct sockaddr_in lies in the same place */
	socklen_t len = sizeof a;

	sock_name(fd, (struct sockaddr *)&a, &len, false);
	return ntohs(a.sin6_port);
}

static int bind_to(int fd, const char *ip, uint16_t port)
{
	return sock_bind(fd, (struct sockaddr *)netglue_addr(ip, port), sizeof(struct sockaddr_in));
}

static int connect_to(int fd, const char *ip, uint16_t port)
{
	return sock_connect(fd, (struct sockaddr *)netglue_addr(ip, port), sizeof(struct sockaddr_in));
}

static int tcp(void)
{
	return sock_socket(AF_INET, SOCK_STREAM, 0);
}

static int udp(void)
{
	return sock_socket(AF_INET, SOCK_DGRAM, 0);
}

static int listener(int backlog)
{
	int fd = tcp();

	bind_to(fd, "127.0.0.1", 0);
	sock_listen(fd, backlog);
	return fd;
}

static void wait_ms(unsigned ms)
{
	thread_sleep(plat_now() + ms * MS);
}

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
	while (netglue_send(p[0], buf, sizeof buf, 0) > 0)
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
	is(netglue_recv(p[1], buf, 10, 0), 0, "into nothing");
	is(netglue_send(p[1], "x", 1, 0), 1, "and is answered");
	is(netglue_recv(p[0], buf, 10, 0), 1, "by data");
	is(sock_shutdown(p[1], 7), -EINVAL, "no such way to shut down");
	fd_remove(p[0]);
	fd_remove(p[1]);
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

/* ---- Options ---- */

static void test_options(void)
{
	struct timeval tv = { .tv_sec = 1, .tv_usec = 500000 };
	socklen_t len = sizeof tv;
	int p[2], fd = tcp(), v6;

	is(get(fd, SOL_SOCKET, SO_TYPE), SOCK_STREAM, "SO_TYPE");
	is(get(fd, SOL_SOCKET, SO_DOMAIN), AF_INET, "SO_DOMAIN");
	is(get(fd, SOL_SOCKET, SO_PROTOCOL), IPPROTO_TCP, "SO_PROTOCOL");
	is(set(fd, SOL_SOCKET, SO_REUSEADDR, 1), 0, "SO_REUSEADDR");
	is(get(fd, SOL_SOCKET, SO_REUSEADDR), 1, "is remembered");
	is(set(fd, SOL_SOCKET, SO_KEEPALIVE, 1), 0, "SO_KEEPALIVE");
	is(set(fd, IPPROTO_TCP, TCP_NODELAY, 1), 0, "TCP_NODELAY");
	is(get(fd, IPPROTO_TCP, TCP_NODELAY), 1, "is remembered");
	is(set(fd, IPPROTO_TCP, TCP_KEEPIDLE, 100), 0, "TCP_KEEPIDLE");
	is(get(fd, IPPROTO_TCP, TCP_KEEPIDLE), 100, "is remembered");
	is(set(fd, IPPROTO_TCP, TCP_KEEPCNT, 0), -EINVAL, "TCP_KEEPCNT of nothing");
	is(set(fd, SOL_SOCKET, 9999, 1), -ENOPROTOOPT, "an option that is none");
	is(get(fd, 77, 1), -ENOPROTOOPT, "a level that is none");
	is(sock_setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &v6, 1), -EINVAL, "a value that is too short");
	is(sock_setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv), 0, "SO_RCVTIMEO");
	memset(&tv, 0, sizeof tv);
	sock_getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, &len);
	ok(tv.tv_sec == 1 && tv.tv_usec == 500000, "is remembered");
	tv.tv_usec = 2000000;
	is(sock_setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv), -EDOM, "a time that is none");
	is(set(fd, IPPROTO_IP, IP_TTL, 7), 0, "IP_TTL");
	is(get(fd, IPPROTO_IP, IP_TTL), 7, "is remembered");
	is(sock_setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "nic7", 4), -ENODEV, "a device that is none");
	fd_remove(fd);
	netglue_pair("127.0.0.1", p);
	is(set(p[0], SOL_SOCKET, SO_SNDBUF, 8192), 0, "SO_SNDBUF");
	set_nonblocking(p[0]);
	is(netglue_send(p[0], buf, 100000, 0), 8192, "limits what is queued");
	is(set(p[1], SOL_SOCKET, SO_RCVBUF, 65536), 0, "SO_RCVBUF");
	fd_remove(p[0]);
	fd_remove(p[1]);
	is(sock_getsockopt(0, SOL_SOCKET, SO_TYPE, &v6, &len), -EBADF, "options of nothing");
}

/* A receive buffer below lwIP's window holds the sender up, and opens again in time. */
static void test_rcvbuf(void)
{
	int l = listener(1), p[2];
	size_t sent = 0, got = 0;
	ssize_t n;

	set(l, SOL_SOCKET, SO_RCVBUF, 65536);
	p[0] = tcp();
	set_nonblocking(p[0]);
	connect_to(p[0], "127.0.0.1", port_of(l));
	p[1] = sock_accept(l, NULL, NULL, SOCK_NONBLOCK);
	for (unsigned i = 0; i < 50; i++) {
		n = netglue_send(p[0], buf, 10000, 0);
		sent += n > 0 ? (size_t)n : 0;
		wait_ms(1);
	}
	ok(sent > 65536, "the sender queues");
	for (unsigned i = 0; i < 1000 && got < sent; i++) {
		n = netglue_recv(p[1], buf, 3000, 0);
		got += n > 0 ? (size_t)n : 0;
		if (n < 0)
			wait_ms(1);
	}
	is(got, sent, "all arrives through a little window, without waiting for timers");
	fd_remove(p[0]);
	fd_remove(p[1]);
	fd_remove(l);
}

static void test_cork(void)
{
	int p[2];

	netglue_pair("127.0.0.1", p);
	set_nonblocking(p[1]);
	set(p[0], IPPROTO_TCP, TCP_CORK, 1);
	netglue_send(p[0], "head", 4, 0);
	wait_ms(20);
	is(netglue_recv(p[1], buf, 100, 0), -EAGAIN, "TCP_CORK holds back");
	netglue_send(p[0], "body", 4, 0);
	set(p[0], IPPROTO_TCP, TCP_CORK, 0);
	wait_ms(1);
	is(netglue_recv(p[1], buf, 100, 0), 8, "until it is drawn");
	netglue_send(p[0], "more", 4, MSG_MORE);
	wait_ms(5);
	is(netglue_recv(p[1], buf, 100, 0), -EAGAIN, "MSG_MORE holds back");
	wait_ms(500);
	is(netglue_recv(p[1], buf, 100, 0), 4, "but not for ever");
	fd_remove(p[0]);
	fd_remove(p[1]);
}

/* ---- IPv6 ---- */

static int connect6(int fd, const char *last, uint16_t port)
{
	struct sockaddr_in6 a = { .sin6_family = AF_INET6, .sin6_port = htons(port) };

	if (strcmp(last, "::1") == 0)
		a.sin6_addr.s6_addr[15] = 1;
	if (strcmp(last, "::ffff:127.0.0.1") == 0)
		memcpy(a.sin6_addr.s6_addr + 10, "\xff\xff\x7f\0\0\1", 6);
	return sock_connect(fd, (struct sockaddr *)&a, sizeof a);
}

static void test_ip6(void)
{
	struct sockaddr_in6 a = { .sin6_family = AF_INET6 };
	socklen_t len = sizeof a;
	int l = sock_socket(AF_INET6, SOCK_STREAM, 0), fd, conn;
	uint16_t port;

	is(sock_bind(l, (struct sockaddr *)&a, sizeof a), 0, "bind to ::");
	is(sock_listen(l, 5), 0, "listen there");
	sock_name(l, (struct sockaddr *)&a, &len, false);
	port = ntohs(a.sin6_port);
	fd = sock_socket(AF_INET6, SOCK_STREAM, 0);
	is(connect6(fd, "::1", port), 0, "connect to ::1");
	conn = sock_accept(l, (struct sockaddr *)&a, &len, 0);
	is(a.sin6_addr.s6_addr[15], 1, "from ::1");
	is(netglue_send(conn, "six", 3, 0), 3, "send");
	is(netglue_recv(fd, buf, 10, 0), 3, "receive");
	fd_remove(fd);
	fd_remove(conn);
	fd = tcp();
	is(connect_to(fd, "127.0.0.1", port), 0, "IPv4 reaches it as well");
	conn = sock_accept(l, (struct sockaddr *)&a, &len, 0);
	ok(a.sin6_addr.s6_addr[10] == 0xff && a.sin6_addr.s6_addr[12] == 127, "and looks like ::ffff:127.0.0.1");
	fd_remove(fd);
	fd_remove(conn);
	fd = sock_socket(AF_INET6, SOCK_STREAM, 0);
	is(connect6(fd, "::ffff:127.0.0.1", port), 0, "connect to a mapped address");
	fd_remove(fd);
	fd_remove(l);
	l = sock_socket(AF_INET6, SOCK_STREAM, 0);
	is(set(l, IPPROTO_IPV6, IPV6_V6ONLY, 1), 0, "IPV6_V6ONLY");
	a = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_port = htons(port) };
	is(sock_bind(l, (struct sockaddr *)&a, sizeof a), -EADDRINUSE, "a port with old connections");
	set(l, SOL_SOCKET, SO_REUSEADDR, 1);
	a.sin6_port = 0;
	sock_bind(l, (struct sockaddr *)&a, sizeof a);
	sock_listen(l, 5);
	port = port_of(l);
	fd = tcp();
	is(connect_to(fd, "127.0.0.1", port), -ECONNREFUSED, "keeps IPv4 away");
	fd_remove(fd);
	fd = sock_socket(AF_INET6, SOCK_STREAM, 0);
	set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	is(connect6(fd, "::ffff:127.0.0.1", port), -ENETUNREACH, "both ways");
	is(connect6(fd, "::1", port), 0, "but not IPv6");
	fd_remove(fd);
	fd_remove(l);
}

/* ---- Datagrams ---- */

static ssize_t send_to(int fd, const char *data, size_t len, const char *ip, uint16_t port)
{
	struct iovec v = { (void *)(uintptr_t)data, len };
	struct msghdr msg = { .msg_name = netglue_addr(ip, port), .msg_namelen = sizeof(struct sockaddr_in), .msg_iov = &v, .msg_iovlen = 1 };

	return sock_send(fd, &msg, 0);
}

static void test_udp(void)
{
	struct sockaddr_in from;
	struct iovec v = { buf, 4 };
	struct msghdr msg = { .msg_name = &from, .msg_namelen = sizeof from, .msg_iov = &v, .msg_iovlen = 1 };
	int a = udp(), b = udp();

	is(netglue_send(a, "x", 1, 0), -EDESTADDRREQ, "no destination");
	is(bind_to(b, "127.0.0.1", 5353), 0, "bind");
	is(send_to(a, "datagram", 8, "127.0.0.1", 5353), 8, "sendto");
	wait_ms(1);
	is(ready(b), POLLIN | POLLOUT, "readable");
	is(sock_recv(b, &msg, MSG_PEEK), 4, "cut to what fits");
	ok(msg.msg_flags & MSG_TRUNC, "MSG_TRUNC says so");
	is(sock_recv(b, &msg, MSG_TRUNC), 8, "MSG_TRUNC asks for the length");
	is(ntohs(from.sin_port), port_of(a), "from the sender's port");
	is(netglue_recv(b, buf, 10, MSG_DONTWAIT), -EAGAIN, "one datagram, one read");
	is(send_to(b, "", 0, "127.0.0.1", port_of(a)), 0, "an empty one");
	is(netglue_recv(a, buf, 10, 0), 0, "arrives");
	is(connect_to(a, "127.0.0.1", 5353), 0, "connect");
	is(netglue_send(a, "hi", 2, 0), 2, "send");
	is(netglue_recv(b, buf, 10, 0), 2, "arrives");
	is(send_to(a, buf, 65507, "127.0.0.1", 5353), 65507, "the longest");
	is(netglue_recv(b, buf, 70000, 0), 65507, "arrives");
	is(send_to(a, buf, 65508, "127.0.0.1", 5353), -EMSGSIZE, "one byte more");
	for (unsigned i = 0; i < 5000; i++)
		send_to(a, buf, 1000, "127.0.0.1", 5353);
	wait_ms(1);
	for (unsigned i = 0; netglue_recv(b, buf, 2000, MSG_DONTWAIT) == 1000; i++)
		if (i > 3000)
			ok(false, "a flood is cut off");
	is(sock_listen(a, 1), -EOPNOTSUPP, "no listening");
	fd_remove(a);
	fd_remove(b);
}

static void test_wire_udp(void)
{
	int a = netglue_socket(SOCK_DGRAM, 0), b = netglue_socket(SOCK_DGRAM, 1);

	bind_to(b, "10.0.0.2", 99);
	is(send_to(a, "wire", 4, "10.0.0.2", 99), 4, "over the wire");
	is(netglue_recv(b, buf, 10, 0), 4, "it arrives");
	for (size_t i = 0; i < 20000; i++)
		buf[i] = (char)(i * 7);
	is(send_to(a, buf, 20000, "10.0.0.2", 99), 20000, "in fragments");
	memset(buf, 0, 20000);
	is(netglue_recv(b, buf, 30000, 0), 20000, "put together again");
	for (size_t i = 0; i < 20000; i++)
		if (buf[i] != (char)(i * 7)) {
			ok(false, "the same");
			break;
		}
	is(send_to(a, "all", 3, "10.0.0.255", 99), -EACCES, "broadcast without SO_BROADCAST");
	set(a, SOL_SOCKET, SO_BROADCAST, 1);
	set(b, SOL_SOCKET, SO_BROADCAST, 1);
	is(send_to(a, "all", 3, "10.0.0.255", 99), 3, "and with it");
	fd_remove(a);
	fd_remove(b);
}

static void test_multicast(void)
{
	struct ip_mreq m = { .imr_multiaddr = { htonl(0xe0010203) }, .imr_interface = { htonl(0x0a000002) } };
	int a = netglue_socket(SOCK_DGRAM, 0), b = udp();

	bind_to(b, "0.0.0.0", 98);
	is(sock_setsockopt(b, IPPROTO_IP, IP_ADD_MEMBERSHIP, &m, sizeof m), 0, "IP_ADD_MEMBERSHIP");
	is(sock_setsockopt(b, IPPROTO_IP, IP_ADD_MEMBERSHIP, &m, sizeof m), -EADDRINUSE, "only once");
	is(send_to(a, "group", 5, "224.1.2.3", 98), 5, "to the group");
	is(netglue_recv(b, buf, 10, 0), 5, "a member hears it");
	is(sock_setsockopt(b, IPPROTO_IP, IP_DROP_MEMBERSHIP, &m, sizeof m), 0, "IP_DROP_MEMBERSHIP");
	send_to(a, "group", 5, "224.1.2.3", 98);
	wait_ms(5);
	is(netglue_recv(b, buf, 10, MSG_DONTWAIT), -EAGAIN, "no more");
	sock_setsockopt(b, IPPROTO_IP, IP_ADD_MEMBERSHIP, &m, sizeof m);
	fd_remove(a);
	fd_remove(b);
	wait_ms(20000);
}

static void test_raw(void)
{
	/* An echo request, RFC 792: type 8, code 0, checksum, identifier, sequence number. */
	static const uint8_t request[] = { 8, 0, 0xf7, 0xf5, 0, 7, 0, 3 };
	int fd = sock_socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
	ssize_t n = 0;

	ok(fd >= 0, "a raw socket");
	is(send_to(fd, (const char *)request, sizeof request, "127.0.0.1", 0), 8, "an echo request");
	for (unsigned i = 0; i < 3 && (n != 28 || buf[20] != 0); i++)
		n = netglue_recv(fd, buf, 100, 0);
	is(n, 28, "is answered, and shown with its IP header");
	is(buf[25], 7, "with its identifier");
	fd_remove(fd);
}

static void test_pair(void)
{
	int p[2];

	is(sock_socketpair(AF_INET, SOCK_STREAM, 0, p), -EOPNOTSUPP, "socketpair() of another family");
	is(sock_socketpair(AF_UNIX, SOCK_STREAM, 0, p), 0, "socketpair()");
	is(netglue_send(p[0], "across", 6, 0), 6, "send");
	is(netglue_recv(p[1], buf, 10, 0), 6, "receive");
	is(netglue_recv(p[1], buf, 10, MSG_DONTWAIT), -EAGAIN, "nothing more");
	fd_remove(p[0]);
	is(netglue_recv(p[1], buf, 10, 0), 0, "the end");
	is(netglue_send(p[1], "x", 1, 0), -EPIPE, "nobody there");
	fd_remove(p[1]);
}

/* ---- */

static void settle(const char *what)
{
	for (unsigned s = 0; s < 100 && netglue_held() != held; s++)
		thread_sleep(plat_now() + SECOND);
	if (!is(netglue_held(), held, what))
		printf("%s", netglue_proc("/proc/net/lwip"));
}

int main(void)
{
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
	test_reset();
	test_threads();
	settle("nothing is left of connections");
	test_options();
	test_rcvbuf();
	test_cork();
	test_ip6();
	test_udp();
	test_wire_udp();
	test_multicast();
	test_raw();
	test_pair();
	settle("nor of all the rest");
	return tap_done();
}
