/* SPDX-License-Identifier: MIT */
#ifndef LWIP_GLUE_HOOKS_H
#define LWIP_GLUE_HOOKS_H

/*
 * Where lwIP calls us back, besides its callbacks: it includes this in its sources, after its own
 * headers (LWIP_HOOK_FILENAME).
 *
 * Two things go through names that we put before lwIP's own, because it offers no hook for them:
 * every TCP segment passes conns_input(), which makes its connection findable without a walk over
 * all of them (conns.c), and a packet above the MTU passes segs_frag4/6(), which lets through what
 * the device will cut (segs.c). lwIP itself is not changed.
 */

#include "lwip/ip_addr.h"
#include "lwip/netif.h"
#include "lwip/pbuf.h"

/* stack.c */
u32_t stack_isn(const ip_addr_t *local, u16_t local_port, const ip_addr_t *remote, u16_t remote_port);
const ip6_addr_t *stack_gw6(struct netif *netif, const ip6_addr_t *dest);

/* conns.c */
void conns_input(struct pbuf *p, struct netif *in);
u32_t conns_ooseq_bytes(void);
u16_t conns_ooseq_pbufs(void);

/* segs.c */
err_t segs_frag4(struct pbuf *p, struct netif *netif, const ip4_addr_t *dest);
err_t segs_frag6(struct pbuf *p, struct netif *netif, const ip6_addr_t *dest);

/* sock_dgram.c: how many raw sockets there are. Without any, no packet need be shown to them. */
extern unsigned sock_dgram_raws;

/*
 * Only ip4.c and ip6.c include raw_priv.h and these hooks and call a protocol's input: there the
 * calls become ours, and elsewhere nothing does.
 */
#ifdef LWIP_HDR_RAW_PRIV_H
#define tcp_input(p, in) conns_input(p, in)
#define ip4_frag(p, netif, dest) segs_frag4(p, netif, dest)
#define ip6_frag(p, netif, dest) segs_frag6(p, netif, dest)
#define raw_input(p, in) (sock_dgram_raws ? raw_input(p, in) : RAW_INPUT_NONE)
#endif

#endif
