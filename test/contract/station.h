/* SPDX-License-Identifier: MIT */
/*
 * A station for nic_contract.c: the frames that it makes, and what it sees in those that it gets.
 *
 * An echo request carries the number of its slot and a pattern that depends on it, so an answer is
 * checked in every byte. ARP finds out who is on the other side.
 */
#ifndef TEST_CONTRACT_STATION_H
#define TEST_CONTRACT_STATION_H

#include <string.h>

#include "core/nic.h"
#include "test/contract/check.h"

#define ARENA_PAGES 64u
#define SLOTS 64u       /* frames of ours in the arena at a time */
#define SLOT 2048u
#define ETHER 14u
#define HEAD (ETHER + 20u + 8u) /* up to the data of an echo request */
#define DATA_MIN 18u            /* data that makes a frame of 60 bytes */

static struct nic_info info;
static uint8_t *arena;
static uint8_t peer_mac[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
static const uint8_t my_ip[4] = { 10, 0, 2, 15 };
static uint8_t peer_ip[4] = { 10, 0, 2, 2 };
static bool echoes; /* the other side sends everything back */

/* What is out: a token is a pointer to one of these. */
static struct slot {
	bool out;
	bool answered;
	uint16_t len; /* of the data */
} slot[SLOTS];

static unsigned answers, answers_wrong;

static void put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static unsigned get16(const uint8_t *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

/* RFC 1071. */
static unsigned checksum(const uint8_t *p, size_t len, unsigned long sum)
{
	for (; len > 1; p += 2, len -= 2)
		sum += get16(p);
	if (len)
		sum += (unsigned)p[0] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (unsigned)(~sum & 0xffff);
}

static uint8_t *frame_of(unsigned i)
{
	return arena + i * SLOT;
}

static uint8_t pattern(unsigned i, unsigned at)
{
	return (uint8_t)(i * 37 + at * 11 + (at >> 8));
}

static void put_ip(uint8_t *frame, unsigned proto, size_t len)
{
	uint8_t *ip = frame + ETHER;

	memcpy(frame, peer_mac, 6);
	memcpy(frame + 6, info.mac, 6);
	put16(frame + 12, 0x0800);
	memset(ip, 0, 20);
	ip[0] = 0x45;
	put16(ip + 2, (unsigned)(len - ETHER));
	ip[8] = 64;
	ip[9] = (uint8_t)proto;
	memcpy(ip + 12, my_ip, 4);
	memcpy(ip + 16, peer_ip, 4);
	put16(ip + 10, checksum(ip, 20, 0));
}

/* An echo request of len bytes of data in slot i, which is also its number. Returns the frame's length. */
static unsigned make_echo(unsigned i, unsigned len)
{
	uint8_t *f = frame_of(i), *icmp = f + ETHER + 20;

	put_ip(f, 1, HEAD + len);
	memset(icmp, 0, 8);
	icmp[0] = 8;
	put16(icmp + 4, 0x7069);
	put16(icmp + 6, i);
	for (unsigned at = 0; at < len; at++)
		icmp[8 + at] = pattern(i, at);
	put16(icmp + 2, checksum(icmp, 8 + len, 0));
	slot[i].len = (uint16_t)len;
	slot[i].answered = false;
	return HEAD + len;
}

/* Is this the answer to one of ours, and right in every byte? */
static void look_at_echo(const uint8_t *f, size_t len)
{
	const uint8_t *icmp = f + ETHER + 20;
	unsigned i = get16(icmp + 6), wrong = 0;

	if (get16(icmp + 4) != 0x7069 || i >= SLOTS || memcmp(f, info.mac, 6) != 0)
		return;
	if (len < HEAD + slot[i].len) {
		answers_wrong++;
		return;
	}
	for (unsigned at = 0; at < slot[i].len; at++)
		wrong += icmp[8 + at] != pattern(i, at);
	answers_wrong += wrong > 0;
	answers += !slot[i].answered;
	slot[i].answered = true;
}

/* ---- What comes in ---- */

static unsigned udp_seen, udp_right;
static unsigned tcp_bytes, tcp_wrong, tcp_frames;

static void look_at_udp(const uint8_t *f, size_t len, const struct nic_offload *off)
{
	const uint8_t *udp = f + ETHER + 20;
	size_t udp_len = get16(udp + 4);
	unsigned pseudo = 0xffff & ~checksum(f + ETHER + 12, 8, 17 + udp_len);

	if (get16(udp) != 7777 || ETHER + 20 + udp_len > len)
		return;
	udp_seen++;
	udp_right += (off->flags & (NIC_CSUM_PARTIAL | NIC_CSUM_VALID)) || checksum(udp, udp_len, pseudo) == 0;
}

static void look_at_tcp(const uint8_t *f, size_t len, const struct nic_offload *off)
{
	const uint8_t *tcp = f + ETHER + 20;
	size_t total = ETHER + get16(f + ETHER + 2), tcp_len = total - ETHER - 20;
	unsigned pseudo = 0xffff & ~checksum(f + ETHER + 12, 8, 6 + tcp_len);
	unsigned seq = get16(tcp + 4) << 16 | get16(tcp + 6);

	if (get16(tcp) != 7777 || total > len)
		return;
	tcp_frames++;
	if (!(off->flags & (NIC_CSUM_PARTIAL | NIC_CSUM_VALID)) && checksum(tcp, tcp_len, pseudo) != 0)
		tcp_wrong++;
	for (size_t at = ETHER + 40; at < total; at++, seq++, tcp_bytes++)
		tcp_wrong += f[at] != pattern(1, seq);
}

static void look_at_arp(const uint8_t *f)
{
	const uint8_t *arp = f + ETHER;

	if (get16(arp + 6) == 2 && memcmp(arp + 14, peer_ip, 4) == 0) {
		memcpy(peer_mac, arp + 8, 6);
	} else if (get16(arp + 6) == 1 && memcmp(arp + 8, info.mac, 6) == 0) {
		static const uint8_t any[6] = { 0x02, 0x70, 0x69, 0x74, 0x68, 0x02 };

		echoes = true;
		memcpy(peer_mac, any, 6);
	}
}

static void look_at(const uint8_t *f, size_t len, const struct nic_offload *off)
{
	unsigned type = len >= ETHER + 28 ? get16(f + 12) : 0;

	if (type == 0x0806)
		look_at_arp(f);
	else if (type == 0x0800 && f[ETHER] == 0x45 && f[ETHER + 9] == 1)
		look_at_echo(f, len);
	else if (type == 0x0800 && f[ETHER] == 0x45 && f[ETHER + 9] == 17)
		look_at_udp(f, len, off);
	else if (type == 0x0800 && f[ETHER] == 0x45 && f[ETHER + 9] == 6)
		look_at_tcp(f, len, off);
}

#endif
