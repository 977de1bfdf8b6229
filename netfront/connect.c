/* SPDX-License-Identifier: MIT */
#include "netfront/netfront.h"

/*
 * Bringing an interface up: memory, grants, event channels, and the keys of netif.h.
 *
 * Memory, grants and event channels are made once, at nic_open(), before the seal, and kept for
 * ever; what is new at every connection are the rings' contents. So a backend that goes away and
 * comes back (a driver reloaded) finds the same pages under the same references, and nothing has to
 * be asked of Xen late. A channel whose other end was closed is unbound again, for the same domain.
 *
 * Keys whose absence means something: IPv4 checksum offload is on unless feature-no-csum-offload
 * says otherwise, IPv6's is off unless feature-ipv6-csum-offload does; without feature-rx-notify
 * the backend assumes that it is never kicked for receive requests. We do not request multicast
 * control: with it the backend would drop every group that we had not listed, and nic.h has no
 * list.
 */

#define FLAT_MTU 1500u      /* the most without scatter-gather: a frame is one page then */
#define MTU_MIN 68u         /* RFC 791 section 3.2: no link that carries IP has less */
#define MTU_MAX 65521u      /* NETFRONT_FRAME_MAX less the Ethernet header */
#define ETH_LEN 14u
#define GSO_PAGES 17u       /* of a bounce unit: the largest frame and its start */
#define SMALL 2048u         /* pages: below, no segmentation offload and few buffers */
#define BUFFERS_MIN 16u     /* of a queue; with fewer the interface is not brought up */
#define BUFFERS_SHARE 16u   /* receive buffers take at most this part of free memory */

/* Keys of an earlier connection that this one does not write would be believed all the same. */
#define STALE "tx-ring-ref rx-ring-ref event-channel event-channel-tx event-channel-rx multi-queue-num-queues " \
	"queue-0 queue-1 queue-2 queue-3 "

static struct netfront *nics[NETFRONT_NICS];

struct netfront *connect_nic(unsigned n)
{
	if (n >= NETFRONT_NICS || !nics[n])
		log_panic("nic%u: used, but never opened", n);
	return nics[n];
}

static size_t pages_of(size_t bytes)
{
	return (bytes + PAGE_SIZE - 1) / PAGE_SIZE;
}

/* Pages with nothing of ours in them: what they held must not leak to the backend. */
static void *clean_pages(size_t n)
{
	void *p = page_alloc(n);

	return p ? __builtin_memset(p, 0, n * PAGE_SIZE) : NULL;
}

/* ---- memory and grants, once ---- */

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
		q->private = clean_pages(q->n_buffers);
	return q->buffers && (q->nic->trusted || q->private) ? 0 : -ERR_NOMEM;
}

/*
 * For an interface that never came up. gnttab_free() loses pages that the backend still maps
 * (XSA-396); the structure and the private twins were never granted and can always be freed.
 */
static void free_queue(struct netfront_queue *q)
{
	gnttab_free(q->tx_page, 1, q->tx_ref);
	gnttab_free(q->rx_page, 1, q->rx_ref);
	gnttab_free(q->bounce, (size_t)q->nic->bounces * q->nic->bounce_pages, q->bounce_ref);
	gnttab_free(q->buffers, q->n_buffers, q->buffer_ref);
	if (q->private)
		page_free(q->private, q->n_buffers);
	page_free(q, pages_of(sizeof(*q)));
}

/*
 * The queue hangs in nic->queue[] before it is complete, so that discard() finds what a failure
 * half-way leaves. Both sides write the ring pages; bounce pages are read-only to the backend,
 * which has nothing to say in a frame of ours.
 */
