/* SPDX-License-Identifier: MIT */
#include "blkcopy.h"

/*
 * blkcopy: fills a disk with a pattern and reads it back, or copies a disk, and checks every byte.
 *
 *   blkcopy [-s SIZE] [-b BLOCK] [-q DEPTH] [-r] [-c] [-S SEED] DISK [DISK2]
 *
 * What it prints is the same on a host and in an image, but for the lines that begin with `speed`.
 * The pattern destroys what was on DISK; a copy leaves DISK alone and destroys what was on DISK2.
 * Read blkcopy.h first.
 */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SIZE_DEFAULT (64u << 20) /* of a larger disk; a smaller one is used whole */
#define BLOCK_MAX (16u << 20) /* each thread has two buffers of this size */
#define DEPTH_MAX 256 /* threads */

struct options {
	uint64_t size; /* 0: not given */
	uint32_t block;
	unsigned depth;
	bool random, check;
	uint64_t seed;
};

static const char usage[] =
	"usage: blkcopy [-s SIZE] [-b BLOCK] [-q DEPTH] [-r] [-c] [-S SEED] DISK [DISK2]\n"
	"  Writes a pattern on DISK, reads it back and checks it: what was on DISK is lost.\n"
	"  With DISK2 copies DISK to DISK2 and compares: what was on DISK2 is lost.\n"
	"  -s SIZE   bytes (K, M, G may follow); default: the whole disk, at most 64M\n"
	"  -b BLOCK  bytes in one request, a multiple of 512, at most 16M; default 64K\n"
	"  -q DEPTH  requests in flight, 1 to 256; default 8\n"
	"  -r        visit the blocks in random order\n"
	"  -c        write nothing: check what an earlier run with the same seed wrote\n"
	"  -S SEED   of pattern and order; default 1\n";

/* A whole number with an optional K, M or G. Returns 0, or -1 for anything else. */
static int number(const char *s, uint64_t max, uint64_t *value)
{
	static const char units[] = "KMG";
	const char *unit;
	char *end;
	uint64_t n;
	unsigned shift = 0;

	if (*s < '0' || *s > '9')
		return -1;
	errno = 0;
	n = strtoull(s, &end, 0);
	if (*end && (unit = strchr(units, *end))) {
		shift = 10 * (unsigned)(unit - units + 1);
		end++;
	}
	/* Compared before the shift, which could lose bits. */
	if (errno || *end || n > max >> shift)
		return -1;
	*value = n << shift;
	return 0;
}

/* For mistakes on the command line: main() then returns 2, and 1 for what a disk did. */
static int bad(const char *what)
{
	fprintf(stderr, "blkcopy: %s\n%s", what, usage);
	return -1;
}

/*
 * INT64_MAX, since offsets become off_t. A block is a multiple of 512, the smallest sector there
 * is.
 */
static int option(struct options *o, int c)
{
	uint64_t n = 0;

	switch (c) {
	case 's':
		return number(optarg, INT64_MAX, &o->size) || !o->size ? bad("-s takes a size above 0") : 0;
	case 'b':
		if (number(optarg, BLOCK_MAX, &n) || !n || n % 512)
			return bad("-b takes a multiple of 512, at most 16M");
		o->block = (uint32_t)n;
		return 0;
	case 'q':
		if (number(optarg, DEPTH_MAX, &n) || !n)
			return bad("-q takes 1 to 256");
		o->depth = (unsigned)n;
		return 0;
	case 'S':
		return number(optarg, UINT64_MAX, &o->seed) ? bad("-S takes a number") : 0;
	case 'r':
		o->random = true;
		return 0;
	case 'c':
		o->check = true;
		return 0;
	}
	fputs(usage, stderr);
	return -1;
}

/* The reasons that people meet, in words of theirs; the C library's for all others. */
static int explain(const struct disk *d, bool writes)
{
	const char *why = strerror(errno);

	if (errno == ENOENT || errno == ENODEV || errno == ENXIO)
		why = "no such disk";
	else if (writes && (errno == EROFS || errno == EACCES || errno == EPERM))
		why = "the disk is read-only";
	fprintf(stderr, "blkcopy: %s: %s\n", d->name, why);
	return -1;
}

