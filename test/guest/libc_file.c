/* SPDX-License-Identifier: MIT */
/*
 * Descriptors, names and folders: what open, dup, fcntl, pipes and vectors must do whatever stands behind them.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "test/tap.h"

static void fails(long rc, int want, const char *what)
{
	int got = errno;

	ok(rc == -1 && got == want, "%s", what);
	if (rc != -1 || got != want)
		tap_diag("returned %ld, errno %d (%s)", rc, got, strerror(got));
}

static void devices(void)
{
	char buf[300];
	size_t i, sum = 0;
	int fd = open("/dev/zero", O_RDONLY);
	struct stat st;

	memset(buf, 1, sizeof buf);
	is(read(fd, buf, sizeof buf), sizeof buf, "/dev/zero fills a buffer");
	for (i = 0; i < sizeof buf; i++)
		sum += (size_t)buf[i];
	is(sum, 0, "with zeros");
	fails(write(fd, "x", 1), EBADF, "writing to what is open for reading is EBADF");
	ok(!fstat(fd, &st) && S_ISCHR(st.st_mode), "it is a character device");
	close(fd);
	fd = open("/dev/urandom", O_RDONLY);
	is(read(fd, buf, sizeof buf), sizeof buf, "/dev/urandom fills a buffer");
	for (i = 0; i < sizeof buf; i++)
		sum += buf[i] == 0;
	ok(sum < 30, "with something else");
	close(fd);
	fd = open("/dev/null", O_RDWR);
	ok(write(fd, buf, 100) == 100 && read(fd, buf, 100) == 0, "/dev/null takes all and has nothing");
	ok(!isatty(fd) && errno == ENOTTY, "and is no terminal");
	close(fd);
}

static void numbers(void)
{
	int a = open("/dev/null", O_RDWR), b = open("/dev/null", O_RDWR), c, d;

	ok(a >= 0 && b == a + 1, "descriptors come in order");
	close(a);
	c = open("/dev/null", O_RDWR);
	is(c, a, "the lowest free number is given");
	d = fcntl(b, F_DUPFD, 50);
	is(d, 50, "F_DUPFD begins where it is told");
	is(dup2(c, d), 50, "dup2 replaces");
	is(dup2(c, c), c, "dup2 to itself does nothing");
	fails(dup2(c, -1), EBADF, "dup2 to -1 is EBADF");
	fails(dup2(49, 48), EBADF, "dup2 of what is not open too");
	close(b);
	close(c);
	is(write(d, "x", 1), 1, "a duplicate outlives the first");
	close(d);
	fails(close(d), EBADF, "closing twice is EBADF");
	fails(read(d, &a, 1), EBADF, "reading then too");
	fails(fcntl(d, F_GETFL), EBADF, "and fcntl");
	fails(lseek(-5, 0, SEEK_SET), EBADF, "and any call with a number below 0");
}

/* Far more than any image opens at start, and every one of them works. */
static void many(void)
{
	static int fd[900];
	unsigned i, bad = 0, lowest;

	for (i = 0; i < 900; i++)
		fd[i] = open("/dev/null", O_RDWR);
	for (i = 0; i < 900; i++)
		bad += fd[i] < 0 || (i && fd[i] <= fd[i - 1]) || write(fd[i], "x", 1) != 1;
	is(bad, 0, "900 descriptors at once");
	lowest = (unsigned)fd[13];
	close(fd[500]);
	close(fd[13]);
	is(dup(0), lowest, "the lowest one comes first");
	close((int)lowest);
	for (i = 0; i < 900; i++)
		if (i != 13 && i != 500)
			close(fd[i]);
}

static void flags(void)
{
	int fds[2], copy;

	if (pipe(fds))
		return;
	is(fcntl(fds[0], F_GETFD), 0, "no close-on-exec at first");
	fcntl(fds[0], F_SETFD, FD_CLOEXEC);
	is(fcntl(fds[0], F_GETFD), FD_CLOEXEC, "it can be set");
	copy = dup(fds[0]);
	is(fcntl(copy, F_GETFD), 0, "and is not duplicated");
	is(fcntl(fds[0], F_GETFL) & O_ACCMODE, O_RDONLY, "F_GETFL tells the mode");
	fcntl(copy, F_SETFL, O_NONBLOCK);
	ok(fcntl(fds[0], F_GETFL) & O_NONBLOCK, "duplicates share O_NONBLOCK");
	fails(read(fds[0], &copy, 1), EAGAIN, "and an empty pipe is EAGAIN");
	fails(fcntl(fds[0], 9999), EINVAL, "a command that is none is EINVAL");
	close(copy);
	close(fds[0]);
	close(fds[1]);
}

