/* SPDX-License-Identifier: MIT */
#include "netfront/netfront.h"

/*
 * Frames in (xen/io/netif.h, "Guest receive", rx-copy).
 *
 * Each position of the ring holds one of our granted pages, and response i is for request i: extra
 * info overlays the id, so the position is what counts, and an id that is there must agree with it.
 * A frame is a chain of responses; it is gathered in q->in, response by response, each copied out
 * of the ring once, so it does not matter whether the backend shows it whole. Nothing is lent
 * before the chain is complete and every part was checked.
 *
 * What is wrong with a frame alone (an error status, headers that make no sense) drops the frame;
 * what is wrong with the protocol (id, offset, length, unknown extra info, too long a chain) breaks
 * the device.
 */

#define EXTRAS_MAX 4u /* types there are (XEN_NETIF_EXTRA_TYPE_MAX - 1): no chain of them is longer */

static void release(struct netfront_queue *q, unsigned buffer)
{
	q->buffer_state[buffer] = BUFFER_FREE;
	q->buffer_free[q->n_free++] = (uint16_t)buffer;
}

void rx_done(struct netfront_queue *q, unsigned buffer)
{
	if (buffer >= q->n_buffers || q->buffer_state[buffer] != BUFFER_LENT)
		log_panic("nic%u: buffer %u was given back but is not lent", q->nic->number, buffer);
	q->n_lent--;
	release(q, buffer);
}

/* Posts every free buffer that the ring has room for. The event is nic_kick()'s. */
void rx_refill(struct netfront_queue *q)
{
	while (q->n_free > 0 && ring_room(&q->rx) > 0) {
		uint16_t buffer = q->buffer_free[--q->n_free];
		uint16_t position = (uint16_t)(q->rx.prod & (q->rx.slots - 1));
		struct netif_rx_request req = { .id = position, .gref = (uint32_t)q->buffer_ref + buffer };

		q->buffer_state[buffer] = BUFFER_POSTED;
		q->posted[position] = buffer;
		ring_put(&q->rx, &req, sizeof(req));
		q->kick_rx = true;
	}
}

/* New rings: what was posted and what was half received is free again, what is lent stays lent. */
void rx_reset(struct netfront_queue *q)
{
	q->n_free = 0;
	q->kick_rx = false;
	q->in = (struct netfront_incoming){ .n = 0 };
	for (unsigned i = q->n_buffers; i-- > 0;)
		if (q->buffer_state[i] != BUFFER_LENT)
			release(q, i);
}

/* ---- one response ---- */

/*
 * netif.h, struct netif_extra_info. We asked for segmentation only: another type is a broken
 * protocol, not something to skip, as its meaning for the frame is unknown. EXTRAS_MAX ends a chain
 * that says MORE for ever.
 */
static const char *take_extra(struct netfront_queue *q, const struct netif_rx_response *rsp, unsigned buffer)
{
	struct netfront_incoming *in = &q->in;
	struct netif_extra_info info;

	_Static_assert(sizeof(info) == sizeof(*rsp), "extra info overlays a response");
	__builtin_memcpy(&info, rsp, sizeof(info));
	release(q, buffer); /* the backend has only taken its place on the ring */
	if (info.type != XEN_NETIF_EXTRA_TYPE_GSO || info.flags & ~XEN_NETIF_EXTRA_FLAG_MORE || ++in->extras > EXTRAS_MAX)
		return "extra info that we did not ask for";
	if (info.u.gso.size == 0 || (info.u.gso.type != XEN_NETIF_GSO_TYPE_TCPV4 && info.u.gso.type != XEN_NETIF_GSO_TYPE_TCPV6))
		return "extra info with an impossible segment size or type";
	in->gso_type = info.u.gso.type;
	in->gso_size = info.u.gso.size;
	in->extra = info.flags & XEN_NETIF_EXTRA_FLAG_MORE;
	return NULL;
}

/* The bytes of a part: in the granted page, or a copy that the backend cannot change any more. */
static uint8_t *bytes_of(struct netfront_queue *q, unsigned buffer, uint32_t offset, uint32_t len)
{
	char *at = q->buffers + (size_t)buffer * PAGE_SIZE + offset;
	char *copy;

	if (!q->private)
		return (uint8_t *)at;
	copy = q->private + (size_t)buffer * PAGE_SIZE + offset;
	__builtin_memcpy(copy, at, len);
	return (uint8_t *)copy;
}

/*
 * netif.h, netif_rx_response: a status above 0 is a length, at most 32767; below, an error. An
 * error, or no bytes at all, drops the frame, but its other parts are taken all the same, or the
 * ring would be out of step. The first part's flags are the frame's; more_data is each part's own.
 * The sums here cannot wrap: 16 and 15 bits.
 */
