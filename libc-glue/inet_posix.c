/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>

/*
 * The names by which programs know inet.c.
 */

#include <errno.h>

#include "libc-glue/glue.h"
#include "libc-glue/inet.h"

#undef htons
#undef ntohs
#undef htonl
#undef ntohl

uint16_t htons(uint16_t v)
{
	return __builtin_bswap16(v);
}

uint16_t ntohs(uint16_t v)
{
	return __builtin_bswap16(v);
}

uint32_t htonl(uint32_t v)
{
	return __builtin_bswap32(v);
}

uint32_t ntohl(uint32_t v)
{
	return __builtin_bswap32(v);
}

int inet_pton(int family, const char *s, void *a)
{
	return (int)fd_result(inet_parse(family, s, a));
}

const char *inet_ntop(int family, const void *a, char *s, socklen_t size)
{
	return fd_result(inet_format(family, a, s, size)) == 0 ? s : NULL;
}

int inet_aton(const char *s, struct in_addr *a)
{
	struct in_addr parsed;

	if (!inet_parse_old(s, &parsed))
		return 0;
	if (a)
		*a = parsed;
	return 1;
}

in_addr_t inet_addr(const char *s)
{
	struct in_addr a;

	return inet_parse_old(s, &a) ? a.s_addr : INADDR_NONE;
}

char *inet_ntoa(struct in_addr a)
{
	static char text[INET_ADDRSTRLEN];

	inet_format(AF_INET, &a, text, sizeof text);
	return text;
}
