/* SPDX-License-Identifier: MIT */
#ifndef NETINET_TCP_H
#define NETINET_TCP_H

/*
 * Options of TCP sockets, level IPPROTO_TCP; numbers as on Linux, tcp(7). libc-glue/sock_opt.c. All
 * are int.
 *
 * With effect: TCP_NODELAY (Nagle off, RFC 9293 3.7.4), TCP_CORK (part of a segment is held back
 * until it is lifted, 200 ms at most), TCP_KEEPIDLE and TCP_KEEPINTVL (seconds, 1 to 32767),
 * TCP_KEEPCNT (probes; EINVAL out of the same range): the last three count with SO_KEEPALIVE, and
 * are not handed from a listener to its connections. TCP_MAXSEG tells the connection's, 536 without
 * one.
 *
 * Taken without effect: setting TCP_MAXSEG, TCP_QUICKACK, TCP_DEFER_ACCEPT, TCP_USER_TIMEOUT,
 * TCP_FASTOPEN, TCP_SYNCNT, TCP_LINGER2. They read 0, but for TCP_SYNCNT, 6, and TCP_LINGER2, 20 s: what
 * the stack does.
 */

#define TCP_NODELAY 1
#define TCP_MAXSEG 2
#define TCP_CORK 3
#define TCP_KEEPIDLE 4
#define TCP_KEEPINTVL 5
#define TCP_KEEPCNT 6
#define TCP_SYNCNT 7
#define TCP_LINGER2 8
#define TCP_DEFER_ACCEPT 9
#define TCP_QUICKACK 12
#define TCP_USER_TIMEOUT 18
#define TCP_FASTOPEN 23

#define SOL_TCP 6

#endif
