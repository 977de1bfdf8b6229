/* SPDX-License-Identifier: MIT */
#include <fcntl.h>

/*
 * socketpair(): two sockets that are each other's far end, for programs that talk to themselves
 * across threads.
 *
 * The only sockets of AF_UNIX here; as there is one process, there is nobody to find by a path.
 * Streams, through a ring of bytes each way. Linux's unix(7) is the model for what happens at the end.
 */

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "core/plat.h"
#include "libc-glue/fd.h"
#include "libc-glue/sock.h"

#define RING 65536u /* bytes; a power of two */

struct end {
	struct fd_file file;
	struct end *peer;   /* NULL once that end is closed */
	char *ring;         /* what the peer has sent */
	unsigned in, out;   /* counters of bytes, free-running */
	bool shut;          /* nothing more comes in: SHUT_RD here, or SHUT_WR there */
	int error;          /* told once, when all that came in has been read */
	uint64_t recv_timeout, send_timeout; /* ns, 0: for ever */
	struct waitq readers, writers;
};

static unsigned filled(const struct end *e)
{
	return e->in - e->out;
}

/*
 * Copies between the ring and a vector, up to n bytes from counter `at` on, in at most two pieces.
 */
static void move(struct end *e, struct iov *v, unsigned at, unsigned n, bool into)
{
	while (n > 0) {
		unsigned place = at % RING, len = RING - place < n ? RING - place : n;

		if (into)
			iov_get(v, e->ring + place, len);
		else
			iov_put(v, e->ring + place, len);
		at += len;
		n -= len;
	}
}

/* Takes n bytes out of the ring: there is room for the peer to write again. */
static void advance(struct end *e, unsigned n)
{
	e->out += n;
	if (n == 0 || !e->peer)
		return;
	waitq_wake(&e->peer->writers, UINT32_MAX);
	fd_notify(&e->peer->file, POLLOUT);
}

/* Waits until there is something to read. Returns 0 to look again, -ENODATA at the end, or why not. */
static int wait_to_read(struct end *e, int flags, uint64_t deadline)
{
	int error = e->error;

	e->error = 0;
	if (error)
		return -error;
	if (!e->peer || e->shut)
		return -ENODATA;
	return flags & MSG_DONTWAIT ? -EAGAIN : sock_wait(&e->readers, deadline);
}

/* As sock_stream_recv(). An end whose peer has gone still gives what it has, then 0. */
static ssize_t receive(struct end *e, const struct iovec *v, int nv, int flags)
{
	uint64_t deadline = sock_deadline(e->recv_timeout);
	size_t want = iov_length(v, nv), done = 0;
	struct iov to = { v, nv, 0 };
	int rc = 0;

	while (rc == 0) {
		unsigned n = want - done < filled(e) ? (unsigned)(want - done) : filled(e);

		move(e, &to, e->out, n, false);
		done += n;
		if (!(flags & MSG_PEEK))
			advance(e, n);
		if (done == want || (done > 0 && (flags & (MSG_WAITALL | MSG_PEEK)) != MSG_WAITALL))
			break;
		rc = wait_to_read(e, flags, deadline);
	}
	return done > 0 ? (ssize_t)done : rc == -ENODATA ? 0 : rc;
}

/* As much as there is room for. Wakes whoever reads there. */
static size_t put(struct end *to, struct iov *from, size_t len)
{
	unsigned room = RING - filled(to), n = len < room ? (unsigned)len : room;

	move(to, from, to->in, n, true);
	to->in += n;
	if (n > 0) {
		waitq_wake(&to->readers, UINT32_MAX);
		fd_notify(&to->file, POLLIN);
	}
	return n;
}

/* EPIPE only if nothing was written before: a short count comes first. */
static ssize_t transmit(struct end *e, const struct iovec *v, int nv, int flags)
{
	uint64_t deadline = sock_deadline(e->send_timeout);
	size_t total = iov_length(v, nv), done = 0;
	struct iov from = { v, nv, 0 };
	int rc = 0;

	while (done < total && rc == 0) {
		if (!e->peer || e->peer->shut)
			rc = -EPIPE;
		else if (filled(e->peer) < RING)
			done += put(e->peer, &from, total - done);
		else
			rc = flags & MSG_DONTWAIT ? -EAGAIN : sock_wait(&e->writers, deadline);
	}
	return done > 0 ? (ssize_t)done : rc;
}

