/* SPDX-License-Identifier: MIT */
#include "blkfront/blkfront.h"

/*
 * blk.h for Xen, over all queues of a disk. The work is in queue.c; bringing up and down in
 * connect.c.
 *
 * A disk whose backend went away keeps its requests, and new ones as far as there is room, until
 * there is a backend again. A broken disk takes them and gives them back with -ERR_IO. One that the
 * toolstack has taken away refuses new ones (-ERR_NODEV).
 */

void blk_info(unsigned n, struct blk_info *info)
{
	struct blkfront *d = connect_disk(n);

	follow_disk(d);
	*info = d->info;
}

void blk_stats(unsigned n, struct blk_stats *stats)
{
	struct blkfront *d = connect_disk(n);

	*stats = d->stats;
	stats->wakes = 0;
	for (unsigned i = 0; i < d->n_queues && d->connected; i++)
		stats->wakes += evtchn_fired((unsigned)d->queue[i]->port);
}

/* What blk.h asks of a request. */
static int check(const struct blkfront *d, const struct blk_req *r)
{
	const struct blk_info *info = &d->info;

	if (info->gone)
		return -ERR_NODEV;
	if (r->op == BLK_FLUSH)
		return info->can_flush ? 0 : -ERR_NOTSUP;
	if (r->op != BLK_READ && r->op != BLK_WRITE && r->op != BLK_DISCARD)
		return -ERR_INVAL;
	if (r->op == BLK_DISCARD && info->max_discard == 0)
		return -ERR_NOTSUP;
	if (r->op != BLK_READ && info->read_only)
		return -ERR_ROFS;
	/* No sum that could wrap; at every request, since the disk may have shrunk a moment ago. */
	if (r->sectors == 0 || r->sectors > info->sectors || r->sector > info->sectors - r->sectors)
		return -ERR_INVAL;
	if (r->op == BLK_DISCARD)
		return r->sectors <= info->max_discard ? 0 : -ERR_INVAL;
	return r->sectors <= info->max_sectors && r->data && (uintptr_t)r->data % BLK_ALIGN == 0 ? 0 : -ERR_INVAL;
}

/*
 * Queues in turn, so that one slow request does not keep others waiting. -ERR_AGAIN only while
 * there is something to come back.
 */
int blk_submit(unsigned n, struct blk_req *req)
{
	struct blkfront *d = connect_disk(n);
	int rc = check(d, req);

	if (rc < 0)
		return rc;
	if (d->broken)
		return queue_refuse(d->queue[0], req);
	for (unsigned i = 0; i < d->n_queues; i++) {
		rc = queue_submit(d->queue[d->next_queue++ % d->n_queues], req);
		if (rc == 0)
			return 0;
	}
	return -ERR_AGAIN;
}

/*
 * Also where the backend is followed. A disk that is down or broken is reaped as well: what was
 * failed must reach its callers.
 */
unsigned blk_reap(unsigned n, struct blk_req **v, unsigned max)
{
	struct blkfront *d = connect_disk(n);
	unsigned got = 0;

	follow_disk(d);
	for (unsigned i = 0; i < d->n_queues; i++) {
		if (d->connected)
			queue_poll(d->queue[i]);
		if (d->queue[i]->kick)
			blk_kick(n); /* polling may have put what waited */
		got += queue_reap(d->queue[i], v + got, max - got);
	}
	if (d->info.gone && d->connected)
		follow_leave(d);
	return got;
}

/* ring_push() compares with the backend's req_event: one that is busy costs no hypercall. */
void blk_kick(unsigned n)
{
	struct blkfront *d = connect_disk(n);

	for (unsigned i = 0; i < d->n_queues && d->connected; i++) {
		struct blkfront_queue *q = d->queue[i];

		if (q->kick && ring_push(&q->ring)) {
			evtchn_send((unsigned)q->port);
			d->stats.kicks++;
		}
		q->kick = false;
	}
}

/*
 * ring_arm() writes rsp_event, then looks once more: either we see the answer or the backend sees
 * our wish. Requests not reaped and a ring found broken are work too, for which no event would
 * come.
 */
bool blk_arm(unsigned n)
{
	struct blkfront *d = connect_disk(n);

	/* Nobody clears the watch of a broken disk: it would keep the machine awake. */
	if ((d->dev.watch.fired || d->life != suspend_lives()) && !d->broken)
		return true;
	for (unsigned i = 0; i < d->n_queues; i++) {
		struct blkfront_queue *q = d->queue[i];

		if (q->done != BLKFRONT_NONE)
			return true;
		if (d->connected && (ring_arm(&q->ring, 0) || q->ring.broken))
			return true;
	}
	return false;
}
