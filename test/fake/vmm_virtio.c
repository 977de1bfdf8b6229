/* SPDX-License-Identifier: MIT */
#include "test/fake/vmm.h"

/*
 * The device's side of virtio's registers, of both transports: what a driver may write, when, and
 * in which order (virtio 1.2 §2, §3.1, §4.1, §4.2). Read vmm.h first.
 */

#include <string.h>

#define ACKNOWLEDGE 1u
#define DRIVER 2u
#define DRIVER_OK 4u
#define FEATURES_OK 8u
#define NEEDS_RESET 64u
#define FAILED 128u

#define NO_VECTOR 0xffffu

static bool modern(const struct vmm_dev *d)
{
	return d->kind != VMM_LEGACY;
}

void vmm_reset(struct vmm_dev *d)
{
	for (unsigned i = 0; i < VMM_QUEUES; i++) {
		uint16_t max = d->queue[i].max;

		memset(&d->queue[i], 0, sizeof d->queue[i]);
		d->queue[i].max = max;
		d->queue[i].vector = NO_VECTOR;
	}
	d->status = 0;
	d->gave_up = false;
	d->accepted = 0;
	d->accepts = 0;
	d->isr = 0;
	d->config_vector = NO_VECTOR;
	d->page_size = 0;
	if (d->blk)
		d->blk->nheld = 0;
}

bool vmm_has(const struct vmm_dev *d, unsigned bit)
{
	return d->accepted >> bit & 1;
}

void vmm_config_changed(struct vmm_dev *d)
{
	d->generation++;
	if (d->status & DRIVER_OK)
		vmm_raise(d, d->config_vector, 2);
}

/* ---- features (§2.2, §3.1.1 steps 4 to 6) ---- */

/* What stands on what, of network devices (§5.1.3.1). */
static void check_net(const struct vmm_dev *d)
{
	static const struct { uint8_t bit, needs; } v[] = { { 7, 1 }, { 8, 1 }, { 9, 1 }, { 10, 1 }, { 11, 0 }, { 12, 0 }, { 13, 0 }, { 14, 0 },
		{ 18, 17 }, { 19, 17 }, { 20, 17 }, { 21, 17 }, { 22, 17 } };

	for (size_t i = 0; i < sizeof v / sizeof *v; i++)
		if (vmm_has(d, v[i].bit) && !vmm_has(d, v[i].needs))
			vmm_wrong("feature %u accepted without %u", v[i].bit, v[i].needs);
}

static void accept(struct vmm_dev *d, uint32_t half, uint32_t v)
{
	if (!(d->status & DRIVER) || d->status & (FEATURES_OK | DRIVER_OK))
		vmm_wrong("features written in status %#x", d->status);
	if (half > 1 || (half && !modern(d)))
		vmm_wrong("features %u written", half);
	d->accepted = half ? (d->accepted & UINT32_MAX) | (uint64_t)v << 32 : (d->accepted & ~(uint64_t)UINT32_MAX) | v;
	d->accepts |= 1u << half;
	if (d->accepted & ~d->features)
		vmm_wrong("features %#lx accepted of %#lx", (unsigned long)d->accepted, (unsigned long)d->features);
	if (d->type == 1 && (half || !modern(d)))
		check_net(d);
}

static uint32_t offer(const struct vmm_dev *d, uint32_t half)
{
	if (!(d->status & DRIVER))
		vmm_wrong("features read in status %#x", d->status);
	return half == 0 ? (uint32_t)d->features : half == 1 && modern(d) ? (uint32_t)(d->features >> 32) : 0;
}

/* ---- status (§2.1.1) ---- */

static void check_status(const struct vmm_dev *d, uint8_t v)
{
	uint8_t added = (uint8_t)(v & ~d->status);

	if (d->status & ~v & ~NEEDS_RESET)
		vmm_wrong("status bits cleared: %#x after %#x", v, d->status);
	if (added & DRIVER && !(d->status & ACKNOWLEDGE))
		vmm_wrong("DRIVER before ACKNOWLEDGE");
	if (added & FEATURES_OK && (!(d->status & DRIVER) || d->accepts != 3))
		vmm_wrong("FEATURES_OK too early: status %#x", d->status);
	if (added & FEATURES_OK && !(d->accepted >> 32 & 1))
		vmm_wrong("FEATURES_OK without VERSION_1");
	if (added & DRIVER_OK && modern(d) && !(d->status & FEATURES_OK))
		vmm_wrong("DRIVER_OK before FEATURES_OK");
	if (added & DRIVER_OK && !(d->accepts & 1))
		vmm_wrong("DRIVER_OK before features");
	if (v & FEATURES_OK && !modern(d))
		vmm_wrong("FEATURES_OK to a legacy device");
}

