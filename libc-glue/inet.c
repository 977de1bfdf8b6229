/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>

/*
 * Internet addresses as text: inet_pton() and its elders (POSIX, RFC 4291 2.2, RFC 5952).
 *
 * Without lwIP, so that a program which only parses addresses carries no TCP stack.
 */

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "core/core.h"
#include "libc-glue/inet.h"

const struct in6_addr in6addr_any = IN6ADDR_ANY_INIT;
const struct in6_addr in6addr_loopback = IN6ADDR_LOOPBACK_INIT;

/* ---- IPv4 ---- */

/* A number in C's notation (decimal, 0 octal, 0x hexadecimal) up to most; NULL for none. */
static const char *parse_c_number(const char *s, uint32_t most, uint32_t *value)
{
	unsigned base = 10;
	uint64_t v = 0;
	const char *start;

	if (*s == '0') {
		base = (s[1] | 32) == 'x' ? 16 : 8;
		s += base == 16 ? 2 : 0;
	}
	for (start = s;; s++) {
		unsigned c = (unsigned char)*s | 32, digit = c >= 'a' && c <= 'f' ? c - 'a' + 10 : (unsigned)(*s - '0');

		if (digit >= base)
			break;
		v = v * base + digit;
		if (v > most)
			return NULL;
	}
	*value = (uint32_t)v;
	return s > start ? s : NULL;
}

/* One to four parts, of which the last fills what is left: "127.1" (POSIX, inet_addr). */
bool inet_parse_old(const char *s, struct in_addr *a)
{
	uint32_t part, sum = 0;

	for (unsigned n = 0; n < 4; n++) {
		s = parse_c_number(s, n == 0 ? UINT32_MAX : UINT32_MAX >> 8 * n, &part);
		if (!s)
			return false;
		if (*s != '.') {
			sum |= part;
			a->s_addr = htonl(sum);
			return *s == '\0' || *s == ' ' || *s == '\n';
		}
		if (part > 255)
			return false;
		sum |= part << (24 - 8 * n);
		s++;
	}
	return false;
}

/* Four decimal numbers and nothing else. Returns what follows them, NULL for no address. */
static const char *parse4(const char *s, uint8_t *a)
{
	for (unsigned n = 0; n < 4; n++) {
		unsigned v = 0, digits = 0;

		for (; *s >= '0' && *s <= '9' && digits < 3; s++, digits++)
			v = v * 10 + (unsigned)(*s - '0');
		if (digits == 0 || v > 255 || (digits > 1 && s[-(int)digits] == '0'))
			return NULL;
		a[n] = (uint8_t)v;
		if (n < 3 && *s++ != '.')
			return NULL;
	}
	return s;
}

static int format4(const uint8_t *a, char *s, size_t size)
{
	return fmt_format(s, size, "%u.%u.%u.%u", a[0], a[1], a[2], a[3]);
}

/* ---- IPv6 ---- */

/* Up to four hexadecimal digits. */
static const char *parse_group(const char *s, uint8_t *a)
{
	unsigned v = 0, digits = 0;

	for (; digits < 4; s++, digits++) {
		unsigned c = (unsigned char)*s | 32;

		if (*s >= '0' && *s <= '9')
			v = v * 16 + (unsigned)(*s - '0');
		else if (c >= 'a' && c <= 'f')
			v = v * 16 + c - 'a' + 10;
		else
			break;
	}
	a[0] = (uint8_t)(v >> 8);
	a[1] = (uint8_t)v;
	return digits > 0 ? s : NULL;
}

/* Puts the zeros that "::" at byte gap stands for. */
static bool expand(uint8_t *a, size_t len, size_t gap)
{
	uint8_t tail[16];

	if (gap == SIZE_MAX)
		return len == 16;
	if (len == 16)
		return false;
	memcpy(tail, a + gap, len - gap);
	memset(a + gap, 0, 16 - gap);
	memcpy(a + 16 - (len - gap), tail, len - gap);
	return true;
}

static bool parse6(const char *s, uint8_t *a)
{
	size_t len = 0, gap = SIZE_MAX;

	if (s[0] == ':' && s[1] == ':') {
		gap = 0;
		s += 2;
	}
	while (*s && len < 16) {
		const char *end = parse_group(s, a + len);

		if (!end)
			return false;
		if (*end == '.') {
			s = len <= 12 ? parse4(s, a + len) : NULL;
			return s && *s == '\0' && expand(a, len + 4, gap);
		}
		len += 2;
		s = end;
		if (*s == '\0')
			break;
		if (*s++ != ':')
			return false;
		if (*s == ':' && gap == SIZE_MAX) {
			gap = len;
			s++;
		} else if (*s == '\0') {
			return false;
		}
	}
	return *s == '\0' && expand(a, len, gap);
}

/* The longest run of at least two zero groups, of which the first wins (RFC 5952 4.2). */
static unsigned find_zeros(const uint8_t *a, unsigned *len)
{
	unsigned best = 8;

	*len = 1;
	for (unsigned i = 0; i < 8; i++) {
		unsigned n = 0;

		while (i + n < 8 && !a[2 * (i + n)] && !a[2 * (i + n) + 1])
			n++;
		if (n > *len) {
			best = i;
			*len = n;
		}
	}
	return best;
}

static int format6(const uint8_t *a, char *s, size_t size)
{
	static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };
	unsigned zeros_len, zeros = find_zeros(a, &zeros_len);
	char text[INET6_ADDRSTRLEN];
	int len = 0;

	if (memcmp(a, mapped, sizeof mapped) == 0)
		return fmt_format(s, size, "::ffff:%u.%u.%u.%u", a[12], a[13], a[14], a[15]);
	for (unsigned i = 0; i < 8; i++) {
		if (i == zeros) {
			len += fmt_format(text + len, sizeof text - (size_t)len, "::");
			i += zeros_len - 1;
			continue;
		}
		len += fmt_format(text + len, sizeof text - (size_t)len, "%s%x", i > 0 && i != zeros + zeros_len ? ":" : "",
				  (unsigned)a[2 * i] << 8 | a[2 * i + 1]);
	}
	return fmt_format(s, size, "%s", text);
}

/* ---- The calls, see inet.h ---- */

int inet_parse(int family, const char *s, void *a)
{
	uint8_t bytes[16];
	bool ok;

	if (family == AF_INET) {
		s = parse4(s, bytes);
		ok = s && *s == '\0';
	} else if (family == AF_INET6) {
		ok = parse6(s, bytes);
	} else {
		return -EAFNOSUPPORT;
	}
	if (ok)
		memcpy(a, bytes, family == AF_INET ? 4 : 16);
	return ok;
}

int inet_format(int family, const void *a, char *s, size_t size)
{
	int len;

	if (family != AF_INET && family != AF_INET6)
		return -EAFNOSUPPORT;
	len = family == AF_INET ? format4(a, s, size) : format6(a, s, size);
	return (size_t)len < size ? 0 : -ENOSPC;
}
