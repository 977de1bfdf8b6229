/* SPDX-License-Identifier: MIT */
#ifndef BLKFRONT_BLKFRONT_H
#define BLKFRONT_BLKFRONT_H

/*
 * What the files of blkfront/ share: one structure for a disk, one for each of its queues.
 *
 * connect.c brings a disk up, follow.c follows its backend; queue.c moves requests between struct blk_req
 * and the rings; blkfront.c is blk.h. Read xen/io/blkif.h for the wire, xen/ring.h for the rings.
 *
 * Data never moves in place: every request is copied through pages of one pool, granted once,
 * before the seal. That is "persistent grants" seen from here, whether or not the backend keeps
 * them mapped: it reaches the pool and the rings, and nothing else of the guest, and no request
 * makes or ends a grant. Units on the ring are 512 bytes whatever the sector size says (blkif.h,
 * clarified in Xen 4.20); those of blk.h are sectors.
 */

#include "core/blk.h"
#include "core/core.h"
#include "core/err.h"
#include "xen/ring.h"
#include "xen/xen.h"

#define BLKFRONT_DISKS 8u
#define BLKFRONT_QUEUES 4u
#define BLKFRONT_RING_ORDER 2u  /* four pages of ring: 128 requests */
#define BLKFRONT_SLOTS 128u
#define BLKFRONT_SEGMENTS 64u   /* of a request: 256 KiB */
#define BLKFRONT_POOL 512u      /* pages, at most */
#define BLKFRONT_UNIT 512u
#define BLKFRONT_NONE 0xffffu

enum blkfront_state {
	SLOT_FREE,
	SLOT_WAITING, /* to be put on the ring: its backend went away, or a suspend is due */
	SLOT_OUT,     /* on the ring: only then may it be answered */
	SLOT_DONE,    /* for blk_reap() */
};

/*
 * A request; its index is its id. Everything here is ours: what the ring held is never read back.
 */
struct blkfront_slot {
	struct blk_req *req;
	uint8_t state;
	uint8_t op;        /* BLKIF_OP_*, what it asks for: never BLKIF_OP_INDIRECT */
	uint16_t segments;
	uint16_t pages;    /* head of a list through pool_next[]: its data, in order */
	uint16_t list;     /* the page of indirect segments, or BLKFRONT_NONE */
	uint16_t next;     /* done: the next one */
};

struct blkfront_queue {
	struct blkfront *disk;
	struct ring ring;
	char *page;        /* 1 << order of them */
	int ref;
	int port;          /* -1: none */
	bool kick;
	unsigned waiting;  /* slots in SLOT_WAITING */
	unsigned slots_free;
	uint8_t slot_free[BLKFRONT_SLOTS];
	uint16_t done, done_last;
	struct blkfront_slot slot[BLKFRONT_SLOTS];
};

struct blkfront {
	struct xenbus_dev dev;
	unsigned number;
	uint16_t handle;
	unsigned life; /* suspend_lives() when the ports were made */
	bool connected, broken;
	bool begun; /* our keys are there, the backend is not yet Connected */
	bool described; /* it was Connected once: the shape is known */
	bool flush, barrier; /* what the backend can; either may turn out not to be so */
	unsigned order;      /* pages of a ring, as a power of two */
	unsigned indirect;   /* the most segments of an indirect request; 0: none */
	unsigned n_queues, next_queue;
	uint32_t factor;     /* ring units of a sector */
	uint16_t granted_to;
	struct blk_info info;
	struct blk_stats stats;
	struct blkfront_queue *queue[BLKFRONT_QUEUES];

	char *pool;
	unsigned pool_pages, pool_left;
	int pool_ref;
	uint16_t pool_free;  /* head of a list: last in, first out, so that the backend sees few pages often (blkif.h, note 7) */
	uint16_t pool_next[BLKFRONT_POOL];
};

/* ---- connect.c ---- */

int connect_disk_ports(struct blkfront *disk); /* after a restore: new ones; 0 or -ERR_NOMEM */

struct blkfront *connect_disk(unsigned n); /* panics when it was never opened */
void connect_disk_break(struct blkfront *disk, const char *why); /* one log line, and every request comes back with -ERR_IO */

/* For follow.c: one connection up to our keys; the rest of it when the backend is Connected; the size; and it is used. */
int connect_disk_begin(struct blkfront *disk, bool again);
int connect_disk_finish(struct blkfront *disk);
int connect_disk_size(struct blkfront *disk);
void connect_disk_up(struct blkfront *disk);

/* ---- follow.c ---- */

void follow_disk(struct blkfront *disk);  /* what the backend said since the last look */
void follow_leave(struct blkfront *disk); /* lets a backend go that waits for our last request to be answered */

/* ---- queue.c ---- */

bool queue_idle(const struct blkfront_queue *q); /* nothing is on its way */
void queue_init(struct blkfront_queue *q);
int queue_submit(struct blkfront_queue *q, struct blk_req *req); /* checked already; 0 or -ERR_AGAIN */
int queue_refuse(struct blkfront_queue *q, struct blk_req *req); /* takes it and gives it back with -ERR_IO */
void queue_again(struct blkfront_queue *q);  /* rings are new: what was out waits to be put again */
void queue_resume(struct blkfront_queue *q); /* puts what waits, as far as there is room */
void queue_fail(struct blkfront_queue *q);   /* everything comes back with -ERR_IO */
void queue_poll(struct blkfront_queue *q);   /* takes what was answered */
unsigned queue_reap(struct blkfront_queue *q, struct blk_req **v, unsigned max);

#endif
