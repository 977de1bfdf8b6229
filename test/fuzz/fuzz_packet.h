/* SPDX-License-Identifier: MIT */
#ifndef TEST_FUZZ_FUZZ_PACKET_H
#define TEST_FUZZ_FUZZ_PACKET_H

/*
 * Packets of a host 10.0.0.9, fe80::9, to 10.0.0.1 and its link-local address: of each protocol a sound one, of which the input then
 * changes some bytes; sums are put right afterwards where the input does not say otherwise.
 */

#include <string.h>

#include "test/fuzz/fuzz.h"

#define FUZZ_FIN 1u
#define FUZZ_SYN 2u
#define FUZZ_RST 4u
#define FUZZ_ACK 16u
#define FUZZ_ETHER 14u

struct fuzz_packet {
	uint8_t bytes[2048];
	size_t len;
};

/* A connection as the host sees it: its own next number, and the stack's. */
struct fuzz_peer {
	uint16_t port;
	uint32_t seq, ack;
	bool synced;
	uint8_t xid[4], client[6];     /* of the last DHCP request */
	uint16_t dns_port, dns_id;     /* of the last question for a name */
};

static const uint8_t fuzz_us6[16] = { 0xfe, 0x80, [9] = 0, [10] = 0x5e, 0xff, 0xfe, 0x10, 0, 1 }, fuzz_host6[16] = { 0xfe, 0x80, [15] = 9 };

static inline void fuzz_put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static inline void fuzz_put32(uint8_t *p, uint32_t v)
{
	fuzz_put16(p, v >> 16);
	fuzz_put16(p + 2, v & 0xffff);
}

