/* SPDX-License-Identifier: MIT */
#include "libc-glue/lwip/netdev.h"

/*
 * The network interfaces of nic.h as lwIP's netifs. Read netdev.h and core/nic.h first.
 *
 * Nothing is copied here. A received buffer becomes a pbuf where it lies and goes back to the
 * device when its last byte was read by the program; a frame is sent from where lwIP built it, and
 * the pbuf is kept by a reference until the device is done. (lwIP asks for that reference before it
 * touches a segment again, so a retransmission cannot change a frame under the device.) The
 * exception: when more than half of the device's buffers are lent to slow readers, frames are
 * copied and given back at once.
 *
 * Checksums: lwIP knows flags per netif, devices tell per frame. Input is synchronous, so the
 * netif's flags are set for each frame just before it goes in: what the device has not verified,
 * lwIP does.
 */

#include <string.h>

#include "core/core.h"
#include "core/err.h"
#include "core/plat.h"
#include "libc-glue/lwip/arena.h"
#include "libc-glue/lwip/netdev_tx.h"
#include "libc-glue/lwip/pool.h"
#include "libc-glue/poll.h"
#include "lwip/etharp.h"
#include "lwip/ethip6.h"
#include "lwip/ip.h"
#include "lwip/mld6.h"
#include "lwip/prot/ethernet.h"

#define BATCH 64u
#define ROUNDS 4u /* of BATCH: what a window of TCP_WND may bring */
#define QUOTED 8u /* bytes behind the IP header in an ICMP error: RFC 792, and icmp_send_response() */
#define HELD_MOST 16u /* frames: enough for one doorbell, and the device shall have something to do */
#define CHECK_ALWAYS (NETIF_CHECKSUM_CHECK_IP | NETIF_CHECKSUM_CHECK_ICMP | NETIF_CHECKSUM_CHECK_ICMP6)
#define GEN_ALWAYS (NETIF_CHECKSUM_GEN_IP | NETIF_CHECKSUM_GEN_ICMP | NETIF_CHECKSUM_GEN_ICMP6)
#define CHECK_TRANSPORT (NETIF_CHECKSUM_CHECK_TCP | NETIF_CHECKSUM_CHECK_UDP)
#define GEN_TRANSPORT (NETIF_CHECKSUM_GEN_TCP | NETIF_CHECKSUM_GEN_UDP)

/* The pbuf of a received buffer. */
struct rxbuf {
	struct pbuf_custom custom;
	struct netdev *dev;
	uint32_t id;
};

static struct netdev devs[NETDEV_MAX];
static unsigned count;
static unsigned changes; /* plat_changes() when the interfaces were last looked at */
static struct pool rxbufs = POOL_INIT(rxbufs, "rxbufs", sizeof(struct rxbuf));

struct netdev *netdev_get(unsigned n)
{
	return n < count ? &devs[n] : NULL;
}

static void give_back(struct netdev *d, uint32_t id)
{
	nic_rx_done(d->n, id);
	d->given = true; /* no doorbell of its own: it has others */
}

static void drop(struct netdev *d, const struct nic_buf *v, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		give_back(d, v[i].id);
}

static void rxbuf_free(struct pbuf *p)
{
	struct rxbuf *b = container_of(container_of(p, struct pbuf_custom, pbuf), struct rxbuf, custom);

	give_back(b->dev, b->id);
	pool_give(&rxbufs, b);
}

/* ---- Receiving ---- */

/* One buffer as a pbuf without a copy. It is the device's again when lwIP has freed the pbuf. */
static struct pbuf *wrap(struct netdev *d, const struct nic_buf *v, size_t skip)
{
	struct rxbuf *b = pool_take(&rxbufs);
	u16_t len = (u16_t)(v->len - skip);

	if (!b)
		return NULL;
	b->custom.custom_free_function = rxbuf_free;
	b->dev = d;
	b->id = v->id;
	return pbuf_alloced_custom(PBUF_RAW, len, PBUF_REF, &b->custom, v->data + skip, len);
}

/*
 * The frame in place, as a chain that begins behind the Ethernet header. Every buffer is either in
 * it or given back.
 */
static struct pbuf *lend(struct netdev *d, const struct nic_buf *v, unsigned n)
{
	struct pbuf *first = NULL;

	for (unsigned i = 0; i < n; i++) {
		struct pbuf *p = wrap(d, &v[i], i == 0 ? SIZEOF_ETH_HDR : 0);

		if (!p) {
			drop(d, v + i, n - i);
			if (first)
				pbuf_free(first);
			return NULL;
		}
		if (first)
			pbuf_cat(first, p);
		else
			first = p;
	}
	return first;
}

