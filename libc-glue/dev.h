/* SPDX-License-Identifier: MIT */
/* /dev for path.c: dev.c and disk.c. */
#ifndef DEV_H
#define DEV_H

void dev_start(void);

/* Brings up every disk of the machine and names them /dev/blk0, /dev/blk1, ... Before the seal. */
void disk_start(void);

#endif
