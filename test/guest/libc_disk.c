/* SPDX-License-Identifier: MIT */
/*
 * A disk as a file: odd offsets and addresses against a copy in memory, many threads at once, asynchronous calls.
 *
 * In a guest the disk is /dev/blk0, which is overwritten; elsewhere a file of its own that is gone afterwards.
 * argv[1] names another.
 */
#include <aio.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "test/tap.h"

#define AREA (1u << 20) /* what is compared with memory */
#define STEPS 1500
#define THREADS 8

static unsigned char model[AREA], buffer[AREA + 64];
static int disk;
static uint64_t seed = 7;

static unsigned next(unsigned below)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(seed >> 33) % below;
}

static int open_disk(const char *path)
{
	char name[] = "/tmp/libc_disk_XXXXXX";
	int fd = open(path, O_RDWR);

	if (fd >= 0 || strncmp(path, "/dev/", 5))
		return fd;
	fd = mkstemp(name);
	if (fd >= 0) {
		unlink(name);
		if (ftruncate(fd, 8 << 20))
			return -1;
	}
	return fd;
}

/* Small and large, aligned and not. */
static size_t some_length(size_t at)
{
	size_t most = AREA - at, len = next(4) ? next(3000) : next(200000);

	if (next(4) == 0)
		len &= ~(size_t)511;
	return len < most ? len : most;
}

static void random_steps(void)
{
	unsigned i, bad = 0;

	for (i = 0; i < STEPS; i++) {
		size_t at = next(2) ? next(AREA) : next(AREA / 512) * 512;
		size_t len = some_length(at), odd = next(3) ? next(32) : 0, k;
		unsigned char *p = buffer + odd;

		if (next(2)) {
			for (k = 0; k < len; k++)
				p[k] = (unsigned char)(i + k * 13);
			bad += pwrite(disk, p, len, (off_t)at) != (ssize_t)len;
			memcpy(model + at, p, len);
		} else {
			bad += pread(disk, p, len, (off_t)at) != (ssize_t)len || memcmp(p, model + at, len);
		}
	}
	is(bad, 0, "1,500 random reads and writes agree with memory");
	ok(pread(disk, buffer, AREA, 0) == AREA && !memcmp(buffer, model, AREA), "and so does all of it");
}

static void vectors(void)
{
	struct iovec v[4] = { { buffer, 100 }, { buffer + 1000, 0 }, { buffer + 2000, 5000 }, { buffer + 512 * 20, 512 * 3 } };
	size_t sum = 100 + 5000 + 512 * 3;

	memset(buffer, 1, AREA);
	is(preadv(disk, v, 4, 12345), sum, "preadv of four pieces");
	ok(!memcmp(buffer, model + 12345, 100) && !memcmp(buffer + 2000, model + 12445, 5000) &&
		!memcmp(buffer + 512 * 20, model + 17445, 512 * 3), "each with its own");
	memset(buffer, 0x5a, 512 * 30);
	is(pwritev(disk, v, 4, 1000), sum, "pwritev");
	memset(model + 1000, 0x5a, sum);
	ok(pread(disk, buffer, 20000, 0) == 20000 && !memcmp(buffer, model, 20000), "wrote them");
}

static void positions(void)
{
	off_t end = lseek(disk, 0, SEEK_END);
	struct stat st;

	ok(end >= (off_t)AREA, "lseek to the end tells the size");
	is(read(disk, buffer, 10), 0, "where nothing is to be read");
	ok(lseek(disk, 100, SEEK_SET) == 100 && read(disk, buffer, 50) == 50 && lseek(disk, 0, SEEK_CUR) == 150, "read moves on");
	ok(write(disk, model + 150, 50) == 50 && lseek(disk, -20, SEEK_CUR) == 180, "write too");
	ok(lseek(disk, -200, SEEK_CUR) == -1 && errno == EINVAL, "but not to before the beginning");
	ok(pread(disk, buffer, 10, -1) == -1 && errno == EINVAL, "pread neither");
	is(pread(disk, buffer, 4096, end - 100), 100, "a read is cut at the end");
	ok(!fstat(disk, &st) && (S_ISBLK(st.st_mode) || st.st_size == end), "fstat knows it");
	is(fsync(disk), 0, "fsync");
}

/* Each thread has every eighth piece of 700 bytes: neighbours share sectors. */
static void *write_pieces(void *arg)
{
	unsigned me = (unsigned)(uintptr_t)arg, i, k;
	unsigned char piece[700];
	intptr_t bad = 0;

	for (i = me; i < 400; i += THREADS) {
		for (k = 0; k < sizeof piece; k++)
			piece[k] = (unsigned char)(i * 3 + k);
		bad += pwrite(disk, piece, sizeof piece, i * (off_t)sizeof piece) != sizeof piece;
	}
	return (void *)bad;
}

