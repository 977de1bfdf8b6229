/* SPDX-License-Identifier: MIT */
#ifndef TEST_FUZZ_FUZZ_HEADERS_H
#define TEST_FUZZ_FUZZ_HEADERS_H

/*
 * Frames that get past the first look: Ethernet, perhaps a VLAN tag, IPv4 or IPv6, perhaps extension headers, TCP or UDP, of which
 * the input then changes some bytes.
 */

#include <string.h>

#include "test/fuzz/fuzz.h"

static inline size_t fuzz_headers_ip(uint8_t *p, unsigned how, size_t payload)
{
	static const uint8_t ip4[20] = { 0x45, [8] = 64, [12] = 10, 0, 0, 9, 10, 0, 0, 1 };
	static const uint8_t ip6[40] = { 0x60, [7] = 64, [8] = 0xfe, 0x80, [23] = 9, [24] = 0xfe, 0x80, [39] = 1 };
	bool v4 = how & 1, extended = !v4 && how & 8;
	uint8_t proto = how & 2 ? 6 : 17;
	size_t len = v4 ? 20 : extended ? 56 : 40, total = v4 ? len + payload : len - 40 + payload;

	memset(p, 0, len);
	memcpy(p, v4 ? ip4 : ip6, v4 ? 20 : 40);
	p[v4 ? 2 : 4] = (uint8_t)(total >> 8);
	p[v4 ? 3 : 5] = (uint8_t)total;
	p[v4 ? 9 : 6] = extended ? 0 : proto;
	if (extended) {
		p[40] = proto; /* hop-by-hop options, 16 bytes of them */
		p[41] = 1;
	}
	return len;
}

/* Writes one into at most `room` bytes and returns its length. */
static inline size_t fuzz_headers(void *to, size_t room)
{
	uint8_t frame[256] = { 0x00, 0x16, 0x3e, 0, 0, 1, 0x00, 0x16, 0x3e, 0, 0, 9 };
	unsigned how = fuzz_byte(), changes = fuzz_byte() & 7;
	size_t payload = 20 + fuzz_byte() % 64, at = 12, len;

	if (how & 4) {
		memcpy(frame + at, (uint8_t[]){ 0x81, 0x00, 0, 7 }, 4);
		at += 4;
	}
	memcpy(frame + at, how & 1 ? "\x08\x00" : "\x86\xdd", 2);
	at += 2;
	at += fuzz_headers_ip(frame + at, how, payload);
	memset(frame + at, 0, payload);
	if (how & 2)
		frame[at + 12] = 0x50; /* five words */
	len = at + payload;
	while (changes-- > 0) {
		size_t i = fuzz_byte() % len;

		frame[i] = fuzz_byte();
	}
	if (how & 16)
		len = fuzz_byte() % len;
	len = len < room ? len : room;
	memcpy(to, frame, len);
	return len;
}

#endif
