/* SPDX-License-Identifier: MIT */
#include <errno.h>

/*
 * What is not here: this file is the list.
 *
 * Calls that need a second process, or a kernel feature that pith does not have, fail with ENOSYS.
 * Calls that would change the tree of names fail with EROFS, as on any file system that was mounted
 * read-only: programs know what to do then. Calls that would change what can have one value only
 * succeed when they ask for that. pthread_cancel() (pthread.c) fails with ENOSYS too; MAP_FIXED and
 * PROT_EXEC are refused in mman.c.
 */

#include <fcntl.h>
#include <semaphore.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <utime.h>

#include "core/err.h"
#include "libc-glue/glue.h"

#pragma GCC diagnostic ignored "-Wunused-parameter"

/* core/err.h promises newlib's numbers. */
_Static_assert(ERR_PERM == EPERM && ERR_NOENT == ENOENT && ERR_IO == EIO && ERR_AGAIN == EAGAIN, "core/err.h");
_Static_assert(ERR_NOMEM == ENOMEM && ERR_BUSY == EBUSY && ERR_EXIST == EEXIST && ERR_NODEV == ENODEV, "core/err.h");
_Static_assert(ERR_INVAL == EINVAL && ERR_ROFS == EROFS && ERR_PROTO == EPROTO && ERR_NOSYS == ENOSYS, "core/err.h");
_Static_assert(ERR_NOTSUP == EOPNOTSUPP && ERR_TIMEDOUT == ETIMEDOUT, "core/err.h");

#define MISSING(name, ...) int name(__VA_ARGS__) { return (int)fd_result(-ENOSYS); }
#define READ_ONLY(name, ...) int name(__VA_ARGS__) { return (int)fd_result(-EROFS); }
#define GRANTED_TO_ROOT(name, type) int name(type id) { return (int)fd_result(id == 0 ? 0 : -EPERM); }

/* ---- Processes ---- */

MISSING(fork, void)
MISSING(vfork, void)
MISSING(execve, const char *path, char *const argv[], char *const env[])
MISSING(execv, const char *path, char *const argv[])
MISSING(execvp, const char *file, char *const argv[])
MISSING(execl, const char *path, const char *arg, ...)
MISSING(execle, const char *path, const char *arg, ...)
MISSING(execlp, const char *file, const char *arg, ...)
MISSING(fexecve, int fd, char *const argv[], char *const env[])
MISSING(daemon, int nochdir, int noclose)
MISSING(chroot, const char *path)
MISSING(acct, const char *path)

/* There are no children. */
pid_t wait(int *status)
{
	return (pid_t)fd_result(-ECHILD);
}

pid_t waitpid(pid_t pid, int *status, int options)
{
	return (pid_t)fd_result(-ECHILD);
}

FILE *popen(const char *command, const char *mode)
{
	fd_result(-ENOSYS);
	return NULL;
}

MISSING(pclose, FILE *stream)

/* Nothing forks, so no handler ever runs. */
int pthread_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void))
{
	return 0;
}

/* ---- Names that would have to be shared with other processes ---- */

sem_t *sem_open(const char *name, int flags, ...)
{
	fd_result(-ENOSYS);
	return SEM_FAILED;
}

MISSING(sem_close, sem_t *sem)
MISSING(sem_unlink, const char *name)
MISSING(shm_open, const char *name, int flags, mode_t mode)
MISSING(shm_unlink, const char *name)

/*
 * ---- Timers that would need a thread or queued signals; alarm() and setitimer() are in alarm.c
 * ----
 */

MISSING(timer_create, clockid_t clock, struct sigevent *event, timer_t *timer)
MISSING(timer_delete, timer_t timer)
MISSING(timer_settime, timer_t timer, int flags, const struct itimerspec *value, struct itimerspec *old)
MISSING(timer_gettime, timer_t timer, struct itimerspec *value)
MISSING(timer_getoverrun, timer_t timer)

/* ---- Changing the tree of names ---- */

READ_ONLY(mkdir, const char *path, mode_t mode)
READ_ONLY(mkdirat, int dirfd, const char *path, mode_t mode)
READ_ONLY(rmdir, const char *path)
READ_ONLY(unlink, const char *path)
READ_ONLY(unlinkat, int dirfd, const char *path, int flags)
READ_ONLY(link, const char *from, const char *to)
READ_ONLY(linkat, int from_dir, const char *from, int to_dir, const char *to, int flags)
READ_ONLY(symlink, const char *to, const char *path)
READ_ONLY(symlinkat, const char *to, int dirfd, const char *path)
READ_ONLY(_rename, const char *from, const char *to) /* what newlib's rename() calls */
READ_ONLY(renameat, int from_dir, const char *from, int to_dir, const char *to)
READ_ONLY(mkfifo, const char *path, mode_t mode)
READ_ONLY(mknod, const char *path, mode_t mode, dev_t dev)
READ_ONLY(truncate, const char *path, off_t length)
READ_ONLY(chmod, const char *path, mode_t mode)
READ_ONLY(fchmod, int fd, mode_t mode)
READ_ONLY(fchmodat, int dirfd, const char *path, mode_t mode, int flags)
READ_ONLY(chown, const char *path, uid_t owner, gid_t group)
READ_ONLY(lchown, const char *path, uid_t owner, gid_t group)
READ_ONLY(fchown, int fd, uid_t owner, gid_t group)
READ_ONLY(fchownat, int dirfd, const char *path, uid_t owner, gid_t group, int flags)
READ_ONLY(utime, const char *path, const struct utimbuf *times)
READ_ONLY(utimes, const char *path, const struct timeval *times)
READ_ONLY(utimensat, int dirfd, const char *path, const struct timespec *times, int flags)
READ_ONLY(futimens, int fd, const struct timespec *times)

/* ---- What has one value ---- */

GRANTED_TO_ROOT(setuid, uid_t)
GRANTED_TO_ROOT(seteuid, uid_t)
GRANTED_TO_ROOT(setgid, gid_t)
GRANTED_TO_ROOT(setegid, gid_t)

int setgroups(int n, const gid_t *groups)
{
	return 0;
}

int initgroups(const char *user, gid_t group)
{
	return 0;
}

mode_t umask(mode_t mask)
{
	return 022;
}

int nice(int by)
{
	return 0;
}

/* The one process has nobody to stand back from. */
static int check_priority(int which, id_t who)
{
	if (which != PRIO_PROCESS && which != PRIO_PGRP && which != PRIO_USER)
		return -EINVAL;
	return who == 0 || (which == PRIO_USER ? who == (id_t)getuid() : who == (id_t)getpid()) ? 0 : -ESRCH;
}

int getpriority(int which, id_t who)
{
	return (int)fd_result(check_priority(which, who));
}

int setpriority(int which, id_t who, int value)
{
	return (int)fd_result(check_priority(which, who));
}

int flock(int fd, int operation)
{
	return 0;
}

int lockf(int fd, int command, off_t length)
{
	return 0;
}

int posix_fadvise(int fd, off_t at, off_t length, int advice)
{
	return 0;
}
