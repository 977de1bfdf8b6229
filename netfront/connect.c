/* SPDX-License-Identifier: MIT */
#include "netfront/netfront.h"
#include "xen/flavour.h"

/*
 * Bringing an interface up and following its backend: the handshake and the keys of netif.h. What a
 * connection is made of, and outlives it, is in make.c.
 *
 * Keys whose absence means something: IPv4 checksum offload is on unless feature-no-csum-offload
 * says otherwise, IPv6's is off unless feature-ipv6-csum-offload does; without feature-rx-notify
 * the backend assumes that it is never kicked for receive requests. Multicast control is requested
 * later, in groups.c; a key of ours that stands there from before is taken back.
 */

#define FLAT_MTU 1500u      /* the most without scatter-gather: a frame is one page then */
#define MTU_MIN 68u         /* RFC 791 section 3.2: no link that carries IP has less */
#define MTU_MAX 65521u      /* NETFRONT_FRAME_MAX less the Ethernet header */
#define ETH_LEN 14u
#define VLAN_LEN 4u
#define GSO_PAGES 17u       /* of a bounce unit: the largest frame and its start */
#define SMALL 2048u         /* pages: below, no segmentation offload and few buffers */

/* Keys of an earlier connection that this one does not write would be believed all the same. */
#define STALE "tx-ring-ref rx-ring-ref event-channel event-channel-tx event-channel-rx multi-queue-num-queues " \
	"queue-0 queue-1 queue-2 queue-3 "

static struct netfront *nics[NETFRONT_NICS];
static char known[NETFRONT_NICS][XENBUS_OWN]; /* their paths, and of those that could not be brought up */
static struct xenstore_watch list_watch; /* on all of device/vif */

struct netfront *connect_nic(unsigned n)
{
	if (n >= NETFRONT_NICS || !nics[n])
		log_panic("nic%u: used, but never opened", n);
	return nics[n];
}

/* ---- what the backend offers ---- */

/*
 * How much may have to be copied for one frame, and how often at a time. Once: the pages are
 * granted for good.
 */
static void size_bounce(struct netfront *nic)
{
	bool aside = flavour_sealed(); /* pages are few, and everything is copied: nic_share() has no grants for the arena */
	bool large = nic->sg && nic->gso4 && page_unused() >= SMALL && !aside;

	if (nic->bounces)
		return;
	nic->bounce_pages = large ? GSO_PAGES : nic->mtu > FLAT_MTU ? (unsigned)make_pages_of(nic->mtu + ETH_LEN + VLAN_LEN) : 1;
	nic->bounces = large ? 2 : nic->sg && !aside ? 8 : NETFRONT_BOUNCES;
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
		rc = xenbus_flag(&nic->dev, "feature-dynamic-multicast-control", &nic->can_filter);
	if (rc == 0)
		rc = xenbus_queues(&nic->dev, NETFRONT_QUEUES);
	if (rc > 0)
		nic->n_queues = (unsigned)rc;
	/* However this connection ends: no more than were made for the first. */
	while (nic->queue[0] && !nic->queue[nic->n_queues - 1])
		nic->n_queues--;
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
		else
			nic->mac[i] = (uint8_t)(high << 4 | low);
	}
	if (rc == 17)
		return 0;
	log_line(LOG_ERR, "nic%u: %s has no MAC address", nic->number, nic->dev.path);
	return -ERR_PROTO;
}

/*
 * netif.h, "MTU": in our own directory. Once there are bounce units, a frame must fit into one. The
 * backend's `carrier` may be missing: then there is one.
 */
static int read_link(struct netfront *nic)
{
	uint64_t mtu, carrier = 1, most = nic->bounces ? nic->bounce_pages * PAGE_SIZE - ETH_LEN - VLAN_LEN : MTU_MAX;
	int rc = xenbus_own_number(&nic->dev, "mtu", MTU_MAX, FLAT_MTU, &mtu);

	if (rc == 0 && mtu < MTU_MIN)
		rc = -ERR_PROTO;
	if (rc == 0)
		rc = xenbus_number(&nic->dev, "carrier", 1, 1, &carrier);
	if (rc < 0)
		return rc;
	most = nic->sg ? most : FLAT_MTU;
	nic->mtu = (uint16_t)(mtu < most ? mtu : most);
	nic->no_carrier = carrier == 0;
	return 0;
}

