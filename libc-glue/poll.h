/* SPDX-License-Identifier: MIT */
#ifndef GLUE_POLL_H
#define GLUE_POLL_H

/*
 * Between poll.c, epoll.c and the network.
 */

#include <stdint.h>

#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>

/*
 * How many ready files the last epoll_wait() or poll() handed out, less the answers that were sent
 * since. As long as this is not 0 more answers are about to follow, and one doorbell will do for
 * all of them (netdev.c). Ends with the next wait.
 */
extern unsigned poll_handed;

/*
 * At the beginning of a wait: lets the network send what was held back. At its end: n files were
 * ready.
 */
void poll_begin(void);
int poll_end(int n);

/* A timeout in ms (negative: none) as a deadline. */
uint64_t poll_deadline(int timeout_ms);

/* The calls, with a negative errno for an error. */
int poll_wait(struct pollfd *v, nfds_t n, uint64_t deadline);
int poll_select(int n, fd_set *in, fd_set *out, fd_set *err, uint64_t deadline);

/* ---- epoll.c ---- */

/* The calls of sys/epoll.h with a negative errno; epoll_collect() is epoll_wait(). */
int epoll_make(int flags);
int epoll_change(int epfd, int op, int fd, struct epoll_event *event);
int epoll_collect(int epfd, struct epoll_event *v, int max, uint64_t deadline);

#endif
