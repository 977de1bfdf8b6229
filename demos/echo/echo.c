/* SPDX-License-Identifier: MIT */
/*
 * echo: gives back what it gets, on TCP and UDP port 7 (RFC 862), over IPv4 and IPv6.
 *
 * One thread and one epoll. All connections share one buffer: bytes are read into it and written
 * back at once. Only what a slow reader does not take is kept, in memory of that connection, and
 * until it is gone nothing more is read from it: TCP then holds back the sender.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define BUFFER 65536 /* the largest UDP datagram fits */
#define TCP_CHUNK 16384 /* of one read, and so the most that a slow reader costs */
#define EVENTS 64 /* in one batch */
#define UDP_BATCH 32 /* datagrams in a row before others get their turn */

/* Every descriptor that is waited for, listeners too. */
struct peer {
	int fd;
	enum { LISTEN, UDP, TCP } kind;
	char *left;          /* what the peer has not taken yet: left_len bytes from left_at on */
	size_t left_at, left_len;
};

static char buffer[BUFFER];
static int epoll_fd;
static struct peer *services[4]; /* the sockets that are there from the start */
static unsigned service_count;
static bool paused; /* the listeners are not waited for */
static volatile sig_atomic_t stop;

/* All that is safe in a handler; the loop looks at it once a second at the latest. */
static void on_signal(int sig)
{
	(void)sig;
	stop = 1;
}

static int watch(struct peer *p, int op, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = p };

	return epoll_ctl(epoll_fd, op, p->fd, &ev);
}

/* Waits for input from the start: there is never anything to write before something was read. */
static struct peer *peer_new(int fd, int kind)
{
	struct peer *p = calloc(1, sizeof *p);

	if (!p)
		return NULL;
	p->fd = fd;
	p->kind = kind;
	if (watch(p, EPOLL_CTL_ADD, EPOLLIN)) {
		free(p);
		return NULL;
	}
	return p;
}

/*
 * With no descriptor or memory left, the connections that wait to be accepted would keep
 * epoll_wait() from ever sleeping.
 */
static void pause_listeners(bool on)
{
	unsigned i;

	for (i = 0; i < service_count && paused != on; i++)
		if (services[i]->kind == LISTEN)
			watch(services[i], EPOLL_CTL_MOD, on ? 0 : EPOLLIN);
	paused = on;
}

/* Safe in the middle of a batch: epoll reports a descriptor once, and this peer's turn is now. */
static void peer_free(struct peer *p)
{
	close(p->fd);
	free(p->left);
	free(p);
	pause_listeners(false);
}

/* ---- TCP ---- */

/* Writes what there is to write. Returns how much was taken, or -1 when the connection is gone. */
static ssize_t push(struct peer *p, const char *data, size_t len)
{
	size_t done = 0;
	ssize_t n;

	while (done < len) {
		n = send(p->fd, data + done, len - done, MSG_DONTWAIT | MSG_NOSIGNAL);
		/* A signal is no reason to lose a connection: the loop ends at its next look. */
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			/* A full socket is no failure: the caller keeps the rest. */
			return errno == EAGAIN || errno == EWOULDBLOCK ? (ssize_t)done : -1;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

/* Keeps what was not taken, and waits for room instead of for data. */
static int keep(struct peer *p, const char *data, size_t len)
{
	p->left = malloc(len);
	if (!p->left)
		return -1;
	memcpy(p->left, data, len);
	p->left_at = 0;
	p->left_len = len;
	return watch(p, EPOLL_CTL_MOD, EPOLLOUT);
}

/* One read, one write. Returns -1 when the connection is over. */
static int tcp_readable(struct peer *p)
{
	ssize_t n = recv(p->fd, buffer, TCP_CHUNK, MSG_DONTWAIT), sent;

	if (n < 0)
		return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? 0 : -1;
	/* An end of the other half only: our half follows, once all is given back. */
	if (!n)
		return -1; /* all that came was given back: close() sends our end after it */
	sent = push(p, buffer, (size_t)n);
	if (sent < 0)
		return -1;
	return sent < n ? keep(p, buffer + sent, (size_t)(n - sent)) : 0;
}

/*
 * Back to input once all is taken. The memory is let go rather than kept for the next time: a peer
 * that is slow once need not cost 16 KiB for as long as it is connected.
 */
static int tcp_writable(struct peer *p)
{
	ssize_t n = push(p, p->left + p->left_at, p->left_len);

	if (n < 0)
		return -1;
	p->left_at += (size_t)n;
	p->left_len -= (size_t)n;
	if (p->left_len)
		return 0;
	free(p->left);
	p->left = NULL;
	return watch(p, EPOLL_CTL_MOD, EPOLLIN);
}

/* ---- UDP ---- */

/* The port of a sender in host order. */
static unsigned port_of(const struct sockaddr_storage *a)
{
	if (a->ss_family == AF_INET6)
		return ntohs(((const struct sockaddr_in6 *)(const void *)a)->sin6_port);
	return ntohs(((const struct sockaddr_in *)(const void *)a)->sin_port);
}

/*
 * Low ports get no answer: with a forged sender, two echo services would answer each other for
 * ever. What the network does not take is lost, as datagrams may be.
 */
static void udp_readable(struct peer *p)
{
	struct sockaddr_storage from;
	socklen_t len;
	ssize_t n;
	int i;

	for (i = 0; i < UDP_BATCH; i++) {
		len = sizeof from;
		n = recvfrom(p->fd, buffer, sizeof buffer, MSG_DONTWAIT, (struct sockaddr *)&from, &len);
		if (n < 0)
			return;
		if (port_of(&from) >= 1024)
			sendto(p->fd, buffer, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *)&from, len);
	}
}

/* ---- the rest ---- */

/*
 * One for each event: what else waits is told again, as epoll is level-triggered. A failure of
 * another kind (the peer has gone already) concerns that connection only.
 */
static void accept_one(struct peer *listener)
{
	int one = 1, fd = accept(listener->fd, NULL, NULL);

	if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS))
		pause_listeners(true);
	if (fd < 0)
		return;
	/* A small echo shall not wait for the acknowledgement of the one before (Nagle). */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	if (!peer_new(fd, TCP))
		close(fd);
}

