/* SPDX-License-Identifier: MIT */
/* newlib's <sys/stat.h> and what it hides from targets that it does not know. */
#ifndef PITH_SYS_STAT_H
#define PITH_SYS_STAT_H

#include_next <sys/stat.h>
#include <sys/cdefs.h>

__BEGIN_DECLS

int lstat(const char *__restrict path, struct stat *__restrict st);
int mknod(const char *path, mode_t mode, dev_t dev);

__END_DECLS

#endif
