/* SPDX-License-Identifier: MIT */
#include "libc-glue/lwip/netdev_tx.h"

/*
 * Sending: pbuf chains as fragments of nic.h, in place. Read netdev.c first.
 *
 * The device fills in transport checksums and cuts long segments; it finds what it needs in struct
 * nic_offload and in the sum of the pseudo-header, which stands in the checksum's place (nic.h). For
 * TCP in pieces that sum covers the whole length: whoever cuts corrects it for each piece.
 */

#include <string.h>

#include "core/core.h"
#include "core/err.h"
#include "libc-glue/lwip/arena.h"
#include "lwip/etharp.h"
#include "lwip/prot/ethernet.h"
#include "lwip/prot/ip.h"
#include "lwip/prot/ip4.h"
#include "lwip/prot/ip6.h"
#include "lwip/prot/tcp.h"

#define ETH SIZEOF_ETH_HDR
#define BATCH 64u

/* Where the parts of a frame begin, in bytes from its start. */
struct layout {
	u16_t l4;    /* transport header */
	u8_t proto;
	bool ip6;
};

/*
 * Returns false for what has no transport checksum to fill in: other protocols, fragments, headers
 * that are not in the first pbuf.
 */
static bool find_transport(const struct pbuf *p, struct layout *at)
{
	const struct eth_hdr *eth = p->payload;
	const struct ip_hdr *ip = (const struct ip_hdr *)(const void *)((char *)p->payload + ETH);
	const struct ip6_hdr *ip6 = (const struct ip6_hdr *)(const void *)ip;

	if (eth->type == PP_HTONS(ETHTYPE_IP) && p->len >= ETH + IP_HLEN) {
		*at = (struct layout){ .l4 = (u16_t)(ETH + IPH_HL_BYTES(ip)), .proto = IPH_PROTO(ip) };
		if (IPH_OFFSET(ip) & PP_HTONS(IP_OFFMASK | IP_MF))
			return false;
	} else if (eth->type == PP_HTONS(ETHTYPE_IPV6) && p->len >= ETH + IP6_HLEN) {
		*at = (struct layout){ .l4 = ETH + IP6_HLEN, .proto = IP6H_NEXTH(ip6), .ip6 = true };
	} else {
		return false;
	}
	return (at->proto == IP_PROTO_TCP && p->len >= at->l4 + TCP_HLEN) || (at->proto == IP_PROTO_UDP && p->len >= at->l4 + 8);
}

/* RFC 9293 3.1, RFC 8200 8.1: both addresses, length and protocol; not inverted. */
static u16_t pseudo_sum(const struct pbuf *p, const struct layout *at)
{
	const char *ip = (const char *)p->payload + ETH;
	u32_t sum = at->ip6 ? chksum_sum(ip + 8, 32) : chksum_sum(ip + 12, 8);

	sum += lwip_htons(at->proto);
	sum += lwip_htons((u16_t)(p->tot_len - at->l4));
	sum = (sum >> 16) + (sum & 0xffff);
	return (u16_t)((sum >> 16) + sum);
}

static void set_gso(const struct pbuf *p, const struct layout *at, struct nic_offload *off)
{
	const struct tcp_hdr *tcp = (const struct tcp_hdr *)(const void *)((char *)p->payload + at->l4);
	u16_t headers = (u16_t)(at->l4 + TCPH_HDRLEN_BYTES(tcp));

	if (p->tot_len - headers <= p->gso_size)
		return;
	off->flags |= at->ip6 ? NIC_GSO_TCP6 : NIC_GSO_TCP4;
	off->gso_size = p->gso_size;
	off->hdr_len = headers;
}

/* Fills in off and, in the frame, the pseudo-header's sum. */
static void describe(const struct netdev *d, struct pbuf *p, struct nic_offload *off)
{
	struct layout at;
	u16_t sum;

	*off = (struct nic_offload){ 0 };
	if (!(d->info.features & NIC_TX_CSUM) || !find_transport(p, &at))
		return;
	off->flags = NIC_CSUM_PARTIAL;
	off->csum_start = at.l4;
	off->csum_offset = at.proto == IP_PROTO_TCP ? 16 : 6;
	sum = pseudo_sum(p, &at);
	SMEMCPY((char *)p->payload + at.l4 + off->csum_offset, &sum, sizeof sum);
	if (p->flags & PBUF_FLAG_GSO)
		set_gso(p, &at, off);
}

