/* SPDX-License-Identifier: MIT */
#include "blkfront/blkfront.h"
#include "xen/flavour.h"

/*
 * Bringing a disk up: memory, grants, event channels, and the keys of blkif.h.
 *
 * Memory, grants and event channels are made once, at blk_open(), before the seal, and kept; the
 * rings' contents are new at every connection (netfront/make.c says why). Features of transport
 * (ring pages, queues) are there at InitWait; those of the disk (size, flush, indirect segments)
 * only when the backend is Connected, because Linux' blkback writes them then. The size may change
 * later: the backend writes `sectors` and then its state once more, which fires our watch.
 */

#define SECTORS_MAX (UINT64_MAX / 2 / BLKFRONT_UNIT) /* so that no sum of sectors and bytes wraps */
#define POOL_SHARE 32u  /* the pool takes at most this part of free memory */
#define POOL_MIN 13u    /* one request of 11 segments, its list, and one to spare */
#define DISCARD_MAX (1u << 20) /* sectors: 512 MiB or more a request */

/* Keys of an earlier connection that this one does not write would be believed all the same. */
#define STALE "ring-ref ring-ref0 ring-ref1 ring-ref2 ring-ref3 ring-page-order event-channel multi-queue-num-queues " \
	"queue-0 queue-1 queue-2 queue-3 "

static struct blkfront *disks[BLKFRONT_DISKS];
static char known[BLKFRONT_DISKS][XENBUS_OWN]; /* their paths, and of those that could not be brought up */
static struct xenstore_watch list_watch; /* on all of device/vbd */

struct blkfront *connect_disk(unsigned n)
{
	if (n >= BLKFRONT_DISKS || !disks[n])
		log_panic("blk%u: used, but never opened", n);
	return disks[n];
}

static size_t pages_of(size_t bytes)
{
	return (bytes + PAGE_SIZE - 1) / PAGE_SIZE;
}

/* ---- memory and grants, once ---- */

/*
 * Read-write, also for data that is only written to the disk: a backend that keeps grants mapped
 * needs them so (blkif.h, note 8). POOL_MIN is tried however little is free, since without one
 * whole request there is no disk; halving is for a grant table that has less room than memory.
 */
static int make_pool(struct blkfront *d)
{
	size_t n = page_unused() / POOL_SHARE;

	n = n < POOL_MIN ? POOL_MIN : n < BLKFRONT_POOL ? n : BLKFRONT_POOL;
	for (; n >= POOL_MIN && !d->pool; n /= 2) {
		d->pool = gnttab_alloc(d->dev.domid, n, false, &d->pool_ref);
		d->pool_pages = (unsigned)n;
	}
	d->pool_free = BLKFRONT_NONE;
	for (unsigned i = d->pool ? d->pool_pages : 0; i-- > 0;) {
		d->pool_next[i] = d->pool_free;
		d->pool_free = (uint16_t)i;
		d->pool_left++;
	}
	return d->pool ? 0 : -ERR_NOMEM;
}

/*
 * The queue hangs in queue[] before it is complete, so that discard() finds what a failure half-way
 * leaves. Pages of one ring are consecutive, in memory and in references.
 */
static int make_queue(struct blkfront *d, unsigned number)
{
	struct blkfront_queue *q = page_alloc(pages_of(sizeof(*q)));

	if (!q)
		return -ERR_NOMEM;
	__builtin_memset(q, 0, sizeof(*q));
	q->disk = d;
	queue_init(q);
	d->queue[number] = q;
	q->page = gnttab_alloc(d->dev.domid, 1u << d->order, false, &q->ref);
	q->port = q->page ? evtchn_alloc(d->dev.domid) : -1;
	return q->port >= 0 ? 0 : -ERR_NOMEM;
}

int connect_disk_ports(struct blkfront *d)
{
	for (unsigned i = 0; i < d->n_queues; i++) {
		d->queue[i]->port = evtchn_alloc(d->granted_to);
		if (d->queue[i]->port < 0)
			return -ERR_NOMEM;
	}
	return 0;
}

