/* SPDX-License-Identifier: MIT */
/*
 * /proc/net/dev and /proc/net/lwip.
 */
#ifndef LWIP_GLUE_PROCNET_H
#define LWIP_GLUE_PROCNET_H

void procnet_start(void);

#endif
