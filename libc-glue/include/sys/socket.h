/* SPDX-License-Identifier: MIT */
#ifndef SYS_SOCKET_H
#define SYS_SOCKET_H

/*
 * Sockets (POSIX.1-2017 <sys/socket.h>), with Linux's numbers and extensions: accept4, recvmmsg,
 * SOCK_NONBLOCK, MSG_DONTWAIT, MSG_MORE. libc-glue/sock.c; sock_posix.c has the names.
 *
 * All calls return -1 and set errno where they fail, and take EBADF and ENOTSOCK for granted below.
 * One that blocks lets the other threads run. EINTR comes to the first thread only (sys/signal.h).
 * read(), write() and their vectors do what recv() and send() do without flags.
 *
 * Not here: AF_UNIX by name (only socketpair()), SOCK_SEQPACKET, urgent data, SCM_RIGHTS, control
 * messages on send.
 */

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

typedef unsigned int socklen_t;
typedef unsigned short sa_family_t;

/* The common beginning of sockaddr_in and sockaddr_in6. There is no sa_len, as on Linux. */
struct sockaddr {
	sa_family_t sa_family;
	char sa_data[14];
};

/* 128 bytes, as on Linux: room for any address, with the alignment of a pointer. */
struct sockaddr_storage {
	sa_family_t ss_family;
	char __ss_padding[118];
	unsigned long __ss_align;
};

/*
 * SO_LINGER. With l_onoff and l_linger 0, close() resets the connection (RFC 9293 3.10.5, ABORT).
 * Any other time is kept and has no effect: close() never waits, and what is queued is still sent.
 * A stream that is closed with bytes unread is reset as well (RFC 9293 3.6.1).
 */
struct linger {
	int l_onoff;
	int l_linger; /* seconds */
};

/*
 * All memory is the caller's. recvmsg() writes msg_namelen, msg_controllen, msg_flags and what the
 * pointers show; sendmsg() writes nothing. msg_iovlen is a size_t, as in glibc (POSIX: int); above
 * UIO_MAXIOV it is EMSGSIZE.
 */
struct msghdr {
	void *msg_name;
	socklen_t msg_namelen;
	struct iovec *msg_iov;
	size_t msg_iovlen;
	void *msg_control;
	size_t msg_controllen;
	int msg_flags;
};

/* Linux: a message, and how many bytes of it were moved. */
struct mmsghdr {
	struct msghdr msg_hdr;
	unsigned int msg_len;
};

/*
 * What IP_PKTINFO and IPV6_RECVPKTINFO bring is all that there is. cmsg_len counts the header too.
 */
struct cmsghdr {
	size_t cmsg_len;
	int cmsg_level;
	int cmsg_type;
};

/*
 * Linux's layout: each header begins at a multiple of 8. CMSG_LEN is for cmsg_len, CMSG_SPACE for
 * the size of a buffer.
 */
#define __CMSG_ALIGN(len) (((len) + sizeof(size_t) - 1) & ~(sizeof(size_t) - 1))
#define CMSG_DATA(cmsg) ((unsigned char *)((struct cmsghdr *)(cmsg) + 1))
#define CMSG_SPACE(len) (__CMSG_ALIGN(len) + __CMSG_ALIGN(sizeof(struct cmsghdr)))
#define CMSG_LEN(len) (__CMSG_ALIGN(sizeof(struct cmsghdr)) + (len))
#define CMSG_FIRSTHDR(msg) \
	((msg)->msg_controllen >= sizeof(struct cmsghdr) ? (struct cmsghdr *)(msg)->msg_control : (struct cmsghdr *)0)
#define CMSG_NXTHDR(msg, cmsg) \
	((char *)(cmsg) + __CMSG_ALIGN((cmsg)->cmsg_len) + sizeof(struct cmsghdr) > \
	 (char *)(msg)->msg_control + (msg)->msg_controllen ? (struct cmsghdr *)0 : \
	 (struct cmsghdr *)(void *)((char *)(cmsg) + __CMSG_ALIGN((cmsg)->cmsg_len)))

