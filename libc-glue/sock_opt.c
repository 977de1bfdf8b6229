/* SPDX-License-Identifier: MIT */
#include <fcntl.h>

/*
 * Options of sockets. Read sock.c first.
 *
 * Each level has a function that reads and one that sets; an option that is not there answers
 * ENOPROTOOPT. Those which only ask for speed, and which this stack has no use for (TCP_QUICKACK,
 * SO_PRIORITY ...), are taken and do nothing.
 */

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/time.h>

#include "libc-glue/lwip/netdev.h"
#include "libc-glue/lwip/stack.h"
#include "libc-glue/sock.h"
#include "libc-glue/sock_group.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/raw.h"
#include "lwip/udp.h"

#define NS_PER_S 1000000000ull

static struct ip_pcb *pcb_of(const struct sock *s)
{
	return (struct ip_pcb *)s->udp; /* all PCBs begin alike; NULL when lwIP has forgotten it */
}

/* A connection, not a listener: the struct tcp_pcb has these fields then. */
static struct tcp_pcb *conn_of(const struct sock *s)
{
	return s->type == SOCK_STREAM && s->state != SOCK_LISTENING ? s->tcp : NULL;
}

/* ---- Reading ---- */

static int get_flag(const struct sock *s, u8_t flag)
{
	return pcb_of(s) && ip_get_option(pcb_of(s), flag);
}

static int get_socket(struct sock *s, int name, int *value)
{
	switch (name) {
	case SO_ERROR:
		*value = -sock_take_error(s);
		return 0;
	case SO_TYPE:
		*value = s->type;
		return 0;
	case SO_DOMAIN:
		*value = s->domain;
		return 0;
	case SO_PROTOCOL:
		*value = s->type == SOCK_STREAM ? IPPROTO_TCP : s->type == SOCK_DGRAM ? IPPROTO_UDP : s->proto;
		return 0;
	case SO_ACCEPTCONN:
		*value = s->state == SOCK_LISTENING;
		return 0;
	case SO_REUSEADDR:
		*value = get_flag(s, SOF_REUSEADDR);
		return 0;
	case SO_KEEPALIVE:
		*value = get_flag(s, SOF_KEEPALIVE);
		return 0;
	case SO_BROADCAST:
		*value = get_flag(s, SOF_BROADCAST);
		return 0;
	case SO_SNDBUF:
		*value = (int)s->sndbuf;
		return 0;
	case SO_RCVBUF:
		*value = (int)s->rcvbuf;
		return 0;
	case SO_RCVLOWAT:
	case SO_SNDLOWAT:
		*value = 1;
		return 0;
	case SO_DEBUG:
	case SO_DONTROUTE:
	case SO_OOBINLINE:
	case SO_PRIORITY:
	case SO_REUSEPORT:
		*value = 0;
		return 0;
	default:
		return -ENOPROTOOPT;
	}
}

static int get_tcp(const struct sock *s, int name, int *value)
{
	const struct tcp_pcb *pcb = conn_of(s);

	switch (name) {
	case TCP_NODELAY:
		*value = s->nodelay;
		return 0;
	case TCP_CORK:
		*value = s->corked;
		return 0;
	case TCP_MAXSEG:
		*value = pcb ? pcb->mss : 536;
		return 0;
	case TCP_KEEPIDLE:
		*value = pcb ? (int)(pcb->keep_idle / 1000) : 7200;
		return 0;
	case TCP_KEEPINTVL:
		*value = pcb ? (int)(pcb->keep_intvl / 1000) : 75;
		return 0;
	case TCP_KEEPCNT:
		*value = pcb ? (int)pcb->keep_cnt : 9;
		return 0;
	case TCP_SYNCNT:
		*value = TCP_SYNMAXRTX;
		return 0;
	case TCP_LINGER2:
		*value = TCP_FIN_WAIT_TIMEOUT / 1000;
		return 0;
	case TCP_QUICKACK:
	case TCP_DEFER_ACCEPT:
	case TCP_USER_TIMEOUT:
	case TCP_FASTOPEN:
		*value = 0;
		return 0;
	default:
		return -ENOPROTOOPT;
	}
}

