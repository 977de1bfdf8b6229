/* SPDX-License-Identifier: MIT */
#include "libc-glue/sock.h"

/*
 * Sockets on lwIP's raw callbacks.
 *
 * lwIP's own sockets pass every call through a connection object, a mailbox and a semaphore: some
 * thousand instructions that serve to cross from one thread to another. Here is nothing to cross. A
 * socket is a file (glue.h) with a receive queue; a callback appends what came and tells who waits;
 * a call takes from the queue or hands data to TCP directly, and rings the doorbell once before it
 * returns.
 *
 *   sock.c         making, naming, passing on by type
 *   sock_tcp.c     connections: the callbacks, listen, accept, close
 *   sock_connect.c connect           sock_route.c  waiting for an address     sock_icmp.c  who cannot be reached
 *   sock_stream.c  the data of connections
 *   sock_dgram.c   UDP and raw
 *   sock_opt.c     options            sock_addr.c  addresses         sock_posix.c  the POSIX names
 *
 * Callbacks run while the stack handles a packet: they change the socket and wake threads, but
 * never block and never call what could free the PCB they are about. After every wait a call looks
 * at s->tcp anew: it may have gone.
 */

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>

#include "core/err.h"
#include "core/plat.h"
#include "libc-glue/lwip/netdev.h"
#include "libc-glue/lwip/pool.h"
#include "libc-glue/lwip/stack.h"
#include "lwip/err.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/raw.h"
#include "lwip/udp.h"

static struct pool socks = POOL_INIT(socks, "sockets", sizeof(struct sock));

/* ---- Errors and waiting ---- */

int sock_errno(signed char err)
{
	static const uint8_t table[] = {
		[-ERR_OK] = 0, [-ERR_MEM] = ENOBUFS, [-ERR_BUF] = ENOBUFS, [-ERR_TIMEOUT] = ETIMEDOUT, [-ERR_RTE] = ENETUNREACH,
		[-ERR_INPROGRESS] = EINPROGRESS, [-ERR_VAL] = EINVAL, [-ERR_WOULDBLOCK] = EAGAIN, [-ERR_USE] = EADDRINUSE,
		[-ERR_ALREADY] = EALREADY, [-ERR_ISCONN] = EISCONN, [-ERR_CONN] = ENOTCONN, [-ERR_IF] = EIO,
		[-ERR_ABRT] = ECONNABORTED, [-ERR_RST] = ECONNRESET, [-ERR_CLSD] = ENOTCONN, [-ERR_ARG] = EINVAL,
	};

	return -table[-err];
}

uint64_t sock_deadline(uint64_t timeout)
{
	return timeout ? plat_now() + timeout : PLAT_FOREVER;
}

int sock_wait(struct waitq *q, uint64_t deadline)
{
	int rc;

	netdev_flush();
	rc = signal_wait(q, deadline);
	return rc == -ERR_TIMEDOUT ? -EAGAIN : rc;
}

void sock_wake(struct sock *s, unsigned events)
{
	if (events & (POLLIN | POLLERR | POLLHUP))
		waitq_wake(&s->readers, UINT32_MAX);
	if (events & (POLLOUT | POLLERR | POLLHUP))
		waitq_wake(&s->writers, UINT32_MAX);
	fd_notify(&s->file, events);
}

/* ---- Files ---- */

static ssize_t op_read(struct fd_file *f, const struct iovec *v, int nv, off_t at)
{
	struct sock *s = container_of(f, struct sock, file);
	struct msghdr msg = { .msg_iov = (struct iovec *)(uintptr_t)v, .msg_iovlen = (size_t)nv };

	(void)at;
	return s->type == SOCK_STREAM ? sock_stream_recv(s, v, nv, 0) : sock_dgram_recv(s, &msg, 0);
}

static ssize_t op_write(struct fd_file *f, const struct iovec *v, int nv, off_t at)
{
	struct sock *s = container_of(f, struct sock, file);
	struct msghdr msg = { .msg_iov = (struct iovec *)(uintptr_t)v, .msg_iovlen = (size_t)nv };

	(void)at;
	return s->type == SOCK_STREAM ? sock_stream_send(s, v, nv, 0) : sock_dgram_send(s, &msg, 0);
}

static int op_stat(struct fd_file *f, struct stat *st)
{
	(void)f;
	st->st_mode = S_IFSOCK | 0777;
	st->st_blksize = 4096;
	return 0;
}

