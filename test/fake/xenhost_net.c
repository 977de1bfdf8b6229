/* SPDX-License-Identifier: MIT */
/*
 * The fake Xen's netback: the handshake, and frames both ways as xen/io/netif.h has them, with every feature there or not.
 * It enforces what a frontend must not do, and tells the lies of xenhost.lie. Read xenhost.h first.
 */
#include <stdlib.h>

#include "test/fake/xenhost_back.h"
#include "test/fake/xenhost_group.h"
#include "test/fake/xenhost_lie.h"

#define SLOTS_MAX 18u
#define WAITING 64u
#define FRAME_MAX (65536u + 32u)

struct xenhost_nic xenhost_nic[XENHOST_NICS] = { { .present = true, .sg = true, .gso4 = true, .gso6 = true, .csum6 = true, .split = true } };

struct frame {
	uint8_t *data;
	unsigned len, part;
	struct nic_offload off;
};

static struct nic {
	char back[80], front[80];
	bool begun;
	unsigned turns;
	unsigned n_queues;
	struct back_ring tx[XENHOST_QUEUES], rx[XENHOST_QUEUES];
	struct frame waiting[WAITING];
	unsigned n_waiting, next;
	struct { unsigned queue; struct netif_tx_response rsp; } held[4096];
	unsigned n_held;
	struct xenhost_groups groups;
} nics[XENHOST_NICS];

/* ---- the handshake ---- */

static void flag(const char *back, const char *key, bool on)
{
	char path[160];

	snprintf(path, sizeof(path), "%s/%s", back, key);
	if (on || xenhost_below(2))
		xenhost_set("%s=%d", path, on);
	else
		xenhost_remove(path); /* absent and 0 are the same */
}

static void features(struct nic *b, struct xenhost_nic *c)
{
	flag(b->back, "feature-sg", c->sg);
	flag(b->back, "feature-gso-tcpv4", c->gso4);
	flag(b->back, "feature-gso-tcpv6", c->gso6);
	flag(b->back, "feature-no-csum-offload", c->no_csum);
	flag(b->back, "feature-ipv6-csum-offload", c->csum6);
	flag(b->back, "feature-split-event-channels", c->split);
	flag(b->back, "feature-multicast-control", c->groups);
	flag(b->back, "feature-dynamic-multicast-control", c->groups);
	xenhost_set("%s/multi-queue-max-queues=%u", b->back, c->queues ? c->queues : 1);
	if (c->queues == 0) {
		char path[160];

		snprintf(path, sizeof(path), "%s/multi-queue-max-queues", b->back);
		xenhost_remove(path);
	}
	if (c->untrusted)
		xenhost_set("%s/trusted=0", b->front);
}

static void begin(struct nic *b, struct xenhost_nic *c, unsigned n)
{
	back_path(b->back, sizeof(b->back), "vif", c->domid, n);
	front_path(b->front, sizeof(b->front), "vif", n);
	back_toolstack("vif", c->domid, n);
	xenhost_set("%s/mac=00:16:3e:00:00:%02x", b->front, n + 1);
	if (c->mtu)
		xenhost_set("%s/mtu=%u", b->front, c->mtu);
	b->begun = true;
	b->turns = c->state == XenbusStateConnected; /* it was alive before */
	if (c->state)
		back_say(b->back, &c->state, c->state);
	else
		c->state = XenbusStateInitialising;
}

static bool attach_queue(struct nic *b, struct xenhost_nic *c, unsigned q, const char *dir)
{
	unsigned port = (unsigned)xenhost_get_number(dir, "event-channel", 0);
	unsigned tx = (unsigned)xenhost_get_number(dir, "event-channel-tx", port);
	unsigned rx = (unsigned)xenhost_get_number(dir, "event-channel-rx", port);

	if ((tx != rx && !c->split) || (port != 0) != (tx == rx))
		xenhost_wrong("netback: event channels do not fit feature-split-event-channels");
	b->tx[q].pages = b->rx[q].pages = 1;
	b->tx[q].ref[0] = (unsigned)xenhost_get_number(dir, "tx-ring-ref", 0);
	b->rx[q].ref[0] = (unsigned)xenhost_get_number(dir, "rx-ring-ref", 0);
	if (!xenhost_bind(tx, c->domid) || (rx != tx && !xenhost_bind(rx, c->domid)))
		return false;
	return back_attach(&b->tx[q], c->domid, tx, sizeof(union netif_tx_sring_entry)) &&
	       back_attach(&b->rx[q], c->domid, rx, sizeof(union netif_rx_sring_entry));
}

