/* SPDX-License-Identifier: MIT */
#include "netfront/netfront.h"

/*
 * Frames out (xen/io/netif.h, "Guest transmit").
 *
 * A fragment in the arena is sent in place, one slot for each page it touches: those pages are
 * granted already. What cannot be sent so is copied into a bounce unit, granted too: more than 18
 * slots, a fragment outside the arena, a backend without scatter-gather, one that is not trusted
 * (it then sees frames and nothing else), a checksum that it cannot fill in. A frame is done when
 * each of its slots was answered; answers come in any order.
 *
 * An answer is an id and a status from the backend. The id must be one that is out, or the device
 * is broken: never index anything with it before that was checked. Slots of extra info are answered
 * with NETIF_RSP_NULL and no id.
 */

#define SLOTS_MAX 18u /* netif.h, XEN_NETIF_NR_SLOTS_MIN: what every backend takes */
#define ETH_LEN 14u   /* Linux' netback wants at least this much in the first slot, and answers with an error otherwise */
#define ETH_IP4 0x0800u
#define ETH_IP6 0x86ddu
#define OFFLOADS (NIC_CSUM_PARTIAL | NIC_GSO_TCP4 | NIC_GSO_TCP6)

/* What becomes of a frame: its pieces, page by page, and the flags of the first. */
struct plan {
	unsigned n;
	uint16_t flags;
	uint32_t total;
	struct {
		uint32_t ref;
		uint16_t offset, len;
	} piece[SLOTS_MAX];
};

/* ---- frames that are done ---- */

/*
 * Called once for each frame, when its last slot was answered or never will be. `next` has two
 * lives: while out it chains the frame's slots, from here on the frames that are done.
 */
static void give_back(struct netfront_queue *q, uint16_t first)
{
	struct netfront_slot *s = q->slot;

	if (s[first].bounce != NETFRONT_NONE)
		q->bounce_free[q->bounces_free++] = s[first].bounce;
	if (!s[first].token) { /* nobody waits for it */
		s[first].out = false;
		q->slot_free[q->slots_free++] = first;
		return;
	}
	for (uint16_t id = first, next; id != NETFRONT_NONE; id = next) {
		next = s[id].next;
		s[id].out = false;
		if (id != first) /* the first stays until its token was handed back */
			q->slot_free[q->slots_free++] = id;
	}
	s[first].next = NETFRONT_NONE;
	if (q->done == NETFRONT_NONE)
		q->done = first;
	else
		s[q->done_last].next = first;
	q->done_last = first;
}

unsigned tx_done(struct netfront_queue *q, void **token, unsigned max)
{
	unsigned n = 0;

	while (n < max && q->done != NETFRONT_NONE) {
		uint16_t id = q->done;

		q->done = q->slot[id].next;
		token[n++] = q->slot[id].token;
		q->slot[id].token = NULL;
		q->slot_free[q->slots_free++] = id;
	}
	return n;
}

/* One answer. Returns why the device is broken, or NULL. */
static const char *answered(struct netfront_queue *q, const struct netif_tx_response *rsp)
{
	struct netfront_slot *s = q->slot;

	if (rsp->status == NETIF_RSP_NULL) {
		if (q->extras_out == 0)
			return "an answer to no request";
		q->extras_out--;
		return NULL;
	}
	if (rsp->id >= NETFRONT_SLOTS || !s[rsp->id].out)
		return "an answer with an id that is not out";
	if (rsp->status > NETIF_RSP_OKAY)
		return "an answer with an unknown status";
	if (rsp->status < 0 && !s[s[rsp->id].first].token)
		groups_refused(q->nic);
	else if (rsp->status < 0)
		q->nic->stats.tx_errors++;
	/* At once: the same id a second time is then an answer to nothing. */
	s[rsp->id].out = false;
	if (--s[s[rsp->id].first].left == 0)
		give_back(q, s[rsp->id].first);
	return NULL;
}

/*
 * The number pending is read once: answers that come meanwhile are the next call's, and its work is
 * bounded.
 */
