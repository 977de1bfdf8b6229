/* SPDX-License-Identifier: MIT */
/*
 * From the first thread to main() and from exit() to the end of the machine.
 *
 * The order is a promise: the C library works, then devices are brought up (init_early, see glue.h), then the seal, then
 * constructors, then main(). A constructor can therefore use the network, and no device can be opened after the seal.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/core.h"
#include "core/err.h"
#include "core/plat.h"
#include "libc-glue/args.h"
#include "libc-glue/cons.h"
#include "libc-glue/mem.h"
#include "libc-glue/reent.h"
#include "libc-glue/signal.h"

typedef void (*hook)(void);

/* link.lds */
extern const hook __init_early_start[], __init_early_end[];
extern const hook __preinit_array_start[], __preinit_array_end[];
extern const hook __init_array_start[], __init_array_end[];
extern const hook __fini_array_start[], __fini_array_end[];

int main(int argc, char **argv, char **env);

static void run(const hook *from, const hook *to)
{
	for (; (uintptr_t)from < (uintptr_t)to; from++)
		(*from)();
}

/* In reverse, as destructors want it. */
static void run_fini(void)
{
	const hook *p = __fini_array_end;

	while ((uintptr_t)p > (uintptr_t)__fini_array_start)
		(*--p)();
}

static char **read_command_line(int *argc)
{
	char **argv, **env;
	char *line = strdup(plat_cmdline());
	int rc = line ? args_split(line, argc, &argv, &env) : -1;

	if (!line || rc == -ERR_NOMEM)
		log_panic("crt: no memory for the command line");
	if (rc)
		log_line(LOG_WARN, "crt: the command line has a quote that is not closed: all of it is ignored");
	environ = env;
	return argv;
}

static void look_at_cpu(void)
{
	struct plat_about about;

	plat_about(&about);
	mem_repeat = strcmp(about.accelerator, "tcg") != 0;
}

_Noreturn void core_main(void)
{
	char **argv;
	int argc;

	look_at_cpu();
	reent_start();
	cons_start();
	signal_start();
	argv = read_command_line(&argc);
	run(__init_early_start, __init_early_end);
	core_phase("devices");
	plat_seal();
	run(__preinit_array_start, __preinit_array_end);
	run(__init_array_start, __init_array_end);
	atexit(run_fini);
	core_phase("main");
	exit(main(argc, argv, environ));
}

void _exit(int status)
{
	cons_flush();
	plat_exit(PLAT_OFF, status & 0xff);
}
