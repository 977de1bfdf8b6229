/* SPDX-License-Identifier: MIT */
#include <stdio.h>

/*
 * The smallest program: says hello, and with what it was started.
 *
 * It is also what boot time and image size are measured with, so it asks for nothing but printf.
 * argv[0] is not printed: it is a path on a host and a name in an image, and both shall print the
 * same.
 */

int main(int argc, char **argv)
{
	int i;

	printf("hello, world\n");
	/* Into a pipe, stdio would keep the line until the end: whoever measures waits for it. */
	fflush(stdout);
	printf("argc = %d\n", argc);
	for (i = 1; i < argc; i++)
		printf("argv[%d] = %s\n", i, argv[i]);
	return ferror(stdout) != 0;
}
