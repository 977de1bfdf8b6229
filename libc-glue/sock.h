/* SPDX-License-Identifier: MIT */
#ifndef SOCK_H
#define SOCK_H

/*
 * Between the files of sock*.c: what a socket is. Read sock.c first.
 *
 * The calls return a count, a descriptor or 0, or a negative errno; sock_posix.c gives them their
 * names.
 */

#include <string.h>
#include <sys/socket.h>

#include "libc-glue/glue.h"
#include "lwip/err.h"
#include "lwip/ip_addr.h"
#include "lwip/pbuf.h"

struct tcp_pcb;
struct udp_pcb;
struct raw_pcb;

enum sock_state {
	SOCK_IDLE,       /* made, perhaps bound */
	SOCK_LISTENING,
	SOCK_CONNECTING,
	SOCK_CONNECTED,  /* and perhaps half closed */
	SOCK_OVER,       /* was connected: lwIP has forgotten it */
};

/* A datagram that has come; udp.c of lwIP has verified it. */
struct sock_dgram {
	struct list node;
	struct pbuf *p;
	ip_addr_t from, to;
	uint16_t port;
	uint8_t ifindex;
};

/* A multicast group that was joined, to be left when the socket goes. */
struct sock_group {
	struct sock_group *next;
	ip_addr_t group;
	uint8_t ifindex; /* 0: all */
};

/*
 * One socket. Its memory is sock.c's pool, from sock_new() to sock_free(); as a file it lives until
 * its last descriptor and its last running call have gone, so calls need not fear for it while they
 * block. lwIP's PCB has a life of its own: see sock_tcp.c.
 */
struct sock {
	struct fd_file file;
	uint16_t domain;           /* AF_INET, AF_INET6 */
	uint8_t type, proto;       /* SOCK_STREAM, SOCK_DGRAM, SOCK_RAW */
	uint8_t state;
	bool v6only, nodelay, corked, pktinfo;
	bool eof;                  /* the peer sends no more */
	bool untold;               /* connect() has left before it knew how it ends: the next one says that */
	bool shut_read, shut_write;
	bool unwritable;           /* the last look or write found no room: the program wants to hear when there is */
	bool starved;              /* no memory for a write although it has nothing queued: on the list of sock_stream.c */
	int error;                 /* an errno to be reported once, SO_ERROR */
	union {
		struct tcp_pcb *tcp; /* NULL once lwIP has freed it. Listening: a struct tcp_pcb_listen */
		struct udp_pcb *udp;
		struct raw_pcb *raw;
	};
	struct waitq readers, writers;
	uint64_t recv_timeout, send_timeout; /* ns, 0: none */
	struct linger linger;
	uint32_t sndbuf, rcvbuf;
	uint32_t held;             /* of lwIP's receive window: what rcvbuf is below it */
	uint32_t rx_bytes;         /* not read yet */
	uint32_t rx_pbufs;         /* roughly, how many they lie in */

	/* Stream: pbufs linked by next, each the socket's own, whatever tot_len says. */
	struct pbuf *rx_first, *rx_last;
	uint32_t rx_offset;        /* read already, of rx_first */

	/* Datagrams. */
	struct list dgrams;
	struct sock_group *groups;

	/*
	 * Listening: connections that nobody has accepted yet. They know their listener as long as they
	 * are there.
	 */
	struct list queue, in_queue;
	struct sock *listener;
	unsigned queued, backlog;
	struct list in_wanting;    /* among those that want memory (sock_stream.c) or an address (sock_route.c) */

	/* The ends of a connection that lwIP has forgotten. */
	ip_addr_t local, remote;
	uint16_t local_port, remote_port;
};

/* ---- sock.c ---- */

/*
 * A socket without a PCB, with the default buffer sizes; NULL without memory. flags: SOCK_NONBLOCK.
 * sock_free() takes one that nothing refers to any more.
 */
struct sock *sock_new(int domain, int type, int flags);
void sock_free(struct sock *s);
struct sock *sock_of(struct fd_file *f); /* NULL: not a socket of lwIP's */

/* The calls of sys/socket.h, with a negative errno instead of errno. The contracts are there. */
int sock_socket(int domain, int type, int proto);
int sock_bind(int fd, const struct sockaddr *addr, socklen_t len);
int sock_listen(int fd, int backlog);
int sock_accept(int fd, struct sockaddr *addr, socklen_t *len, int flags);
int sock_connect(int fd, const struct sockaddr *addr, socklen_t len);
int sock_shutdown(int fd, int how);
int sock_name(int fd, struct sockaddr *addr, socklen_t *len, bool peer);
ssize_t sock_send(int fd, const struct msghdr *msg, int flags);
ssize_t sock_recv(int fd, struct msghdr *msg, int flags);