/* The frame in the arena, and the buffers back at once. */
static struct pbuf *copy(struct netdev *d, const struct nic_buf *v, unsigned n, size_t len)
{
	struct pbuf *p = pbuf_alloc(PBUF_RAW, (u16_t)len, PBUF_RAM);
	char *to = p ? p->payload : NULL;

	for (unsigned i = 0; i < n; i++) {
		size_t skip = i == 0 ? SIZEOF_ETH_HDR : 0;

		if (p) {
			memcpy(to, v[i].data + skip, v[i].len - skip);
			to += v[i].len - skip;
		}
		give_back(d, v[i].id);
	}
	d->copied++;
	return p;
}

/*
 * Slow readers hold more than half of the ring: the rest must not go the same way, or nothing comes
 * in any more.
 */
static bool is_crowded(const struct netdev *d)
{
	unsigned lent, total;

	nic_rx_lent(d->n, &lent, &total);
	return lent > total / 2;
}

/* A fragment's checksum, if any, covers more than the device has seen. */
static bool is_fragment(const struct eth_hdr *eth, const struct pbuf *p)
{
	const struct ip_hdr *ip = p->payload;

	return eth->type == PP_HTONS(ETHTYPE_IP) && p->len >= IP_HLEN && (IPH_OFFSET(ip) & PP_HTONS(IP_OFFMASK | IP_MF));
}

/*
 * To who sends what nobody wants, lwIP returns QUOTED bytes of it, whether they came or not: those behind would be of an
 * older frame. No protocol has a shorter header than that; only the last fragment of a packet may be shorter. But in UDP that is
 * for another address lwIP looks for DHCP's port, in any fragment.
 */
static bool is_long_enough_ip4(const struct netif *netif, const struct pbuf *p)
{
	const struct ip_hdr *ip = p->payload;
	unsigned least;

	if (p->len < IP_HLEN)
		return false;
	least = IPH_HL_BYTES(ip) + QUOTED;
	if (!(IPH_OFFSET(ip) & PP_HTONS(IP_OFFMASK)))
		return p->len >= least && lwip_ntohs(IPH_LEN(ip)) >= least;
	return p->len >= least || IPH_PROTO(ip) != IP_PROTO_UDP || ip->dest.addr == netif_ip4_addr(netif)->addr;
}

/* lwIP looks at headers before it looks at lengths: what cannot hold one does not get that far. */
static bool is_long_enough(const struct netif *netif, u16_t type, const struct pbuf *p)
{
	switch (type) {
	case PP_HTONS(ETHTYPE_IP):
		return is_long_enough_ip4(netif, p);
	case PP_HTONS(ETHTYPE_IPV6):
		return p->len >= IP6_HLEN && netdev_ip6_sound(p);
	case PP_HTONS(ETHTYPE_ARP):
		return p->len >= SIZEOF_ETHARP_HDR;
	default:
		return false;
	}
}

/*
 * The flag is the interface's, but set for each packet: lwIP has no place for it in a pbuf. What
 * the device has summed is not summed again; a partial sum comes from this machine's own host and
 * never was on a wire.
 */
static void input(struct netdev *d, const struct eth_hdr *eth, struct pbuf *p, const struct nic_offload *off)
{
	struct netif *netif = &d->netif;

	if ((off->flags & (NIC_CSUM_VALID | NIC_CSUM_PARTIAL)) && !is_fragment(eth, p))
		netif->chksum_flags &= (u16_t)~CHECK_TRANSPORT;
	else
		netif->chksum_flags |= CHECK_TRANSPORT;
	if (!is_long_enough(netif, eth->type, p)) {
		pbuf_free(p);
		return;
	}
	p->if_idx = netif_get_index(netif);
	switch (eth->type) {
	case PP_HTONS(ETHTYPE_IP):
		ip4_input(p, netif);
		break;
	case PP_HTONS(ETHTYPE_IPV6):
		ip6_input(p, netif);
		break;
	default:
		d->hop = 0;
		etharp_input(p, netif);
	}
}

/* A switch floods what it does not know where to send, and some devices pass that on: what is for other machines is not looked into. */
static bool is_for_us(const struct netif *netif, const struct eth_hdr *eth)
{
	return (eth->dest.addr[0] & 1) || memcmp(eth->dest.addr, netif->hwaddr, ETH_HWADDR_LEN) == 0;
}

