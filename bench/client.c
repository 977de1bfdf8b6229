/* SPDX-License-Identifier: MIT */
/*
 * The client that bench/run puts into a Xen host's dom0: bulk transfers to and from test/guest/bulk.c, in one static
 * program, because dom0 has nothing of the kind and the way into it would be measured otherwise.
 *
 * dom0 shares its CPU with the guest, so what this end costs hides what the guests differ in: bytes are sent from a file's
 * pages and received without a copy (tcp(7), MSG_TRUNC), as `iperf3 --zerocopy --skip-rx-copy` does.
 *
 * usage: client sink|fill ADDRESS BYTES     prints MB/s
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>

#define PORT 9
#define PIECE (1u << 20)

static char buf[PIECE];

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static int dial(const char *address)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	int s = socket(AF_INET, SOCK_STREAM, 0);

	if (s < 0 || inet_pton(AF_INET, address, &a.sin_addr) != 1 || connect(s, (struct sockaddr *)&a, sizeof(a)))
		die(address);
	return s;
}

/* A file of PIECE bytes to send from. */
static int make_piece(void)
{
	int file = memfd_create("piece", 0);

	if (file < 0 || write(file, buf, sizeof(buf)) != (ssize_t)sizeof(buf))
		die("a file in memory");
	return file;
}

/* sink: the time until the guest says that it has got everything; fill: until it is here. */
static double bulk(const char *word, const char *address, size_t size)
{
	int s = dial(address), piece = make_piece();
	double start = now();

	if (dprintf(s, "%s %zu\n", word, size) < 0)
		die("write");
	for (size_t left = size; left > 0;) {
		size_t most = left < sizeof(buf) ? left : sizeof(buf);
		ssize_t n = *word == 's' ? sendfile(s, piece, &(off_t){ 0 }, most) : recv(s, buf, most, MSG_TRUNC);

		if (n <= 0)
			die(word);
		left -= (size_t)n;
	}
	if (*word == 's' && (read(s, buf, sizeof(buf)) < 2 || memcmp(buf, "ok", 2)))
		die("answer");
	return (double)size / 1e6 / (now() - start);
}

int main(int argc, char **argv)
{
	if (argc != 4 || (strcmp(argv[1], "sink") && strcmp(argv[1], "fill"))) {
		fputs("usage: client sink|fill ADDRESS BYTES\n", stderr);
		return 2;
	}
	printf("%.3f\n", bulk(argv[1], argv[2], strtoul(argv[3], NULL, 10)));
	return 0;
}
