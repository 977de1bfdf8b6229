/* SPDX-License-Identifier: MIT */
/*
 * A host made by hand on a NIC's wire. Read netpeer.h first.
 */
#include "test/fake/netpeer.h"

#include <string.h>

#include "test/fake/fake.h"

#define ETHER 14u

static const uint8_t mac[6] = { 2, 0, 0, 0, 0, 9 };
static uint8_t our_mac[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff }; /* of the stack under test: from its last frame */

unsigned netpeer_nic, netpeer_frames, netpeer_cut, netpeer_wrong;

uint16_t netpeer_get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

uint32_t netpeer_get32(const uint8_t *p)
{
	return (uint32_t)netpeer_get16(p) << 16 | netpeer_get16(p + 2);
}

void netpeer_put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

void netpeer_put32(uint8_t *p, uint32_t v)
{
	netpeer_put16(p, v >> 16);
	netpeer_put16(p + 2, v & 0xffff);
}

static unsigned sum(const uint8_t *p, size_t len, uint64_t before)
{
	for (; len > 1; p += 2, len -= 2)
		before += netpeer_get16(p);
	if (len)
		before += (unsigned)p[0] << 8;
	while (before >> 16)
		before = (before & 0xffff) + (before >> 16);
	return (unsigned)before;
}

/* ---- Sending ---- */

static void send_frame(uint16_t type, const uint8_t *payload, size_t len)
{
	uint8_t frame[65536 + ETHER];

	memcpy(frame, our_mac, 6);
	memcpy(frame + 6, mac, 6);
	netpeer_put16(frame + 12, type);
	memcpy(frame + ETHER, payload, len);
	fake_nic_deliver(netpeer_nic, frame, ETHER + len, NULL);
}

void netpeer_send_ip(uint32_t from, uint32_t to, uint8_t proto, const void *payload, size_t len)
{
	static uint16_t id;
	uint8_t ip[65536] = { 0x45 };

	netpeer_put16(ip + 2, (unsigned)(20 + len));
	netpeer_put16(ip + 4, id++);
	ip[8] = 64;
	ip[9] = proto;
	netpeer_put32(ip + 12, from);
	netpeer_put32(ip + 16, to);
	netpeer_put16(ip + 10, ~sum(ip, 20, 0) & 0xffff);
	memcpy(ip + 20, payload, len);
	send_frame(0x0800, ip, 20 + len);
}

static void fill_in(uint8_t *l4, size_t len, size_t at, uint32_t from, uint32_t to, uint8_t proto)
{
	uint8_t pseudo[12] = { 0 };

	netpeer_put32(pseudo, from);
	netpeer_put32(pseudo + 4, to);
	pseudo[9] = proto;
	netpeer_put16(pseudo + 10, (unsigned)len);
	netpeer_put16(l4 + at, 0);
	netpeer_put16(l4 + at, ~sum(l4, len, sum(pseudo, 12, 0)) & 0xffff);
}

void netpeer_send_udp(uint32_t from, uint32_t to, uint16_t src, uint16_t dst, const void *data, size_t len)
{
	uint8_t udp[65536];

	netpeer_put16(udp, src);
	netpeer_put16(udp + 2, dst);
	netpeer_put16(udp + 4, (unsigned)(8 + len));
	memcpy(udp + 8, data, len);
	fill_in(udp, 8 + len, 6, from, to, 17);
	netpeer_send_ip(from, to, 17, udp, 8 + len);
}

void netpeer_send(const struct netpeer_seg *s)
{
	size_t head = 20 + s->options_len;
	uint8_t tcp[65536] = { 0 };

	netpeer_put16(tcp, s->src);
	netpeer_put16(tcp + 2, s->dst);
	netpeer_put32(tcp + 4, s->seq);
	netpeer_put32(tcp + 8, s->ack);
	tcp[12] = (uint8_t)(head / 4 << 4);
	tcp[13] = s->flags;
	netpeer_put16(tcp + 14, s->window);
	if (s->options_len)
		memcpy(tcp + 20, s->options, s->options_len);
	if (s->len)
		memcpy(tcp + head, s->data, s->len);
	fill_in(tcp, head + s->len, 16, NETPEER_IP, 0x0a000001, 6);
	netpeer_send_ip(NETPEER_IP, 0x0a000001, 6, tcp, head + s->len);
}

/* ---- Receiving ---- */

static void arp(const uint8_t *p, size_t len)
{
	uint8_t reply[28];

	if (len < 28 || netpeer_get16(p + 6) != 1 || netpeer_get32(p + 24) != NETPEER_IP)
		return;
	memcpy(reply, p, 8);
	reply[7] = 2;
	memcpy(reply + 8, mac, 6);
	netpeer_put32(reply + 14, NETPEER_IP);
	memcpy(reply + 18, p + 8, 10);
	send_frame(0x0806, reply, sizeof reply);
}

static void tcp(const uint8_t *ip, size_t len)
{
	const uint8_t *t = ip + (ip[0] & 15) * 4;
	size_t head = (size_t)(t[12] >> 4) * 4;
	struct netpeer_seg seg = {
		.src = netpeer_get16(t), .dst = netpeer_get16(t + 2), .seq = netpeer_get32(t + 4), .ack = netpeer_get32(t + 8),
		.flags = t[13], .window = netpeer_get16(t + 14), .options = t + 20, .options_len = head - 20,
		.data = t + head, .len = len - (size_t)(t - ip) - head,
	};

	netpeer_tcp(&seg);
}

static void piece(void *ctx, const uint8_t *frame, size_t len)
{
	const uint8_t *ip = frame + ETHER;
	size_t total;

	(void)ctx;
	if (len > NETPEER_MTU + ETHER || !fake_offload_right(frame, len))
		netpeer_wrong++;
	memcpy(our_mac, frame + 6, 6);
	if (netpeer_get16(frame + 12) == 0x0806)
		arp(ip, len - ETHER);
	if (netpeer_get16(frame + 12) != 0x0800)
		return;
	total = netpeer_get16(ip + 2);
	if (ip[9] == 6)
		tcp(ip, total);
	else
		netpeer_other(ip[9], ip, total);
}

void fake_peer_input(unsigned n, const uint8_t *frame, size_t len, const struct nic_offload *off)
{
	if (n != netpeer_nic)
		return;
	netpeer_frames++;
	netpeer_cut += (off->flags & (NIC_GSO_TCP4 | NIC_GSO_TCP6)) != 0;
	fake_offload_apply(frame, len, off, piece, NULL);
}
