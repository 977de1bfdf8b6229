/* SPDX-License-Identifier: MIT */
/*
 * A program that goes on while devices and memory come and go under it. It answers on port 80, writes to every disk there is
 * and reads it back, and allocates, fills, checks and frees memory, each in a thread of its own; what it sees change is said in
 * a line. SIGTERM ends it, with status 0 when nothing was ever wrong. Asked for /quiet it holds no memory, until it is asked for /loud:
 * so that what is free can be compared.
 *
 * usage: hotplug [KIB]: how much memory it holds at most; 0: none
 * test/run: driven by xen/hotplug.py.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>

#define DISKS 4
#define BLOCK 4096
#define HELD 64

static volatile sig_atomic_t stop;
static volatile int wrong, quiet;
static volatile size_t holds; /* bytes */

static void on_term(int sig)
{
	(void)sig;
	stop = 1;
}

static void complain(const char *what, unsigned n)
{
	printf("wrong: %s %u\n", what, n);
	wrong = 1;
}

/* ---- the network ---- */

static void wait_at_most(int fd, int seconds)
{
	struct timeval patience = { .tv_sec = seconds };

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
}

static void obey(const char *line)
{
	if (!strncmp(line, "GET /quiet", 10))
		quiet = 1;
	if (!strncmp(line, "GET /loud", 9))
		quiet = 0;
	while (quiet && holds)
		usleep(1000);
}

static void *serve(void *arg)
{
	static const char answer[] = "HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nok\n";
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(80) };
	int listener = socket(AF_INET, SOCK_STREAM, 0), fd;
	char line[512] = "";

	(void)arg;
	if (bind(listener, (struct sockaddr *)&at, sizeof(at)) || listen(listener, 64))
		complain("listen", (unsigned)errno);
	printf("serving\n");
	while ((fd = accept(listener, NULL, NULL)) >= 0) {
		wait_at_most(fd, 20); /* the host may be busy, or our interface gone for a while */
		if (read(fd, line, sizeof(line) - 1) > 0) {
			obey(line);
			(void)!write(fd, answer, sizeof(answer) - 1);
			wait_at_most(fd, 1);
			(void)!read(fd, line, 1); /* who ends first has to remember the connection: not us */
		}
		close(fd);
	}
	complain("accept", (unsigned)errno);
	return NULL;
}

/* ---- disks ---- */

/* Uses the disk until it is gone. Returns the error that said so. */
static int use(int fd, unsigned n)
{
	static unsigned char out[DISKS][BLOCK] __attribute__((aligned(BLOCK))), in[DISKS][BLOCK] __attribute__((aligned(BLOCK)));
	off_t was = 0, size, at;
	struct stat st;

	for (unsigned round = 0; !stop; round++) {
		size = lseek(fd, 0, SEEK_END);
		if (size != was)
			printf("blk%u: %lld bytes\n", n, (long long)size);
		was = size;
		if (fstat(fd, &st) || !S_ISBLK(st.st_mode))
			complain("fstat of disk", n);
		at = (off_t)((round * 7919ull) % (unsigned long long)(size / BLOCK)) * BLOCK;
		memset(out[n], (int)(round * 31 + n), BLOCK);
		if (pwrite(fd, out[n], BLOCK, at) != BLOCK || pread(fd, in[n], BLOCK, at) != BLOCK)
			return errno;
		if (memcmp(in[n], out[n], BLOCK))
			complain("data on disk", n);
		usleep(2000); /* the host's own programs want the CPU, too */
	}
	return 0;
}

static void *watch_disk(void *arg)
{
	unsigned n = (unsigned)(size_t)arg;
	char path[16];
	int fd, rc;

	snprintf(path, sizeof(path), "/dev/blk%u", n);
	while (!stop) {
		fd = open(path, O_RDWR);
		if (fd < 0) {
			if (errno != ENOENT && errno != ENXIO)
				complain("open of disk", n);
			usleep(5000);
			continue;
		}
		rc = use(fd, n);
		if (rc)
			printf("blk%u: %s\n", n, strerror(rc));
		if (rc && pread(fd, path + 8, 0, 0) == 0 && lseek(fd, 0, SEEK_END) < 0)
			complain("old descriptor of disk", n);
		close(fd);
	}
	return NULL;
}

/* ---- memory ---- */

static void *hold(void *arg)
{
	static struct {
		unsigned char *at, fill;
		size_t size;
	} held[HELD];
	size_t most = *(size_t *)arg * 1024, i, k;
	unsigned refused = 0;

	for (unsigned round = 0; !stop; round++) {
		i = (size_t)rand() % HELD;
		if (held[i].at) {
			for (k = 0; k < held[i].size; k += 64)
				if (held[i].at[k] != held[i].fill)
					complain("memory", (unsigned)i);
			free(held[i].at);
			held[i].at = NULL;
			holds -= held[i].size;
		} else if (!quiet) {
			held[i].size = 64 + (size_t)rand() % (2 * most / HELD);
			held[i].fill = (unsigned char)rand();
			held[i].at = holds + held[i].size <= most ? malloc(held[i].size) : NULL;
			refused += !held[i].at;
			if (held[i].at) {
				memset(held[i].at, held[i].fill, held[i].size);
				holds += held[i].size;
			}
		}
		if (round % 4 == 0)
			usleep(2000);
	}
	printf("memory: %u refused\n", refused);
	return NULL;
}

/* ---- what there is, once a second ---- */

static unsigned long number(const char *path, const char *name)
{
	char line[160];
	FILE *f = fopen(path, "r");
	unsigned long value = 0;

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, name, strlen(name)))
			value = strtoul(line + strlen(name), NULL, 10);
	if (f)
		fclose(f);
	return value;
}

int main(int argc, char **argv)
{
	size_t kib = argc > 1 ? strtoul(argv[1], NULL, 10) : 0;
	unsigned long was = 0, total;
	pthread_t t;

	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGTERM, on_term);
	pthread_create(&t, NULL, serve, NULL);
	for (size_t n = 0; n < DISKS; n++)
		pthread_create(&t, NULL, watch_disk, (void *)n);
	if (kib)
		pthread_create(&t, NULL, hold, &kib);
	while (!stop) {
		total = number("/proc/meminfo", "MemTotal:");
		if (total != was)
			printf("memory: %lu kB\n", total);
		was = total;
		usleep(100000);
	}
	usleep(200000);
	printf("end: %s\n", wrong ? "wrong" : "good");
	exit(wrong);
}
