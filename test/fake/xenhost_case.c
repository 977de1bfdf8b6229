/* SPDX-License-Identifier: MIT */
/*
 * Cases of the fake Xen: each in a child process, so that the rooms' static state is new. Read xenhost.h first.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "test/child.h"
#include "test/fake/xenhost.h"

void xenhost_must(bool good, const char *what, const char *file, int line)
{
	if (good)
		return;
	printf("# failed at %s:%d: %s (seed %llu)\n", file, line, what, (unsigned long long)xenhost.seed);
	fflush(stdout);
	_exit(1);
}

unsigned xenhost_seeds(void (*fn)(void), unsigned n)
{
	const char *first = getenv("PITH_SEED");
	unsigned good = 0;

	xenhost.seed = first ? strtoull(first, NULL, 10) : 1;
	while (good < n && child_ends(fn, 0)) {
		xenhost.seed++;
		good++;
	}
	return good;
}
