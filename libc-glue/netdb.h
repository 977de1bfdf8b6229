/* SPDX-License-Identifier: MIT */
#ifndef GLUE_NETDB_H
#define GLUE_NETDB_H

/*
 * Between the files of netdb*.c.
 */

#include <netdb.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

#define NETDB_ADDRS 16 /* the most addresses of one name */

/*
 * One address of a host, as /etc/hosts, DNS or the caller's text has it. scope: an interface's
 * number, for link-local ones.
 */
struct netdb_addr {
	int family; /* AF_INET, AF_INET6 */
	union {
		struct in_addr v4;
		struct in6_addr v6;
	};
	unsigned scope;
};

/* ---- netdb_find.c ---- */

/*
 * The addresses of a host: a numeric one, /etc/hosts, DNS. family AF_UNSPEC: both. Blocks for DNS.
 * Returns how many, or EAI_*.
 */
int netdb_find(const char *name, int family, bool numeric, struct netdb_addr *v);

/* The name that /etc/hosts has for an address; false for none. */
bool netdb_name_of(const struct netdb_addr *a, char *name, size_t size);

/* ---- netdb_serv.c ---- */

/* The port of a service, by name or number; -1 for none. proto: IPPROTO_TCP, IPPROTO_UDP, 0. */
int netdb_port(const char *service, int proto, bool numeric);

/* The name of a port; NULL for none. */
const char *netdb_service(int port, bool datagram);

/* ---- netdb.c: the calls ---- */

/* The calls of netdb.h, under names that do not clash with a Unix host's when tests link both. */
int netdb_getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **res);
void netdb_freeaddrinfo(struct addrinfo *res);
int netdb_getnameinfo(const struct sockaddr *addr, socklen_t len, char *host, socklen_t hostlen, char *serv, socklen_t servlen,
		      int flags);
const char *netdb_strerror(int error);

#endif