static int get_ip(const struct sock *s, int level, int name, int *value)
{
	const struct ip_pcb *pcb = pcb_of(s);
	const struct udp_pcb *udp = s->type == SOCK_DGRAM ? s->udp : NULL;

	if (level == IPPROTO_IPV6 && name == IPV6_V6ONLY)
		*value = s->v6only;
	else if (name == (level == IPPROTO_IP ? IP_TTL : IPV6_UNICAST_HOPS))
		*value = pcb ? pcb->ttl : TCP_TTL;
	else if (name == (level == IPPROTO_IP ? IP_TOS : IPV6_TCLASS))
		*value = pcb ? pcb->tos : 0;
	else if (name == (level == IPPROTO_IP ? IP_PKTINFO : IPV6_RECVPKTINFO))
		*value = s->pktinfo;
	else if (udp && name == (level == IPPROTO_IP ? IP_MULTICAST_TTL : IPV6_MULTICAST_HOPS))
		*value = udp_get_multicast_ttl(udp);
	else if (udp && name == (level == IPPROTO_IP ? IP_MULTICAST_LOOP : IPV6_MULTICAST_LOOP))
		*value = (udp->flags & UDP_FLAGS_MULTICAST_LOOP) != 0;
	else
		return -ENOPROTOOPT;
	return 0;
}

void sock_opt_put(void *value, socklen_t *len, const void *from, socklen_t size)
{
	if (*len > size)
		*len = size;
	memcpy(value, from, *len);
}

void sock_opt_put_timeout(void *value, socklen_t *len, uint64_t ns)
{
	struct timeval tv = { .tv_sec = (time_t)(ns / NS_PER_S), .tv_usec = (suseconds_t)(ns % NS_PER_S / 1000) };

	sock_opt_put(value, len, &tv, sizeof tv);
}

static int get(struct sock *s, int level, int name, void *value, socklen_t *len)
{
	int v = 0, rc;

	if (level == SOL_SOCKET && name == SO_LINGER) {
		sock_opt_put(value, len, &s->linger, sizeof s->linger);
		return 0;
	}
	if (level == SOL_SOCKET && (name == SO_RCVTIMEO || name == SO_SNDTIMEO)) {
		sock_opt_put_timeout(value, len, name == SO_RCVTIMEO ? s->recv_timeout : s->send_timeout);
		return 0;
	}
	if (level == SOL_SOCKET)
		rc = get_socket(s, name, &v);
	else if (level == IPPROTO_TCP)
		rc = s->type == SOCK_STREAM ? get_tcp(s, name, &v) : -ENOPROTOOPT;
	else
		rc = level == IPPROTO_IP || level == IPPROTO_IPV6 ? get_ip(s, level, name, &v) : -ENOPROTOOPT;
	if (rc == 0)
		sock_opt_put(value, len, &v, sizeof v);
	return rc;
}

/* ---- Setting ---- */

static int set_flag(struct sock *s, u8_t flag, bool on)
{
	struct ip_pcb *pcb = pcb_of(s);

	if (pcb && on)
		ip_set_option(pcb, flag);
	else if (pcb)
		ip_reset_option(pcb, flag);
	return 0;
}

/* Linux doubles what it is given; here it is taken as it is, within what lwIP can do. */
static uint32_t clamp(int value, uint32_t least, uint32_t most)
{
	return value < (int)least ? least : value > (int)most ? most : (uint32_t)value;
}

static int set_sndbuf(struct sock *s, int value)
{
	uint32_t size = clamp(value, 4096, TCP_SND_BUF);
	struct tcp_pcb *pcb = conn_of(s);

	/* What is queued stays queued: a buffer cannot become smaller than that. */
	if (pcb && size < s->sndbuf - pcb->snd_buf)
		size = s->sndbuf - pcb->snd_buf;
	if (pcb)
		pcb->snd_buf = size - (s->sndbuf - pcb->snd_buf);
	s->sndbuf = size;
	return 0;
}

static int set_rcvbuf(struct sock *s, int value)
{
	s->rcvbuf = s->type == SOCK_STREAM ? clamp(value, 65536, TCP_WND) : clamp(value, 4096, 8 << 20);
	if (s->type == SOCK_STREAM && s->held > 0)
		sock_tcp_set_rcvbuf(s);
	return 0;
}