static int make_queues(struct blkfront *d)
{
	int rc = make_pool(d);

	d->granted_to = d->dev.domid;
	for (unsigned i = 0; i < d->n_queues && rc == 0; i++)
		rc = make_queue(d, i);
	return rc;
}

/*
 * For a disk that never came up. Closing comes first: a backend that has let go by then gives us
 * the pages back, one that has not costs us those pages (XSA-396).
 */
static void discard(struct blkfront *d)
{
	xenbus_close(&d->dev);
	for (unsigned i = 0; i < BLKFRONT_QUEUES; i++) {
		struct blkfront_queue *q = d->queue[i];

		if (!q)
			continue;
		if (q->port >= 0)
			evtchn_close((unsigned)q->port);
		gnttab_free(q->page, 1u << d->order, q->ref);
		page_free(q, pages_of(sizeof(*q)));
	}
	gnttab_free(d->pool, d->pool_pages, d->pool_ref);
	page_free(d, pages_of(sizeof(*d)));
}

/* ---- what the backend offers ---- */

/* The ring's size stays as it was first made; a later backend that takes less cannot be used. */
static int read_transport(struct blkfront *d, bool again)
{
	uint64_t order;
	int queues, rc = xenbus_number(&d->dev, "max-ring-page-order", UINT32_MAX, 0, &order);

	if (rc < 0)
		return rc;
	queues = xenbus_queues(&d->dev, BLKFRONT_QUEUES);
	if (queues < 0)
		return queues;
	/*
	 * Every grant names its domain and every ring has its pages, made before the seal: a
	 * backend in another domain, or one that takes less, cannot be served with them.
	 */
	if (again)
		return order < d->order || (unsigned)queues < d->n_queues || d->dev.domid != d->granted_to ? -ERR_NOTSUP : 0;
	d->order = order < BLKFRONT_RING_ORDER ? (unsigned)order : BLKFRONT_RING_ORDER;
	d->n_queues = (unsigned)queues;
	return 0;
}

/*
 * An indirect request takes its data's pages and one for the list, so the pool bounds it; the bound
 * leaves a request that, alone, can always have its pages. max_sectors is what blk.h's callers cut
 * their requests to: 11 segments, 44 KiB, where nothing better is offered.
 */
static int read_features(struct blkfront *d)
{
	bool can_discard = false;
	uint64_t segments = 0;
	unsigned most = d->pool_pages - 1;
	int rc = xenbus_flag(&d->dev, "feature-flush-cache", &d->flush);

	if (rc == 0)
		rc = xenbus_flag(&d->dev, "feature-barrier", &d->barrier);
	if (rc == 0)
		rc = xenbus_flag(&d->dev, "feature-discard", &can_discard);
	if (rc == 0)
		rc = xenbus_number(&d->dev, "feature-max-indirect-segments", UINT32_MAX, 0, &segments);
	segments = segments < BLKFRONT_SEGMENTS ? segments : BLKFRONT_SEGMENTS;
	d->indirect = (unsigned)(segments < most ? segments : most);
	most = d->indirect > BLKIF_MAX_SEGMENTS_PER_REQUEST ? d->indirect : BLKIF_MAX_SEGMENTS_PER_REQUEST;
	d->info.can_flush = d->flush || d->barrier;
	d->info.max_discard = can_discard ? DISCARD_MAX : 0;
	d->info.max_sectors = most * PAGE_SIZE / (d->factor * BLKFRONT_UNIT);
	return rc;
}

/*
 * In units of 512 bytes like everything on the wire, which Linux' backend always meant and blkif.h
 * says since Xen 4.20. SECTORS_MAX keeps a lie of the backend's from wrapping sums of ours.
 */
int connect_disk_size(struct blkfront *d)
{
	uint64_t sectors;
	int rc = xenbus_number(&d->dev, "sectors", SECTORS_MAX, 0, &sectors);

	if (rc == 0)
		d->info.sectors = sectors / d->factor;
	return rc;
}

