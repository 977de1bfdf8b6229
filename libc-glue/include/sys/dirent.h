/* SPDX-License-Identifier: MIT */
/* What <dirent.h>, which is newlib's, leaves to the system. libc-glue/dir.c. */
#ifndef SYS_DIRENT_H
#define SYS_DIRENT_H

#include <sys/types.h>

#define DT_UNKNOWN 0
#define DT_FIFO 1
#define DT_CHR 2
#define DT_DIR 4
#define DT_BLK 6
#define DT_REG 8
#define DT_LNK 10
#define DT_SOCK 12

struct dirent {
	ino_t d_ino;
	off_t d_off;
	unsigned short d_reclen;
	unsigned char d_type;
	char d_name[256];
};

typedef struct dir_stream DIR;

#endif
