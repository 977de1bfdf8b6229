/* SPDX-License-Identifier: MIT */
#include "test/fake/vmm.h"

/*
 * What a fake balloon does (virtio 1.2 §5.5.6): it takes pages and gives them back, and checks each. Read vmm.h first.
 */

#include <string.h>

#include "core/core.h"

#define DRIVER_OK 4u

#define BALLOON_PAGES 32768u

static bool given[BALLOON_PAGES]; /* by page number, modulo */

bool vmm_balloon_has(uintptr_t page)
{
	return given[page / 4096 % BALLOON_PAGES];
}

/* Page by page: none is given twice, or taken back that was not given; none lies outside of memory. */
static void move_pages(struct vmm_dev *d, const struct vmm_chain *c, bool give)
{
	static uint32_t frame[256];

	if (c->in || !c->out_len || c->out_len % 4 || c->out_len > sizeof frame)
		vmm_wrong("page numbers of %u bytes, %u pieces to write", c->out_len, c->in);
	vmm_gather(c, frame, c->out_len);
	for (uint32_t i = 0; i < c->out_len / 4; i++) {
		uint64_t page = (uint64_t)frame[i] * 4096;

		if (!vmm_is_memory(page, 4096) || vmm_balloon_has(page) == give)
			vmm_wrong("page %#lx of the balloon", (unsigned long)page);
		given[frame[i] % BALLOON_PAGES] = give;
		d->balloon += give ? 1 : -1u;
	}
}

static void balloon_work(struct vmm_dev *d)
{
	struct vmm_chain c;

	if (!(d->status & DRIVER_OK) || d->balloon_holds)
		return;
	for (unsigned i = 0; i < 2; i++) {
		struct vmm_queue *q = &d->queue[i];

		while (q->awake && vmm_take(d, q, &c)) {
			move_pages(d, &c, i == 0);
			vmm_return(d, q, &c, 0);
		}
		vmm_publish(d, q);
		if (q->awake)
			vmm_rest(d, q);
	}
}

struct vmm_dev *vmm_add_balloon(enum vmm_kind kind, uint64_t features)
{
	struct vmm_dev *d = vmm_add(kind, 5, features);

	d->work = balloon_work;
	d->nqueues = 2;
	d->config_len = 8;
	return d;
}

void vmm_balloon_wish(struct vmm_dev *d, uint32_t pages)
{
	memcpy(d->config, &pages, 4);
	vmm_config_changed(d);
}

/* core/balloon.c is not here: the wish is kept for the test. */
void balloon_want(size_t pages)
{
	vmm.balloon_wanted = pages;
	vmm.balloon_wishes++;
}
