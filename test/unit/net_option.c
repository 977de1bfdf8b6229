/* SPDX-License-Identifier: MIT */
/*
 * Sockets as programs see them: options, IPv6, datagrams, groups, raw sockets, pairs. Connections: net_sock.c.
 *
 * Results are counts or negative errnos, as sock.h has them.
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
#include "test/unit/net_calls.h"

static char buf[300000];

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
	if (netglue_recv(p[1], buf, 100, 0) == 4) { /* lwIP's slow tick has met it, and will not again for a while */
		netglue_send(p[0], "more", 4, MSG_MORE);
		wait_ms(5);
	}
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

/* Servers set these without asking whether they do anything, and some read them back. */
static void test_idle_options(void)
{
	static const int names[] = { TCP_QUICKACK, TCP_DEFER_ACCEPT, TCP_USER_TIMEOUT, TCP_FASTOPEN, TCP_SYNCNT, TCP_LINGER2 };
	int fd = tcp();

	for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
		is(set(fd, IPPROTO_TCP, names[i], 3), 0, "an option without effect can be set");
		ok(get(fd, IPPROTO_TCP, names[i]) >= 0, "and read");
	}
	fd_remove(fd);
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
	is(netglue_send(p[0], "peek", 4, 0), 4, "send again");
	is(netglue_recv(p[1], buf, 10, MSG_PEEK), 4, "MSG_PEEK sees it");
	is(netglue_recv(p[1], buf, 10, MSG_DONTWAIT), 4, "and leaves it there");
	fd_remove(p[0]);
	is(netglue_recv(p[1], buf, 10, 0), 0, "the end");
	is(netglue_send(p[1], "x", 1, 0), -EPIPE, "nobody there");
	fd_remove(p[1]);
}

static void test_pair_calls(void)
{
	struct timeval tv = { .tv_usec = 5000 };
	struct sockaddr_storage addr;
	socklen_t len = sizeof addr;
	int p[2];

	is(sock_socketpair(AF_UNIX, SOCK_STREAM, 0, p), 0, "another pair");
	ok(sock_name(p[0], (struct sockaddr *)&addr, &len, false) == 0 && len == 2 && addr.ss_family == AF_UNIX, "has an empty name");
	is(get(p[0], SOL_SOCKET, SO_TYPE), SOCK_STREAM, "SO_TYPE");
	is(get(p[0], SOL_SOCKET, SO_DOMAIN), AF_UNIX, "SO_DOMAIN");
	is(get(p[0], SOL_SOCKET, SO_ERROR), 0, "SO_ERROR");
	is(set(p[0], SOL_SOCKET, SO_SNDBUF, 4096), 0, "SO_SNDBUF is taken");
	is(set(p[0], SOL_SOCKET, 12345, 1), -ENOPROTOOPT, "an option that is none");
	is(sock_setsockopt(p[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv), 0, "SO_RCVTIMEO");
	is(netglue_recv(p[0], buf, 10, 0), -EAGAIN, "ends a wait");
	is(sock_listen(p[0], 1), -EINVAL, "listen() is EINVAL");
	is(connect_to(p[0], "127.0.0.1", 80), -EISCONN, "connect() is EISCONN");
	is(sock_shutdown(p[0], 7), -EINVAL, "shutdown() of nothing");
	is(netglue_send(p[0], "last", 4, 0), 4, "some last words");
	is(sock_shutdown(p[0], SHUT_WR), 0, "shutdown() of writing");
	is(netglue_send(p[0], "x", 1, 0), -EPIPE, "no more can be sent");
	is(ready(p[1]), POLLIN | POLLOUT | POLLRDHUP, "the peer sees that");
	is(netglue_recv(p[1], buf, 10, MSG_WAITALL), 4, "reads what was sent");
	is(netglue_recv(p[1], buf, 10, 0), 0, "and the end");
	is(netglue_send(p[1], "back", 4, 0), 4, "the other way goes on");
	is(sock_shutdown(p[0], SHUT_RD), 0, "until it is shut too");
	is(netglue_send(p[1], "x", 1, 0), -EPIPE, "then no more");
	is(ready(p[1]), POLLIN | POLLOUT | POLLRDHUP | POLLHUP, "both ways: POLLHUP");
	fd_remove(p[0]);
	is(netglue_recv(p[1], buf, 10, 0), -ECONNRESET, "what nobody read is told to who sent it");
	is(netglue_recv(p[1], buf, 10, 0), 0, "once");
	fd_remove(p[1]);
}

static void test_udp_shutdown(void)
{
	int fd = udp();

	is(sock_shutdown(fd, SHUT_WR), -ENOTCONN, "shutdown() of a datagram socket without a peer");
	fd_remove(fd);
	fd = udp();
	is(connect_to(fd, "127.0.0.1", 9), 0, "with one");
	is(sock_shutdown(fd, SHUT_RD), 0, "is done");
	is(netglue_recv(fd, buf, 10, 0), 0, "nobody waits for datagrams then");
	is(netglue_recv(fd, buf, 10, MSG_DONTWAIT), -EAGAIN, "nor is told of an end who does not wait");
	is(ready(fd), POLLIN | POLLOUT | POLLRDHUP, "poll() says so");
	is(sock_shutdown(fd, SHUT_WR), 0, "the other half");
	is(netglue_send(fd, "x", 1, 0), -EPIPE, "and nothing is sent");
	ok(ready(fd) & POLLHUP, "POLLHUP");
	fd_remove(fd);
}

int main(void)
{
	long held;

	fake_boot();
	netglue_wire();
	wait_ms(2000);
	held = netglue_held();
	test_options();
	test_rcvbuf();
	test_cork();
	test_ip6();
	test_udp();
	test_wire_udp();
	test_multicast();
	test_idle_options();
	test_raw();
	test_pair();
	test_pair_calls();
	test_udp_shutdown();
	settle(held, "nothing is left of all that");
	return tap_done();
}