void tx_reap(struct netfront_queue *q)
{
	uint32_t n = ring_pending(&q->tx);
	const char *why = q->tx.broken ? "more transmit answers than requests" : NULL;

	if (n > 0)
		evtchn_worked((unsigned)q->tx_port);
	while (n-- > 0 && !why) {
		struct netif_tx_response rsp;

		ring_peek(&q->tx, 0, &rsp, sizeof(rsp));
		q->tx.cons++;
		why = answered(q, &rsp);
	}
	if (why)
		connect_nic_break(q->nic, why);
}

/*
 * `left` tells frames that are out from those that are done and wait in the list. Extra info is
 * forgotten with the ring that held it.
 */
void tx_reset(struct netfront_queue *q)
{
	q->extras_out = 0;
	q->kick_tx = q->refused = false;
	for (unsigned id = 0; id < NETFRONT_SLOTS; id++)
		if (q->slot[id].left > 0) {
			q->slot[id].left = 0;
			give_back(q, (uint16_t)id);
		}
}

/* ---- frames that go out ---- */

static bool in_arena(const struct netfront *nic, const struct nic_frag *f)
{
	const char *at = f->base;

	return nic->arena && at >= nic->arena && at < nic->arena + nic->arena_len &&
	       f->len <= (size_t)(nic->arena + nic->arena_len - at);
}

/*
 * Appends [offset, offset + len) of consecutive pages whose grants begin at ref. False: more slots
 * than may be.
 */
static bool add(struct plan *plan, uint32_t ref, size_t offset, uint32_t len)
{
	while (len > 0) {
		uint32_t in_page = (uint32_t)(offset % PAGE_SIZE);
		uint32_t n = PAGE_SIZE - in_page < len ? PAGE_SIZE - in_page : len;

		if (plan->n == SLOTS_MAX)
			return false;
		plan->piece[plan->n].ref = ref + (uint32_t)(offset / PAGE_SIZE);
		plan->piece[plan->n].offset = (uint16_t)in_page;
		plan->piece[plan->n].len = (uint16_t)n;
		plan->n++;
		offset += n;
		len -= n;
	}
	return true;
}

/* Plans a frame in place. False: it cannot be, and must be bounced. */
static bool in_place(const struct netfront *nic, const struct nic_frag *v, unsigned nv, struct plan *plan)
{
	if (!nic->trusted || (!nic->sg && nv > 1))
		return false;
	for (unsigned i = 0; i < nv; i++)
		if (!in_arena(nic, &v[i]) ||
		    !add(plan, (uint32_t)nic->arena_ref, (size_t)((const char *)v[i].base - nic->arena), v[i].len))
			return false;
	return plan->piece[0].len >= ETH_LEN && (nic->sg || plan->n == 1);
}

/* Copies a frame into bounce unit `unit` and plans that. */
static void bounce(struct netfront_queue *q, uint16_t unit, const struct nic_frag *v, unsigned nv, struct plan *plan)
{
	size_t page = (size_t)unit * q->nic->bounce_pages;
	char *to = q->bounce + page * PAGE_SIZE;

	for (unsigned i = 0; i < nv; i++) {
		__builtin_memcpy(to, v[i].base, v[i].len);
		to += v[i].len;
	}
	plan->n = 0;
	/*
	 * Always fits: acceptable() knows the unit's size, and 17 pages are fewer than SLOTS_MAX.
	 */
	add(plan, (uint32_t)q->bounce_ref + (uint32_t)page, 0, plan->total);
}

/* A byte of a frame, wherever the fragments have it; 0 beyond the end. */
static uint8_t byte_at(const struct nic_frag *v, unsigned nv, uint32_t at)
{
	for (unsigned i = 0; i < nv; i++) {
		if (at < v[i].len)
			return ((const uint8_t *)v[i].base)[at];
		at -= v[i].len;
	}
	return 0;
}

