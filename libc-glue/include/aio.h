/* SPDX-License-Identifier: MIT */
#ifndef AIO_H
#define AIO_H

/*
 * Asynchronous input and output (POSIX.1-2017 <aio.h>). libc-glue/aio.c: up to 32 threads make the
 * blocking calls, in the order in which requests were begun; more requests wait in a queue without
 * limit.
 *
 * A request belongs to the library from the call that begins it until aio_error() is no longer
 * EINPROGRESS: the struct and the buffer must stay. Calls return -1 and set errno where they fail,
 * if nothing else is said.
 */

#include <fcntl.h>
#include <signal.h>
#include <sys/cdefs.h>
#include <sys/types.h>
#include <time.h>

/* aio_cancel(): all were, some go on, all had ended. */
#define AIO_CANCELED 0
#define AIO_NOTCANCELED 1
#define AIO_ALLDONE 2

/* aio_lio_opcode of lio_listio(), and its mode. */
#define LIO_READ 0
#define LIO_WRITE 1
#define LIO_NOP 2
#define LIO_WAIT 0
#define LIO_NOWAIT 1

/*
 * To be zeroed before its fields are set. aio_reqprio is not looked at. aio_offset is not used for
 * what cannot seek. aio_sigevent: SIGEV_SIGNAL posts the signal without its value, SIGEV_THREAD
 * calls the function in the worker, which has a stack of 16 KiB.
 */
struct aiocb {
	int aio_fildes;
	off_t aio_offset;
	volatile void *aio_buf;
	size_t aio_nbytes;
	int aio_reqprio;
	struct sigevent aio_sigevent;
	int aio_lio_opcode;
	/* the library's */
	struct aiocb *aio_next;
	struct aio_list *aio_group;
	int aio_op;
	int aio_status; /* EINPROGRESS until it is done, then an errno */
	ssize_t aio_result;
};

__BEGIN_DECLS

/*
 * Begins; does not block. EBADF for a number that is not open, EINVAL for a negative offset, EAGAIN
 * without memory for a thread. Everything else comes by aio_error(), also a descriptor that is not
 * open for this.
 */
int aio_read(struct aiocb *cb);
int aio_write(struct aiocb *cb);

/*
 * Behind all that was begun on the descriptor before. O_SYNC and O_DSYNC do the same; else EINVAL.
 */
int aio_fsync(int op, struct aiocb *cb);

/*
 * EINPROGRESS, 0, ECANCELED, or what read(), write() or fsync() would set. Any struct is taken at
 * its word.
 */
int aio_error(const struct aiocb *cb);

/*
 * What those calls would return, -1 with errno. Only after aio_error() is done; may be asked more
 * than once (POSIX: once).
 */
ssize_t aio_return(struct aiocb *cb);

/*
 * Blocks until one of list[0..n) has ended; NULL entries are skipped. timeout is a span, NULL for
 * ever: EAGAIN. EINTR in the first thread.
 */
int aio_suspend(const struct aiocb *const list[], int n, const struct timespec *timeout);

/*
 * Takes out of the queue what has not begun: cb, or with NULL all of fd's. One that runs cannot be
 * stopped. Never fails (POSIX: EBADF).
 */
int aio_cancel(int fd, struct aiocb *cb);

/*
 * Begins a list; NULL and LIO_NOP are skipped. LIO_WAIT blocks until all have ended, EINTR in the
 * first thread, EIO if one failed. LIO_NOWAIT tells by event (NULL: not) when all have ended. EAGAIN if
 * some could not be begun for want of memory (aio_error() of those says so too), EIO for an
 * aio_lio_opcode that is none (EINVAL there); the rest is done all the same. EINVAL (mode, n < 0). There
 * is no AIO_LISTIO_MAX.
 */
int lio_listio(int mode, struct aiocb *const list[], int n, struct sigevent *event);

__END_DECLS

#endif
