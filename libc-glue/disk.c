/* SPDX-License-Identifier: MIT */
#include "libc-glue/disk.h"

/*
 * /dev/blk0, /dev/blk1, ...: a disk as a file of bytes, without a cache.
 *
 * What is aligned in memory and on the disk goes to the device as it is. The rest goes through a
 * bounce buffer, and a write that begins or ends inside a sector reads that sector first. Two
 * writes that touch the same sector take turns, or the one that has read the sector would put back
 * bytes which the other has just changed. What write() has returned for is in the device; fsync(),
 * or O_SYNC at open(), makes it stay there.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "core/plat.h"
#include "libc-glue/dev.h"
#include "libc-glue/glue.h"

#define BOUNCE_PAGES 16u
#define BOUNCE_SIZE (BOUNCE_PAGES * PAGE_SIZE)
#define BOUNCES_MAX 8u /* in use at once; who comes then waits */

struct disk_file {
	struct fd_file file;
	struct disk *disk;
	uint32_t life; /* of the disk that was opened: another in its place is not this file's */
};

/* A write that is going on: first and last sector. */
struct range {
	struct list node;
	uint64_t first, last;
};

/* Where a transfer is: a byte of the disk and a byte of the vector. */
struct cursor {
	const struct iovec *v;
	int nv;
	size_t off;   /* in v[0] */
	uint64_t at;
	uint64_t left;
};

/* By number; one that could not be brought up keeps its place, without a name in /dev. */
static struct disk disks[DISKS_MAX];

static struct disk *disk_of(const struct fd_file *f)
{
	return ((const struct disk_file *)f)->disk;
}

/*
 * The size is asked for at every call: a disk can grow or break while it is open (blk.h), and the
 * answer is one load from what the driver keeps.
 */
uint64_t disk_look(struct disk *d)
{
	blk_info(d->n, &d->info);
	return d->info.sectors * d->info.sector_size;
}

/* As of the last disk_look(): 0 or -ENODEV: the disk that was opened is not there any more. */
static int there(const struct fd_file *f)
{
	const struct disk *d = disk_of(f);

	return d->info.gone || d->info.life != ((const struct disk_file *)f)->life ? -ENODEV : 0;
}

/* ---- Bounce buffers ---- */

static void *idle_bounce; /* one is kept; the others go back to the core */
static unsigned bounces;
static struct waitq bounce_wait = WAITQ_INIT(bounce_wait);

/* Without memory it waits for another thread's buffer, and fails when there is none in use. */
static void *bounce_get(void)
{
	void *p;

	for (;;) {
		p = idle_bounce;
		idle_bounce = NULL;
		if (!p && bounces < BOUNCES_MAX)
			p = page_alloc(BOUNCE_PAGES);
		if (p || !bounces)
			break;
		waitq_wait(&bounce_wait, PLAT_FOREVER);
	}
	if (p)
		bounces++;
	return p;
}

/* Whoever waits looks again, and finds either the kept buffer or room for one more. */
static void bounce_put(void *p)
{
	bounces--;
	if (idle_bounce)
		page_free(p, BOUNCE_PAGES);
	else
		idle_bounce = p;
	waitq_wake(&bounce_wait, 1);
}

/* ---- Writes that touch the same sectors ---- */

static bool overlaps(const struct disk *d, const struct range *r)
{
	struct list *node;

	for (node = d->writes.next; node != &d->writes; node = node->next) {
		const struct range *other = container_of(node, struct range, node);

		if (r->first <= other->last && other->first <= r->last)
			return true;
	}
	return false;
}

/*
 * Waits until nobody writes what r covers. A thread holds one range at a time and waits for no
 * other while it does, and it takes its bounce buffer afterwards: there is no ring of waiting.
 */
static void range_enter(struct disk *d, struct range *r)
{
	while (overlaps(d, r))
		waitq_wait(&d->writers, PLAT_FOREVER);
	list_append(&d->writes, &r->node);
}

/* All who wait look again: several may now go at once, where their own ranges are apart. */
static void range_leave(struct disk *d, struct range *r)
{
	list_remove(&r->node);
	waitq_wake(&d->writers, UINT32_MAX);
}

/* ---- Moving ---- */

/*
 * Goes on by n bytes. Empty pieces are passed over, so that c->v is one that can take something
 * while any bytes are left.
 */
static void advance(struct cursor *c, size_t n)
{
	c->at += n;
	c->left -= n;
	c->off += n;
	while (c->nv > 0 && c->off >= c->v->iov_len) {
		c->off -= c->v->iov_len;
		c->v++;
		c->nv--;
	}
}

/* Copies n bytes between the vector and a buffer, and goes on behind them. */
static void copy(struct cursor *c, char *buf, size_t n, bool writing)
{
	while (n > 0) {
		size_t piece = c->v->iov_len - c->off;
		char *p = (char *)c->v->iov_base + c->off;

		if (piece > n)
			piece = n;
		if (writing)
			memcpy(buf, p, piece);
		else
			memcpy(p, buf, piece);
		buf += piece;
		n -= piece;
		advance(c, piece);
	}
}

