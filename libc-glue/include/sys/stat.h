/* SPDX-License-Identifier: MIT */
#ifndef PITH_SYS_STAT_H
#define PITH_SYS_STAT_H

/* newlib's <sys/stat.h> and what it hides from targets that it does not know (POSIX.1-2017). */

#include_next <sys/stat.h>
#include <sys/cdefs.h>

__BEGIN_DECLS

/* As stat(), but of the link itself: ENOENT, ENOTDIR, ELOOP, ENAMETOOLONG. Never blocks. */
int lstat(const char *__restrict path, struct stat *__restrict st);

/* -1 with EROFS: no name can be added to the tree. */
int mknod(const char *path, mode_t mode, dev_t dev);

__END_DECLS

#endif