/* Linux's numbers: 10 for IPv6. Those of AF_UNIX serve socketpair() alone. */
#define AF_UNSPEC 0
#define AF_UNIX 1
#define AF_LOCAL AF_UNIX
#define AF_INET 2
#define AF_INET6 10
#define PF_UNSPEC AF_UNSPEC
#define PF_UNIX AF_UNIX
#define PF_LOCAL AF_UNIX
#define PF_INET AF_INET
#define PF_INET6 AF_INET6

/*
 * Or-ed into the type, the two flags spare a fcntl() (Linux 2.6.27). Their values differ from
 * Linux's: they are newlib's O_NONBLOCK and O_CLOEXEC.
 */
#define SOCK_STREAM 1
#define SOCK_DGRAM 2
#define SOCK_RAW 3
#define SOCK_SEQPACKET 5
#define SOCK_NONBLOCK 0x4000   /* == O_NONBLOCK */
#define SOCK_CLOEXEC 0x40000   /* == O_CLOEXEC */

/*
 * Options of level SOL_SOCKET, int where nothing else is said. sock_opt.c. Taken without effect:
 * SO_DEBUG, SO_DONTROUTE, SO_OOBINLINE, SO_PRIORITY, SO_RCVLOWAT, SO_SNDLOWAT. SO_REUSEPORT reads 0
 * and cannot be set: ENOPROTOOPT, so that nobody waits for connections that another socket gets.
 *
 * SO_ERROR is cleared by reading it. SO_SNDBUF and SO_RCVBUF are bytes and are not doubled as Linux
 * does. SO_SNDBUF is held within 4 and 512 KiB, SO_RCVBUF of a stream within 64 and 1024 KiB, of
 * datagrams within 4 KiB and 8 MiB; each datagram that waits counts for 256 bytes besides its own.
 * A connection's receive buffer can grow, not shrink: what was announced to the peer stands (RFC
 * 9293 3.8.6).
 *
 * SO_RCVTIMEO and SO_SNDTIMEO are a struct timeval, 0 for ever; EDOM for one that is no time.
 * SO_BINDTODEVICE is a name, "nic0"; ENODEV.
 */
#define SOL_SOCKET 1
#define SO_DEBUG 1
#define SO_REUSEADDR 2
#define SO_TYPE 3
#define SO_ERROR 4
#define SO_DONTROUTE 5
#define SO_BROADCAST 6
#define SO_SNDBUF 7
#define SO_RCVBUF 8
#define SO_KEEPALIVE 9
#define SO_OOBINLINE 10
#define SO_PRIORITY 12
#define SO_LINGER 13
#define SO_REUSEPORT 15
#define SO_RCVLOWAT 18
#define SO_SNDLOWAT 19
#define SO_RCVTIMEO 20
#define SO_SNDTIMEO 21
#define SO_BINDTODEVICE 25
#define SO_ACCEPTCONN 30
#define SO_PROTOCOL 38
#define SO_DOMAIN 39

/* What listen() lets a program ask for at most. */
#define SOMAXCONN 4096

/*
 * MSG_EOR, MSG_DONTROUTE and MSG_CMSG_CLOEXEC are taken and do nothing. MSG_TRUNC given to recv()
 * of a datagram: the result is its whole length, even if the buffer was smaller (Linux); streams do
 * not know it.
 */
#define MSG_OOB 0x01
#define MSG_PEEK 0x02
#define MSG_DONTROUTE 0x04
#define MSG_CTRUNC 0x08
#define MSG_TRUNC 0x20
#define MSG_DONTWAIT 0x40
#define MSG_EOR 0x80
#define MSG_WAITALL 0x100
#define MSG_NOSIGNAL 0x4000
#define MSG_MORE 0x8000
#define MSG_CMSG_CLOEXEC 0x40000000

#define SHUT_RD 0
#define SHUT_WR 1
#define SHUT_RDWR 2