/*
 * How many bytes from here can go straight between the caller's memory and the device: whole
 * sectors, 0 for none.
 */
static size_t direct_length(const struct disk *d, const struct cursor *c)
{
	uint32_t sector = d->info.sector_size;
	size_t n = c->v->iov_len - c->off;

	if (c->at % sector || ((uintptr_t)c->v->iov_base + c->off) % BLK_ALIGN)
		return 0;
	if (n > c->left)
		n = (size_t)c->left;
	return n - n % sector;
}

/* The cursor only moves when the device has answered: what move() returns counts whole steps. */
static int move_direct(struct disk *d, struct cursor *c, size_t n, bool writing)
{
	uint32_t sector = d->info.sector_size;
	int rc = diskio_run(d, writing ? BLK_WRITE : BLK_READ, c->at / sector, n / sector, (char *)c->v->iov_base + c->off);

	if (!rc)
		advance(c, n);
	return rc;
}

/*
 * The sectors that a write covers in part are read first: the first one, the last one, or one that
 * is both.
 */
static int read_edges(struct disk *d, char *buf, uint64_t first, uint64_t sectors, size_t head, size_t n)
{
	uint32_t size = d->info.sector_size;
	bool tail = (head + n) % size != 0;
	int rc = 0;

	if (head)
		rc = diskio_run(d, BLK_READ, first, 1, buf);
	if (!rc && tail && !(head && sectors == 1))
		rc = diskio_run(d, BLK_READ, first + sectors - 1, 1, buf + (sectors - 1) * size);
	return rc;
}

/*
 * One buffer full, from inside a sector to inside another. Reading takes whole sectors and copies
 * what was asked for; writing reads the edges, copies over them, and writes whole sectors back.
 */
static int move_bounced(struct disk *d, struct cursor *c, bool writing)
{
	uint32_t size = d->info.sector_size;
	size_t head = c->at % size;
	size_t n = c->left < BOUNCE_SIZE - head ? (size_t)c->left : BOUNCE_SIZE - head;
	uint64_t first = c->at / size, sectors = (head + n + size - 1) / size;
	char *buf = bounce_get();
	int rc;

	if (!buf)
		return -ENOMEM;
	if (writing) {
		rc = read_edges(d, buf, first, sectors, head, n);
		if (!rc) {
			copy(c, buf + head, n, true);
			rc = diskio_run(d, BLK_WRITE, first, sectors, buf);
		}
	} else {
		rc = diskio_run(d, BLK_READ, first, sectors, buf);
		if (!rc)
			copy(c, buf + head, n, false);
	}
	bounce_put(buf);
	return rc;
}

/* Returns how many bytes were moved, or the error when there were none. */
static ssize_t move(struct disk *d, struct cursor *c, bool writing)
{
	uint64_t before = c->left, done = before;
	int rc = 0;

	advance(c, 0); /* past empty pieces */
	while (c->left && !rc) {
		size_t n = direct_length(d, c);

		done = c->left;
		rc = n ? move_direct(d, c, n, writing) : move_bounced(d, c, writing);
	}
	if (!rc)
		return (ssize_t)before;
	return done < before ? (ssize_t)(before - done) : rc;
}

static uint64_t vector_length(const struct iovec *v, int nv)
{
	uint64_t sum = 0;

	while (nv-- > 0)
		sum += v++->iov_len;
	return sum;
}

/* Cut at the end of the disk. */
static struct cursor start(struct disk *d, const struct iovec *v, int nv, off_t at)
{
	uint64_t size = disk_look(d);
	struct cursor c = { .v = v, .nv = nv, .at = (uint64_t)at, .left = vector_length(v, nv) };

	if (c.at >= size)
		c.left = 0;
	else if (c.left > size - c.at)
		c.left = size - c.at;
	return c;
}

/* ---- The file ---- */

/*
 * Reads need no range: what is read while it is written may be old or new, by sector, as on any
 * disk.
 */
static ssize_t disk_read(struct fd_file *f, const struct iovec *v, int nv, off_t at)
{
	struct cursor c = start(disk_of(f), v, nv, at);
	int rc = there(f);

	if (rc)
		return rc;
	return c.left ? move(disk_of(f), &c, false) : 0;
}

/*
 * The range is held over all pieces of the call, so a write() is one write to others as well. POSIX
 * wants ENOSPC at the end of a device, and a short count for what still fits.
 */
static ssize_t disk_write(struct fd_file *f, const struct iovec *v, int nv, off_t at)
{
	struct disk *d = disk_of(f);
	struct cursor c = start(d, v, nv, at);
	struct range r;
	ssize_t n;
	int rc = there(f);

	if (rc)
		return rc;
	if (!c.left)
		return vector_length(v, nv) ? -ENOSPC : 0;
	r.first = c.at / d->info.sector_size;
	r.last = (c.at + c.left - 1) / d->info.sector_size;
	range_enter(d, &r);
	n = move(d, &c, true);
	range_leave(d, &r);
	rc = n > 0 && (f->flags & O_SYNC) ? diskio_run(d, BLK_FLUSH, 0, 0, NULL) : 0;
	return rc ? rc : n;
}

