/* SPDX-License-Identifier: MIT */
/* The console as a file: cons.c. */
#ifndef CONS_H
#define CONS_H

struct fd_file;

/* For crt.c: opens 0, 1 and 2. */
void cons_start(void);

/* The one open console, for /dev/console and /dev/tty. */
struct fd_file *cons_file(void);

/* Writes out what is held back. */
void cons_flush(void);

#endif
