/* SPDX-License-Identifier: MIT */
#include <errno.h>

/*
 * The names by which programs know sockets. Apart from sock.c, so that tests on a Unix host can
 * link that beside the host's own.
 */

#include <signal.h>

#include "core/plat.h"
#include "libc-glue/glue.h"
#include "libc-glue/sock.h"

int socket(int domain, int type, int proto)
{
	return (int)fd_result(sock_socket(domain, type, proto));
}

int socketpair(int domain, int type, int proto, int fds[2])
{
	return (int)fd_result(sock_socketpair(domain, type, proto, fds));
}

int bind(int fd, const struct sockaddr *addr, socklen_t len)
{
	return (int)fd_result(sock_bind(fd, addr, len));
}

int listen(int fd, int backlog)
{
	return (int)fd_result(sock_listen(fd, backlog));
}

int accept(int fd, struct sockaddr *addr, socklen_t *len)
{
	return (int)fd_result(sock_accept(fd, addr, len, 0));
}

int accept4(int fd, struct sockaddr *addr, socklen_t *len, int flags)
{
	return (int)fd_result(sock_accept(fd, addr, len, flags));
}

int connect(int fd, const struct sockaddr *addr, socklen_t len)
{
	return (int)fd_result(sock_connect(fd, addr, len));
}

int shutdown(int fd, int how)
{
	return (int)fd_result(sock_shutdown(fd, how));
}

int getsockname(int fd, struct sockaddr *addr, socklen_t *len)
{
	return (int)fd_result(sock_name(fd, addr, len, false));
}

int getpeername(int fd, struct sockaddr *addr, socklen_t *len)
{
	return (int)fd_result(sock_name(fd, addr, len, true));
}

int getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
	return (int)fd_result(sock_getsockopt(fd, level, name, value, len));
}

int setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
	return (int)fd_result(sock_setsockopt(fd, level, name, value, len));
}

int sockatmark(int fd)
{
	(void)fd;
	return 0; /* there is no urgent data here */
}

/* ---- Data ---- */

static ssize_t sent(ssize_t rc, int flags)
{
	if (rc == -EPIPE && !(flags & MSG_NOSIGNAL))
		raise(SIGPIPE);
	return fd_result(rc);
}

ssize_t sendmsg(int fd, const struct msghdr *msg, int flags)
{
	return sent(sock_send(fd, msg, flags), flags);
}

ssize_t sendto(int fd, const void *buf, size_t len, int flags, const struct sockaddr *addr, socklen_t addrlen)
{
	struct iovec v = { (void *)(uintptr_t)buf, len };
	struct msghdr msg = { .msg_name = (void *)(uintptr_t)addr, .msg_namelen = addrlen, .msg_iov = &v, .msg_iovlen = 1 };

	return sent(sock_send(fd, &msg, flags), flags);
}

ssize_t send(int fd, const void *buf, size_t len, int flags)
{
	return sendto(fd, buf, len, flags, NULL, 0);
}

ssize_t recvmsg(int fd, struct msghdr *msg, int flags)
{
	return fd_result(sock_recv(fd, msg, flags));
}

ssize_t recvfrom(int fd, void *buf, size_t len, int flags, struct sockaddr *addr, socklen_t *addrlen)
{
	struct iovec v = { buf, len };
	struct msghdr msg = { .msg_name = addr, .msg_namelen = addr && addrlen ? *addrlen : 0, .msg_iov = &v, .msg_iovlen = 1 };
	ssize_t rc = sock_recv(fd, &msg, flags);

	if (rc >= 0 && addr && addrlen)
		*addrlen = msg.msg_namelen;
	return fd_result(rc);
}

ssize_t recv(int fd, void *buf, size_t len, int flags)
{
	return recvfrom(fd, buf, len, flags, NULL, NULL);
}

/* The first message as flags say; more only as far as they are there. */
int recvmmsg(int fd, struct mmsghdr *v, unsigned int n, int flags, struct timespec *timeout)
{
	unsigned i;
	ssize_t rc = 0;

	(void)timeout; /* as on Linux it would only be looked at after a message: the socket's SO_RCVTIMEO is what works */
	for (i = 0; i < n; i++) {
		rc = sock_recv(fd, &v[i].msg_hdr, i > 0 ? flags | MSG_DONTWAIT : flags);
		if (rc < 0)
			break;
		v[i].msg_len = (unsigned)rc;
	}
	return i > 0 ? (int)i : (int)fd_result(rc);
}

int sendmmsg(int fd, struct mmsghdr *v, unsigned int n, int flags)
{
	unsigned i;
	ssize_t rc = 0;

	for (i = 0; i < n; i++) {
		rc = sock_send(fd, &v[i].msg_hdr, flags);
		if (rc < 0)
			break;
		v[i].msg_len = (unsigned)rc;
	}
	return i > 0 ? (int)i : (int)sent(rc, flags);
}
