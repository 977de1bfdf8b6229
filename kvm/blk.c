/* SPDX-License-Identifier: MIT */
#include "core/blk.h"

/*
 * The door to disks (core/blk.h) on virtio-blk: requests in flight.
 *
 * A request is a chain of header, data, status. Header and status live in a slot of the chain's
 * first descriptor; the request itself is the token. What the device writes is the used ring
 * (virtq.c checks it), the data, and the status, which is read once and is an error when it is
 * nothing that we know.
 */

#include "core/core.h"
#include "core/err.h"
#include "core/plat.h"
#include "kvm/kvm.h"
#include "kvm/vioblk.h"

#define SECTOR 512u
#define STATUS_NONE 0xffu /* stands there until the device writes */
#define HEADER_LEN 16u
#define DISCARD_LEN 16u
#define REMIND_NS 1000000000ull

/* A disk that is open. Another number is the caller's mistake, and no input. */
static struct vioblk *get(unsigned n)
{
	if (n >= VIOBLK_MAX || !vioblk[n].dev)
		log_panic("blk%u: used before blk_open()", n);
	return &vioblk[n];
}

/* The place in the table is checked here; vioblk_open() says whether there is such a disk. */
int blk_open(unsigned n, struct blk_info *info)
{
	int rc;

	if (n >= VIOBLK_MAX)
		return -ERR_NODEV;
	rc = vioblk_open(n);
	if (!rc)
		*info = vioblk[n].info;
	return rc;
}

/*
 * The size is read again at most ten times a second: somebody who asks before each request must
 * not pay an exit for each.
 */
void blk_info(unsigned n, struct blk_info *info)
{
	struct vioblk *x = get(n);

	if (!x->info.broken && plat_now() >= x->look)
		vioblk_look(x);
	*info = x->info;
}

void blk_stats(unsigned n, struct blk_stats *stats)
{
	*stats = get(n)->stats;
}

/*
 * The caller's part of the bargain, and what this disk can do. The range is compared so that no
 * sum can wrap. What a shrunken disk no longer has is refused here as soon as we have seen it
 * shrink, and by the device before.
 */
static int check(const struct vioblk *x, const struct blk_req *r)
{
	uint32_t most = r->op == BLK_DISCARD ? x->info.max_discard : x->info.max_sectors;

	if (r->op == BLK_FLUSH)
		return r->sectors ? -ERR_INVAL : x->info.can_flush ? 0 : -ERR_NOTSUP;
	if (r->op != BLK_READ && x->info.read_only)
		return -ERR_ROFS;
	if (r->op == BLK_DISCARD && !most)
		return -ERR_NOTSUP;
	if (!r->sectors || r->sectors > most || r->sectors > x->info.sectors || r->sector > x->info.sectors - r->sectors)
		return -ERR_INVAL;
	if (r->op != BLK_DISCARD && (!r->data || (uintptr_t)r->data % BLK_ALIGN))
		return -ERR_INVAL;
	return 0;
}

/* Cuts the data into pieces that the device takes. Returns how many. */
static unsigned cut(const struct vioblk *x, const struct blk_req *r, struct virtq_seg *seg)
{
	const char *data = r->data;
	uint32_t left = r->sectors * x->info.sector_size, n;
	unsigned count = 0;

	for (; left; left -= n, data += n) {
		n = left < x->seg_bytes ? left : x->seg_bytes;
		seg[count++] = (struct virtq_seg){ data, n };
	}
	return count;
}

/*
 * What the device reads besides the data. Every field is set, so that nothing of an earlier
 * request goes out; the flush's sector must be 0 (§5.2.6.1).
 */
static void fill_slot(const struct vioblk *x, struct vioblk_slot *s, const struct blk_req *r)
{
	static const uint32_t types[] = { VIOBLK_IN, VIOBLK_OUT, VIOBLK_FLUSH, VIOBLK_DISCARD };
	uint32_t scale = x->info.sector_size / SECTOR;

	*s = (struct vioblk_slot){ .type = types[r->op], .status = STATUS_NONE };
	if (r->op == BLK_READ || r->op == BLK_WRITE)
		s->sector = r->sector * scale;
	if (r->op == BLK_DISCARD) {
		s->discard.sector = r->sector * scale;
		s->discard.sectors = r->sectors * scale;
	}
}

/*
 * Header and data of a write are read by the device, data of a read and the status are written:
 * pieces to be read stand first in a chain (§2.7.4.2). Older devices want header and status in
 * descriptors of their own, which they get everywhere. A broken disk takes requests as well:
 * nothing shows them to the device, and blk_reap() gives them back.
 */
