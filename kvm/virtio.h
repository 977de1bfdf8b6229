/* SPDX-License-Identifier: MIT */
#ifndef KVM_VIRTIO_H
#define KVM_VIRTIO_H

/*
 * A virtio device: finding it, its handshake, its queues, its configuration. See virtio.c.
 *
 * virtio_find() makes the list of them once, before the seal. To bring one up: virtio_begin(),
 * virtio_agree(), the driver's look at its configuration, virtio_queue() for each queue,
 * virtio_ready().
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kvm/virtq.h"

#define VIRTIO_NET 1u
#define VIRTIO_BLK 2u
#define VIRTIO_RNG 4u
#define VIRTIO_BALLOON 5u

/* Feature bits of every device (virtio 1.2 §6). */
#define VIRTIO_F_ANY_LAYOUT 27u /* legacy: headers may share a descriptor with data */
#define VIRTIO_F_INDIRECT_DESC 28u
#define VIRTIO_F_EVENT_IDX 29u
#define VIRTIO_F_VERSION_1 32u
#define VIRTIO_F_ACCESS_PLATFORM 33u /* our addresses are what the platform's DMA takes: without a vIOMMU they are */

#define VIRTIO_BIT(n) (1ull << (n))

/* Status bits (§2.1). */
#define VIRTIO_ACKNOWLEDGE 1u
#define VIRTIO_DRIVER 2u
#define VIRTIO_DRIVER_OK 4u
#define VIRTIO_FEATURES_OK 8u
#define VIRTIO_NEEDS_RESET 64u
#define VIRTIO_FAILED 128u

#define VIRTIO_NAME 8u

/* Registers in memory: where they are mapped and how long they are. */
struct virtio_window {
	uintptr_t base;
	uint32_t len;
};

struct virtio {
	enum { VIRTIO_PCI, VIRTIO_MMIO } bus;
	uint16_t type;      /* VIRTIO_NET ... */
	bool open;          /* somebody drives it */
	bool legacy;        /* MMIO version 1: before virtio 1.0 */
	bool polled;        /* it cannot interrupt us */
	char name[VIRTIO_NAME]; /* "nic0", for the log */
	uint64_t where;     /* PCI address or MMIO base, for the log */
	uint64_t offered;
	uint64_t features;  /* agreed on */
	unsigned acked;     /* MMIO: intr_wakes when its interrupt was last acknowledged */

	struct virtio_window common, notify, config; /* MMIO: `common` is all of it */
	uint32_t notify_step; /* PCI: from one queue's doorbell to the next's */
};

/* Finds every device, once. Needs the seal open the first time. */
void virtio_find(void);

/* The n-th device of a type, NULL past the last. */
struct virtio *virtio_get(unsigned type, unsigned n);

/*
 * Resets it and reads what it offers; name and n make its name in the log. Then virtio_agree() on
 * those of the `wanted` features that it offers, and what every device needs. Return 0,
 * -ERR_BUSY, -ERR_PROTO with a log line.
 */
int virtio_begin(struct virtio *d, const char *name, unsigned n);
int virtio_agree(struct virtio *d, uint64_t wanted);
bool virtio_has(const struct virtio *d, unsigned feature);

/*
 * Makes queue `index` of at most `want` descriptors, a power of two; `chains`: long ones will
 * come, so indirect tables are worth their memory. Returns 0, -ERR_PROTO when the device has no
 * such queue, -ERR_NOMEM.
 */
int virtio_queue(struct virtio *d, struct virtq *q, uint16_t index, uint16_t want, bool chains);

/* DRIVER_OK: from here on it works, and doorbells may ring. */
void virtio_ready(struct virtio *d);

/*
 * Ends it: after this it touches no memory of ours. virtio_close() also lets it be started again.
 */
void virtio_reset(struct virtio *d);
void virtio_close(struct virtio *d);

/* Has it given up by itself? Exits. */
bool virtio_failed(struct virtio *d);

/* One field of its configuration, 1, 2, 4 or 8 bytes wide; 0 where it has none. Exits. */
uint64_t virtio_field(struct virtio *d, unsigned offset, unsigned width);

/* Rings for what was added. Returns whether it did. */
bool virtio_kick(struct virtio *d, struct virtq *q);

/* Rings for what virtio_kick() missed, see virtq_missed(). Returns whether it did. */
bool virtio_rekick(struct virtio *d, struct virtq *q);

/*
 * Rings for what was added long ago, although the device did not ask: §2.7.10 leaves that to the
 * driver, but not where the device's flag forbids it.
 */
void virtio_remind(struct virtio *d, struct virtq *q);

/*
 * Before virtq_arm(): lowers the interrupt line where there is one, and sees to those who cannot
 * interrupt.
 */
void virtio_ack(struct virtio *d);

/* Where it is, for the log: "pci 00:02.0" or "mmio feb00e00". */
void virtio_place(const struct virtio *d, char *buf, size_t size);

#endif
