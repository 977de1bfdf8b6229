/* SPDX-License-Identifier: MIT */
/*
 * libc-glue/disk.c and diskio.c on the fake disk, which is slow, out of order and strict: many threads with odd offsets
 * and addresses against a model, full rings, errors, no memory, power failures.
 *
 * Run with one configuration in each child process, because a disk is opened once.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdint.h>
#include <string.h>

#include "core/plat.h"
#include "libc-glue/dev.h"
#include "libc-glue/disk.h"
#include "libc-glue/glue.h"
#include "test/fake/boot.h"
#include "test/fake/fake.h"
#include "test/tap.h"

#define AREA (256u << 10)
#define THREADS 8
#define STEPS 120

static unsigned char model[AREA];
static struct fd_file *disk;
static unsigned bad, done;
static uint64_t seed;

static unsigned next(unsigned below)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(seed >> 33) % below;
}

static struct fd_file *open_disk(const char *path, int flags, int *rc)
{
	struct tree_node *n;
	struct fd_file *f = NULL;

	*rc = tree_find(&tree_root, path, true, &n);
	if (!*rc)
		*rc = n->open(n, flags, &f);
	return f;
}

static ssize_t transfer(struct fd_file *f, bool writing, void *p, size_t len, off_t at)
{
	struct iovec v = { p, len };

	return writing ? f->ops->write(f, &v, 1, at) : f->ops->read(f, &v, 1, at);
}

/* ---- Threads with pieces of their own, which share sectors ---- */

/* Thread k has bytes [k, k + 1) of every group of THREADS pieces of 777 bytes. */
static size_t place(unsigned me, unsigned group)
{
	return (group * THREADS + me) * 777;
}

static void step(unsigned me)
{
	unsigned char buf[777 + 64], *p = buf + next(64);
	size_t at = place(me, next(AREA / 777 / THREADS)), off = next(777), len = next((unsigned)(777 - off) + 1), i;

	if (next(2)) {
		for (i = 0; i < len; i++)
			p[i] = (unsigned char)next(256);
		memcpy(model + at + off, p, len);
		bad += transfer(disk, true, p, len, (off_t)(at + off)) != (ssize_t)len;
	} else {
		bad += transfer(disk, false, p, len, (off_t)(at + off)) != (ssize_t)len || memcmp(p, model + at + off, len);
	}
}

static void work(void *arg)
{
	unsigned me = (unsigned)(uintptr_t)arg, i;

	for (i = 0; i < STEPS; i++)
		step(me);
	done++;
}

static void test_threads(void)
{
	struct thread *t[THREADS];
	static unsigned char all[AREA];
	unsigned i;

	for (i = 0; i < THREADS; i++)
		t[i] = thread_create("worker", work, (void *)(uintptr_t)i, 65536);
	for (i = 0; i < THREADS; i++)
		thread_join(t[i]);
	is(bad, 0, "eight threads find what each of them wrote");
	is(transfer(disk, false, all, AREA, 0), AREA, "all of it can be read at once");
	ok(!memcmp(all, model, AREA), "and is what it should be");
}

/* ---- Large ones, aligned and not ---- */

static void test_large(void)
{
	static unsigned char buf[AREA + 4096] __attribute__((aligned(4096)));
	unsigned i, wrong = 0;

	for (i = 0; i < 60; i++) {
		size_t at = next(2) ? next(AREA) : next(AREA / 4096) * 4096, len = next((unsigned)(AREA - at) + 1);
		unsigned char *p = buf + (next(2) ? 0 : next(4000));
		size_t k;

		if (next(2))
			len &= ~(size_t)4095;
		for (k = 0; k < len; k += 97)
			p[k] = (unsigned char)next(256);
		memcpy(model + at, p, len);
		wrong += transfer(disk, true, p, len, (off_t)at) != (ssize_t)len;
		memset(p, 0, len);
		wrong += transfer(disk, false, p, len, (off_t)at) != (ssize_t)len || memcmp(p, model + at, len);
	}
	is(wrong, 0, "large reads and writes, aligned and not");
}

/* ---- The edges of the disk ---- */