/*
 * Whether this backend fills in this frame's checksum: csum_blank means TCP or UDP over IPv4, over
 * IPv6 if it says so. Behind a VLAN tag it means nothing: Linux' netback looks at the outer type
 * only and drops such a frame.
 */
static bool backend_sums(const struct netfront *nic, const struct nic_frag *v, unsigned nv)
{
	unsigned type = (unsigned)byte_at(v, nv, 12) << 8 | byte_at(v, nv, 13);

	return type == ETH_IP4 || (type == ETH_IP6 && nic->csum6);
}

/*
 * netif.h, netif_tx_request.size: of the first request, the whole frame's; of the others, their
 * own. The backend takes the first one's share to be what is left. NETTXF_more_data: another
 * request follows.
 */
static void put_request(struct netfront_queue *q, const struct plan *plan, unsigned i, uint16_t id)
{
	struct netif_tx_request req = {
		.gref = plan->piece[i].ref,
		.offset = plan->piece[i].offset,
		.flags = i == 0 ? plan->flags : 0,
		.id = id,
		.size = i == 0 ? (uint16_t)plan->total : plan->piece[i].len,
	};

	if (i + 1 < plan->n)
		req.flags |= NETTXF_more_data;
	ring_put(&q->tx, &req, sizeof(req));
}

/* netif.h, XEN_NETIF_EXTRA_TYPE_GSO: stands right after the frame's first request. */
static void put_gso(struct netfront_queue *q, const struct nic_offload *off)
{
	struct {
		struct netif_extra_info info;
		uint32_t pad;
	} slot = { .info.type = XEN_NETIF_EXTRA_TYPE_GSO };

	slot.info.u.gso.size = off->gso_size;
	slot.info.u.gso.type = off->flags & NIC_GSO_TCP4 ? XEN_NETIF_GSO_TYPE_TCPV4 : XEN_NETIF_GSO_TYPE_TCPV6;
	ring_put(&q->tx, &slot, sizeof(slot));
	q->extras_out++;
}

static uint16_t take_slot(struct netfront_queue *q)
{
	return q->slot_free[--q->slots_free];
}

/*
 * `left` counts requests that have an id; the GSO slot has none and is in extras_out. The backend
 * sees nothing of it before nic_kick().
 */
static void put_frame(struct netfront_queue *q, const struct plan *plan, const struct nic_offload *off, uint16_t unit, void *token)
{
	uint16_t first = take_slot(q), id = first;

	for (unsigned i = 0; i < plan->n; i++) {
		uint16_t next = i + 1 < plan->n ? take_slot(q) : NETFRONT_NONE;

		q->slot[id] = (struct netfront_slot){ .next = next, .first = first, .bounce = NETFRONT_NONE, .out = true };
		put_request(q, plan, i, id);
		if (i == 0 && plan->flags & NETTXF_extra_info)
			put_gso(q, off);
		id = next;
	}
	q->slot[first].token = token;
	q->slot[first].left = (uint16_t)plan->n;
	q->slot[first].bounce = unit;
	q->kick_tx = true;
	q->refused = false;
	q->nic->stats.tx_frames++;
	q->nic->stats.tx_bytes += plan->total;
}

/*
 * What must be so about a frame, of nic.h and of netif.h; the flags of its first request in *flags.
 */
static bool acceptable(const struct netfront *nic, const struct nic_frag *v, unsigned nv, const struct nic_offload *off,
		       struct plan *plan)
{
	if (nv == 0 || nv > NIC_FRAGS_MAX)
		return false;
	for (unsigned i = 0; i < nv; i++) {
		if (v[i].len == 0 || v[i].len > NETFRONT_FRAME_MAX)
			return false;
		plan->total += v[i].len;
	}
	/* Any frame may turn out to need the bounce, so none may be longer than a unit. */
	if (plan->total > nic->bounce_pages * PAGE_SIZE || plan->total > NETFRONT_FRAME_MAX)
		return false;
	if (!off || !(off->flags & OFFLOADS))
		return true;
	plan->flags = NETTXF_csum_blank | NETTXF_data_validated; /* with the pseudo-header's sum in place, as Linux wants it */
	if (!(off->flags & (NIC_GSO_TCP4 | NIC_GSO_TCP6)))
		return nic->csum4;
	plan->flags |= NETTXF_extra_info;
	return off->gso_size > 0 && (off->flags & NIC_GSO_TCP4 ? nic->gso4 : nic->gso6);
}

