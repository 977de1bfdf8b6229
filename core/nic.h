/* SPDX-License-Identifier: MIT */
#ifndef CORE_NIC_H
#define CORE_NIC_H

/*
 * The door to network interfaces, numbered 0, 1, ... in the order the machine lists them.
 *
 * Frames are Ethernet without FCS. Every buffer is lent and given back, and each function says who
 * owns it when. What the device says is input: a device that breaks its protocol is marked broken,
 * named in one log line, and from then on receives nothing and takes every frame without sending
 * it.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NIC_FRAGS_MAX 18 /* the most fragments one nic_tx() takes (what every backend is bound to take) */

/* nic_info.features: what the device does for us. */
#define NIC_TX_CSUM 0x01u  /* fills in a checksum at csum_start + csum_offset, over IPv4 and IPv6 */
#define NIC_TX_TSO4 0x02u  /* cuts TCP over IPv4 into gso_size pieces */
#define NIC_TX_TSO6 0x04u  /* the same over IPv6 */
#define NIC_RX_CSUM 0x08u  /* may deliver frames with NIC_CSUM_VALID or NIC_CSUM_PARTIAL */
#define NIC_RX_GSO 0x10u   /* may deliver TCP frames longer than the MTU */

struct nic_info {
	uint8_t mac[6];
	uint16_t mtu;      /* bytes of payload, 68 to 65521 */
	bool up;           /* carrier */
	bool broken;       /* the device broke its protocol: nothing passes any more */
	uint32_t features; /* NIC_TX_* and NIC_RX_* */
	unsigned announce; /* another number than before: the machine may have moved, and shall say where it is */
};

struct nic_stats {
	uint64_t rx_frames, rx_bytes, rx_dropped, rx_errors;
	uint64_t tx_frames, tx_bytes, tx_dropped, tx_errors;
	uint64_t kicks; /* doorbells rung */
	uint64_t wakes; /* interrupts or events taken */
};

/* nic_offload.flags */
#define NIC_CSUM_PARTIAL 0x01u /* checksum to be filled in: pseudo-header sum stands at csum_start + csum_offset */
#define NIC_CSUM_VALID 0x02u   /* receive only: the device has checked the transport checksum */
#define NIC_GSO_TCP4 0x04u     /* TCP over IPv4 in pieces of gso_size payload bytes; implies NIC_CSUM_PARTIAL */
#define NIC_GSO_TCP6 0x08u

/*
 * What is left to do to a frame, or was done to it: the common ground of virtio_net_hdr and netif's
 * extra info.
 */
struct nic_offload {
	uint8_t flags;
	uint16_t csum_start;  /* bytes from the start of the frame */
	uint16_t csum_offset; /* bytes from csum_start */
	uint16_t gso_size;    /* TCP payload bytes a piece; 0: one piece */
	uint16_t hdr_len;     /* bytes of Ethernet, IP and TCP header; with gso_size only */
};

struct nic_frag {
	const void *base;
	uint32_t len;
};

/*
 * One received buffer. A frame is one buffer, or several in a row of which all but the last say
 * `more`.
 */
struct nic_buf {
	uint8_t *data; /* readable and writable up to data + len, until nic_rx_done(); aligned to 2 modulo 4, so that IP stands aligned, wherever the device allows */
	uint32_t len;
	uint32_t id; /* for nic_rx_done() */
	bool more;   /* the frame goes on in the next buffer */
	struct nic_offload off; /* of the frame; valid in its first buffer */
};

/*
 * Brings up interface n and describes it. Blocks, by polling, for a bounded time (at most 5 s where
 * a backend must answer). Returns 0, -ERR_NODEV past the last one, -ERR_NOMEM, -ERR_PROTO or
 * -ERR_TIMEDOUT for a device that cannot be brought up (a log line says why), -ERR_BUSY when open.
 */
int nic_open(unsigned n, struct nic_info *info);

/* Reads the state again: carrier, MTU, `broken` and `announce` may change at any time. Cheap. */
void nic_info(unsigned n, struct nic_info *info);

void nic_stats(unsigned n, struct nic_stats *stats);

/*
 * Lets the device reach one arena, page-aligned, for ever: every fragment of nic_tx() lies in it.
 * Called once for each interface, before the first nic_tx(). Returns 0, -ERR_INVAL, or -ERR_NOMEM
 * when the machine cannot share so much.
 */
int nic_share(unsigned n, void *base, size_t len);

/*
 * Whether frames to an Ethernet group (an address whose first byte is odd; not broadcast) are
 * wanted. Joins of one address are counted: it is left when each was. From the first call on a
 * device that can drops what goes to other groups; before, and where it cannot, all of them come.
 */
void nic_group(unsigned n, const uint8_t mac[6], bool join);

/*
 * Lends up to max received buffers to the caller, whole frames only; max must be at least 64.
 * Returns how many. Never blocks. The caller owns each until it gives it back with nic_rx_done(),
 * in any order. The device has a fixed number of buffers, nic_rx_lent() tells how many are out:
 * keep them short, copy where it is past half.
 */
unsigned nic_rx(unsigned n, struct nic_buf *v, unsigned max);
void nic_rx_done(unsigned n, uint32_t id);

/* How many buffers the device has in all, and how many the caller holds now. */
void nic_rx_lent(unsigned n, unsigned *lent, unsigned *total);

/*
 * Queues one frame. The fragments are the device's until nic_tx_done() hands the token back (token
 * may not be NULL); the arrays v and off are the caller's again at once. off may be NULL. Returns
 * 0, -ERR_AGAIN when the ring is full (nothing was queued), -ERR_INVAL for no or too many fragments
 * or an offload the device lacks. Does not ring the doorbell.
 */
int nic_tx(unsigned n, const struct nic_frag *v, unsigned nv, const struct nic_offload *off, void *token);

/*
 * Takes up to max tokens of frames that the device is done with. Returns how many. A broken device
 * returns every token.
 */
unsigned nic_tx_done(unsigned n, void **token, unsigned max);

/*
 * Tells the device what was queued and given back since the last call: at most one doorbell for
 * each queue, none where the device asked for none.
 */
void nic_kick(unsigned n);

/*
 * Asks for an interrupt at the next change. Returns true, and does not ask, when there is work
 * already: poll again. The caller polls, arms everything, and only sleeps when nothing answered
 * true; that closes the lost wake-up.
 */
bool nic_arm(unsigned n);

#endif
