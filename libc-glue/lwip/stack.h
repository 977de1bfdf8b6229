/* SPDX-License-Identifier: MIT */
#ifndef LWIP_GLUE_STACK_H
#define LWIP_GLUE_STACK_H

/*
 * The TCP/IP stack as a whole: start, time, addresses.
 */

#include <stdbool.h>
#include <stdint.h>

#include "lwip/ip_addr.h"
#include "lwip/netif.h"

/* Whether there is a stack: false when there was no memory for it. */
bool stack_is_up(void);

/* plat_now() in whole milliseconds, as of the last poll: what TCP's timestamps are made of. */
uint32_t stack_ms(void);

/*
 * Blocks until a packet could be sent to dest, or until it makes no sense to wait any longer: no
 * interface is still asking for its address. Returns whether there is a route.
 */
bool stack_wait_route(const ip_addr_t *dest);
bool stack_has_route(const ip_addr_t *dest); /* now */

/* An address of netif has changed: wakes who waits for one, also in sock_route.c. */
void stack_address_changed(void);
void sock_route_changed(void);

/* A name for people and programs: "lo", "nic0" ... Returns buf. */
char *stack_ifname(const struct netif *netif, char *buf, size_t size);

/* ---- netconf.c: addresses, from the command line and by DHCP ---- */

/* What is for all interfaces, once. */
void netconf_start(void);

/* Once a second. */
void netconf_tick(void);

/* Until when it makes sense to wait for an address: 0 when nobody is asking for one any more. */
uint64_t netconf_deadline(void);

/* ---- procnet.c: what /proc/net tells ---- */

void procnet_start(void);

#endif
