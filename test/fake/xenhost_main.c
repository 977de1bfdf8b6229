/* SPDX-License-Identifier: MIT */
/*
 * Starts a program that defines core_main() on the fake Xen: the contract tests, with netfront and blkfront under them. The far end of
 * the wire sends every frame back with its two MAC addresses exchanged. The arguments become the command line.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/fake/fake.h"
#include "test/fake/xenhost.h"

_Noreturn void core_start(void);

void fake_wrong(const char *fmt, ...)
{
	char line[200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	xenhost_wrong("%s", line);
}

void xenhost_net_input(unsigned n, const uint8_t *frame, unsigned len, const struct nic_offload *off)
{
	static uint8_t back[70000];

	memcpy(back, frame, len);
	memcpy(back, frame + 6, 6);
	memcpy(back + 6, frame, 6);
	xenhost_net_send(n, back, len, off, 0);
}

int main(int argc, char **argv)
{
	static char line[4096];
	const char *seed = getenv("PITH_SEED");

	for (int i = 1; i < argc; i++) {
		size_t len = strlen(line);

		snprintf(line + len, sizeof(line) - len, "%s%s", i > 1 ? " " : "", argv[i]);
	}
	xenhost.seed = seed ? strtoull(seed, NULL, 10) : 1;
	xenhost.cmdline = line;
	xenhost.memory = 64u << 20;
	xenhost_disk[0].sectors = 16384;
	core_start();
}