static int refuse(struct netfront_queue *q)
{
	q->refused = true;
	return -ERR_AGAIN;
}

/*
 * What can fail fails before the first slot is taken: -ERR_AGAIN and -ERR_INVAL leave nothing
 * behind. The ring must have room for the longest frame and its GSO slot, SLOTS_MAX + 1, and not
 * for this one only: so it need not be planned twice.
 */
int tx_frame(struct netfront_queue *q, const struct nic_frag *v, unsigned nv, const struct nic_offload *off, void *token)
{
	struct plan plan = { .n = 0 };
	uint16_t unit = NETFRONT_NONE;
	bool sum_here;

	if (!acceptable(q->nic, v, nv, off, &plan))
		return -ERR_INVAL;
	if (ring_room(&q->tx) <= SLOTS_MAX || q->slots_free < SLOTS_MAX)
		return refuse(q);
	sum_here = plan.flags && !backend_sums(q->nic, v, nv);
	if (sum_here && plan.flags & NETTXF_extra_info)
		return -ERR_INVAL; /* nobody cuts what it cannot sum: nic_info() says so for IPv6, and for VLANs there is no promise */
	if (sum_here || !in_place(q->nic, v, nv, &plan)) {
		if (q->bounces_free == 0)
			return refuse(q);
		unit = q->bounce_free[--q->bounces_free];
		bounce(q, unit, v, nv, &plan);
	}
	if (sum_here) {
		char *frame = q->bounce + (size_t)unit * q->nic->bounce_pages * PAGE_SIZE;

		plan.flags = 0;
		if (!headers_checksum((uint8_t *)frame, plan.total, off)) {
			q->bounce_free[q->bounces_free++] = unit;
			return -ERR_INVAL;
		}
	}
	put_frame(q, &plan, off, unit, token);
	return 0;
}

/*
 * netif.h: a dummy request that carries XEN_NETIF_EXTRA_TYPE_MCAST_ADD or _DEL. It names a page that
 * the backend may read, and as few bytes as a frame can have, for one that looks.
 */
bool tx_group(struct netfront_queue *q, const uint8_t mac[6], bool join)
{
	struct netif_tx_request req = { .gref = (uint32_t)q->bounce_ref, .size = ETH_LEN, .flags = NETTXF_extra_info };
	struct {
		struct netif_extra_info info;
		uint32_t pad;
	} slot = { .info.type = join ? XEN_NETIF_EXTRA_TYPE_MCAST_ADD : XEN_NETIF_EXTRA_TYPE_MCAST_DEL };

	if (ring_room(&q->tx) < 2 || q->slots_free == 0) {
		refuse(q);
		return false;
	}
	req.id = take_slot(q);
	q->slot[req.id] = (struct netfront_slot){ .next = NETFRONT_NONE, .first = req.id, .left = 1, .bounce = NETFRONT_NONE, .out = true };
	__builtin_memcpy(slot.info.u.mcast.addr, mac, 6);
	ring_put(&q->tx, &req, sizeof(req));
	ring_put(&q->tx, &slot, sizeof(slot));
	q->extras_out++;
	q->kick_tx = true;
	return true;
}

int tx_drop(struct netfront_queue *q, void *token)
{
	uint16_t id;

	if (q->slots_free == 0)
		return -ERR_AGAIN;
	id = take_slot(q);
	q->slot[id] = (struct netfront_slot){ .token = token, .next = NETFRONT_NONE, .first = id, .bounce = NETFRONT_NONE };
	q->nic->stats.tx_dropped++;
	give_back(q, id);
	return 0;
}
