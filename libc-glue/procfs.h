/* SPDX-License-Identifier: MIT */
/* /proc for path.c; procfs_add() is in glue.h. */
#ifndef PROCFS_H
#define PROCFS_H

void procfs_start(void);

#endif
