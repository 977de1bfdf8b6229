/* SPDX-License-Identifier: MIT */
#ifndef SOCK_GROUP_H
#define SOCK_GROUP_H

/*
 * Multicast groups of a socket.
 */

#include <stdbool.h>
#include <sys/socket.h>

struct sock;

/* Whether an option is about groups; and sets it, for a datagram socket: 0 or a negative errno. */
bool sock_group_has(int level, int name);
int sock_group_set(struct sock *s, int level, int name, const void *value, socklen_t len);
void sock_group_leave_all(struct sock *s);

#endif
