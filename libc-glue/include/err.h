/* SPDX-License-Identifier: MIT */
/* Messages about errors, as the BSDs and glibc have them. libc-glue/errx.c. */
#ifndef ERR_H
#define ERR_H

#include <stdarg.h>
#include <sys/cdefs.h>

__BEGIN_DECLS

void warn(const char *format, ...) __attribute__((format(printf, 1, 2)));
void warnx(const char *format, ...) __attribute__((format(printf, 1, 2)));
void vwarn(const char *format, va_list ap);
void vwarnx(const char *format, va_list ap);
void err(int status, const char *format, ...) __attribute__((noreturn, format(printf, 2, 3)));
void errx(int status, const char *format, ...) __attribute__((noreturn, format(printf, 2, 3)));
void verr(int status, const char *format, va_list ap) __attribute__((noreturn));
void verrx(int status, const char *format, va_list ap) __attribute__((noreturn));

__END_DECLS

#endif
