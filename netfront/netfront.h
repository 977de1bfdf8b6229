/* SPDX-License-Identifier: MIT */
#ifndef NETFRONT_NETFRONT_H
#define NETFRONT_NETFRONT_H

/*
 * What the files of netfront/ share: one structure for an interface, one for each of its queues.
 *
 * connect.c brings an interface up and notices when its backend goes, make.c has what it is made
 * of; tx.c and rx.c move frames; groups.c is what the backend shall not send; headers.c finds the
 * transport header; netfront.c is nic.h over all queues. Read xen/io/netif.h for the wire,
 * xen/ring.h for the rings.
 *
 * Everything a backend can reach is granted once, before the seal: the two ring pages and the
 * receive buffers read-write, the packet arena and the bounce pages read-only. It may change a
 * receive buffer at any time, lent or not.
 */

#include "core/core.h"
#include "core/err.h"
#include "core/nic.h"
#include "xen/ring.h"
#include "xen/xen.h"

#define NETFRONT_NICS 8u
#define NETFRONT_QUEUES 4u
#define NETFRONT_SLOTS 256u    /* of one page of ring, both directions */
#define NETFRONT_BOUNCES 64u
#define NETFRONT_BUFFERS 512u  /* receive buffers of a queue, at most */
#define NETFRONT_FRAME_MAX 65535u /* netif.h, XEN_NETIF_MAX_TX_SIZE */
#define NETFRONT_NONE 0xffffu
#define NETFRONT_GROUPS 32u    /* Ethernet groups; with more of them the backend filters no longer */

/*
 * A request of ours that stands, or stood, on the transmit ring. Its index is its id. One that is no
 * frame, but a word about a group, has no token.
 */
struct netfront_slot {
	void *token;     /* of the frame; in the frame's first slot */
	uint16_t next;   /* the frame's next slot; or the next frame that is done */
	uint16_t first;  /* the frame's first slot */
	uint16_t left;   /* in the first: slots not yet answered */
	uint16_t bounce; /* in the first: the bounce unit, or NETFRONT_NONE */
	bool out;        /* on the ring: only then may it be answered */
};

/*
 * A frame that is coming in: it stays here until its last response has come and the caller has room
 * for it.
 */
struct netfront_incoming {
	struct nic_buf part[NIC_FRAGS_MAX];
	unsigned n;
	uint32_t bytes;
	uint16_t flags;    /* NETRXF_*, of the first response */
	uint8_t gso_type;
	uint16_t gso_size;
	uint8_t extras;
	bool begun, more, extra; /* between responses: what must follow */
	bool bad;          /* to be dropped */
	bool whole;        /* ready to be lent */
};

/* An Ethernet group that somebody wants, or that the backend still has to be told is not wanted. */
struct netfront_group {
	uint8_t mac[6];
	bool told;      /* the backend has it on its list, as far as we know */
	unsigned users; /* 0 and not told: free */
};

enum netfront_buffer { BUFFER_FREE, BUFFER_POSTED, BUFFER_TAKEN, BUFFER_LENT };

struct netfront_queue {
	struct netfront *nic;
	unsigned number;
	struct ring tx, rx;
	char *tx_page, *rx_page;
	int tx_ref, rx_ref;
	int port[2];          /* event channels, kept for ever; the second where events were split at first; -1: none */
	int tx_port, rx_port; /* of this connection: the same where events are not split */
	bool kick_tx, kick_rx;
	bool refused;         /* a frame, for want of room, and none was taken since: somebody waits */

	struct netfront_slot slot[NETFRONT_SLOTS];
	uint16_t slot_free[NETFRONT_SLOTS];
	unsigned slots_free;
	uint16_t done, done_last; /* frames to hand back, in order */
	uint32_t extras_out;      /* requests that have no id: answered with NETIF_RSP_NULL */

	char *bounce;             /* units of nic->bounce_pages pages */
	int bounce_ref;
	uint16_t bounce_free[NETFRONT_BOUNCES];
	unsigned bounces_free;

