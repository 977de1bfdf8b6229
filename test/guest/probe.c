/* SPDX-License-Identifier: MIT */
/*
 * A program that does what its first argument says: the guest's end of many tests, in plain C, so that it
 * can also be built for the host and asked the same. Each action prints lines of `word: value` and
 * main() returns its status; the scripts beside this file know what to expect.
 * test/run: driven by boots.py and others.
 */
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
#include <sys/stat.h>

extern char **environ;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Words and environment, quoted so that a script can compare them byte by byte. */
static int do_words(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		printf("word %d: [%s]\n", i, argv[i]);
	for (char **e = environ; *e; e++)
		printf("environment: [%s]\n", *e);
	return 0;
}

static int do_exit(int argc, char **argv)
{
	return argc > 2 ? atoi(argv[2]) : 0;
}

/* exit() in a second thread, with output that was not flushed. */
static void *exit_from_thread(void *status)
{
	printf("unflushed");
	exit(*(int *)status);
}

static int do_thread_exit(int argc, char **argv)
{
	int status = do_exit(argc, argv);
	pthread_t t;

	if (pthread_create(&t, NULL, exit_from_thread, &status) == 0)
		pthread_join(t, NULL);
	return 99;
}

static int do_cat(int argc, char **argv)
{
	char buf[4096];
	size_t n;

	for (int i = 2; i < argc; i++) {
		FILE *f = fopen(argv[i], "r");

		if (!f) {
			printf("%s: %s\n", argv[i], strerror(errno));
			return 1;
		}
		while ((n = fread(buf, 1, sizeof(buf), f)) > 0)
			fwrite(buf, 1, n, stdout);
		fclose(f);
	}
	return 0;
}

/* Echoes lines of the console until "end". */
static int do_lines(int argc, char **argv)
{
	char line[512];

	(void)argc;
	(void)argv;
	printf("type\n");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\r\n")] = '\0';
		if (!strcmp(line, "end"))
			break;
		printf("line: [%s]\n", line);
		fflush(stdout);
	}
	printf("done\n");
	return 0;
}

/* Sleeps, in pieces: what the clock says against what was asked. */
static int do_sleep(int argc, char **argv)
{
	double seconds = argc > 2 ? atof(argv[2]) : 1.0, start = now();
	int pieces = argc > 3 ? atoi(argv[3]) : 10;
	struct timespec t = { (time_t)(seconds / pieces), (long)((seconds / pieces - (double)(time_t)(seconds / pieces)) * 1e9) };

	printf("sleeping\n");
	fflush(stdout);
	for (int i = 0; i < pieces; i++)
		nanosleep(&t, NULL);
	printf("slept: %.3f\n", now() - start);
	printf("time: %lld\n", (long long)time(NULL));
	return 0;
}

/* A byte of every page; all of a small piece. */
static void touch(char *p, size_t size, int value)
{
	for (size_t i = 0; i < size; i += size > 65536 ? 4096 : 1)
		p[i] = (char)value;
}

/* Takes memory until there is none, gives all of it back, and does so again: the same must come twice. */
static int do_memory(int argc, char **argv)
{
	size_t piece = argc > 2 ? (size_t)atol(argv[2]) : 65536, first = 0;

	for (int round = 0; round < 3; round++) {
		void *list = NULL;
		size_t count = 0;
		void **p;

		while ((p = malloc(piece)) != NULL) {
			touch((char *)p, piece, round + 1);
			*p = list;
			list = p;
			count++;
		}
		printf("round %d: %zu pieces of %zu\n", round, count, piece);
		while ((p = list) != NULL) {
			list = *p;
			free(p);
		}
		if (round == 0)
			first = count;
		else if (count + 1 < first) /* one less: a page may have become a heap's own */
			return 1;
	}
	return first ? 0 : 1;
}

static int do_random(int argc, char **argv)
{
	unsigned char b[32];
	int fd = open("/dev/urandom", O_RDONLY);

	(void)argc;
	(void)argv;
	if (fd < 0 || read(fd, b, sizeof(b)) != (ssize_t)sizeof(b)) {
		printf("random: %s\n", strerror(errno));
		return 1;
	}
	printf("random: ");
	for (size_t i = 0; i < sizeof(b); i++)
		printf("%02x", b[i]);
	printf("\n");
	return 0;
}

/* Describes a path as stat() does. */
static int do_stat(int argc, char **argv)
{
	struct stat st;

	for (int i = 2; i < argc; i++) {
		if (stat(argv[i], &st))
			printf("%s: %s\n", argv[i], strerror(errno));
		else
			printf("%s: mode %o size %lld\n", argv[i], (unsigned)st.st_mode, (long long)st.st_size);
	}
	return 0;
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned long counted;
static double work;

/* Floating point that must survive switches in its middle. */
static void *count_up(void *arg)
{
	double x = 1.0 + (double)(uintptr_t)arg;

	for (int i = 0; i < 1000; i++) {
		x = x * 1.000001 + 0.5;
		pthread_mutex_lock(&lock);
		counted++;
		pthread_mutex_unlock(&lock);
		if (i % 64 == 0)
			usleep(1);
	}
	pthread_mutex_lock(&lock);
	work += x;
	pthread_mutex_unlock(&lock);
	return NULL;
}

static int do_threads(int argc, char **argv)
{
	int n = argc > 2 ? atoi(argv[2]) : 8, started = 0;
	pthread_t *t = calloc((size_t)n, sizeof(*t));

	while (t && started < n && pthread_create(&t[started], NULL, count_up, (void *)(uintptr_t)started) == 0)
		started++;
	for (int i = 0; i < started; i++)
		pthread_join(t[i], NULL);
	printf("threads: %d counted %lu sum %.6f\n", started, counted, work);
	free(t);
	return started == n && counted == 1000ul * (unsigned long)n ? 0 : 1;
}

/* Prints a great deal: nothing may be lost or doubled. */
static int do_print(int argc, char **argv)
{
	int lines = argc > 2 ? atoi(argv[2]) : 10000;

	for (int i = 0; i < lines; i++)
		printf("%d of %d: the quick brown fox jumps over the lazy dog\n", i, lines);
	return 0;
}

static const struct {
	const char *name;
	int (*go)(int argc, char **argv);
} actions[] = {
	{ "words", do_words }, { "exit", do_exit }, { "thread-exit", do_thread_exit }, { "cat", do_cat }, { "lines", do_lines },
	{ "sleep", do_sleep }, { "memory", do_memory }, { "random", do_random }, { "stat", do_stat }, { "threads", do_threads },
	{ "print", do_print },
};

int main(int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < sizeof(actions) / sizeof(actions[0]); i++)
		if (!strcmp(actions[i].name, argv[1]))
			return actions[i].go(argc, argv);
	printf("usage: probe ACTION ...\n");
	return 2;
}
