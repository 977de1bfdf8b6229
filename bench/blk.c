/* SPDX-License-Identifier: MIT */
/*
 * Moves blocks between a disk and memory and says how fast: bench/run's disk program, the same C in pith and in
 * the Linux guest. There it goes around the page cache (O_DIRECT), as pith has none for disks.
 *
 * A client on port 9 sends one line and gets one number back, per second:
 *   read N SIZE DEPTH      N reads of SIZE bytes at random places, DEPTH threads: how many
 *   scan N SIZE DEPTH      the same, one behind the other
 *   fill N SIZE DEPTH      the same, written
 * usage: blk DISK
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <netinet/in.h>
#include <sys/socket.h>

#ifndef O_DIRECT
#define O_DIRECT 0
#endif
#define DEPTH_MAX 64
#define SIZE_MAX_ (4u << 20)
#define STACK (64u << 10)

static int disk;
static off_t disk_size;

static struct job {
	char word[8];
	unsigned n, size, depth, next;
	bool failed;
} job;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* The next block's place, -1 when there are no more. */
static off_t take(uint64_t *random)
{
	off_t blocks = disk_size / job.size;
	unsigned i;

	pthread_mutex_lock(&lock);
	i = job.next < job.n ? job.next++ : job.n;
	pthread_mutex_unlock(&lock);
	if (i == job.n || job.failed)
		return -1;
	if (job.word[0] != 'r')
		return i % blocks * job.size;
	*random = *random * 6364136223846793005u + 1442695040888963407u;
	return (off_t)(*random >> 33) % blocks * job.size;
}

static void *work(void *arg)
{
	uint64_t random = (uintptr_t)arg;
	void *buf;
	off_t at;

	if (posix_memalign(&buf, 4096, job.size)) {
		job.failed = true;
		return NULL;
	}
	memset(buf, 'x', job.size);
	while ((at = take(&random)) >= 0) {
		ssize_t n = job.word[0] == 'f' ? pwrite(disk, buf, job.size, at) : pread(disk, buf, job.size, at);

		job.failed |= n != (ssize_t)job.size;
	}
	free(buf);
	return NULL;
}

/* Blocks per second; 0: it failed. */
static double run(void)
{
	pthread_t thread[DEPTH_MAX];
	pthread_attr_t attr;
	double start = now();
	unsigned n = 0;

	job.next = 0;
	job.failed = false;
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK);
	while (n < job.depth && !pthread_create(&thread[n], &attr, work, (void *)(uintptr_t)(n + 1)))
		n++;
	job.failed |= n < job.depth;
	while (n > 0)
		pthread_join(thread[--n], NULL);
	return job.failed ? 0 : job.n / (now() - start);
}

static void serve(int s)
{
	char line[80] = "";
	ssize_t n = read(s, line, sizeof(line) - 1);

	if (n > 0 && sscanf(line, "%7s %u %u %u", job.word, &job.n, &job.size, &job.depth) == 4 && job.size >= 512 &&
	    job.size <= SIZE_MAX_ && job.depth <= DEPTH_MAX)
		dprintf(s, "%.3f\n", run());
	close(s);
}

int main(int argc, char **argv)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(9) };
	int s = socket(AF_INET, SOCK_STREAM, 0);

	disk = argc > 1 ? open(argv[1], O_RDWR | O_DIRECT) : -1;
	if (disk < 0 || (disk_size = lseek(disk, 0, SEEK_END)) <= 0) {
		fprintf(stderr, "usage: blk DISK: %s\n", strerror(errno));
		return 2;
	}
	if (s < 0 || bind(s, (struct sockaddr *)&a, sizeof(a)) || listen(s, 4)) {
		fprintf(stderr, "blk: port 9: %s\n", strerror(errno));
		return 1;
	}
	for (int c; (c = accept(s, NULL, NULL)) >= 0;)
		serve(c);
	return 1;
}
