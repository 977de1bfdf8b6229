/* SPDX-License-Identifier: MIT */
#include <fcntl.h>

/*
 * UDP and raw sockets. Read sock.c first.
 *
 * A datagram waits in the pbuf it came in, until it is read or the receive buffer is full: then new
 * ones are dropped, as UDP may. One copy each way.
 */

#include <netinet/in.h>
#include <poll.h>
#include <string.h>

#include "libc-glue/lwip/netdev.h"
#include "libc-glue/lwip/pool.h"
#include "libc-glue/lwip/stack.h"
#include "libc-glue/sock.h"
#include "libc-glue/sock_group.h"
#include "lwip/ip.h"
#include "lwip/raw.h"
#include "lwip/udp.h"

#define UDP_MAX 65507 /* RFC 768 in IPv4 */
#define OVERHEAD 256  /* what a waiting datagram counts for besides its bytes: it holds a whole buffer */
#define PORT_TRIES 64

unsigned sock_dgram_raws;

static struct pool dgrams = POOL_INIT(dgrams, "datagrams", sizeof(struct sock_dgram));

/* ---- Receiving ---- */

static void add(struct sock *s, struct pbuf *p, const ip_addr_t *from, uint16_t port)
{
	struct sock_dgram *d = NULL;

	if (s->rx_bytes + p->tot_len + OVERHEAD <= s->rcvbuf)
		d = pool_take(&dgrams);
	if (!d) {
		pbuf_free(p);
		return;
	}
	d->p = p;
	ip_addr_copy(d->from, *from);
	ip_addr_copy(d->to, *ip_current_dest_addr());
	d->port = port;
	d->ifindex = netif_get_index(ip_current_input_netif());
	list_append(&s->dgrams, &d->node);
	s->rx_bytes += p->tot_len + OVERHEAD;
	sock_wake(s, POLLIN);
}

static void on_udp(void *arg, struct udp_pcb *pcb, struct pbuf *p, const ip_addr_t *from, u16_t port)
{
	(void)pcb;
	add(arg, p, from, port);
}

/*
 * Every raw socket sees the packet, and then the stack: so each takes a copy. IPv4 shows its header
 * to programs, IPv6 does not (RFC 3542 3).
 */
static u8_t on_raw(void *arg, struct raw_pcb *pcb, struct pbuf *p, const ip_addr_t *from)
{
	struct pbuf *copy = pbuf_clone(PBUF_RAW, PBUF_RAM, p);

	(void)pcb;
	if (!copy)
		return 0;
	if (ip_current_is_v6())
		pbuf_remove_header(copy, ip_current_header_tot_len());
	add(arg, copy, from, 0);
	return 0;
}

/* Off the queue, and its pbuf back to whom it belongs. */
static void drop_first(struct sock *s)
{
	struct sock_dgram *d = container_of(list_take(&s->dgrams), struct sock_dgram, node);

	s->rx_bytes -= d->p->tot_len + OVERHEAD;
	pbuf_free(d->p);
	pool_give(&dgrams, d);
}

/* As much as fits; the caller tells by MSG_TRUNC that there was more. */
static size_t copy_out(const struct pbuf *p, const struct msghdr *msg)
{
	size_t want = iov_length(msg->msg_iov, (int)msg->msg_iovlen), done = 0;
	struct iov to = { msg->msg_iov, (int)msg->msg_iovlen, 0 };

	for (; p && done < want; p = p->next) {
		size_t n = p->len < want - done ? p->len : want - done;

		iov_put(&to, p->payload, n);
		done += n;
	}
	return done;
}

/* IP_PKTINFO: where the datagram was sent to. */
static void put_control(const struct sock *s, const struct sock_dgram *d, struct msghdr *msg)
{
	struct in_pktinfo info = { .ipi_ifindex = d->ifindex };
	struct in6_pktinfo info6 = { .ipi6_ifindex = d->ifindex };
	bool v6 = s->domain == AF_INET6;
	size_t len = v6 ? sizeof info6 : sizeof info;
	struct cmsghdr *c = msg->msg_control;
	struct sockaddr_in6 addr;
	socklen_t addrlen = sizeof addr;

	if (!s->pktinfo || msg->msg_controllen < CMSG_SPACE(len)) {
		msg->msg_flags |= s->pktinfo ? MSG_CTRUNC : 0;
		msg->msg_controllen = 0;
		return;
	}
	sock_addr_out(AF_INET6, &d->to, 0, (struct sockaddr *)&addr, &addrlen);
	info6.ipi6_addr = addr.sin6_addr;
	info.ipi_addr.s_addr = info.ipi_spec_dst.s_addr = ip_2_ip4(&d->to)->addr;
	c->cmsg_len = CMSG_LEN(len);
	c->cmsg_level = v6 ? IPPROTO_IPV6 : IPPROTO_IP;
	c->cmsg_type = v6 ? IPV6_PKTINFO : IP_PKTINFO;
	memcpy(CMSG_DATA(c), v6 ? (void *)&info6 : (void *)&info, len);
	msg->msg_controllen = CMSG_SPACE(len);
}

