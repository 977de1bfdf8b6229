/* SPDX-License-Identifier: MIT */
#ifndef CORE_BLK_H
#define CORE_BLK_H

/*
 * The door to disks, numbered 0, 1, ... in the order the machine lists them.
 *
 * Requests are queued, rung in with blk_kick(), and come back in any order. Whole sectors only: the
 * copy for odd addresses is the caller's (libc-glue/disk.c), once for every platform. What the
 * device says is input: a device that breaks its protocol is marked broken, named in one log line,
 * and every request, old and new, comes back with -ERR_IO.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BLK_ALIGN 512u /* every buffer begins at a multiple of this many bytes */

enum blk_op {
	BLK_READ,
	BLK_WRITE,
	BLK_FLUSH,   /* what came back before this was queued is on stable storage when this comes back with 0 */
	BLK_DISCARD, /* the contents of the range may be thrown away */
};

struct blk_info {
	uint64_t sectors;     /* of sector_size bytes; may change, see blk_info() */
	uint32_t sector_size; /* a power of two from 512 to 4096 */
	uint32_t max_sectors; /* the most one request may move, at least 8 KiB worth */
	uint32_t max_discard; /* the most sectors one discard may take; 0: no discard */
	bool read_only;
	bool can_flush;       /* false: writes that came back are stable */
	bool broken;
	bool gone;            /* taken away; what comes in its place under the same number is another disk */
	uint32_t life;        /* how many disks there were under this number before */
};

struct blk_stats {
	uint64_t reads, writes, flushes, discards, errors;
	uint64_t bytes_read, bytes_written;
	uint64_t kicks, wakes;
};

/*
 * One request. The caller owns the memory; from blk_submit() until blk_reap() returns it neither it
 * nor its data may be touched.
 */
struct blk_req {
	enum blk_op op;
	uint64_t sector;  /* first sector, in units of sector_size */
	uint32_t sectors; /* how many; 0 for BLK_FLUSH */
	void *data;       /* sectors * sector_size bytes at a multiple of BLK_ALIGN; NULL for BLK_FLUSH and BLK_DISCARD */
	int status;       /* when it comes back: 0, -ERR_IO, -ERR_NOTSUP, -ERR_ROFS */
	void *token;      /* the caller's own */
};

/*
 * Brings up disk n. As nic_open(). A disk that comes when the program runs may be described later:
 * its sector_size is 0 until blk_info() knows more.
 */
int blk_open(unsigned n, struct blk_info *info);

/* Reads the state again: size and `broken` may change at any time. Cheap. */
void blk_info(unsigned n, struct blk_info *info);

void blk_stats(unsigned n, struct blk_stats *stats);

/*
 * Queues a request. Returns 0, -ERR_AGAIN when the ring is full (nothing was queued), -ERR_INVAL
 * for a range outside the disk, too many sectors or a misaligned buffer, -ERR_ROFS, -ERR_NOTSUP,
 * -ERR_NODEV for a disk that is gone.
 * Does not ring the doorbell.
 */
int blk_submit(unsigned n, struct blk_req *req);

/* Takes up to max requests that are done. Returns how many. Never blocks. */
unsigned blk_reap(unsigned n, struct blk_req **v, unsigned max);

/* Tells the device what was queued: at most one doorbell. */
void blk_kick(unsigned n);

/* As nic_arm(). */
bool blk_arm(unsigned n);

#endif
