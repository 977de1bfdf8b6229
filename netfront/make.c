/* SPDX-License-Identifier: MIT */
#include "netfront/netfront.h"

/*
 * A queue's memory, grants and event channels.
 *
 * They are made once, at nic_open(), before the seal, and kept for ever; what is new at every
 * connection are the rings' contents. So a backend that goes away and comes back (a driver reloaded)
 * finds the same pages under the same references, and nothing has to be asked of Xen late. A
 * channel whose other end was closed is unbound again, for the same domain.
 */

#define BUFFERS_MIN 16u     /* of a queue; with fewer the interface is not brought up */
#define BUFFERS_SHARE 16u   /* receive buffers take at most this part of free memory */

size_t make_pages_of(size_t bytes)
{
	return (bytes + PAGE_SIZE - 1) / PAGE_SIZE;
}

/* Pages with nothing of ours in them: what they held must not leak to the backend. */
void *make_clean(size_t n)
{
	void *p = page_alloc(n);

	return p ? __builtin_memset(p, 0, n * PAGE_SIZE) : NULL;
}

/*
 * A share of what is free now: the program and other interfaces want the rest. Halved until pages
 * and grants suffice. Each buffer of a backend that is not trusted has a private twin, into which
 * rx.c copies what came before anybody looks at it: the backend keeps write access to the granted
 * page for ever, and could change a header between check and use.
 */
static int make_buffers(struct netfront_queue *q)
{
	size_t n = page_unused() / BUFFERS_SHARE / q->nic->n_queues;

	n = n < NETFRONT_BUFFERS ? n : NETFRONT_BUFFERS;
	for (; n >= BUFFERS_MIN && !q->buffers; n /= 2) {
		q->buffers = gnttab_alloc(q->nic->dev.domid, n, false, &q->buffer_ref);
		q->n_buffers = (unsigned)n;
	}
	if (q->buffers && !q->nic->trusted)
		q->private = make_clean(q->n_buffers);
	return q->buffers && (q->nic->trusted || q->private) ? 0 : -ERR_NOMEM;
}

/*
 * For an interface that never came up. gnttab_free() loses pages that the backend still maps
 * (XSA-396); the structure and the private twins were never granted and can always be freed.
 */
void make_free(struct netfront_queue *q)
{
	for (unsigned i = 0; i < 2; i++)
		if (q->port[i] >= 0)
			evtchn_close((unsigned)q->port[i]);
	gnttab_free(q->tx_page, 1, q->tx_ref);
	gnttab_free(q->rx_page, 1, q->rx_ref);
	gnttab_free(q->bounce, (size_t)q->nic->bounces * q->nic->bounce_pages, q->bounce_ref);
	gnttab_free(q->buffers, q->n_buffers, q->buffer_ref);
	if (q->private)
		page_free(q->private, q->n_buffers);
	page_free(q, make_pages_of(sizeof(*q)));
}

/*
 * The queue hangs in nic->queue[] before it is complete, so that discard() finds what a failure
 * half-way leaves. Both sides write the ring pages; bounce pages are read-only to the backend,
 * which has nothing to say in a frame of ours.
 */
static int make_queue(struct netfront *nic, unsigned number)
{
	struct netfront_queue *q = make_clean(make_pages_of(sizeof(*q)));

	if (!q)
		return -ERR_NOMEM;
	nic->queue[number] = q;
	q->nic = nic;
	q->number = number;
	q->port[0] = q->port[1] = -1;
	q->done = NETFRONT_NONE;
	for (unsigned i = 0; i < NETFRONT_SLOTS; i++)
		q->slot_free[q->slots_free++] = (uint16_t)i;
	for (unsigned i = 0; i < nic->bounces; i++)
		q->bounce_free[q->bounces_free++] = (uint16_t)i;
	q->tx_page = gnttab_alloc(nic->dev.domid, 1, false, &q->tx_ref);
	q->rx_page = gnttab_alloc(nic->dev.domid, 1, false, &q->rx_ref);
	q->bounce = gnttab_alloc(nic->dev.domid, (size_t)nic->bounces * nic->bounce_pages, true, &q->bounce_ref);
	return q->tx_page && q->rx_page && q->bounce ? make_buffers(q) : -ERR_NOMEM;
}

/*
 * Two event channels where the first backend splits them; one that comes later has to do with what
 * there is. -ERR_NOMEM: Xen has no channel left, or evtchn.c no place on its list.
 */
static int make_ports(struct netfront_queue *q)
{
	for (unsigned i = 0; i < (q->nic->split ? 2u : 1u); i++) {
		q->port[i] = evtchn_alloc(q->nic->dev.domid);
		if (q->port[i] < 0)
			return -ERR_NOMEM;
	}
	return 0;
}

int make_ports_again(struct netfront *nic)
{
	for (unsigned i = 0; i < NETFRONT_QUEUES && nic->queue[i]; i++)
		for (unsigned k = 0; k < 2; k++) {
			int *port = &nic->queue[i]->port[k];

			if (*port >= 0 && (*port = evtchn_alloc(nic->granted_to)) < 0)
				return -ERR_NOMEM;
		}
	return 0;
}

int make_queues(struct netfront *nic)
{
	int rc = 0;

	nic->granted_to = nic->dev.domid;
	for (unsigned i = 0; i < nic->n_queues && rc == 0; i++) {
		rc = make_queue(nic, i);
		if (rc == 0)
			rc = make_ports(nic->queue[i]);
	}
	return rc;
}

/*
 * What a later connection finds: the grants name their domain, queues are those that were made. A
 * backend that is no longer trusted costs private twins, which are not granted.
 */
int make_keep(struct netfront *nic)
{
	if (nic->dev.domid != nic->granted_to)
		return -ERR_NOTSUP;
	for (unsigned i = 0; i < NETFRONT_QUEUES && nic->queue[i] && !nic->trusted; i++) {
		struct netfront_queue *q = nic->queue[i];

		if (!q->private)
			q->private = make_clean(q->n_buffers);
		if (!q->private)
			return -ERR_NOMEM;
	}
	return 0;
}

/*
 * Every frame that was out is done first; only then is the ring cleared on which its answers would
 * have stood. An earlier backend that kept its end of a channel can fire it: an event for nothing.
 */
void make_rings(struct netfront_queue *q)
{
	tx_reset(q);
	ring_init(&q->tx, q->tx_page, PAGE_SIZE, sizeof(union netif_tx_sring_entry));
	ring_init(&q->rx, q->rx_page, PAGE_SIZE, sizeof(union netif_rx_sring_entry));
	rx_reset(q);
	q->tx_port = q->port[0];
	q->rx_port = q->nic->split && q->port[1] >= 0 ? q->port[1] : q->port[0];
}