static void set_status(struct vmm_dev *d, uint8_t v)
{
	if (!v) {
		if (!vmm.no_reset)
			vmm_reset(d);
		return;
	}
	check_status(d, v);
	if (v & FEATURES_OK && !(d->status & FEATURES_OK) && vmm.refuse_features) {
		vmm.refuse_features--;
		v &= (uint8_t)~FEATURES_OK;
	}
	d->status = v;
}

static uint8_t get_status(const struct vmm_dev *d)
{
	return d->status | (d->gave_up ? NEEDS_RESET : 0);
}

/* ---- queues ---- */

static struct vmm_queue *selected(struct vmm_dev *d)
{
	static struct vmm_queue none;

	if (d->queue_select < d->nqueues)
		return &d->queue[d->queue_select];
	none = (struct vmm_queue){ .max = 0 };
	return &none;
}

/* A queue is set up between features and DRIVER_OK (§3.1.1 step 7), and while it is off. */
static struct vmm_queue *setting_up(struct vmm_dev *d)
{
	struct vmm_queue *q = selected(d);

	if (!(d->status & (modern(d) ? FEATURES_OK : DRIVER)) || d->status & DRIVER_OK)
		vmm_wrong("a queue set up in status %#x", d->status);
	if (q->ready)
		vmm_wrong("queue %u changed while it is on", d->queue_select);
	if (!q->max)
		vmm_wrong("queue %u, which is not there, set up", d->queue_select);
	return q;
}

static void set_size(struct vmm_dev *d, uint32_t v)
{
	struct vmm_queue *q = setting_up(d);

	if (!v || v > q->max || v & (v - 1))
		vmm_wrong("queue size %u of %u", v, q->max);
	q->size = (uint16_t)v;
}

static void turn_on(struct vmm_dev *d)
{
	struct vmm_queue *q = setting_up(d);
	unsigned size = q->size ? q->size : q->max;

	q->size = (uint16_t)size;
	if (q->desc % 16 || q->avail % 2 || q->used % 4)
		vmm_wrong("queue %u is not aligned", d->queue_select);
	if (!vmm_is_memory(q->desc, 16 * size) || !vmm_is_memory(q->avail, 6 + 2 * size) || !vmm_is_memory(q->used, 6 + 8 * size))
		vmm_wrong("queue %u is not in memory", d->queue_select);
	if (*(uint16_t *)(uintptr_t)(q->avail + 2) && d->type != 1)
		vmm_wrong("queue %u begins in the middle", d->queue_select);
	q->ready = true;
}

/* Legacy: the page of the descriptors, and the rest follows (§2.7.2). */
static void turn_on_legacy(struct vmm_dev *d, uint32_t page)
{
	struct vmm_queue *q = setting_up(d);
	uint64_t align = q->legacy_align;

	if (d->page_size != 4096 || !align || align & (align - 1) || !page || !q->size)
		vmm_wrong("legacy queue: page %#x, page size %u, align %lu, size %u", page, d->page_size, (unsigned long)align, q->size);
	q->legacy_page = page;
	q->desc = (uint64_t)page * 4096;
	q->avail = q->desc + 16u * q->size;
	q->used = (q->avail + 6 + 2u * q->size + align - 1) & -align;
	turn_on(d);
}

/* §2.7.13.4.1, §3.1.1: never before DRIVER_OK. */
void vmm_ring(struct vmm_dev *d, uint32_t index)
{
	if (!(d->status & DRIVER_OK))
		vmm_wrong("doorbell in status %#x", d->status);
	if (index >= d->nqueues || !d->queue[index].ready)
		vmm_wrong("doorbell of queue %u", index);
	if (!vmm_has(d, 29) && *(volatile uint16_t *)(uintptr_t)d->queue[index].used & 1)
		vmm_wrong("doorbell of queue %u, which asked for none", index);
	vmm.kicks++;
	d->queue[index].awake |= !vmm_lies(LIE_DEAF);
}

static void half(uint64_t *v, unsigned upper, uint32_t to)
{
	*v = upper ? (*v & UINT32_MAX) | (uint64_t)to << 32 : (*v & ~(uint64_t)UINT32_MAX) | to;
}

uint32_t vmm_config_read(struct vmm_dev *d, unsigned at, unsigned width)
{
	uint32_t v = 0;

	if (!(d->status & DRIVER))
		vmm_wrong("configuration read in status %#x", d->status);
	if (at + width > d->config_len)
		vmm_wrong("configuration at %u, %u wide, of %u", at, width, d->config_len);
	memcpy(&v, d->config + at, width);
	return v;
}

/* A balloon's second word, and nothing else, is the driver's to write (§5.5.4). */
void vmm_config_write(struct vmm_dev *d, unsigned at, uint32_t v, unsigned width)
{
	if (d->type != 5 || at != 4 || width != 4 || d->config_len < 8)
		vmm_wrong("configuration at %u, %u wide, written", at, width);
	memcpy(d->config + at, &v, width);
}

