/* SPDX-License-Identifier: MIT */
#include "kvm/vioblk.h"

/*
 * Bringing up a virtio block device: features, limits, its queue. blk.c then moves the requests.
 *
 * The device counts in sectors of 512 bytes whatever its own are; here that becomes the disk's
 * sector size, and limits that no disk can have are refused or replaced, with a line.
 */

#include "core/core.h"
#include "core/err.h"
#include "core/plat.h"

/* Feature bits (§5.2.3). */
#define F_SIZE_MAX 1u
#define F_SEG_MAX 2u
#define F_RO 5u
#define F_BLK_SIZE 6u
#define F_FLUSH 9u
#define F_DISCARD 13u

/* Configuration (§5.2.4). */
#define CONFIG_CAPACITY 0u
#define CONFIG_SIZE_MAX 8u
#define CONFIG_SEG_MAX 12u
#define CONFIG_BLK_SIZE 20u
#define CONFIG_DISCARD_MAX 36u
#define CONFIG_DISCARD_SEGS 40u

#define QUEUE_SIZE 128u
#define SECTOR 512u
#define SECTOR_MAX 4096u
#define REQUEST_MIN 8192u         /* the door's promise */
#define REQUEST_MAX (1024u << 10) /* beyond this a larger request gains nothing */
#define LOOK_NS 100000000u

struct vioblk vioblk[VIOBLK_MAX];

/* A field of 32 bits that is there with its feature only. */
static uint32_t option(struct virtio *d, unsigned feature, unsigned offset, uint32_t otherwise)
{
	return virtio_has(d, feature) ? (uint32_t)virtio_field(d, offset, 4) : otherwise;
}

/*
 * A disk whose last sector is not whole loses it. One whose size is read while it changes is read
 * again (virtio_field()).
 */
static void read_size(struct vioblk *x)
{
	x->info.sectors = virtio_field(x->dev, CONFIG_CAPACITY, 8) / (x->info.sector_size / SECTOR);
}

/*
 * The door knows powers of two from 512 to 4096. A device that says otherwise still takes
 * requests of 512 bytes, because that is what its sector numbers count.
 */
static uint32_t sector_size(struct virtio *d)
{
	uint32_t size = option(d, F_BLK_SIZE, CONFIG_BLK_SIZE, SECTOR);

	if (size >= SECTOR && size <= SECTOR_MAX && !(size & (size - 1)))
		return size;
	log_line(LOG_WARN, "%s: sectors of %u bytes cannot be, %u taken", d->name, size, SECTOR);
	return SECTOR;
}

/* How large a request may be, given what a piece may have and how many pieces there may be. */
static int read_limits(struct vioblk *x)
{
	uint32_t size_max = option(x->dev, F_SIZE_MAX, CONFIG_SIZE_MAX, REQUEST_MAX);
	uint32_t seg_max = option(x->dev, F_SEG_MAX, CONFIG_SEG_MAX, 1);
	uint64_t most;

	x->segs = seg_max < VIOBLK_SEGS ? seg_max : VIOBLK_SEGS;
	x->seg_bytes = size_max < REQUEST_MAX ? size_max : REQUEST_MAX;
	most = (uint64_t)x->segs * x->seg_bytes;
	most = most < REQUEST_MAX ? most : REQUEST_MAX;
	x->info.max_sectors = (uint32_t)(most / x->info.sector_size);
	if (most >= REQUEST_MIN)
		return 0;
	log_line(LOG_ERR, "%s: requests of at most %u times %u bytes are too small", x->dev->name, seg_max, size_max);
	return -ERR_PROTO;
}

/* We send one range a request, so a device that takes none at a time has no discard for us. */
static uint32_t max_discard(struct vioblk *x)
{
	uint32_t most;

	if (!virtio_has(x->dev, F_DISCARD) || !virtio_field(x->dev, CONFIG_DISCARD_SEGS, 4))
		return 0;
	most = (uint32_t)virtio_field(x->dev, CONFIG_DISCARD_MAX, 4);
	return most / (x->info.sector_size / SECTOR);
}

/* Everything that is told once. The size alone is read again later. */
static int read_config(struct vioblk *x)
{
	x->info = (struct blk_info){ .read_only = virtio_has(x->dev, F_RO), .can_flush = virtio_has(x->dev, F_FLUSH) };
	x->info.sector_size = sector_size(x->dev);
	read_size(x);
	x->info.max_discard = max_discard(x);
	return read_limits(x);
}

