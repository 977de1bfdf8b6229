/* SPDX-License-Identifier: MIT */
#include "netfront/netfront.h"

#include "core/plat.h"

/*
 * nic.h for Xen, over all queues of an interface. The work is in tx.c and rx.c; bringing up and
 * down in connect.c. Frames go out on the queue that their addresses and ports choose, so that a
 * connection keeps its order, and come in on any.
 *
 * An interface that is not connected, or broken, takes every frame and drops it: carrier is down,
 * and nobody has to handle a new kind of error.
 */

#define SENT_NS 10000000u

/*
 * Receive offloads are always there: we published that we take blank checksums and large frames.
 * NIC_TX_CSUM means IPv6 too, where the backend lacks that: tx.c then sums by itself.
 */
void nic_info(unsigned n, struct nic_info *info)
{
	struct netfront *nic = connect_nic(n);

	connect_nic_service(nic);
	*info = (struct nic_info){ .mtu = nic->mtu, .up = nic->connected && !nic->no_carrier, .broken = nic->broken,
		.announce = nic->announce };
	__builtin_memcpy(info->mac, nic->mac, sizeof(info->mac));
	info->features = NIC_RX_CSUM | NIC_RX_GSO;
	if (nic->csum4)
		info->features |= NIC_TX_CSUM;
	if (nic->gso4)
		info->features |= NIC_TX_TSO4;
	if (nic->gso6)
		info->features |= NIC_TX_TSO6;
}

void nic_stats(unsigned n, struct nic_stats *stats)
{
	struct netfront *nic = connect_nic(n);

	*stats = nic->stats;
	stats->wakes = 0;
	for (unsigned i = 0; i < nic->n_queues && nic->connected; i++) {
		struct netfront_queue *q = nic->queue[i];

		stats->wakes += evtchn_fired((unsigned)q->tx_port);
		if (q->rx_port != q->tx_port)
			stats->wakes += evtchn_fired((unsigned)q->rx_port);
	}
}

/*
 * The backend's state is followed here and in nic_info(), since nothing calls us when its watch
 * fires. `connected` is asked for each queue: what one of them receives may break the device and
 * close them all.
 */
unsigned nic_rx(unsigned n, struct nic_buf *v, unsigned max)
{
	struct netfront *nic = connect_nic(n);
	unsigned got = 0;

	connect_nic_service(nic);
	for (unsigned i = 0; i < nic->n_queues && nic->connected; i++)
		got += rx_frames(nic->queue[(nic->next_queue + i) % nic->n_queues], v + got, max - got);
	nic->next_queue++;
	return got;
}

/*
 * An id is queue * NETFRONT_BUFFERS + buffer, and no backend has a part in it. Buffers come back
 * from a broken interface too.
 */
void nic_rx_done(unsigned n, uint32_t id)
{
	struct netfront *nic = connect_nic(n);
	unsigned queue = id / NETFRONT_BUFFERS;

	if (queue >= NETFRONT_QUEUES || !nic->queue[queue])
		log_panic("nic%u: no buffer %u", n, id);
	rx_done(nic->queue[queue], id % NETFRONT_BUFFERS);
}

void nic_rx_lent(unsigned n, unsigned *lent, unsigned *total)
{
	struct netfront *nic = connect_nic(n);

	*lent = *total = 0;
	for (unsigned i = 0; i < NETFRONT_QUEUES && nic->queue[i]; i++) {
		*lent += nic->queue[i]->n_lent;
		*total += nic->queue[i]->n_buffers;
	}
}

/*
 * The queue of a frame: IPv4's addresses and the ports behind a header without options. Anything
 * else spreads as it happens to.
 */
static unsigned choose(const struct netfront *nic, const struct nic_frag *first)
{
	const uint8_t *p = first->base;
	uint32_t hash = 0;

	if (nic->n_queues == 1 || first->len < 38)
		return 0;
	for (unsigned i = 26; i < 38; i++)
		hash = hash * 31 + p[i];
	return (hash ^ hash >> 16) % nic->n_queues;
}

