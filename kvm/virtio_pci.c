/* SPDX-License-Identifier: MIT */
#include "kvm/transport.h"

/*
 * virtio over PCI: modern devices and the modern half of transitional ones (virtio 1.2 §4.1).
 *
 * Where its registers are, the device tells by vendor capabilities: a BAR, an offset and a length
 * for each of the four structures. Every register access below stays within the length that was
 * told and is mapped.
 */

#include "core/core.h"
#include "core/err.h"
#include "core/x86/io.h"
#include "kvm/kvm.h"
#include "kvm/pci.h"

#define VENDOR 0x1af4u
#define DEVICE_TRANSITIONAL 0x1000u /* to 0x103f: the type is the subsystem's id */
#define DEVICE_MODERN 0x1040u       /* to 0x107f: and the type (§4.1.2) */
#define DEVICE_END 0x1080u

/*
 * A vendor capability (§4.1.4): id, next, length, kind; BAR; offset; length; and after a notify
 * one the step.
 */
#define CAP_BAR 4u
#define CAP_OFFSET 8u
#define CAP_LENGTH 12u
#define CAP_STEP 16u
#define CAP_SIZE 16u
#define CAP_END 256u
#define CAPS_MAX 48u
#define KIND_COMMON 1u
#define KIND_NOTIFY 2u
#define KIND_CONFIG 4u

/* Common configuration (§4.1.4.3). */
#define DEVICE_FEATURE_SELECT 0u
#define DEVICE_FEATURE 4u
#define DRIVER_FEATURE_SELECT 8u
#define DRIVER_FEATURE 12u
#define CONFIG_VECTOR 16u
#define DEVICE_STATUS 20u
#define GENERATION 21u
#define QUEUE_SELECT 22u
#define QUEUE_SIZE 24u
#define QUEUE_VECTOR 26u
#define QUEUE_ENABLE 28u
#define QUEUE_NOTIFY 30u
#define QUEUE_DESC 32u
#define QUEUE_DRIVER 40u
#define QUEUE_DEVICE 48u
#define COMMON_LEN 56u

#define VECTOR 0u /* the one entry of the MSI-X table that pci_msix() filled */
#define NO_VECTOR 0xffffu

/* 0: not virtio. */
static uint16_t type_of(uint32_t addr)
{
	uint32_t id = pci_read32(addr, PCI_ID), device = id >> 16;

	if ((id & 0xffff) != VENDOR || device < DEVICE_TRANSITIONAL || device >= DEVICE_END)
		return 0;
	if (device >= DEVICE_MODERN)
		return (uint16_t)(device - DEVICE_MODERN);
	return (uint16_t)(pci_read32(addr, PCI_SUBSYSTEM) >> 16);
}

/*
 * Maps the structure that the capability at `at` describes, the first time that its kind is seen
 * (§4.1.4.1: the first is preferred).
 */
static void map_window(uint32_t addr, unsigned at, struct virtio_window *w, uint32_t least)
{
	uint32_t len = pci_read32(addr, at + CAP_LENGTH), offset = pci_read32(addr, at + CAP_OFFSET);
	uint64_t bar;

	if (w->base || len < least || len > 1u << 24)
		return;
	bar = pci_bar(addr, pci_read32(addr, at + CAP_BAR) & 0xff);
	if (!bar || map_device(bar + offset, len))
		return;
	*w = (struct virtio_window){ bar + offset, len };
}

/*
 * Kinds that are not looked for: ISR (MSI-X needs none), access by configuration space, and those
 * to come.
 */
static void see_capability(struct virtio *d, uint32_t addr, unsigned at)
{
	uint32_t head = pci_read32(addr, at), len = head >> 16 & 0xff, kind = head >> 24;

	if (len < CAP_SIZE || at + len > CAP_END)
		return;
	if (kind == KIND_COMMON)
		map_window(addr, at, &d->common, COMMON_LEN);
	if (kind == KIND_CONFIG)
		map_window(addr, at, &d->config, 1);
	if (kind != KIND_NOTIFY || len < CAP_SIZE + 4 || d->notify.base)
		return;
	map_window(addr, at, &d->notify, 2);
	d->notify_step = pci_read32(addr, at + CAP_STEP);
}