static inline uint32_t fuzz_get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline unsigned fuzz_sum(const uint8_t *p, size_t len, uint64_t sum)
{
	for (size_t i = 0; i < len; i++)
		sum += i & 1 ? p[i] : (unsigned)p[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (unsigned)(~sum & 0xffff);
}

/* What an answer must repeat. */
static inline void fuzz_peer_saw_udp(struct fuzz_peer *c, const uint8_t *udp, size_t len)
{
	unsigned to = (unsigned)udp[2] << 8 | udp[3];

	if (to == 67 && len >= 8 + 34) {
		memcpy(c->xid, udp + 8 + 4, 4);
		memcpy(c->client, udp + 8 + 28, 6);
	} else if (to == 53 && len >= 10) {
		c->dns_port = (uint16_t)(udp[0] << 8 | udp[1]);
		c->dns_id = (uint16_t)(udp[8] << 8 | udp[9]);
	}
}

/* From a frame of ours on its way out: where our side of the connection is. */
static inline void fuzz_peer_saw(struct fuzz_peer *c, const uint8_t *frame, size_t len)
{
	const uint8_t *ip = frame + FUZZ_ETHER, *tcp = ip + 20;

	if (len >= FUZZ_ETHER + 28 && frame[12] == 8 && !frame[13] && ip[0] == 0x45 && ip[9] == 17)
		fuzz_peer_saw_udp(c, tcp, len - FUZZ_ETHER - 20);
	if (len < FUZZ_ETHER + 40 || frame[12] != 8 || frame[13] || ip[0] != 0x45 || ip[9] != 6 || (tcp[2] << 8 | tcp[3]) != c->port)
		return;
	c->ack = fuzz_get32(tcp + 4) + !!(tcp[13] & (FUZZ_SYN | FUZZ_FIN));
	c->synced |= tcp[13] & FUZZ_SYN;
}

/* ---- frames ---- */

static inline uint8_t *fuzz_ether(struct fuzz_packet *p, unsigned type)
{
	static const uint8_t head[12] = { 2, 0, 0x5e, 0x10, 0, 1, 2, 0, 0, 0, 0, 9 };

	memset(p, 0, sizeof *p);
	memcpy(p->bytes, head, 12);
	fuzz_put16(p->bytes + 12, type);
	return p->bytes + FUZZ_ETHER;
}

/* len bytes behind the header; returns where they begin. */
static inline uint8_t *fuzz_ip4(struct fuzz_packet *p, unsigned proto, size_t len)
{
	uint8_t *ip = fuzz_ether(p, 0x0800);

	ip[0] = 0x45;
	fuzz_put16(ip + 2, (unsigned)(20 + len));
	ip[5] = 1;
	ip[8] = proto == 2 ? 1 : 64;
	ip[9] = (uint8_t)proto;
	fuzz_put32(ip + 12, 0x0a000009);
	fuzz_put32(ip + 16, proto == 2 ? 0xe0000001 : 0x0a000001);
	p->len = FUZZ_ETHER + 20 + len;
	return ip + 20;
}

/* With an extension header where the input says so. */
static inline uint8_t *fuzz_ip6(struct fuzz_packet *p, unsigned proto, size_t len, unsigned how)
{
	static const uint8_t kinds[] = { 0, 43, 44, 60 };
	uint8_t *ip = fuzz_ether(p, 0x86dd), *next = ip + 40;

	ip[0] = 0x60;
	ip[6] = (uint8_t)proto;
	ip[7] = 255;
	memcpy(ip + 8, fuzz_host6, 16);
	memcpy(ip + 24, fuzz_us6, 16);
	if (how & 4) {
		ip[6] = kinds[how & 3];
		next[0] = (uint8_t)proto;
		if (ip[6] == 44 && how & 8) {
			fuzz_put16(next + 2, (fuzz_byte() & 7u) << 3 | (fuzz_byte() & 1));
			next[7] = 1;
		}
		next += 8;
		len += 8;
	}
	fuzz_put16(ip + 4, (unsigned)len);
	p->len = FUZZ_ETHER + 40 + len;
	return next;
}

static inline void fuzz_packet_arp(struct fuzz_packet *p, unsigned op)
{
	uint8_t *a = fuzz_ether(p, 0x0806);

	memcpy(a, "\0\1\x08\0\6\4", 6);
	fuzz_put16(a + 6, op);
	memcpy(a + 8, p->bytes + 6, 6);
	fuzz_put32(a + 14, 0x0a000009);
	fuzz_put32(a + 24, 0x0a000001);
	p->len = FUZZ_ETHER + 28;
}

static inline void fuzz_tcp_head(uint8_t *t, const struct fuzz_peer *c, unsigned flags, size_t options)
{
	fuzz_put16(t, c->port);
	fuzz_put16(t + 2, 80);
	fuzz_put32(t + 4, c->seq);
	fuzz_put32(t + 8, c->ack);
	t[12] = (uint8_t)((20 + options) / 4 << 4);
	t[13] = (uint8_t)flags;
	fuzz_put16(t + 14, 8192);
}

/* ---- sums ---- */

static inline unsigned fuzz_pseudo(const uint8_t *addresses, size_t size, unsigned proto, size_t len)
{
	uint8_t pseudo[40] = { 0 };

	memcpy(pseudo, addresses, size);
	fuzz_put16(pseudo + 32, (unsigned)len);
	pseudo[35] = (uint8_t)proto;
	return ~fuzz_sum(pseudo, 40, 0) & 0xffff;
}

/* Of the headers as they are now, as far as they make sense. */
static inline void fuzz_mend(struct fuzz_packet *p)
{
	uint8_t *ip = p->bytes + FUZZ_ETHER, *next = ip + 20;
	size_t len = p->len < FUZZ_ETHER + 20 ? 0 : p->len - FUZZ_ETHER - 20;

	if (p->bytes[12] == 0x08 && p->bytes[13] == 0x00 && len > 0) {
		size_t head = (ip[0] & 15) * 4u;

		if (head >= 20 && head <= len + 20) {
			fuzz_put16(ip + 10, 0);
			fuzz_put16(ip + 10, fuzz_sum(ip, head, 0));
		}
		if ((ip[9] == 1 || ip[9] == 2) && len >= 8) {
			fuzz_put16(next + 2, 0);
			fuzz_put16(next + 2, fuzz_sum(next, len, 0));
		}
	} else if (p->bytes[12] == 0x86 && p->bytes[13] == 0xdd && len > 20 + 8) {
		next = ip + 40;
		len -= 20;
		if (ip[6] == 58) {
			fuzz_put16(next + 2, 0);
			fuzz_put16(next + 2, fuzz_sum(next, len, fuzz_pseudo(ip + 8, 32, 58, len)));
		}
	}
}

/* A segment of the connection; its transport sum is said to be verified by the device. */
static inline void fuzz_packet_tcp(struct fuzz_packet *p, const struct fuzz_peer *c, unsigned flags, const uint8_t *data, size_t len)
{
	uint8_t *t = fuzz_ip4(p, 6, 20 + len);

	fuzz_tcp_head(t, c, flags, 0);
	if (len)
		memcpy(t + 20, data, len);
	fuzz_mend(p);
}

/* ---- what the input makes of them ---- */

static inline void fuzz_draw_tcp(struct fuzz_packet *p, struct fuzz_peer *c, bool v6)
{
	unsigned how = fuzz_byte();
	size_t options = (how & 3) * 4u, len = how & 8 ? fuzz_below(600) : 0;
	uint8_t *t = v6 ? fuzz_ip6(p, 6, 20 + options + len, how >> 4) : fuzz_ip4(p, 6, 20 + options + len);
	struct fuzz_peer other = { .port = (uint16_t)(5000 + (how & 3)), .seq = 5000, .ack = c->ack };

	fuzz_tcp_head(t, how & 16 ? &other : c, how & 4 ? fuzz_byte() : FUZZ_ACK, options);
	fuzz_bytes(t + 20, options);
	memset(t + 20 + options, 0x55, len);
	if (!v6 && !(how & 16) && !(how & 64))
		c->seq += (uint32_t)len;
	if (how & 32)
		fuzz_put32(t + 4, c->seq + (uint32_t)(int16_t)fuzz_u16());
	if (how & 128)
		fuzz_put32(t + 8, c->ack + (uint32_t)(int16_t)fuzz_u16());
}

/* A BOOTP reply with DHCP's cookie, a message type and options, to whoever asked last. */
static inline void fuzz_draw_dhcp(struct fuzz_packet *p, const struct fuzz_peer *c)
{
	uint8_t *u = fuzz_ip4(p, 17, 8 + 300), *b = u + 8;

	memset(p->bytes, 0xff, 6);
	fuzz_put32(p->bytes + FUZZ_ETHER + 16, 0xffffffff);
	fuzz_put16(u, 67);
	fuzz_put16(u + 2, 68);
	fuzz_put16(u + 4, 308);
	memcpy(b, "\2\1\6", 3);
	memcpy(b + 4, c->xid, 4);
	fuzz_put32(b + 16, 0x0a000100u | fuzz_byte());
	memcpy(b + 28, c->client, 6);
	memcpy(b + 236, "\x63\x82\x53\x63\x35\x01", 6);
	b[242] = 2 + fuzz_byte() % 5;
	memcpy(b + 243, "\x36\x04\x0a\x00\x01\x01\x33\x04\x00\x00\x0e\x10", 12);
	fuzz_bytes(b + 255, 44);
}

static inline void fuzz_draw_udp(struct fuzz_packet *p, const struct fuzz_peer *c, bool v6)
{
	static const uint16_t ports[] = { 5353, 7, 53, 9, 546, 0 };
	unsigned how = fuzz_byte(), port = ports[how % 6];
	size_t len = 12 + fuzz_below(64);
	uint8_t *u = v6 ? fuzz_ip6(p, 17, 8 + len, how >> 4) : fuzz_ip4(p, 17, 8 + len);

	fuzz_put16(u, 53);
	fuzz_put16(u + 2, port ? port : c->dns_port);
	fuzz_put16(u + 4, (unsigned)(8 + len));
	fuzz_bytes(u + 8, len < 56 ? len : 56);
	if (!port) { /* an answer to the question */
		fuzz_put16(u + 8, c->dns_id);
		fuzz_put16(u + 10, 0x8180u | (how & 16));
		fuzz_put16(u + 12, 1);
		memcpy(u + 20, "\1a\7example\0\0\1\0\1", 15);
	}
}

static inline void fuzz_draw_control(struct fuzz_packet *p, unsigned what)
{
	static const uint8_t types[] = { 133, 134, 135, 136, 137, 130, 131, 128, 2, 1, 3 };
	unsigned how = fuzz_byte();
	size_t len = 8 + fuzz_below(96);
	uint8_t *m;

	if (what == 2) {
		m = fuzz_ip4(p, 2, len);
		fuzz_bytes(m, len < 16 ? len : 16);
	} else if (what == 1) {
		m = fuzz_ip4(p, 1, len);
		m[0] = how & 1 ? 8 : fuzz_byte();
		fuzz_bytes(m + 1, len < 40 ? len - 1 : 39);
	} else {
		m = fuzz_ip6(p, 58, len, how >> 4);
		m[0] = types[how % sizeof types];
		fuzz_bytes(m + 4, len < 80 ? len - 4 : 76);
	}
}

/* A packet by number: 0 and 1 TCP, 2 UDP, 3 TCP and 4 UDP over IPv6, 5 to 7 control messages, 8 ARP and DHCP, 9 anything. */
static inline void fuzz_packet_draw(struct fuzz_packet *p, struct fuzz_peer *c, unsigned what)
{
	unsigned how = fuzz_byte(), changes = how & 7;

	if (what < 2 || what == 3)
		fuzz_draw_tcp(p, c, what == 3);
	else if (what == 2 || what == 4)
		fuzz_draw_udp(p, c, what == 4);
	else if (what < 8)
		fuzz_draw_control(p, what - 5);
	else if (what == 8 && how & 8)
		fuzz_draw_dhcp(p, c);
	else if (what == 8)
		fuzz_packet_arp(p, fuzz_byte());
	else {
		fuzz_ether(p, how & 8 ? 0x0800 : how & 16 ? 0x86dd : fuzz_u16());
		p->len = FUZZ_ETHER + fuzz_below(120);
		fuzz_bytes(p->bytes + FUZZ_ETHER, p->len - FUZZ_ETHER);
	}
	while (changes-- > 0) {
		size_t i = fuzz_byte() % p->len;

		p->bytes[i] = fuzz_byte();
	}
	if (how & 32) /* a fragment, or cut */
		fuzz_put16(p->bytes + FUZZ_ETHER + 6, fuzz_u16());
	if (how & 64)
		p->len = fuzz_u16() % (p->len + 1);
	if (!(how & 128))
		fuzz_mend(p);
}

#endif
