/* SPDX-License-Identifier: MIT */
/*
 * The command line: the words of a VMM for its devices (kvm/slots.c), options (core/option.c), argv and the environment
 * (libc-glue/args.c), numbers and sizes. The line lies in memory of exactly its size.
 */
#include "kvm/kvm.h"
#include "kvm/pci.h"
#include "libc-glue/args.h"
#include "test/fuzz/fuzz_alone.h"

#define LINE 1024u

static char *line, *used; /* as it came, and a copy to take apart */
static size_t size;

const char *plat_cmdline(void)
{
	return line;
}

bool pci_present(void)
{
	return true;
}

unsigned intr_mmio_base(void)
{
	return 5;
}

void fuzz_begin(void)
{
	fuzz_alone_begin();
}

/* A fresh copy of the line. */
static char *again(void)
{
	fuzz_free(used);
	used = fuzz_malloc(size);
	memcpy(used, line, size);
	return used;
}

static bool in_line(const char *word)
{
	return word >= used && word < used + size && memchr(word, 0, (size_t)(used + size - word));
}

static void check_slots(void)
{
	struct slot s;
	char *p = again();
	unsigned n = 0;

	slots_take(p);
	fuzz_must(strlen(p) < size);
	while (slots_get(n, &s))
		n++;
	fuzz_must(n <= 32);
}

static void check_split(void)
{
	char *argv[16];
	int n = option_split(again(), argv, 16);

	fuzz_must(n >= -ERR_INVAL && n <= (int)size);
	for (int i = 0; i < n && i < 16; i++)
		fuzz_must(in_line(argv[i]));
}

static void check_args(void)
{
	char **argv, **env;
	int argc, rc = args_split(again(), &argc, &argv, &env);

	fuzz_must(rc == 0 || rc == -ERR_INVAL || rc == -ERR_NOMEM);
	if (rc == -ERR_NOMEM)
		return;
	fuzz_must(argc >= 1 && !strcmp(argv[0], "pith") && !argv[argc]);
	for (int i = 1; i < argc; i++)
		fuzz_must(in_line(argv[i]));
	for (; *env; env++)
		fuzz_must(in_line(*env) && strchr(*env, '='));
	fuzz_must(rc == 0 || argc == 1);
}

/* Every length of a buffer that matters, for keys that are there and that are not. */
static void check_options(void)
{
	static const char *const keys[] = { "ip", "pith.log", "pith.queues", "mtu1", "" };
	char buf[24];
	uint64_t v;

	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		for (size_t len = 0; len <= sizeof buf; len += 8) {
			int rc = option_get(keys[i], buf, len);

			fuzz_must(rc >= -ERR_NOENT && rc < (int)size);
			fuzz_must(rc < 0 || len == 0 || strlen(buf) == (size_t)((size_t)rc < len ? (size_t)rc : len - 1));
			if (rc >= 0 && len > 0)
				(void)fmt_number(buf, UINT32_MAX, &v);
		}
}

void fuzz_run(void)
{
	fuzz_alone_reset(0);
	size = fuzz_left() < LINE ? fuzz_left() : LINE;
	line = fuzz_malloc(size + 1);
	fuzz_bytes(line, size);
	line[size] = '\0';
	size = strlen(line) + 1;
	line = memcpy(fuzz_malloc(size), line, size);
	used = NULL;
	check_slots();
	check_split();
	check_options();
	check_args();
}