int blk_submit(unsigned n, struct blk_req *r)
{
	struct vioblk *x = get(n);
	struct virtq_seg seg[VIRTQ_SEGS_MAX];
	struct vioblk_slot *s;
	unsigned pieces = 0;
	int rc = check(x, r);

	if (rc)
		return rc;
	if (!x->queue.nfree)
		return -ERR_AGAIN;
	s = &x->slots[virtq_head(&x->queue)];
	seg[0] = (struct virtq_seg){ s, HEADER_LEN };
	if (r->op == BLK_DISCARD)
		seg[++pieces] = (struct virtq_seg){ &s->discard, DISCARD_LEN };
	else if (r->op != BLK_FLUSH)
		pieces = cut(x, r, seg + 1);
	seg[1 + pieces] = (struct virtq_seg){ &s->status, 1 };
	fill_slot(x, s, r);
	if (r->op == BLK_READ)
		return virtq_add(&x->queue, seg, 1, pieces + 1, r);
	return virtq_add(&x->queue, seg, 1 + pieces, 1, r);
}

/* Bytes count only when they were moved. */
static void count(struct vioblk *x, const struct blk_req *r)
{
	struct blk_stats *s = &x->stats;

	s->reads += r->op == BLK_READ;
	s->writes += r->op == BLK_WRITE;
	s->flushes += r->op == BLK_FLUSH;
	s->discards += r->op == BLK_DISCARD;
	s->errors += r->status != 0;
	if (r->status)
		return;
	s->bytes_read += r->op == BLK_READ ? (uint64_t)r->sectors * x->info.sector_size : 0;
	s->bytes_written += r->op == BLK_WRITE ? (uint64_t)r->sectors * x->info.sector_size : 0;
}

/* STATUS_NONE, and every other value that the specification does not know, is an error. */
static struct blk_req *finish(struct vioblk *x, struct blk_req *r, uint8_t status)
{
	r->status = status == VIOBLK_OK ? 0 : status == VIOBLK_UNSUPP ? -ERR_NOTSUP : -ERR_IO;
	count(x, r);
	return r;
}

/*
 * After the queue was found broken the device is reset before anything else comes back: until
 * then it might still write to the data of requests that we give back.
 */
unsigned blk_reap(unsigned n, struct blk_req **v, unsigned max)
{
	struct vioblk *x = get(n);
	bool armed = x->queue.armed;
	unsigned pending = virtq_pending(&x->queue), taken = 0;
	struct virtq_done done;
	void *r;

	x->stats.wakes += armed && pending;
	while (taken < max && pending-- && virtq_take(&x->queue, &done))
		v[taken++] = finish(x, done.token, *(volatile uint8_t *)&x->slots[done.head].status);
	if (!x->queue.broken)
		return taken;
	vioblk_fail(x);
	while (taken < max && (r = virtq_drain(&x->queue)) != NULL)
		v[taken++] = finish(x, r, VIOBLK_IOERR);
	return taken;
}

/* One exit at most, and none while the device is still busy with the ring. */
void blk_kick(unsigned n)
{
	struct vioblk *x = get(n);

	x->stats.kicks += virtio_kick(x->dev, &x->queue);
}

/*
 * A host that suspends a disk for a moment, to resize it say, may lose sight of what was added meanwhile and never ask for
 * a doorbell again (QEMU before 9.0, whenever block_resize meets requests in flight). So a disk that has
 * work and has given nothing back for a second is rung once more.
 */
static void remind(struct vioblk *x)
{
	uint64_t now = plat_now();

	if (!x->remind || x->seen != x->queue.seen) {
		x->seen = x->queue.seen;
		x->remind = now + REMIND_NS;
	} else if (now >= x->remind) {
		x->remind = now + REMIND_NS;
		virtio_remind(x->dev, &x->queue);
		x->stats.kicks++;
	}
	intr_nap(x->remind);
}

/*
 * With nothing in flight there is nothing to be woken for, and not even the acknowledgement of an
 * old interrupt is worth its exit: the line may stay up until there is.
 */
bool blk_arm(unsigned n)
{
	struct vioblk *x = get(n);

	if (x->info.broken || x->queue.broken)
		return x->queue.inflight;
	if (!x->queue.inflight) {
		x->remind = 0;
		return false;
	}
	remind(x);
	virtio_ack(x->dev);
	x->stats.kicks += virtio_rekick(x->dev, &x->queue);
	return virtq_arm(&x->queue, 0);
}
