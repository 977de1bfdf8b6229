/* SPDX-License-Identifier: MIT */
/*
 * Opens and ends many TCP connections to a web server, each in one of the ways in which they end:
 * the client closes after the response, the server closes, the client resets before asking, after half a
 * request, or with the response unread. Counts what was answered and what was not. many.py reads the line it prints.
 *
 * usage: load ADDRESS PORT CONNECTIONS AT-ONCE
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define AT_ONCE_MAX 512

enum way { CLIENT_CLOSES, SERVER_CLOSES, RESET_AT_ONCE, RESET_HALF, RESET_UNREAD, WAYS };

struct conn {
	int fd;
	enum way way;
	bool asked;
	size_t got;
	time_t started;
};

static struct conn conns[AT_ONCE_MAX];
static struct sockaddr_in server;
static int ep;
static long to_start, running, answered, reset, failed;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void start(struct conn *c)
{
	struct epoll_event e = { .events = EPOLLOUT, .data.ptr = c };

	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	c->way = (enum way)(to_start-- % WAYS);
	c->asked = false;
	c->got = 0;
	c->started = time(NULL);
	running++;
	if (c->fd < 0 || (connect(c->fd, (struct sockaddr *)&server, sizeof(server)) && errno != EINPROGRESS)) {
		perror("connect");
		exit(1);
	}
	epoll_ctl(ep, EPOLL_CTL_ADD, c->fd, &e);
}

static void end(struct conn *c, long *counter)
{
	struct linger at_once = { .l_onoff = 1, .l_linger = 0 };

	if (c->way >= RESET_AT_ONCE)
		setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(c->fd);
	c->fd = -1;
	running--;
	++*counter;
	if (to_start > 0)
		start(c);
}

static void ask(struct conn *c)
{
	static const char keep[] = "GET /bench.html HTTP/1.1\r\nHost: x\r\n\r\n";
	static const char once[] = "GET /bench.html HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = c };
	const char *text = c->way == SERVER_CLOSES ? once : keep;
	size_t len = c->way == RESET_HALF ? 20 : strlen(text);

	if (c->way == RESET_AT_ONCE) {
		end(c, &reset);
		return;
	}
	if (send(c->fd, text, len, MSG_NOSIGNAL) != (ssize_t)len) {
		end(c, &failed);
		return;
	}
	if (c->way == RESET_HALF || c->way == RESET_UNREAD) {
		end(c, &reset);
		return;
	}
	c->asked = true;
	epoll_ctl(ep, EPOLL_CTL_MOD, c->fd, &e);
}

/* The response has 612 bytes of body; how long its head is does not matter here. */
static void take(struct conn *c)
{
	char buf[4096];
	ssize_t n = recv(c->fd, buf, sizeof(buf), 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0)
		c->got += (size_t)n;
	if (n <= 0)
		end(c, c->way == SERVER_CLOSES && n == 0 && c->got > 612 ? &answered : &failed);
	else if (c->way == CLIENT_CLOSES && c->got > 612)
		end(c, &answered);
}

static void turn(struct conn *c, unsigned events)
{
	int error = 0;
	socklen_t len = sizeof(error);

	if (!c->asked) {
		getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &len);
		if (error || events & EPOLLERR)
			end(c, &failed);
		else
			ask(c);
	} else {
		take(c);
	}
}

static void give_up_old(int at_once)
{
	for (int i = 0; i < at_once; i++)
		if (conns[i].fd >= 0 && time(NULL) - conns[i].started > 60)
			end(&conns[i], &failed);
}

int main(int argc, char **argv)
{
	int at_once = argc > 4 ? atoi(argv[4]) : 0;
	struct epoll_event events[64];
	double began = now();

	if (at_once < 1 || at_once > AT_ONCE_MAX || inet_pton(AF_INET, argv[1], &server.sin_addr) != 1) {
		fprintf(stderr, "usage: load ADDRESS PORT CONNECTIONS AT-ONCE\n");
		return 2;
	}
	server.sin_family = AF_INET;
	server.sin_port = htons((unsigned short)atoi(argv[2]));
	to_start = atol(argv[3]);
	ep = epoll_create1(0);
	for (int i = 0; i < at_once; i++)
		conns[i].fd = -1;
	for (int i = 0; i < at_once && to_start > 0; i++)
		start(&conns[i]);
	while (running > 0) {
		int n = epoll_wait(ep, events, 64, 1000);

		for (int i = 0; i < n; i++)
			turn(events[i].data.ptr, events[i].events);
		if (n <= 0)
			give_up_old(at_once);
	}
	printf("answered %ld reset %ld failed %ld seconds %.1f\n", answered, reset, failed, now() - began);
	return failed != 0;
}
