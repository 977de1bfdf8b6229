/* SPDX-License-Identifier: MIT */
/*
 * A program that is saved and restored while it works: the guest's end of save.py.
 *
 * It serves bulk.c's protocol on TCP port 9; where there is a disk, four threads write, read back and
 * check blocks of it for ever; and one thread watches the clocks. Whoever sends a datagram to UDP port 10 is told
 * in one line: the wall clock and the monotonic clock in nanoseconds, 16 random bytes, how many datagrams
 * there were, disk requests done, disk mistakes, and how often a clock went back.
 * usage: saved
 * test/run: driven by save.py.
 */
#define main bulk_main
#include "test/guest/bulk.c"
#undef main

#include <fcntl.h>
#include <time.h>

#define WORKERS 4u
#define BLOCK 16384u
#define BLOCKS 64u /* of each worker */

static volatile unsigned long done, mistakes, went_back;
static int disk;

static int64_t clock_ns(clockid_t which)
{
	struct timespec t;

	clock_gettime(which, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* Each block's contents follow from its place and the round in which it was written. */
static void *work(void *arg)
{
	unsigned worker = (unsigned)(uintptr_t)arg;
	uint64_t *out = malloc(BLOCK), *in = malloc(BLOCK);

	for (uint64_t round = 0;; round++) {
		off_t at = (off_t)((round % BLOCKS * WORKERS + worker) * BLOCK);
		uint64_t state = round * 8 + worker + 1;

		draw(&state, out, BLOCK / 8);
		if (pwrite(disk, out, BLOCK, at) != (ssize_t)BLOCK || pread(disk, in, BLOCK, at) != (ssize_t)BLOCK || memcmp(in, out, BLOCK)) {
			printf("saved: disk: round %lu of worker %u: %s\n", (unsigned long)round, worker, strerror(errno));
			mistakes++;
		}
		done += 2;
	}
	return NULL;
}

/* Asks for the calendar as well, as a busy program would: pith follows the CMOS clock when it is asked. */
static void *watch(void *arg)
{
	int64_t last = 0, now;

	(void)arg;
	for (;;) {
		now = clock_ns(CLOCK_MONOTONIC);
		if (now < last) {
			printf("saved: the monotonic clock went back by %ld ns\n", (long)(last - now));
			went_back++;
		}
		last = now;
		(void)clock_ns(CLOCK_REALTIME);
		usleep(10000);
	}
	return NULL;
}

static void *serve_bulk(void *arg)
{
	static char *argv[] = { "bulk", "9", NULL };

	(void)arg;
	bulk_main(2, argv);
	return NULL;
}

static size_t answer(char *line, size_t size, int urandom, unsigned long asked)
{
	unsigned char r[16] = { 0 };
	char hex[33];
	int64_t wall = clock_ns(CLOCK_REALTIME);

	if (read(urandom, r, sizeof(r)) != (ssize_t)sizeof(r))
		return (size_t)snprintf(line, size, "no random numbers: %s", strerror(errno));
	for (size_t i = 0; i < sizeof(r); i++)
		snprintf(hex + 2 * i, 3, "%02x", r[i]);
	return (size_t)snprintf(line, size, "%lld %lld %s %lu %lu %lu %lu", (long long)wall, (long long)clock_ns(CLOCK_MONOTONIC), hex, asked, done,
				mistakes, went_back);
}

int main(void)
{
	struct sockaddr_in me = { .sin_family = AF_INET, .sin_port = htons(10) }, peer;
	int s = socket(AF_INET, SOCK_DGRAM, 0), urandom = open("/dev/urandom", O_RDONLY);
	socklen_t len = sizeof(peer);
	char line[200];
	pthread_t t;

	pthread_create(&t, NULL, serve_bulk, NULL);
	pthread_create(&t, NULL, watch, NULL);
	disk = open("/dev/blk0", O_RDWR);
	for (uintptr_t i = 0; disk >= 0 && i < WORKERS; i++)
		pthread_create(&t, NULL, work, (void *)i);
	if (s < 0 || bind(s, (struct sockaddr *)&me, sizeof(me))) {
		printf("saved: %s\n", strerror(errno));
		return 1;
	}
	for (unsigned long asked = 1; recvfrom(s, line, sizeof(line), 0, (struct sockaddr *)&peer, &len) >= 0; asked++)
		sendto(s, line, answer(line, sizeof(line), urandom, asked), 0, (struct sockaddr *)&peer, len);
	printf("saved: %s\n", strerror(errno));
	return 1;
}
