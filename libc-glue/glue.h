/* SPDX-License-Identifier: MIT */
#ifndef GLUE_H
#define GLUE_H

/*
 * The door between the rooms of libc-glue: what a descriptor is, who waits for it, who starts when.
 *
 * fd.c owns the table of descriptors and every call that takes one; what stands behind a descriptor
 * (a socket, a disk, a file of the archive, a pipe) is a struct fd_file with a table of functions.
 * It is a table, where the rest of pith binds by the linker, because one program has several kinds
 * open at once, and because an image that makes no socket must not carry a TCP stack: fd.c names no
 * kind. Read fd.c for the table, poll.c for the waiting, pipe.c for the smallest complete kind.
 *
 * Errors inside are negative numbers (core/err.h has newlib's values); fd_result() turns them into
 * errno at the edge.
 */

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "core/core.h"

/* ---- fd.c: descriptors ---- */

#define FD_MAX 65536          /* the most descriptors a program may have; RLIMIT_NOFILE */
#define FD_HERE ((off_t)-1)   /* no offset: a stream */

struct fd_file;
struct sock_call;

/*
 * What a kind of file can do. NULL means: read, write: EINVAL (a socket has both); size: cannot
 * seek (ESPIPE); stat: a nameless character device; ioctl: ENOTTY; sync: EINVAL; ready: always
 * readable and writable; memory: none; sock: ENOTSOCK; close: nothing to do.
 *
 * fd.c has checked that the descriptor is open for reading or writing, that the vector is sane (1
 * to IOV_MAX pieces, sum below SSIZE_MAX) and the offset not negative. It holds a reference for as
 * long as a call runs, so a file never goes away under a blocked thread. All but read, write, sync
 * and ioctl must not block.
 */
struct fd_ops {
	/*
	 * Moves bytes; at is FD_HERE for kinds without size. Blocks unless f->flags has O_NONBLOCK,
	 * then -EAGAIN. Returns a count, 0 for the end of the file.
	 */
	ssize_t (*read)(struct fd_file *f, const struct iovec *v, int nv, off_t at);
	ssize_t (*write)(struct fd_file *f, const struct iovec *v, int nv, off_t at);
	off_t (*size)(struct fd_file *f); /* bytes; having it makes the kind seekable: fd.c keeps f->pos */
	int (*stat)(struct fd_file *f, struct stat *st); /* st is zeroed before */
	int (*ioctl)(struct fd_file *f, unsigned long request, void *arg); /* FIONBIO is done by fd.c */
	int (*sync)(struct fd_file *f);
	unsigned (*ready)(struct fd_file *f); /* POLLIN, POLLOUT, POLLERR, POLLHUP, POLLRDHUP as they are now */
	/*
	 * The bytes at `at` where they lie for ever, up to *len of them: sendfile() then copies once
	 * less.
	 */
	const void *(*memory)(struct fd_file *f, off_t at, size_t *len);
	/* A call of sys/socket.h other than read and write, for sockets that are none of lwIP's: sock.h. */
	ssize_t (*sock)(struct fd_file *f, const struct sock_call *c);
	void (*close)(struct fd_file *f); /* the last reference is gone: free what f is embedded in */
};

/*
 * An open file description, embedded in what the kind needs besides. Descriptors made by dup()
 * share it.
 */
struct fd_file {
	const struct fd_ops *ops;
	int flags;            /* as fcntl(F_GETFL) tells: O_RDWR ..., O_NONBLOCK, O_APPEND, O_SYNC; read at every call */
	unsigned refs;        /* descriptors and running calls */
	unsigned fds;         /* descriptors alone */
	off_t pos;            /* seekable kinds */
	bool moving;          /* a read or write that moves pos is running; the next waits in movers */
	struct waitq movers;
	struct list watches;  /* struct fd_watch.of_file */
};

/* Prepares a file with no reference. */
void fd_init(struct fd_file *f, const struct fd_ops *ops, int flags);

