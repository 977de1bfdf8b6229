/* SPDX-License-Identifier: MIT */
#ifndef SOCK_GROUP_H
#define SOCK_GROUP_H

/*
 * Multicast groups of a socket.
 */

#include "lwip/ip_addr.h"

struct sock;

/* index: of an interface, 0 for all. Return 0 or a negative errno. */
int sock_group_join(struct sock *s, const ip_addr_t *group, uint8_t index);
int sock_group_leave(struct sock *s, const ip_addr_t *group, uint8_t index);
void sock_group_leave_all(struct sock *s);

#endif
