/* SPDX-License-Identifier: MIT */
/*
 * Trouble for a demo under test: linked in with --wrap, it comes between the program and its C library.
 *
 * PITH_FAULTS=short:SEED  reads and writes move less than asked for, or are interrupted, or must come again
 * PITH_FAULTS=memory:SEED one allocation in six fails, once the program waits for the first time
 * PITH_PROC=FOLDER        stands for /proc, as far as open() goes
 *
 * demo.py links it and sets the variable. The sequence is the seed's; nothing here depends on time.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

ssize_t __real_read(int fd, void *buf, size_t n);
ssize_t __real_pread(int fd, void *buf, size_t n, off_t at);
ssize_t __real_send(int fd, const void *buf, size_t n, int flags);
ssize_t __real_recv(int fd, void *buf, size_t n, int flags);
ssize_t __real_writev(int fd, const struct iovec *v, int n);
ssize_t __real_sendmsg(int fd, const struct msghdr *m, int flags);
ssize_t __real_sendfile(int out, int in, off_t *at, size_t n);
void *__real_malloc(size_t n);
void *__real_calloc(size_t a, size_t b);
void *__real_realloc(void *p, size_t n);
int __real_open(const char *name, int flags, ...);
int __real_epoll_wait(int epoll, struct epoll_event *v, int max, int ms);
ssize_t __wrap_read(int fd, void *buf, size_t n);
ssize_t __wrap_pread(int fd, void *buf, size_t n, off_t at);
ssize_t __wrap_send(int fd, const void *buf, size_t n, int flags);
ssize_t __wrap_recv(int fd, void *buf, size_t n, int flags);
ssize_t __wrap_writev(int fd, const struct iovec *v, int n);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *m, int flags);
ssize_t __wrap_sendfile(int out, int in, off_t *at, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t a, size_t b);
void *__wrap_realloc(void *p, size_t n);
int __wrap_open(const char *name, int flags, ...);
int __wrap_epoll_wait(int epoll, struct epoll_event *v, int max, int ms);

static enum { NONE, SHORT, MEMORY } kind;
static bool started;
static uint64_t state;

/* Before main(), so that the first call already knows. */
__attribute__((constructor)) static void choose(void)
{
	const char *s = getenv("PITH_FAULTS");

	kind = !s ? NONE : !strncmp(s, "short:", 6) ? SHORT : !strncmp(s, "memory:", 7) ? MEMORY : NONE;
	if (kind != NONE)
		state = strtoull(strchr(s, ':') + 1, NULL, 10) * 2 + 1;
}

/* Up to n - 1, from a multiplicative generator: the low bits are poor, so they are not used. */
static unsigned draw(unsigned n)
{
	state = state * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(state >> 33) % n;
}

/* Whether a call shall fail, with errno; else *n is how much it may move. */
static bool spoil(size_t *n)
{
	if (kind != SHORT || !*n)
		return false;
	if (!draw(8)) {
		errno = draw(2) ? EAGAIN : EINTR;
		return true;
	}
	if (draw(2))
		*n = 1 + draw(*n < 64 || draw(2) ? (unsigned)(*n < 64 ? *n : 64) : (unsigned)*n);
	return false;
}

ssize_t __wrap_read(int fd, void *buf, size_t n)
{
	return spoil(&n) ? -1 : __real_read(fd, buf, n);
}

/* A file never asks to come again: it is only short. */
ssize_t __wrap_pread(int fd, void *buf, size_t n, off_t at)
{
	return __real_pread(fd, buf, kind == SHORT && n > 1 ? 1 + draw((unsigned)n) : n, at);
}

ssize_t __wrap_send(int fd, const void *buf, size_t n, int flags)
{
	return spoil(&n) ? -1 : __real_send(fd, buf, n, flags);
}

ssize_t __wrap_recv(int fd, void *buf, size_t n, int flags)
{
	return spoil(&n) ? -1 : __real_recv(fd, buf, n, flags);
}

/* Part of the first piece, the first piece, or some of them. */
ssize_t __wrap_writev(int fd, const struct iovec *v, int n)
{
	size_t len = v->iov_len;

	if (kind != SHORT)
		return __real_writev(fd, v, n);
	if (spoil(&len))
		return -1;
	return len < v->iov_len ? __real_send(fd, v->iov_base, len, 0) : __real_writev(fd, v, 1 + (int)draw((unsigned)n));
}

ssize_t __wrap_sendmsg(int fd, const struct msghdr *m, int flags)
{
	return kind == SHORT ? __wrap_writev(fd, m->msg_iov, (int)m->msg_iovlen) : __real_sendmsg(fd, m, flags);
}

ssize_t __wrap_sendfile(int out, int in, off_t *at, size_t n)
{
	return spoil(&n) ? -1 : __real_sendfile(out, in, at, n);
}

static bool starve(void)
{
	return kind == MEMORY && started && !draw(6);
}

void *__wrap_malloc(size_t n)
{
	return starve() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t a, size_t b)
{
	return starve() ? NULL : __real_calloc(a, b);
}

void *__wrap_realloc(void *p, size_t n)
{
	return starve() ? NULL : __real_realloc(p, n);
}

/* A program that waits has started. */
int __wrap_epoll_wait(int epoll, struct epoll_event *v, int max, int ms)
{
	started = true;
	return __real_epoll_wait(epoll, v, max, ms);
}

/* None of the demos makes a file, so there is no mode. */
int __wrap_open(const char *name, int flags, ...)
{
	const char *folder = getenv("PITH_PROC");
	char path[256];

	if (!folder || strncmp(name, "/proc/", 6))
		return __real_open(name, flags);
	snprintf(path, sizeof path, "%s/%s", folder, name + 6);
	return __real_open(path, flags);
}