static void threads(void)
{
	pthread_t t[THREADS];
	unsigned i, bad = 0;
	void *part;

	for (i = 0; i < THREADS; i++)
		pthread_create(&t[i], NULL, write_pieces, (void *)(uintptr_t)i);
	for (i = 0; i < THREADS; i++) {
		pthread_join(t[i], &part);
		bad += (unsigned)(intptr_t)part;
	}
	is(bad, 0, "eight threads write pieces that share sectors");
	is(pread(disk, buffer, 400 * 700, 0), 400 * 700, "all of it is there");
	for (i = 0; i < 400 * 700; i++)
		bad += buffer[i] != (unsigned char)(i / 700 * 3 + i % 700);
	is(bad, 0, "and no byte was lost");
}

static void asynchronous(void)
{
	static struct aiocb cb[40];
	struct aiocb *list[40];
	unsigned i, bad = 0;

	for (i = 0; i < 40; i++) {
		memset(buffer + i * 8192, (int)i + 1, 8192);
		cb[i] = (struct aiocb){ .aio_fildes = disk, .aio_offset = i * 8192, .aio_buf = buffer + i * 8192, .aio_nbytes = 8192 };
		bad += aio_write(&cb[i]) != 0;
		list[i] = &cb[i];
	}
	is(bad, 0, "40 aio_write at once");
	for (i = 0; i < 40; i++) {
		const struct aiocb *one[1] = { &cb[i] };

		while (aio_error(&cb[i]) == EINPROGRESS)
			aio_suspend(one, 1, NULL);
		bad += aio_error(&cb[i]) != 0 || aio_return(&cb[i]) != 8192;
	}
	is(bad, 0, "all of them end well");
	memset(buffer, 0, 40 * 8192);
	for (i = 0; i < 40; i++)
		cb[i].aio_lio_opcode = LIO_READ;
	is(lio_listio(LIO_WAIT, list, 40, NULL), 0, "lio_listio reads them back");
	for (i = 0; i < 40 * 8192; i++)
		bad += buffer[i] != i / 8192 + 1;
	is(bad, 0, "every byte");
	cb[1].aio_fildes = 9999;
	errno = 0;
	ok(lio_listio(LIO_WAIT, list, 2, NULL) == -1 && errno == EIO && aio_error(&cb[1]) == EBADF && aio_return(&cb[0]) == 8192,
		"lio_listio: one of two fails");
	cb[1].aio_fildes = disk;
	cb[1].aio_lio_opcode = 77;
	errno = 0;
	ok(lio_listio(LIO_NOWAIT, list, 2, NULL) == -1 && errno == EIO && aio_error(&cb[1]) == EINVAL, "lio_listio: what cannot be asked for is not done");
	while (aio_error(&cb[0]) == EINPROGRESS)
		usleep(1000);
	is(aio_return(&cb[0]), 8192, "the other is done");
	cb[1].aio_lio_opcode = LIO_READ;
	ok(!aio_fsync(O_SYNC, &cb[0]), "aio_fsync");
	while (aio_error(&cb[0]) == EINPROGRESS)
		usleep(100);
	is(aio_return(&cb[0]), 0, "ends too");
	cb[0].aio_fildes = 9999;
	ok(aio_read(&cb[0]) == -1 || aio_error(&cb[0]) == EBADF || (usleep(10000), aio_error(&cb[0]) == EBADF), "a bad descriptor is told");
}

static void synchronous(const char *path)
{
	int fd = open(path, O_WRONLY | O_SYNC);

	if (fd < 0) {
		tap_skip("O_SYNC: the file is gone");
		return;
	}
	is(pwrite(fd, "sync", 4, 3), 4, "a write with O_SYNC");
	ok(read(fd, buffer, 1) == -1 && errno == EBADF, "what is open for writing cannot be read");
	ok(pread(disk, buffer, 4, 3) == 4 && !memcmp(buffer, "sync", 4), "the other descriptor sees it");
	close(fd);
}

int main(int argc, char **argv)
{
	const char *path = argc > 1 ? argv[1] : "/dev/blk0";

	disk = open_disk(path);
	if (disk < 0) {
		tap_skip("no disk");
		return tap_done();
	}
	if (pread(disk, model, AREA, 0) != AREA)
		tap_bail("the disk is smaller than 1 MiB or cannot be read");
	random_steps();
	vectors();
	positions();
	threads();
	asynchronous();
	synchronous(path);
	close(disk);
	return tap_done();
}
