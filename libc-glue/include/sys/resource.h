/* SPDX-License-Identifier: MIT */
#ifndef SYS_RESOURCE_H
#define SYS_RESOURCE_H

/*
 * Limits and usage (POSIX.1-2017 <sys/resource.h>), in place of newlib's short header.
 * libc-glue/proc.c: limits are what there is; they are told, and cannot be changed.
 */

#include <sys/cdefs.h>
#include <sys/time.h>
#include <sys/types.h>

/* The numbers are Linux's. */
#define RUSAGE_SELF 0
#define RUSAGE_CHILDREN (-1)
#define RUSAGE_THREAD 1

/*
 * Set are ru_utime, the time since boot, and ru_maxrss, the KiB of the machine that are in use now
 * (not the most that ever were). Everything else is 0.
 */
struct rusage {
	struct timeval ru_utime, ru_stime;
	long ru_maxrss, ru_ixrss, ru_idrss, ru_isrss;
	long ru_minflt, ru_majflt, ru_nswap;
	long ru_inblock, ru_oublock;
	long ru_msgsnd, ru_msgrcv, ru_nsignals;
	long ru_nvcsw, ru_nivcsw;
};

typedef unsigned long rlim_t;

/* What Linux's getrlimit() says where nothing limits; here the CPU's time, file sizes, stacks. */
#define RLIM_INFINITY (~0ul)

struct rlimit {
	rlim_t rlim_cur, rlim_max;
};

/*
 * Linux's numbers. NOFILE is OPEN_MAX; DATA, RSS and AS are the machine's memory; NPROC is 1, CORE
 * 0.
 */
#define RLIMIT_CPU 0
#define RLIMIT_FSIZE 1
#define RLIMIT_DATA 2
#define RLIMIT_STACK 3
#define RLIMIT_CORE 4
#define RLIMIT_RSS 5
#define RLIMIT_NPROC 6
#define RLIMIT_NOFILE 7
#define RLIMIT_MEMLOCK 8
#define RLIMIT_AS 9

#define PRIO_PROCESS 0
#define PRIO_PGRP 1
#define PRIO_USER 2

__BEGIN_DECLS

/* EINVAL for another who. RUSAGE_CHILDREN: zeros. */
int getrusage(int who, struct rusage *usage);

/* Both limits are the same. EINVAL for a resource that is not above. */
int getrlimit(int what, struct rlimit *limit);

/*
 * EPERM for more than there is, EINVAL for a soft limit above the hard one. Less is granted and has
 * no effect.
 */
int setrlimit(int what, const struct rlimit *limit);

/*
 * Always 0, and granted without effect, as nice(): nothing preempts, so nobody can be first. EINVAL for
 * another which, ESRCH for another process.
 */
int getpriority(int which, id_t who);
int setpriority(int which, id_t who, int value);

__END_DECLS

#endif
