/* SPDX-License-Identifier: MIT */
#include "libc-glue/lwip/netdev.h"

/*
 * What lwIP 2.1 reads of IPv6 extension headers before it knows that it is there: the length of a header of which fewer than
 * 2 bytes have come, and the length of an option that begins in the last byte of its header (ip6_input()). Each is a byte or
 * a few behind a received buffer. So the chain of headers is walked here first, and a packet that ends within it goes no
 * further: lwIP would drop it too, and RFC 7112 asks for the whole chain in the first fragment.
 *
 * And of neighbour discovery: nd6_input() takes 6 bytes of an address behind an option of which 2 have come, if its length says 0.
 */

#include "lwip/prot/ip6.h"

#define PAD1 0u
#define LEAST 8u /* bytes of an extension header, and its unit (RFC 8200 section 4.2 and on) */
#define OFFSET_HIGH 2u
#define OFFSET_LOW 3u
#define SOLICITATION 135u /* ICMPv6 types, RFC 4861 section 4; lwIP looks at the options of 134 itself, and at none of 133's */
#define REDIRECT 137u

static bool has_options(unsigned kind)
{
	return kind == IP6_NEXTH_HOPBYHOP || kind == IP6_NEXTH_DESTOPTS;
}

/* RFC 8200 section 4.2: a type, and with all but Pad1 a length and as many bytes. */
static bool options_end(const uint8_t *p, size_t len)
{
	size_t at = 0;

	while (at < len) {
		if (p[at] == PAD1) {
			at++;
			continue;
		}
		if (len - at < 2)
			return false;
		at += 2u + p[at + 1];
	}
	return at == len;
}

/* RFC 4861 sections 7.1.1, 7.1.2 and 8.1: no option has the length 0. All end within the first buffer. */
static bool neighbour_sound(const uint8_t *p, size_t len)
{
	static const uint8_t options[] = { 24, 24, 40 };
	size_t at;

	if (len == 0 || p[0] < SOLICITATION || p[0] > REDIRECT)
		return true;
	for (at = options[p[0] - SOLICITATION]; at + 2 <= len; at += LEAST * p[at + 1])
		if (p[at + 1] == 0)
			return false;
	return at == len;
}

/* Each turn goes on by LEAST bytes or more. Of a later fragment nothing but its own header is one. */
bool netdev_ip6_sound(const struct pbuf *p)
{
	const uint8_t *ip = p->payload;
	size_t end = IP6_HLEN + ((size_t)ip[4] << 8 | ip[5]), at = IP6_HLEN, size;
	unsigned kind = ip[6];

	end = end < p->len ? end : p->len;
	while (has_options(kind) || kind == IP6_NEXTH_ROUTING || kind == IP6_NEXTH_FRAGMENT) {
		if (end - at < LEAST)
			return false;
		size = kind == IP6_NEXTH_FRAGMENT ? LEAST : LEAST * (1u + ip[at + 1]);
		if (size > end - at || (has_options(kind) && !options_end(ip + at + 2, size - 2)))
			return false;
		if (kind == IP6_NEXTH_FRAGMENT && (ip[at + OFFSET_HIGH] || ip[at + OFFSET_LOW] & 0xf8))
			return true;
		kind = ip[at];
		at += size;
	}
	return kind != IP6_NEXTH_ICMP6 || neighbour_sound(ip + at, end - at);
}
