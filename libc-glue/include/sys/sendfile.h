/* SPDX-License-Identifier: MIT */
/* sendfile() as on Linux. libc-glue/sendfile.c. */
#ifndef SYS_SENDFILE_H
#define SYS_SENDFILE_H

#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

ssize_t sendfile(int to, int from, off_t *at, size_t len);

#ifdef __cplusplus
}
#endif

#endif