static int make_queue(struct netfront *nic, unsigned number)
{
	struct netfront_queue *q = clean_pages(pages_of(sizeof(*q)));

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

static int make_queues(struct netfront *nic)
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
static int keep_queues(struct netfront *nic)
{
	if (nic->dev.domid != nic->granted_to)
		return -ERR_NOTSUP;
	while (!nic->queue[nic->n_queues - 1])
		nic->n_queues--;
	for (unsigned i = 0; i < NETFRONT_QUEUES && nic->queue[i] && !nic->trusted; i++) {
		struct netfront_queue *q = nic->queue[i];

		if (!q->private)
			q->private = clean_pages(q->n_buffers);
		if (!q->private)
			return -ERR_NOMEM;
	}
	return 0;
}

/* ---- what the backend offers ---- */

/*
 * How much may have to be copied for one frame, and how often at a time. Once: the pages are
 * granted for good.
 */
static void size_bounce(struct netfront *nic)
{
	bool large = nic->sg && nic->gso4 && page_unused() >= SMALL;

	if (nic->bounces)
		return;
	nic->bounce_pages = large ? GSO_PAGES : nic->mtu > FLAT_MTU ? (unsigned)pages_of(nic->mtu + ETH_LEN + 4u) : 1;
	nic->bounces = large ? 2 : nic->sg ? 8 : NETFRONT_BOUNCES;
	if (page_unused() < SMALL && nic->bounces > 8)
		nic->bounces = 8;
}

/*
 * What this backend takes. A feature without a key is off; a value that is no number ends the
 * connection. `trusted` is the toolstack's word, in our own directory (netif.h): where it is 0
 * there is no scatter-gather, since every frame is copied into one bounce unit.
 */
static int read_features(struct netfront *nic)
{
	uint64_t trusted;
	bool no_csum = false, sg = false;
	int rc = xenbus_own_number(&nic->dev, "trusted", 1, 1, &trusted);

	if (rc == 0)
		rc = xenbus_flag(&nic->dev, "feature-sg", &sg);
	if (rc == 0)
		rc = xenbus_flag(&nic->dev, "feature-gso-tcpv4", &nic->gso4);
	if (rc == 0)
		rc = xenbus_flag(&nic->dev, "feature-gso-tcpv6", &nic->gso6);
	if (rc == 0)
		rc = xenbus_flag(&nic->dev, "feature-no-csum-offload", &no_csum);
	if (rc == 0)
		rc = xenbus_flag(&nic->dev, "feature-ipv6-csum-offload", &nic->csum6);
	if (rc == 0)
		rc = xenbus_flag(&nic->dev, "feature-split-event-channels", &nic->split);
	if (rc == 0)
		rc = xenbus_queues(&nic->dev, NETFRONT_QUEUES);
	if (rc > 0)
		nic->n_queues = (unsigned)rc;
	nic->trusted = nic->trusted && trusted == 1;
	nic->sg = sg && nic->trusted;
	nic->csum4 = !no_csum;
	return rc < 0 ? rc : 0;
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int read_mac(struct netfront *nic)
{
	char text[20];
	int rc = xenbus_own_text(&nic->dev, "mac", text, sizeof(text));

	for (int i = 0; i < 6 && rc == 17; i++) {
		int high = hex(text[3 * i]), low = hex(text[3 * i + 1]);

		if (high < 0 || low < 0 || (i < 5 && text[3 * i + 2] != ':'))
			rc = -ERR_PROTO;
		nic->mac[i] = (uint8_t)(high << 4 | low);
	}
	if (rc == 17)
		return 0;
	log_line(LOG_ERR, "nic%u: %s has no MAC address", nic->number, nic->dev.path);
	return -ERR_PROTO;
}

static int read_own(struct netfront *nic)
{
	uint64_t mtu;
	int rc = read_mac(nic);

	if (rc == 0)
		rc = xenbus_own_number(&nic->dev, "mtu", MTU_MAX, FLAT_MTU, &mtu);
	if (rc == 0 && mtu < MTU_MIN)
		rc = -ERR_PROTO;
	if (rc < 0)
		return rc;
	nic->mtu = (uint16_t)(!nic->sg && mtu > FLAT_MTU ? FLAT_MTU : mtu);
	size_bounce(nic);
	if (nic->bounce_pages < GSO_PAGES || !nic->sg || !nic->csum4)
		nic->gso4 = nic->gso6 = false;
	if (!nic->csum6)
		nic->gso6 = false;
	return 0;
}

/* ---- rings, events, keys: at every connection ---- */

static void close_ports(struct netfront_queue *q)
{
	for (unsigned i = 0; i < 2; i++)
		if (q->port[i] >= 0)
			evtchn_close((unsigned)q->port[i]);
}

/*
 * Every frame that was out is done first; only then is the ring cleared on which its answers would
 * have stood. An earlier backend that kept its end of a channel can fire it: an event for nothing.
 */
static void start_queue(struct netfront_queue *q)
{
	tx_reset(q);
	ring_init(&q->tx, q->tx_page, PAGE_SIZE, sizeof(union netif_tx_sring_entry));
	ring_init(&q->rx, q->rx_page, PAGE_SIZE, sizeof(union netif_rx_sring_entry));
	rx_reset(q);
	q->tx_port = q->port[0];
	q->rx_port = q->nic->split && q->port[1] >= 0 ? q->port[1] : q->port[0];
}

/* netif.h, "feature-split-event-channels": one key or the pair, never both. */
static void queue_keys(struct xenbus_keys *k, const struct netfront_queue *q)
{
	xenbus_key(k, "tx-ring-ref", (unsigned)q->tx_ref);
	xenbus_key(k, "rx-ring-ref", (unsigned)q->rx_ref);
	if (q->rx_port == q->tx_port) {
		xenbus_key(k, "event-channel", (unsigned)q->tx_port);
		return;
	}
	xenbus_key(k, "event-channel-tx", (unsigned)q->tx_port);
	xenbus_key(k, "event-channel-rx", (unsigned)q->rx_port);
}

/*
 * request-rx-copy: the backend copies into pages of ours, the only mode that Linux' netback has.
 * The other keys say what we take on receive; what we may send are the backend's keys. They and the
 * state are one transaction: netback reads them when it sees Connected, and must find all or none.
 */
static int publish(struct netfront *nic)
{
	static const char *const always[] = { "request-rx-copy", "feature-rx-notify", "feature-sg", "feature-gso-tcpv4",
		"feature-gso-tcpv6", "feature-ipv6-csum-offload" };
	struct xenbus_keys k = { .n = 0 };

	for (size_t i = 0; i < sizeof(always) / sizeof(always[0]); i++)
		xenbus_key(&k, always[i], 1);
	if (nic->n_queues == 1) {
		queue_keys(&k, nic->queue[0]); /* netif.h: one queue has flat keys, several have only queue-N/ */
		return xenbus_publish(&nic->dev, &k, XenbusStateConnected);
	}
	xenbus_key(&k, "multi-queue-num-queues", nic->n_queues);
	for (unsigned i = 0; i < nic->n_queues; i++) {
		fmt_format(k.prefix, sizeof(k.prefix), "queue-%u/", i);
		queue_keys(&k, nic->queue[i]);
	}
	return xenbus_publish(&nic->dev, &k, XenbusStateConnected);
}

/* One connection, from features to Connected. The same for the first and for every later one. */
static int connect(struct netfront *nic, bool again)
{
	int rc = xenbus_attach(&nic->dev);

	if (rc == 0)
		rc = read_features(nic);
	if (rc == 0)
		rc = read_own(nic);
	if (rc == 0)
		rc = again ? keep_queues(nic) : make_queues(nic);
	for (unsigned i = 0; i < nic->n_queues && rc == 0; i++)
		start_queue(nic->queue[i]);
	if (rc == 0 && again)
		xenbus_forget(&nic->dev, STALE);
	if (rc == 0)
		rc = publish(nic);
	return rc == 0 ? xenbus_wait_connected(&nic->dev) : rc;
}

static void up(struct netfront *nic)
{
	const uint8_t *m = nic->mac;

	nic->connected = true;
	nic_kick(nic->number); /* posts the receive buffers */
	log_line(LOG_INFO, "nic%u: up, %02x:%02x:%02x:%02x:%02x:%02x, mtu %u,%s%s%s%s %u queues, %u buffers, backend dom%u",
		 nic->number, m[0], m[1], m[2], m[3], m[4], m[5], nic->mtu, nic->csum4 ? " csum" : "",
		 nic->gso4 ? " tso4" : "", nic->gso6 ? " tso6" : "", nic->trusted ? "" : " untrusted", nic->n_queues,
		 nic->queue[0]->n_buffers, nic->dev.domid);
}

/*
 * Closing comes before the grants end: a backend that has let go by then gives us the pages back,
 * one that has not costs us those pages.
 */
static void discard(struct netfront *nic)
{
	xenbus_close(&nic->dev);
	for (unsigned i = 0; i < NETFRONT_QUEUES; i++)
		if (nic->queue[i]) {
			close_ports(nic->queue[i]);
			free_queue(nic->queue[i]);
		}
	page_free(nic, pages_of(sizeof(*nic)));
}

int nic_open(unsigned n, struct nic_info *info)
{
	struct netfront *nic;
	struct xenbus_dev dev;
	int rc;

	if (n < NETFRONT_NICS && nics[n])
		return -ERR_BUSY;
	if (n >= NETFRONT_NICS || xenbus_find("vif", n, &dev) < 0)
		return -ERR_NODEV;
	nic = clean_pages(pages_of(sizeof(*nic)));
	if (!nic)
		return -ERR_NOMEM;
	nic->dev = dev;
	nic->number = n;
	nic->trusted = true; /* until the toolstack says otherwise */
	rc = connect(nic, false);
	if (rc < 0) {
		log_line(LOG_ERR, "nic%u: %s cannot be brought up, error %d", n, dev.path, -rc);
		discard(nic);
		return rc == -ERR_TIMEDOUT || rc == -ERR_NOMEM ? rc : -ERR_PROTO;
	}
	nics[n] = nic;
	up(nic);
	nic_info(n, info);
	return 0;
}

/*
 * Read-only: a backend that could write here would change segments which TCP may have to send once
 * more. It may read all of the arena at any time, so nothing but packets belongs there.
 */
int nic_share(unsigned n, void *base, size_t len)
{
	struct netfront *nic = connect_nic(n);

	if (nic->arena || (uintptr_t)base % PAGE_SIZE || len % PAGE_SIZE || len == 0)
		return -ERR_INVAL;
	if (nic->trusted) { /* else everything is copied, and the arena stays ours */
		nic->arena_ref = gnttab_grant(nic->granted_to, base, len / PAGE_SIZE, true);
		if (nic->arena_ref < 0)
			return -ERR_NOMEM;
	}
	nic->arena = base;
	nic->arena_len = len;
	return 0;
}

/* ---- the backend's state, later ---- */

/*
 * Every token comes back, though the backend may still read those pages: it may read them at any
 * time as it is. Nothing is sent again: TCP repeats what mattered, and datagrams may be lost.
 */
static void down(struct netfront *nic)
{
	nic->connected = false;
	for (unsigned i = 0; i < nic->n_queues; i++)
		tx_reset(nic->queue[i]);
}

/*
 * The first reason is the one worth a line. For good: nothing resets `broken`, since the same
 * backend would not be more honest the second time.
 */
void connect_nic_break(struct netfront *nic, const char *why)
{
	if (nic->broken)
		return;
	nic->broken = true;
	log_line(LOG_ERR, "nic%u: broken: dom%u: %s", nic->number, nic->dev.domid, why);
	down(nic);
	for (unsigned i = 0; i < NETFRONT_QUEUES && nic->queue[i]; i++) {
		evtchn_ignore((unsigned)nic->queue[i]->port[0]);
		evtchn_ignore((unsigned)nic->queue[i]->port[1]);
	}
	xenbus_say(&nic->dev, XenbusStateClosing);
}

/*
 * xenbus.h, Closing and Closed: answered at once and without waiting, as a wait here stops every
 * thread. InitWait after that is the backend's invitation to begin anew. connect() does wait, at
 * most XENBUS_OPEN_NS a step, and every thread with it: that is what a reconnect costs.
 */
void connect_nic_service(struct netfront *nic)
{
	enum xenbus_state other;

	if (!nic->dev.watch.fired || nic->broken)
		return;
	nic->dev.watch.fired = false;
	other = xenbus_other_state(&nic->dev);
	if (nic->connected && other != XenbusStateConnected) {
		log_line(LOG_WARN, "nic%u: down, backend state %u", nic->number, (unsigned)other);
		down(nic);
		xenbus_say(&nic->dev, XenbusStateClosed);
	}
	if (nic->connected || other != XenbusStateInitWait)
		return;
	if (connect(nic, true) == 0)
		up(nic);
	else
		connect_nic_break(nic, "no way back after it went away");
}