/* For datagrams the length of the first, as on Linux. */
static int bytes_there(const struct sock *s)
{
	if (s->type == SOCK_STREAM)
		return (int)s->rx_bytes;
	return list_empty(&s->dgrams) ? 0 : container_of(s->dgrams.next, struct sock_dgram, node)->p->tot_len;
}

static int op_ioctl(struct fd_file *f, unsigned long request, void *arg)
{
	struct sock *s = container_of(f, struct sock, file);

	if (request == FIONREAD) {
		*(int *)arg = bytes_there(s);
		return 0;
	}
	if (request == TIOCOUTQ && s->type == SOCK_STREAM && s->state != SOCK_LISTENING) {
		*(int *)arg = s->tcp ? (int)(s->sndbuf - s->tcp->snd_buf) : 0;
		return 0;
	}
	return -ENOTTY;
}

static unsigned op_ready(struct fd_file *f)
{
	struct sock *s = container_of(f, struct sock, file);

	return s->type == SOCK_STREAM ? sock_tcp_ready(s) : sock_dgram_ready(s);
}

static void op_close(struct fd_file *f)
{
	struct sock *s = container_of(f, struct sock, file);

	if (s->type == SOCK_STREAM)
		sock_tcp_close(s);
	else
		sock_dgram_close(s);
	sock_free(s);
	netdev_flush();
}

static const struct fd_ops ops = {
	.read = op_read,
	.write = op_write,
	.stat = op_stat,
	.ioctl = op_ioctl,
	.ready = op_ready,
	.close = op_close,
};

struct sock *sock_of(struct fd_file *f)
{
	return f->ops == &ops ? container_of(f, struct sock, file) : NULL;
}

struct sock *sock_new(int domain, int type, int flags)
{
	struct sock *s = pool_take(&socks);

	if (!s)
		return NULL;
	memset(s, 0, sizeof *s);
	fd_init(&s->file, &ops, O_RDWR | (flags & SOCK_NONBLOCK ? O_NONBLOCK : 0));
	s->domain = (uint16_t)domain;
	s->type = (uint8_t)type;
	waitq_init(&s->readers);
	waitq_init(&s->writers);
	list_init(&s->dgrams);
	list_init(&s->queue);
	list_init(&s->in_queue);
	list_init(&s->in_wanting);
	sock_stream_defaults(&s->sndbuf, &s->rcvbuf);
	return s;
}

void sock_free(struct sock *s)
{
	pool_give(&socks, s);
}

/* ---- Making ---- */

static int check_kind(int domain, int type, int proto)
{
	if (domain != AF_INET && domain != AF_INET6)
		return -EAFNOSUPPORT;
	if (type == SOCK_STREAM)
		return proto == 0 || proto == IPPROTO_TCP ? 0 : -EPROTONOSUPPORT;
	if (type == SOCK_DGRAM)
		return proto == 0 || proto == IPPROTO_UDP ? 0 : -EPROTONOSUPPORT;
	if (type == SOCK_RAW)
		return proto > 0 && proto < 256 ? 0 : -EPROTONOSUPPORT;
	return -EINVAL;
}

/* fd_install() closes the file if it fails: nothing is left to undo after it. */
int sock_socket(int domain, int type, int proto)
{
	int flags = type & (SOCK_NONBLOCK | SOCK_CLOEXEC), rc;
	struct sock *s;

	type &= ~flags;
	rc = check_kind(domain, type, proto);
	if (rc)
		return rc;
	s = stack_is_up() ? sock_new(domain, type, flags) : NULL;
	if (!s)
		return -ENOBUFS;
	s->proto = (uint8_t)proto;
	rc = type == SOCK_STREAM ? sock_tcp_new(s) : sock_dgram_new(s);
	if (rc) {
		sock_free(s);
		return rc;
	}
	return fd_install(&s->file, 0, flags & SOCK_CLOEXEC);
}

/* ---- The calls ---- */

/*
 * The socket behind fd with a reference, or an error; the caller ends with fd_put(). *s is NULL for
 * one of another kind (sock_pair.c), which has calls of its own.
 */
static int get_any(int fd, struct sock **s, struct fd_file **f)
{
	loop_breathe();
	*f = fd_get(fd);
	if (!*f)
		return -EBADF;
	*s = sock_of(*f);
	if (*s || (*f)->ops->sock)
		return 0;
	fd_put(*f);
	return -ENOTSOCK;
}

