/* SPDX-License-Identifier: MIT */
/*
 * Bringing up a virtio block device: features, limits, its queue. blk.c then moves the requests.
 *
 * The device counts in sectors of 512 bytes whatever its own are; here that becomes the disk's sector size, and limits
 * that no disk can have are refused or replaced, with a line.
 */
#include "kvm/vioblk.h"

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

static void read_size(struct vioblk *x)
{
	x->info.sectors = virtio_field(x->dev, CONFIG_CAPACITY, 8) / (x->info.sector_size / SECTOR);
}

static uint32_t sector_size(struct virtio *d)
{
	uint32_t size = virtio_has(d, F_BLK_SIZE) ? (uint32_t)virtio_field(d, CONFIG_BLK_SIZE, 4) : SECTOR;

	if (size >= SECTOR && size <= SECTOR_MAX && !(size & (size - 1)))
		return size;
	log_line(LOG_WARN, "%s: sectors of %u bytes cannot be, %u taken", d->name, size, SECTOR);
	return SECTOR;
}

/* How large a request may be, given what a piece may have and how many pieces there may be. */
static int read_limits(struct vioblk *x)
{
	uint32_t size_max = virtio_has(x->dev, F_SIZE_MAX) ? (uint32_t)virtio_field(x->dev, CONFIG_SIZE_MAX, 4) : REQUEST_MAX;
	uint32_t seg_max = virtio_has(x->dev, F_SEG_MAX) ? (uint32_t)virtio_field(x->dev, CONFIG_SEG_MAX, 4) : 1;
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

static uint32_t max_discard(struct vioblk *x)
{
	uint32_t most;

	if (!virtio_has(x->dev, F_DISCARD) || !virtio_field(x->dev, CONFIG_DISCARD_SEGS, 4))
		return 0;
	most = (uint32_t)virtio_field(x->dev, CONFIG_DISCARD_MAX, 4);
	return most / (x->info.sector_size / SECTOR);
}

static int read_config(struct vioblk *x)
{
	x->info = (struct blk_info){ .read_only = virtio_has(x->dev, F_RO), .can_flush = virtio_has(x->dev, F_FLUSH) };
	x->info.sector_size = sector_size(x->dev);
	read_size(x);
	x->info.max_discard = max_discard(x);
	return read_limits(x);
}

void vioblk_fail(struct vioblk *x)
{
	if (x->info.broken)
		return;
	x->info.broken = x->queue.broken = true;
	virtio_reset(x->dev);
}

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

static void say_up(const struct vioblk *x)
{
	char place[24];

	virtio_place(x->dev, place, sizeof place);
	log_line(LOG_INFO, "%s: up, %lu sectors of %u,%s%s%s %u requests of %u KiB, virtio %s%s", x->dev->name,
		(unsigned long)x->info.sectors, x->info.sector_size, x->info.read_only ? " read-only" : "",
		x->info.can_flush ? " flush" : "", x->info.max_discard ? " discard" : "", x->queue.size,
		x->info.max_sectors * x->info.sector_size >> 10, place, x->dev->polled ? ", no interrupt: polled" : "");
}

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
