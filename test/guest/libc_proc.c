/* SPDX-License-Identifier: MIT */
/*
 * The process and the machine: identity, limits, /proc, random numbers, and how what is not here fails.
 *
 * The last part is skipped on the host, where it is there.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test/tap.h"

static int guest; /* not a host process */

static void identity(void)
{
	struct utsname name;
	char host[256];

	ok(getpid() > 0 && getppid() >= 0, "there is a process");
	ok(!uname(&name) && name.sysname[0] && !strcmp(name.machine, "x86_64"), "uname");
	ok(!gethostname(host, sizeof host) && host[0], "gethostname");
	guest = !strcmp(name.sysname, "pith");
}

static void limits(void)
{
	struct rlimit limit;
	struct rusage usage;

	is(sysconf(_SC_PAGESIZE), 4096, "pages of 4096 bytes");
	ok(sysconf(_SC_NPROCESSORS_ONLN) >= 1, "at least one CPU");
	ok(sysconf(_SC_PHYS_PAGES) > 0 && sysconf(_SC_AVPHYS_PAGES) > 0, "memory in all and free");
	ok(sysconf(-5) == -1 && errno == EINVAL, "what is no name is EINVAL");
	ok(!getrlimit(RLIMIT_NOFILE, &limit) && limit.rlim_cur >= 1024, "1024 descriptors at least");
	is(getrusage(RUSAGE_SELF, &usage), 0, "getrusage");
	errno = 0;
	ok(getpriority(PRIO_PROCESS, 0) == 0 && errno == 0, "nobody is before others");
	is(setpriority(PRIO_PROCESS, 0, 5), 0, "to stand back is granted");
	ok(getpriority(99, 0) == -1 && errno == EINVAL, "of what is nothing: EINVAL");
	ok(setpriority(PRIO_PROCESS, 99999999, 0) == -1 && errno == ESRCH, "of who is nobody: ESRCH");
}

/* Limits of files, the terminal's name, everything to its device. */
static void of_files(void)
{
	char name[40] = "";
	int fds[2];

	ok(pathconf("/", _PC_NAME_MAX) >= 14 && pathconf("/", _PC_PATH_MAX) >= 255 && fpathconf(0, _PC_PIPE_BUF) >= 512, "limits of names and pipes");
	ok(pathconf("/", -1) == -1 && errno == EINVAL, "a limit that is none: EINVAL");
	ok(pathconf("/not/there", _PC_NAME_MAX) == -1 && errno == ENOENT, "of what is not there: ENOENT");
	ok(fpathconf(9999, _PC_NAME_MAX) == -1 && errno == EBADF, "of what is not open: EBADF");
	is(pipe(fds), 0, "a pipe");
	ok(!ttyname(fds[0]) && errno == ENOTTY, "is no terminal");
	ok(isatty(0) ? ttyname(0) && ttyname_r(0, name, sizeof name) == 0 && strcmp(name, ttyname(0)) == 0 : !ttyname(0), "a terminal has a name");
	close(fds[0]);
	close(fds[1]);
	sync();
}

/* A path's parts, as in POSIX's table. */
static void paths(void)
{
	static const char *const table[][3] = {
		{ "/usr/lib", "/usr", "lib" }, { "/usr/", "/", "usr" }, { "usr", ".", "usr" }, { "/", "/", "/" }, { "///", "/", "/" },
		{ ".", ".", "." }, { "..", ".", ".." }, { "a//b//", "a", "b" }, { "", ".", "." },
	};
	unsigned i, bad = 0;

	for (i = 0; i < sizeof table / sizeof table[0]; i++) {
		char one[16], two[16];

		bad += strcmp(dirname(strcpy(one, table[i][0])), table[i][1]) != 0;
		bad += strcmp(basename(strcpy(two, table[i][0])), table[i][2]) != 0;
	}
	is(bad, 0, "dirname and basename");
}

static void scheduling(void)
{
	struct sched_param param = { .sched_priority = 0 };

	ok(sched_getscheduler(0) == SCHED_OTHER && sched_setscheduler(0, SCHED_OTHER, &param) == 0, "one policy");
	ok(sched_getparam(0, &param) == 0 && param.sched_priority == 0 && sched_get_priority_min(SCHED_OTHER) == 0, "one priority");
	ok(sched_getscheduler(99999999) == -1 && errno == ESRCH, "nobody else's");
	flockfile(stdout);
	ok(ftrylockfile(stdout) == 0, "a stream can be held, twice by who holds it");
	funlockfile(stdout);
	funlockfile(stdout);
}