/* The watches fire once at the start: a change between this look and the first is not lost. */
static int watch_link(struct netfront *nic)
{
	char path[XENSTORE_PATH];
	int rc;

	xenstore_unwatch(&nic->link_watch);
	xenstore_unwatch(&nic->mtu_watch);
	fmt_format(path, sizeof(path), "%s/carrier", nic->dev.other);
	rc = xenstore_watch(&nic->link_watch, path);
	fmt_format(path, sizeof(path), "%s/mtu", nic->dev.path);
	return rc == 0 ? xenstore_watch(&nic->mtu_watch, path) : rc;
}

static int read_own(struct netfront *nic)
{
	int rc = read_mac(nic);

	if (rc == 0)
		rc = read_link(nic);
	if (rc == 0)
		rc = watch_link(nic);
	if (rc < 0)
		return rc;
	size_bounce(nic);
	if (nic->bounce_pages < GSO_PAGES || !nic->sg || !nic->csum4)
		nic->gso4 = nic->gso6 = false;
	if (!nic->csum6)
		nic->gso6 = false;
	return 0;
}

/* ---- rings, events, keys: at every connection ---- */

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
	nic->filters = false;
	xenbus_key(&k, "request-multicast-control", 0);
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

/* One connection, from features to our Connected. The same for the first and for every later one. */
static int begin(struct netfront *nic, bool again)
{
	int rc = xenbus_attach(&nic->dev);

	if (rc == 0)
		rc = read_features(nic);
	if (rc == 0)
		rc = read_own(nic);
	if (rc == 0)
		rc = again ? make_keep(nic) : make_queues(nic);
	for (unsigned i = 0; i < nic->n_queues && rc == 0; i++)
		make_rings(nic->queue[i]);
	if (rc == 0 && again)
		xenbus_forget(&nic->dev, STALE);
	return rc == 0 ? publish(nic) : rc;
}

static void up(struct netfront *nic)
{
	const uint8_t *m = nic->mac;

	nic->connected = true;
	nic->gone = false;
	nic->announce++; /* the port of a bridge that nobody knows to be ours */
	groups_again(nic);
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
	xenstore_unwatch(&nic->link_watch);
	xenstore_unwatch(&nic->mtu_watch);
	for (unsigned i = 0; i < NETFRONT_QUEUES; i++)
		if (nic->queue[i])
			make_free(nic->queue[i]);
	page_free(nic, make_pages_of(sizeof(*nic)));
}

/* An interface that was taken away and is there again: its watch is fired for service(), as the backend's may be another. */
static void look_for_gone(void)
{
	for (unsigned i = 0; i < NETFRONT_NICS; i++)
		if (nics[i] && nics[i]->gone)
			nics[i]->dev.watch.fired = true;
}

/* The next device that is not known; -ERR_NODEV at once where nothing was heard since the last look. */
static int find(struct xenbus_dev *dev)
{
	if (!xenbus_heard(&list_watch, "device/vif"))
		return -ERR_NODEV;
	look_for_gone();
	return xenbus_find("vif", known, NETFRONT_NICS, dev);
}

/*
 * While the program runs nobody may wait for a backend's hotplug script: then the interface has no
 * carrier before its backend is Connected.
 */
static int bring_up(struct netfront *nic)
{
	int rc = begin(nic, false);

	nic->begun = rc == 0 && flavour_running();
	return rc < 0 || nic->begun ? rc : xenbus_wait_connected(&nic->dev);
}

int nic_open(unsigned n, struct nic_info *info)
{
	struct netfront *nic;
	struct xenbus_dev dev;
	int rc;

	if (n < NETFRONT_NICS && nics[n])
		return -ERR_BUSY;
	if (n >= NETFRONT_NICS)
		return -ERR_NODEV;
	known[n][0] = 0; /* one that failed may be tried again */
	if (find(&dev) < 0)
		return -ERR_NODEV;
	__builtin_strcpy(known[n], dev.path);
	nic = make_clean(make_pages_of(sizeof(*nic)));
	if (!nic)
		return -ERR_NOMEM;
	nic->dev = dev;
	nic->number = n;
	nic->life = suspend_lives();
	nic->trusted = true; /* until the toolstack says otherwise */
	rc = bring_up(nic);
	if (rc < 0) {
		log_line(LOG_ERR, "nic%u: %s cannot be brought up, error %d", n, dev.path, -rc);
		discard(nic);
		return rc == -ERR_TIMEDOUT || rc == -ERR_NOMEM ? rc : -ERR_PROTO;
	}
	nics[n] = nic;
	if (!nic->begun)
		up(nic);
	nic_info(n, info);
	return 0;
}