#ifdef __cplusplus
extern "C" {
#endif

struct timespec;

/*
 * A new socket. Returns the lowest free descriptor. domain: AF_INET, AF_INET6; type may carry
 * SOCK_NONBLOCK and SOCK_CLOEXEC; protocol 0 or the one that fits. An AF_INET6 socket speaks IPv4
 * too until IPV6_V6ONLY is set. SOCK_RAW needs no privilege: there is one user.
 *
 * EAFNOSUPPORT (also AF_UNIX), EPROTONOSUPPORT, EINVAL for another type (Linux's; POSIX:
 * EPROTOTYPE), EMFILE, ENOMEM, ENOBUFS (no memory, or none was left for the stack at boot). Never
 * blocks.
 */
int socket(int domain, int type, int protocol);

/*
 * Two connected stream sockets of AF_UNIX, in fds[0] and fds[1]; 64 KiB wait in each direction.
 * Both have the empty name; of the options the timeouts alone have an effect. An end that is closed with
 * bytes unread is ECONNRESET at the other (Linux). sendto() with an address: EISCONN; bind(), listen()
 * and accept(): EINVAL. EOPNOTSUPP for other domains, EPROTONOSUPPORT for other types, EMFILE, ENOMEM.
 */
int socketpair(int domain, int type, int protocol, int fds[2]);

/*
 * Gives the socket its local end. Port 0: a random one of 32768 to 60999. EINVAL (bound already, or
 * address too short), EAFNOSUPPORT, EADDRINUSE. An address that no interface has is not refused
 * (POSIX: EADDRNOTAVAIL). SO_REUSEADDR lets a port be bound that has connections in TIME-WAIT.
 * Never blocks.
 */
int bind(int fd, const struct sockaddr *addr, socklen_t len);

/*
 * backlog is held within 1 and SOMAXCONN; as many connections wait for accept(), then a peer's SYN
 * is left unanswered and it repeats it. May be called again to change it. A socket without a port
 * gets one. EINVAL once connected, EOPNOTSUPP for datagrams. Never blocks.
 */
int listen(int fd, int backlog);

/*
 * The oldest connection that waits, as a descriptor of its own. Blocks up to SO_RCVTIMEO, and not
 * at all with O_NONBLOCK: EAGAIN. addr may be NULL; else *len is its size before and the address's
 * full length after the call, what is beyond is cut off. The new socket has the listener's buffer
 * sizes, SO_LINGER and TCP_NODELAY, but as on Linux not its O_NONBLOCK.
 *
 * A connection that its peer has reset meanwhile is still given out, and the first recv() says so
 * (Linux; POSIX: ECONNABORTED). EINVAL (does not listen), EOPNOTSUPP, EINTR. EMFILE, ENOMEM: the
 * connection is closed.
 */
int accept(int fd, struct sockaddr *addr, socklen_t *len);

/* Linux: with SOCK_NONBLOCK and SOCK_CLOEXEC for the new one; EINVAL for other flags. */
int accept4(int fd, struct sockaddr *addr, socklen_t *len, int flags);

/*
 * A stream: blocks until the handshake is over, at most SO_SNDTIMEO: then EINPROGRESS, as on Linux,
 * and it goes on. With O_NONBLOCK EINPROGRESS at once; the socket is writable when it is decided,
 * and SO_ERROR or, once, another connect() tells how. "Any address" is the loopback's. A socket whose
 * attempt failed may try again. A router's or host's ICMP ends an attempt: EHOSTUNREACH, ENETUNREACH,
 * ECONNREFUSED.
 *
 * Datagrams: sets where send() goes and whose answers are received; AF_UNSPEC undoes it. Does not
 * send anything. When nobody has the port there, the next call says ECONNREFUSED.
 *
 * In the first seconds after boot an interface may still be asking for its address: the attempt then
 * goes on when it has one, and fails with ENETUNREACH when there is none 10 s after boot. Datagrams are
 * connected at once with O_NONBLOCK, and wait for it without. ENETUNREACH where there is nothing to wait
 * for. ECONNREFUSED (also for port 0), ETIMEDOUT, EISCONN,
 * EALREADY, EADDRNOTAVAIL (no local port is free), EAFNOSUPPORT, EINVAL, EINTR (the handshake goes
 * on).
 */
int connect(int fd, const struct sockaddr *addr, socklen_t len);

/*
 * SHUT_WR sends a FIN behind what is queued (RFC 9293 3.6). SHUT_RD: nobody waits for data any more; what
 * has come, or comes, can still be read, as on Linux, and the peer is told nothing. After both, data that
 * comes is answered with a reset. A listener ends at SHUT_RD: accept() says EINVAL, also to who is blocked
 * in it; it keeps its port, and may listen again. ENOTCONN: also at the end of a connection, and for
 * datagram sockets that are not connected, though there it has its effect. EINVAL. Never blocks.
 */
int shutdown(int fd, int how);

/*
 * The local end; the address is written as by accept(), and 0 where there is none yet. EFAULT for
 * NULL.
 */
int getsockname(int fd, struct sockaddr *addr, socklen_t *len);

/* The other end. ENOTCONN, also when the connection is over; EFAULT for NULL. */
int getpeername(int fd, struct sockaddr *addr, socklen_t *len);

/*
 * Reads an option into at most *len bytes, and sets *len to what was written. ENOPROTOOPT, EFAULT.
 */
int getsockopt(int fd, int level, int name, void *value, socklen_t *len);

/* Sets one; takes effect at once. ENOPROTOOPT, EINVAL (too short, or the value), EFAULT, EDOM. */
int setsockopt(int fd, int level, int name, const void *value, socklen_t len);

/*
 * Receives. Returns a count, 0 at the end of a stream, for a datagram of length 0, or after
 * SHUT_RD. Blocks until there is something, or all of it with MSG_WAITALL (streams), at most
 * SO_RCVTIMEO; EAGAIN then, and at once with O_NONBLOCK or MSG_DONTWAIT. A datagram that is longer
 * than buf loses its rest. MSG_PEEK leaves it there.
 *
 * ENOTCONN, ECONNRESET, ETIMEDOUT (an error is told once, afterwards comes the end), EINVAL
 * (MSG_OOB on a stream), EINTR, whatever SA_RESTART says: that is for read().
 */
ssize_t recv(int fd, void *buf, size_t len, int flags);

/*
 * With the sender's address, written as by accept(). A stream has none to tell: *addrlen becomes 0,
 * as on Linux.
 */
ssize_t recvfrom(int fd, void *buf, size_t len, int flags, struct sockaddr *addr, socklen_t *addrlen);

/*
 * With a vector, and with IP_PKTINFO if it was asked for. msg_flags: MSG_TRUNC (the datagram was
 * longer), MSG_CTRUNC (no room for the control message).
 */
ssize_t recvmsg(int fd, struct msghdr *msg, int flags);

/*
 * Linux: up to n messages. Waits for the first as recvmsg() does; takes others only as far as they
 * are there. timeout is not looked at (on Linux it is only after a message): SO_RCVTIMEO works.
 * Returns how many.
 */
int recvmmsg(int fd, struct mmsghdr *v, unsigned int n, int flags, struct timespec *timeout);

/*
 * Sends a copy: buf is the caller's again when the call returns. A stream blocks until everything
 * is queued, at most SO_SNDTIMEO; returns less only with O_NONBLOCK or MSG_DONTWAIT, at the
 * timeout, after an error or a signal. MSG_MORE keeps the last segment back until more comes.
 * Datagrams do not wait for room.
 *
 * EPIPE, and SIGPIPE unless MSG_NOSIGNAL (here it is ignored by default); ENOTCONN (Linux: EPIPE), ECONNRESET,
 * ETIMEDOUT, EAGAIN, EINTR; EOPNOTSUPP (MSG_OOB on a stream). Datagrams: EDESTADDRREQ, EMSGSIZE
 * above 65507 bytes, EACCES (a broadcast without SO_BROADCAST), ENETUNREACH, ENOBUFS.
 */
ssize_t send(int fd, const void *buf, size_t len, int flags);

/*
 * With the address that a datagram goes to; streams ignore it (POSIX: EISCONN). While an interface
 * is asking for its address it waits, or with O_NONBLOCK or MSG_DONTWAIT says EAGAIN, and the socket is
 * not writable until then.
 */
ssize_t sendto(int fd, const void *buf, size_t len, int flags, const struct sockaddr *addr, socklen_t addrlen);

/* With a vector. msg_control is not looked at. */
ssize_t sendmsg(int fd, const struct msghdr *msg, int flags);

/* Linux: n messages in order. Returns how many were sent; -1 only if the first failed. */
int sendmmsg(int fd, struct mmsghdr *v, unsigned int n, int flags);

/*
 * 0 for any descriptor: there is no urgent data here (RFC 6093 5: new programs should not use it).
 */
int sockatmark(int fd);

#ifdef __cplusplus
}
#endif

#endif
