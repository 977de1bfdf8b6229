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

void netglue_start(void)
{
	for (void (*const *fn)(void) = __init_early_start; fn < __init_early_end; fn++)
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

void netglue_pair(const char *ip, int fds[2])
{
	struct sockaddr_in a;
	socklen_t len = sizeof a;
	int l = sock_socket(AF_INET, SOCK_STREAM, 0);

	fds[0] = sock_socket(AF_INET, SOCK_STREAM, 0);
	if (sock_bind(l, (struct sockaddr *)netglue_addr(ip, 0), sizeof a) || sock_listen(l, 1) ||
	    sock_name(l, (struct sockaddr *)&a, &len, false) || sock_connect(fds[0], (struct sockaddr *)&a, sizeof a))
		fake_wrong("netglue_pair(%s)", ip);
	fds[1] = sock_accept(l, NULL, NULL, 0);
	if (fds[1] < 0)
		fake_wrong("netglue_pair(%s): accept: %d", ip, fds[1]);
	fd_remove(l);
}
