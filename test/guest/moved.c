/* SPDX-License-Identifier: MIT */
/*
 * A guest that is saved, restored and migrated while it works: it sends counted words to one client and takes counted words from it,
 * writes its disk and reads it back, watches its clock, and says on another port, for each byte that comes, how all of that goes:
 *   mono NS wall NS back N words N wrong N passes N errors N random HEX
 * Where there is no disk nothing is written. usage: moved
 * test/run: driven by xen/save.py.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <netinet/in.h>
#include <sys/random.h>
#include <sys/socket.h>

#define DATA_PORT 9
#define STATUS_PORT 10
#define WORDS 2048 /* of 8 bytes, that leave at a time */
#define WRITERS 4
#define PART (256u << 10) /* bytes of the disk, for each of them */
#define PIECE (32u << 10)
#define BREAK_US 2000 /* the toolstack runs on the same CPU in the lab */

static uint64_t back, wrong, words_in, passes, errors; /* each has one thread that writes it, but for the last */

static uint64_t now_of(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int listen_on(unsigned short port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port) };
	int s = socket(AF_INET, SOCK_STREAM, 0);

	if (s < 0 || bind(s, (struct sockaddr *)&a, sizeof a) || listen(s, 4)) {
		perror("listen");
		exit(1);
	}
	return s;
}

static void start(void *(*fn)(void *), intptr_t arg)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, fn, (void *)arg)) {
		perror("pthread_create");
		exit(1);
	}
}

/* ---- data ---- */

static void *take(void *arg)
{
	int s = (int)(intptr_t)arg;
	uint64_t next = 0, word;
	size_t have = 0;
	ssize_t n;

	while ((n = recv(s, (char *)&word + have, sizeof word - have, 0)) > 0) {
		have += (size_t)n;
		if (have < sizeof word)
			continue;
		wrong += word != next++;
		words_in++;
		have = 0;
	}
	return NULL;
}

static void *send_words(void *arg)
{
	static uint64_t v[WORDS];
	uint64_t next = 0;
	int s = (int)(intptr_t)arg;

	for (;;) {
		for (unsigned i = 0; i < WORDS; i++)
			v[i] = next++;
		for (size_t at = 0; at < sizeof v;) {
			ssize_t n = send(s, (char *)v + at, sizeof v - at, 0);

			if (n <= 0)
				return NULL;
			at += (size_t)n;
		}
		usleep(BREAK_US);
	}
}

static void *serve_data(void *arg)
{
	int l = listen_on(DATA_PORT), s;

	(void)arg;
	while ((s = accept(l, NULL, NULL)) >= 0) {
		start(take, s);
		start(send_words, s);
	}
	return NULL;
}

/* ---- the disk ---- */

static void fill(uint64_t *v, uint64_t seed)
{
	for (size_t i = 0; i < PIECE / 8; i++)
		v[i] = (seed + i) * 0x9e3779b97f4a7c15u;
}

/* A pass writes a part, each time with other words, and reads it back. */
static void pass(int fd, off_t base, uint64_t number, uint64_t *v, uint64_t *want)
{
	for (off_t at = base; at < base + PART; at += PIECE) {
		fill(v, number << 32 | (uint64_t)at);
		errors += pwrite(fd, v, PIECE, at) != PIECE;
		usleep(BREAK_US);
	}
	for (off_t at = base; at < base + PART; at += PIECE) {
		fill(want, number << 32 | (uint64_t)at);
		errors += pread(fd, v, PIECE, at) != PIECE || memcmp(v, want, PIECE);
	}
}

static void *use_disk(void *arg)
{
	off_t base = (off_t)((intptr_t)arg * PART);
	uint64_t *v = aligned_alloc(4096, PIECE), *want = malloc(PIECE);
	int fd = open("/dev/blk0", O_RDWR);

	if (fd < 0)
		return NULL;
	for (uint64_t number = 1;; number++) {
		pass(fd, base, number, v, want);
		passes++;
	}
}

/* ---- the clock, and what there is to say ---- */

static void *watch_clock(void *arg)
{
	uint64_t last = now_of(CLOCK_MONOTONIC);

	(void)arg;
	for (;;) {
		for (int i = 0; i < 100; i++) {
			uint64_t now = now_of(CLOCK_MONOTONIC);

			back += now < last;
			last = now;
		}
		usleep(1000);
	}
	return NULL;
}

static void tell(int s)
{
	char line[300];
	uint64_t r[2] = { 0 };

	getrandom(r, sizeof r, 0);
	snprintf(line, sizeof line, "mono %llu wall %llu back %llu words %llu wrong %llu passes %llu errors %llu random %016llx%016llx\n",
		 (unsigned long long)now_of(CLOCK_MONOTONIC), (unsigned long long)now_of(CLOCK_REALTIME), (unsigned long long)back,
		 (unsigned long long)words_in, (unsigned long long)wrong, (unsigned long long)passes, (unsigned long long)errors,
		 (unsigned long long)r[0], (unsigned long long)r[1]);
	send(s, line, strlen(line), 0);
}

int main(void)
{
	int l = listen_on(STATUS_PORT), s;
	char c;

	start(serve_data, 0);
	start(watch_clock, 0);
	for (intptr_t i = 0; i < WRITERS; i++)
		start(use_disk, i);
	puts("moved: ready");
	fflush(stdout);
	while ((s = accept(l, NULL, NULL)) >= 0) {
		while (recv(s, &c, 1, 0) == 1)
			tell(s);
		close(s);
	}
	return 1;
}
