/* SPDX-License-Identifier: MIT */
/* ioctl() and its requests. libc-glue/fdctl.c; each kind of file says what it knows. The numbers are Linux's. */
#ifndef SYS_IOCTL_H
#define SYS_IOCTL_H

#include <sys/cdefs.h>

#define TCGETS 0x5401
#define TCSETS 0x5402
#define TCSETSW 0x5403
#define TCSETSF 0x5404
#define TIOCGWINSZ 0x5413 /* struct winsize */
#define TIOCSWINSZ 0x5414
#define FIONREAD 0x541b   /* int: bytes that can be read now */
#define TIOCINQ FIONREAD
#define TIOCOUTQ 0x5411
#define FIONBIO 0x5421    /* int: 0 blocks */

#define BLKGETSIZE 0x1260            /* unsigned long: units of 512 bytes */
#define BLKFLSBUF 0x1261
#define BLKSSZGET 0x1268             /* int: bytes of a sector */
#define BLKDISCARD 0x1277            /* uint64_t[2]: offset and length in bytes */
#define BLKGETSIZE64 0x80081272ul    /* uint64_t: bytes */
#define BLKROGET 0x125e              /* int: read-only */

struct winsize {
	unsigned short ws_row, ws_col, ws_xpixel, ws_ypixel;
};

__BEGIN_DECLS

int ioctl(int fd, unsigned long request, ...);

__END_DECLS

#endif
