/* SPDX-License-Identifier: MIT */
/*
 * Starts a program that defines core_main() on the fake machine, as core/start.c does on a real one.
 *
 * The arguments become the command line as they stand, blanks between them.
 */
#include <stdio.h>
#include <string.h>

#include "test/fake/fake.h"

_Noreturn void core_start(void);

int main(int argc, char **argv)
{
	static char line[4096];

	for (int i = 1; i < argc; i++) {
		size_t len = strlen(line);

		snprintf(line + len, sizeof(line) - len, "%s%s", i > 1 ? " " : "", argv[i]);
	}
	fake.cmdline = line;
	core_start();
}
