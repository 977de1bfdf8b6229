/* SPDX-License-Identifier: MIT */
/*
 * Calls of sock.h in the shape that tests of sockets want. For net_sock.c and net_option.c.
 */
#ifndef TEST_UNIT_NET_CALLS_H
#define TEST_UNIT_NET_CALLS_H

#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>

#include "core/plat.h"
#include "libc-glue/fd.h"
#include "libc-glue/sock.h"
#include "test/fake/netglue.h"
#include "test/tap.h"

#define MS 1000000ull
#define SECOND (1000 * MS)

static inline int set(int fd, int level, int name, int value)
{
	return sock_setsockopt(fd, level, name, &value, sizeof value);
}

static inline int get(int fd, int level, int name)
{
	int value = -12345;
	socklen_t len = sizeof value;
	int rc = sock_getsockopt(fd, level, name, &value, &len);

	return rc ? rc : value;
}

static inline unsigned ready(int fd)
{
	struct fd_file *f = fd_get(fd);
	unsigned events = fd_ready(f);

	fd_put(f);
	return events;
}

static inline void set_nonblocking(int fd)
{
	struct fd_file *f = fd_get(fd);

	f->flags |= O_NONBLOCK;
	fd_put(f);
}

static inline uint16_t port_of(int fd)
{
	struct sockaddr_in6 a; /* the port of a struct sockaddr_in lies in the same place */
	socklen_t len = sizeof a;

	sock_name(fd, (struct sockaddr *)&a, &len, false);
	return ntohs(a.sin6_port);
}

static inline int bind_to(int fd, const char *ip, uint16_t port)
{
	return sock_bind(fd, (struct sockaddr *)netglue_addr(ip, port), sizeof(struct sockaddr_in));
}

static inline int connect_to(int fd, const char *ip, uint16_t port)
{
	return sock_connect(fd, (struct sockaddr *)netglue_addr(ip, port), sizeof(struct sockaddr_in));
}

static inline int tcp(void)
{
	return sock_socket(AF_INET, SOCK_STREAM, 0);
}

static inline int udp(void)
{
	return sock_socket(AF_INET, SOCK_DGRAM, 0);
}

static inline int listener(int backlog)
{
	int fd = tcp();

	bind_to(fd, "127.0.0.1", 0);
	sock_listen(fd, backlog);
	return fd;
}

static inline void wait_ms(unsigned ms)
{
	thread_sleep(plat_now() + ms * MS);
}

/* Waits until the stack holds no more than it held; what it does hold is shown where that never comes. */
static inline void settle(long held, const char *what)
{
	for (unsigned s = 0; s < 100 && netglue_held() != held; s++)
		thread_sleep(plat_now() + SECOND);
	if (!is(netglue_held(), held, what))
		printf("%s", netglue_proc("/proc/net/lwip"));
}

#endif
