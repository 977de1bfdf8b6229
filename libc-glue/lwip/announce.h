/* SPDX-License-Identifier: MIT */
#ifndef LWIP_GLUE_ANNOUNCE_H
#define LWIP_GLUE_ANNOUNCE_H

/*
 * An interface that is somewhere else than it was. See announce.c.
 */

#include "lwip/netif.h"

/* Tells the network where netif is now, and asks again what was known of it. */
void announce_netif(struct netif *netif);

#endif