/*
 * Read-only: a backend that could write here would change segments which TCP may have to send once
 * more. It may read all of the arena at any time, so nothing but packets belongs there. An interface
 * that comes after the seal, or whose backend is not trusted, has every frame copied instead.
 */
int nic_share(unsigned n, void *base, size_t len)
{
	struct netfront *nic = connect_nic(n);

	if (nic->arena || (uintptr_t)base % PAGE_SIZE || len % PAGE_SIZE || len == 0)
		return -ERR_INVAL;
	if (flavour_sealed())
		return 0;
	if (nic->trusted) {
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

/* A value that makes no sense changes nothing; xenbus.c has named it. */
static void follow_link(struct netfront *nic)
{
	uint16_t mtu = nic->mtu;
	bool was = nic->no_carrier;

	nic->link_watch.fired = nic->mtu_watch.fired = false;
	if (nic->gone || read_link(nic) < 0)
		return;
	if (nic->no_carrier != was)
		log_line(LOG_WARN, "nic%u: %s", nic->number, was ? "carrier is back" : "carrier lost");
	if (nic->mtu != mtu)
		log_line(LOG_INFO, "nic%u: mtu %u", nic->number, nic->mtu);
}

/*
 * The backend invites us anew. It may take as long as it likes to connect (Linux' waits for a script
 * in its domain); one that does not even begin may invite us again.
 */
static void again(struct netfront *nic)
{
	int rc = begin(nic, true);

	nic->begun = rc == 0;
	if (rc < 0 && rc != -ERR_TIMEDOUT)
		connect_nic_break(nic, "no way back after it went away");
}

/* By the toolstack: in order, or without a word, its directory and all. */
static void look_if_gone(struct netfront *nic)
{
	bool lost = xenbus_gone(&nic->dev);

	if (!nic->gone && (lost || xenbus_leaving(&nic->dev))) {
		nic->gone = true;
		log_line(LOG_WARN, "nic%u: taken away", nic->number);
	}
	nic->begun &= !lost;
}

/*
 * xenbus.h, Closing and Closed: answered at once and without waiting, as a wait here stops every
 * thread. InitWait is the backend's invitation to begin anew; begin() does wait, at most
 * XENBUS_OPEN_NS a step, and every thread with it: that is what a reconnect costs.
 */
static void follow_state(struct netfront *nic, enum xenbus_state other)
{
	if (nic->connected && other == XenbusStateConnected)
		return;
	if (other == XenbusStateClosing || other == XenbusStateClosed)
		look_if_gone(nic);
	if (nic->connected) {
		log_line(LOG_WARN, "nic%u: down, backend state %u", nic->number, (unsigned)other);
		down(nic);
	}
	if (nic->begun && other == XenbusStateConnected) {
		nic->begun = false;
		up(nic);
	} else if (other == XenbusStateInitWait && !nic->begun) {
		again(nic);
	} else if (other == XenbusStateClosing || (other == XenbusStateClosed && !nic->begun)) {
		/* Closed, when we have begun: its answer to what we were before. Our new keys stand. */
		nic->begun = false;
		if (!xenbus_gone(&nic->dev)) /* no state in a directory that is not there any more */
			xenbus_say(&nic->dev, XenbusStateClosed);
	}
}

/*
 * Another life, after a restore: the ports are gone, the backend has never seen us, and the network may be
 * another. The watches on its link look where it was; begin() sets them anew.
 */
static void resume(struct netfront *nic)
{
	nic->life = suspend_lives();
	nic->link_watch.fired = nic->mtu_watch.fired = false;
	nic->dev.state = XenbusStateUnknown;
	nic->begun = false;
	if (nic->connected)
		down(nic);
	if (make_ports_again(nic) < 0)
		connect_nic_break(nic, "no event channels in another life");
	else if (nic->gone)
		nic->dev.watch.fired = true;
	else
		again(nic);
}

void connect_nic_service(struct netfront *nic)
{
	if (nic->broken)
		return;
	if (nic->life != suspend_lives())
		resume(nic);
	if (nic->link_watch.fired || nic->mtu_watch.fired)
		follow_link(nic);
	if (!nic->dev.watch.fired)
		return;
	nic->dev.watch.fired = false; /* before the look: a change after it fires again */
	if (!nic->gone || nic->begun)
		follow_state(nic, xenbus_other_state(&nic->dev));
	else if (xenbus_back(&nic->dev))
		again(nic);
	else if (xenbus_other_state(&nic->dev) == XenbusStateClosing && !xenbus_gone(&nic->dev))
		xenbus_say(&nic->dev, XenbusStateClosed);
}