/* Once: a sector size that changed under requests in flight would be another disk. */
static int read_shape(struct blkfront *d, bool again)
{
	uint64_t size, flags;
	int rc = xenbus_number(&d->dev, "sector-size", PAGE_SIZE, BLKFRONT_UNIT, &size);

	if (rc == 0)
		rc = xenbus_number(&d->dev, "info", UINT32_MAX, 0, &flags);
	if (rc < 0)
		return rc;
	/* blkif.h, sector-size: a power of two, 512 at least. blk.h stops at 4096. */
	if (size < BLKFRONT_UNIT || size & (size - 1) || (again && size != d->info.sector_size)) {
		log_line(LOG_ERR, "blk%u: a sector size of %u cannot be", d->number, (unsigned)size);
		return -ERR_PROTO;
	}
	d->info.sector_size = (uint32_t)size;
	d->info.read_only = flags & VDISK_READONLY;
	d->factor = (uint32_t)size / BLKFRONT_UNIT;
	rc = connect_disk_size(d);
	return rc < 0 ? rc : read_features(d);
}

/* ---- rings, events, keys: at every connection ---- */

/* What was out waits to be put again; only then is the ring cleared on which its answers would have stood. */
static void start_queue(struct blkfront_queue *q)
{
	queue_again(q);
	ring_init(&q->ring, q->page, PAGE_SIZE << q->disk->order, sizeof(union blkif_sring_entry));
}

/* blkif.h, note 6: one page is ring-ref, several are ring-ref0, ring-ref1 ... */
static void queue_keys(struct xenbus_keys *k, const struct blkfront_queue *q)
{
	char name[12];

	xenbus_key(k, "event-channel", (unsigned)q->port);
	if (q->disk->order == 0)
		xenbus_key(k, "ring-ref", (unsigned)q->ref);
	for (unsigned i = 0; q->disk->order > 0 && i < 1u << q->disk->order; i++) {
		fmt_format(name, sizeof(name), "ring-ref%u", i);
		xenbus_key(k, name, (unsigned)q->ref + i);
	}
}

/*
 * feature-persistent: the same grants always, so a backend that keeps them mapped is right to.
 * protocol: requests have the layout of a 64-bit guest, whatever its dom0 is. Keys and state are
 * one transaction, as the backend reads them when it sees Initialised; our Connected waits for its
 * disk's keys.
 */
static int publish(struct blkfront *d)
{
	struct xenbus_keys k = { .n = 0 };

	xenbus_key(&k, "feature-persistent", 1);
	fmt_format(k.v[k.n].name, sizeof(k.v[0].name), "protocol");
	fmt_format(k.v[k.n++].value, sizeof(k.v[0].value), "%s", XEN_IO_PROTO_ABI_NATIVE);
	if (d->order > 0)
		xenbus_key(&k, "ring-page-order", d->order);
	if (d->n_queues > 1)
		xenbus_key(&k, "multi-queue-num-queues", d->n_queues);
	for (unsigned i = 0; i < d->n_queues; i++) {
		if (d->n_queues > 1)
			fmt_format(k.prefix, sizeof(k.prefix), "queue-%u/", i);
		queue_keys(&k, d->queue[i]);
	}
	return xenbus_publish(&d->dev, &k, XenbusStateInitialised);
}

/* One connection, up to our keys. The same for the first and for every later one. */
int connect_disk_begin(struct blkfront *d, bool again)
{
	int rc = xenbus_attach(&d->dev);

	if (rc == 0)
		rc = read_transport(d, again);
	if (rc == 0 && !again)
		rc = make_queues(d);
	for (unsigned i = 0; i < d->n_queues && rc == 0; i++)
		start_queue(d->queue[i]);
	if (rc == 0 && again)
		xenbus_forget(&d->dev, STALE);
	return rc == 0 ? publish(d) : rc;
}

/*
 * The rest of it, when the backend is Connected. Our own Connected comes last: it means that what the
 * disk said of itself was read and can be used.
 */
int connect_disk_finish(struct blkfront *d)
{
	int rc = read_shape(d, d->described && !d->info.gone);

	d->described |= rc == 0;
	return rc == 0 ? xenbus_ready(&d->dev) : rc;
}

/*
 * What waited through the gap goes first; queue_submit() takes nothing new while any of it is left.
 */