/* netif.h: one queue writes flat keys, several write queue-N/ and none of the flat ones. */
static bool attach(struct nic *b, struct xenhost_nic *c)
{
	bool good = true;
	char dir[120];

	b->n_queues = (unsigned)xenhost_get_number(b->front, "multi-queue-num-queues", 1);
	if (b->n_queues == 0 || b->n_queues > (c->queues ? c->queues : 1))
		xenhost_wrong("netback: %u queues asked for", b->n_queues);
	if (xenhost_get_number(b->front, "request-rx-copy", 0) != 1 || xenhost_get_number(b->front, "feature-rx-notify", 0) != 1)
		xenhost_wrong("netback: no rx-copy or no rx-notify");
	if (b->n_queues > 1 && xenhost_get_number(b->front, "tx-ring-ref", 0))
		xenhost_wrong("netback: flat keys beside queue-N/");
	for (unsigned q = 0; q < b->n_queues && good; q++) {
		snprintf(dir, sizeof(dir), b->n_queues > 1 ? "%s/queue-%u" : "%s", b->front, q);
		good = attach_queue(b, c, q, dir);
	}
	return good;
}

static void detach(struct nic *b)
{
	bool keep = xenhost_nic[b - nics].keep;

	for (unsigned q = 0; q < XENHOST_QUEUES; q++) {
		back_detach(&b->tx[q], keep);
		back_detach(&b->rx[q], keep);
	}
	b->n_queues = b->groups.n = 0;
	b->n_held = 0;
}

/* Follows the frontend. Returns whether the state changed. */
static bool handshake(struct nic *b, struct xenhost_nic *c)
{
	unsigned front = (unsigned)xenhost_get_number(b->front, "state", 1), was = c->state;

	if (c->stay)
		return false;
	if (c->state == XenbusStateInitialising && ++b->turns > 3) {
		features(b, c);
		back_say(b->back, &c->state, XenbusStateInitWait);
	} else if (c->state == XenbusStateInitWait && front == XenbusStateConnected) { /* Linux' netback ignores Initialised */
		if (!attach(b, c))
			xenhost_wrong("netback: rings or events cannot be had");
		back_say(b->back, &c->state, c->refuse ? XenbusStateClosing : XenbusStateConnected);
	} else if (c->state == XenbusStateConnected && front == XenbusStateClosing) {
		detach(b);
		back_say(b->back, &c->state, XenbusStateClosing);
	} else if (c->state != XenbusStateClosed && c->state > XenbusStateInitWait && front == XenbusStateClosed) {
		detach(b);
		back_say(b->back, &c->state, XenbusStateClosed);
	} else if (c->state == XenbusStateClosed && front == XenbusStateInitialising && b->turns) {
		features(b, c);
		back_say(b->back, &c->state, XenbusStateInitWait);
	}
	return c->state != was;
}

/* Frames on their way to the guest find it there. */
void xenhost_net_life(void)
{
	for (struct nic *b = nics; b < nics + XENHOST_NICS; b++) {
		memset(b->tx, 0, sizeof(b->tx));
		memset(b->rx, 0, sizeof(b->rx));
		b->n_queues = b->n_held = b->groups.n = 0;
		b->begun = false;
		xenhost_nic[b - nics].state = 0;
	}
}

void xenhost_net_stop(unsigned n)
{
	detach(&nics[n]);
	back_say(nics[n].back, &xenhost_nic[n].state, XenbusStateClosed);
	nics[n].turns = 0;
}

/* What the toolstack writes for `xl network-detach`; the backend serves on until the guest lets it go. */
void xenhost_net_leave(unsigned n)
{
	back_leave(nics[n].back);
}

void xenhost_net_unplug(unsigned n)
{
	detach(&nics[n]);
	nics[n].begun = xenhost_nic[n].present = false;
	back_gone(nics[n].front, nics[n].back, &xenhost_nic[n].state);
}

void xenhost_net_start(unsigned n)
{
	nics[n].turns = 1;
	features(&nics[n], &xenhost_nic[n]);
	back_say(nics[n].back, &xenhost_nic[n].state, XenbusStateInitWait);
}

/* ---- frames from the guest ---- */

