/* SPDX-License-Identifier: MIT */
#include <stdio.h>

/*
 * From the first thread to main() and from exit() to the end of the machine.
 *
 * The order is a promise: the C library works, then devices are brought up (init_early, see
 * glue.h), then the seal, then constructors, then main(). A constructor can therefore use the
 * network, and no device can be opened after the seal.
 */

#include <stdlib.h>
#include <string.h>
#include <sys/lock.h>
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

/* Compared as numbers: to the compiler these are two objects of their own. */
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

/*
 * The copy is the program's for ever: argv and environ point into it, and programs write to them.
 */
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

/* ---- The end ---- */

/*
 * newlib's, not in its headers: the functions of atexit() and on_exit(), and a walk over all open
 * streams.
 */
void __call_exitprocs(int code, void *dso);
int _fwalk_reent(struct _reent *reent, int (*fn)(struct _reent *, FILE *));

/* The lock is asked for, not waited for. */
static int flush(struct _reent *reent, FILE *stream)
{
	int rc;

	if (!__lock_try_acquire_recursive(stream->_lock))
		return 0;
	rc = _fflush_r(reent, stream);
	__lock_release_recursive(stream->_lock);
	return rc;
}

/*
 * In place of newlib's, which closes every stream and waits for its lock: a thread that stands in
 * fgets(stdin) holds that of stdin, perhaps for ever, and exit() in another one would never return.
 * Here streams are flushed, and one that another thread is using is left as it is.
 */
void exit(int status)
{
	__call_exitprocs(status, NULL);
	_fwalk_reent(_GLOBAL_REENT, flush);
	_exit(status);
}

/* What the host sees of the status is up to the platform: 8 bits of it, as on Unix. */
void _exit(int status)
{
	cons_flush();
	plat_exit(PLAT_OFF, status & 0xff);
}