/* Returns the number of fragments, 0 for a chain that the device cannot take as it is. */
static unsigned list_fragments(const struct pbuf *p, struct nic_frag *v)
{
	unsigned n = 0;

	for (; p; p = p->next) {
		if (p->len == 0)
			continue;
		if (n == NIC_FRAGS_MAX || !arena_has(p->payload, p->len))
			return 0;
		v[n++] = (struct nic_frag){ p->payload, p->len };
	}
	return n;
}

/* Lends p to the device, with a reference. Returns as nic_tx(). */
static int lend(struct netdev *d, struct pbuf *p)
{
	struct nic_frag v[NIC_FRAGS_MAX];
	struct nic_offload off;
	unsigned n = list_fragments(p, v);
	int rc;

	if (n == 0)
		return -ERR_INVAL;
	describe(d, p, &off);
	rc = nic_tx(d->n, v, n, &off, p);
	if (rc == 0) {
		pbuf_ref(p);
		d->unrung++;
	}
	return rc;
}

/*
 * The ring is full: p waits here. That is lwIP's to know only when this queue is full as well: it
 * then tries again by its timers.
 */
static err_t wait(struct netdev *d, struct pbuf *p)
{
	if (d->waiting == NETDEV_WAITING) {
		d->dropped++;
		return ERR_MEM;
	}
	pbuf_ref(p);
	d->queue[(d->first + d->waiting++) % NETDEV_WAITING] = p;
	return ERR_OK;
}

/* Sends a copy in one piece, of what is in too many pieces or not in the arena. */
static err_t output_copy(struct netdev *d, struct pbuf *p)
{
	struct pbuf *one = pbuf_clone(PBUF_RAW, PBUF_RAM, p);
	err_t rc = ERR_MEM;

	if (one) {
		one->flags = (u8_t)(one->flags | (p->flags & PBUF_FLAG_GSO));
		one->gso_size = p->gso_size;
		rc = netdev_tx_output(&d->netif, one);
		pbuf_free(one);
	}
	return rc;
}

/* The frame of a packet whose next hop was being looked for: now it is known. */
static void learn(struct netdev *d, const struct pbuf *p)
{
	const struct eth_hdr *eth = p->payload;

	if (eth->type != PP_HTONS(ETHTYPE_IP))
		return;
	d->hop = d->learning;
	SMEMCPY(d->hop_mac, &eth->dest, sizeof d->hop_mac);
}

err_t netdev_tx_output(struct netif *netif, struct pbuf *p)
{
	struct netdev *d = netif->state;
	int rc;

	if (d->learning)
		learn(d, p);
	if (d->waiting > 0)
		return wait(d, p);
	rc = lend(d, p);
	if (rc == 0)
		return ERR_OK;
	if (rc == -ERR_AGAIN && netdev_tx_reap(d) && d->waiting == 0 && lend(d, p) == 0)
		return ERR_OK;
	if (rc == -ERR_AGAIN)
		return wait(d, p);
	if (!p->next && arena_has(p->payload, p->len)) { /* the device does not want it, and would not want a copy */
		d->dropped++;
		return ERR_IF;
	}
	return output_copy(d, p);
}

/*
 * What lwIP's ARP found for the last destination is remembered here, until an ARP packet arrives or
 * netdev_look() forgets it (every second: ARP wants to see some traffic, so that it asks again
 * before an entry gets old).
 */
err_t netdev_tx_ip4(struct netif *netif, struct pbuf *p, const ip4_addr_t *dest)
{
	struct netdev *d = netif->state;
	struct eth_hdr *eth;
	err_t rc;

	if (d->hop && d->hop == dest->addr && pbuf_add_header(p, ETH) == 0) {
		eth = p->payload;
		SMEMCPY(&eth->dest, d->hop_mac, sizeof d->hop_mac);
		SMEMCPY(&eth->src, netif->hwaddr, sizeof d->hop_mac);
		eth->type = PP_HTONS(ETHTYPE_IP);
		return netdev_tx_output(netif, p);
	}
	d->learning = dest->addr;
	rc = etharp_output(netif, p, dest);
	d->learning = 0;
	return rc;
}

static bool send_waiting(struct netdev *d)
{
	bool did = false;

	while (d->waiting > 0) {
		struct pbuf *p = d->queue[d->first];

		if (lend(d, p) == -ERR_AGAIN)
			break;
		d->first = (d->first + 1) % NETDEV_WAITING;
		d->waiting--;
		pbuf_free(p);
		did = true;
	}
	return did;
}

bool netdev_tx_reap(struct netdev *d)
{
	void *tokens[BATCH];
	unsigned n = nic_tx_done(d->n, tokens, BATCH);

	for (unsigned i = 0; i < n; i++)
		pbuf_free(tokens[i]);
	return send_waiting(d) || n > 0;
}