static int flags_of(const struct fd_file *f)
{
	return f->flags & O_NONBLOCK ? MSG_DONTWAIT : 0;
}

static ssize_t op_read(struct fd_file *f, const struct iovec *v, int nv, off_t at)
{
	(void)at;
	return receive(container_of(f, struct end, file), v, nv, flags_of(f));
}

static ssize_t op_write(struct fd_file *f, const struct iovec *v, int nv, off_t at)
{
	(void)at;
	return transmit(container_of(f, struct end, file), v, nv, flags_of(f));
}

/* Without a peer everything is ready: read() says the end, write() EPIPE. */
static unsigned op_ready(struct fd_file *f)
{
	struct end *e = container_of(f, struct end, file);
	unsigned events = (filled(e) > 0 ? POLLIN : 0) | (e->error ? POLLERR : 0);

	if (!e->peer)
		return events | POLLIN | POLLRDHUP | POLLHUP | POLLOUT;
	if (e->shut)
		events |= POLLIN | POLLRDHUP | (e->peer->shut ? POLLHUP : 0);
	return events | (filled(e->peer) < RING || e->peer->shut ? POLLOUT : 0);
}

static int op_stat(struct fd_file *f, struct stat *st)
{
	(void)f;
	st->st_mode = S_IFSOCK | 0777;
	return 0;
}

static int op_ioctl(struct fd_file *f, unsigned long request, void *arg)
{
	if (request != FIONREAD)
		return -ENOTTY;
	*(int *)arg = (int)filled(container_of(f, struct end, file));
	return 0;
}

/* ---- The calls of sys/socket.h ---- */

/* Nothing comes in here any more: whoever waits for that, or to put something in, is told. */
static void shut_in(struct end *e)
{
	e->shut = true;
	waitq_wake(&e->readers, UINT32_MAX);
	fd_notify(&e->file, POLLIN | POLLRDHUP | POLLHUP);
	if (!e->peer)
		return;
	waitq_wake(&e->peer->writers, UINT32_MAX);
	fd_notify(&e->peer->file, POLLOUT | POLLHUP);
}

static int shut(struct end *e, int how)
{
	if (how != SHUT_WR)
		shut_in(e);
	if (how != SHUT_RD && e->peer)
		shut_in(e->peer);
	return 0;
}

/* Sockets of AF_UNIX without a name have a family and nothing else (Linux, unix(7)). */
static int say_name(void *addr, socklen_t *len)
{
	sa_family_t family = AF_UNIX;

	memcpy(addr, &family, *len < sizeof family ? *len : sizeof family);
	*len = sizeof family;
	return 0;
}

static int value_of(struct end *e, int name)
{
	switch (name) {
	case SO_ERROR:
		return e->error;
	case SO_TYPE:
		return SOCK_STREAM;
	case SO_DOMAIN:
		return AF_UNIX;
	case SO_SNDBUF:
	case SO_RCVBUF:
		return RING;
	case SO_RCVLOWAT:
	case SO_SNDLOWAT:
		return 1;
	case SO_PROTOCOL:
	case SO_ACCEPTCONN:
	case SO_REUSEADDR:
	case SO_KEEPALIVE:
	case SO_PRIORITY:
		return 0;
	default:
		return -ENOPROTOOPT;
	}
}

static int get_option(struct end *e, const struct sock_call *c)
{
	int value;

	if (c->level != SOL_SOCKET)
		return -EOPNOTSUPP; /* Linux's word for it, of sockets that have no other level */
	if (c->name == SO_RCVTIMEO || c->name == SO_SNDTIMEO) {
		sock_opt_put_timeout(c->value, c->len, c->name == SO_RCVTIMEO ? e->recv_timeout : e->send_timeout);
		return 0;
	}
	value = value_of(e, c->name);
	if (value < 0)
		return value;
	if (c->name == SO_ERROR)
		e->error = 0;
	sock_opt_put(c->value, c->len, &value, sizeof value);
	return 0;
}