/* The oldest datagram. With MSG_PEEK it stays. */
static ssize_t deliver(struct sock *s, struct msghdr *msg, int flags)
{
	const struct sock_dgram *d = container_of(s->dgrams.next, struct sock_dgram, node);
	size_t len = d->p->tot_len, n = copy_out(d->p, msg);

	if (msg->msg_name)
		sock_addr_out(s->domain, &d->from, d->port, msg->msg_name, &msg->msg_namelen);
	put_control(s, d, msg);
	if (n < len)
		msg->msg_flags |= MSG_TRUNC;
	if (!(flags & MSG_PEEK))
		drop_first(s);
	return (ssize_t)(flags & MSG_TRUNC ? len : n);
}

ssize_t sock_dgram_recv(struct sock *s, struct msghdr *msg, int flags)
{
	bool block = !(s->file.flags & O_NONBLOCK) && !(flags & MSG_DONTWAIT);
	uint64_t deadline = sock_deadline(s->recv_timeout);

	if (s->error)
		return sock_take_error(s);
	while (list_empty(&s->dgrams)) {
		int rc = !block ? -EAGAIN : s->shut_read ? 0 : sock_wait(&s->readers, deadline); /* Linux's order */

		if (rc == 0 && s->error)
			rc = sock_take_error(s);
		if (rc || s->shut_read)
			return rc;
	}
	return deliver(s, msg, flags);
}

/* ---- Sending ---- */

/* One piece, with room before it for the headers, so that no pbuf has to be put in front. */
static int make_pbuf(const struct sock *s, const struct msghdr *msg, struct pbuf **p)
{
	size_t len = iov_length(msg->msg_iov, (int)msg->msg_iovlen);
	struct iov from = { msg->msg_iov, (int)msg->msg_iovlen, 0 };

	if (len > UDP_MAX)
		return -EMSGSIZE;
	*p = pbuf_alloc(s->type == SOCK_RAW ? PBUF_IP : PBUF_TRANSPORT, (u16_t)len, PBUF_RAM);
	if (!*p)
		return -ENOBUFS;
	iov_get(&from, (*p)->payload, len);
	return 0;
}

/* RFC 6056 3.3.1: a random port, tried again if it is taken. The range is Linux's. */
static int bind_random(struct sock *s)
{
	ip_addr_t any;
	err_t err = ERR_USE;

	ip_addr_copy(any, s->udp->local_ip);
	for (unsigned i = 0; i < PORT_TRIES && err == ERR_USE; i++)
		err = udp_bind(s->udp, &any, (u16_t)(32768 + stack_random() % 28232));
	return sock_errno(err);
}

/* A socket that nobody has bound gets its port with the first datagram (POSIX sendto()). */
static int transmit(struct sock *s, struct pbuf *p, const ip_addr_t *ip, uint16_t port)
{
	int rc;

	if (s->type == SOCK_RAW)
		return sock_errno(raw_sendto(s->raw, p, ip));
	rc = s->udp->local_port ? 0 : bind_random(s);
	return rc ? rc : sock_errno(udp_sendto(s->udp, p, ip, port));
}

/* An IPv6 socket takes IPv4 addresses as they are, as on Linux. */
static int domain_of(const struct sock *s, const struct msghdr *msg)
{
	const struct sockaddr *to = msg->msg_name;

	return msg->msg_namelen >= sizeof to->sa_family && to->sa_family == AF_INET ? AF_INET : s->domain;
}

/* Where a message goes. */
static int target(const struct sock *s, const struct msghdr *msg, ip_addr_t *ip, uint16_t *port)
{
	int rc;

	if (!msg->msg_name) {
		ip_addr_copy(*ip, s->remote);
		*port = s->remote_port;
		return s->state == SOCK_CONNECTED ? 0 : -EDESTADDRREQ;
	}
	rc = sock_addr_in(domain_of(s, msg), msg->msg_name, msg->msg_namelen, ip, port);
	if (rc == 0 && IP_IS_V4(ip) && s->v6only)
		rc = -ENETUNREACH;
	if (rc == 0 && *port == 0 && s->type == SOCK_DGRAM)
		rc = -EINVAL;
	return rc;
}

/* -EAGAIN: as long as an address may come, for who does not block. */
static int find_route(struct sock *s, const ip_addr_t *ip, int flags)
{
	if (ip_addr_ismulticast(ip))
		return 0;
	if ((s->file.flags & O_NONBLOCK) || (flags & MSG_DONTWAIT))
		return sock_route(s, ip);
	return stack_wait_route(ip) ? 0 : -ENETUNREACH;
}

