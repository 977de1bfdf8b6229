/* SPDX-License-Identifier: MIT */
#ifndef LWIP_GLUE_NETCONF_H
#define LWIP_GLUE_NETCONF_H

/*
 * The addresses of interfaces: by DHCP and IPv6 autoconfiguration, or from the command line.
 */

#include <stdint.h>

/* Configures every netdev; DHCP goes on by itself. */
void netconf_start(void);

/* Once a second. */
void netconf_tick(void);

/* Until when it makes sense to wait for an address: 0 when nobody is asking for one any more. */
uint64_t netconf_deadline(void);

#endif
