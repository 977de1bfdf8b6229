/* SPDX-License-Identifier: MIT */
#ifndef KVM_VIONET_H
#define KVM_VIONET_H

/*
 * A virtio network device (virtio 1.2 §5.1): vionet.c brings it up, nic.c moves frames.
 */

#include "core/nic.h"
#include "kvm/virtio.h"

#define VIONET_MAX 8u

/* virtio_net_hdr (§5.1.6). Without VERSION_1 and MRG_RXBUF it ends before num_buffers. */
struct vionet_hdr {
	uint8_t flags;
	uint8_t gso_type;
	uint16_t hdr_len;
	uint16_t gso_size;
	uint16_t csum_start;
	uint16_t csum_offset;
	uint16_t num_buffers;
};

#define VIONET_HDR_LEGACY 10u

#define VIONET_NEEDS_CSUM 1u
#define VIONET_DATA_VALID 2u
#define VIONET_GSO_NONE 0u
#define VIONET_GSO_TCP4 1u
#define VIONET_GSO_TCP6 4u
#define VIONET_GSO_ECN 0x80u

#define VIONET_FRAME_MAX 65550u /* Ethernet, and the largest IP packet */

struct vionet_buf {
	uint8_t *base;
	bool lent; /* to the caller */
};

struct vionet {
	struct virtio *dev; /* NULL: not open */
	struct virtq rx, tx, control;
	struct nic_info info;
	struct nic_stats stats;

	struct vionet_buf *bufs; /* receive buffers */
	unsigned nbufs, lent;
	uint32_t buf_size;
	unsigned frame_bufs;  /* the most buffers that a frame can take */
	unsigned hdr_len;
	unsigned pad;         /* where in a buffer the header begins: so that the IP header is aligned behind it */
	bool merge;           /* MRG_RXBUF */
	bool apart;           /* an old device that wants the header in a descriptor of its own */

	struct vionet_hdr *hdrs; /* of frames to be sent, one for each descriptor */
	uint64_t look;           /* when to read link state again */
	uint64_t announce;       /* when the network may next be told where we are */
	uint8_t command[4];      /* of the control queue: class, command, the device's answer */
};

extern struct vionet vionet[VIONET_MAX];

/* Brings up interface n; as nic_open(). */
int vionet_open(unsigned n);

/* Reads the link state, and whether the device has given up. Exits. */
void vionet_look(struct vionet *x);

/* Lends buffer b to the device. */
void vionet_post(struct vionet *x, struct vionet_buf *b);

/* Stops the device for good, after one of its queues was found broken. */
void vionet_fail(struct vionet *x);

#endif