static int set_socket(struct sock *s, int name, int value)
{
	switch (name) {
	case SO_REUSEADDR:
		return set_flag(s, SOF_REUSEADDR, value);
	case SO_KEEPALIVE:
		return set_flag(s, SOF_KEEPALIVE, value);
	case SO_BROADCAST:
		return set_flag(s, SOF_BROADCAST, value);
	case SO_SNDBUF:
		return set_sndbuf(s, value);
	case SO_RCVBUF:
		return set_rcvbuf(s, value);
	case SO_DEBUG:
	case SO_DONTROUTE:
	case SO_OOBINLINE:
	case SO_PRIORITY:
	case SO_RCVLOWAT:
	case SO_SNDLOWAT:
		return 0;
	default:
		return -ENOPROTOOPT;
	}
}

int sock_opt_timeout(uint64_t *ns, const void *value, socklen_t len)
{
	struct timeval tv;

	if (len < sizeof tv)
		return -EINVAL;
	memcpy(&tv, value, sizeof tv);
	if (tv.tv_sec < 0 || tv.tv_usec < 0 || tv.tv_usec >= 1000000)
		return -EDOM;
	*ns = (uint64_t)tv.tv_sec * NS_PER_S + (uint64_t)tv.tv_usec * 1000;
	return 0;
}

/* SO_BINDTODEVICE: "nic1"; an empty name undoes it. */
static int set_device(struct sock *s, const char *name, socklen_t len)
{
	char want[16] = "", have[16];
	struct netif *netif;

	memcpy(want, name, len < sizeof want ? len : sizeof want - 1);
	if (!want[0] && pcb_of(s)) {
		pcb_of(s)->netif_idx = NETIF_NO_INDEX;
		return 0;
	}
	NETIF_FOREACH(netif) {
		if (strcmp(stack_ifname(netif, have, sizeof have), want) == 0 && pcb_of(s)) {
			pcb_of(s)->netif_idx = netif_get_index(netif);
			return 0;
		}
	}
	return -ENODEV;
}

static int set_nodelay(struct sock *s, bool on)
{
	struct tcp_pcb *pcb = conn_of(s);

	s->nodelay = on;
	if (pcb && on)
		tcp_nagle_disable(pcb);
	else if (pcb)
		tcp_nagle_enable(pcb);
	if (on && pcb)
		sock_stream_uncork(s);
	return 0;
}

static int set_keep(struct sock *s, int name, int value)
{
	struct tcp_pcb *pcb = conn_of(s);

	if (value < 1 || value > 32767)
		return -EINVAL;
	if (!pcb)
		return 0;
	if (name == TCP_KEEPIDLE)
		pcb->keep_idle = (u32_t)value * 1000;
	else if (name == TCP_KEEPINTVL)
		pcb->keep_intvl = (u32_t)value * 1000;
	else
		pcb->keep_cnt = (u32_t)value;
	return 0;
}

static int set_tcp(struct sock *s, int name, int value)
{
	switch (name) {
	case TCP_NODELAY:
		return set_nodelay(s, value);
	case TCP_CORK:
		s->corked = value;
		if (!value)
			sock_stream_uncork(s);
		return 0;
	case TCP_KEEPIDLE:
	case TCP_KEEPINTVL:
	case TCP_KEEPCNT:
		return set_keep(s, name, value);
	case TCP_MAXSEG:
	case TCP_QUICKACK:
	case TCP_DEFER_ACCEPT:
	case TCP_USER_TIMEOUT:
	case TCP_FASTOPEN:
	case TCP_SYNCNT:
	case TCP_LINGER2:
		return 0;
	default:
		return -ENOPROTOOPT;
	}
}

/* Before the socket is used: its PCB is made for one family or for both. */
static int set_v6only(struct sock *s, bool on)
{
	struct ip_pcb *pcb = pcb_of(s);

	if (s->domain != AF_INET6 || s->state != SOCK_IDLE || !pcb)
		return -EINVAL;
	s->v6only = on;
	IP_SET_TYPE_VAL(pcb->local_ip, on ? IPADDR_TYPE_V6 : IPADDR_TYPE_ANY);
	IP_SET_TYPE_VAL(pcb->remote_ip, on ? IPADDR_TYPE_V6 : IPADDR_TYPE_ANY);
	return 0;
}

