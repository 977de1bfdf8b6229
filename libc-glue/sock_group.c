/* SPDX-License-Identifier: MIT */
#include <netinet/in.h>

/*
 * Multicast groups: IP_ADD_MEMBERSHIP, IPV6_JOIN_GROUP and their opposites. Read sock_opt.c first.
 *
 * lwIP counts joins per interface; here is remembered who joined what, so that a socket that closes
 * leaves all its groups.
 */

#include <string.h>

#include "libc-glue/lwip/pool.h"
#include "libc-glue/sock.h"
#include "libc-glue/sock_group.h"
#include "lwip/igmp.h"
#include "lwip/mld6.h"
#include "lwip/netif.h"
#include "lwip/udp.h"

static struct pool groups = POOL_INIT(groups, "groups", sizeof(struct sock_group));

/* index 0: on every interface, as far as it can. */
static err_t join_on(const ip_addr_t *group, uint8_t index, bool join)
{
	struct netif *netif;
	err_t rc = ERR_VAL;

	NETIF_FOREACH(netif) {
		err_t one;

		if ((index && netif_get_index(netif) != index) || !(netif->flags & (NETIF_FLAG_IGMP | NETIF_FLAG_MLD6)))
			continue;
		if (IP_IS_V6(group))
			one = join ? mld6_joingroup_netif(netif, ip_2_ip6(group)) : mld6_leavegroup_netif(netif, ip_2_ip6(group));
		else
			one = join ? igmp_joingroup_netif(netif, ip_2_ip4(group)) : igmp_leavegroup_netif(netif, ip_2_ip4(group));
		if (one == ERR_OK || rc == ERR_VAL)
			rc = one;
	}
	return rc;
}

/* EADDRINUSE and ENODEV are Linux's words, ip(7). */
static int join(struct sock *s, const ip_addr_t *group, uint8_t index)
{
	struct sock_group *g;
	int rc;

	if (!ip_addr_ismulticast(group))
		return -EINVAL;
	for (g = s->groups; g; g = g->next)
		if (ip_addr_cmp(&g->group, group) && g->ifindex == index)
			return -EADDRINUSE;
	g = pool_take(&groups);
	if (!g)
		return -ENOBUFS;
	rc = sock_errno(join_on(group, index, true));
	if (rc) {
		pool_give(&groups, g);
		return rc == -EINVAL ? -ENODEV : rc;
	}
	ip_addr_copy(g->group, *group);
	g->ifindex = index;
	g->next = s->groups;
	s->groups = g;
	return 0;
}

/* What lwIP answers does not matter: the socket has forgotten the group. */
static void forget(struct sock_group **link)
{
	struct sock_group *g = *link;

	*link = g->next;
	join_on(&g->group, g->ifindex, false);
	pool_give(&groups, g);
}

static int leave(struct sock *s, const ip_addr_t *group, uint8_t index)
{
	for (struct sock_group **link = &s->groups; *link; link = &(*link)->next)
		if (ip_addr_cmp(&(*link)->group, group) && (*link)->ifindex == index) {
			forget(link);
			return 0;
		}
	return -EADDRNOTAVAIL;
}

void sock_group_leave_all(struct sock *s)
{
	while (s->groups)
		forget(&s->groups);
}

/* ---- Options ---- */

/* The interface with this address; 0 for any. */
static uint8_t index_of(struct in_addr a)
{
	struct netif *netif;

	NETIF_FOREACH(netif)
		if (a.s_addr != INADDR_ANY && netif_ip4_addr(netif)->addr == a.s_addr)
			return netif_get_index(netif);
	return 0;
}

static int set_group4(struct sock *s, int name, const void *value, socklen_t len)
{
	struct ip_mreqn m = { .imr_ifindex = 0 };
	ip_addr_t group;
	uint8_t index;

	if (len < (name == IP_MULTICAST_IF ? sizeof(struct in_addr) : sizeof(struct ip_mreq)))
		return -EINVAL;
	if (name == IP_MULTICAST_IF && len < sizeof(struct ip_mreq))
		memcpy(&m.imr_address, value, sizeof m.imr_address);
	else
		memcpy(&m, value, len < sizeof m ? len : sizeof m);
	index = m.imr_ifindex ? (uint8_t)m.imr_ifindex : index_of(m.imr_address);
	ip_addr_set_ip4_u32_val(group, m.imr_multiaddr.s_addr);
	if (name == IP_ADD_MEMBERSHIP)
		return join(s, &group, index);
	if (name == IP_DROP_MEMBERSHIP)
		return leave(s, &group, index);
	udp_set_multicast_netif_index(s->udp, index);
	return 0;
}

static int set_group6(struct sock *s, int name, const void *value, socklen_t len)
{
	struct ipv6_mreq m;
	ip_addr_t group;
	u32_t words[4];

	if (len < sizeof m)
		return -EINVAL;
	memcpy(&m, value, sizeof m);
	memcpy(words, &m.ipv6mr_multiaddr, sizeof words);
	IP_ADDR6(&group, words[0], words[1], words[2], words[3]);
	if (name == IPV6_JOIN_GROUP)
		return join(s, &group, (uint8_t)m.ipv6mr_interface);
	return leave(s, &group, (uint8_t)m.ipv6mr_interface);
}

bool sock_group_has(int level, int name)
{
	if (level == IPPROTO_IP)
		return name == IP_ADD_MEMBERSHIP || name == IP_DROP_MEMBERSHIP || name == IP_MULTICAST_IF;
	return level == IPPROTO_IPV6 && (name == IPV6_JOIN_GROUP || name == IPV6_LEAVE_GROUP);
}

/* Of a datagram socket. */
int sock_group_set(struct sock *s, int level, int name, const void *value, socklen_t len)
{
	return level == IPPROTO_IP ? set_group4(s, name, value, len) : set_group6(s, name, value, len);
}
