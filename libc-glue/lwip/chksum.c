/* SPDX-License-Identifier: MIT */
#include <stdint.h>

/*
 * The Internet checksum (RFC 1071), for what no device sums: lwIP's LWIP_CHKSUM.
 *
 * The sum of 16-bit words in one's complement does not care about the width that it is added in, so
 * eight bytes go at a time and the carries are folded at the end. (__builtin_memcpy: libc-glue is
 * compiled freestanding, where memcpy() is a call.) Byte order does not matter either, as long as
 * the result is stored as it is.
 */

#include "lwip/opt.h"

/* Sums of 32-bit halves: as many as an int can count do not overflow. */
static uint64_t halves(uint64_t v)
{
	return (v >> 32) + (uint32_t)v;
}

static uint64_t load8(const uint8_t *p)
{
	uint64_t v;

	__builtin_memcpy(&v, p, sizeof v);
	return v;
}

static uint32_t load4(const uint8_t *p)
{
	uint32_t v;

	__builtin_memcpy(&v, p, sizeof v);
	return v;
}

static uint16_t load2(const uint8_t *p)
{
	uint16_t v;

	__builtin_memcpy(&v, p, sizeof v);
	return v;
}

/*
 * Folded, not inverted, ready to be stored as it lies. lwIP adds up the parts of a chain itself and
 * minds odd lengths.
 */
uint16_t chksum_sum(const void *data, int len)
{
	const uint8_t *p = data;
	uint64_t sum = 0;

	for (; len >= 16; p += 16, len -= 16)
		sum += halves(load8(p)) + halves(load8(p + 8));
	if (len & 8) {
		sum += halves(load8(p));
		p += 8;
	}
	if (len & 4) {
		sum += load4(p);
		p += 4;
	}
	if (len & 2) {
		sum += load2(p);
		p += 2;
	}
	if (len & 1)
		sum += *p;
	sum = halves(sum);
	sum = (sum >> 16) + (sum & 0xffff);
	sum = (sum >> 16) + (sum & 0xffff);
	return (uint16_t)((sum >> 16) + sum);
}
