/* SPDX-License-Identifier: MIT */
#ifndef SYS_EPOLL_H
#define SYS_EPOLL_H

/*
 * Linux's epoll(7): waiting for many descriptors, in time that depends on how many are ready.
 * libc-glue/epoll.c.
 *
 * As there, an entry is a number together with the file behind it, and goes by itself when the last
 * descriptor of that file is closed. Level-triggered, edge-triggered and one-shot; EPOLLWAKEUP is
 * not known. EPOLLEXCLUSIVE is taken and has no effect.
 */

#include <stdint.h>
#include <sys/types.h>

#define EPOLL_CLOEXEC 0x40000 /* == O_CLOEXEC */

/*
 * POLL*'s numbers. An enum and macros, so that programs can ask for either. EPOLLPRI, EPOLLRDBAND
 * and EPOLLWRBAND never come. EPOLLERR and EPOLLHUP come unasked.
 */
enum EPOLL_EVENTS {
	EPOLLIN = 0x001,
#define EPOLLIN EPOLLIN
	EPOLLPRI = 0x002,
#define EPOLLPRI EPOLLPRI
	EPOLLOUT = 0x004,
#define EPOLLOUT EPOLLOUT
	EPOLLERR = 0x008,
#define EPOLLERR EPOLLERR
	EPOLLHUP = 0x010,
#define EPOLLHUP EPOLLHUP
	EPOLLRDNORM = 0x040,
#define EPOLLRDNORM EPOLLRDNORM
	EPOLLRDBAND = 0x080,
#define EPOLLRDBAND EPOLLRDBAND
	EPOLLWRNORM = 0x100,
#define EPOLLWRNORM EPOLLWRNORM
	EPOLLWRBAND = 0x200,
#define EPOLLWRBAND EPOLLWRBAND
	EPOLLRDHUP = 0x2000,
#define EPOLLRDHUP EPOLLRDHUP
	EPOLLEXCLUSIVE = 1u << 28,
#define EPOLLEXCLUSIVE EPOLLEXCLUSIVE
	EPOLLONESHOT = 1u << 30,
#define EPOLLONESHOT EPOLLONESHOT
	EPOLLET = 1u << 31
#define EPOLLET EPOLLET
};

#define EPOLL_CTL_ADD 1
#define EPOLL_CTL_DEL 2
#define EPOLL_CTL_MOD 3

/* The program's own: handed back as it is, never looked at. */
typedef union epoll_data {
	void *ptr;
	int fd;
	uint32_t u32;
	uint64_t u64;
} epoll_data_t;

struct epoll_event {
	uint32_t events;
	epoll_data_t data;
} __attribute__((packed)); /* as on Linux for x86-64 */

#ifdef __cplusplus
extern "C" {
#endif

/* size only has to be positive (EINVAL), as since Linux 2.6.8. */
int epoll_create(int size);

/*
 * A new set. flags: EPOLL_CLOEXEC or 0, else EINVAL. EMFILE, ENOMEM. The set and its entries, some
 * 100 bytes each, are freed by close().
 */
int epoll_create1(int flags);

/*
 * Adds, changes or removes the entry of fd. event is copied; NULL for EPOLL_CTL_DEL. What is ready
 * already is reported by the next wait, also with EPOLLET. MOD arms a one-shot entry again. Never
 * blocks.
 *
 * EEXIST, ENOENT, EBADF, EPERM (files that are always ready, as on Linux), EINVAL (epfd is no
 * epoll, or fd is epfd, or op), EFAULT, ENOMEM, ELOOP: an epoll in an epoll goes one deep (Linux:
 * five).
 */
int epoll_ctl(int epfd, int op, int fd, struct epoll_event *event);

/*
 * Waits until an entry is ready, timeout_ms as in poll(). Writes up to max events to v and returns
 * how many. Entries for which there was no room come first the next time. Several threads may wait
 * on one set; each event goes to one of them, but a level-triggered one that stays ready to others
 * as well. EINVAL (max < 1, or no epoll), EBADF, EINTR in the first thread.
 */
int epoll_wait(int epfd, struct epoll_event *v, int max, int timeout_ms);

/* With another mask of signals for the time of the call. */
int epoll_pwait(int epfd, struct epoll_event *v, int max, int timeout_ms, const sigset_t *mask);

#ifdef __cplusplus
}
#endif

#endif