static void pipes(void)
{
	char buf[8192], back[8192];
	struct iovec v[3] = { { buf, 3 }, { buf, 0 }, { buf + 3, 5 } };
	struct pollfd p;
	struct stat st;
	int fds[2], n = 0;
	size_t i;

	for (i = 0; i < sizeof buf; i++)
		buf[i] = (char)(i * 7);
	if (!ok(pipe(fds) == 0, "a pipe"))
		return;
	p = (struct pollfd){ .fd = fds[0], .events = POLLIN };
	is(poll(&p, 1, 0), 0, "poll finds it empty");
	is(writev(fds[1], v, 3), 8, "writev of three pieces");
	ok(!ioctl(fds[0], FIONREAD, &n) && n == 8, "FIONREAD counts them");
	ok(poll(&p, 1, 1000) == 1 && p.revents == POLLIN, "poll finds them");
	v[0].iov_base = back;
	v[1] = (struct iovec){ back + 3, 100 };
	is(readv(fds[0], v, 2), 8, "readv takes what there is");
	ok(!memcmp(buf, back, 8), "in order");
	ok(!fstat(fds[0], &st) && S_ISFIFO(st.st_mode), "fstat says what it is");
	fails(lseek(fds[0], 0, SEEK_CUR), ESPIPE, "a pipe cannot seek");
	fails(pread(fds[0], back, 1, 0), ESPIPE, "pread is ESPIPE too");
	is(write(fds[1], buf, sizeof buf), sizeof buf, "8 KiB fit");
	close(fds[1]);
	is(read(fds[0], back, sizeof back), sizeof back, "and can be read when the writer is gone");
	ok(!memcmp(buf, back, sizeof buf), "unchanged");
	is(read(fds[0], back, 1), 0, "then comes the end");
	ok(poll(&p, 1, 0) == 1 && (p.revents & POLLHUP), "which poll calls POLLHUP");
	close(fds[0]);
}

static int wake[2];

static void *write_later(void *arg)
{
	usleep(5000);
	(void)!write(wake[1], arg, 5);
	return NULL;
}

static void blocking(void)
{
	pthread_t t;
	char buf[16];
	struct pollfd p;

	if (pipe(wake))
		return;
	pthread_create(&t, NULL, write_later, (void *)"later");
	is(read(wake[0], buf, sizeof buf), 5, "read waits until somebody writes");
	pthread_join(t, NULL);
	pthread_create(&t, NULL, write_later, (void *)"again");
	p = (struct pollfd){ .fd = wake[0], .events = POLLIN };
	is(poll(&p, 1, 5000), 1, "poll too");
	pthread_join(t, NULL);
	close(wake[0]);
	close(wake[1]);
}

static void events(void)
{
	eventfd_t value = 0;
	int fd = eventfd(3, EFD_NONBLOCK);

	ok(fd >= 0 && !eventfd_write(fd, 4) && !eventfd_read(fd, &value) && value == 7, "an eventfd adds up");
	fails(eventfd_read(fd, &value), EAGAIN, "and is 0 then");
	close(fd);
	fd = eventfd(2, EFD_SEMAPHORE | EFD_NONBLOCK);
	ok(!eventfd_read(fd, &value) && value == 1 && !eventfd_read(fd, &value) && value == 1, "as a semaphore it counts down");
	fails(eventfd_read(fd, &value), EAGAIN, "to 0");
	close(fd);
}

static void names(void)
{
	struct stat st;
	char path[64];
	int fd;

	fails(open("/not/there", O_RDONLY), ENOENT, "open of what is not there");
	fails(open("", O_RDONLY), ENOENT, "of nothing");
	fails(open("/dev/null/x", O_RDONLY), ENOTDIR, "of a device as folder");
	fails(open("/dev", O_WRONLY), EISDIR, "of a folder for writing");
	fails(open("/dev/null", O_RDONLY | O_DIRECTORY), ENOTDIR, "of a device with O_DIRECTORY");
	fails(open("/dev/null", O_CREAT | O_EXCL | O_RDWR, 0600), EEXIST, "of what is there with O_EXCL");
	ok(!stat("/dev", &st) && S_ISDIR(st.st_mode), "/dev is a folder");
	ok(!stat("/dev//./null", &st) && S_ISCHR(st.st_mode), "slashes and dots are skipped");
	ok(!stat("/dev/../dev/null", &st), "two dots go up");
	ok(!stat("/../../dev/null", &st), "but not above the root");
	fails(stat("/dev/null/", &st), ENOTDIR, "a slash behind a device is ENOTDIR");
	is(access("/dev/null", R_OK | W_OK), 0, "access to what may be read and written");
	fails(access("/nowhere", F_OK), ENOENT, "and to what is not there");
	ok(!chdir("/dev") && !stat("null", &st), "a relative name after chdir");
	ok(getcwd(path, sizeof path) && !strcmp(path, "/dev"), "getcwd knows where it is");
	ok(!getcwd(path, 2) && errno == ERANGE, "and says when there is no room");
	fails(chdir("null"), ENOTDIR, "chdir to a device");
	fd = open("..", O_RDONLY | O_DIRECTORY);
	ok(fd >= 0 && !fchdir(fd) && getcwd(path, sizeof path) && !strcmp(path, "/"), "fchdir to the parent");
	ok(openat(fd, "dev/null", O_RDONLY) > fd, "openat");
	fails(read(fd, path, 1), EISDIR, "a folder cannot be read");
	close(fd + 1);
	close(fd);
}

static void folders(void)
{
	DIR *d = opendir("/dev");
	struct dirent *e;
	int dot = 0, dots = 0, null = 0, again = 0;

	if (!ok(d != NULL, "opendir"))
		return;
	while ((e = readdir(d)) != NULL) {
		dot += !strcmp(e->d_name, ".");
		dots += !strcmp(e->d_name, "..");
		null += !strcmp(e->d_name, "null") && e->d_type == DT_CHR;
	}
	ok(dot == 1 && dots == 1 && null == 1, "/dev has null, and itself, and its parent");
	rewinddir(d);
	while ((e = readdir(d)) != NULL)
		again += !strcmp(e->d_name, "null");
	is(again, 1, "rewinddir begins again");
	is(closedir(d), 0, "closedir");
	ok(!opendir("/dev/null") && errno == ENOTDIR, "a device is no folder");
}

int main(void)
{
	devices();
	numbers();
	many();
	flags();
	pipes();
	blocking();
	events();
	names();
	folders();
	return tap_done();
}
