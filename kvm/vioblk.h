/* SPDX-License-Identifier: MIT */
#ifndef KVM_VIOBLK_H
#define KVM_VIOBLK_H

/*
 * A virtio block device (virtio 1.2 §5.2): vioblk.c brings it up, blk.c moves requests.
 */

#include "core/blk.h"
#include "kvm/virtio.h"

#define VIOBLK_MAX 8u

/* Requests and results (§5.2.6). */
#define VIOBLK_IN 0u
#define VIOBLK_OUT 1u
#define VIOBLK_FLUSH 4u
#define VIOBLK_DISCARD 11u
#define VIOBLK_OK 0u
#define VIOBLK_IOERR 1u
#define VIOBLK_UNSUPP 2u

/* The most pieces that the data of one request is cut into. */
#define VIOBLK_SEGS (VIRTQ_SEGS_MAX - 2)

/*
 * What the device needs besides the data, one for each descriptor: the header is read by it, the
 * status written.
 */
struct vioblk_slot {
	uint32_t type, reserved;
	uint64_t sector; /* of 512 bytes, whatever the disk's own are */
	struct {
		uint64_t sector;
		uint32_t sectors, flags;
	} discard;
	uint8_t status;
	uint8_t pad[7];
};

struct vioblk {
	struct virtio *dev; /* NULL: not open */
	struct virtq queue;
	struct blk_info info;
	struct blk_stats stats;
	struct vioblk_slot *slots;
	uint32_t seg_bytes; /* the most that one piece of data may have */
	unsigned segs;      /* the most pieces */
	uint64_t look;      /* when to read the size again */
	uint64_t remind;    /* when to ring again for what it has not done; 0: nothing is in flight */
	uint16_t seen;      /* how far it was when that was set */
};

extern struct vioblk vioblk[VIOBLK_MAX];

/* Brings up disk n; as blk_open(). */
int vioblk_open(unsigned n);

/* Reads the size again, and whether the device has given up. Exits. */
void vioblk_look(struct vioblk *x);

/* Stops the device for good, after its queue was found broken. */
void vioblk_fail(struct vioblk *x);

#endif