static off_t disk_size(struct fd_file *f)
{
	return (off_t)disk_look(disk_of(f));
}

/*
 * A flush is for all that came back before it was queued (blk.h): for every descriptor of the disk,
 * not for this one alone.
 */
static int disk_sync(struct fd_file *f)
{
	int rc;

	disk_look(disk_of(f));
	rc = there(f);
	return rc ? rc : diskio_run(disk_of(f), BLK_FLUSH, 0, 0, NULL);
}

static int disk_stat(struct fd_file *f, struct stat *st)
{
	tree_stat(&disk_of(f)->node, st);
	return 0;
}

/* range: offset and length in bytes, whole sectors, of a disk of so many bytes. */
static int discard(struct fd_file *f, uint64_t size, const uint64_t *range)
{
	struct disk *d = disk_of(f);
	uint64_t at = range[0], len = range[1];
	struct range r = { .first = at / d->info.sector_size };
	int rc;

	if ((f->flags & O_ACCMODE) == O_RDONLY)
		return -EBADF;
	if (!d->info.max_discard)
		return -EOPNOTSUPP;
	if (at % d->info.sector_size || len % d->info.sector_size || at > size || len > size - at)
		return -EINVAL;
	if (!len)
		return 0;
	r.last = (at + len - 1) / d->info.sector_size;
	range_enter(d, &r);
	rc = diskio_run(d, BLK_DISCARD, r.first, len / d->info.sector_size, NULL);
	range_leave(d, &r);
	return rc;
}

/* The requests and the types behind arg are Linux's: sys/ioctl.h has them. */
static int disk_ioctl(struct fd_file *f, unsigned long request, void *arg)
{
	uint64_t size = disk_look(disk_of(f));
	int rc = there(f);

	if (rc)
		return rc;
	switch (request) {
	case BLKGETSIZE64:
		*(uint64_t *)arg = size;
		return 0;
	case BLKGETSIZE:
		*(unsigned long *)arg = size / 512;
		return 0;
	case BLKSSZGET:
		*(int *)arg = (int)disk_of(f)->info.sector_size;
		return 0;
	case BLKROGET:
		*(int *)arg = disk_of(f)->info.read_only;
		return 0;
	case BLKFLSBUF:
		return disk_sync(f);
	case BLKDISCARD:
		return discard(f, size, arg);
	default:
		return -ENOTTY;
	}
}

static void disk_close(struct fd_file *f)
{
	free(f);
}

static const struct fd_ops ops = {
	.read = disk_read,
	.write = disk_write,
	.size = disk_size,
	.stat = disk_stat,
	.ioctl = disk_ioctl,
	.sync = disk_sync,
	.close = disk_close,
};

/*
 * Each open() has a file of its own, so a position of its own; the disk is shared. O_DIRECT changes
 * nothing: there is no cache to go round.
 */
static int open_disk(struct tree_node *n, int flags, struct fd_file **f)
{
	struct disk *d = container_of(n, struct disk, node);
	struct disk_file *file;

	disk_look(d);
	if (d->info.gone)
		return -ENXIO;
	if (d->info.read_only && (flags & O_ACCMODE) != O_RDONLY)
		return -EROFS;
	file = malloc(sizeof *file);
	if (!file)
		return -ENOMEM;
	fd_init(&file->file, &ops, flags);
	file->disk = d;
	file->life = d->info.life;
	*f = &file->file;
	return 0;
}

/* ---- Start ---- */

static void prepare(struct disk *d, unsigned n)
{
	d->n = n;
	d->open = true;
	waitq_init(&d->room);
	waitq_init(&d->writers);
	list_init(&d->writes);
}

/* When it is described, which for a disk that comes late may be some time after it was opened. */
static void add_name(struct disk *d)
{
	struct tree_node *placed;

	d->named = true;
	d->node = (struct tree_node){
		.kind = TREE_BLOCK, .mode = d->info.read_only ? 0440 : 0660, .rdev = 0xfe00 + d->n, .open = open_disk
	};
	fmt_format(d->path, sizeof d->path, "/dev/blk%u", d->n);
	if (tree_add(&d->node, d->path, strlen(d->path), &placed))
		log_line(LOG_ERR, "disk: %s: no memory for the name", d->path);
}

/* A disk that cannot be brought up has said so; the next one keeps its number. */
void disk_changed(void)
{
	static unsigned count;
	int rc;

	for (; count < DISKS_MAX && (rc = blk_open(count, &disks[count].info)) != -ENODEV; count++)
		if (!rc)
			prepare(&disks[count], count);
	for (struct disk *d = disks; d < disks + count; d++) {
		if (!d->open)
			continue;
		disk_look(d);
		if (!d->named && d->info.sector_size)
			add_name(d);
		waitq_wake(&d->room, UINT32_MAX);
	}
	diskio_start(disks, count);
}

void disk_start(void)
{
	disk_changed();
}
