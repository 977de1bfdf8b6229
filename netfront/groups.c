/* SPDX-License-Identifier: MIT */
#include "netfront/netfront.h"

/*
 * Ethernet groups (xen/io/netif.h, "feature-multicast-control"): a bridge floods every group's frames to
 * every guest, and each costs a copy, an event and a look; a backend that can keeps a list.
 *
 * The list is told through the transmit ring, one dummy request for each address, and the filter is
 * switched on by a key of ours. That is done at the first nic_group() only, so that who never asks
 * gets everything; and only where the backend says "dynamic", because then there is a way back: a
 * list that is too long for us or for the backend (Linux': 64) means no filter at all. Frames of
 * groups that nobody wants are harmless; a group that is missing would be a mystery.
 */

#define FLAG "request-multicast-control"

/* Writes the key. Without an answer of xenstored's the old state counts: too much comes in, not too little. */
static void ask(struct netfront *nic, bool on)
{
	char path[XENSTORE_PATH];

	fmt_format(path, sizeof(path), "%s/%s", nic->dev.path, FLAG);
	if (xenstore_write(XENSTORE_NO_TX, path, on ? "1" : "0") == 0)
		nic->filters = on;
}

static struct netfront_group *find(struct netfront *nic, const uint8_t mac[6])
{
	struct netfront_group *none = NULL;

	for (struct netfront_group *g = nic->group; g < nic->group + NETFRONT_GROUPS; g++) {
		if ((g->users || g->told) && __builtin_memcmp(g->mac, mac, 6) == 0)
			return g;
		if (!g->users && !g->told && !none)
			none = g;
	}
	return none;
}

/* Until there is another backend, whose list may be longer. */
void groups_refused(struct netfront *nic)
{
	if (!nic->can_filter)
		return;
	log_line(LOG_WARN, "nic%u: too many groups, the backend filters no longer", nic->number);
	nic->can_filter = false;
	if (nic->filters)
		ask(nic, false);
}

/* What the ring has no room for waits for the next nic_kick(). The list is whole before the filter is on. */
void groups_put(struct netfront *nic)
{
	nic->can_filter &= !nic->too_many;
	for (struct netfront_group *g = nic->group; g < nic->group + NETFRONT_GROUPS && nic->can_filter; g++) {
		if (g->told == (g->users > 0))
			continue;
		if (!tx_group(nic->queue[0], g->mac, g->users > 0))
			return;
		g->told = g->users > 0;
	}
	nic->groups_changed = false;
	if (nic->can_filter && !nic->filters)
		ask(nic, true);
}

/* Its list is empty, while our key may still be there from before: publish() has seen to that. */
void groups_again(struct netfront *nic)
{
	for (struct netfront_group *g = nic->group; g < nic->group + NETFRONT_GROUPS; g++) {
		g->told = false;
		nic->groups_changed |= g->users > 0;
	}
}

void nic_group(unsigned n, const uint8_t mac[6], bool join)
{
	struct netfront *nic = connect_nic(n);
	struct netfront_group *g = find(nic, mac);

	if (!(mac[0] & 1))
		log_panic("nic%u: a group with the address of a station", n);
	if (!g) {
		nic->too_many = true;
		groups_refused(nic);
		return;
	}
	if (!join && g->users == 0)
		return; /* it had no place when it was joined */
	__builtin_memcpy(g->mac, mac, 6);
	g->users += join ? 1u : -1u;
	nic->groups_changed = true;
}
