/* SPDX-License-Identifier: MIT */
#include "kvm/transport.h"

/*
 * virtio over MMIO, version 2 and version 1, which is legacy and what QEMU's microvm has by
 * default (virtio 1.2 §4.2).
 *
 * A legacy device knows 32 feature bits, no FEATURES_OK, and takes a queue as the number of one
 * page.
 */

#include "core/core.h"
#include "core/err.h"
#include "core/x86/io.h"
#include "kvm/kvm.h"

#define MAGIC 0x000u
#define VERSION 0x004u
#define DEVICE_ID 0x008u
#define DEVICE_FEATURES 0x010u
#define DEVICE_FEATURES_SELECT 0x014u
#define DRIVER_FEATURES 0x020u
#define DRIVER_FEATURES_SELECT 0x024u
#define LEGACY_PAGE_SIZE 0x028u
#define QUEUE_SELECT 0x030u
#define QUEUE_SIZE_MAX 0x034u
#define QUEUE_SIZE 0x038u
#define LEGACY_ALIGN 0x03cu
#define LEGACY_PAGE 0x040u
#define QUEUE_READY 0x044u
#define QUEUE_NOTIFY 0x050u
#define STATUS 0x070u
#define QUEUE_DESC 0x080u
#define QUEUE_DRIVER 0x090u
#define QUEUE_DEVICE 0x0a0u
#define GENERATION 0x0fcu
#define CONFIG 0x100u

#define MAGIC_VALUE 0x74726976u /* "virt" */
#define LEGACY 1u
#define MODERN 2u

/*
 * What is not there reads as zeroes or all ones, and an empty slot as device 0, which is to be
 * passed over in silence (§4.2.3.1.1). The page stays mapped: its neighbours may be devices.
 */
bool virtio_mmio_probe(struct virtio *d, uint64_t base, uint32_t len, unsigned gsi)
{
	uint32_t version, type;

	if (base & 3 || len < CONFIG || map_device(base, len))
		return false;
	/*
	 * Most slots are empty, so the register that tells that comes first: one exit instead of
	 * three.
	 */
	type = mmio_read32(base + DEVICE_ID);
	if (type != VIRTIO_NET && type != VIRTIO_BLK && type != VIRTIO_RNG && type != VIRTIO_BALLOON)
		return false;
	version = mmio_read32(base + VERSION);
	if (mmio_read32(base + MAGIC) != MAGIC_VALUE || (version != LEGACY && version != MODERN))
		return false;
	*d = (struct virtio){ .bus = VIRTIO_MMIO, .type = (uint16_t)type, .where = base, .legacy = version == LEGACY };
	d->common = (struct virtio_window){ base, len };
	d->config = (struct virtio_window){ base + CONFIG, len - CONFIG };
	d->polled = intr_route(gsi) != 0;
	d->acked = intr_wakes - 1;
	return true;
}

/* §4.2.2.2: 32 bits wide, all of them, whatever they hold. */
uint8_t virtio_mmio_status(struct virtio *d)
{
	return (uint8_t)mmio_read32(d->common.base + STATUS);
}

void virtio_mmio_set_status(struct virtio *d, uint8_t status)
{
	mmio_write32(d->common.base + STATUS, status);
}

static uint64_t offered(struct virtio *d, uint32_t half)
{
	mmio_write32(d->common.base + DEVICE_FEATURES_SELECT, half);
	return mmio_read32(d->common.base + DEVICE_FEATURES);
}

/* A legacy device may answer anything for the second half, and has none. */
uint64_t virtio_mmio_offered(struct virtio *d)
{
	return offered(d, 0) | (d->legacy ? 0 : offered(d, 1) << 32);
}

static void accept(struct virtio *d, uint32_t half, uint32_t features)
{
	mmio_write32(d->common.base + DRIVER_FEATURES_SELECT, half);
	mmio_write32(d->common.base + DRIVER_FEATURES, features);
}

/* A legacy device learns here in which units it will be told of queues (§4.2.4). */
void virtio_mmio_accept(struct virtio *d, uint64_t features)
{
	accept(d, 0, (uint32_t)features);
	if (d->legacy)
		mmio_write32(d->common.base + LEGACY_PAGE_SIZE, PAGE_SIZE);
	else
		accept(d, 1, (uint32_t)(features >> 32));
}

/*
 * A queue that is in use already is none of ours: the device was reset, so that is a device that
 * lies (§4.2.3.2 step 2).
 */
uint16_t virtio_mmio_select(struct virtio *d, uint16_t index)
{
	uint32_t most;

	mmio_write32(d->common.base + QUEUE_SELECT, index);
	if (mmio_read32(d->common.base + (d->legacy ? LEGACY_PAGE : QUEUE_READY)))
		return 0;
	most = mmio_read32(d->common.base + QUEUE_SIZE_MAX);
	return most < VIRTQ_SIZE_MAX ? (uint16_t)most : VIRTQ_SIZE_MAX;
}

/* §4.2.4: the page's number is the last that is written, and makes the queue live. */
static int enable_legacy(struct virtio *d, struct virtq *q)
{
	uint64_t page = (uintptr_t)q->desc / PAGE_SIZE;

	if (page > UINT32_MAX)
		return -ERR_PROTO;
	mmio_write32(d->common.base + LEGACY_ALIGN, PAGE_SIZE);
	mmio_write32(d->common.base + LEGACY_PAGE, (uint32_t)page);
	return 0;
}

/* All queues share one doorbell; the number that is written tells them apart. */
int virtio_mmio_enable(struct virtio *d, struct virtq *q)
{
	q->doorbell = d->common.base + QUEUE_NOTIFY;
	mmio_write32(d->common.base + QUEUE_SIZE, q->size);
	if (d->legacy)
		return enable_legacy(d, q);
	mmio_write64(d->common.base + QUEUE_DESC, (uintptr_t)q->desc);
	mmio_write64(d->common.base + QUEUE_DRIVER, (uintptr_t)q->avail);
	mmio_write64(d->common.base + QUEUE_DEVICE, (uintptr_t)q->used);
	mmio_write32(d->common.base + QUEUE_READY, 1);
	return 0;
}

uint32_t virtio_mmio_generation(struct virtio *d)
{
	return d->legacy ? 0 : mmio_read32(d->common.base + GENERATION);
}
