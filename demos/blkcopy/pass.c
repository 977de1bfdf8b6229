/* SPDX-License-Identifier: MIT */
#include "blkcopy.h"

/*
 * One pass over the disk with many requests in flight.
 *
 * Each of `depth` threads has one buffer and one request: it takes the next block, moves it, checks
 * it. A thread blocks inside pread() or pwrite(), which is when the others run: on a single CPU
 * this is all the concurrency that a disk can use. The first to fail stops everybody. Read
 * blkcopy.h first.
 */

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* What the threads of a pass share. */
struct crew {
	struct pass *pass;
	pthread_mutex_t lock; /* covers what follows, and pass->checksum */
	uint64_t next;        /* the next block to be taken, before shuffling */
	bool failed;
};

/* Says what went wrong, unless another thread has said something before: one message is enough. */
static int fail(struct crew *c, const struct disk *d, uint64_t offset, const char *what)
{
	pthread_mutex_lock(&c->lock);
	if (!c->failed)
		fprintf(stderr, "blkcopy: %s: offset %" PRIu64 ": %s\n", d->name, offset, what);
	c->failed = true;
	pthread_mutex_unlock(&c->lock);
	return -1;
}

/* A disk may take or give less than it was asked for; 0 would be for ever. */
static int read_all(struct crew *c, const struct disk *d, char *buf, size_t len, uint64_t offset)
{
	ssize_t n;

	for (; len; buf += n, len -= (size_t)n, offset += (uint64_t)n) {
		n = pread(d->fd, buf, len, (off_t)offset);
		if (n < 0 && errno == EINTR)
			n = 0;
		else if (n <= 0)
			return fail(c, d, offset, n ? strerror(errno) : "end of disk");
	}
	return 0;
}

/* As read_all(). What was written is stable only after the fsync() in pass_run(). */
static int write_all(struct crew *c, const struct disk *d, const char *buf, size_t len, uint64_t offset)
{
	ssize_t n;

	for (; len; buf += n, len -= (size_t)n, offset += (uint64_t)n) {
		n = pwrite(d->fd, buf, len, (off_t)offset);
		if (n < 0 && errno == EINTR)
			n = 0;
		else if (n <= 0)
			return fail(c, d, offset, n ? strerror(errno) : "disk full");
	}
	return 0;
}

/* To the byte: where the first difference stands tells a torn block from one in the wrong place. */
static int compare(struct crew *c, const struct disk *d, const char *is, const char *shall, size_t len, uint64_t offset)
{
	size_t at = pattern_differ(is, shall, len);
	char what[64];

	if (at == len)
		return 0;
	snprintf(what, sizeof what, "mismatch: 0x%02x, not 0x%02x", (unsigned char)is[at], (unsigned char)shall[at]);
	return fail(c, d, offset + at, what);
}

/*
 * Does to one block what the pass is about; a and b each have room for it.
 * What was moved is in a, of which the checksum is made; b is what it is compared with.
 */
static int do_block(struct crew *c, char *a, char *b, size_t len, uint64_t offset)
{
	struct pass *p = c->pass;

	switch (p->kind) {
	case PASS_WRITE:
		pattern_fill(a, len, offset, p->seed);
		return write_all(c, p->to, a, len, offset);
	case PASS_CHECK:
		pattern_fill(b, len, offset, p->seed);
		return read_all(c, p->from, a, len, offset) ? -1 : compare(c, p->from, a, b, len, offset);
	case PASS_COPY:
		return read_all(c, p->from, a, len, offset) ? -1 : write_all(c, p->to, a, len, offset);
	case PASS_COMPARE:
		if (read_all(c, p->from, b, len, offset) || read_all(c, p->to, a, len, offset))
			return -1;
		return compare(c, p->to, a, b, len, offset);
	}
	return -1;
}

/*
 * Takes the next block; false when there is none or somebody failed.
 * The lock is held for the choice alone, never while a disk is being waited for.
 */
static bool take(struct crew *c, uint64_t *block)
{
	struct pass *p = c->pass;
	bool ok;

	pthread_mutex_lock(&c->lock);
	ok = !c->failed && c->next < p->blocks;
	if (ok)
		*block = p->random ? pattern_shuffle(c->next, p->blocks, p->seed) : c->next;
	c->next += ok;
	pthread_mutex_unlock(&c->lock);
	return ok;
}

/*
 * Each thread adds up by itself and hands its sum in at the end. One that fails hands in nothing:
 * there is no checksum then.
 */
static int work_on(struct crew *c, char *a, char *b)
{
	struct pass *p = c->pass;
	uint64_t block, offset, sum = 0;
	size_t len;

	while (take(c, &block)) {
		offset = block * p->block;
		len = p->size - offset < p->block ? (size_t)(p->size - offset) : p->block;
		if (do_block(c, a, b, len, offset))
			return -1;
		sum += pattern_sum(a, len, offset);
	}
	pthread_mutex_lock(&c->lock);
	p->checksum += sum;
	pthread_mutex_unlock(&c->lock);
	return 0;
}

/*
 * Buffers are the thread's own, so no lock covers data. One without memory fails the whole pass: a
 * test that quietly ran with a smaller depth would prove less than it says.
 */
static void *worker(void *arg)
{
	struct crew *c = arg;
	void *a = NULL, *b = NULL;

	if (posix_memalign(&a, BLKCOPY_ALIGN, c->pass->block) || posix_memalign(&b, BLKCOPY_ALIGN, c->pass->block))
		fail(c, c->pass->from ? c->pass->from : c->pass->to, 0, "no memory for a buffer: try a smaller -b or -q");
	else
		work_on(c, a, b);
	free(a);
	free(b);
	return NULL;
}

/* Seconds that only go forward: a calendar that is set meanwhile must not make a disk fast. */
static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* Everything in p that is a result is set anew, so one struct pass serves for pass after pass. */
int pass_run(struct pass *p)
{
	struct crew crew = { .pass = p, .lock = PTHREAD_MUTEX_INITIALIZER };
	pthread_t *threads = calloc(p->depth, sizeof *threads);
	unsigned n = 0;

	if (!threads) {
		fprintf(stderr, "blkcopy: no memory\n");
		return -1;
	}
	p->blocks = p->size / p->block + (p->size % p->block != 0);
	p->checksum = 0;
	p->seconds = now();
	while (n < p->depth && !pthread_create(&threads[n], NULL, worker, &crew))
		n++;
	/* Fewer threads than asked for is slower, not wrong; none at all does nothing. */
	if (!n)
		fail(&crew, p->to ? p->to : p->from, 0, "no memory for a thread");
	while (n)
		pthread_join(threads[--n], NULL);
	/*
	 * A write is done when it is on stable storage: the flush belongs to the time that is measured.
	 */
	if (!crew.failed && (p->kind == PASS_WRITE || p->kind == PASS_COPY) && fsync(p->to->fd))
		fail(&crew, p->to, 0, strerror(errno));
	p->seconds = now() - p->seconds;
	free(threads);
	return crew.failed ? -1 : 0;
}
