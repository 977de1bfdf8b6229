/* SPDX-License-Identifier: MIT */
#ifndef LWIP_GLUE_HOOKS_H
#define LWIP_GLUE_HOOKS_H

/*
 * Where lwIP calls us back, besides its callbacks: it includes this in its sources, after its own
 * headers (LWIP_HOOK_FILENAME).
 *
 * Four things go through names that we put before lwIP's own, because it offers no hook for them:
 * every TCP segment passes conns_input(), which makes its connection findable without a walk over
 * all of them (conns.c), a packet above the MTU passes segs_frag4/6(), which lets through what
 * the device will cut (segs_frag.c), and what DHCP sends to everybody passes netconf_dhcp_send(), and ICMP is
 * looked at by sock_icmp4/6(). lwIP itself is not changed.
 */

#include "lwip/ip_addr.h"
#include "lwip/netif.h"
#include "lwip/pbuf.h"

/* stack_rand.c */
u32_t stack_isn(const ip_addr_t *local, u16_t local_port, const ip_addr_t *remote, u16_t remote_port);
void stack_new_key(void); /* another for stack_isn(): this machine may have a twin that has the old one */

/* stack.c */
const ip6_addr_t *stack_gw6(struct netif *netif, const ip6_addr_t *dest);

/* conns.c */
void conns_input(struct pbuf *p, struct netif *in);
u32_t conns_ooseq_bytes(void);
u16_t conns_ooseq_pbufs(void);

/* netconf.c: in the place of udp_sendto_if_src() in dhcp.c. */
struct udp_pcb;
err_t netconf_dhcp_send(struct udp_pcb *pcb, struct pbuf *p, const ip_addr_t *to, u16_t port, struct netif *netif,
			const ip_addr_t *from);

/* segs.c: every TCP segment that goes out, when its header is complete but for the checksum. */
struct tcp_hdr;
struct tcp_pcb;
u32_t *segs_header(const struct pbuf *p, struct tcp_hdr *hdr, const struct tcp_pcb *pcb, u32_t *options);
#define LWIP_HOOK_TCP_OUT_ADD_TCPOPTS(p, hdr, pcb, options) segs_header(p, hdr, pcb, options)

/* segs_frag.c */
err_t segs_frag4(struct pbuf *p, struct netif *netif, const ip4_addr_t *dest);
err_t segs_frag6(struct pbuf *p, struct netif *netif, const ip6_addr_t *dest);

/* sock_icmp.c: ICMP as it comes in, beginning with its header, before lwIP sees it. */
void sock_icmp4(struct pbuf *p, const struct netif *in);
void sock_icmp6(struct pbuf *p, const struct netif *in);

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
#define icmp_input(p, in) (sock_icmp4(p, in), icmp_input(p, in))
#define icmp6_input(p, in) (sock_icmp6(p, in), icmp6_input(p, in))
#define raw_input(p, in) (sock_dgram_raws ? raw_input(p, in) : RAW_INPUT_NONE)
#endif

/* And of lwIP dhcp.c alone includes this one. */
#if defined LWIP_HDR_PROT_DHCP_H && !defined LWIP_GLUE_STACK_H
#define udp_sendto_if_src(pcb, p, to, port, netif, from) netconf_dhcp_send(pcb, p, to, port, netif, from)
#endif

#endif