/*
 * Opens a disk and finds its size. Opened for writing only where it is written: a disk that is
 * read-only can still be checked and copied from.
 */
static int disk_open(struct disk *d, const char *name, bool writes, uint64_t *size)
{
	off_t end;

	d->name = name;
	d->fd = open(name, writes ? O_RDWR : O_RDONLY);
	if (d->fd < 0)
		return explain(d, writes);
	end = lseek(d->fd, 0, SEEK_END);
	if (end < 0)
		return explain(d, writes);
	*size = (uint64_t)end;
	return 0;
}

/* How many bytes it shall be: as asked for, but never beyond the end. */
static int choose_size(struct options *o, const struct disk *d, uint64_t end)
{
	if (!o->size)
		o->size = end < SIZE_DEFAULT ? end : SIZE_DEFAULT;
	if (o->size && o->size <= end)
		return 0;
	fprintf(stderr, "blkcopy: %s: has %" PRIu64 " bytes only\n", d->name, end);
	return -1;
}

/*
 * Two lines, so that a test can compare the first and a person read the second: figures of speed
 * are never the same twice. MB are 10^6 bytes, as sellers of disks have them.
 */
static int phase(const char *name, struct pass *p)
{
	double s;

	if (pass_run(p)) {
		printf("%s: failed\n", name);
		return -1;
	}
	/* A clock that is coarse may see no time pass at all. */
	s = p->seconds > 1e-6 ? p->seconds : 1e-6;
	printf("%s: %" PRIu64 " blocks, %" PRIu64 " bytes, %s, ok\n", name, p->blocks, p->size,
	       p->random ? "random" : "sequential");
	printf("speed %s: %.1f MB/s, %.0f IOPS\n", name, (double)p->size / s / 1e6, (double)p->blocks / s);
	fflush(stdout);
	return 0;
}

/*
 * Writes, reads in the same order, and once more in the other: a cache that answers by luck is
 * found out.
 */
static int run_pattern(struct pass *p, bool check)
{
	p->kind = PASS_WRITE;
	if (!check && phase("write", p))
		return -1;
	p->kind = PASS_CHECK;
	if (phase("check", p))
		return -1;
	p->random = !p->random;
	return phase("check", p);
}

/* Compared by reading both again: what the copy had in memory proves nothing. */
static int run_copy(struct pass *p, bool check)
{
	p->kind = PASS_COPY;
	if (!check && phase("copy", p))
		return -1;
	p->kind = PASS_COMPARE;
	return phase("compare", p);
}

/*
 * DISK is opened for writing only when the pattern goes there, DISK2 only when the copy does. Both
 * must be as large as what is asked for; choose_size() settles the size with the first one. The
 * descriptors end with the program.
 */
static int run(struct options *o, const char *name, const char *name2)
{
	struct disk a, b;
	struct pass p = { .from = &a, .to = &a, .block = o->block, .depth = o->depth, .random = o->random, .seed = o->seed };
	uint64_t end, end2;

	if (disk_open(&a, name, !name2 && !o->check, &end) || choose_size(o, &a, end))
		return -1;
	if (name2) {
		if (disk_open(&b, name2, !o->check, &end2) || choose_size(o, &b, end2))
			return -1;
		p.to = &b;
	}
	p.size = o->size;
	printf("blkcopy: %s%s%s: %" PRIu64 " bytes, block %" PRIu32 ", %u in flight, seed %" PRIu64 "\n", name,
	       name2 ? " to " : "", name2 ? name2 : "", p.size, p.block, p.depth, p.seed);
	if (name2 ? run_copy(&p, o->check) : run_pattern(&p, o->check))
		return -1;
	printf("checksum %016" PRIx64 "\n", p.checksum);
	return 0;
}

int main(int argc, char **argv)
{
	struct options o = { .block = 64 << 10, .depth = 8, .seed = 1 };
	int c;

	if (argc == 2 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
		fputs(usage, stdout);
		return 0;
	}
	while ((c = getopt(argc, argv, "s:b:q:rcS:")) != -1)
		if (option(&o, c))
			return 2;
	if (optind == argc || argc - optind > 2) {
		bad(optind == argc ? "which disk?" : "too many disks");
		return 2;
	}
	return run(&o, argv[optind], argv[optind + 1]) ? 1 : 0;
}