/* Something has changed: wakes who is blocked, and who polls for these POLL* events. */
void sock_wake(struct sock *s, unsigned events);

/* Blocks on q; deadline from sock_deadline(). Returns 0, -EAGAIN when it passed, -EINTR. */
int sock_wait(struct waitq *q, uint64_t deadline);
uint64_t sock_deadline(uint64_t timeout);

/* lwIP's err_t as a negative errno. */
int sock_errno(signed char err);

/* The socket's own error, negative: told once. */
static inline int sock_take_error(struct sock *s)
{
	int error = s->error;

	s->error = 0;
	return -error;
}

/* ---- sock_addr.c ---- */

/* Reads an address for a socket of domain. Returns 0, -EINVAL, -EAFNOSUPPORT. */
int sock_addr_in(int domain, const struct sockaddr *addr, socklen_t len, ip_addr_t *ip, uint16_t *port);

/* Writes one, cut at *len, which becomes its full length. addr NULL: nothing. */
void sock_addr_out(int domain, const ip_addr_t *ip, uint16_t port, struct sockaddr *addr, socklen_t *len);

/* What lwIP binds a socket to for "any address": of both families where the socket is for both. */
void sock_addr_any(const struct sock *s, ip_addr_t *ip);

/* ---- sock_tcp.c: streams ---- */

/* Gives s a PCB: at the beginning, and again after a connect that failed. 0 or -ENOBUFS. */
int sock_tcp_new(struct sock *s);

/* port 0: a random one. -EINVAL when it has one already, -EADDRINUSE. */
int sock_tcp_bind(struct sock *s, const ip_addr_t *ip, uint16_t port);

/* May be called again, to change the backlog. */
int sock_tcp_listen(struct sock *s, int backlog);
struct sock *sock_tcp_accept(struct sock *s); /* NULL: none is waiting */

/* Sends the FIN; nobody waits for data any more. A listener ends. -ENOTCONN. Does not block. */
int sock_tcp_shutdown(struct sock *s, bool rd, bool wr);

/* For the last close(): never blocks; what is queued is sent by lwIP alone. */
void sock_tcp_close(struct sock *s);

/* POLL* events as they are now. Notes that somebody wants to hear of room, where there is none. */
unsigned sock_tcp_ready(struct sock *s);

/* After s->rcvbuf has grown: opens the window of a connection by as much. */
void sock_tcp_set_rcvbuf(struct sock *s);
struct sock *sock_tcp_of(const struct tcp_pcb *pcb); /* whose it is; NULL: nobody's */
err_t sock_tcp_connected(void *arg, struct tcp_pcb *pcb, err_t err); /* for tcp_connect() */
void sock_tcp_forget(struct sock *s); /* lets go of the PCB, which lives on by itself */

/* ---- sock_connect.c: their beginning ---- */

/* Blocks for an address and for the handshake if block says so; else -EINPROGRESS. */
int sock_connect_tcp(struct sock *s, const ip_addr_t *ip, uint16_t port, bool block);
void sock_connect_route(struct sock *s); /* goes on with that: from sock_route.c */

/* ---- sock_stream.c: their data ---- */

/*
 * recv() and send() of streams. v is read or written in place and must stay while they block; a
 * count, 0 for the end, or a negative errno.
 */
ssize_t sock_stream_recv(struct sock *s, const struct iovec *v, int nv, int flags);
ssize_t sock_stream_send(struct sock *s, const struct iovec *v, int nv, int flags);
void sock_stream_add(struct sock *s, struct pbuf *p); /* received, consumes p */
void sock_stream_drop(struct sock *s);                /* throws away what was received */

/* Whether it is worth telling a program that it can write. */
bool sock_stream_writable(const struct sock *s);

/* The buffer sizes of a new socket, by the size of the machine. */
void sock_stream_defaults(uint32_t *sndbuf, uint32_t *rcvbuf);

/* Sends what was held back, and rings the doorbell. */
void sock_stream_uncork(struct sock *s);

/* ---- sock_dgram.c: UDP and raw ---- */

/* Gives s a PCB. 0 or -ENOBUFS. */
int sock_dgram_new(struct sock *s);
int sock_dgram_bind(struct sock *s, const ip_addr_t *ip, uint16_t port);
int sock_dgram_connect(struct sock *s, const ip_addr_t *ip, uint16_t port); /* ip NULL: disconnects */
void sock_dgram_route(struct sock *s); /* there is an address, or none will come: from sock_route.c */

/* Datagrams that come are still queued, as on Linux. -ENOTCONN, though it has its effect. */
int sock_dgram_shutdown(struct sock *s, bool rd, bool wr);

