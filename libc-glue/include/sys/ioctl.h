/* SPDX-License-Identifier: MIT */
#ifndef SYS_IOCTL_H
#define SYS_IOCTL_H

/*
 * ioctl() and its requests, with Linux's numbers. libc-glue/fdctl.c; each kind of file says what it
 * knows: ENOTTY for the others.
 */

#include <sys/cdefs.h>

/* Of the console; <termios.h> is made of them. */
#define TCGETS 0x5401
#define TCSETS 0x5402
#define TCSETSW 0x5403
#define TCSETSF 0x5404
/*
 * Always 24 rows of 80: nothing says how large the other end of a serial line is. TIOCSWINSZ is not
 * known.
 */
#define TIOCGWINSZ 0x5413 /* struct winsize */
#define TIOCSWINSZ 0x5414
/*
 * Console, pipes, sockets (of datagrams: the first one's). TIOCOUTQ: bytes that a TCP connection
 * has not got acknowledged yet, as on Linux.
 */
#define FIONREAD 0x541b   /* int: bytes that can be read now */
#define TIOCINQ FIONREAD
#define TIOCOUTQ 0x5411
#define FIONBIO 0x5421    /* int: 0 blocks */

/*
 * Of disks, /dev/blk0 and so on. BLKFLSBUF and BLKDISCARD block; BLKDISCARD: EINVAL outside the
 * disk or its sectors, EOPNOTSUPP where the disk cannot, EBADF if it is not open for writing.
 */
#define BLKGETSIZE 0x1260            /* unsigned long: units of 512 bytes */
#define BLKFLSBUF 0x1261
#define BLKSSZGET 0x1268             /* int: bytes of a sector */
#define BLKDISCARD 0x1277            /* uint64_t[2]: offset and length in bytes */
#define BLKGETSIZE64 0x80081272ul    /* uint64_t: bytes */
#define BLKROGET 0x125e              /* int: read-only */

/* Characters; the last two are 0. */
struct winsize {
	unsigned short ws_row, ws_col, ws_xpixel, ws_ypixel;
};

__BEGIN_DECLS

/*
 * request's argument, a pointer in all cases, is the caller's for as long as the call runs. -1 with
 * EBADF, ENOTTY, or what the request may say. FIONBIO is for all descriptors of the file.
 */
int ioctl(int fd, unsigned long request, ...);

__END_DECLS

#endif