static void environment(void)
{
	ok(getenv("NOT_THERE") == NULL, "no variable that nobody has set");
	ok(!setenv("A_NAME", "value", 1) && !strcmp(getenv("A_NAME"), "value"), "setenv");
	ok(!setenv("A_NAME", "other", 0) && !strcmp(getenv("A_NAME"), "value"), "keeps what is there when told");
	ok(!putenv((char *)"B_NAME=b") && !strcmp(getenv("B_NAME"), "b"), "putenv");
	ok(!unsetenv("A_NAME") && !getenv("A_NAME"), "unsetenv");
}

static void randomness(void)
{
	unsigned char a[64] = { 0 }, b[64] = { 0 };
	unsigned i, ones = 0;

	is(getrandom(a, sizeof a, 0), sizeof a, "getrandom");
	is(getentropy(b, sizeof b), 0, "getentropy");
	ok(memcmp(a, b, sizeof a) != 0, "are not the same");
	for (i = 0; i < sizeof a; i++)
		ones += (unsigned)__builtin_popcount(a[i]);
	ok(ones > 128 && ones < 384, "and look random");
}

static int ended[2];

static void first(void)
{
	(void)!write(ended[1], "1", 1);
}

static void second(void)
{
	(void)!write(ended[1], "2", 1);
}

/* They run after main(); what they say is only seen by who looks at the console. */
static void endings(void)
{
	ok(pipe(ended) == 0 && atexit(first) == 0 && atexit(second) == 0, "atexit takes functions");
}

static void synthetic(void)
{
	char line[200] = "";
	double up = -1, idle;
	FILE *f = fopen("/proc/uptime", "r");

	ok(f && fscanf(f, "%lf %lf", &up, &idle) == 2 && up >= 0, "/proc/uptime");
	if (f)
		fclose(f);
	f = fopen("/proc/meminfo", "r");
	ok(f && fgets(line, sizeof line, f) && !strncmp(line, "MemTotal:", 9), "/proc/meminfo");
	if (f)
		fclose(f);
	f = fopen("/proc/version", "r");
	ok(f && fgets(line, sizeof line, f) && strstr(line, " version "), "/proc/version");
	if (f)
		fclose(f);
}

static void fails(long rc, int want, const char *what)
{
	int got = errno;

	ok(rc == -1 && got == want, "%s", what);
	if (rc != -1 || got != want)
		tap_diag("returned %ld, errno %d", rc, got);
}

static void missing(void)
{
	char *const none[] = { NULL };

	if (!guest) {
		tap_skip("fork and the like are there");
		return;
	}
	fails(fork(), ENOSYS, "fork is ENOSYS");
	fails(execv("/bin/sh", none), ENOSYS, "execv");
	fails(wait(NULL), ECHILD, "there are no children to wait for");
	fails(mkdir("/x", 0755), EROFS, "mkdir is EROFS");
	fails(unlink("/dev/null"), EROFS, "unlink");
	fails(rename("/dev/null", "/dev/other"), EROFS, "rename");
	fails(open("/new", O_CREAT | O_RDWR, 0600), EROFS, "open with O_CREAT");
	fails(open("/no/such/folder/new", O_CREAT | O_RDWR, 0600), ENOENT, "but ENOENT where the folder lacks");
	fails(chmod("/dev/null", 0600), EROFS, "chmod");
	fails(kill(12345, 9), ESRCH, "there is nobody to kill");
	is(pthread_cancel(pthread_self()), ENOSYS, "pthread_cancel");
	errno = 0;
	ok(mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED && errno == EACCES,
		"executable memory is EACCES");
	is(system("ls") == 0, 0, "system() has no shell");
	ok(setuid(0) == 0 && setuid(1000) == -1 && errno == EPERM, "root stays root");
}

int main(int argc, char **argv)
{
	ok(argc >= 1 && argv[argc] == NULL, "argv ends with NULL");
	identity();
	limits();
	of_files();
	paths();
	scheduling();
	environment();
	randomness();
	endings();
	synthetic();
	missing();
	return tap_done();
}
