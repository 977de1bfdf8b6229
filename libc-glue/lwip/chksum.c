/* SPDX-License-Identifier: MIT */
/*
 * The Internet checksum (RFC 1071), for what no device sums: lwIP's LWIP_CHKSUM.
 *
 * The sum of 16-bit words in one's complement does not care about the width that it is added in, so eight bytes go at a time
 * and the carries are folded at the end. Byte order does not matter either, as long as the result is stored as it is.
 */
#include <stdint.h>
#include <string.h>

#include "lwip/opt.h"

static uint64_t add(uint64_t sum, uint64_t v)
{
	sum += v;
	return sum + (sum < v);
}

/* The last 0 to 7 bytes, as the low bytes of a little-endian word. */
static uint64_t tail(const uint8_t *p, int len)
{
	uint64_t v = 0;

	memcpy(&v, p, (size_t)len);
	return v;
}

/* Folded, not inverted, ready to be stored as it lies. lwIP adds up the parts of a chain itself and minds odd lengths. */
uint16_t chksum_sum(const void *data, int len)
{
	const uint8_t *p = data;
	uint64_t sum = 0, v;

	for (; len >= 8; p += 8, len -= 8) {
		memcpy(&v, p, 8);
		sum = add(sum, v);
	}
	sum = add(sum, tail(p, len));
	sum = (sum >> 32) + (sum & 0xffffffff);
	sum = (sum >> 32) + (sum & 0xffffffff);
	sum = (sum >> 16) + (sum & 0xffff);
	sum = (sum >> 16) + (sum & 0xffff);
	return (uint16_t)sum;
}
