/* SPDX-License-Identifier: MIT */
/* Disks: diskio.c moves whole sectors, disk.c makes a file of them. */
#ifndef DISK_H
#define DISK_H

#include "core/blk.h"
#include "core/core.h"
#include "libc-glue/tree.h"

#define DISKS_MAX 16

struct disk {
	unsigned n;            /* for blk.h */
	struct blk_info info;  /* as it was when disk_look() was last called */
	unsigned inflight;
	struct waitq room;     /* for threads that found the ring full */
	struct list writes;    /* ranges that are being written, see disk.c */
	struct waitq writers;
	bool open, named;      /* of blk.h; its path is in the tree */
	char path[16];
	struct tree_node node;
};

/* Reads size and state again. Returns how many bytes the disk has. */
uint64_t disk_look(struct disk *d);

/*
 * Moves whole sectors, or flushes or discards, with as many requests in flight as it takes. Blocks.
 * data is aligned to BLK_ALIGN. Returns 0 or the first error; after one, some of the sectors may
 * have been moved and some not.
 */
int diskio_run(struct disk *d, enum blk_op op, uint64_t sector, uint64_t sectors, void *data);

/* Flushes every disk, as sync() does; none where no disk is open. */
void diskio_sync(void);

/* For disk.c: from now on the loop reaps the requests of v[0..n). Threads that wait for room look again. */
void diskio_start(struct disk *v, unsigned n);

/* For diskio.c: a device may have come, gone or changed. */
void disk_changed(void);

#endif
