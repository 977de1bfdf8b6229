/* SPDX-License-Identifier: MIT */
#include "libc-glue/netdb.h"

/*
 * getaddrinfo() and getnameinfo() (POSIX, RFC 3493 6). netdb_find.c finds the addresses,
 * netdb_serv.c the ports.
 *
 * Every result is one block: the addrinfo, its address, and for the first one the name behind it.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/core.h"
#include "libc-glue/inet.h"

struct result {
	struct addrinfo ai;
	struct sockaddr_storage addr;
	char name[];
};

/* What a socket can be made of; hints choose. */
static const struct kind {
	int socktype, protocol;
} kinds[] = { { SOCK_STREAM, IPPROTO_TCP }, { SOCK_DGRAM, IPPROTO_UDP }, { SOCK_RAW, 0 } };

/* ---- getaddrinfo ---- */

/* The port comes in the host's order and is turned here. */
static socklen_t put_address(const struct netdb_addr *a, int port, struct sockaddr_storage *to)
{
	struct sockaddr_in *a4 = (struct sockaddr_in *)to;
	struct sockaddr_in6 *a6 = (struct sockaddr_in6 *)to;

	if (a->family == AF_INET) {
		*a4 = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr = a->v4 };
		return sizeof *a4;
	}
	*a6 = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port), .sin6_addr = a->v6,
				     .sin6_scope_id = a->scope };
	return sizeof *a6;
}

static struct addrinfo *new_result(const struct netdb_addr *a, const struct kind *kind, int port, const char *name)
{
	size_t len = name ? strlen(name) + 1 : 0;
	struct result *r = calloc(1, sizeof *r + len);

	if (!r)
		return NULL;
	r->ai.ai_family = a->family;
	r->ai.ai_socktype = kind->socktype;
	r->ai.ai_protocol = kind->protocol;
	r->ai.ai_addr = (struct sockaddr *)&r->addr;
	r->ai.ai_addrlen = put_address(a, port, &r->addr);
	if (name)
		r->ai.ai_canonname = memcpy(r->name, name, len);
	return &r->ai;
}

void netdb_freeaddrinfo(struct addrinfo *res)
{
	while (res) {
		struct addrinfo *next = res->ai_next;

		free(res);
		res = next;
	}
}

/* Raw sockets only for who asks for them: glibc would list them, and no program means it. */
static bool fits(const struct kind *kind, const struct addrinfo *hints)
{
	if (hints->ai_socktype == 0 && kind->socktype == SOCK_RAW)
		return false;
	return (hints->ai_socktype == 0 || hints->ai_socktype == kind->socktype) &&
	       (hints->ai_protocol == 0 || kind->protocol == 0 || hints->ai_protocol == kind->protocol);
}

/* Without a name: ourselves, for binding or for connecting. */
static int our_own(const struct addrinfo *hints, struct netdb_addr *v)
{
	bool passive = hints->ai_flags & AI_PASSIVE;
	int n = 0;

	if (hints->ai_family != AF_INET6)
		v[n++] = (struct netdb_addr){ .family = AF_INET, .v4 = { htonl(passive ? INADDR_ANY : INADDR_LOOPBACK) } };
	if (hints->ai_family != AF_INET)
		v[n++] = (struct netdb_addr){ .family = AF_INET6, .v6 = passive ? in6addr_any : in6addr_loopback };
	return n;
}

/* RFC 4291 2.5.5.2: ::ffff:a.b.c.d. */
static void map_v4(struct netdb_addr *v, int n)
{
	for (int i = 0; i < n; i++) {
		struct in_addr v4 = v[i].v4;
		uint8_t *to = v[i].v6.s6_addr;

		if (v[i].family != AF_INET)
			continue;
		v[i].family = AF_INET6;
		memset(to, 0, 10);
		to[10] = to[11] = 0xff;
		memcpy(to + 12, &v4, 4);
	}
}

/* AI_V4MAPPED counts only when there is no IPv6 address at all (RFC 3493 6.1). */
static int find(const char *node, const struct addrinfo *hints, struct netdb_addr *v)
{
	bool numeric = hints->ai_flags & AI_NUMERICHOST;
	int n;

	if (!node)
		return our_own(hints, v);
	n = netdb_find(node, hints->ai_family, numeric, v);
	if (hints->ai_family != AF_INET6 || !(hints->ai_flags & AI_V4MAPPED) || n != EAI_NONAME)
		return n;
	n = netdb_find(node, AF_INET, numeric, v);
	if (n > 0)
		map_v4(v, n);
	return n;
}

/* The results for one kind of socket. Returns 0 or EAI_*. */
static int add_kind(const struct kind *kind, const struct addrinfo *hints, const char *service, const struct netdb_addr *v, int n,
		    const char *name, struct addrinfo ***link)
{
	int port = service ? netdb_port(service, kind->protocol, hints->ai_flags & AI_NUMERICSERV) : 0;

	if (port < 0)
		return hints->ai_flags & AI_NUMERICSERV && service[strspn(service, "0123456789")] ? EAI_NONAME : EAI_SERVICE;
	for (int i = 0; i < n; i++) {
		struct addrinfo *ai = new_result(&v[i], kind, port, i == 0 ? name : NULL);

		if (!ai)
			return EAI_MEMORY;
		ai->ai_flags = hints->ai_flags;
		**link = ai;
		*link = &ai->ai_next;
	}
	return 0;
}

