/* SPDX-License-Identifier: MIT */
/*
 * netfront's rings: a backend that writes what it likes into them and into the receive buffers, at any moment between two calls
 * of the guest's, and answers honestly now and then so that a script gets far. Two interfaces: one that is trusted, with every
 * offload and split events; one that is not, with two queues.
 *
 * Whatever it does: what fuzz_nic.h asks, frames lie in receive buffers, and no slot and no buffer is lost when the interface breaks.
 */
#include <string.h>

#include "netfront/netfront.h"
#include "test/fake/xenhost.h"
#include "test/fuzz/fuzz_headers.h"
#include "test/fuzz/fuzz_nic.h"
#include "xen/flavour.h"

static struct netfront *nic;

void xenhost_net_input(unsigned n, const uint8_t *frame, unsigned len, const struct nic_offload *off)
{
	(void)n, (void)frame, (void)len, (void)off;
}

/* ---- the machine ---- */

static void keep_nic(unsigned n)
{
	struct netfront *x = connect_nic(n);

	fuzz_keep(x, make_pages_of(sizeof(*x)) * PAGE_SIZE);
	for (unsigned i = 0; i < x->n_queues; i++) {
		fuzz_keep(x->queue[i], make_pages_of(sizeof(*x->queue[i])) * PAGE_SIZE);
		fuzz_keep(x->queue[i]->tx_page, PAGE_SIZE);
		fuzz_keep(x->queue[i]->rx_page, PAGE_SIZE);
	}
}

/* Where a buffer may lie: in the pages that the backend writes, or, of one that is not trusted, in their private twins. */
static bool in_buffers(const struct nic_buf *b)
{
	struct netfront_queue *q = nic->queue[b->id / NETFRONT_BUFFERS];
	const char *base = nic->trusted ? q->buffers : q->private, *at = (const char *)b->data;
	size_t page = (size_t)(b->id % NETFRONT_BUFFERS) * PAGE_SIZE;

	return b->id % NETFRONT_BUFFERS < q->n_buffers && at >= base + page && at + b->len <= base + page + PAGE_SIZE;
}

void fuzz_begin(void)
{
	struct nic_info info;

	xenhost.memory = 10u << 20; /* less would have no segmentation offload */
	xenhost.quiet = true;
	xenhost.cmdline = "pith.queues=2";
	xenhost_disk[0].present = false;
	xenhost_nic[0].groups = true;
	xenhost_nic[1] = (struct xenhost_nic){ .present = true, .untrusted = true, .sg = true, .queues = 2, .domid = 5 };
	xenhost_boot();
	for (unsigned n = 0; n < 2; n++) {
		fuzz_must(nic_open(n, &info) == 0);
		keep_nic(n);
	}
	fuzz_nic_begin(2, page_alloc(FUZZ_NIC_ARENA / PAGE_SIZE), page_alloc(FUZZ_NIC_ARENA / PAGE_SIZE));
	fuzz_nic.is_buffer = in_buffers;
	plat_seal();
	plat_wait(plat_now() + 100000000);
	for (unsigned n = 0; n < 2; n++)
		nic_info(n, &info); /* what its watches said at the start is old */
	fuzz_must(connect_nic(0)->connected && connect_nic(0)->gso4 && connect_nic(1)->connected && connect_nic(1)->n_queues == 2);
	xenhost_nic[0].present = xenhost_nic[1].present = false;
	xenhost.store_dead = xenhost.console_dead = true;
	fuzz_keep(flavour_shared_info(), sizeof(struct shared_info));
}

/* ---- the backend ---- */

static void *at_position(struct ring *r, uint32_t index)
{
	return (char *)r->shared + RING_HEADER + (index & (r->slots - 1)) * r->stride;
}

/* A frame, or what looks like one, where an honest backend would put it: the buffer behind the next position. */
static uint16_t fill_buffer(struct netfront_queue *q, uint32_t index, uint16_t offset)
{
	struct netif_rx_request req;
	char *page;

	memcpy(&req, at_position(&q->rx, index), sizeof(req));
	if (req.gref - (uint32_t)q->buffer_ref >= q->n_buffers || q->rx.prod - index > q->rx.slots)
		return 0;
	page = q->buffers + (size_t)(req.gref - (uint32_t)q->buffer_ref) * PAGE_SIZE;
	fuzz_scratch(page, PAGE_SIZE);
	return (uint16_t)fuzz_headers(page + offset, PAGE_SIZE - offset);
}

