/* SPDX-License-Identifier: MIT */
/*
 * libc-glue/args.c: what of the command line becomes argv, what the environment, and what neither.
 */
#include <errno.h>
#include <string.h>

#include "core/err.h"
#include "libc-glue/args.h"
#include "test/fake/boot.h"
#include "test/fake/fake.h"
#include "test/tap.h"

static char text[4096];

/* The vectors as one text: `a b|X=1`. */
static const char *split(const char *line)
{
	char *copy = strdup(line), **argv, **env;
	int argc = -1, i, rc = args_split(copy, &argc, &argv, &env);

	text[0] = '\0';
	if (rc)
		sprintf(text, "%d:", rc);
	for (i = 1; i < argc; i++)
		strcat(strcat(text, i > 1 ? " " : ""), argv[i]);
	strcat(text, "|");
	if (argv[argc] != NULL || strcmp(argv[0], "pith"))
		strcat(text, "argv is not ended");
	for (i = 0; env[i]; i++)
		strcat(strcat(text, i ? " " : ""), env[i]);
	free(argv);
	free(copy);
	return text;
}

static void gives(const char *line, const char *want)
{
	if (!ok(!strcmp(split(line), want), "`%s' gives `%s'", line, want))
		tap_diag("got `%s'", text);
}

int main(void)
{
	char *long_line = malloc(5000);
	size_t i;

	fake.quiet = true;
	fake_boot();
	gives("", "|");
	gives("   ", "|");
	gives("one two", "one two|");
	gives("ip=dhcp pith.log=info one", "one|");
	gives("A=1 one B_2=x y", "one y|A=1 B_2=x");
	gives("A=1 -- one B=2 ip=off", "one B=2 ip=off|A=1");
	gives("lost -- one", "one|");
	gives("a=b c", "a=b c|");
	gives("a=b -- c", "c|");
	gives("-- -- x", "-- x|");
	gives("--", "|");
	gives("A=1 A=2", "|A=2");
	gives("AB=1 A=2 AB=3", "|AB=3 A=2");
	gives("=x 1A=x", "=x 1A=x|");
	gives("'a b' \"c d\" e\\ f", "a b c d e f|");
	gives("A='x y' -- \"--\"", "--|A=x y");
	gives("one virtio_mmio.device=512@0xfeb00e00:12", "one|");
	gives("-- one virtio_mmio.device=512@0xfeb00e00:12", "one|");
	gives("gw=10.0.0.1 dns=1.1.1.1 hostname=h ip6=x", "|");
	gives("ip1=10.0.0.1/24 ip61=off gw1=10.0.0.2 mtu12=1400 one", "one|");
	gives("ipx=1 gwen=2 ip1x=3 dns1=4", "ipx=1 gwen=2 ip1x=3 dns1=4|");
	gives("'open", "-22:|");
	gives("a b\\", "-22:|");
	gives("\"\" x", " x|");
	for (i = 0; i < 4094; i += 2)
		memcpy(long_line + i, "a ", 3);
	ok(strlen(split(long_line)) == 4094, "a line full of words has room");
	free(long_line);
	return tap_done();
}
