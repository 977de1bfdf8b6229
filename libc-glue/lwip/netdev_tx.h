/* SPDX-License-Identifier: MIT */
#ifndef LWIP_GLUE_NETDEV_TX_H
#define LWIP_GLUE_NETDEV_TX_H

/*
 * The sending half of netdev.c.
 */

#include "libc-glue/lwip/netdev.h"

/* lwIP's linkoutput, and its output for IPv4. */
err_t netdev_tx_output(struct netif *netif, struct pbuf *p);
err_t netdev_tx_ip4(struct netif *netif, struct pbuf *p, const ip4_addr_t *dest);

/* Takes back what was sent, queues what waits. Returns whether anything was done. */
bool netdev_tx_reap(struct netdev *d);

#endif
