/* SPDX-License-Identifier: MIT */
#ifndef BLKCOPY_H
#define BLKCOPY_H

/*
 * blkcopy writes a pattern on a disk, or copies one disk to another, and checks every byte of it.
 *
 * blkcopy.c reads the command line and tells the phases; pass.c keeps many blocks in flight;
 * pattern.c says what must stand at each offset. A disk is a file like any other: on a pith image
 * /dev/blk0, on a host a device or an ordinary file.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BLKCOPY_ALIGN 4096 /* of buffers: no disk asks for more, so that none needs a bounce copy */

struct disk {
	const char *name;
	int fd;
};

/* What is done to each block. */
enum pass_kind {
	PASS_WRITE,   /* the pattern to `to` */
	PASS_CHECK,   /* reads `from`, compares with the pattern */
	PASS_COPY,    /* `from` to `to` */
	PASS_COMPARE, /* reads both, compares */
};

/* One pass over all blocks: what to do, and then what came of it. */
struct pass {
	enum pass_kind kind;
	const struct disk *from, *to;
	uint64_t size;  /* bytes in all */
	uint32_t block; /* bytes in one request; the last one may be shorter */
	unsigned depth; /* threads, each with one request in flight */
	bool random;    /* blocks in a shuffled order, each exactly once */
	uint64_t seed;
	/* results */
	uint64_t blocks;
	uint64_t checksum; /* of the bytes that were written or read, independent of their order */
	double seconds;
};

/* Runs a pass. Returns 0; or -1 after the first error or mismatch, which has been printed. */
int pass_run(struct pass *p);

/* Fills buf with what stands at offset, a multiple of 8, under this seed. */
void pattern_fill(void *buf, size_t len, uint64_t offset, uint64_t seed);

/* Where the first byte differs between a and b; len when none does. */
size_t pattern_differ(const void *a, const void *b, size_t len);

/* A sum over the bytes and their offset: sums of blocks add up, in whatever order they came. */
uint64_t pattern_sum(const void *buf, size_t len, uint64_t offset);

/* The i-th block of n in a shuffled order: a permutation of 0 .. n-1. */
uint64_t pattern_shuffle(uint64_t i, uint64_t n, uint64_t seed);

#endif