ssize_t sock_dgram_send(struct sock *s, const struct msghdr *msg, int flags)
{
	struct pbuf *p;
	ip_addr_t ip;
	uint16_t port;
	size_t len;
	int rc = target(s, msg, &ip, &port);

	if (rc == 0)
		rc = sock_take_error(s);
	if (rc == 0 && s->shut_write)
		rc = -EPIPE;
	if (rc == 0)
		rc = find_route(s, &ip, flags);
	if (rc == 0)
		rc = make_pbuf(s, msg, &p);
	if (rc)
		return rc;
	len = p->tot_len;
	rc = transmit(s, p, &ip, port);
	pbuf_free(p);
	netdev_flush();
	return rc == -EINVAL ? -EACCES : rc ? rc : (ssize_t)len; /* what lwIP calls a wrong value is a broadcast without SO_BROADCAST */
}

/* ---- Making, naming, closing ---- */

/* Raw and UDP PCBs share their place in the socket, and begin alike. */
int sock_dgram_new(struct sock *s)
{
	u8_t type = s->domain == AF_INET ? IPADDR_TYPE_V4 : s->v6only ? IPADDR_TYPE_V6 : IPADDR_TYPE_ANY;

	if (s->type == SOCK_RAW)
		s->raw = raw_new_ip_type(type, s->proto);
	else
		s->udp = udp_new_ip_type(type);
	if (!s->udp)
		return -ENOBUFS;
	if (s->type == SOCK_RAW)
		raw_recv(s->raw, on_raw, s);
	else
		udp_recv(s->udp, on_udp, s);
	sock_dgram_raws += s->type == SOCK_RAW;
	return 0;
}

int sock_dgram_bind(struct sock *s, const ip_addr_t *ip, uint16_t port)
{
	if (s->type == SOCK_RAW)
		return sock_errno(raw_bind(s->raw, ip));
	if (s->udp->local_port)
		return -EINVAL;
	if (port)
		return sock_errno(udp_bind(s->udp, ip, port));
	ip_addr_copy(s->udp->local_ip, *ip);
	return bind_random(s);
}

/*
 * For getsockname(): the address that packets to ip would leave with. lwIP chooses it anew for
 * each.
 */
static void find_local(struct sock *s, const ip_addr_t *ip)
{
	struct netif *netif = ip_route(&s->udp->local_ip, ip);
	const ip_addr_t *local = netif ? ip_netif_get_local_ip(netif, ip) : NULL;

	if (local)
		ip_addr_copy(s->local, *local);
}

/* The port is taken before the connection, so that a failure leaves nothing half done. */
int sock_dgram_connect(struct sock *s, const ip_addr_t *ip, uint16_t port)
{
	int rc = 0;

	if (!ip) {
		s->state = SOCK_IDLE;
		ip_addr_copy(s->local, s->udp->local_ip);
		if (s->type == SOCK_RAW)
			raw_disconnect(s->raw);
		else
			udp_disconnect(s->udp);
		return 0;
	}
	rc = find_route(s, ip, 0);
	if (rc && rc != -EAGAIN)
		return rc;
	rc = 0;
	if (s->type == SOCK_DGRAM && !s->udp->local_port)
		rc = bind_random(s);
	if (rc == 0)
		rc = sock_errno(s->type == SOCK_RAW ? raw_connect(s->raw, ip) : udp_connect(s->udp, ip, port));
	if (rc)
		return rc;
	s->state = SOCK_CONNECTED;
	ip_addr_copy(s->remote, *ip);
	s->remote_port = port;
	find_local(s, ip);
	return 0;
}

/* ICMP. Nobody but who is connected could know which of his datagrams is meant. */
void sock_dgram_unreachable(struct udp_pcb *pcb, int error)
{
	struct sock *s = pcb->recv_arg;

	if (pcb->recv != on_udp)
		return;
	s->error = error;
	sock_wake(s, POLLERR);
}

void sock_dgram_route(struct sock *s)
{
	if (s->state == SOCK_CONNECTED)
		find_local(s, &s->remote);
	sock_wake(s, POLLOUT);
}

int sock_dgram_shutdown(struct sock *s, bool rd, bool wr)
{
	s->shut_read |= rd;
	s->shut_write |= wr;
	sock_wake(s, POLLOUT | (rd ? POLLIN | POLLRDHUP : 0) | (s->shut_read && s->shut_write ? POLLHUP : 0));
	return s->state == SOCK_CONNECTED ? 0 : -ENOTCONN;
}

void sock_dgram_close(struct sock *s)
{
	sock_group_leave_all(s);
	list_remove(&s->in_wanting);
	sock_dgram_raws -= s->type == SOCK_RAW;
	if (s->type == SOCK_RAW)
		raw_remove(s->raw);
	else
		udp_remove(s->udp);
	while (!list_empty(&s->dgrams))
		drop_first(s);
}

unsigned sock_dgram_ready(struct sock *s)
{
	unsigned events = (sock_route_waits(s) ? 0 : POLLOUT) | (s->error ? POLLERR : 0);

	if (s->shut_read)
		events |= POLLIN | POLLRDHUP | (s->shut_write ? POLLHUP : 0);
	return events | (list_empty(&s->dgrams) ? 0 : POLLIN);
}
