/* SPDX-License-Identifier: MIT */
/* The first line of a Linux guest: what bench/boot waits for. Runs as init. */
#include <stdio.h>
#include <unistd.h>

int main(void)
{
	printf("hello: first line\n");
	fflush(stdout);
	pause();
	return 0;
}