/* One frame, of n buffers. */
static void receive(struct netdev *d, const struct nic_buf *v, unsigned n)
{
	struct eth_hdr eth;
	struct pbuf *p;
	size_t len = 0;

	for (unsigned i = 0; i < n; i++)
		len += v[i].len;
	if (v[0].len <= SIZEOF_ETH_HDR || len > 0xffff + SIZEOF_ETH_HDR) {
		drop(d, v, n);
		return;
	}
	SMEMCPY(&eth, v[0].data, sizeof eth); /* the buffer may be back with the device before we are done */
	if (!is_for_us(&d->netif, &eth)) {
		drop(d, v, n);
		return;
	}
	p = is_crowded(d) ? copy(d, v, n, len - SIZEOF_ETH_HDR) : lend(d, v, n);
	if (p)
		input(d, &eth, p, &v[0].off);
}

/*
 * A frame may lie in several buffers, linked by more (nic.h). nic_rx() hands out whole frames only. Where
 * many have come, more than one BATCH is taken before programs have their turn: each turn ends with ACKs, and those with a
 * doorbell. Not so many that the rest would have to be copied.
 */
static bool receive_all(struct netdev *d)
{
	struct nic_buf v[BATCH];
	unsigned rounds = 0, n;
	bool did = false;

	do {
		unsigned from = 0;

		n = nic_rx(d->n, v, BATCH);
		did |= n > 0;
		for (unsigned i = 0; i < n; i++) {
			if (v[i].more)
				continue;
			receive(d, v + from, i + 1 - from);
			from = i + 1;
		}
	} while (n > BATCH / 2 && ++rounds < ROUNDS && !is_crowded(d));
	return did;
}

/* ---- Polling ---- */

static bool poll_loopback(void)
{
	bool did = false;
	struct netif *netif;

	NETIF_FOREACH(netif) {
		if (!netif->loop_first)
			continue;
		netif->chksum_flags &= (u16_t)~(CHECK_TRANSPORT | CHECK_ALWAYS); /* it never left this machine, nor was it summed */
		netif_poll(netif);
		netif->chksum_flags |= CHECK_ALWAYS;
		did = true;
	}
	return did;
}

/* One doorbell for all frames since the last, and for all buffers that went back. */
static void kick(struct netdev *d)
{
	if (!d->unrung && !d->given)
		return;
	d->unrung = 0;
	d->given = false;
	nic_kick(d->n);
}

static void look_again(void)
{
	changes = plat_changes();
	while (netdev_open_next() != -ERR_NODEV)
		;
	netdev_look();
}

/* A poll ends every batch: what was held back for poll_handed goes now. */
bool netdev_poll(void)
{
	bool did = poll_loopback();

	poll_handed = 0;
	if (changes != plat_changes())
		look_again();
	for (struct netdev *d = devs; d < devs + count; d++) {
		kick(d); /* before anything else: the device works while we do */
		did |= netdev_tx_reap(d);
		did |= receive_all(d);
	}
	acks_send();
	for (struct netdev *d = devs; d < devs + count; d++)
		kick(d);
	return did;
}

bool netdev_arm(void)
{
	struct netif *netif;

	NETIF_FOREACH(netif)
		if (netif->loop_first)
			return true;
	for (struct netdev *d = devs; d < devs + count; d++)
		if (nic_arm(d->n))
			return true;
	return false;
}

/* In a batch of answers up to HELD_MOST frames wait for the last of them. */
void netdev_flush(void)
{
	for (struct netdev *d = devs; d < devs + count; d++)
		if (d->unrung > (poll_handed ? HELD_MOST : 0))
			kick(d);
}

void netdev_sent(void)
{
	if (poll_handed)
		poll_handed--;
	netdev_flush();
}

/* ---- Bringing up ---- */

/* A group's Ethernet address: RFC 1112 6.4. */
static err_t filter4(struct netif *netif, const ip4_addr_t *group, enum netif_mac_filter_action action)
{
	uint32_t a = lwip_ntohl(group->addr);
	const uint8_t mac[6] = { 0x01, 0x00, 0x5e, (uint8_t)(a >> 16 & 0x7f), (uint8_t)(a >> 8), (uint8_t)a };

	nic_group(((struct netdev *)netif->state)->n, mac, action == NETIF_ADD_MAC_FILTER);
	return ERR_OK;
}