static void hold_status(struct nic *b, unsigned queue, uint16_t id, int16_t status)
{
	if (b->n_held == 4096)
		xenhost_wrong("netback: too much held");
	b->held[b->n_held].queue = queue;
	b->held[b->n_held++].rsp = (struct netif_tx_response){ id, status };
}

static void hold(struct nic *b, unsigned queue, uint16_t id, bool extra)
{
	hold_status(b, queue, id, extra ? NETIF_RSP_NULL : NETIF_RSP_OKAY);
}

static void take_gso(struct nic *b, struct xenhost_nic *c, unsigned q, struct nic_offload *off)
{
	struct netif_extra_info x;

	back_read(&b->tx[q], b->tx[q].cons++, &x, sizeof(x));
	if (x.type != XEN_NETIF_EXTRA_TYPE_GSO || x.flags || x.u.gso.size == 0)
		xenhost_wrong("netback: extra info of type %u, flags %u", x.type, x.flags);
	if (x.u.gso.type == XEN_NETIF_GSO_TYPE_TCPV4 ? !c->gso4 : x.u.gso.type != XEN_NETIF_GSO_TYPE_TCPV6 || !c->gso6)
		xenhost_wrong("netback: segmentation that was not offered");
	off->gso_size = x.u.gso.size;
	off->flags |= x.u.gso.type == XEN_NETIF_GSO_TYPE_TCPV4 ? NIC_GSO_TCP4 : NIC_GSO_TCP6;
	hold(b, q, 0, true);
}

/* A dummy request that says something about a group. Whether this was one. */
static bool take_group(struct nic *b, struct xenhost_nic *c, unsigned q)
{
	struct netif_tx_request req;
	struct netif_extra_info x;

	back_read(&b->tx[q], b->tx[q].cons, &req, sizeof(req));
	if (!(req.flags & NETTXF_extra_info))
		return false;
	back_read(&b->tx[q], b->tx[q].cons + 1, &x, sizeof(x));
	if (x.type != XEN_NETIF_EXTRA_TYPE_MCAST_ADD && x.type != XEN_NETIF_EXTRA_TYPE_MCAST_DEL)
		return false;
	if (req.flags & NETTXF_more_data)
		xenhost_wrong("netback: a group request that goes on");
	b->tx[q].cons += 2;
	hold_status(b, q, req.id, xenhost_group_change(&b->groups, c, &x));
	hold(b, q, 0, true);
	return true;
}

static void first_flags(struct xenhost_nic *c, const struct netif_tx_request *req, struct nic_offload *off)
{
	if (!(req->flags & NETTXF_csum_blank))
		return;
	if (c->no_csum || !(req->flags & NETTXF_data_validated))
		xenhost_wrong("netback: a blank checksum, flags %#x", req->flags);
	off->flags |= NIC_CSUM_PARTIAL;
}

static void take_frame(struct nic *b, struct xenhost_nic *c, unsigned n, unsigned q)
{
	static uint8_t data[FRAME_MAX];
	struct netif_tx_request req[SLOTS_MAX];
	struct nic_offload off = { .flags = 0 };
	unsigned slots = 0, rest = 0, at = 0;

	do {
		if (slots == SLOTS_MAX)
			xenhost_wrong("netback: a frame of more than %u slots", SLOTS_MAX);
		if (back_shared(&b->tx[q])->req_prod == b->tx[q].cons)
			xenhost_wrong("netback: half a frame");
		back_read(&b->tx[q], b->tx[q].cons++, &req[slots], sizeof(req[0]));
		if (slots > 0)
			rest += req[slots].size;
		hold(b, q, req[slots].id, false);
		if (slots == 0)
			first_flags(c, &req[0], &off);
		if (slots == 0 && req[0].flags & NETTXF_extra_info)
			take_gso(b, c, q, &off);
	} while (req[slots++].flags & NETTXF_more_data);
	if ((slots > 1 && (!c->sg || c->untrusted)) || rest >= req[0].size)
		xenhost_wrong("netback: %u slots, %u of %u bytes in the later", slots, rest, req[0].size);
	if (req[0].size - rest < 14)
		xenhost_wrong("netback: the first slot has %u bytes, Linux' wants 14", req[0].size - rest);
	for (unsigned i = 0; i < slots; i++) {
		unsigned len = i == 0 ? req[0].size - rest : req[i].size;

		if (req[i].offset + len > PAGE_SIZE || !xenhost_copy(c->domid, req[i].gref, req[i].offset, data + at, len, false))
			xenhost_wrong("netback: slot %u is not granted or beyond its page", i);
		at += len;
	}
	c->got++;
	xenhost_net_input(n, data, at, &off);
}