/* What is missing, then flags, family, type: the first that is wrong is told. */
static int check_hints(const char *node, const char *service, const struct addrinfo *h)
{
	const int known = AI_PASSIVE | AI_CANONNAME | AI_NUMERICHOST | AI_V4MAPPED | AI_ALL | AI_ADDRCONFIG | AI_NUMERICSERV;

	if (!node && !service)
		return EAI_NONAME;
	if ((h->ai_flags & ~known) || (!node && (h->ai_flags & AI_CANONNAME)))
		return EAI_BADFLAGS;
	if (h->ai_family != AF_UNSPEC && h->ai_family != AF_INET && h->ai_family != AF_INET6)
		return EAI_FAMILY;
	if (h->ai_socktype < 0 || h->ai_socktype > SOCK_RAW || (service && h->ai_socktype == SOCK_RAW))
		return EAI_SOCKTYPE;
	return 0;
}

/*
 * A service that one kind of socket has and another has not is no error: the one is listed. *res is
 * written on success alone.
 */
int netdb_getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **res)
{
	static const struct addrinfo none;
	struct addrinfo *list = NULL, **link = &list;
	struct netdb_addr v[NETDB_ADDRS];
	int rc, n;

	hints = hints ? hints : &none;
	rc = check_hints(node, service, hints);
	if (rc)
		return rc;
	n = find(node, hints, v);
	if (n < 0)
		return n;
	rc = EAI_SOCKTYPE;
	for (unsigned i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
		int one = EAI_SERVICE;

		if (fits(&kinds[i], hints))
			one = add_kind(&kinds[i], hints, service, v, n, hints->ai_flags & AI_CANONNAME && !list ? node : NULL, &link);
		rc = one == EAI_MEMORY || (rc != 0 && (one == 0 || fits(&kinds[i], hints))) ? one : rc;
		if (rc == EAI_MEMORY)
			break;
	}
	if (rc == 0)
		*res = list;
	else
		netdb_freeaddrinfo(list);
	return rc;
}

/* ---- getnameinfo ---- */

/* The length must hold the family's struct; what is more is not looked at. */
static int take_address(const struct sockaddr *addr, socklen_t len, struct netdb_addr *a, int *port)
{
	struct sockaddr_in a4;
	struct sockaddr_in6 a6;

	if (addr->sa_family == AF_INET && len >= sizeof a4) {
		memcpy(&a4, addr, sizeof a4);
		*a = (struct netdb_addr){ .family = AF_INET, .v4 = a4.sin_addr };
		*port = ntohs(a4.sin_port);
		return 0;
	}
	if (addr->sa_family == AF_INET6 && len >= sizeof a6) {
		memcpy(&a6, addr, sizeof a6);
		*a = (struct netdb_addr){ .family = AF_INET6, .v6 = a6.sin6_addr, .scope = a6.sin6_scope_id };
		*port = ntohs(a6.sin6_port);
		return 0;
	}
	return EAI_FAMILY;
}

/* A link's number stands behind the address, and getaddrinfo() reads it again (RFC 4007 11.2). */
static int put_host(const struct netdb_addr *a, char *host, size_t size, int flags)
{
	size_t len;

	if (!(flags & NI_NUMERICHOST) && netdb_name_of(a, host, size))
		return 0;
	if (flags & NI_NAMEREQD)
		return EAI_NONAME;
	if (inet_format(a->family, &a->v6, host, size))
		return EAI_OVERFLOW;
	len = strlen(host);
	if (a->family == AF_INET6 && a->scope)
		len += (size_t)fmt_format(host + len, size - len, "%%%u", a->scope);
	return len < size ? 0 : EAI_OVERFLOW;
}

static int put_service(int port, char *serv, size_t size, int flags)
{
	const char *name = flags & NI_NUMERICSERV ? NULL : netdb_service(port, flags & NI_DGRAM);
	int len = name ? fmt_format(serv, size, "%s", name) : fmt_format(serv, size, "%d", port);

	return (size_t)len < size ? 0 : EAI_OVERFLOW;
}

int netdb_getnameinfo(const struct sockaddr *addr, socklen_t len, char *host, socklen_t hostlen, char *serv, socklen_t servlen,
		      int flags)
{
	struct netdb_addr a;
	int port, rc = take_address(addr, len, &a, &port);

	if (rc == 0 && host && hostlen)
		rc = put_host(&a, host, hostlen, flags);
	if (rc == 0 && serv && servlen)
		rc = put_service(port, serv, servlen, flags);
	return rc;
}

const char *netdb_strerror(int error)
{
	static const char *const text[] = {
		[0] = "no error", [-EAI_BADFLAGS] = "invalid flags", [-EAI_NONAME] = "name or service not known",
		[-EAI_AGAIN] = "temporary failure in name resolution", [-EAI_FAIL] = "failure in name resolution",
		[-EAI_FAMILY] = "address family not supported", [-EAI_SOCKTYPE] = "socket type not supported",
		[-EAI_SERVICE] = "service not known for this socket type", [-EAI_MEMORY] = "out of memory",
		[-EAI_SYSTEM] = "system error, see errno", [-EAI_OVERFLOW] = "buffer too small",
	};

	if (error > 0 || error < EAI_OVERFLOW || !text[-error])
		return "unknown error";
	return text[-error];
}