	char *buffers;            /* n_buffers pages, granted */
	char *private;            /* as many that are not, for a backend that is not trusted; else NULL */
	unsigned n_buffers, n_lent, n_free;
	int buffer_ref;
	uint16_t buffer_free[NETFRONT_BUFFERS];
	uint8_t buffer_state[NETFRONT_BUFFERS];
	uint16_t posted[NETFRONT_SLOTS]; /* the buffer behind each ring position */
	struct netfront_incoming in;
};

struct netfront {
	struct xenbus_dev dev;
	unsigned number;
	bool connected, broken;
	bool begun; /* our keys are there, the backend is not yet Connected */
	bool gone;  /* taken away by the toolstack; until it is there again */
	unsigned life; /* suspend_lives() when the ports were made */
	unsigned announce; /* of nic_info */
	bool trusted; /* once it was not, it never is again */
	bool split, sg, gso4, gso6, csum4, csum6; /* sg..csum6: what we may send */
	uint8_t mac[6];
	uint16_t mtu;
	unsigned n_queues;
	unsigned bounce_pages, bounces; /* pages of a unit, units of a queue */
	const char *arena;
	size_t arena_len;
	int arena_ref;
	uint16_t granted_to; /* the domain that all grants are for */
	struct xenstore_watch link_watch, mtu_watch; /* on the backend's `carrier` and our own `mtu` */
	bool no_carrier;
	bool can_filter, filters; /* groups: the backend can; it was asked to */
	bool too_many;            /* groups for our list: no filter any more */
	bool groups_changed;
	struct netfront_group group[NETFRONT_GROUPS];
	struct nic_stats stats;
	unsigned next_queue; /* where nic_rx() begins, so that no queue starves */
	struct netfront_queue *queue[NETFRONT_QUEUES];
};

/* ---- connect.c ---- */

struct netfront *connect_nic(unsigned n); /* panics when it was never opened */
void connect_nic_service(struct netfront *nic); /* follows the backend's state, if it changed */

/*
 * Marks the interface broken, says why in one line, and lets every frame on its way out come back.
 */
void connect_nic_break(struct netfront *nic, const char *why);

/* ---- make.c ---- */

size_t make_pages_of(size_t bytes);
void *make_clean(size_t pages); /* with nothing in them: what they held must not leak to the backend */
int make_queues(struct netfront *nic); /* 0 or -ERR_NOMEM; what is half made hangs in nic->queue[] */
int make_ports_again(struct netfront *nic); /* after a restore: those there were; 0 or -ERR_NOMEM */
int make_keep(struct netfront *nic); /* what a later connection has to do with; -ERR_NOTSUP: a backend in another domain */
void make_rings(struct netfront_queue *q); /* empty ones, for a new connection */
void make_free(struct netfront_queue *q);

/* ---- groups.c ---- */

void groups_again(struct netfront *nic); /* a new backend: it knows of no group */
void groups_put(struct netfront *nic);   /* tells the backend what changed, as far as its ring has room */
void groups_refused(struct netfront *nic); /* its list is full: it shall filter no longer */

/* ---- tx.c ---- */

void tx_reset(struct netfront_queue *q); /* rings are new: every frame that was out is done */
int tx_frame(struct netfront_queue *q, const struct nic_frag *v, unsigned nv, const struct nic_offload *off, void *token);
bool tx_group(struct netfront_queue *q, const uint8_t mac[6], bool join); /* false: the ring is full */
int tx_drop(struct netfront_queue *q, void *token); /* takes the frame without sending it */
void tx_reap(struct netfront_queue *q);
unsigned tx_done(struct netfront_queue *q, void **token, unsigned max);

/* ---- rx.c ---- */

void rx_reset(struct netfront_queue *q);
void rx_refill(struct netfront_queue *q);
unsigned rx_frames(struct netfront_queue *q, struct nic_buf *v, unsigned max);
void rx_done(struct netfront_queue *q, unsigned buffer);

/* ---- headers.c ---- */

/*
 * Finds the TCP or UDP header of an Ethernet frame and sets csum_start, csum_offset and hdr_len.
 * Returns the version of IP, or 0 when there is none, or it is neither, or the headers are not all
 * in the first len bytes.
 */
unsigned headers_find(const uint8_t *frame, uint32_t len, struct nic_offload *off);

/* Fills in a checksum in place. False: its place is outside the frame. */
bool headers_checksum(uint8_t *frame, uint32_t len, const struct nic_offload *off);

#endif
