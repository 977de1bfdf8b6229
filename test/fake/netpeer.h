/* SPDX-License-Identifier: MIT */
/*
 * The far end of a NIC's wire, made by hand: a host 10.0.0.9 that answers ARP and hands every IPv4 packet to the test,
 * as it would be on a real wire: cut to pieces, with its checksums looked at. What the test sends back can be anything.
 *
 * Defines fake_peer_input(): instead of peer_bridge.c.
 */
#ifndef TEST_FAKE_NETPEER_H
#define TEST_FAKE_NETPEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NETPEER_IP 0x0a000009u /* 10.0.0.9 */
#define NETPEER_MTU 1500u

#define NETPEER_FIN 0x01u
#define NETPEER_SYN 0x02u
#define NETPEER_RST 0x04u
#define NETPEER_PSH 0x08u
#define NETPEER_ACK 0x10u

/* A TCP segment on the wire. */
struct netpeer_seg {
	uint16_t src, dst;
	uint32_t seq, ack;
	uint8_t flags;
	uint16_t window;
	const uint8_t *options;
	size_t options_len;
	const uint8_t *data;
	size_t len;
};

/* What the test does with a packet of ours. Defined by the test. ip: the whole packet, of proto. */
void netpeer_tcp(const struct netpeer_seg *seg);
void netpeer_other(uint8_t proto, const uint8_t *ip, size_t len);

/* On which NIC's wire the host is; 0. */
extern unsigned netpeer_nic;

/* Frames that our side gave to the device, of which some are cut, and pieces that had a wrong checksum or were above the MTU. */
extern unsigned netpeer_frames, netpeer_cut, netpeer_wrong;

/* Sends a segment, an IPv4 packet of any protocol from `from`, or any frame at all. */
void netpeer_send(const struct netpeer_seg *seg);
void netpeer_send_ip(uint32_t from, uint32_t to, uint8_t proto, const void *payload, size_t len);
void netpeer_send_udp(uint32_t from, uint32_t to, uint16_t src, uint16_t dst, const void *data, size_t len);

uint16_t netpeer_get16(const uint8_t *p);
uint32_t netpeer_get32(const uint8_t *p);
void netpeer_put16(uint8_t *p, unsigned v);
void netpeer_put32(uint8_t *p, uint32_t v);

#endif
