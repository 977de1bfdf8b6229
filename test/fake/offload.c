/* SPDX-License-Identifier: MIT */
/*
 * What a device does to frames for us: checksums (RFC 1071) and cutting TCP into pieces.
 *
 * Ethernet without VLAN tags, IPv4 or IPv6 without extension headers: what a test sends.
 */
#include <string.h>

#include "test/fake/fake.h"

#define ETHER 14u
#define PIECE_MAX 65535u

static unsigned get16(const uint8_t *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

static void put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)get16(p) << 16 | get16(p + 2);
}

/* The ones' complement sum of len bytes and of what was summed before. */
static unsigned sum(const uint8_t *p, size_t len, uint64_t before)
{
	for (; len > 1; p += 2, len -= 2)
		before += get16(p);
	if (len)
		before += (unsigned)p[0] << 8;
	while (before >> 16)
		before = (before & 0xffff) + (before >> 16);
	return (unsigned)before;
}

static bool is_ip4(const uint8_t *frame, size_t len)
{
	return len >= ETHER + 20 && get16(frame + 12) == 0x0800;
}

static bool is_ip6(const uint8_t *frame, size_t len)
{
	return len >= ETHER + 40 && get16(frame + 12) == 0x86dd;
}

/* The sum over the pseudo header: addresses, length and protocol (RFC 9293 3.1, RFC 8200 8.1). */
static unsigned pseudo(const uint8_t *frame, size_t len, unsigned proto, size_t l4)
{
	if (is_ip4(frame, len))
		return sum(frame + ETHER + 12, 8, proto + l4);
	return sum(frame + ETHER + 8, 32, proto + l4);
}

/* ---- Doing ---- */

/* Sums from csum_start on, with the pseudo header's sum that stands in the field. */
static void fill(uint8_t *frame, size_t len, const struct nic_offload *off)
{
	unsigned s;

	if ((size_t)off->csum_start + off->csum_offset + 2 > len)
		fake_wrong("checksum at %u + %u in a frame of %zu bytes", off->csum_start, off->csum_offset, len);
	s = ~sum(frame + off->csum_start, len - off->csum_start, 0) & 0xffff;
	put16(frame + off->csum_start + off->csum_offset, s ? s : 0xffff);
}

/* Lengths, IPv4 identification and header checksum, TCP sequence number and flags of piece n. */
static void fit_headers(uint8_t *piece, size_t len, const struct nic_offload *off, unsigned n, bool last)
{
	uint8_t *ip = piece + ETHER, *tcp = piece + off->csum_start;
	uint32_t seq = get32(tcp + 4) + n * off->gso_size;
	size_t l4 = len - off->csum_start;

	if (off->flags & NIC_GSO_TCP4) {
		put16(ip + 2, (unsigned)(len - ETHER));
		put16(ip + 4, get16(ip + 4) + n);
		put16(ip + 10, 0);
		put16(ip + 10, ~sum(ip, (ip[0] & 15u) * 4, 0) & 0xffff);
	} else {
		put16(ip + 4, (unsigned)(len - ETHER - 40));
	}
	put16(tcp + 4, seq >> 16);
	put16(tcp + 6, seq & 0xffff);
	if (!last)
		tcp[13] &= (uint8_t)~0x09; /* FIN and PSH belong to the last piece, */
	if (n > 0)
		tcp[13] &= (uint8_t)~0x80; /* CWR to the first (RFC 3168 6.1.2) */
	put16(tcp + 16, pseudo(piece, len, 6, l4));
}

static void check_gso(const uint8_t *frame, size_t len, const struct nic_offload *off)
{
	bool right = off->flags & NIC_GSO_TCP4 ? is_ip4(frame, len) : is_ip6(frame, len);

	if (!right || off->csum_offset != 16 || off->gso_size == 0 || off->hdr_len > len || off->hdr_len > PIECE_MAX - off->gso_size ||
		off->csum_start + 20u > off->hdr_len || off->csum_start + (frame[off->csum_start + 12] >> 4) * 4u != off->hdr_len)
		fake_wrong("segmentation: flags %#x, headers %u, transport at %u + %u, pieces of %u, frame of %zu bytes",
			off->flags, off->hdr_len, off->csum_start, off->csum_offset, off->gso_size, len);
}

static void cut(const uint8_t *frame, size_t len, const struct nic_offload *off,
	void (*out)(void *ctx, const uint8_t *piece, size_t len), void *ctx)
{
	static uint8_t piece[PIECE_MAX];
	size_t at = off->hdr_len;
	unsigned n = 0;

	check_gso(frame, len, off);
	do {
		size_t part = len - at < off->gso_size ? len - at : off->gso_size;

		memcpy(piece, frame, off->hdr_len);
		memcpy(piece + off->hdr_len, frame + at, part);
		at += part;
		fit_headers(piece, off->hdr_len + part, off, n++, at == len);
		fill(piece, off->hdr_len + part, off);
		out(ctx, piece, off->hdr_len + part);
	} while (at < len);
}

void fake_offload_apply(const uint8_t *frame, size_t len, const struct nic_offload *off,
	void (*out)(void *ctx, const uint8_t *piece, size_t len), void *ctx)
{
	static uint8_t whole[PIECE_MAX + ETHER];

	if (off->flags & (NIC_GSO_TCP4 | NIC_GSO_TCP6)) {
		cut(frame, len, off, out, ctx);
		return;
	}
	if (len > sizeof(whole))
		fake_wrong("frame of %zu bytes", len);
	memcpy(whole, frame, len);
	if (off->flags & NIC_CSUM_PARTIAL)
		fill(whole, len, off);
	out(ctx, whole, len);
}

/* ---- Checking ---- */

bool fake_offload_known(uint32_t features, uint8_t flags)
{
	uint32_t need = (flags & (NIC_CSUM_PARTIAL | NIC_GSO_TCP4 | NIC_GSO_TCP6) ? NIC_TX_CSUM : 0) |
		(flags & NIC_GSO_TCP4 ? NIC_TX_TSO4 : 0) | (flags & NIC_GSO_TCP6 ? NIC_TX_TSO6 : 0);

	return (features & need) == need;
}

static bool right_l4(const uint8_t *frame, size_t len, const uint8_t *l4, size_t l4_len, unsigned proto)
{
	bool v6 = is_ip6(frame, len);

	if (proto == 17 && l4_len >= 8 && get16(l4 + 6) == 0 && !v6)
		return true; /* UDP without a checksum */
	if (proto == 6 || proto == 17 || (proto == 58 && v6))
		return sum(l4, l4_len, pseudo(frame, len, proto, l4_len)) == 0xffff;
	if (proto == 1 && !v6)
		return sum(l4, l4_len, 0) == 0xffff;
	return true;
}

bool fake_offload_right(const uint8_t *frame, size_t len)
{
	const uint8_t *ip = frame + ETHER;
	size_t head, total;

	if (is_ip6(frame, len)) {
		total = get16(ip + 4);
		return total <= len - ETHER - 40 && right_l4(frame, len, ip + 40, total, ip[6]);
	}
	if (!is_ip4(frame, len))
		return true;
	head = (ip[0] & 15u) * 4;
	total = get16(ip + 2);
	if (head < 20 || total < head || total > len - ETHER || sum(ip, head, 0) != 0xffff)
		return false;
	if (get16(ip + 6) & 0x3fff) /* a fragment */
		return true;
	return right_l4(frame, len, ip + head, total - head, ip[9]);
}