static void test_edges(void)
{
	off_t size = disk->ops->size(disk);
	unsigned char buf[100];
	uint64_t number = 0;

	is(size, 8 << 20, "the size is known");
	is(transfer(disk, false, buf, 100, size), 0, "nothing is read behind the end");
	is(transfer(disk, false, buf, 100, size - 10), 10, "and no more than there is before it");
	is(transfer(disk, true, buf, 100, size), -ENOSPC, "nothing is written there");
	is(transfer(disk, true, buf, 100, size - 10), 10, "but what fits is");
	is(transfer(disk, true, buf, 0, size), 0, "nothing fits everywhere");
	is(transfer(disk, false, buf, 100, INT64_MAX), 0, "the farthest offset does no harm");
	is(transfer(disk, true, buf, 100, INT64_MAX), -ENOSPC, "nor for writing");
	ok(!disk->ops->ioctl(disk, BLKGETSIZE64, &number) && number == 8 << 20, "BLKGETSIZE64");
	is(disk->ops->ioctl(disk, 12345, &number), -ENOTTY, "another ioctl is ENOTTY");
}

static void test_discard(void)
{
	uint64_t range[2] = { 4096, 1 << 20 }, odd[2] = { 100, 512 }, far[2] = { 8 << 20, 4096 };
	int rc = disk->ops->ioctl(disk, BLKDISCARD, range);

	if (fake_blk[0].max_discard == UINT32_MAX) {
		is(rc, -EOPNOTSUPP, "a disk that cannot discard says so");
		return;
	}
	is(rc, 0, "discard");
	is(disk->ops->ioctl(disk, BLKDISCARD, odd), -EINVAL, "not of parts of sectors");
	is(disk->ops->ioctl(disk, BLKDISCARD, far), -EINVAL, "nor behind the end");
}

/* What fsync() has returned for, or O_SYNC, is there after the power failed. */
static void test_power(void)
{
	unsigned char buf[1000], back[1000];
	struct fd_file *sync;
	int rc;

	memset(buf, 0xa5, sizeof buf);
	transfer(disk, true, buf, sizeof buf, 777);
	is(disk->ops->sync(disk), 0, "fsync");
	sync = open_disk("/dev/blk0", O_RDWR | O_SYNC, &rc);
	ok(sync && transfer(sync, true, buf, 300, 5000) == 300, "a write with O_SYNC");
	fake_blk_crash(0);
	rc = blk_open(0, &(struct blk_info){ 0 });
	ok(!rc && transfer(disk, false, back, sizeof back, 777) == 1000 && !memcmp(buf, back, 1000), "what was flushed is there after a crash");
	ok(transfer(disk, false, back, 300, 5000) == 300 && !memcmp(buf, back, 300), "and so is what was written with O_SYNC");
	sync->ops->close(sync);
}

/* ---- Things that go wrong ---- */

static void test_errors(void)
{
	static unsigned char buf[AREA];
	unsigned i, errors = 0, odd = 0;

	fake_blk[0].fail = 3000;
	for (i = 0; i < 300; i++) {
		size_t len = next(20000) + 1;
		ssize_t n = transfer(disk, next(2), buf + next(600), len, next(AREA - 30000));

		errors += n == -EIO;
		odd += n != -EIO && (n < 1 || n > (ssize_t)len);
	}
	fake_blk[0].fail = 0;
	ok(errors > 50, "errors of the disk are told");
	is(odd, 0, "or what was moved before them");
	is(transfer(disk, false, buf, 1000, 3), 1000, "and then it goes on");
}

static void test_no_memory(void)
{
	unsigned char buf[3000];
	unsigned long n, failed = 0, other = 0;

	for (n = 1; n < 20; n++) {
		ssize_t rc;

		fault_set(n);
		rc = transfer(disk, true, buf + 1, 2000, 13);
		failed += rc == -ENOMEM;
		other += rc != -ENOMEM && rc != 2000;
		fault_set(0);
	}
	is(other, 0, "without memory a write fails with ENOMEM or not at all");
	tap_diag("%lu failed", failed);
}

static void test_broken(void)
{
	unsigned char buf[3000];

	fake_blk_break(0);
	is(transfer(disk, false, buf, 3000, 100), -EIO, "a broken disk is EIO");
	is(transfer(disk, true, buf + 1, 3000, 100), -EIO, "for writing too");
}

static void test_read_only(void)
{
	unsigned char buf[100];
	int rc;

	open_disk("/dev/blk0", O_RDWR, &rc);
	is(rc, -EROFS, "a read-only disk cannot be opened for writing");
	disk = open_disk("/dev/blk0", O_RDONLY, &rc);
	ok(disk && transfer(disk, false, buf, 100, 5) == 100, "but for reading");
	open_disk("/dev/blk1", O_RDONLY, &rc);
	is(rc, -ENOENT, "there is no other one");
}

/* ---- Disks that come and go: what changes is only looked at when plat_changes() says so ---- */