/*
 * -ERR_AGAIN also from an interface that is down, when every slot keeps a token that was not
 * fetched: then nic_tx_done() is what helps.
 */
int nic_tx(unsigned n, const struct nic_frag *v, unsigned nv, const struct nic_offload *off, void *token)
{
	struct netfront *nic = connect_nic(n);

	if (!token)
		log_panic("nic%u: a frame without a token", n);
	if (nv == 0)
		return -ERR_INVAL;
	if (!nic->connected)
		return tx_drop(nic->queue[0], token);
	return tx_frame(nic->queue[choose(nic, v)], v, nv, off, token);
}

unsigned nic_tx_done(unsigned n, void **token, unsigned max)
{
	struct netfront *nic = connect_nic(n);
	unsigned got = 0;

	for (unsigned i = 0; i < NETFRONT_QUEUES && nic->queue[i]; i++) {
		if (nic->connected && i < nic->n_queues)
			tx_reap(nic->queue[i]);
		got += tx_done(nic->queue[i], token + got, max - got);
	}
	return got;
}

/*
 * ring_push() compares with the backend's req_event, so a backend that is busy costs no hypercall.
 * Refill comes between, so that both directions share one event where they share a channel.
 */
void nic_kick(unsigned n)
{
	struct netfront *nic = connect_nic(n);

	if (nic->groups_changed && nic->connected)
		groups_put(nic);
	for (unsigned i = 0; i < nic->n_queues && nic->connected; i++) {
		struct netfront_queue *q = nic->queue[i];
		bool tx = q->kick_tx && ring_push(&q->tx), rx;

		rx_refill(q);
		rx = q->kick_rx && ring_push(&q->rx);
		q->kick_tx = q->kick_rx = false;
		if (tx || (rx && q->rx_port == q->tx_port))
			evtchn_send((unsigned)q->tx_port);
		if (rx && q->rx_port != q->tx_port)
			evtchn_send((unsigned)q->rx_port);
		nic->stats.kicks += (tx || rx) + (tx && rx && q->rx_port != q->tx_port);
	}
}

/*
 * Sent frames: an event when half of what is out was answered, but only where somebody is
 * waiting for room. Elsewhere answers are taken when there is something else to do, or after
 * SENT_NS: an event for each costs both domains a switch.
 */
static bool arm_tx(struct netfront_queue *q)
{
	uint32_t out = q->tx.prod - q->tx.cons;

	if (out == 0)
		return false;
	if (ring_pending(&q->tx) > 0)
		return true;
	if (q->refused)
		return ring_arm(&q->tx, out / 2);
	evtchn_nap(plat_now() + SENT_NS);
	return false;
}

/*
 * ring_arm() writes rsp_event, then looks once more: either we see the backend's answer or it sees
 * our wish. Tokens not fetched, a frame that stands whole, a ring found broken are work too: no
 * event would come for them. Returning early leaves rings unarmed; the caller polls and arms them
 * all again (nic.h).
 */
bool nic_arm(unsigned n)
{
	struct netfront *nic = connect_nic(n);

	/*
	 * Nobody clears the watch of a broken interface: it would keep the machine awake for ever.
	 */
	if ((nic->dev.watch.fired || nic->link_watch.fired || nic->mtu_watch.fired || nic->life != suspend_lives()) && !nic->broken)
		return true;
	for (unsigned i = 0; i < nic->n_queues; i++) {
		struct netfront_queue *q = nic->queue[i];

		if (q->done != NETFRONT_NONE)
			return true;
		if (!nic->connected)
			continue;
		if (q->in.whole || ring_arm(&q->rx, 0) || arm_tx(q) || q->rx.broken || q->tx.broken)
			return true; /* broken: polling says so */
	}
	return false;
}
