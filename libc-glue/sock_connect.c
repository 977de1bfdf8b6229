/* SPDX-License-Identifier: MIT */
#include "libc-glue/sock.h"

/*
 * connect() of streams. Read sock.c and sock_tcp.c first.
 *
 * An attempt is under way (SOCK_CONNECTING) from the call until lwIP says that there is a connection, or
 * that there is none; in the first seconds of the machine it may have to wait for an address before that
 * (sock_route.c). How it ended is told once: by the call itself, by SO_ERROR, or by another connect().
 */

#include <poll.h>

#include "libc-glue/lwip/conns.h"
#include "lwip/priv/tcp_priv.h"

/*
 * The ends must be known before tcp_connect(): it looks for a connection with the same ones, and
 * finds only what is mounted.
 */
static int send_syn(struct sock *s)
{
	struct tcp_pcb *pcb = s->tcp;

	ip_addr_copy(pcb->remote_ip, s->remote);
	pcb->remote_port = s->remote_port;
	if (pcb->local_port)
		conns_mount(pcb);
	else if (!conns_choose_port(pcb))
		return -EADDRNOTAVAIL;
	return sock_errno(tcp_connect(pcb, &s->remote, s->remote_port, sock_tcp_connected));
}

/* Without an address yet the connection is under way all the same, and sock_connect_route() goes on. */
static int start_connect(struct sock *s)
{
	int rc = sock_route(s, &s->remote);

	if (rc == 0)
		rc = send_syn(s);
	return rc == -EAGAIN ? 0 : rc;
}

/* The PCB has gone, and the attempt is over: whoever waits for it is told. */
static void failed(struct sock *s, int error)
{
	s->error = error;
	s->eof = true;
	sock_wake(s, POLLIN | POLLOUT | POLLRDHUP | POLLHUP | POLLERR);
}

/* Nobody has been told about the PCB yet: it just goes. */
void sock_connect_route(struct sock *s)
{
	struct tcp_pcb *pcb = s->tcp;
	int rc = start_connect(s);

	if (rc == 0)
		return;
	sock_tcp_forget(s);
	conns_gather();
	tcp_close(pcb);
	failed(s, -rc);
}

/*
 * How an attempt has ended is told once: then a connection is one, and after a failure the socket is as
 * new and may try again.
 */
static int result(struct sock *s)
{
	int rc = sock_take_error(s);

	if (rc == 0 && s->state != SOCK_CONNECTED) /* another thread has taken the error */
		rc = -ECONNABORTED;
	if (rc && !s->tcp)
		sock_tcp_new(s);
	s->untold = !s->tcp; /* without memory it may try that again */
	return rc;
}

/* 0: a socket that can try. -EALREADY, -EISCONN; -ENOMEM: it needs a new PCB. */
static int check_idle(struct sock *s)
{
	if (s->state == SOCK_LISTENING || s->state == SOCK_CONNECTED || (s->state == SOCK_OVER && !s->untold))
		return -EISCONN; /* a connection that is over was one */
	if (s->state == SOCK_CONNECTING)
		return -EALREADY;
	s->error = 0;
	return s->tcp ? 0 : sock_tcp_new(s);
}

/* Of ip, to a port. */
static int begin(struct sock *s, const ip_addr_t *ip, uint16_t port)
{
	int rc = check_idle(s);

	if (rc)
		return rc;
	if (IP_IS_V6(ip) ? s->domain == AF_INET : s->v6only)
		return -ENETUNREACH;
	if (port == 0)
		return -ECONNREFUSED;
	ip_addr_copy(s->remote, *ip);
	s->remote_port = port;
	s->state = SOCK_CONNECTING;
	rc = start_connect(s);
	if (rc)
		s->state = SOCK_IDLE;
	return rc;
}

/*
 * A blocking call may end early by a signal or SO_SNDTIMEO; the handshake goes on, and a second
 * call says EALREADY (POSIX connect()), or once how it has ended, as on Linux.
 */
int sock_connect_tcp(struct sock *s, const ip_addr_t *ip, uint16_t port, bool block)
{
	uint64_t deadline = sock_deadline(s->send_timeout);
	int rc;

	if (s->untold && (s->state == SOCK_CONNECTED || s->error))
		return result(s);
	rc = begin(s, ip, port);
	if (rc)
		return rc;
	s->untold = true;
	if (!block)
		return -EINPROGRESS;
	while (rc == 0 && s->state == SOCK_CONNECTING)
		rc = sock_wait(&s->writers, deadline);
	if (rc)
		return rc == -EAGAIN ? -EINPROGRESS : rc;
	return result(s);
}

/* ICMP: only of an attempt to connect, since anybody can say such things of what goes on (RFC 5927). */
void sock_connect_unreachable(struct tcp_pcb *pcb, int error)
{
	struct sock *s = pcb->state == SYN_SENT ? sock_tcp_of(pcb) : NULL;

	if (!s)
		return;
	sock_tcp_forget(s);
	tcp_abandon(pcb, 0);
	failed(s, error);
}
