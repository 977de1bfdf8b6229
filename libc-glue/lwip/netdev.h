/* SPDX-License-Identifier: MIT */
#ifndef LWIP_GLUE_NETDEV_H
#define LWIP_GLUE_NETDEV_H

/*
 * The network interfaces of nic.h as lwIP's netifs.
 */

#include <stdbool.h>
#include <stdint.h>

#include "core/nic.h"
#include "lwip/netif.h"
#include "lwip/priv/tcp_priv.h"

#define NETDEV_MAX 8
#define NETDEV_WAITING 256 /* frames that wait for room in the ring; a power of two */

struct netdev {
	struct netif netif;
	unsigned n;                  /* of nic.h */
	struct nic_info info;
	uint16_t mtu_most;           /* by the command line, 0: none */
	unsigned unrung;             /* frames queued since the last kick */
	unsigned announced;          /* info.announce when the network was last told */
	bool given;                  /* a buffer was given back since */
	uint32_t hop;                /* the IPv4 destination that hop_mac is for, 0: none */
	uint32_t learning;           /* one that is just being resolved */
	uint8_t hop_mac[6];
	uint64_t dropped, copied;    /* frames: not sent for want of room; received by a copy because too many were lent */
	unsigned first, waiting;     /* of queue */
	struct pbuf *queue[NETDEV_WAITING];
};

/*
 * Opens the next interface of nic.h, shares the arena with it, makes it known to lwIP and gives it
 * its addresses. Returns 0 or as nic_open().
 */
int netdev_open_next(void);

/* netconf.c: gives a new one its addresses; DHCP goes on by itself. stack.c: from now on the protocols' clocks run. */
void netconf_add(struct netdev *d);
void stack_tick(void);

/* Interface n, NULL past the last. */
struct netdev *netdev_get(unsigned n);

/*
 * netdev_ip6.c: whether the extension headers of an IPv6 packet, of which 40 bytes are there, and the options of a neighbour
 * discovery message behind them lie in its first buffer.
 */
bool netdev_ip6_sound(const struct pbuf *p);

/* The poller's halves: takes what has come and gone; asks for an interrupt. */
bool netdev_poll(void);
bool netdev_arm(void);

/* Once a second: carrier, MTU, broken, moved. */
void netdev_look(void);

/* announce.c: tells the network where netif is now, and asks again what was known of it. */
void announce_netif(struct netif *netif);

/*
 * acks.c: one ACK for a batch. From lwIP's recv callback, for len bytes: lets the ACK wait that lwIP would send when it
 * returns. The unsent data of pcb may wait as well; false: too many do, it is to be sent now. pcb is about to be freed, or is no
 * longer looked after. The end of the batch: sends what waits.
 */
void acks_hold(struct tcp_pcb *pcb, size_t len);
bool acks_hold_data(struct tcp_pcb *pcb);
void acks_forget(const struct tcp_pcb *pcb);
void acks_send(void);

/*
 * Rings the doorbells for the frames that were queued, at the end of a socket call. Where a server
 * is in the middle of a batch of ready sockets (poll_handed) this is left to the last of them: one
 * doorbell does for all the answers. netdev_sent() says besides that one of them has been given.
 */
void netdev_flush(void);
void netdev_sent(void);

/* Whether segments of segs.c longer than the MTU may go to netif; to where pcb's go. */
bool netdev_cuts(const struct netif *netif, bool ip6);
bool netdev_cuts_for(const struct tcp_pcb *pcb);

#endif
