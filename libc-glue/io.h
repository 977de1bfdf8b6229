/* SPDX-License-Identifier: MIT */
/* Reading and writing by file instead of by descriptor: io.c. */
#ifndef IO_H
#define IO_H

#include "libc-glue/glue.h"

/*
 * With all of read()'s checks. at: FD_HERE for the file's own position. Returns a count or a
 * negative error; raises no SIGPIPE.
 */
ssize_t io_move(struct fd_file *f, bool writing, const struct iovec *v, int nv, off_t at);

#endif