/* The same where a socket of another kind is no use: it is connected, and says `other`. */
static int get(int fd, struct sock **s, int other)
{
	struct fd_file *f;
	int rc = get_any(fd, s, &f);

	if (rc || *s)
		return rc;
	fd_put(f);
	return other;
}

int sock_bind(int fd, const struct sockaddr *addr, socklen_t len)
{
	struct sock *s;
	ip_addr_t ip;
	uint16_t port;
	int rc = get(fd, &s, -EINVAL);

	if (rc)
		return rc;
	rc = sock_addr_in(s->domain, addr, len, &ip, &port);
	if (rc == 0 && ip_addr_isany(&ip))
		sock_addr_any(s, &ip);
	if (rc == 0)
		rc = s->type == SOCK_STREAM ? sock_tcp_bind(s, &ip, port) : sock_dgram_bind(s, &ip, port);
	fd_put(&s->file);
	return rc;
}

int sock_listen(int fd, int backlog)
{
	struct sock *s;
	int rc = get(fd, &s, -EINVAL);

	if (rc)
		return rc;
	rc = s->type == SOCK_STREAM ? sock_tcp_listen(s, backlog) : -EOPNOTSUPP;
	fd_put(&s->file);
	return rc;
}

/*
 * Whoever waits with us may be quicker: the queue is looked at again after each wait. The listener
 * cannot go meanwhile, as the caller holds a reference.
 */
static int accept_one(struct sock *s, struct sockaddr *addr, socklen_t *len, int flags)
{
	uint64_t deadline = sock_deadline(s->recv_timeout);
	struct sock *conn;
	int rc = 0;

	if (s->type != SOCK_STREAM)
		return -EOPNOTSUPP;
	while ((conn = sock_tcp_accept(s)) == NULL && rc == 0) {
		if (s->state != SOCK_LISTENING) /* or not any more: shutdown() */
			return -EINVAL;
		rc = s->file.flags & O_NONBLOCK ? -EAGAIN : sock_wait(&s->readers, deadline);
	}
	if (!conn)
		return rc;
	if (flags & SOCK_NONBLOCK)
		conn->file.flags |= O_NONBLOCK;
	sock_addr_out(conn->domain, &conn->remote, conn->remote_port, addr, len);
	return fd_install(&conn->file, 0, flags & SOCK_CLOEXEC);
}

int sock_accept(int fd, struct sockaddr *addr, socklen_t *len, int flags)
{
	struct sock *s;
	int rc = get(fd, &s, -EINVAL);

	if (rc)
		return rc;
	rc = flags & ~(SOCK_NONBLOCK | SOCK_CLOEXEC) ? -EINVAL : accept_one(s, addr, len, flags);
	fd_put(&s->file);
	return rc;
}

/* A connection to "any address" is one to ourselves. */
static void replace_any(ip_addr_t *ip)
{
	if (IP_IS_V6(ip) && ip_addr_isany(ip))
		IP_ADDR6(ip, 0, 0, 0, PP_HTONL(1));
	else if (ip_addr_isany(ip))
		ip_addr_set_ip4_u32(ip, PP_HTONL(IPADDR_LOOPBACK));
}

/*
 * AF_UNSPEC dissolves a datagram socket's association (POSIX connect()); of a stream it is refused
 * by sock_addr_in().
 */
static int connect_to(struct sock *s, const struct sockaddr *addr, socklen_t len)
{
	ip_addr_t ip;
	uint16_t port;
	int rc;

	if (s->type != SOCK_STREAM && addr && len >= sizeof addr->sa_family && addr->sa_family == AF_UNSPEC)
		return sock_dgram_connect(s, NULL, 0);
	rc = sock_addr_in(s->domain, addr, len, &ip, &port);
	if (rc)
		return rc;
	replace_any(&ip);
	if (s->type == SOCK_STREAM)
		return sock_connect_tcp(s, &ip, port, !(s->file.flags & O_NONBLOCK));
	return sock_dgram_connect(s, &ip, port);
}

int sock_connect(int fd, const struct sockaddr *addr, socklen_t len)
{
	struct sock *s;
	int rc = get(fd, &s, -EISCONN);

	if (rc)
		return rc;
	rc = connect_to(s, addr, len);
	fd_put(&s->file);
	netdev_flush();
	return rc;
}