static void changed(void)
{
	fake.changes++;
	thread_yield();
}

/* The backend of the disk is there again after 2 s. */
static void comes_back(void *arg)
{
	(void)arg;
	thread_sleep(plat_now() + 2000000000ull);
	fake_blk[0].full = false;
	changed();
}

static void test_changes(void)
{
	struct thread *t = thread_create("toolstack", comes_back, NULL, 65536);
	unsigned char buf[100] = "as it was";
	struct fd_file *late;
	uint64_t start;
	int rc;

	fake_blk[0].full = true;
	start = plat_now();
	is(transfer(disk, true, buf, 100, 0), 100, "a write waits for a backend that is away");
	ok(plat_now() - start >= 2000000000ull, "as long as it takes");
	thread_join(t);
	fake_blk[0].sectors *= 2;
	is(disk->ops->size(disk), (off_t)fake_blk[0].sectors * 512, "a disk that grows is larger at once");

	open_disk("/dev/blk1", O_RDWR, &rc);
	is(rc, -ENOENT, "there is no second disk");
	fake_blk[1].absent = false;
	fake_blk[1].blank = true;
	changed();
	open_disk("/dev/blk1", O_RDWR, &rc);
	is(rc, -ENOENT, "one that is not described yet has no name");
	fake_blk[1].blank = false;
	changed();
	late = open_disk("/dev/blk1", O_RDWR, &rc);
	ok(late && transfer(late, true, buf, 100, 5) == 100, "but then it has, and can be used");

	fake_blk[0].gone = true;
	fake_blk[0].life++;
	changed();
	is(transfer(disk, false, buf, 100, 0), -ENODEV, "a disk that is taken away says so");
	is(transfer(disk, true, buf, 100, 0), -ENODEV, "also to who writes");
	is(disk->ops->sync(disk), -ENODEV, "and to fsync()");
	open_disk("/dev/blk0", O_RDWR, &rc);
	is(rc, -ENXIO, "and cannot be opened");
	fake_blk[0].gone = false;
	changed();
	is(transfer(disk, false, buf, 100, 0), -ENODEV, "what comes in its place is another disk to old descriptors");
	disk->ops->close(disk);
	disk = open_disk("/dev/blk0", O_RDWR, &rc);
	ok(disk && transfer(disk, false, buf, 100, 0) == 100, "and is there for new ones");
	ok(transfer(late, false, buf, 100, 5) == 100, "the other one was there all the time");
	late->ops->close(late);
}

/* ---- Configurations ---- */

static void run(void *arg)
{
	int rc;

	(void)arg;
	disk_start();
	if (fake_blk[0].read_only) {
		test_read_only();
	} else {
		disk = open_disk("/dev/blk0", O_RDWR, &rc);
		if (fake.changes) {
			test_changes();
			exit(tap_failures ? 1 : 0);
		}
		test_threads();
		test_large();
		test_edges();
		test_discard();
		test_errors();
		test_no_memory();
		test_power();
		test_broken();
	}
	exit(tap_failures ? 1 : 0);
}

static void ordinary(void)
{
}

static void large_sectors(void)
{
	fake_blk[0].sector_size = 4096;
	fake_blk[0].sectors = 2048;
}

static void short_ring(void)
{
	fake_blk[0].ring = 3;
	fake_blk[0].max_sectors = 16;
	fake_blk[0].jitter = 500000;
	fake_blk[0].no_flush = true;
	fake_blk[0].max_discard = UINT32_MAX;
}

static void read_only(void)
{
	fake_blk[0].read_only = true;
}

static void changing(void)
{
	fake.changes = 7;
}

static void (*configure)(void);

static void child(void)
{
	fake_blk[1].absent = fake_blk[2].absent = fake_blk[3].absent = true;
	configure();
	fake_boot();
	seed = fake.seed;
	thread_create("test", run, NULL, 262144);
	thread_exit();
}

/* In a child; its own points are shown when one of them is not good. */
static void with(const char *name, void (*config)(void))
{
	static char said[20000];
	char *line;
	int status;

	configure = config;
	status = fake_dies(child, said, sizeof said);
	is(status, 0, name);
	for (line = strtok(said, "\n"); line && status; line = strtok(NULL, "\n"))
		tap_diag("%s", line);
}

int main(void)
{
	with("a disk as it comes", ordinary);
	with("sectors of 4096 bytes", large_sectors);
	with("a short ring, small requests, no flush, no discard", short_ring);
	with("a read-only disk", read_only);
	with("disks that come and go", changing);
	return tap_done();
}
