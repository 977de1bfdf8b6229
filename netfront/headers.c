/* SPDX-License-Identifier: MIT */
#include "netfront/netfront.h"

/*
 * Where a frame's transport header begins, and the checksum in software.
 *
 * netif says "checksum blank" without saying where (csum_blank), while nic.h and virtio name the
 * place. So on receive the headers must be read, once and with every length checked: the sender
 * wrote them. On transmit the place is given, and only a backend without IPv6 offload makes us
 * compute the sum ourselves.
 */

#define ETH_LEN 14u
#define ETH_VLAN 0x8100u
#define ETH_IP4 0x0800u
#define ETH_IP6 0x86ddu
#define IP6_LEN 40u
#define IP6_EXTENSIONS 8u /* the most extension headers we walk */
#define PROTO_TCP 6u
#define PROTO_UDP 17u
#define TCP_LEN 20u
#define UDP_LEN 8u

static unsigned get16(const uint8_t *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

/* The transport header of protocol proto at `at`. */
static bool transport(const uint8_t *p, uint32_t len, uint32_t at, unsigned proto, struct nic_offload *off)
{
	uint32_t least = proto == PROTO_TCP ? TCP_LEN : UDP_LEN, size = least;

	if ((proto != PROTO_TCP && proto != PROTO_UDP) || at + least > len)
		return false;
	/*
	 * RFC 9293 section 3.1: data offset, in words of 4 bytes, options included. One that cuts into
	 * the header itself would make csum_offset and hdr_len contradict each other.
	 */
	if (proto == PROTO_TCP)
		size = (p[at + 12] >> 4) * 4u;
	if (size < least || at + size > len || at + size > UINT16_MAX)
		return false;
	off->csum_start = (uint16_t)at;
	off->csum_offset = proto == PROTO_TCP ? 16 : 6;
	off->hdr_len = (uint16_t)(at + size);
	return true;
}

static bool ip4(const uint8_t *p, uint32_t len, uint32_t at, struct nic_offload *off)
{
	uint32_t size;

	if (at + 20 > len || p[at] >> 4 != 4)
		return false;
	size = (p[at] & 15) * 4u;
	if (size < 20 || (get16(p + at + 6) & 0x3fff) != 0) /* a fragment has no transport checksum of its own */
		return false;
	return transport(p, len, at + size, p[at + 9], off);
}

/*
 * RFC 8200 section 4: these share one form, the next header and a length in units of 8 bytes beyond
 * the first 8. A fragment header ends the walk: behind it is no whole segment. So do AH and ESP.
 */
static bool extension(unsigned proto)
{
	return proto == 0 || proto == 43 || proto == 60; /* hop-by-hop, routing, destination options */
}

/*
 * Bounded by the frame's length and by IP6_EXTENSIONS: a sender who fills a frame with tiny headers
 * costs eight steps. A chain that is longer ends at a protocol that transport() does not know.
 */
static bool ip6(const uint8_t *p, uint32_t len, uint32_t at, struct nic_offload *off)
{
	unsigned proto;

	if (at + IP6_LEN > len || p[at] >> 4 != 6)
		return false;
	proto = p[at + 6];
	at += IP6_LEN;
	for (unsigned i = 0; i < IP6_EXTENSIONS && extension(proto); i++) {
		if (at + 8 > len)
			return false;
		proto = p[at];
		at += (p[at + 1] + 1u) * 8u;
	}
	return transport(p, len, at, proto, off);
}

/*
 * One VLAN tag (802.1Q) is looked through, a second one is not IP. len is that of the first buffer:
 * headers that go on in another one are not found, and rx.c drops the frame if it needs them.
 */
unsigned headers_find(const uint8_t *frame, uint32_t len, struct nic_offload *off)
{
	uint32_t at = ETH_LEN;
	unsigned type;

	if (len < ETH_LEN)
		return 0;
	type = get16(frame + 12);
	if (type == ETH_VLAN && len >= ETH_LEN + 4) {
		type = get16(frame + 16);
		at += 4;
	}
	if (type == ETH_IP4 && ip4(frame, len, at, off))
		return 4;
	if (type == ETH_IP6 && ip6(frame, len, at, off))
		return 6;
	return 0;
}

/*
 * RFC 1071. The field holds the pseudo-header's sum (nic.h, NIC_CSUM_PARTIAL) and is summed with
 * the rest; an odd last byte is the high half of a word. Both offsets are 16 bits, so `place`
 * cannot wrap.
 */
bool headers_checksum(uint8_t *frame, uint32_t len, const struct nic_offload *off)
{
	uint32_t place = (uint32_t)off->csum_start + off->csum_offset;
	uint64_t sum = 0;

	if (place + 2 > len || off->csum_start >= len)
		return false;
	for (uint32_t i = off->csum_start; i + 1 < len; i += 2)
		sum += get16(frame + i);
	if ((len - off->csum_start) & 1)
		sum += (unsigned)frame[len - 1] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	sum = ~sum & 0xffff;
	if (sum == 0)
		sum = 0xffff; /* UDP: 0 would say "no checksum"; the same value to everybody else */
	frame[place] = (uint8_t)(sum >> 8);
	frame[place + 1] = (uint8_t)sum;
	return true;
}
