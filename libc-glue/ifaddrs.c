/* SPDX-License-Identifier: MIT */
#include <ifaddrs.h>

/*
 * getifaddrs(), and the names and numbers of interfaces.
 */

#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "libc-glue/lwip/netdev.h"
#include "libc-glue/lwip/stack.h"
#include "libc-glue/sock.h"
#include "lwip/netif.h"

/* One answer, in one block. */
struct entry {
	struct ifaddrs ifa;
	struct sockaddr_storage addr, mask, broadcast;
	char name[IF_NAMESIZE];
};

static unsigned flags_of(const struct netif *netif)
{
	bool loopback = !netif->linkoutput;

	return (netif_is_up(netif) ? IFF_UP : 0) | (netif_is_link_up(netif) ? IFF_RUNNING : 0) |
	       (loopback ? IFF_LOOPBACK : IFF_BROADCAST | IFF_MULTICAST);
}

static struct entry *add(struct ifaddrs ***link, const struct netif *netif, const ip_addr_t *ip, const ip_addr_t *mask)
{
	int family = IP_IS_V6(ip) ? AF_INET6 : AF_INET;
	struct entry *e = calloc(1, sizeof *e);
	socklen_t len = sizeof e->addr;

	if (!e)
		return NULL;
	e->ifa.ifa_name = stack_ifname(netif, e->name, sizeof e->name);
	e->ifa.ifa_flags = flags_of(netif);
	e->ifa.ifa_addr = (struct sockaddr *)&e->addr;
	e->ifa.ifa_netmask = (struct sockaddr *)&e->mask;
	sock_addr_out(family, ip, 0, e->ifa.ifa_addr, &len);
	len = sizeof e->mask;
	sock_addr_out(family, mask, 0, e->ifa.ifa_netmask, &len);
	**link = &e->ifa;
	*link = &e->ifa.ifa_next;
	return e;
}

static bool add4(struct ifaddrs ***link, const struct netif *netif)
{
	ip_addr_t broadcast;
	struct entry *e;
	socklen_t len = sizeof e->broadcast;

	if (ip4_addr_isany_val(*netif_ip4_addr(netif)))
		return true;
	e = add(link, netif, &netif->ip_addr, &netif->netmask);
	if (!e)
		return false;
	ip_addr_set_ip4_u32_val(broadcast, netif_ip4_addr(netif)->addr | ~netif_ip4_netmask(netif)->addr);
	if (e->ifa.ifa_flags & IFF_BROADCAST) {
		e->ifa.ifa_broadaddr = (struct sockaddr *)&e->broadcast;
		sock_addr_out(AF_INET, &broadcast, 0, e->ifa.ifa_broadaddr, &len);
	}
	return true;
}

static bool add6(struct ifaddrs ***link, const struct netif *netif)
{
	ip_addr_t mask;

	for (s8_t i = 0; i < LWIP_IPV6_NUM_ADDRESSES; i++) {
		if (!ip6_addr_isvalid(netif_ip6_addr_state(netif, i)))
			continue;
		if (netif->linkoutput)
			IP_ADDR6(&mask, UINT32_MAX, UINT32_MAX, 0, 0);
		else
			IP_ADDR6(&mask, UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX);
		if (!add(link, netif, &netif->ip6_addr[i], &mask))
			return false;
	}
	return true;
}

void freeifaddrs(struct ifaddrs *list)
{
	while (list) {
		struct ifaddrs *next = list->ifa_next;

		free(list);
		list = next;
	}
}

int getifaddrs(struct ifaddrs **list)
{
	struct ifaddrs **link = list;
	struct netif *netif;

	*list = NULL;
	NETIF_FOREACH(netif) {
		if (add4(&link, netif) && add6(&link, netif))
			continue;
		freeifaddrs(*list);
		errno = ENOMEM;
		return -1;
	}
	return 0;
}

/* ---- Names ---- */

unsigned int if_nametoindex(const char *name)
{
	char have[IF_NAMESIZE];
	struct netif *netif;

	NETIF_FOREACH(netif)
		if (strcmp(stack_ifname(netif, have, sizeof have), name) == 0)
			return netif_get_index(netif);
	errno = ENODEV;
	return 0;
}

char *if_indextoname(unsigned int index, char *name)
{
	struct netif *netif = index < 256 ? netif_get_by_index((u8_t)index) : NULL;

	if (netif)
		return stack_ifname(netif, name, IF_NAMESIZE);
	errno = ENXIO;
	return NULL;
}

struct if_nameindex *if_nameindex(void)
{
	size_t n = 0;
	struct netif *netif;
	struct if_nameindex *v;
	char *names;

	NETIF_FOREACH(netif)
		n++;
	v = calloc(n + 1, sizeof *v + IF_NAMESIZE);
	if (!v) {
		errno = ENOBUFS;
		return NULL;
	}
	names = (char *)(v + n + 1);
	n = 0;
	NETIF_FOREACH(netif) {
		v[n].if_index = netif_get_index(netif);
		v[n].if_name = stack_ifname(netif, names + n * IF_NAMESIZE, IF_NAMESIZE);
		n++;
	}
	return v;
}

void if_freenameindex(struct if_nameindex *v)
{
	free(v);
}
