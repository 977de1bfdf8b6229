/* SPDX-License-Identifier: MIT */
#include <netinet/in.h>

/*
 * Multicast groups: IP_ADD_MEMBERSHIP, IPV6_JOIN_GROUP and their opposites. Read sock_opt.c first.
 *
 * lwIP counts joins per interface; here is remembered who joined what, so that a socket that closes
 * leaves all its groups.
 */

#include "libc-glue/lwip/pool.h"
#include "libc-glue/sock.h"
#include "libc-glue/sock_group.h"
#include "lwip/igmp.h"
#include "lwip/mld6.h"
#include "lwip/netif.h"

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
int sock_group_join(struct sock *s, const ip_addr_t *group, uint8_t index)
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
static void leave(struct sock_group **link)
{
	struct sock_group *g = *link;

	*link = g->next;
	join_on(&g->group, g->ifindex, false);
	pool_give(&groups, g);
}

int sock_group_leave(struct sock *s, const ip_addr_t *group, uint8_t index)
{
	for (struct sock_group **link = &s->groups; *link; link = &(*link)->next)
		if (ip_addr_cmp(&(*link)->group, group) && (*link)->ifindex == index) {
			leave(link);
			return 0;
		}
	return -EADDRNOTAVAIL;
}

void sock_group_leave_all(struct sock *s)
{
	while (s->groups)
		leave(&s->groups);
}
