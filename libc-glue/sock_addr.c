/* SPDX-License-Identifier: MIT */
#include <errno.h>

/*
 * Addresses of sockets: struct sockaddr outside, ip_addr_t inside.
 *
 * IPv4 addresses on an AF_INET6 socket are written as ::ffff:a.b.c.d outside and are plain IPv4
 * inside (RFC 3493 3.7).
 */

#include <netinet/in.h>
#include <string.h>

#include "libc-glue/sock.h"

static void in4(const struct sockaddr_in *a, ip_addr_t *ip, uint16_t *port)
{
	ip_addr_set_ip4_u32(ip, a->sin_addr.s_addr);
	*port = ntohs(a->sin_port);
}

static void in6(const struct sockaddr_in6 *a, ip_addr_t *ip, uint16_t *port)
{
	uint32_t words[4];

	memcpy(words, &a->sin6_addr, sizeof words);
	*port = ntohs(a->sin6_port);
	if (IN6_IS_ADDR_V4MAPPED(&a->sin6_addr)) {
		ip_addr_set_ip4_u32(ip, words[3]);
		return;
	}
	IP_ADDR6(ip, words[0], words[1], words[2], words[3]);
	if (ip6_addr_has_scope(ip_2_ip6(ip), IP6_UNKNOWN))
		ip6_addr_set_zone(ip_2_ip6(ip), (u8_t)a->sin6_scope_id);
}

int sock_addr_in(int domain, const struct sockaddr *addr, socklen_t len, ip_addr_t *ip, uint16_t *port)
{
	struct sockaddr_in a4;
	struct sockaddr_in6 a6;

	if (!addr || len < sizeof addr->sa_family)
		return -EINVAL;
	if (addr->sa_family == AF_INET && domain == AF_INET && len >= sizeof a4) {
		memcpy(&a4, addr, sizeof a4);
		in4(&a4, ip, port);
		return 0;
	}
	if (addr->sa_family == AF_INET6 && domain == AF_INET6 && len >= sizeof a6) {
		memcpy(&a6, addr, sizeof a6);
		in6(&a6, ip, port);
		return 0;
	}
	return addr->sa_family == domain ? -EINVAL : -EAFNOSUPPORT;
}

static socklen_t out4(const ip_addr_t *ip, uint16_t port, struct sockaddr_storage *to)
{
	struct sockaddr_in *a = (struct sockaddr_in *)to;

	a->sin_family = AF_INET;
	a->sin_port = htons(port);
	a->sin_addr.s_addr = IP_IS_V4(ip) ? ip_2_ip4(ip)->addr : INADDR_ANY;
	return sizeof *a;
}

static socklen_t out6(const ip_addr_t *ip, uint16_t port, struct sockaddr_storage *to)
{
	struct sockaddr_in6 *a = (struct sockaddr_in6 *)to;
	uint32_t words[4] = { 0 };

	a->sin6_family = AF_INET6;
	a->sin6_port = htons(port);
	if (IP_IS_V6(ip)) {
		memcpy(words, ip_2_ip6(ip)->addr, sizeof words);
		a->sin6_scope_id = ip6_addr_zone(ip_2_ip6(ip));
	} else if (!ip_addr_isany(ip)) {
		words[2] = htonl(0xffff);
		words[3] = ip_2_ip4(ip)->addr;
	}
	memcpy(&a->sin6_addr, words, sizeof words);
	return sizeof *a;
}

void sock_addr_out(int domain, const ip_addr_t *ip, uint16_t port, struct sockaddr *addr, socklen_t *len)
{
	struct sockaddr_storage storage;
	socklen_t full;

	if (!addr || !len)
		return;
	memset(&storage, 0, sizeof storage);
	full = domain == AF_INET6 ? out6(ip, port, &storage) : out4(ip, port, &storage);
	memcpy(addr, &storage, *len < full ? *len : full);
	*len = full;
}

void sock_addr_any(const struct sock *s, ip_addr_t *ip)
{
	if (s->domain == AF_INET)
		ip_addr_copy(*ip, *IP4_ADDR_ANY);
	else
		ip_addr_copy(*ip, *IP6_ADDR_ANY);
	if (s->domain == AF_INET6 && !s->v6only)
		IP_SET_TYPE_VAL(*ip, IPADDR_TYPE_ANY);
}
