/* SPDX-License-Identifier: MIT */
#include <errno.h>

/*
 * The names by which programs know netdb.c, and the older calls, which answer in static storage.
 */

#include <stdio.h>
#include <string.h>

#include "core/core.h"
#include "libc-glue/netdb.h"

static char *no_aliases[1];
static int host_error;

int *__h_errno_location(void)
{
	return &host_error;
}

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **res)
{
	return netdb_getaddrinfo(node, service, hints, res);
}

void freeaddrinfo(struct addrinfo *res)
{
	netdb_freeaddrinfo(res);
}

int getnameinfo(const struct sockaddr *addr, socklen_t len, char *host, socklen_t hostlen, char *serv, socklen_t servlen, int flags)
{
	return netdb_getnameinfo(addr, len, host, hostlen, serv, servlen, flags);
}

const char *gai_strerror(int error)
{
	return netdb_strerror(error);
}

/* ---- Hosts ---- */

static struct hostent *make_host(const char *name, const struct netdb_addr *v, int n)
{
	static char text[256], *list[NETDB_ADDRS + 1];
	static struct netdb_addr addrs[NETDB_ADDRS];
	static struct hostent h;

	memcpy(addrs, v, (size_t)n * sizeof *v);
	fmt_format(text, sizeof text, "%s", name);
	for (int i = 0; i < n; i++)
		list[i] = (char *)&addrs[i].v6;
	list[n] = NULL;
	h = (struct hostent){ .h_name = text, .h_aliases = no_aliases, .h_addrtype = v[0].family,
			      .h_length = v[0].family == AF_INET ? 4 : 16, .h_addr_list = list };
	return &h;
}

struct hostent *gethostbyname2(const char *name, int family)
{
	struct netdb_addr v[NETDB_ADDRS];
	int n = netdb_find(name, family, false, v);

	if (n > 0)
		return make_host(name, v, n);
	h_errno = n == EAI_AGAIN ? TRY_AGAIN : n == EAI_NONAME ? HOST_NOT_FOUND : NO_RECOVERY;
	return NULL;
}

struct hostent *gethostbyname(const char *name)
{
	return gethostbyname2(name, AF_INET);
}

struct hostent *gethostbyaddr(const void *addr, socklen_t len, int family)
{
	struct netdb_addr a = { .family = family };
	char name[256];

	if ((family == AF_INET && len == 4) || (family == AF_INET6 && len == 16)) {
		memcpy(&a.v6, addr, len);
		if (netdb_name_of(&a, name, sizeof name))
			return make_host(name, &a, 1);
	}
	h_errno = HOST_NOT_FOUND;
	return NULL;
}

const char *hstrerror(int error)
{
	static const char *const text[] = { "no error", "unknown host", "try again", "unknown server error", "no address for this name" };

	return error >= 0 && error <= NO_DATA ? text[error] : "unknown error";
}

void herror(const char *s)
{
	fprintf(stderr, "%s%s%s\n", s ? s : "", s && *s ? ": " : "", hstrerror(h_errno));
}

/* ---- Services and protocols ---- */

static struct servent *make_service(const char *name, int port, bool udp)
{
	static char text[32], tcp_name[] = "tcp", udp_name[] = "udp";
	static struct servent s;

	if (!name || port < 0)
		return NULL;
	fmt_format(text, sizeof text, "%s", name);
	s = (struct servent){ .s_name = text, .s_aliases = no_aliases, .s_port = htons((uint16_t)port), .s_proto = udp ? udp_name : tcp_name };
	return &s;
}

struct servent *getservbyname(const char *name, const char *proto)
{
	bool udp = proto && strcmp(proto, "udp") == 0;

	if (*name >= '0' && *name <= '9')
		return NULL;
	return make_service(name, netdb_port(name, !proto ? 0 : udp ? IPPROTO_UDP : IPPROTO_TCP, false), udp);
}

struct servent *getservbyport(int port, const char *proto)
{
	bool udp = proto && strcmp(proto, "udp") == 0;

	return make_service(netdb_service(ntohs((uint16_t)port), udp), ntohs((uint16_t)port), udp);
}

static const struct {
	char name[8];
	int proto;
} protocols[] = { { "ip", IPPROTO_IP }, { "icmp", IPPROTO_ICMP }, { "tcp", IPPROTO_TCP }, { "udp", IPPROTO_UDP },
		  { "ipv6", IPPROTO_IPV6 }, { "icmpv6", IPPROTO_ICMPV6 } };

#define PROTOCOLS (sizeof protocols / sizeof protocols[0])

static struct protoent *make_protocol(size_t i)
{
	static char name[8];
	static struct protoent p;

	memcpy(name, protocols[i].name, sizeof name);
	p = (struct protoent){ .p_name = name, .p_aliases = no_aliases, .p_proto = protocols[i].proto };
	return &p;
}

struct protoent *getprotobyname(const char *name)
{
	for (size_t i = 0; i < PROTOCOLS; i++)
		if (strcmp(name, protocols[i].name) == 0)
			return make_protocol(i);
	return NULL;
}

struct protoent *getprotobynumber(int proto)
{
	for (size_t i = 0; i < PROTOCOLS; i++)
		if (protocols[i].proto == proto)
			return make_protocol(i);
	return NULL;
}