/* An answer to a receive request; parts of it may be wrong. */
static void deliver(struct netfront_queue *q)
{
	unsigned how = fuzz_byte();
	uint32_t index = q->rx.shared->rsp_prod;
	struct netif_rx_response rsp = { .id = (uint16_t)(index & (q->rx.slots - 1)) };

	rsp.offset = how & 1 ? fuzz_u16() % PAGE_SIZE : 0;
	rsp.status = (int16_t)fill_buffer(q, index, rsp.offset);
	if (how & 2)
		rsp.status = (int16_t)fuzz_u16();
	if (how & 4)
		rsp.flags = fuzz_byte();
	if (how & 8)
		rsp.offset = fuzz_u16();
	if (how & 16)
		rsp.id = fuzz_byte();
	if (how & 32)
		rsp.flags |= NETRXF_more_data;
	memcpy(at_position(&q->rx, index), &rsp, sizeof(rsp));
	if (!(how & 128))
		q->rx.shared->rsp_prod++;
}

/* What follows a response that says so. */
static void extra(struct netfront_queue *q)
{
	unsigned how = fuzz_byte();
	struct netif_extra_info x = { .type = XEN_NETIF_EXTRA_TYPE_GSO };

	x.u.gso.size = fuzz_u16();
	x.u.gso.type = how & 1 ? XEN_NETIF_GSO_TYPE_TCPV4 : how & 2 ? XEN_NETIF_GSO_TYPE_TCPV6 : fuzz_byte();
	if (how & 4)
		x.type = fuzz_byte();
	x.flags = how & 8 ? fuzz_byte() : 0;
	memcpy(at_position(&q->rx, q->rx.shared->rsp_prod), &x, sizeof(x));
	if (!(how & 128))
		q->rx.shared->rsp_prod++;
}

static void acknowledge(struct netfront_queue *q)
{
	unsigned how = fuzz_byte();
	struct netif_tx_response rsp = { .status = how & 1 ? (int16_t)(int8_t)fuzz_byte() : NETIF_RSP_OKAY };
	struct netif_tx_request req;

	memcpy(&req, at_position(&q->tx, q->tx.shared->rsp_prod + (how >> 4)), sizeof(req));
	rsp.id = how & 2 ? fuzz_u16() : how & 4 ? fuzz_byte() : req.id;
	memcpy(at_position(&q->tx, q->tx.shared->rsp_prod), &rsp, sizeof(rsp));
	q->tx.shared->rsp_prod++;
}

static void backend(struct netfront_queue *q, unsigned what)
{
	struct ring *r = fuzz_byte() & 1 ? &q->rx : &q->tx;
	size_t at = what == 4 ? fuzz_u16() % (PAGE_SIZE - 16) : 0;

	switch (what) {
	case 0:
		r->shared->rsp_prod += (uint32_t)(int8_t)fuzz_byte();
		break;
	case 1:
		r->shared->rsp_prod = fuzz_u32();
		break;
	case 2:
		r->shared->req_event = fuzz_u32();
		break;
	case 3:
		r->shared->rsp_prod = r->shared->req_prod;
		break;
	case 4:
		fuzz_bytes((char *)r->shared + at, 1 + fuzz_below(16));
		break;
	case 5:
		xenhost.scribble = !xenhost.scribble; /* what was read is another thing at the second look */
		break;
	default:
		xenhost_raise((unsigned)(r == &q->rx ? q->rx_port : q->tx_port));
	}
}

/* ---- a run ---- */

/* Whatever happened: when the interface is given up, everything comes back, and nothing of it is missing. */
static void settle(void)
{
	connect_nic_break(nic, "end of the script");
	fuzz_nic_settle();
	fuzz_must(nic->broken);
	for (unsigned i = 0; i < nic->n_queues; i++) {
		struct netfront_queue *q = nic->queue[i];

		fuzz_must(q->slots_free == NETFRONT_SLOTS && q->bounces_free == nic->bounces && q->n_lent == 0);
		rx_reset(q);
		fuzz_must(q->n_free == q->n_buffers);
	}
}

void fuzz_run(void)
{
	fuzz_nic.number = fuzz_byte() & 1;
	nic = connect_nic(fuzz_nic.number);
	while (fuzz_more()) {
		unsigned act = fuzz_below(25);
		struct netfront_queue *q = nic->queue[nic->n_queues == 1 ? 0 : fuzz_byte() & 1];

		if (act < 11)
			fuzz_nic_act(act);
		else if (act < 14)
			deliver(q);
		else if (act < 16)
			extra(q);
		else if (act < 18)
			acknowledge(q);
		else
			backend(q, act - 18);
	}
	settle();
}
