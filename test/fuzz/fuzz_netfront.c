/* SPDX-License-Identifier: MIT */
/*
 * netfront's rings: a backend that writes what it likes into them and into the receive buffers, at any moment between two calls
 * of the guest's, and answers honestly now and then so that a script gets far. Two interfaces: one that is trusted, with every
 * offload and split events; one that is not, with two queues.
 *
 * Whatever it does: what fuzz_nic.h asks, frames lie in receive buffers, and no slot and no buffer is lost when the interface breaks.
 */
#include <string.h>

#include "test/fake/xenhost.h"
#include "test/fuzz/fuzz_netback.h"
#include "test/fuzz/fuzz_nic.h"
#include "xen/flavour.h"

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
	fuzz_nic.is_buffer = fuzz_netback_is_buffer;
	plat_seal();
	plat_wait(plat_now() + 100000000);
	for (unsigned n = 0; n < 2; n++)
		nic_info(n, &info); /* what its watches said at the start is old */
	fuzz_must(connect_nic(0)->connected && connect_nic(0)->gso4 && connect_nic(1)->connected && connect_nic(1)->n_queues == 2);
	xenhost_nic[0].present = xenhost_nic[1].present = false;
	xenhost.store_dead = xenhost.console_dead = true;
	fuzz_keep(flavour_shared_info(), sizeof(struct shared_info));
}

/* ---- a run ---- */

/* Whatever happened: when the interface is given up, everything comes back, and nothing of it is missing. */
static void settle(void)
{
	connect_nic_break(fuzz_netback_nic, "end of the script");
	fuzz_nic_settle();
	fuzz_must(fuzz_netback_nic->broken);
	for (unsigned i = 0; i < fuzz_netback_nic->n_queues; i++) {
		struct netfront_queue *q = fuzz_netback_nic->queue[i];

		fuzz_must(q->slots_free == NETFRONT_SLOTS && q->bounces_free == fuzz_netback_nic->bounces && q->n_lent == 0);
		rx_reset(q);
		fuzz_must(q->n_free == q->n_buffers);
	}
}

void fuzz_run(void)
{
	fuzz_nic.number = fuzz_byte() & 1;
	fuzz_netback_nic = connect_nic(fuzz_nic.number);
	while (fuzz_more()) {
		unsigned act = fuzz_below(25);
		struct netfront_queue *q = fuzz_netback_nic->queue[fuzz_netback_nic->n_queues == 1 ? 0 : fuzz_byte() & 1];

		if (act < 11)
			fuzz_nic_act(act);
		else if (act < 14)
			fuzz_netback_deliver(q);
		else if (act < 16)
			fuzz_netback_extra(q);
		else if (act < 18)
			fuzz_netback_acknowledge(q);
		else
			fuzz_netback(q, act - 18);
	}
	settle();
}
