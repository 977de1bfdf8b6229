/* SPDX-License-Identifier: MIT */
/* What the command line says to the program: args.c. */
#ifndef ARGS_H
#define ARGS_H

/*
 * Splits line (changed, and pointed into for ever) into argv[0..*argc] and environ, both ended by
 * NULL, in one piece of memory. Returns 0, -ERR_INVAL for a quote that is not closed (both vectors
 * are then valid and empty but for argv[0]), -ERR_NOMEM.
 */
int args_split(char *line, int *argc, char ***argv, char ***env);

#endif
