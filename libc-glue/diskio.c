/* SPDX-License-Identifier: MIT */
#include "core/err.h"

/*
 * Requests to disks: cut to what the device takes, queued, rung in together, and waited for.
 *
 * The requests stand on the stack of the thread that waits, up to BATCH of them at a time. The
 * loop's poller reaps for all threads and wakes each when its batch is done, so a disk is busy with
 * as many requests as threads have given it.
 */

#include "core/plat.h"
#include "libc-glue/disk.h"

#define BATCH 16u
#define AWAY_NS 30000000000ull /* a backend that is away for longer does not come back, as far as a program can wait */

/* What one thread waits for. */
struct batch {
	unsigned left;
	int status; /* the first error */
	struct waitq done;
	struct blk_req req[BATCH];
};

static struct disk *disks;
static unsigned ndisks;
static unsigned changes; /* plat_changes() when they were last looked at */

/* ---- Reaping ---- */

/*
 * Inside the poller: notes the result and wakes, no more. From the last wake-up on the batch may be
 * gone with its stack.
 */
static void complete(struct blk_req *req)
{
	struct batch *b = req->token;

	if (req->status && !b->status)
		b->status = req->status;
	if (--b->left == 0)
		waitq_wake(&b->done, 1);
}

/*
 * Takes what is done, 32 at a time until there are fewer. Whoever found the ring full is woken for
 * each turn of the loop that freed something; they are few, and each of them looks again.
 */
static bool reap(struct disk *d)
{
	struct blk_req *v[32];
	unsigned i, n, sum = 0;

	do {
		n = blk_reap(d->n, v, 32);
		for (i = 0; i < n; i++)
			complete(v[i]);
		sum += n;
	} while (n == 32);
	d->inflight -= sum;
	if (sum)
		waitq_wake(&d->room, UINT32_MAX);
	return sum > 0;
}

/*
 * An idle disk is not asked at all, but when something has changed: a program that has disks and
 * serves the network pays one comparison for each.
 */
static bool disks_poll(void)
{
	bool did = false;
	unsigned i;

	if (changes != plat_changes()) {
		changes = plat_changes();
		disk_changed();
	}
	for (i = 0; i < ndisks; i++)
		if (disks[i].inflight)
			did |= reap(&disks[i]);
	return did;
}

/* The loop's second step (loop.c): an interrupt is only wanted where something is under way. */
static bool disks_arm(void)
{
	unsigned i;

	for (i = 0; i < ndisks; i++)
		if (disks[i].inflight && blk_arm(disks[i].n))
			return true;
	return false;
}

/* The disks are in static memory: the poller stays for ever. */
void diskio_start(struct disk *v, unsigned n)
{
	static struct poller poller = { .poll = disks_poll, .arm = disks_arm };

	ndisks = n;
	if (disks)
		return;
	disks = v;
	changes = plat_changes();
	loop_add(&poller);
}

/* ---- Submitting ---- */

/*
 * Queues one request; while the ring is full, until somebody's request came back. Full with nothing
 * to come back is a disk whose backend is away: that it is there again is a change.
 */
static int submit(struct disk *d, struct batch *b, struct blk_req *req)
{
	int rc;

	while ((rc = blk_submit(d->n, req)) == -ERR_AGAIN) {
		blk_kick(d->n);
		if (waitq_wait(&d->room, d->inflight ? PLAT_FOREVER : plat_now() + AWAY_NS))
			return -ERR_IO;
	}
	if (rc)
		return rc;
	d->inflight++;
	b->left++;
	return 0;
}

/* The largest piece of an operation that the device takes at once. */
static uint32_t piece_limit(const struct disk *d, enum blk_op op)
{
	uint32_t max = op == BLK_DISCARD ? d->info.max_discard : d->info.max_sectors;

	return max ? max : 1;
}

/* Queues up to a batch from *sector on; moves *sector, *sectors and *data behind it. */
static int submit_batch(struct disk *d, struct batch *b, enum blk_op op, uint64_t *sector, uint64_t *sectors, char **data)
{
	uint32_t max = piece_limit(d, op), n;
	unsigned i;
	int rc = 0;

	for (i = 0; i < BATCH && *sectors && !rc; i++) {
		n = *sectors < max ? (uint32_t)*sectors : max;
		b->req[i] = (struct blk_req){ .op = op, .sector = *sector, .sectors = n, .data = *data, .token = b };
		rc = submit(d, b, &b->req[i]);
		*sector += n;
		*sectors -= n;
		if (*data)
			*data += (size_t)n * d->info.sector_size;
	}
	return rc;
}

/*
 * Rings the bell and waits until all that was queued is back: the requests are on our stack, so not
 * a moment less.
 */
static int finish(struct disk *d, struct batch *b, int rc)
{
	blk_kick(d->n);
	while (b->left)
		waitq_wait(&b->done, PLAT_FOREVER);
	return rc ? rc : b->status;
}

/*
 * A barrier by order of return: what was reported as written before this is queued is what it makes
 * stable.
 */
static int flush(struct disk *d)
{
	struct batch b = { .left = 0 };

	waitq_init(&b.done);
	b.req[0] = (struct blk_req){ .op = BLK_FLUSH, .token = &b };
	return finish(d, &b, submit(d, &b, &b.req[0]));
}

/*
 * Batches one after the other; within a batch the device may do them in any order. After an error
 * nothing new is queued, but what is under way is waited for: its requests and data belong to the
 * device until then.
 */
int diskio_run(struct disk *d, enum blk_op op, uint64_t sector, uint64_t sectors, void *data)
{
	char *at = data;
	int rc = 0;

	if (op == BLK_FLUSH)
		return d->info.can_flush ? flush(d) : 0;
	while (sectors && !rc) {
		struct batch b;

		b.left = 0;
		b.status = 0;
		waitq_init(&b.done);
		rc = finish(d, &b, submit_batch(d, &b, op, &sector, &sectors, &at));
	}
	return rc;
}

void diskio_sync(void)
{
	for (unsigned i = 0; i < ndisks; i++)
		if (disks[i].open)
			diskio_run(&disks[i], BLK_FLUSH, 0, 0, NULL);
}
