/* SPDX-License-Identifier: MIT */
#include "libc-glue/cons.h"

/*
 * The console as a terminal: descriptors 0, 1 and 2, and /dev/console.
 *
 * Output goes to the platform at once, which may hold it back: a doorbell or port access costs more
 * than a line. Here it is pushed on when nothing was for a millisecond, so a lone line shows at
 * once and a flood goes out in pieces. Input is polled from the first time that somebody reads or
 * asks for it; before that typed bytes stay in the device, and a program that never reads has no
 * poller for it. Lines can be edited (backspace, ^U, ^D) and are echoed until tcsetattr() says
 * otherwise.
 */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>

#include "core/plat.h"
#include "libc-glue/glue.h"

#define FLUSH_NS 1000000u
#define INPUT_MAX 4096u /* a power of two */

enum { CTRL_D = 4, BACKSPACE = 8, CTRL_U = 21, DELETE = 127 };

static struct fd_file console;
static uint64_t flushed;  /* plat_now() at the last flush */
static bool held;         /* something was written since */

/*
 * Typed bytes: [taken, whole) can be read, [whole, typed) is the line that is being edited. They
 * count up and wrap.
 */
static char input[INPUT_MAX];
static unsigned taken, whole, typed;
static unsigned ends; /* how often ^D has ended an empty line: a read() of 0 bytes each */
static struct waitq readers = WAITQ_INIT(readers);

static struct termios settings = {
	.c_iflag = ICRNL,
	.c_oflag = OPOST | ONLCR,
	.c_cflag = CREAD | CS8 | CLOCAL,
	.c_lflag = ICANON | ECHO | ECHOE | ISIG | IEXTEN,
	.c_cc = { [VERASE] = DELETE, [VKILL] = CTRL_U, [VEOF] = CTRL_D, [VMIN] = 1 },
	.c_ispeed = B115200,
	.c_ospeed = B115200,
};

/* ---- Output ---- */

void cons_flush(void)
{
	plat_console_flush();
	held = false;
	flushed = plat_now();
}

/*
 * Never short, never blocks: what a stuck console does not take is the platform's to drop and count
 * (plat.h).
 */
static ssize_t cons_write(struct fd_file *f, const struct iovec *v, int nv, off_t at)
{
	ssize_t sum = 0;
	int i;

	(void)f;
	(void)at;
	for (i = 0; i < nv; i++) {
		plat_console_write(v[i].iov_base, v[i].iov_len);
		sum += (ssize_t)v[i].iov_len;
	}
	held = true;
	if (plat_now() - flushed >= FLUSH_NS)
		cons_flush();
	return sum;
}

/* ---- Input ---- */

/*
 * Past the batching: who types wants to see it now. input_poll() flushes once for all keys that
 * came.
 */
static void echo(const char *s, size_t len)
{
	if (settings.c_lflag & ECHO)
		plat_console_write(s, len);
}

/*
 * Back, blank, back. A tab or a character of several bytes leaves something on the screen; the line
 * is right.
 */
static void rub_out(void)
{
	if (typed == whole)
		return;
	typed--;
	echo("\b \b", 3);
}

/* A key that edits the line instead of standing in it. */
static bool edit(char c)
{
	if (!(settings.c_lflag & ICANON))
		return false;
	if (c == BACKSPACE || c == DELETE) {
		rub_out();
	} else if (c == CTRL_U) {
		while (typed != whole)
			rub_out();
	} else if (c == CTRL_D) {
		ends += typed == whole;
		whole = typed;
	} else {
		return false;
	}
	return true;
}

/*
 * Full at INPUT_MAX less one, so that there is always room for the newline that lets the reader
 * run.
 */
static void type(char c)
{
	if (c == '\r' && (settings.c_iflag & ICRNL))
		c = '\n';
	if (edit(c))
		return;
	if (typed - taken >= INPUT_MAX - (c != '\n')) /* full: what is typed blindly is lost, but the line can be ended */
		return;
	input[typed++ % INPUT_MAX] = c;
	echo(&c, 1);
	if (c == '\n' || !(settings.c_lflag & ICANON))
		whole = typed;
}

