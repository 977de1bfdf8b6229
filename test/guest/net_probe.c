/* SPDX-License-Identifier: MIT */
/*
 * The network from a program's side, in plain C: resolves names, connects, sends, listens, as its
 * arguments say, and prints lines of `word: value`. network.py is at the other end.
 *
 * usage: net_probe resolve NAME [PORT] | tcp ADDRESS PORT TEXT | udp ADDRESS PORT TEXT | loopback | self
 * test/run: driven by network.py.
 */
#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void print_address(const char *word, const struct sockaddr *sa, socklen_t len)
{
	char host[64], port[8];

	if (getnameinfo(sa, len, host, sizeof(host), port, sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV))
		printf("%s: ?\n", word);
	else
		printf("%s: %s port %s\n", word, host, port);
}

static int do_resolve(int argc, char **argv)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list, *a;
	int rc = getaddrinfo(argv[2], argc > 3 ? argv[3] : NULL, &hints, &list);

	if (rc) {
		printf("resolve: %s\n", gai_strerror(rc));
		return 1;
	}
	for (a = list; a; a = a->ai_next)
		print_address("address", a->ai_addr, a->ai_addrlen);
	freeaddrinfo(list);
	return 0;
}

/* A connected socket to argv[2] port argv[3], or -1 with errno set. */
static int reach(char **argv, int type)
{
	struct addrinfo hints = { .ai_socktype = type }, *list;
	int fd, rc = getaddrinfo(argv[2], argv[3], &hints, &list);

	if (rc) {
		printf("resolve: %s\n", gai_strerror(rc));
		return -1;
	}
	fd = socket(list->ai_family, type, 0);
	if (fd >= 0 && connect(fd, list->ai_addr, list->ai_addrlen)) {
		int why = errno;

		close(fd);
		errno = why;
		fd = -1;
	}
	freeaddrinfo(list);
	return fd;
}

/* Sends the text, shuts down sending, and prints what comes back. */
static int converse(int argc, char **argv, int type)
{
	double start = now();
	char buf[2048];
	ssize_t n;
	int fd = argc > 4 ? reach(argv, type) : -1;

	if (fd < 0) {
		printf("connect: %s after %.1f s\n", strerror(errno), now() - start);
		return 1;
	}
	if (send(fd, argv[4], strlen(argv[4]), 0) < 0)
		printf("send: %s\n", strerror(errno));
	if (type == SOCK_STREAM)
		shutdown(fd, SHUT_WR);
	while ((n = recv(fd, buf, sizeof(buf) - 1, 0)) > 0) {
		buf[n] = '\0';
		printf("answer: %s\n", buf);
		if (type == SOCK_DGRAM)
			break;
	}
	if (n < 0)
		printf("recv: %s\n", strerror(errno));
	close(fd);
	return n < 0;
}

static int do_tcp(int argc, char **argv)
{
	return converse(argc, argv, SOCK_STREAM);
}

static int do_udp(int argc, char **argv)
{
	return converse(argc, argv, SOCK_DGRAM);
}

/* Gives back what it gets, once. */
static void *echo_once(void *listener)
{
	int fd = accept((int)(intptr_t)listener, NULL, NULL);
	char buf[1024];
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) > 0)
		if (write(fd, buf, (size_t)n) != n)
			break;
	close(fd);
	return NULL;
}

/* A server and a client in one program: nothing leaves the machine. */
static int do_loopback(int argc, char **argv)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(4000) };
	int s = socket(AF_INET, SOCK_STREAM, 0);
	pthread_t t;
	char *words[] = { argv[0], argv[1], "127.0.0.1", "4000", "to myself" };
	int rc;

	(void)argc;
	if (s < 0 || bind(s, (struct sockaddr *)&a, sizeof(a)) || listen(s, 1)) {
		printf("loopback: %s\n", strerror(errno));
		return 1;
	}
	pthread_create(&t, NULL, echo_once, (void *)(intptr_t)s);
	rc = converse(5, words, SOCK_STREAM);
	pthread_join(t, NULL);
	close(s);
	return rc;
}

/* The address that a datagram to the world would leave with. */
static int do_self(int argc, char **argv)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(9) };
	struct sockaddr_storage own;
	socklen_t len = sizeof(own);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	inet_pton(AF_INET, argc > 2 ? argv[2] : "10.0.0.1", &to.sin_addr);
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) || getsockname(fd, (struct sockaddr *)&own, &len)) {
		printf("self: %s\n", strerror(errno));
		return 1;
	}
	print_address("self", (struct sockaddr *)&own, len);
	close(fd);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*go)(int argc, char **argv);
		int least;
	} actions[] = {
		{ "resolve", do_resolve, 3 }, { "tcp", do_tcp, 5 }, { "udp", do_udp, 5 }, { "loopback", do_loopback, 2 }, { "self", do_self, 2 },
	};

	for (size_t i = 0; argc > 1 && i < sizeof(actions) / sizeof(actions[0]); i++)
		if (!strcmp(actions[i].name, argv[1]) && argc >= actions[i].least)
			return actions[i].go(argc, argv);
	printf("usage: net_probe resolve NAME [PORT] | tcp ADDRESS PORT TEXT | udp ADDRESS PORT TEXT | loopback | self [ADDRESS]\n");
	return 2;
}
