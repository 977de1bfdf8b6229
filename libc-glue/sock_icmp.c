/* SPDX-License-Identifier: MIT */
#include "libc-glue/sock.h"

/*
 * What routers and hosts say about packets of ours that they cannot deliver: ICMP "destination
 * unreachable" (RFC 792, RFC 4443 3.1), which lwIP does not look at. Read sock.c first.
 *
 * As on Linux a connection that is being made fails at once, where lwIP would repeat its SYN for a
 * minute, and a connected datagram socket hears that nobody has the port. Nobody else is told: the
 * message is not authenticated. It must quote our addresses, ports and, of TCP, sequence number (RFC 5927).
 */

#include "libc-glue/lwip/conns.h"
#include "libc-glue/lwip/hooks.h"
#include "lwip/icmp.h"
#include "lwip/inet_chksum.h"
#include "lwip/ip.h"
#include "lwip/udp.h"

#define ICMP_HEAD 8u
#define IP4_MAX 60u
#define QUOTE 8u /* bytes of our packet behind its IP header, as many as RFC 792 promises */

/* Our packet, as far as it was quoted. */
struct quote {
	ip_addr_t from, to;
	uint16_t from_port, to_port;
	uint32_t seq;
	uint8_t proto;
};

static void read_ports(struct quote *q, const uint8_t *l4)
{
	q->from_port = (uint16_t)(l4[0] << 8 | l4[1]);
	q->to_port = (uint16_t)(l4[2] << 8 | l4[3]);
	q->seq = (uint32_t)l4[4] << 24 | (uint32_t)l4[5] << 16 | (uint32_t)l4[6] << 8 | l4[7];
}

static void tell_datagrams(const struct quote *q, int error)
{
	for (struct udp_pcb *pcb = udp_pcbs; pcb; pcb = pcb->next)
		if ((pcb->flags & UDP_FLAGS_CONNECTED) && pcb->local_port == q->from_port && pcb->remote_port == q->to_port &&
		    ip_addr_cmp(&pcb->remote_ip, &q->to))
			sock_dgram_unreachable(pcb, error);
}

/* Networks and hosts come and go: for datagrams only a refusal counts. */
static void tell(const struct quote *q, int error)
{
	struct tcp_pcb *pcb = NULL;

	if (q->proto == IP_PROTO_UDP && (error == ECONNREFUSED || error == ENOPROTOOPT))
		tell_datagrams(q, error);
	if (q->proto == IP_PROTO_TCP)
		pcb = conns_lookup(&q->from, q->from_port, &q->to, q->to_port);
	if (pcb && q->seq == pcb->lastack)
		sock_connect_unreachable(pcb, error);
}

static int meaning4(uint8_t code)
{
	switch (code) {
	case ICMP_DUR_PORT:
		return ECONNREFUSED;
	case ICMP_DUR_PROTO:
		return ENOPROTOOPT;
	case ICMP_DUR_NET:
		return ENETUNREACH;
	case ICMP_DUR_FRAG: /* we never forbid fragments */
		return 0;
	default:
		return EHOSTUNREACH;
	}
}

void sock_icmp4(struct pbuf *p, const struct netif *in)
{
	uint8_t b[ICMP_HEAD + IP4_MAX + QUOTE] = { 0 }, *ip = b + ICMP_HEAD; /* it may be shorter than that */
	unsigned n = pbuf_copy_partial(p, b, sizeof b, 0), hlen = (ip[0] & 15u) * 4;
	struct quote q;
	uint32_t words[2];

	if (n < ICMP_HEAD + IP_HLEN + QUOTE || b[0] != ICMP_DUR || ip[0] >> 4 != 4 || hlen < IP_HLEN || n < ICMP_HEAD + hlen + QUOTE)
		return;
	if ((ip[6] & 0x1f) || ip[7] || !meaning4(b[1]))
		return;
	if ((in->chksum_flags & NETIF_CHECKSUM_CHECK_ICMP) && inet_chksum_pbuf(p) != 0)
		return;
	memcpy(words, ip + 12, sizeof words);
	ip_addr_set_ip4_u32_val(q.from, words[0]);
	ip_addr_set_ip4_u32_val(q.to, words[1]);
	q.proto = ip[9];
	read_ports(&q, ip + hlen);
	tell(&q, meaning4(b[1]));
}

static void read_address(ip_addr_t *to, const uint8_t *from)
{
	uint32_t words[4];

	memcpy(words, from, sizeof words);
	IP_ADDR6(to, words[0], words[1], words[2], words[3]);
	ip6_addr_assign_zone(ip_2_ip6(to), IP6_UNICAST, ip_current_input_netif());
}

/* Without headers between IPv6's and the transport's: we send none but of fragments. */
void sock_icmp6(struct pbuf *p, const struct netif *in)
{
	static const uint8_t meaning[] = { ENETUNREACH, EACCES, EHOSTUNREACH, EHOSTUNREACH, ECONNREFUSED };
	uint8_t b[ICMP_HEAD + IP6_HLEN + QUOTE], *ip = b + ICMP_HEAD;
	struct quote q;

	if (pbuf_copy_partial(p, b, sizeof b, 0) < sizeof b || b[0] != ICMP6_TYPE_DUR || b[1] >= sizeof meaning || ip[0] >> 4 != 6)
		return;
	if ((in->chksum_flags & NETIF_CHECKSUM_CHECK_ICMP6) &&
	    ip6_chksum_pseudo(p, IP6_NEXTH_ICMP6, p->tot_len, ip6_current_src_addr(), ip6_current_dest_addr()) != 0)
		return;
	read_address(&q.from, ip + 8);
	read_address(&q.to, ip + 24);
	q.proto = ip[6];
	read_ports(&q, ip + IP6_HLEN);
	tell(&q, meaning[b[1]]);
}
