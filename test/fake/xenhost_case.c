/* SPDX-License-Identifier: MIT */
/*
 * Cases of the fake Xen: each in a child process, so that the rooms' static state is new. Read xenhost.h first.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test/fake/xenhost.h"

void xenhost_must(bool good, const char *what, const char *file, int line)
{
	if (good)
		return;
	printf("# failed at %s:%d: %s (seed %llu)\n", file, line, what, (unsigned long long)xenhost.seed);
	fflush(stdout);
	_exit(1);
}

bool xenhost_child(void (*fn)(void), int status)
{
	int got = 0;
	pid_t child;

	fflush(stdout);
	child = fork();
	if (child == 0) {
		fn();
		fflush(stdout);
		_exit(0);
	}
	waitpid(child, &got, 0);
	got = WIFEXITED(got) ? WEXITSTATUS(got) : 256 + WTERMSIG(got);
	if (got != status)
		printf("# ended with %d, not %d\n", got, status);
	return got == status;
}

unsigned xenhost_seeds(void (*fn)(void), unsigned n)
{
	const char *first = getenv("PITH_SEED");
	unsigned good = 0;

	xenhost.seed = first ? strtoull(first, NULL, 10) : 1;
	while (good < n && xenhost_child(fn, 0)) {
		xenhost.seed++;
		good++;
	}
	return good;
}