static void respond(struct back_ring *r, uint16_t id, int status)
{
	struct netif_tx_response rsp = { id, (int16_t)status };

	back_write(r, r->prod++, &rsp, sizeof(rsp));
}

/* One answer, or a lie in its place. */
static void answer(struct nic *b, struct back_ring *r, const struct netif_tx_response *rsp)
{
	(void)b;
	if (xenhost_lies(LIE_TX_ID))
		respond(r, 5000, 0);
	else if (xenhost_lies(LIE_TX_TWICE))
		respond(r, (uint16_t)(rsp->id + 100), 0);
	else if (xenhost_lies(LIE_TX_STATUS))
		respond(r, rsp->id, 7);
	else if (xenhost_lies(LIE_TX_NULL))
		respond(r, rsp->id, NETIF_RSP_NULL);
	else
		respond(r, rsp->id, rsp->status);
	if (xenhost_lies(LIE_TX_PROD))
		r->prod += 1000;
	if (xenhost_lies(LIE_TX_BACK))
		r->prod -= 1000;
}

static void answer_held(struct nic *b, struct xenhost_nic *c)
{
	while (b->n_held > 0 && !c->hold) {
		unsigned i = c->shuffle ? (unsigned)xenhost_below(b->n_held) : 0;
		unsigned q = b->held[i].queue;

		if (c->shuffle && xenhost_below(6) == 0)
			break; /* later */
		answer(b, &b->tx[q], &b->held[i].rsp);
		memmove(&b->held[i], &b->held[i + 1], (b->n_held - i - 1) * sizeof(b->held[0]));
		b->n_held--;
	}
}

static bool run_tx(struct nic *b, struct xenhost_nic *c, unsigned n)
{
	bool did = false;

	for (unsigned q = 0; q < b->n_queues; q++) {
		struct back_ring *r = &b->tx[q];

		/* Only an event, or a ring that was seen non-empty, makes it look: as a real backend sleeps. */
		if (xenhost_kicked(r->port) || back_shared(r)->req_event != r->cons + 1 || back_pending(r) == 0)
			did |= back_pending(r) > 0;
		else
			continue;
		while (b->n_queues > 0 && back_pending(r) > 0)
			if (!take_group(b, c, q))
				take_frame(b, c, n, q);
		back_shared(r)->req_event = r->cons + 1;
	}
	if (b->n_held > 0) {
		answer_held(b, c);
		did |= !c->hold;
	}
	for (unsigned q = 0; q < b->n_queues; q++)
		back_push(&b->tx[q]);
	return did;
}

/* ---- frames to the guest ---- */

void xenhost_net_send(unsigned n, const void *frame, unsigned len, const struct nic_offload *off, unsigned part)
{
	struct nic *b = &nics[n];
	struct frame *f = &b->waiting[b->n_waiting];

	if (xenhost_get_number(b->front, "request-multicast-control", 0) == 1 && !xenhost_group_wanted(&b->groups, frame)) {
		xenhost_nic[n].filtered++;
		return;
	}
	if (b->n_waiting == WAITING)
		return; /* dropped, as netback does when the guest posts no buffers */
	b->n_waiting++;
	*f = (struct frame){ .data = malloc(len), .len = len, .part = part ? part : PAGE_SIZE };
	memcpy(f->data, frame, len);
	if (off)
		f->off = *off;
}

static void put_extra(struct back_ring *r, const struct nic_offload *off)
{
	struct netif_extra_info x = { .type = XEN_NETIF_EXTRA_TYPE_GSO };
	bool six = off->flags & NIC_GSO_TCP6;

	x.u.gso.size = off->gso_size;
	x.u.gso.type = six != xenhost_lies(LIE_RX_GSO_OTHER) ? XEN_NETIF_GSO_TYPE_TCPV6 : XEN_NETIF_GSO_TYPE_TCPV4;
	if (back_pending(r) > 8 && xenhost_lies(LIE_RX_MORE)) {
		x.flags = XEN_NETIF_EXTRA_FLAG_MORE;
		for (unsigned i = 0; i < 6; i++, r->cons++)
			back_write(r, r->prod++, &x, sizeof(x));
	}
	if (xenhost_lies(LIE_RX_EXTRA_TYPE))
		x.type = (uint8_t)(xenhost_below(2) ? 0 : 2 + xenhost_below(250));
	if (xenhost_lies(LIE_RX_EXTRA_FLAGS))
		x.flags = 0x80;
	if (xenhost_lies(LIE_RX_GSO_SIZE))
		x.u.gso.size = 0;
	if (xenhost_lies(LIE_RX_GSO_TYPE))
		x.u.gso.type = 9;
	back_write(r, r->prod++, &x, sizeof(x));
}