/* Leaves the groups, frees what waits. Does not block. */
void sock_dgram_close(struct sock *s);

/* POLL* events: writable but for want of an address, as a datagram that has no room is dropped, not kept. */
unsigned sock_dgram_ready(struct sock *s);

/* One datagram, copied. May block for an address, never for room. */
ssize_t sock_dgram_send(struct sock *s, const struct msghdr *msg, int flags);
ssize_t sock_dgram_recv(struct sock *s, struct msghdr *msg, int flags);

/* ---- sock_route.c: in the first seconds, when DHCP has not answered yet ---- */

/*
 * Whether a packet for ip can be sent: 0, -ENETUNREACH, or -EAGAIN as long as an address may come. Then
 * sock_connect_route() or sock_dgram_route() is called when that has changed, once. Does not block.
 */
int sock_route(struct sock *s, const ip_addr_t *ip);
bool sock_route_waits(const struct sock *s); /* of datagrams: that call has not come yet */

/* ---- For sock_icmp.c: another host says that it cannot be reached ---- */

void sock_connect_unreachable(struct tcp_pcb *pcb, int error); /* ends an attempt to connect */
void sock_dgram_unreachable(struct udp_pcb *pcb, int error); /* the next call says so */

/* ---- sock_opt.c ---- */

/* See sys/socket.h, netinet/in.h, netinet/tcp.h for what is known. */
int sock_getsockopt(int fd, int level, int name, void *value, socklen_t *len);
int sock_setsockopt(int fd, int level, int name, const void *value, socklen_t len);

/* SO_RCVTIMEO and SO_SNDTIMEO, for sock_pair.c too. 0 or -EINVAL, -EDOM. */
int sock_opt_timeout(uint64_t *ns, const void *value, socklen_t len);

/* Writes an option's value, cut at *len, which becomes what was written. */
void sock_opt_put(void *value, socklen_t *len, const void *from, socklen_t size);
void sock_opt_put_timeout(void *value, socklen_t *len, uint64_t ns);

/* ---- sock_pair.c ---- */

/*
 * Sockets that are none of lwIP's: sock_of() says NULL for them. sock.c reaches them through
 * fd_ops.sock, so that an image without socketpair() does not carry them.
 */
int sock_socketpair(int domain, int type, int proto, int fds[2]);

struct sock_call {
	enum { SOCK_SEND, SOCK_RECV, SOCK_SHUTDOWN, SOCK_NAME, SOCK_GET, SOCK_SET } what;
	const struct msghdr *msg; /* SOCK_SEND, SOCK_RECV */
	int how;                  /* MSG_*, or SHUT_* */
	int level, name;          /* of an option */
	void *value;              /* an option's, or an address; read only for SOCK_SET */
	socklen_t *len;
};

/*
 * ---- vectors: walking through an iovec in steps of any length ----
 *
 * Callers never go past the end. In a header, because nearly every vector is one piece: then all of this folds into
 * a memcpy().
 */

/* A place in a vector. */
struct iov {
	const struct iovec *v;
	int nv;
	size_t at; /* in v[0] */
};

/* Bytes in all. The caller has seen to it that the sum fits (io.c, sock.c). */
static inline size_t iov_length(const struct iovec *v, int nv)
{
	size_t sum = 0;

	for (int i = 0; i < nv; i++)
		sum += v[i].iov_len;
	return sum;
}

/* The rest of the current piece; *len is 0 at the end. */
static inline char *iov_piece(struct iov *i, size_t *len)
{
	while (i->nv > 0 && i->at == i->v->iov_len) {
		i->v++;
		i->nv--;
		i->at = 0;
	}
	*len = i->nv > 0 ? i->v->iov_len - i->at : 0;
	return i->nv > 0 ? (char *)i->v->iov_base + i->at : NULL;
}

/* Goes n bytes further without touching them. */
static inline void iov_skip(struct iov *i, size_t n)
{
	size_t len;

	while (n > 0) {
		iov_piece(i, &len);
		len = len < n ? len : n;
		i->at += len;
		n -= len;
	}
}

/* Copies out of the vector, and into it. */
static inline void iov_get(struct iov *i, void *to, size_t n)
{
	char *p = to;
	size_t len;

	for (; n > 0; n -= len, p += len) {
		const char *from = iov_piece(i, &len);

		len = len < n ? len : n;
		memcpy(p, from, len);
		i->at += len;
	}
}

static inline void iov_put(struct iov *i, const void *from, size_t n)
{
	const char *p = from;
	size_t len;

	for (; n > 0; n -= len, p += len) {
		char *to = iov_piece(i, &len);

		len = len < n ? len : n;
		memcpy(to, p, len);
		i->at += len;
	}
}

#endif
