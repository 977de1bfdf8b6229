/* SPDX-License-Identifier: MIT */
#include <errno.h>

/*
 * What <unistd.h> asks of files by name or as a whole: the limits of paths, the name of the
 * terminal, everything to its device.
 */

#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libc-glue/disk.h"

static const char console[] = "/dev/console"; /* the only terminal there is */

/* Only disks keep anything back; what a disk has to say about it goes to who asks by fsync(). */
void sync(void)
{
	diskio_sync();
}

/* The tree is read-only and has no links of its own to make; the same for every file. */
static long limit(int name)
{
	switch (name) {
	case _PC_LINK_MAX:
		return 1;
	case _PC_NAME_MAX:
		return NAME_MAX;
	case _PC_PATH_MAX:
		return PATH_MAX;
	case _PC_PIPE_BUF:
		return PIPE_BUF;
	case _PC_NO_TRUNC:
	case _PC_CHOWN_RESTRICTED:
	case _PC_SYNC_IO:
		return 1;
	case _PC_VDISABLE:
		return 0;
	default:
		errno = EINVAL;
		return -1;
	}
}

long pathconf(const char *path, int name)
{
	struct stat st;

	return stat(path, &st) ? -1 : limit(name);
}

long fpathconf(int fd, int name)
{
	struct stat st;

	return fstat(fd, &st) ? -1 : limit(name);
}

int ttyname_r(int fd, char *buf, size_t size)
{
	if (!isatty(fd))
		return errno;
	if (size < sizeof console)
		return ERANGE;
	memcpy(buf, console, sizeof console);
	return 0;
}

char *ttyname(int fd)
{
	static char name[sizeof console];

	errno = ttyname_r(fd, name, sizeof name);
	return errno ? NULL : name;
}
