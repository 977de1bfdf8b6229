/* SPDX-License-Identifier: MIT */
#ifndef PITH_STDIO_H
#define PITH_STDIO_H

/* newlib's <stdio.h> and what it has under other names or not at all (POSIX.1-2017). */

#include_next <stdio.h>
#include <sys/cdefs.h>

__BEGIN_DECLS

/*
 * Reads a line with its end into *line, a block of malloc() that grows as it must (NULL: a new one)
 * and that the caller frees also after a failure. Returns its length, -1 at the end or for an
 * error.
 */
ssize_t getline(char **line, size_t *size, FILE *stream);
ssize_t getdelim(char **line, size_t *size, int end, FILE *stream);

/* NULL, and -1, with ENOSYS: there are no other processes. */
FILE *popen(const char *command, const char *mode);
int pclose(FILE *stream);

__END_DECLS

#endif
