/* SPDX-License-Identifier: MIT */
#ifndef LWIP_GLUE_CONNS_H
#define LWIP_GLUE_CONNS_H

/*
 * Where TCP connections are found: a hash table over lwIP's lists.
 */

#include <stdbool.h>
#include <stddef.h>

#include "lwip/priv/tcp_priv.h"

/* Takes memory for the table, by the size of the machine. Returns false when there is none. */
bool conns_init(void);

/*
 * Every call into lwIP that may take a connection off its list or put one on it (tcp_connect,
 * tcp_close, tcp_shutdown, tcp_abort, tcp_bind, a listener's tcp_close) comes after one of these.
 * conns_mount: for a PCB with remote address, and remote and local port. conns_gather: for calls
 * that look at all connections; it takes time in proportion to their number.
 */
void conns_mount(const struct tcp_pcb *pcb);
void conns_gather(void);

/* The connection with these ends that is not in TIME-WAIT, or NULL; mounted. Not from a callback. */
struct tcp_pcb *conns_lookup(const ip_addr_t *local, uint16_t local_port, const ip_addr_t *remote, uint16_t remote_port);

/*
 * Says that pcb, or a PCB of the bucket that is mounted, may owe an ACK or a FIN which waits for
 * the fast timer: after every call that may have left one because there was no memory.
 */
void conns_touch(const struct tcp_pcb *pcb);
void conns_touch_mounted(void);

/*
 * Gives pcb, which has its remote end but is not connected yet, a random local port that makes it
 * unique. Returns false when none is free.
 */
bool conns_choose_port(struct tcp_pcb *pcb);

/*
 * lwIP's timers: every TCP_FAST_INTERVAL and TCP_SLOW_INTERVAL ms. The slow one returns false when
 * no connection is left.
 */
void conns_fast(void);
bool conns_slow(void);

/* As of the last slow tick: connections, and those that are in TIME-WAIT. */
size_t conns_active(void);
size_t conns_waiting(void);

#endif
