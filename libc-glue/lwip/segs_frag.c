/* SPDX-License-Identifier: MIT */
#include "libc-glue/lwip/hooks.h"

/*
 * Packets above the MTU: segs_frag4() and segs_frag6() stand before lwIP's ip4_frag() and ip6_frag() (hooks.h). What the device
 * cuts passes; what is too long to be fragments waits for segs.c. Read segs.h first.
 */

#include "libc-glue/lwip/netdev.h"
#include "lwip/inet_chksum.h"
#include "lwip/ip4_frag.h"
#include "lwip/ip6_frag.h"
#include "lwip/nd6.h"
#include "lwip/prot/tcp.h"
#include "lwip/prot/udp.h"

/*
 * The device sums up whole packets only: what is going to be fragmented is summed here. p begins
 * with its IP header of hlen bytes.
 */
static void sum(struct pbuf *p, u16_t hlen, u8_t proto, const ip_addr_t *src, const ip_addr_t *dst)
{
	u16_t offset = proto == IP_PROTO_UDP ? offsetof(struct udp_hdr, chksum) : offsetof(struct tcp_hdr, chksum);
	u16_t *field = (u16_t *)(void *)((char *)p->payload + hlen + offset), value;

	if ((proto != IP_PROTO_UDP && proto != IP_PROTO_TCP) || p->len < hlen + offset + 2 || *field != 0)
		return;
	pbuf_remove_header(p, hlen);
	value = ip_chksum_pseudo(p, proto, p->tot_len, src, dst);
	*field = value ? value : 0xffff;
	pbuf_add_header(p, hlen);
}

/*
 * A segment of segs_queue() that the device cuts, in pieces that fit the path. hlen: of the IP
 * header.
 */
static bool will_be_cut(struct pbuf *p, struct netif *netif, u16_t hlen, u16_t mtu)
{
	const struct tcp_hdr *tcp = (const struct tcp_hdr *)(const void *)((char *)p->payload + hlen);
	u16_t headers = (u16_t)(hlen + TCPH_HDRLEN_BYTES(tcp));

	if (!(p->flags & PBUF_FLAG_GSO) || !netdev_cuts(netif, hlen == IP6_HLEN))
		return false;
	p->gso_size = (u16_t)LWIP_MIN(p->gso_size, mtu - headers);
	return true;
}

/* Too long for fragments to be a good idea: nothing is sent, and segs_after_timer() splits it. */
static bool is_too_long(const struct pbuf *p)
{
	return (p->flags & PBUF_FLAG_GSO) && p->tot_len > p->gso_size + IP6_HLEN + TCP_HLEN + TCP_MAX_OPTION_BYTES;
}

err_t segs_frag4(struct pbuf *p, struct netif *netif, const ip4_addr_t *dest)
{
	const struct ip_hdr *ip = p->payload;
	ip_addr_t src, dst;

	if (will_be_cut(p, netif, IPH_HL_BYTES(ip), netif->mtu))
		return netif->output(netif, p, dest);
	if (is_too_long(p))
		return ERR_VAL;
	ip_addr_copy_from_ip4(src, ip->src);
	ip_addr_copy_from_ip4(dst, ip->dest);
	if (!(IPH_OFFSET(ip) & PP_HTONS(IP_OFFMASK | IP_MF)))
		sum(p, IPH_HL_BYTES(ip), IPH_PROTO(ip), &src, &dst);
	return ip4_frag(p, netif, dest);
}

err_t segs_frag6(struct pbuf *p, struct netif *netif, const ip6_addr_t *dest)
{
	const struct ip6_hdr *ip = p->payload;
	ip_addr_t src, dst;

	if (will_be_cut(p, netif, IP6_HLEN, nd6_get_destination_mtu(dest, netif)))
		return netif->output_ip6(netif, p, dest);
	if (is_too_long(p))
		return ERR_VAL;
	ip_addr_copy_from_ip6_packed(src, ip->src);
	ip_addr_copy_from_ip6_packed(dst, ip->dest);
	sum(p, IP6_HLEN, IP6H_NEXTH(ip), &src, &dst);
	return ip6_frag(p, netif, dest);
}
