/* SPDX-License-Identifier: MIT */
#ifndef SYS_DIRENT_H
#define SYS_DIRENT_H

/*
 * What <dirent.h>, which is newlib's, leaves to the system (POSIX.1-2017 <dirent.h>).
 * libc-glue/dir.c. Folders are those of the archive, /dev and /proc; they never change after start.
 */

#include <sys/types.h>

/* Linux's numbers: the type bits of st_mode, shifted. d_type is always known here. */
#define DT_UNKNOWN 0
#define DT_FIFO 1
#define DT_CHR 2
#define DT_DIR 4
#define DT_BLK 6
#define DT_REG 8
#define DT_LNK 10
#define DT_SOCK 12

/*
 * readdir()'s answer is one for each stream, and overwritten by the next call on it. d_name ends
 * with NUL, NAME_MAX bytes at most; d_reclen is the size of the struct, whatever the name. d_off is
 * telldir()'s position behind the entry. Entries come in the order of the archive, "." and ".."
 * first.
 */
struct dirent {
	ino_t d_ino;
	off_t d_off;
	unsigned short d_reclen;
	unsigned char d_type;
	char d_name[256];
};

/* opendir()'s memory, closedir() frees it; fdopendir() takes the descriptor over if it succeeds. */
typedef struct dir_stream DIR;

#endif
