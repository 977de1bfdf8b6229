/* SPDX-License-Identifier: MIT */
/*
 * Moves bytes over TCP and says what they were: the guest's end of bulk.py and of bench/run, in plain C, so
 * that the same program runs in pith, in the Linux guest and on the host.
 *
 * A client sends one line and then:
 *   put N       N bytes; the answer is their CRC-32 as eight hexadecimal digits and a newline
 *   get N SEED  gets N bytes drawn from SEED, then their CRC-32 in the same form
 *   sink N      N bytes that nobody looks at; the answer is "ok" and a newline
 *   fill N      gets N bytes, always the same
 * Each connection has a thread of its own. usage: bulk PORT
 * test/run: driven by bulk.py and bad_wire.py.
 */
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#define PIECE (256u << 10)

static uint32_t table[8][256];

/* CRC-32 as zlib's, eight bytes at a time. */
static void make_table(void)
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t c = i;

		for (int k = 0; k < 8; k++)
			c = c & 1 ? c >> 1 ^ 0xedb88320u : c >> 1;
		table[0][i] = c;
	}
	for (uint32_t i = 0; i < 256; i++)
		for (int k = 1; k < 8; k++)
			table[k][i] = table[k - 1][i] >> 8 ^ table[0][table[k - 1][i] & 255];
}

static uint32_t crc_add(uint32_t c, const unsigned char *p, size_t n)
{
	c = ~c;
	for (; n >= 8; n -= 8, p += 8) {
		c ^= (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
		c = table[7][c & 255] ^ table[6][c >> 8 & 255] ^ table[5][c >> 16 & 255] ^ table[4][c >> 24] ^
		    table[3][p[4]] ^ table[2][p[5]] ^ table[1][p[6]] ^ table[0][p[7]];
	}
	for (; n; n--, p++)
		c = c >> 8 ^ table[0][(c ^ *p) & 255];
	return ~c;
}

static void draw(uint64_t *state, uint64_t *v, size_t words)
{
	uint64_t x = *state;

	for (size_t i = 0; i < words; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		v[i] = x;
	}
	*state = x;
}

static bool send_all(int fd, const void *data, size_t n)
{
	const char *p = data;

	while (n) {
		ssize_t k = write(fd, p, n);

		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0)
			return false;
		p += k;
		n -= (size_t)k;
	}
	return true;
}

static bool send_crc(int fd, uint32_t crc)
{
	char line[16];

	return send_all(fd, line, (size_t)snprintf(line, sizeof(line), "%08lx\n", (unsigned long)crc));
}

/* Takes n bytes. *crc is theirs when `look`. */
static bool take(int fd, uint64_t n, bool look, uint32_t *crc, unsigned char *buf)
{
	*crc = 0;
	while (n) {
		ssize_t k = read(fd, buf, n < PIECE ? (size_t)n : PIECE);

		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0)
			return false;
		if (look)
			*crc = crc_add(*crc, buf, (size_t)k);
		n -= (uint64_t)k;
	}
	return true;
}

static bool give(int fd, uint64_t n, uint64_t seed, uint32_t *crc, unsigned char *buf)
{
	*crc = 0;
	while (n) {
		size_t k = n < PIECE ? (size_t)n : PIECE;

		if (seed) {
			draw(&seed, (uint64_t *)(void *)buf, PIECE / 8);
			*crc = crc_add(*crc, buf, k);
		}
		if (!send_all(fd, buf, k))
			return false;
		n -= k;
	}
	return true;
}

/* The request's line, byte by byte: what follows it is data. */
static bool read_line(int fd, char *line, size_t size)
{
	size_t n = 0;

	while (n + 1 < size && read(fd, line + n, 1) == 1) {
		if (line[n] == '\n') {
			line[n] = '\0';
			return true;
		}
		n++;
	}
	return false;
}

static bool obey(int fd, const char *line, unsigned char *buf)
{
	unsigned long long n = 0, seed = 0;
	uint32_t crc;

	if (sscanf(line, "put %llu", &n) == 1)
		return take(fd, n, true, &crc, buf) && send_crc(fd, crc);
	if (sscanf(line, "get %llu %llu", &n, &seed) == 2)
		return give(fd, n, seed ? seed : 1, &crc, buf) && send_crc(fd, crc);
	if (sscanf(line, "sink %llu", &n) == 1)
		return take(fd, n, false, &crc, buf) && send_all(fd, "ok\n", 3);
	if (sscanf(line, "fill %llu", &n) == 1)
		return give(fd, n, 0, &crc, buf);
	return false;
}

static void *serve(void *arg)
{
	int fd = (int)(intptr_t)arg, one = 1;
	unsigned char *buf = calloc(1, PIECE);
	char line[80];

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	while (buf && read_line(fd, line, sizeof(line)) && obey(fd, line, buf))
		;
	free(buf);
	close(fd);
	return NULL;
}

int main(int argc, char **argv)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)(argc > 1 ? atoi(argv[1]) : 9)) };
	int one = 1, fd, s = socket(AF_INET, SOCK_STREAM, 0);
	pthread_attr_t attr;
	pthread_t t;

	make_table();
	setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (s < 0 || bind(s, (struct sockaddr *)&a, sizeof(a)) || listen(s, 16)) {
		printf("bulk: %s\n", strerror(errno));
		return 1;
	}
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	printf("bulk: listening\n");
	fflush(stdout);
	while ((fd = accept(s, NULL, NULL)) >= 0 || errno == EINTR)
		if (fd >= 0 && pthread_create(&t, &attr, serve, (void *)(intptr_t)fd))
			close(fd);
	printf("bulk: accept: %s\n", strerror(errno));
	return 1;
}
