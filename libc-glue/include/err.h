/* SPDX-License-Identifier: MIT */
#ifndef ERR_H
#define ERR_H

/*
 * Messages about errors, err(3) of the BSDs and glibc. libc-glue/errx.c. Each writes one line on
 * stderr: "pith: ", the message, and where the name has no x ": " and the text of errno as it was
 * at the call. format NULL: no message. They may block, as stderr may.
 */

#include <stdarg.h>
#include <sys/cdefs.h>

__BEGIN_DECLS

void warn(const char *format, ...) __attribute__((format(printf, 1, 2)));
void warnx(const char *format, ...) __attribute__((format(printf, 1, 2)));
void vwarn(const char *format, va_list ap);
void vwarnx(const char *format, va_list ap);

/* The err family ends the program with exit(status): atexit() and destructors run. */
void err(int status, const char *format, ...) __attribute__((noreturn, format(printf, 2, 3)));
void errx(int status, const char *format, ...) __attribute__((noreturn, format(printf, 2, 3)));
void verr(int status, const char *format, va_list ap) __attribute__((noreturn));
void verrx(int status, const char *format, va_list ap) __attribute__((noreturn));

__END_DECLS

#endif