/* One part. Its request is read from the slot that its response will overwrite. */
static void put_part(struct nic *b, struct xenhost_nic *c, struct back_ring *r, const struct frame *f, unsigned at, unsigned len)
{
	struct netif_rx_request req;
	struct netif_rx_response rsp;
	unsigned offset = (unsigned)xenhost_below(PAGE_SIZE - len + 1);
	bool endless = xenhost.lie == LIE_RX_CHAIN;

	(void)b;
	back_read(r, r->cons++, &req, sizeof(req));
	if (!xenhost_copy(c->domid, req.gref, offset, f->data + at, len, true))
		xenhost_wrong("netback: receive page %u is not granted", req.gref);
	rsp = (struct netif_rx_response){ .id = req.id, .offset = (uint16_t)offset, .status = (int16_t)len };
	if (at == 0 && f->off.flags & NIC_CSUM_PARTIAL)
		rsp.flags |= NETRXF_csum_blank | NETRXF_data_validated;
	if (at == 0 && f->off.flags & NIC_CSUM_VALID)
		rsp.flags |= NETRXF_data_validated;
	if (at == 0 && f->off.gso_size)
		rsp.flags |= NETRXF_extra_info;
	if (at + len < f->len || endless)
		rsp.flags |= NETRXF_more_data;
	if (c->broken_frames)
		rsp.status = NETIF_RSP_ERROR;
	rsp = xenhost_lie(rsp, at == 0);
	back_write(r, r->prod++, &rsp, sizeof(rsp));
	if (at == 0 && f->off.gso_size) {
		r->cons++; /* its request's page is not used */
		put_extra(r, &f->off);
	}
}

static bool put_frame(struct nic *b, struct xenhost_nic *c, struct back_ring *r, struct frame *f)
{
	unsigned slots = (f->len + f->part - 1) / f->part + (f->off.gso_size != 0);

	if (back_pending(r) < slots) {
		back_shared(r)->req_event = r->cons + slots;
		return false;
	}
	for (unsigned at = 0; at < f->len; at += f->part) {
		put_part(b, c, r, f, at, f->len - at < f->part ? f->len - at : f->part);
		if (xenhost_below(4) == 0)
			back_push(r); /* a frame may be shown in pieces */
	}
	free(f->data);
	c->sent++;
	return true;
}

static bool run_rx(struct nic *b, struct xenhost_nic *c)
{
	struct back_ring *r = &b->rx[b->n_queues ? b->next % b->n_queues : 0];
	bool did = false;

	if (b->n_queues == 0)
		return false;
	if (xenhost_lies(LIE_RX_PROD))
		r->prod += 600;
	if (b->n_waiting > 0 && put_frame(b, c, r, &b->waiting[0])) {
		memmove(&b->waiting[0], &b->waiting[1], --b->n_waiting * sizeof(b->waiting[0]));
		b->next++;
		did = true;
	}
	for (unsigned q = 0; q < b->n_queues; q++)
		back_push(&b->rx[q]);
	return did;
}

bool xenhost_net_run(void)
{
	bool did = false;

	for (unsigned n = 0; n < XENHOST_NICS; n++) {
		struct nic *b = &nics[n];
		struct xenhost_nic *c = &xenhost_nic[n];

		if (!c->present)
			continue;
		if (!b->begun)
			begin(b, c, n);
		did |= handshake(b, c);
		if (c->state == XenbusStateConnected && b->n_queues > 0)
			did |= run_tx(b, c, n);
		if (c->state == XenbusStateConnected)
			did |= run_rx(b, c);
		for (unsigned q = 0; q < b->n_queues && c->storm; q++)
			xenhost_raise(b->rx[q].port);
	}
	return did;
}