/* RFC 2464 7. */
static err_t filter6(struct netif *netif, const ip6_addr_t *group, enum netif_mac_filter_action action)
{
	uint8_t mac[6] = { 0x33, 0x33 };

	memcpy(mac + 2, &group->addr[3], 4);
	nic_group(((struct netdev *)netif->state)->n, mac, action == NETIF_ADD_MAC_FILTER);
	return ERR_OK;
}

/* Called by netif_add(). lwIP sums what the device cannot, and tells of every group but all nodes'. */
static err_t init(struct netif *netif)
{
	struct netdev *d = netif->state;

	netif->name[0] = 'n';
	netif->name[1] = 'i';
	netif->hwaddr_len = ETH_HWADDR_LEN;
	memcpy(netif->hwaddr, d->info.mac, ETH_HWADDR_LEN);
	netif->mtu = d->info.mtu;
	netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET | NETIF_FLAG_IGMP | NETIF_FLAG_MLD6;
	netif->output = netdev_tx_ip4;
	netif->output_ip6 = ethip6_output;
	netif->linkoutput = netdev_tx_output;
	netif->chksum_flags = CHECK_ALWAYS | GEN_ALWAYS | (d->info.features & NIC_TX_CSUM ? 0 : GEN_TRANSPORT);
	netif_set_igmp_mac_filter(netif, filter4);
	netif_set_mld_mac_filter(netif, filter6);
	nic_group(d->n, (const uint8_t[6]){ 0x33, 0x33, 0, 0, 0, 1 }, true); /* ff02::1, RFC 4291 2.8 */
	return ERR_OK;
}

/*
 * The arena is shared before anything can be sent from it. NETDEV_MAX ends the list as a missing
 * device does.
 */
int netdev_open_next(void)
{
	static unsigned next; /* of nic.h; one that cannot be brought up keeps its number */
	struct netdev *d = &devs[count];
	int rc;

	if (count == NETDEV_MAX)
		return -ERR_NODEV;
	rc = nic_open(next, &d->info);
	if (rc != -ERR_NODEV)
		d->n = next++;
	if (rc == 0)
		rc = nic_share(d->n, arena.base, arena_size());
	if (rc)
		return rc;
	d->announced = d->info.announce;
	netif_add_noaddr(&d->netif, d, init, ip_input);
	count++;
	netif_set_up(&d->netif);
	if (d->info.up)
		netif_set_link_up(&d->netif);
	netconf_add(d);
	stack_tick();
	return 0;
}

/* What comes back under an old number may be another card; the link-local address is made of its address (RFC 4291 2.5.1). */
static void set_mac(struct netdev *d)
{
	if (memcmp(d->netif.hwaddr, d->info.mac, ETH_HWADDR_LEN) == 0)
		return;
	memcpy(d->netif.hwaddr, d->info.mac, ETH_HWADDR_LEN);
	if (!ip6_addr_isinvalid(netif_ip6_addr_state(&d->netif, 0)))
		netif_create_ip6_linklocal_address(&d->netif, 1);
}

static void set_mtu(struct netdev *d)
{
	uint16_t mtu = d->mtu_most && d->mtu_most < d->info.mtu ? d->mtu_most : d->info.mtu;

	if (mtu != d->netif.mtu)
		d->netif.mtu = d->netif.mtu6 = mtu;
}

/* d->hop is forgotten, so that a neighbour that moved is asked for again after a second at most. */
void netdev_look(void)
{
	for (struct netdev *d = devs; d < devs + count; d++) {
		nic_info(d->n, &d->info);
		d->hop = 0;
		set_mac(d);
		set_mtu(d);
		if (d->info.up && !d->info.broken)
			netif_set_link_up(&d->netif);
		else
			netif_set_link_down(&d->netif);
		if (d->info.announce == d->announced)
			continue;
		d->announced = d->info.announce;
		announce_netif(&d->netif);
	}
}

bool netdev_cuts(const struct netif *netif, bool ip6)
{
	const struct netdev *d = netif->state;

	if (netif->linkoutput != netdev_tx_output)
		return netif->mtu == 0; /* the loopback takes packets of any length */
	return d->info.features & (ip6 ? NIC_TX_TSO6 : NIC_TX_TSO4);
}

bool netdev_cuts_for(const struct tcp_pcb *pcb)
{
	const struct netif *netif = pcb->netif_idx != NETIF_NO_INDEX ? netif_get_by_index(pcb->netif_idx)
								     : ip_route(&pcb->local_ip, &pcb->remote_ip);

	return netif && netdev_cuts(netif, IP_IS_V6_VAL(pcb->remote_ip));
}
