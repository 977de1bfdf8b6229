/* SPDX-License-Identifier: MIT */
/* Between fd.c and those who make descriptors without fd_install(): io.c (dup, fcntl). */
#ifndef FD_H
#define FD_H

#include "libc-glue/glue.h"

/* As fd_install(), for a file that has references; on failure nothing changes. */
int fd_dup(struct fd_file *f, int from, bool cloexec);

/*
 * Puts f under exactly this number, closing what is there. Returns fd, -EBADF for a number outside
 * the table, -ENOMEM.
 */
int fd_replace(struct fd_file *f, int fd, bool cloexec);

/* Takes the number away. Returns 0 or -EBADF. */
int fd_remove(int fd);

/* The close-on-exec flag, which does nothing but be there: -EBADF, 0 or 1. set: < 0 only asks. */
int fd_cloexec(int fd, int set);

#endif
