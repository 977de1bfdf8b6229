/* SPDX-License-Identifier: MIT */
/* A case in a process of its own, so that the static state of what it tests is new, and its end is not the test's. For programs of the host. */
#ifndef TEST_CHILD_H
#define TEST_CHILD_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* Runs fn. Whether the process ended with `status`, which is 0 where fn returns, and 256 and more for a signal. */
__attribute__((unused)) static bool child_ends(void (*fn)(void), int status)
{
	int how = 0;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid < 0)
		abort();
	if (pid == 0) {
		fn();
		fflush(stdout);
		_exit(0);
	}
	waitpid(pid, &how, 0);
	how = WIFEXITED(how) ? WEXITSTATUS(how) : 256 + WTERMSIG(how);
	if (how != status)
		printf("# ended with %d, not %d\n", how, status);
	return how == status;
}

#endif