/* Sizes and the like are taken as wishes. */
static int set_option(struct end *e, const struct sock_call *c)
{
	if (c->level != SOL_SOCKET)
		return -EOPNOTSUPP;
	if (c->name == SO_RCVTIMEO)
		return sock_opt_timeout(&e->recv_timeout, c->value, *c->len);
	if (c->name == SO_SNDTIMEO)
		return sock_opt_timeout(&e->send_timeout, c->value, *c->len);
	if (*c->len < sizeof(int))
		return -EINVAL;
	return c->name == SO_LINGER || (value_of(e, c->name) >= 0 && c->name != SO_ERROR) ? 0 : -ENOPROTOOPT;
}

static ssize_t op_sock(struct fd_file *f, const struct sock_call *c)
{
	struct end *e = container_of(f, struct end, file);
	int flags = c->how | flags_of(f);

	switch (c->what) {
	case SOCK_SEND:
		if (c->msg->msg_name && c->msg->msg_namelen)
			return -EISCONN;
		return flags & MSG_OOB ? -EOPNOTSUPP : transmit(e, c->msg->msg_iov, (int)c->msg->msg_iovlen, flags);
	case SOCK_RECV:
		return flags & MSG_OOB ? -EOPNOTSUPP : receive(e, c->msg->msg_iov, (int)c->msg->msg_iovlen, flags);
	case SOCK_SHUTDOWN:
		return shut(e, c->how);
	case SOCK_NAME:
		return say_name(c->value, c->len);
	case SOCK_GET:
		return get_option(e, c);
	default:
		return set_option(e, c);
	}
}

/*
 * The other end lives on, with what was sent to it. What it sent and nobody read here is an error
 * there, as on Linux.
 */
static void op_close(struct fd_file *f)
{
	struct end *e = container_of(f, struct end, file);

	if (e->peer) {
		e->peer->peer = NULL;
		e->peer->error = filled(e) > 0 ? ECONNRESET : 0;
		waitq_wake(&e->peer->readers, UINT32_MAX);
		waitq_wake(&e->peer->writers, UINT32_MAX);
		fd_notify(&e->peer->file, POLLIN | POLLOUT | POLLHUP | POLLRDHUP);
	}
	free(e->ring);
	free(e);
}

static const struct fd_ops ops = {
	.read = op_read,
	.write = op_write,
	.stat = op_stat,
	.ioctl = op_ioctl,
	.ready = op_ready,
	.sock = op_sock,
	.close = op_close,
};

static struct end *new_end(int flags)
{
	struct end *e = calloc(1, sizeof *e);

	if (!e)
		return NULL;
	fd_init(&e->file, &ops, O_RDWR | (flags & SOCK_NONBLOCK ? O_NONBLOCK : 0));
	waitq_init(&e->readers);
	waitq_init(&e->writers);
	e->ring = malloc(RING);
	if (e->ring)
		return e;
	free(e);
	return NULL;
}

/* The first number is taken back if there is no second one. */
static int install(struct end *a, struct end *b, bool cloexec, int fds[2])
{
	a->peer = b;
	b->peer = a;
	b->file.refs++; /* as long as a could fail */
	fds[0] = fd_install(&a->file, 0, cloexec);
	if (fds[0] < 0) {
		fd_put(&b->file);
		return fds[0];
	}
	fds[1] = fd_install(&b->file, 0, cloexec);
	fd_put(&b->file);
	if (fds[1] < 0)
		fd_remove(fds[0]);
	return fds[1] < 0 ? fds[1] : 0;
}

int sock_socketpair(int domain, int type, int proto, int fds[2])
{
	int flags = type & (SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct end *a, *b;

	if (domain != AF_UNIX)
		return -EOPNOTSUPP;
	if ((type & ~flags) != SOCK_STREAM || proto != 0)
		return -EPROTONOSUPPORT;
	a = new_end(flags);
	b = a ? new_end(flags) : NULL;
	if (!b) {
		if (a)
			op_close(&a->file);
		return -ENOMEM;
	}
	return install(a, b, flags & SOCK_CLOEXEC, fds);
}
