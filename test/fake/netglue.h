/* SPDX-License-Identifier: MIT */
/*
 * The network stack and sockets of libc-glue on the fake machine: what the rest of libc-glue would do for them.
 */
#ifndef TEST_FAKE_NETGLUE_H
#define TEST_FAKE_NETGLUE_H

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Runs what GLUE_INIT_EARLY() has collected: the stack comes up. After start-up of the core, from the first thread. */
void netglue_start(void);

/* The contents of a file under /proc, NUL-terminated; "" for one that nobody has added. */
const char *netglue_proc(const char *path);

/* The number behind `name ` at the beginning of a line of such a file; -1 for none. */
long netglue_number(const char *path, const char *name);

/* Every count of /proc/net/lwip that says what is held now, added up: differs when something is lost or left. TIME-WAIT is part of it. */
long netglue_held(void);

/* 127.0.0.1:port, or another address in the way of "10.0.0.1", as a struct sockaddr_in; the next call reuses it. */
struct sockaddr_in *netglue_addr(const char *ip, uint16_t port);

/* send() and recv() of plain bytes; netglue_put() blocks until all is queued. */
ssize_t netglue_send(int fd, const void *buf, size_t len, int flags);
ssize_t netglue_recv(int fd, void *buf, size_t len, int flags);

/* Two interfaces, nic0 10.0.0.1 and nic1 10.0.0.2, on one wire (peer_bridge.c); starts the stack. */
void netglue_wire(void);

/* One interface, nic0 10.0.0.1/24, with the gateway 10.0.0.9 (netpeer.c); starts the stack. */
void netglue_host(void);

/* A TCP socket that uses nic n alone, so that both ends of a connection can be here and still go over the wire. */
int netglue_socket(int type, unsigned n);

/* A connection from nic0 to nic1, as netglue_pair(). */
void netglue_wire_pair(int fds[2]);

/* A TCP connection between two new sockets, the listener closed again. flags: SOCK_NONBLOCK. Ends the program when that fails. */
void netglue_pair(const char *ip, int fds[2]);

#endif