/*
 * Called whenever blk.c finds the queue broken; the first time it counts. The reset is what makes
 * the memory ours again.
 */
void vioblk_fail(struct vioblk *x)
{
	if (x->info.broken)
		return;
	x->info.broken = x->queue.broken = true;
	virtio_reset(x->dev);
}

/*
 * A change of size raises an interrupt, but interrupts carry nothing here: so it is looked for
 * now and then by whoever asks. The same look sees a device that has set NEEDS_RESET (§2.1.2).
 */
void vioblk_look(struct vioblk *x)
{
	uint64_t before = x->info.sectors;

	x->look = plat_now() + LOOK_NS;
	read_size(x);
	if (x->info.sectors != before)
		log_line(LOG_INFO, "%s: now %lu sectors", x->dev->name, (unsigned long)x->info.sectors);
	if (!virtio_failed(x->dev))
		return;
	log_line(LOG_ERR, "%s: broken: the device has given up", x->dev->name);
	vioblk_fail(x);
}

static size_t slot_pages(const struct vioblk *x)
{
	return (x->queue.size * sizeof *x->slots + PAGE_SIZE - 1) / PAGE_SIZE;
}

/*
 * The queue, and a slot for each descriptor: a chain's slot is that of its first descriptor, so
 * slots need no list of their own.
 */
static int make_queue(struct vioblk *x)
{
	int rc = virtio_queue(x->dev, &x->queue, 0, QUEUE_SIZE, true);

	if (rc)
		return rc;
	x->slots = page_alloc(slot_pages(x));
	if (!x->slots)
		return -ERR_NOMEM;
	/* A request must fit the ring even if the device knows no indirect descriptors. */
	if (x->segs > x->queue.size - 2u) {
		x->segs = x->queue.size - 2u;
		if (x->segs * (uint64_t)x->seg_bytes < REQUEST_MAX)
			x->info.max_sectors = x->segs * x->seg_bytes / x->info.sector_size;
	}
	return x->queue.size >= 4 ? 0 : -ERR_PROTO;
}

/* The device is reset before the memory that it was lent goes to somebody else. */
static int give_up(struct vioblk *x, int rc)
{
	log_line(LOG_ERR, "%s: cannot be brought up: error %d", x->dev->name, -rc);
	virtio_close(x->dev);
	if (x->slots)
		page_free(x->slots, slot_pages(x));
	virtq_free(&x->queue);
	*x = (struct vioblk){ .dev = NULL };
	return rc;
}

/* One line, whole and to be searched for. */
static void say_up(const struct vioblk *x)
{
	char place[24];

	virtio_place(x->dev, place, sizeof place);
	log_line(LOG_INFO, "%s: up, %lu sectors of %u%s%s%s, %u requests of %u KiB, virtio %s%s", x->dev->name,
		(unsigned long)x->info.sectors, x->info.sector_size, x->info.read_only ? ", read-only" : "",
		x->info.can_flush ? ", flush" : "", x->info.max_discard ? ", discard" : "", x->queue.size,
		x->info.max_sectors * x->info.sector_size >> 10, place, x->dev->polled ? ", no interrupt: polled" : "");
}

/*
 * §5.2.5, in the order of §3.1.1. TOPOLOGY, CONFIG_WCE, MQ and WRITE_ZEROES are left alone: one
 * queue is enough for one CPU, and the others are of no use to the door.
 */
int vioblk_open(unsigned n)
{
	struct vioblk *x = &vioblk[n];
	struct virtio *d = virtio_get(VIRTIO_BLK, n);
	uint64_t wanted = VIRTIO_BIT(F_SIZE_MAX) | VIRTIO_BIT(F_SEG_MAX) | VIRTIO_BIT(F_RO) | VIRTIO_BIT(F_BLK_SIZE) |
		VIRTIO_BIT(F_FLUSH) | VIRTIO_BIT(F_DISCARD);
	int rc;

	if (!d)
		return -ERR_NODEV;
	rc = virtio_begin(d, "blk", n);
	if (rc)
		return rc;
	*x = (struct vioblk){ .dev = d };
	rc = virtio_agree(d, wanted);
	rc = rc ? rc : read_config(x);
	rc = rc ? rc : make_queue(x);
	if (rc)
		return give_up(x, rc);
	virtio_ready(d);
	x->look = plat_now() + LOOK_NS;
	say_up(x);
	return 0;
}