/* Runs inside the loop: takes up to 64 keys a turn, and wakes readers once a line is whole. */
static bool input_poll(void)
{
	char buf[64];
	size_t i, n = plat_console_read(buf, sizeof buf);

	for (i = 0; i < n; i++)
		type(buf[i]);
	if (n && (settings.c_lflag & ECHO))
		plat_console_flush();
	if (n && (whole != taken || ends)) {
		waitq_wake(&readers, UINT32_MAX);
		fd_notify(&console, POLLIN);
	}
	if (held && plat_now() - flushed >= FLUSH_NS)
		cons_flush();
	return n != 0;
}

/* plat_wait() ends by itself when a key is pressed. */
static bool input_arm(void)
{
	return false;
}

/* From the first read(), poll() or select() on. */
static void input_start(void)
{
	static struct poller poller = { .poll = input_poll, .arm = input_arm };
	static bool started;

	if (!started)
		loop_add(&poller);
	started = true;
}

/* One line at most when lines are edited, as terminals do. */
static bool take(char *c)
{
	if (taken == whole)
		return false;
	*c = input[taken++ % INPUT_MAX];
	return true;
}

static ssize_t take_line(const struct iovec *v, int nv)
{
	ssize_t sum = 0;
	size_t at;
	int i;

	for (i = 0; i < nv; i++) {
		char *to = v[i].iov_base;

		for (at = 0; at < v[i].iov_len && take(&to[at]); at++) {
			sum++;
			if (to[at] == '\n' && (settings.c_lflag & ICANON))
				return sum;
		}
	}
	return sum;
}

/* VMIN and VTIME are taken as 1 and 0: a raw read() returns with the first byte. */
static ssize_t cons_read(struct fd_file *f, const struct iovec *v, int nv, off_t at)
{
	size_t most = 0;
	int i, rc;

	(void)at;
	for (i = 0; i < nv; i++)
		most += v[i].iov_len;
	if (most == 0)
		return 0;
	input_start();
	cons_flush(); /* a prompt stands there before one waits */
	while (taken == whole && !ends) {
		if (f->flags & O_NONBLOCK)
			return -EAGAIN;
		rc = signal_wait(&readers, PLAT_FOREVER);
		if (rc)
			return rc;
	}
	if (taken == whole) {
		ends--;
		return 0;
	}
	return take_line(v, nv);
}

/* ---- The file ---- */

static unsigned cons_ready(struct fd_file *f)
{
	(void)f;
	input_start();
	return POLLOUT | (taken != whole || ends ? POLLIN : 0u);
}

/*
 * The window is what a serial line is taken for everywhere; a program that can find out better asks
 * the terminal itself.
 */
static int cons_ioctl(struct fd_file *f, unsigned long request, void *arg)
{
	(void)f;
	switch (request) {
	case TCGETS:
		*(struct termios *)arg = settings;
		return 0;
	case TCSETS:
	case TCSETSW:
	case TCSETSF:
		settings = *(struct termios *)arg;
		if (!(settings.c_lflag & ICANON))
			whole = typed;
		return 0;
	case TIOCGWINSZ:
		*(struct winsize *)arg = (struct winsize){ .ws_row = 24, .ws_col = 80 };
		return 0;
	case FIONREAD:
		*(int *)arg = (int)(whole - taken);
		return 0;
	default:
		return -ENOTTY;
	}
}

static int cons_stat(struct fd_file *f, struct stat *st)
{
	(void)f;
	st->st_mode = S_IFCHR | 0620;
	st->st_rdev = 0x501; /* Linux's number of the console */
	st->st_blksize = 1024;
	return 0;
}

static int cons_sync(struct fd_file *f)
{
	(void)f;
	cons_flush();
	return 0;
}

/* No size: a console cannot seek. No close: it is never gone. */
static const struct fd_ops ops = {
	.read = cons_read,
	.write = cons_write,
	.stat = cons_stat,
	.ioctl = cons_ioctl,
	.sync = cons_sync,
	.ready = cons_ready,
};

struct fd_file *cons_file(void)
{
	return &console;
}

/* One file under three numbers, as a shell would have it: they share O_NONBLOCK. */
void cons_start(void)
{
	fd_init(&console, &ops, O_RDWR);
	console.refs = 1; /* closing all descriptors leaves it there to be opened again */
	fd_install(&console, 0, false);
	fd_install(&console, 0, false);
	fd_install(&console, 0, false);
}
