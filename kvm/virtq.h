/* SPDX-License-Identifier: MIT */
#ifndef KVM_VIRTQ_H
#define KVM_VIRTQ_H

/*
 * A split virtqueue, the driver's side (virtio 1.2 §2.7). See virtq.c.
 *
 * The order of calls: virtq_add() any number of times, virtq_publish(), and if that says so the
 * doorbell; virtq_pending() and that many times virtq_take(); before sleeping virtq_arm().
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VIRTQ_SIZE_MAX 1024u
#define VIRTQ_SEGS_MAX 20u /* the longest chain: a header and NIC_FRAGS_MAX, or a request's header, data and status */

/* How the two sides work together. */
#define VIRTQ_EVENT_IDX 0x01u /* VIRTIO_F_EVENT_IDX */
#define VIRTQ_INDIRECT 0x02u  /* VIRTIO_F_INDIRECT_DESC */
#define VIRTQ_LENIENT 0x04u   /* a legacy device: the lengths that it reports mean little (§2.7.8.2) */

struct virtq_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
};

struct virtq_avail {
	uint16_t flags, idx;
	uint16_t ring[]; /* and used_event behind the last */
};

struct virtq_used_elem {
	uint32_t id, len;
};

struct virtq_used {
	uint16_t flags, idx;
	struct virtq_used_elem ring[]; /* and avail_event behind the last */
};

/* A piece of memory that a chain lends to the device. */
struct virtq_seg {
	const void *base;
	uint32_t len;
};

/* What only we know of each descriptor: nothing of it is ever read back from the ring. */
struct virtq_slot {
	void *token;   /* of the chain that begins here, NULL: none in flight */
	uint32_t lent; /* bytes that the device may write */
	uint16_t next; /* of the chain or of the free list */
	uint16_t last; /* of the chain that begins here */
	uint16_t n;    /* descriptors in that chain */
	uint16_t table; /* 1 + the indirect table that it uses */
};

struct virtq {
	const char *name; /* of the device, for its one log line when it is broken */
	uint16_t size;    /* descriptors, a power of two */
	uint16_t flags;   /* VIRTQ_* */
	bool broken;

	uint16_t free;      /* first free descriptor; meaningless when nfree is 0 */
	uint16_t nfree;
	uint16_t inflight;  /* chains */
	uint16_t added;     /* avail index up to which we have filled the ring, */
	uint16_t published; /* up to which the device may know it, */
	uint16_t told;      /* up to which it was rung or is known to have asked for nothing, */
	uint16_t seen;      /* and used index up to which we have taken. All four wrap. */
	uint16_t drained;   /* virtq_drain()'s place */
	bool armed;         /* without EVENT_IDX: interrupts are on */

	struct virtq_desc *desc;
	struct virtq_avail *avail;
	struct virtq_used *used;
	struct virtq_slot *slot;

	struct virtq_desc *tables; /* indirect ones, VIRTQ_SEGS_MAX descriptors each */
	uint16_t *table_free;      /* stack of those not in use */
	uint16_t ntable_free;

	uint16_t index;     /* its number at the device */
	uintptr_t doorbell; /* register */

	size_t ring_pages, slot_pages, table_pages;
};

struct virtq_done {
	void *token;
	uint32_t len; /* what the device says that it wrote, at most what was lent */
	uint16_t head;
};

/* Makes a queue in memory of its own. Returns 0 or -ERR_NOMEM. */
int virtq_init(struct virtq *q, const char *name, uint16_t size, uint16_t flags);
void virtq_free(struct virtq *q);

/*
 * The descriptor at which the next chain will begin: for callers who keep something of their own
 * for each. Only when there is room.
 */
static inline uint16_t virtq_head(const struct virtq *q)
{
	return q->free;
}

/*
 * Lends a chain: the first `out` pieces are read by the device, the next `in` written. Returns 0,
 * or -ERR_AGAIN when there is no room. The array is the caller's again, the pieces are the
 * device's until virtq_take() or virtq_drain() gives the token back, which may not be NULL.
 */
int virtq_add(struct virtq *q, const struct virtq_seg *v, unsigned out, unsigned in, void *token);

/* Shows the device what was added. Returns whether it wants the doorbell. */
bool virtq_publish(struct virtq *q);

/*
 * Has the device, since virtq_publish() looked, come to want the doorbell for something already published? To be asked before
 * sleeping. Says so once.
 */
bool virtq_missed(struct virtq *q);

/* May the doorbell be rung although the device did not ask for it? */
bool virtq_remindable(const struct virtq *q);

/* How many chains came back. 0 for a broken queue, and an index that cannot be breaks it. */
unsigned virtq_pending(struct virtq *q);

/*
 * Takes the next of them. Returns false, and the queue is broken, when what the device says
 * cannot be.
 */
bool virtq_take(struct virtq *q, struct virtq_done *done);

/*
 * Asks for an interrupt once more than `after` further chains have come back. Returns true when
 * that is so already.
 */
bool virtq_arm(struct virtq *q, unsigned after);

/* Marks the queue broken, with one log line. The caller sees to it that the device is reset. */
void virtq_break(struct virtq *q, const char *what, unsigned value, unsigned limit);

/*
 * After the device was reset: gives back the chains that it never returned, one a call, NULL at
 * the end.
 */
void *virtq_drain(struct virtq *q);

#endif
