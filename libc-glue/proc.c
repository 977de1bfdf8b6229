/* SPDX-License-Identifier: MIT */
#include <errno.h>

/*
 * The one process: who it is, what it is called, what it may use.
 *
 * Its number is 1 and it belongs to root. Numbers that cannot change are accepted when they are
 * what they are already.
 */

#include <limits.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "core/plat.h"
#include "libc-glue/glue.h"

#ifndef PITH_VERSION
#define PITH_VERSION "unknown"
#endif

/* Empty until somebody asks or says. */
static char host[HOST_NAME_MAX + 1];

/* hostname= on the command line, or what sethostname() (DHCP) has said, or "pith". */
static const char *host_name(void)
{
	if (!host[0] && option_get("hostname", host, sizeof host) <= 0)
		strcpy(host, "pith");
	return host;
}

/* glibc's error for a name that does not fit; POSIX would allow to cut it. */
int gethostname(char *name, size_t size)
{
	if (strlen(host_name()) >= size)
		return (int)fd_result(-ENAMETOOLONG);
	strcpy(name, host_name());
	return 0;
}

int sethostname(const char *name, size_t len)
{
	if (len > HOST_NAME_MAX)
		return (int)fd_result(-EINVAL);
	memcpy(host, name, len);
	host[len] = '\0';
	return 0;
}

/* version says what the machine is, as there is no build of a kernel to be told apart. */
int uname(struct utsname *name)
{
	struct plat_about about;

	plat_about(&about);
	memset(name, 0, sizeof *name);
	strcpy(name->sysname, "pith");
	strcpy(name->release, PITH_VERSION);
	strcpy(name->machine, "x86_64");
	strlcpy(name->nodename, host_name(), sizeof name->nodename);
	strlcpy(name->version, about.platform, sizeof name->version);
	return 0;
}

/* ---- Identity ---- */

/* As init is elsewhere. */
pid_t getpid(void)
{
	return 1;
}

pid_t getppid(void)
{
	return 0;
}

pid_t getpgrp(void)
{
	return 1;
}

pid_t getsid(pid_t pid)
{
	return (pid_t)fd_result(pid == 0 || pid == 1 ? 1 : -ESRCH);
}

pid_t getpgid(pid_t pid)
{
	return getsid(pid);
}

int setpgid(pid_t pid, pid_t group)
{
	return (int)fd_result((pid == 0 || pid == 1) && (group == 0 || group == 1) ? 0 : -EPERM);
}

/* A daemon's first step: it is on its own already. */
pid_t setsid(void)
{
	return 1;
}

uid_t getuid(void)
{
	return 0;
}

uid_t geteuid(void)
{
	return 0;
}

gid_t getgid(void)
{
	return 0;
}

gid_t getegid(void)
{
	return 0;
}

int getgroups(int size, gid_t *list)
{
	if (size > 0)
		list[0] = 0;
	return 1;
}

/* ---- What it may use ---- */

int getpagesize(void)
{
	return PAGE_SIZE;
}

int getdtablesize(void)
{
	return FD_MAX;
}

/* 0 is not known here: sysconf() goes on to ask whether it is an offer of the standard. */
static long known(int name)
{
	switch (name) {
	case _SC_ARG_MAX: return 4096;
	case _SC_CLK_TCK: return CLOCKS_PER_SEC;
	case _SC_OPEN_MAX: return FD_MAX;
	case _SC_PAGESIZE: return PAGE_SIZE;
	case _SC_NPROCESSORS_CONF: return 1;
	case _SC_NPROCESSORS_ONLN: return 1;
	case _SC_PHYS_PAGES: return (long)page_total();
	case _SC_AVPHYS_PAGES: return (long)page_unused();
	case _SC_HOST_NAME_MAX: return HOST_NAME_MAX;
	case _SC_IOV_MAX: return IOV_MAX;
	case _SC_SEM_VALUE_MAX: return SEM_VALUE_MAX;
	case _SC_THREAD_KEYS_MAX: return PTHREAD_KEYS_MAX;
	case _SC_THREAD_STACK_MIN: return PTHREAD_STACK_MIN;
	case _SC_THREAD_DESTRUCTOR_ITERATIONS: return PTHREAD_DESTRUCTOR_ITERATIONS;
	case _SC_GETPW_R_SIZE_MAX: return 256;
	case _SC_GETGR_R_SIZE_MAX: return 256;
	case _SC_LOGIN_NAME_MAX: return 32;
	case _SC_SYMLOOP_MAX: return 8;
	case _SC_LEVEL1_DCACHE_LINESIZE: return 64;
	case _SC_NGROUPS_MAX: return 1;
	default: return 0;
	}
}

/* Limits are numbers, offers are the standard's year; what is not here is -1 without an error. */
long sysconf(int name)
{
	static const unsigned char offers[] = {
		_SC_VERSION, _SC_ASYNCHRONOUS_IO, _SC_FSYNC, _SC_SEMAPHORES, _SC_TIMERS, _SC_THREADS, _SC_THREAD_ATTR_STACKSIZE,
		_SC_THREAD_SAFE_FUNCTIONS, _SC_BARRIERS, _SC_CLOCK_SELECTION, _SC_CPUTIME, _SC_IPV6, _SC_MONOTONIC_CLOCK,
		_SC_READER_WRITER_LOCKS, _SC_SPIN_LOCKS, _SC_THREAD_CPUTIME, _SC_TIMEOUTS, _SC_REALTIME_SIGNALS,
	};
	long value;

	if (name < 0 || name > _SC_LEVEL4_CACHE_LINESIZE)
		return fd_result(-EINVAL);
	value = known(name);
	if (!value && memchr(offers, name, sizeof offers))
		value = 200809L;
	return value ? value : -1;
}

/*
 * Nobody counts CPU time: all that has passed since boot is the program's. Memory is what is in use
 * by everybody, at this moment.
 */
int getrusage(int who, struct rusage *usage)
{
	uint64_t us = plat_now() / 1000;

	if (who != RUSAGE_SELF && who != RUSAGE_CHILDREN && who != RUSAGE_THREAD)
		return (int)fd_result(-EINVAL);
	memset(usage, 0, sizeof *usage);
	if (who == RUSAGE_CHILDREN)
		return 0;
	usage->ru_utime = (struct timeval){ .tv_sec = (time_t)(us / 1000000), .tv_usec = (suseconds_t)(us % 1000000) };
	usage->ru_maxrss = (long)((page_total() - page_unused()) * PAGE_SIZE / 1024);
	return 0;
}

/* What there is, is the limit. Stacks have sizes of their own, told to nobody. */
static rlim_t limit_of(int what)
{
	switch (what) {
	case RLIMIT_NOFILE: return FD_MAX;
	case RLIMIT_NPROC: return 1;
	case RLIMIT_CORE: return 0;
	case RLIMIT_DATA:
	case RLIMIT_RSS:
	case RLIMIT_AS: return page_total() * PAGE_SIZE;
	default: return RLIM_INFINITY;
	}
}

int getrlimit(int what, struct rlimit *limit)
{
	if (what < RLIMIT_CPU || what > RLIMIT_AS)
		return (int)fd_result(-EINVAL);
	limit->rlim_cur = limit->rlim_max = limit_of(what);
	return 0;
}

/* Lowering a limit is allowed and has no effect. */
int setrlimit(int what, const struct rlimit *limit)
{
	if (what < RLIMIT_CPU || what > RLIMIT_AS || limit->rlim_cur > limit->rlim_max)
		return (int)fd_result(-EINVAL);
	return (int)fd_result(limit->rlim_cur > limit_of(what) ? -EPERM : 0);
}
