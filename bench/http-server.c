/* SPDX-License-Identifier: MIT */
/*
 * The static epoll server that bench/run compares with: one thread, keep-alive, pipelining, the same
 * response to every request head. It does the least a server can do, so what it gives in a guest is
 * what the guest's kernel gives. Runs in the Linux guest, on the host and, built with pith-cc, in pith.
 *
 * usage: http-server PORT BODY-BYTES
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define CLIENTS 1024
#define EVENTS 128

/* How much of "\r\n\r\n" each descriptor has shown so far. */
static unsigned char matched[CLIENTS];
static char reply[1 << 16];
static size_t reply_len;

static int fail(const char *what)
{
	fprintf(stderr, "http-server: %s: %s\n", what, strerror(errno));
	return 1;
}

static void make_reply(size_t body)
{
	int n = snprintf(reply, 512, "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %zu\r\n\r\n", body);

	memset(reply + n, 'x', body);
	reply_len = (size_t)n + body;
}

static int listen_on(unsigned short port)
{
	int one = 1, s = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port) };

	if (s < 0 || setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)))
		return -1;
	if (bind(s, (struct sockaddr *)&a, sizeof(a)) || listen(s, 128) || fcntl(s, F_SETFL, O_NONBLOCK))
		return -1;
	return s;
}

static bool watch(int ep, int fd)
{
	struct epoll_event e = { .events = EPOLLIN, .data.fd = fd };

	return epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e) == 0;
}

static void take_clients(int ep, int listener)
{
	int one = 1, fd;

	while ((fd = accept(listener, NULL, NULL)) >= 0) {
		if (fd >= CLIENTS || fcntl(fd, F_SETFL, O_NONBLOCK) || !watch(ep, fd)) {
			close(fd);
			continue;
		}
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		matched[fd] = 0;
	}
}

/* Counts the request heads that end in buf. */
static unsigned heads(int fd, const char *buf, ssize_t len)
{
	unsigned count = 0;

	for (ssize_t i = 0; i < len; i++) {
		unsigned m = matched[fd];

		if (buf[i] == "\r\n\r\n"[m])
			m++;
		else
			m = buf[i] == '\r';
		count += m == 4;
		matched[fd] = m & 3;
	}
	return count;
}

/* Sends count replies. A client that does not read is waited for: it is a benchmark's client. */
static bool answer(int fd, unsigned count)
{
	while (count--) {
		size_t off = 0;

		while (off < reply_len) {
			ssize_t n = write(fd, reply + off, reply_len - off);

			if (n > 0)
				off += (size_t)n;
			else if (errno != EAGAIN)
				return false;
		}
	}
	return true;
}

static void serve(int fd)
{
	static char buf[1 << 16];
	ssize_t n = read(fd, buf, sizeof(buf));

	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0 || !answer(fd, heads(fd, buf, n)))
		close(fd);
}

int main(int argc, char **argv)
{
	struct epoll_event events[EVENTS];
	int port = argc > 1 ? atoi(argv[1]) : 80, body = argc > 2 ? atoi(argv[2]) : 612, listener, ep, n;

	if (port < 1 || port > 65535 || body < 0 || (size_t)body > sizeof(reply) - 512) {
		fprintf(stderr, "usage: http-server PORT BODY-BYTES\n");
		return 2;
	}
	make_reply((size_t)body);
	listener = listen_on((unsigned short)port);
	if (listener < 0)
		return fail("listen");
	ep = epoll_create1(0);
	if (ep < 0 || !watch(ep, listener))
		return fail("epoll");
	printf("http-server: listening on port %d\n", port);
	fflush(stdout);
	while ((n = epoll_wait(ep, events, EVENTS, -1)) >= 0 || errno == EINTR) {
		for (int i = 0; i < n; i++) {
			if (events[i].data.fd == listener)
				take_clients(ep, listener);
			else
				serve(events[i].data.fd);
		}
	}
	return fail("epoll_wait");
}
