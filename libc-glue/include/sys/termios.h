/* SPDX-License-Identifier: MIT */
#ifndef SYS_TERMIOS_H
#define SYS_TERMIOS_H

/*
 * Terminals (POSIX.1-2017 <termios.h>): what the console knows (libc-glue/cons.c): ICRNL, ICANON,
 * ECHO, ONLCR are its own; other flags are kept and have no effect. The values are Linux's. Each
 * call makes its ioctl() (termios.c): ENOTTY for what is not the console, EBADF.
 */

#include <sys/cdefs.h>
#include <sys/types.h>

typedef unsigned int tcflag_t;
typedef unsigned char cc_t;
typedef unsigned int speed_t;

/* Of c_cc, with Linux's places. */
#define NCCS 32
#define VINTR 0
#define VQUIT 1
#define VERASE 2
#define VKILL 3
#define VEOF 4
#define VTIME 5
#define VMIN 6
#define VSTART 8
#define VSTOP 9
#define VSUSP 10
#define VEOL 11

#define BRKINT 0000002
#define IGNPAR 0000004
#define PARMRK 0000010
#define INPCK 0000020
#define ISTRIP 0000040
#define INLCR 0000100
#define IGNCR 0000200
#define ICRNL 0000400
#define IXON 0002000
#define IXANY 0004000
#define IXOFF 0010000
#define IGNBRK 0000001

#define OPOST 0000001
#define ONLCR 0000004

#define CSIZE 0000060
#define CS5 0000000
#define CS6 0000020
#define CS7 0000040
#define CS8 0000060
#define CSTOPB 0000100
#define CREAD 0000200
#define PARENB 0000400
#define PARODD 0001000
#define HUPCL 0002000
#define CLOCAL 0004000

#define ISIG 0000001
#define ICANON 0000002
#define ECHO 0000010
#define ECHOE 0000020
#define ECHOK 0000040
#define ECHONL 0000100
#define NOFLSH 0000200
#define TOSTOP 0000400
#define IEXTEN 0100000

/* The three ways of tcsetattr() are one: output is never behind. */
#define TCSANOW 0
#define TCSADRAIN 1
#define TCSAFLUSH 2
#define TCIFLUSH 0
#define TCOFLUSH 1
#define TCIOFLUSH 2

/* Kept and told; no line has a speed here. */
#define B0 0
#define B9600 0000015
#define B19200 0000016
#define B38400 0000017
#define B57600 0010001
#define B115200 0010002

/* The caller's; one for the one console. */
struct termios {
	tcflag_t c_iflag, c_oflag, c_cflag, c_lflag;
	cc_t c_cc[NCCS];
	speed_t c_ispeed, c_ospeed;
};

__BEGIN_DECLS

/* Copies the settings. */
int tcgetattr(int fd, struct termios *t);

/*
 * Takes all of them. EINVAL for another when. What was typed so far can be read at once when ICANON
 * goes.
 */
int tcsetattr(int fd, int when, const struct termios *t);

/* Throws nothing away. */
int tcflush(int fd, int queue);

/* Blocks until the console has taken what was written. */
int tcdrain(int fd);

/* The fields, whatever they hold; setting never fails. */
speed_t cfgetispeed(const struct termios *t);
speed_t cfgetospeed(const struct termios *t);
int cfsetispeed(struct termios *t, speed_t speed);
int cfsetospeed(struct termios *t, speed_t speed);

/* BSD, glibc: no lines, no echo, no translation. */
void cfmakeraw(struct termios *t);

__END_DECLS

#endif
