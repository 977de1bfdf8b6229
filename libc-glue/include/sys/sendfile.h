/* SPDX-License-Identifier: MIT */
/* sendfile() as on Linux. libc-glue/sendfile.c. */
#ifndef SYS_SENDFILE_H
#define SYS_SENDFILE_H

#include <sys/cdefs.h>
#include <sys/types.h>

__BEGIN_DECLS

ssize_t sendfile(int to, int from, off_t *at, size_t len);

__END_DECLS

#endif
