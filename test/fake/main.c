/* SPDX-License-Identifier: MIT */
/*
 * Starts a program that defines core_main() on the fake machine, as core/start.c does on a real one.
 *
 * The machine has one interface and one disk, as the guests of the contract tests have; both do things in another order
 * than they were asked. Arguments that begin with fake: take something away (see below); the
 * others become the command line as they stand, blanks between them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/fake/fake.h"

_Noreturn void core_start(void);

static void set(const char *what)
{
	if (strcmp(what, "read-only") == 0)
		fake_blk[0].read_only = true;
	else if (strcmp(what, "4k") == 0)
		fake_blk[0].sector_size = 4096;
	else if (strcmp(what, "no-discard") == 0)
		fake_blk[0].max_discard = UINT32_MAX;
	else if (strcmp(what, "no-flush") == 0)
		fake_blk[0].no_flush = true;
	else if (strcmp(what, "small") == 0)
		fake_blk[0].ring = fake_nic[0].tx_ring = fake_nic[0].rx_buffers = 8;
	else if (strcmp(what, "no-offload") == 0)
		fake_nic[0].features = NIC_RX_CSUM;
	else if (strcmp(what, "no-entropy") == 0)
		fake.no_entropy = true;
	else
		exit(2);
}

int main(int argc, char **argv)
{
	static char line[4096];

	for (unsigned n = 1; n < FAKE_NICS; n++)
		fake_nic[n].absent = true;
	for (unsigned n = 1; n < FAKE_BLKS; n++)
		fake_blk[n].absent = true;
	fake.spurious = 500;
	fake_nic[0].jitter = fake_nic[0].tx_jitter = 20000;
	for (int i = 1; i < argc; i++) {
		size_t len = strlen(line);

		if (strncmp(argv[i], "fake:", 5) == 0)
			set(argv[i] + 5);
		else
			snprintf(line + len, sizeof(line) - len, "%s%s", len ? " " : "", argv[i]);
	}
	fake.cmdline = line;
	core_start();
}
