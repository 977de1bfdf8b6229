/* SPDX-License-Identifier: MIT */
#include <err.h>

/*
 * warn(), err() and theirs: a line on stderr, with the text of errno for those without x.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* errno is read before stdio can change it. */
static void say(const char *format, va_list ap, const char *reason)
{
	fputs("pith: ", stderr);
	if (format)
		vfprintf(stderr, format, ap);
	if (reason)
		fprintf(stderr, "%s%s", format ? ": " : "", reason);
	fputc('\n', stderr);
}

void vwarn(const char *format, va_list ap)
{
	say(format, ap, strerror(errno));
}

void vwarnx(const char *format, va_list ap)
{
	say(format, ap, NULL);
}

void verr(int status, const char *format, va_list ap)
{
	vwarn(format, ap);
	exit(status);
}

void verrx(int status, const char *format, va_list ap)
{
	vwarnx(format, ap);
	exit(status);
}

void warn(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vwarn(format, ap);
	va_end(ap);
}

void warnx(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vwarnx(format, ap);
	va_end(ap);
}

void err(int status, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	verr(status, format, ap);
}

void errx(int status, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	verrx(status, format, ap);
}
