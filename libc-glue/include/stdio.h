/* SPDX-License-Identifier: MIT */
/* newlib's <stdio.h> and what it has under other names or not at all. */
#ifndef PITH_STDIO_H
#define PITH_STDIO_H

#include_next <stdio.h>
#include <sys/cdefs.h>

__BEGIN_DECLS

ssize_t getline(char **line, size_t *size, FILE *stream);
ssize_t getdelim(char **line, size_t *size, int end, FILE *stream);
FILE *popen(const char *command, const char *mode);
int pclose(FILE *stream);

__END_DECLS

#endif