static const char *take_part(struct netfront_queue *q, const struct netif_rx_response *rsp, unsigned position, unsigned buffer)
{
	struct netfront_incoming *in = &q->in;
	uint32_t len = rsp->status > 0 ? (uint32_t)rsp->status : 0;

	if (rsp->id != position)
		return "a receive answer with the wrong id";
	if (rsp->offset + len > PAGE_SIZE)
		return "a receive answer beyond its page";
	if (in->n == NIC_FRAGS_MAX)
		return "a frame of too many parts";
	if (rsp->flags & NETRXF_gso_prefix)
		return "a prefix that we did not ask for";
	if (!in->begun)
		in->flags = rsp->flags;
	in->extra = !in->begun && rsp->flags & NETRXF_extra_info;
	in->begun = true;
	in->more = rsp->flags & NETRXF_more_data;
	in->bad |= rsp->status <= 0;
	in->bytes += len;
	in->part[in->n++] = (struct nic_buf){
		.data = bytes_of(q, buffer, rsp->offset, len),
		.len = len,
		.id = q->number * NETFRONT_BUFFERS + buffer,
	};
	return NULL;
}

static const char *take_response(struct netfront_queue *q)
{
	unsigned position = q->rx.cons & (q->rx.slots - 1);
	unsigned buffer = q->posted[position];
	struct netif_rx_response rsp;

	ring_peek(&q->rx, 0, &rsp, sizeof(rsp));
	q->rx.cons++;
	q->buffer_state[buffer] = BUFFER_TAKEN;
	if (q->in.extra)
		return take_extra(q, &rsp, buffer);
	return take_part(q, &rsp, position, buffer);
}

/* ---- a frame ---- */

static void drop(struct netfront_queue *q)
{
	for (unsigned i = 0; i < q->in.n; i++)
		release(q, q->in.part[i].id % NETFRONT_BUFFERS);
	q->in = (struct netfront_incoming){ .n = 0 };
	q->nic->stats.rx_errors++;
}

/* Says in nic.h's words what netif said of the frame. False: its headers do not fit that. */
static bool offload(struct netfront_incoming *in, struct nic_offload *off)
{
	unsigned version;

	if (in->gso_size == 0 && !(in->flags & NETRXF_csum_blank)) {
		off->flags = in->flags & NETRXF_data_validated ? NIC_CSUM_VALID : 0;
		return true;
	}
	version = headers_find(in->part[0].data, in->part[0].len, off);
	if (version == 0)
		return false;
	off->flags = in->flags & NETRXF_csum_blank ? NIC_CSUM_PARTIAL : NIC_CSUM_VALID;
	if (in->gso_size == 0)
		return true;
	if (off->csum_offset != 16 || version != (in->gso_type == XEN_NETIF_GSO_TYPE_TCPV4 ? 4u : 6u))
		return false; /* said to be TCP over the other IP */
	off->flags |= version == 4 ? NIC_GSO_TCP4 : NIC_GSO_TCP6;
	off->gso_size = in->gso_size;
	return true;
}

/* Gathers until a good frame stands whole in q->in. Returns whether one does. */
static bool gather(struct netfront_queue *q)
{
	struct netfront_incoming *in = &q->in;
	uint32_t n = in->whole ? 0 : ring_pending(&q->rx);
	const char *why = q->rx.broken ? "more receive answers than requests" : NULL;

	if (n > 0)
		evtchn_worked((unsigned)q->rx_port);
	while (n-- > 0 && !in->whole && !why) {
		why = take_response(q);
		if (why || in->extra || in->more)
			continue;
		/* 18 parts could be 72 KiB: longer than IP allows. */
		in->bad |= in->bytes > NETFRONT_FRAME_MAX;
		if (in->bad || !offload(in, &in->part[0].off))
			drop(q);
		else
			in->whole = true;
	}
	if (why)
		connect_nic_break(q->nic, why);
	return in->whole;
}

/* Moves the whole frame to the caller. */
static unsigned lend(struct netfront_queue *q, struct nic_buf *v)
{
	struct netfront_incoming *in = &q->in;
	unsigned n = in->n;

	for (unsigned i = 0; i < n; i++) {
		v[i] = in->part[i];
		v[i].more = i + 1 < n;
		q->buffer_state[v[i].id % NETFRONT_BUFFERS] = BUFFER_LENT;
	}
	q->n_lent += n;
	q->nic->stats.rx_frames++;
	q->nic->stats.rx_bytes += in->bytes;
	*in = (struct netfront_incoming){ .n = 0 };
	return n;
}

/*
 * A frame that does not fit into what is left of v stays in q->in, whole, for the next call. max,
 * and in gather() the ring's size, bound what a backend that never pauses can make of one poll.
 */
unsigned rx_frames(struct netfront_queue *q, struct nic_buf *v, unsigned max)
{
	unsigned n = 0;

	while (gather(q) && q->in.n <= max - n)
		n += lend(q, v + n);
	return n;
}
