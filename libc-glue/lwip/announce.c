/* SPDX-License-Identifier: MIT */
#include "libc-glue/lwip/netdev.h"

/*
 * What a machine does that was saved and restored, or moved: perhaps another port of a switch leads to
 * it now, perhaps it is another network altogether.
 *
 * That is what a cable does that was out and is in again, which lwIP knows: gratuitous ARP, groups
 * reported, routers asked for, DHCP asked whether the address is still ours (its server has counted
 * the hours in the file, we have not). Neighbours' addresses of IPv4 are forgotten, because
 * nothing else finds out that they are wrong; IPv6 has its own ways. What lwIP has not is the
 * unsolicited neighbour advertisement of RFC 4861, 7.2.6: it is made here.
 */

#include <string.h>

#include "libc-glue/lwip/hooks.h"
#include "lwip/etharp.h"
#include "lwip/icmp6.h"
#include "lwip/inet_chksum.h"
#include "lwip/ip6.h"
#include "lwip/nd6.h"
#include "lwip/prot/nd6.h"

#define HOPS 255u
#define OPTION_LEN 8u

/* To all nodes, and it overrides what they know. */
static void advertise(struct netif *netif, const ip6_addr_t *addr)
{
	struct pbuf *p = pbuf_alloc(PBUF_IP, sizeof(struct na_header) + OPTION_LEN, PBUF_RAM);
	struct na_header *na = p ? p->payload : NULL;
	uint8_t *option = (uint8_t *)(na + 1);
	ip6_addr_t all;

	if (!p)
		return;
	memset(na, 0, sizeof *na);
	na->type = ICMP6_TYPE_NA;
	na->flags = ND6_FLAG_OVERRIDE;
	ip6_addr_copy_to_packed(na->target_address, *addr);
	option[0] = ND6_OPTION_TYPE_TARGET_LLADDR;
	option[1] = OPTION_LEN / 8;
	memcpy(option + 2, netif->hwaddr, ETH_HWADDR_LEN);
	ip6_addr_set_allnodes_linklocal(&all);
	ip6_addr_assign_zone(&all, IP6_MULTICAST, netif);
	na->chksum = ip6_chksum_pseudo(p, IP6_NEXTH_ICMP6, p->len, addr, &all);
	ip6_output_if(p, addr, &all, HOPS, 0, IP6_NEXTH_ICMP6, netif);
	pbuf_free(p);
}

void announce_netif(struct netif *netif)
{
	stack_new_key();
	if (!netif_is_link_up(netif))
		return;
	netif_set_link_down(netif);
	etharp_cleanup_netif(netif);
	netif_set_link_up(netif);
	for (unsigned i = 0; i < LWIP_IPV6_NUM_ADDRESSES; i++)
		if (ip6_addr_isvalid(netif_ip6_addr_state(netif, i)))
			advertise(netif, netif_ip6_addr(netif, i));
}