/* ---- PCI: common configuration (§4.1.4.3); each field in its own width ---- */

static unsigned width_at(unsigned at)
{
	if (at < 16 || at >= 32)
		return 4;
	return at == 20 || at == 21 ? 1 : 2;
}

uint32_t vmm_common_read(struct vmm_dev *d, unsigned at, unsigned width)
{
	struct vmm_queue *q = selected(d);

	if (at >= 56 || width != width_at(at))
		vmm_wrong("common configuration at %u, %u wide", at, width);
	switch (at) {
	case 4:
		return offer(d, d->device_select);
	case 16:
		return d->bad_vector ? NO_VECTOR : d->config_vector;
	case 18:
		return d->nqueues;
	case 20:
		return get_status(d);
	case 21:
		return d->generation;
	case 24:
		return q->size ? q->size : q->max;
	case 26:
		return d->bad_vector ? NO_VECTOR : q->vector;
	case 28:
		return q->ready;
	case 30:
		return d->queue_select;
	default:
		vmm_wrong("common configuration at %u read", at);
	}
}

static void common_queue(struct vmm_dev *d, unsigned at, uint32_t v)
{
	struct vmm_queue *q = setting_up(d);

	if (at >= 32)
		half(at < 40 ? &q->desc : at < 48 ? &q->avail : &q->used, at & 4, v);
	else if (at == 24)
		set_size(d, v);
	else if (at == 26)
		q->vector = (uint16_t)v;
	else if (at == 28 && v == 1)
		turn_on(d);
	else
		vmm_wrong("common configuration at %u written: %#x", at, v);
}

void vmm_common_write(struct vmm_dev *d, unsigned at, uint32_t v, unsigned width)
{
	if (at >= 56 || width != width_at(at))
		vmm_wrong("common configuration at %u, %u wide", at, width);
	switch (at) {
	case 0:
		d->device_select = v;
		return;
	case 8:
		d->driver_select = v;
		return;
	case 12:
		accept(d, d->driver_select, v);
		return;
	case 16:
		d->config_vector = (uint16_t)v;
		return;
	case 20:
		set_status(d, (uint8_t)v);
		return;
	case 22:
		d->queue_select = v;
		return;
	default:
		common_queue(d, at, v);
	}
}

/* ---- MMIO (§4.2.2, §4.2.4): 32-bit registers ---- */

uint32_t vmm_mmio_read(struct vmm_dev *d, unsigned at, unsigned width)
{
	struct vmm_queue *q = selected(d);

	if (at >= 0x100)
		return vmm_config_read(d, at - 0x100, width);
	if (width != 4)
		vmm_wrong("MMIO register %#x, %u wide", at, width);
	switch (at) {
	case 0x00:
		return 0x74726976;
	case 0x04:
		return modern(d) ? 2 : 1;
	case 0x08:
		return d->type;
	case 0x10:
		return offer(d, d->device_select);
	case 0x34:
		return q->max;
	case 0x40:
		return modern(d) ? 0 : q->legacy_page;
	case 0x44:
		return q->ready;
	case 0x60:
		return d->isr;
	case 0x70:
		return get_status(d);
	case 0xfc:
		return d->generation;
	default:
		vmm_wrong("MMIO register %#x read", at);
	}
}

static void mmio_queue(struct vmm_dev *d, unsigned at, uint32_t v)
{
	struct vmm_queue *q = setting_up(d);

	if (at == 0x38)
		set_size(d, v);
	else if (at == 0x3c && !modern(d))
		q->legacy_align = v;
	else if (at == 0x40 && !modern(d))
		turn_on_legacy(d, v);
	else if (at == 0x44 && v == 1 && modern(d))
		turn_on(d);
	else if (at >= 0x80 && at < 0xa8 && modern(d))
		half(at < 0x90 ? &q->desc : at < 0xa0 ? &q->avail : &q->used, at & 4, v);
	else
		vmm_wrong("MMIO register %#x written: %#x", at, v);
}

void vmm_mmio_write(struct vmm_dev *d, unsigned at, uint32_t v, unsigned width)
{
	if (width != 4)
		vmm_wrong("MMIO register %#x, %u wide", at, width);
	if (at >= 0x100) {
		vmm_config_write(d, at - 0x100, v, width);
		return;
	}
	switch (at) {
	case 0x14:
		d->device_select = v;
		return;
	case 0x20:
		accept(d, d->driver_select, v);
		return;
	case 0x24:
		d->driver_select = v;
		return;
	case 0x28:
		if (modern(d))
			vmm_wrong("page size for a modern device");
		d->page_size = v;
		return;
	case 0x30:
		d->queue_select = v;
		return;
	case 0x50:
		vmm_ring(d, v);
		return;
	case 0x64:
		d->isr &= ~v;
		return;
	case 0x70:
		set_status(d, (uint8_t)v);
		return;
	default:
		mmio_queue(d, at, v);
	}
}