void connect_disk_up(struct blkfront *d)
{
	d->connected = true;
	d->info.gone = false;
	for (unsigned i = 0; i < d->n_queues; i++)
		queue_resume(d->queue[i]);
	blk_kick(d->number);
	log_line(LOG_INFO, "blk%u: up, %llu sectors of %u%s%s%s, %u KiB a request, %u queues of %u, %u pages, backend dom%u", d->number,
		 (unsigned long long)d->info.sectors, d->info.sector_size, d->info.read_only ? ", read-only" : "",
		 d->flush ? ", flush" : d->barrier ? ", barrier" : "", d->info.max_discard ? ", discard" : "",
		 d->info.max_sectors * d->info.sector_size / 1024, d->n_queues, d->queue[0]->ring.slots, d->pool_pages, d->dev.domid);
}

/*
 * The device's number, which a request repeats: the last part of its path. blkif.h gives it 16
 * bits.
 */
static uint16_t handle_of(const struct xenbus_dev *dev)
{
	uint64_t number = 0;

	fmt_number(dev->path + sizeof("device/vbd/") - 1, UINT32_MAX, &number);
	return (uint16_t)number;
}

/*
 * At the start nobody meets a disk that is not up. While the program runs nobody may wait for a
 * backend's hotplug script: then the disk is described when its backend is Connected.
 */
static int bring_up(struct blkfront *d)
{
	int rc = connect_disk_begin(d, false);

	if (rc < 0 || flavour_running()) {
		d->begun = rc == 0;
		return rc;
	}
	rc = xenbus_wait_connected(&d->dev);
	if (rc == 0)
		rc = connect_disk_finish(d);
	return rc;
}

/* A disk that was taken away and is there again: its watch is fired for service(), as the backend's may be another. */
static void look_for_gone(void)
{
	for (unsigned i = 0; i < BLKFRONT_DISKS; i++)
		if (disks[i] && disks[i]->info.gone && !disks[i]->broken)
			disks[i]->dev.watch.fired = true;
}

/* The next device that is not known; -ERR_NODEV at once where nothing was heard since the last look. */
static int find(struct xenbus_dev *dev)
{
	if (!xenbus_heard(&list_watch, "device/vbd"))
		return -ERR_NODEV;
	look_for_gone();
	return xenbus_find("vbd", known, BLKFRONT_DISKS, dev);
}

/*
 * All that a backend or xenstore can get wrong is -ERR_PROTO; the log line has the reason.
 */
int blk_open(unsigned n, struct blk_info *info)
{
	struct xenbus_dev dev;
	struct blkfront *d;
	int rc;

	if (n < BLKFRONT_DISKS && disks[n])
		return -ERR_BUSY;
	if (n >= BLKFRONT_DISKS)
		return -ERR_NODEV;
	known[n][0] = 0; /* one that failed may be tried again */
	if (find(&dev) < 0)
		return -ERR_NODEV;
	__builtin_strcpy(known[n], dev.path);
	d = page_alloc(pages_of(sizeof(*d)));
	if (!d)
		return -ERR_NOMEM;
	__builtin_memset(d, 0, sizeof(*d));
	d->dev = dev;
	d->number = n;
	d->handle = handle_of(&dev);
	d->life = suspend_lives();
	rc = bring_up(d);
	if (rc < 0) {
		log_line(LOG_ERR, "blk%u: %s cannot be brought up, error %d", n, dev.path, -rc);
		discard(d);
		return rc == -ERR_TIMEDOUT || rc == -ERR_NOMEM ? rc : -ERR_PROTO;
	}
	disks[n] = d;
	if (!d->begun)
		connect_disk_up(d);
	*info = d->info;
	return 0;
}

/*
 * For good: nothing resets `broken`. The backend may still write to the pool, which is never used
 * again; callers' buffers it could never reach.
 */
void connect_disk_break(struct blkfront *d, const char *why)
{
	if (d->broken)
		return;
	d->broken = d->info.broken = true;
	log_line(LOG_ERR, "blk%u: broken: dom%u: %s", d->number, d->dev.domid, why);
	d->connected = false;
	for (unsigned i = 0; i < d->n_queues; i++) {
		evtchn_ignore((unsigned)d->queue[i]->port);
		queue_fail(d->queue[i]);
	}
	xenbus_say(&d->dev, XenbusStateClosing);
}