/*
 * What waits for room has its own branch; a connection that failed meanwhile has nobody to write
 * to.
 */
static void handle(struct peer *p, uint32_t events)
{
	int rc = 0;

	if (p->kind == LISTEN)
		accept_one(p);
	else if (p->kind == UDP)
		udp_readable(p);
	else if (p->left)
		rc = events & (EPOLLERR | EPOLLHUP) ? -1 : tcp_writable(p);
	else
		rc = tcp_readable(p);
	if (rc)
		peer_free(p);
}

/* One socket for one family. Returns 0, or -1 with errno. */
static int serve(int family, int type, uint16_t port)
{
	struct sockaddr_in in4 = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	struct sockaddr *addr = family == AF_INET ? (struct sockaddr *)&in4 : (struct sockaddr *)&in6;
	socklen_t len = family == AF_INET ? sizeof in4 : sizeof in6;
	int one = 1, fd = socket(family, type, 0);
	struct peer *p;

	if (fd < 0)
		return -1;
	/* IPv4 has a socket of its own: this one need not, and on some systems cannot, serve both. */
	if (family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
	if (type == SOCK_STREAM)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (fcntl(fd, F_SETFL, O_NONBLOCK) || bind(fd, addr, len) || (type == SOCK_STREAM && listen(fd, 1024))
	    || !(p = peer_new(fd, type == SOCK_STREAM ? LISTEN : UDP))) {
		close(fd);
		return -1;
	}
	services[service_count++] = p;
	return 0;
}

/*
 * The tick is for a signal that comes between the look at `stop` and the wait, and for listeners
 * that pause.
 */
static void loop(void)
{
	struct epoll_event ev[EVENTS];
	int i, n;

	while (!stop) {
		n = epoll_wait(epoll_fd, ev, EVENTS, 1000);
		if (!n)
			pause_listeners(false);
		for (i = 0; i < n; i++)
			handle(ev[i].data.ptr, ev[i].events);
	}
	while (service_count) {
		close(services[--service_count]->fd);
		free(services[service_count]);
	}
}

/* The port on the command line, 7 without one, 0 for nonsense. */
static uint16_t port_from(int argc, char **argv)
{
	char *end;
	long n;

	if (argc == 1)
		return 7;
	if (argc != 3 || strcmp(argv[1], "-p"))
		return 0;
	/* 0 is what the caller takes for nonsense, so the empty word needs no check of its own. */
	n = strtol(argv[2], &end, 10);
	return !*end && n > 0 && n < 65536 ? (uint16_t)n : 0;
}

int main(int argc, char **argv)
{
	uint16_t port = port_from(argc, argv);

	if (!port) {
		fprintf(stderr, "usage: echo [-p PORT]\n");
		return 2;
	}
	signal(SIGTERM, on_signal);
	signal(SIGINT, on_signal);
	/* A peer that has gone is an error of send(), not the end of the server. */
	signal(SIGPIPE, SIG_IGN);
	epoll_fd = epoll_create1(0);
	if (epoll_fd < 0 || serve(AF_INET, SOCK_STREAM, port) || serve(AF_INET, SOCK_DGRAM, port)) {
		fprintf(stderr, "echo: port %u: %s\n", port, strerror(errno));
		return 1;
	}
	/* A machine without IPv6 still has an echo. */
	if (serve(AF_INET6, SOCK_STREAM, port) || serve(AF_INET6, SOCK_DGRAM, port))
		fprintf(stderr, "echo: no IPv6: %s\n", strerror(errno));
	printf("echo: port %u, TCP and UDP\n", port);
	/* Who waits for this line reads it from a pipe, which stdio would buffer. */
	fflush(stdout);
	loop();
	return 0;
}