/*
 * Gives f the lowest free number that is at least from (0 as a rule). cloexec is kept for fcntl.
 * Returns the number, -EMFILE or -ENOMEM; on failure a file without references is closed
 * (ops->close), so the caller has nothing to undo.
 */
int fd_install(struct fd_file *f, int from, bool cloexec);

/*
 * The file behind a descriptor with one more reference, NULL for EBADF; and the way to give it
 * back, which may close it.
 */
struct fd_file *fd_get(int fd);
void fd_put(struct fd_file *f);

/* A negative error becomes -1 and errno; anything else is passed on. */
static inline long fd_result(long rc)
{
	if (rc >= 0)
		return rc;
	errno = (int)-rc;
	return -1;
}

/* ---- fd.c: who waits for readiness ---- */

/*
 * One waiter: a poll() or select() that is running (on its stack), or an epoll file (as long as it
 * is open). Changed watches are collected in `ready`, so that a waiter with 10,000 watches touches
 * only those that changed.
 */
struct fd_waiter {
	struct list ready;    /* struct fd_watch.of_ready */
	struct waitq wait;
	struct fd_file *file; /* of an epoll that can itself be watched, else NULL */
};

/* A waiter's interest in one file. The memory is the waiter's. */
struct fd_watch {
	struct list of_file;
	struct list of_ready;
	struct fd_waiter *waiter;
	struct fd_file *file;  /* no reference; NULL once its last descriptor was closed: fd.c has put the watch on ready */
	unsigned events;       /* which changes are told; 0: none. POLLERR and POLLHUP are told as soon as any is */
};

void fd_waiter_init(struct fd_waiter *waiter, struct fd_file *file);

/*
 * Begins and ends a watch. Beginning does not look at the state now: the caller asks ready()
 * afterwards.
 */
void fd_watch(struct fd_watch *w, struct fd_waiter *waiter, struct fd_file *f, unsigned events);
void fd_unwatch(struct fd_watch *w);

/*
 * f may have become ready for these POLL* events (say too many rather than too few): queues its
 * watches and wakes their waiters. Does not block.
 */
void fd_notify(struct fd_file *f, unsigned events);

/* What f is ready for now. */
unsigned fd_ready(struct fd_file *f);

/* ---- signal.c: waits that a signal ends ---- */

/*
 * As waitq_wait(), but -EINTR in the first thread when a signal's handler has run meanwhile. Used
 * where POSIX says EINTR and programs rely on it to leave their loop: poll, select, epoll_wait,
 * nanosleep, read of the console and of pipes.
 */
int signal_wait(struct waitq *q, uint64_t deadline);

/*
 * After -EINTR: whether the handler was installed with SA_RESTART, so that read() and the like
 * begin again. fd.c's callers need not ask.
 */
bool signal_restart(void);

/* ---- crt.c: order of start ---- */

/*
 * Runs fn in the first thread before plat_seal(): devices must be brought up by then. Used by
 * disk.c and sock.c; link.lds keeps the section and sets __init_early_start and __init_early_end.
 * fn may block and may use malloc(), not stdio.
 */
#define GLUE_INIT_EARLY(fn) \
	static void (*const fn##_early)(void) __attribute__((section(".init_early"), used)) = fn

/* ---- reent.c: what the C library keeps for each thread ---- */

/*
 * As thread_create(), with errno, stdio and thread-local storage of its own: every thread that runs
 * libc code is started by this.
 */
struct thread *reent_thread(const char *name, void (*fn)(void *), void *arg, size_t stack);

/* ---- procfs.c ---- */

/*
 * A text file under /proc that is written anew at each open(). print works as snprintf(). Static
 * storage; added once, before main().
 */
struct procfs_file {
	const char *path; /* "/proc/net/dev" */
	size_t (*print)(char *buf, size_t size);
	struct procfs_file *next;
};
void procfs_add(struct procfs_file *file);

#endif
