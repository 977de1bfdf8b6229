/* SPDX-License-Identifier: MIT */
/*
 * The fake netback's list of Ethernet groups (xen/io/netif.h, "feature-multicast-control"). Read xenhost.h first.
 */
#ifndef TEST_FAKE_XENHOST_GROUP_H
#define TEST_FAKE_XENHOST_GROUP_H

#include "test/fake/xenhost.h"

#define XENHOST_GROUPS 64u

struct xenhost_groups {
	uint8_t mac[XENHOST_GROUPS][6];
	unsigned n;
};

static inline unsigned xenhost_group_find(const struct xenhost_groups *g, const uint8_t *mac)
{
	unsigned i = 0;

	while (i < g->n && memcmp(g->mac[i], mac, 6))
		i++;
	return i;
}

/* As Linux' netback: a list, which may be full; an address twice, or one that is not there, is a guest's mistake. */
static inline int16_t xenhost_group_change(struct xenhost_groups *g, const struct xenhost_nic *c, const struct netif_extra_info *x)
{
	bool add = x->type == XEN_NETIF_EXTRA_TYPE_MCAST_ADD;
	unsigned i = xenhost_group_find(g, x->u.mcast.addr);

	if (!c->groups || x->flags || !(x->u.mcast.addr[0] & 1) || add != (i == g->n))
		xenhost_wrong("netback: group request %u", x->type);
	if (add && g->n >= (c->groups_most ? c->groups_most : XENHOST_GROUPS))
		return NETIF_RSP_ERROR;
	memcpy(g->mac[i], add ? x->u.mcast.addr : g->mac[g->n - 1], 6);
	g->n += add ? 1u : -1u;
	return NETIF_RSP_OKAY;
}

/* Whether a frame to this address passes the filter. */
static inline bool xenhost_group_wanted(const struct xenhost_groups *g, const uint8_t *mac)
{
	static const uint8_t everybody[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

	return !(mac[0] & 1) || memcmp(mac, everybody, 6) == 0 || xenhost_group_find(g, mac) < g->n;
}

#endif