/*
 * Everything that needs PCI configuration is done here, before the seal: from here on the device
 * is its windows in memory. Without a device configuration it is still a device: its fields read
 * 0.
 */
bool virtio_pci_probe(struct virtio *d, uint32_t addr)
{
	uint16_t type = type_of(addr);
	unsigned at = 0, i;

	if (type != VIRTIO_NET && type != VIRTIO_BLK && type != VIRTIO_RNG && type != VIRTIO_BALLOON)
		return false;
	*d = (struct virtio){ .bus = VIRTIO_PCI, .type = type, .where = addr };
	pci_enable(addr);
	d->polled = pci_msix(addr) != 0;
	for (i = 0; i < CAPS_MAX; i++) {
		at = pci_capability(addr, PCI_CAP_VENDOR, at);
		if (!at)
			break;
		see_capability(d, addr, at);
	}
	if (d->common.base && d->notify.base)
		return true;
	log_line(LOG_WARN, "pci %02x:%02x.%x: virtio device %u %s: not used", addr >> 16, addr >> 11 & 31, addr >> 8 & 7,
		type, addr >> 16 ? "behind a bridge without addresses" : "without the registers of virtio 1.0");
	return false;
}

/* §4.1.3.1: each field is accessed in its own width. */
uint8_t virtio_pci_status(struct virtio *d)
{
	return mmio_read8(d->common.base + DEVICE_STATUS);
}

void virtio_pci_set_status(struct virtio *d, uint8_t status)
{
	mmio_write8(d->common.base + DEVICE_STATUS, status);
}

/* 64 bits through a window of 32. */
uint64_t virtio_pci_offered(struct virtio *d)
{
	uint64_t low;

	mmio_write32(d->common.base + DEVICE_FEATURE_SELECT, 0);
	low = mmio_read32(d->common.base + DEVICE_FEATURE);
	mmio_write32(d->common.base + DEVICE_FEATURE_SELECT, 1);
	return low | (uint64_t)mmio_read32(d->common.base + DEVICE_FEATURE) << 32;
}

void virtio_pci_accept(struct virtio *d, uint64_t features)
{
	mmio_write32(d->common.base + DRIVER_FEATURE_SELECT, 0);
	mmio_write32(d->common.base + DRIVER_FEATURE, (uint32_t)features);
	mmio_write32(d->common.base + DRIVER_FEATURE_SELECT, 1);
	mmio_write32(d->common.base + DRIVER_FEATURE, (uint32_t)(features >> 32));
}

uint16_t virtio_pci_select(struct virtio *d, uint16_t index)
{
	mmio_write16(d->common.base + QUEUE_SELECT, index);
	return mmio_read16(d->common.base + QUEUE_SIZE);
}

/*
 * §4.1.5.1.2: a vector that reads back as "none" could not be set up, and the queue will be
 * looked at now and then instead.
 */
static void set_vectors(struct virtio *d)
{
	if (d->polled)
		return;
	mmio_write16(d->common.base + CONFIG_VECTOR, VECTOR);
	mmio_write16(d->common.base + QUEUE_VECTOR, VECTOR);
	d->polled = mmio_read16(d->common.base + QUEUE_VECTOR) == NO_VECTOR;
}

/*
 * The doorbell's place is told for each queue, in steps that may be 0: then all share one, and
 * the queue's number that is written tells them apart (§4.1.5.2).
 */
int virtio_pci_enable(struct virtio *d, struct virtq *q)
{
	uint64_t doorbell = (uint64_t)mmio_read16(d->common.base + QUEUE_NOTIFY) * d->notify_step;

	if (doorbell > d->notify.len - 2)
		return -ERR_PROTO;
	q->doorbell = d->notify.base + doorbell;
	set_vectors(d);
	mmio_write16(d->common.base + QUEUE_SIZE, q->size);
	mmio_write64(d->common.base + QUEUE_DESC, (uintptr_t)q->desc);
	mmio_write64(d->common.base + QUEUE_DRIVER, (uintptr_t)q->avail);
	mmio_write64(d->common.base + QUEUE_DEVICE, (uintptr_t)q->used);
	mmio_write16(d->common.base + QUEUE_ENABLE, 1);
	return 0;
}

uint32_t virtio_pci_generation(struct virtio *d)
{
	return mmio_read8(d->common.base + GENERATION);
}