static int set_ip(struct sock *s, int level, int name, int value)
{
	struct ip_pcb *pcb = pcb_of(s);
	struct udp_pcb *udp = s->type == SOCK_DGRAM ? s->udp : NULL;

	if (level == IPPROTO_IPV6 && name == IPV6_V6ONLY)
		return set_v6only(s, value);
	if (name == (level == IPPROTO_IP ? IP_TTL : IPV6_UNICAST_HOPS) && pcb)
		pcb->ttl = value < 0 ? UDP_TTL : (u8_t)value;
	else if (name == (level == IPPROTO_IP ? IP_TOS : IPV6_TCLASS) && pcb)
		pcb->tos = (u8_t)value;
	else if (name == (level == IPPROTO_IP ? IP_PKTINFO : IPV6_RECVPKTINFO))
		s->pktinfo = value;
	else if (udp && name == (level == IPPROTO_IP ? IP_MULTICAST_TTL : IPV6_MULTICAST_HOPS))
		udp_set_multicast_ttl(udp, (u8_t)value);
	else if (udp && name == (level == IPPROTO_IP ? IP_MULTICAST_LOOP : IPV6_MULTICAST_LOOP))
		udp->flags = (u8_t)(value ? udp->flags | UDP_FLAGS_MULTICAST_LOOP : udp->flags & ~UDP_FLAGS_MULTICAST_LOOP);
	else if (udp && level == IPPROTO_IPV6 && name == IPV6_MULTICAST_IF)
		udp_set_multicast_netif_index(udp, (u8_t)value);
	else
		return -ENOPROTOOPT;
	return 0;
}

static int set(struct sock *s, int level, int name, const void *value, socklen_t len)
{
	int v = 0;

	if (level == SOL_SOCKET && name == SO_RCVTIMEO)
		return sock_opt_timeout(&s->recv_timeout, value, len);
	if (level == SOL_SOCKET && name == SO_SNDTIMEO)
		return sock_opt_timeout(&s->send_timeout, value, len);
	if (level == SOL_SOCKET && name == SO_BINDTODEVICE)
		return set_device(s, value, len);
	if (level == SOL_SOCKET && name == SO_LINGER) {
		if (len < sizeof s->linger)
			return -EINVAL;
		memcpy(&s->linger, value, sizeof s->linger);
		return 0;
	}
	if (sock_group_has(level, name) && s->type == SOCK_DGRAM)
		return sock_group_set(s, level, name, value, len);
	if (len < sizeof v && !(level == IPPROTO_IP && len == 1))
		return -EINVAL;
	memcpy(&v, value, len < sizeof v ? len : sizeof v);
	if (level == SOL_SOCKET)
		return set_socket(s, name, v);
	if (level == IPPROTO_TCP)
		return s->type == SOCK_STREAM ? set_tcp(s, name, v) : -ENOPROTOOPT;
	return level == IPPROTO_IP || level == IPPROTO_IPV6 ? set_ip(s, level, name, v) : -ENOPROTOOPT;
}

/* ---- The calls ---- */

int sock_getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
	struct sock_call call = { .what = SOCK_GET, .level = level, .name = name, .value = value, .len = len };
	struct fd_file *f = fd_get(fd);
	int rc = -ENOTSOCK;

	if (!f)
		return -EBADF;
	if (!value || !len)
		rc = -EFAULT;
	else if (sock_of(f))
		rc = get(sock_of(f), level, name, value, len);
	else if (f->ops->sock)
		rc = (int)f->ops->sock(f, &call);
	fd_put(f);
	return rc;
}

int sock_setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
	struct sock_call call = { .what = SOCK_SET, .level = level, .name = name, .value = (void *)(uintptr_t)value, .len = &len };
	struct fd_file *f = fd_get(fd);
	int rc = -ENOTSOCK;

	if (!f)
		return -EBADF;
	if (!value && len > 0)
		rc = -EFAULT;
	else if (sock_of(f))
		rc = set(sock_of(f), level, name, value, len);
	else if (f->ops->sock)
		rc = (int)f->ops->sock(f, &call);
	fd_put(f);
	netdev_flush();
	return rc;
}
