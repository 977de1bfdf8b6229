/* SPDX-License-Identifier: MIT */
/*
 * What libc-glue's network needs of the rest of libc-glue, for tests on the desk. Read netglue.h first.
 */
#include "test/fake/netglue.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "libc-glue/fd.h"
#include "libc-glue/sock.h"
#include "test/fake/fake.h"

/* By netglue.lds. */
extern void (*const __init_early_start[])(void);
extern void (*const __init_early_end[])(void);

static struct procfs_file *files;

/* Clang's sanitizer puts red zones, all zeros, between the pointers. */
__attribute__((no_sanitize("address"))) void netglue_start(void)
{
	for (void (*const *fn)(void) = __init_early_start; fn < __init_early_end; fn++)
		if (*fn)
			(*fn)();
}

void procfs_add(struct procfs_file *file)
{
	file->next = files;
	files = file;
}

int signal_wait(struct waitq *q, uint64_t deadline)
{
	return waitq_wait(q, deadline);
}

const char *netglue_proc(const char *path)
{
	static char text[65536];

	text[0] = '\0';
	for (struct procfs_file *f = files; f; f = f->next)
		if (strcmp(f->path, path) == 0)
			f->print(text, sizeof text);
	return text;
}

long netglue_number(const char *path, const char *name)
{
	const char *line = netglue_proc(path);
	size_t len = strlen(name);
	long value;

	for (; line && *line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, name, len) == 0 && line[len] == ' ' && sscanf(line + len, "%ld", &value) == 1)
			return value;
	}
	return -1;
}

long netglue_held(void)
{
	const char *line = netglue_proc("/proc/net/lwip");
	char name[64];
	long value, sum = 0;

	for (; line && *line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (sscanf(line, "%63s %ld", name, &value) != 2 || strcmp(name, "arena_used") == 0)
			continue;
		if (strstr(name, "_used") || strstr(name, "_lent") || strstr(name, "_waiting"))
			sum += value;
	}
	return sum;
}

struct sockaddr_in *netglue_addr(const char *ip, uint16_t port)
{
	static struct sockaddr_in a;
	unsigned b[4];

	a = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(port) };
	if (sscanf(ip, "%u.%u.%u.%u", &b[0], &b[1], &b[2], &b[3]) != 4)
		fake_wrong("%s is no address", ip);
	a.sin_addr.s_addr = htonl(b[0] << 24 | b[1] << 16 | b[2] << 8 | b[3]);
	return &a;
}

ssize_t netglue_send(int fd, const void *buf, size_t len, int flags)
{
	struct iovec v = { (void *)(uintptr_t)buf, len };
	struct msghdr msg = { .msg_iov = &v, .msg_iovlen = 1 };

	return sock_send(fd, &msg, flags);
}

ssize_t netglue_recv(int fd, void *buf, size_t len, int flags)
{
	struct iovec v = { buf, len };
	struct msghdr msg = { .msg_iov = &v, .msg_iovlen = 1 };

	return sock_recv(fd, &msg, flags);
}

/* n interfaces, and words before the command line that is there. */
static void start_with(unsigned n, const char *words)
{
	static char line[4096];

	snprintf(line, sizeof line, "%s %s", words, fake.cmdline ? fake.cmdline : "");
	fake.cmdline = line;
	for (unsigned i = 0; i < FAKE_NICS; i++)
		fake_nic[i].absent = i >= n;
	netglue_start();
}

void netglue_wire(void)
{
	start_with(2, "ip0=10.0.0.1/24 ip1=10.0.0.2/24 ip60=off ip61=off");
}

void netglue_host(void)
{
	start_with(1, "ip=10.0.0.1/24,gw=10.0.0.9 ip6=off");
}

int netglue_socket(int type, unsigned n)
{
	int fd = sock_socket(AF_INET, type, 0);
	char name[8];

	snprintf(name, sizeof name, "nic%u", n);
	if (fd < 0 || sock_setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, (socklen_t)strlen(name)))
		fake_wrong("netglue_socket(%u): %d", n, fd);
	return fd;
}

static void connect_pair(int l, const char *ip, int fds[2])
{
	struct sockaddr_in a;
	socklen_t len = sizeof a;
	int rc;

	if (sock_bind(l, (struct sockaddr *)netglue_addr(ip, 0), sizeof a) || sock_listen(l, 1) ||
	    sock_name(l, (struct sockaddr *)&a, &len, false))
		fake_wrong("a listener on %s", ip);
	rc = sock_connect(fds[0], (struct sockaddr *)&a, sizeof a);
	fds[1] = sock_accept(l, NULL, NULL, 0);
	if (rc || fds[1] < 0)
		fake_wrong("a connection to %s: %d, %d", ip, rc, fds[1]);
	fd_remove(l);
}

void netglue_pair(const char *ip, int fds[2])
{
	fds[0] = sock_socket(AF_INET, SOCK_STREAM, 0);
	connect_pair(sock_socket(AF_INET, SOCK_STREAM, 0), ip, fds);
}

void netglue_wire_pair(int fds[2])
{
	fds[0] = netglue_socket(SOCK_STREAM, 0);
	connect_pair(netglue_socket(SOCK_STREAM, 1), "10.0.0.2", fds);
}
