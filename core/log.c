/* SPDX-License-Identifier: MIT */
#include "core/core.h"

/*
 * The log: one event, one line, one write to the console; and the end of a machine that cannot go
 * on.
 *
 * Names in a line often come from outside (a device, the command line), so a control character is
 * never printed: nobody but us begins a new line or moves a terminal's cursor.
 */

#include "core/plat.h"
#include "core/x86/gate.h"

/*
 * Room for a line with two file names. It stands on the caller's stack, which may be a small one.
 */
#define LINE_MAX 400

/*
 * What the host sees of a panic where it can see a number: none of the statuses that programs like
 * to use.
 */
#define PANIC_STATUS 255

enum log_level log_level = LOG_WARN;

/*
 * Writes what the format gives as one line, "..." where it was cut. One call of the platform for
 * all of it, the newline included: on some hosts each write costs an exit, and what else prints
 * cannot come in between.
 */
static void print_line(const char *fmt, va_list ap)
{
	char line[LINE_MAX + 1];
	int len = fmt_vformat(line, sizeof(line), fmt, ap);

	if (len >= LINE_MAX) {
		len = LINE_MAX;
		line[len - 1] = line[len - 2] = line[len - 3] = '.';
	}
	/* Bytes above 127 pass: names may be in UTF-8, whose bytes control no terminal of today. */
	for (int i = 0; i < len; i++)
		if ((unsigned char)line[i] < ' ' || line[i] == 127)
			line[i] = '?';
	line[len++] = '\n';
	plat_console_write(line, (size_t)len);
}

/*
 * The level is looked at before anything is formatted: a debug line that is not printed costs a
 * comparison.
 */
void log_line(enum log_level level, const char *fmt, ...)
{
	va_list ap;

	if (level > log_level)
		return;
	va_start(ap, fmt);
	print_line(fmt, ap);
	va_end(ap);
}

/*
 * What a panic needs may be what is broken: formatting, the console, the stack that the backtrace
 * follows. Each may fault or panic again and come back here. So the reason is printed before
 * anything is looked up; the second time prints its reason alone, and the third only ends the
 * machine.
 */
_Noreturn void log_panic(const char *fmt, ...)
{
	static unsigned depth;
	va_list ap;

	depth++;
	if (depth <= 2) {
		plat_console_write("panic: ", 7);
		va_start(ap, fmt);
		print_line(fmt, ap);
		va_end(ap);
	}
	if (depth == 1) {
		log_line(LOG_ERR, "panic: in thread %s, called by", thread_name(thread_self()));
		/* Our own frame is of no interest: the backtrace begins with who called us. */
		trap_backtrace((uintptr_t)__builtin_return_address(0), *(uintptr_t *)__builtin_frame_address(0));
	}
	if (depth <= 2)
		plat_console_flush();
	plat_exit(PLAT_CRASH, PANIC_STATUS);
}
