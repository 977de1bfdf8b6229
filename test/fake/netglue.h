/* SPDX-License-Identifier: MIT */
/*
 * The network stack and sockets of libc-glue on the fake machine: what the rest of libc-glue would do for them.
 */
#ifndef TEST_FAKE_NETGLUE_H
#define TEST_FAKE_NETGLUE_H

#include <stddef.h>
#include <stdint.h>

/* Runs what GLUE_INIT_EARLY() has collected: the stack comes up. After start-up of the core, from the first thread. */
void netglue_start(void);

/* The contents of a file under /proc, NUL-terminated; "" for one that nobody has added. */
const char *netglue_proc(const char *path);

/* The number behind `name ` at the beginning of a line of such a file; -1 for none. */
long netglue_number(const char *path, const char *name);

/* 127.0.0.1:port, or another address in the way of "10.0.0.1", as a struct sockaddr_in; the next call reuses it. */
struct sockaddr_in *netglue_addr(const char *ip, uint16_t port);

/* A TCP connection between two new sockets, the listener closed again. flags: SOCK_NONBLOCK. Ends the program when that fails. */
void netglue_pair(const char *ip, int fds[2]);

#endif
