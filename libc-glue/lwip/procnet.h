/* SPDX-License-Identifier: MIT */
#ifndef LWIP_GLUE_PROCNET_H
#define LWIP_GLUE_PROCNET_H

/*
 * /proc/net/dev and /proc/net/lwip.
 */

void procnet_start(void);

#endif