int sock_shutdown(int fd, int how)
{
	struct fd_file *f;
	struct sock *s;
	int rc = get_any(fd, &s, &f);

	if (rc)
		return rc;
	if (how != SHUT_RD && how != SHUT_WR && how != SHUT_RDWR)
		rc = -EINVAL;
	else if (!s)
		rc = (int)f->ops->sock(f, &(struct sock_call){ .what = SOCK_SHUTDOWN, .how = how });
	else if (s->type == SOCK_STREAM)
		rc = sock_tcp_shutdown(s, how != SHUT_WR, how != SHUT_RD);
	else
		rc = sock_dgram_shutdown(s, how != SHUT_WR, how != SHUT_RD);
	fd_put(f);
	netdev_flush();
	return rc;
}

/* What lwIP has forgotten is told from the socket's own notes. A raw socket's PCB has no port. */
static int name(struct sock *s, struct sockaddr *addr, socklen_t *len, bool peer)
{
	const struct ip_pcb *pcb = (const struct ip_pcb *)s->udp; /* all PCBs begin alike */
	const ip_addr_t *ip = peer ? &s->remote : &s->local;
	uint16_t port = peer ? s->remote_port : s->local_port;

	if (peer && s->state != SOCK_CONNECTED)
		return -ENOTCONN;
	if (pcb && !peer)
		ip = s->type != SOCK_STREAM && ip_addr_isany(&pcb->local_ip) ? &s->local : &pcb->local_ip;
	if (pcb && s->type == SOCK_STREAM)
		port = peer ? port : s->tcp->local_port;
	else if (pcb && s->type == SOCK_DGRAM)
		port = peer ? port : s->udp->local_port;
	sock_addr_out(s->domain, ip, port, addr, len);
	return 0;
}

int sock_name(int fd, struct sockaddr *addr, socklen_t *len, bool peer)
{
	struct fd_file *f;
	struct sock *s;
	int rc = get_any(fd, &s, &f);

	if (rc)
		return rc;
	if (!addr || !len)
		rc = -EFAULT;
	else if (!s)
		rc = (int)f->ops->sock(f, &(struct sock_call){ .what = SOCK_NAME, .value = addr, .len = len });
	else
		rc = name(s, addr, len, peer);
	fd_put(f);
	return rc;
}

/* ---- Messages ---- */

static int check_vector(const struct msghdr *msg)
{
	size_t sum = 0;

	if (msg->msg_iovlen > UIO_MAXIOV)
		return -EMSGSIZE;
	for (size_t i = 0; i < msg->msg_iovlen; i++)
		if (__builtin_add_overflow(sum, msg->msg_iov[i].iov_len, &sum) || sum > INT64_MAX)
			return -EINVAL;
	return 0;
}

/* All that sends goes through here but write(), which comes by op_write() with io.c's checks. */
ssize_t sock_send(int fd, const struct msghdr *msg, int flags)
{
	struct fd_file *f;
	struct sock *s;
	ssize_t rc = get_any(fd, &s, &f);

	if (rc)
		return rc;
	rc = check_vector(msg);
	if (rc == 0 && !s)
		rc = f->ops->sock(f, &(struct sock_call){ .what = SOCK_SEND, .msg = msg, .how = flags });
	else if (rc == 0 && s->type == SOCK_STREAM)
		rc = sock_stream_send(s, msg->msg_iov, (int)msg->msg_iovlen, flags);
	else if (rc == 0)
		rc = sock_dgram_send(s, msg, flags);
	fd_put(f);
	return rc;
}

/* Streams have neither names nor control messages to give. */
static ssize_t recv_stream(struct fd_file *f, struct sock *s, struct msghdr *msg, int flags)
{
	struct sock_call call = { .what = SOCK_RECV, .msg = msg, .how = flags };
	ssize_t rc = s ? sock_stream_recv(s, msg->msg_iov, (int)msg->msg_iovlen, flags) : f->ops->sock(f, &call);

	if (rc >= 0)
		msg->msg_namelen = 0;
	msg->msg_controllen = 0;
	return rc;
}

ssize_t sock_recv(int fd, struct msghdr *msg, int flags)
{
	struct fd_file *f;
	struct sock *s;
	ssize_t rc = get_any(fd, &s, &f);

	if (rc)
		return rc;
	rc = check_vector(msg);
	msg->msg_flags = 0;
	if (rc == 0 && (!s || s->type == SOCK_STREAM))
		rc = recv_stream(f, s, msg, flags);
	else if (rc == 0)
		rc = sock_dgram_recv(s, msg, flags);
	fd_put(f);
	return rc;
}
