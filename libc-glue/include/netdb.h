/* SPDX-License-Identifier: MIT */
#ifndef NETDB_H
#define NETDB_H

/*
 * Names of hosts and services (POSIX.1-2017 <netdb.h>, RFC 3493 6): numbers, /etc/hosts of the
 * archive, localhost, then DNS. libc-glue/netdb.c, netdb_find.c, netdb_serv.c; netdb_posix.c has
 * the older calls.
 *
 * Who asks DNS blocks until the answer or until the server's silence is certain: no other timeout,
 * and no EINTR. There is no search list, no /etc/resolv.conf, no /etc/services and no getservent()
 * and the like; servers come by DHCP, router advertisements (RFC 8106) or dns= on the command line.
 */

#include <netinet/in.h>
#include <sys/socket.h>

/* gethostbyname()'s answer, in static memory that the next call overwrites, by any thread. */
struct hostent {
	char *h_name;
	char **h_aliases;
	int h_addrtype;
	int h_length;
	char **h_addr_list;
#define h_addr h_addr_list[0]
};

/* As struct hostent: static. s_aliases is always empty. */
struct servent {
	char *s_name;
	char **s_aliases;
	int s_port; /* network order */
	char *s_proto;
};

/* As struct hostent: static. */
struct protoent {
	char *p_name;
	char **p_aliases;
	int p_proto;
};

/*
 * One way to reach a host: the arguments of socket() and connect(). The list is the caller's, for
 * freeaddrinfo(). ai_canonname is NULL but in the first.
 */
struct addrinfo {
	int ai_flags;
	int ai_family;
	int ai_socktype;
	int ai_protocol;
	socklen_t ai_addrlen;
	struct sockaddr *ai_addr;
	char *ai_canonname;
	struct addrinfo *ai_next;
};

/*
 * Hints. AI_CANONNAME tells back the name that was asked for: an alias's target is not known.
 * AI_ALL and AI_ADDRCONFIG are taken and have no effect; AI_V4MAPPED is heeded for AF_INET6 when
 * there is no IPv6 address.
 */
#define AI_PASSIVE 0x01
#define AI_CANONNAME 0x02
#define AI_NUMERICHOST 0x04
#define AI_V4MAPPED 0x08
#define AI_ALL 0x10
#define AI_ADDRCONFIG 0x20
#define AI_NUMERICSERV 0x400

/* Linux's numbers. NI_NOFQDN has no effect. */
#define NI_NUMERICHOST 0x01
#define NI_NUMERICSERV 0x02
#define NI_NOFQDN 0x04
#define NI_NAMEREQD 0x08
#define NI_DGRAM 0x10
#define NI_MAXHOST 1025
#define NI_MAXSERV 32

/* glibc's numbers: negative, so that they are never mistaken for errno. */
#define EAI_BADFLAGS (-1)
#define EAI_NONAME (-2)
#define EAI_AGAIN (-3)
#define EAI_FAIL (-4)
#define EAI_NODATA (-5)
#define EAI_FAMILY (-6)
#define EAI_SOCKTYPE (-7)
#define EAI_SERVICE (-8)
#define EAI_MEMORY (-10)
#define EAI_SYSTEM (-11)
#define EAI_OVERFLOW (-12)

/* h_errno of the older calls. */
#define HOST_NOT_FOUND 1
#define TRY_AGAIN 2
#define NO_RECOVERY 3
#define NO_DATA 4
#define NO_ADDRESS NO_DATA

#ifdef __cplusplus
extern "C" {
#endif

#define h_errno (*__h_errno_location())
/*
 * One for all threads: who calls gethostbyname() in several cannot trust it, as POSIX warned before
 * it dropped the call.
 */
int *__h_errno_location(void);

/*
 * Puts a list into *res: for each kind of socket (hints->ai_socktype 0: stream, then datagram) the
 * addresses in the order of /etc/hosts, at most 16, or those of DNS: one of each family, IPv4
 * first. RFC 6724's order is not made. node NULL: ourselves, "any" with AI_PASSIVE, else loopback.
 * service: a number or one of the names that netdb_serv.c knows. hints may be NULL.
 *
 * Returns 0, or leaves *res alone and returns EAI_NONAME (also where no server answers), EAI_AGAIN
 * (no server is known, or too many questions are under way), EAI_SERVICE, EAI_FAMILY, EAI_SOCKTYPE,
 * EAI_BADFLAGS, EAI_MEMORY. Blocks for DNS, and at boot for the address of the interface.
 */
int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **res);

/* The list, or a part of one from there to its end. NULL is allowed. */
void freeaddrinfo(struct addrinfo *res);

/* Static text in English; "unknown error" for what is none. */
const char *gai_strerror(int error);

/*
 * The names of an address, if /etc/hosts and the list of services have them, else numbers: no PTR
 * queries are sent, so it never blocks. EAI_NONAME (NI_NAMEREQD), EAI_FAMILY (also for a length
 * that is too short), EAI_OVERFLOW: a number that does not fit; a name that does not gives way to
 * numbers.
 */
int getnameinfo(const struct sockaddr *addr, socklen_t len, char *host, socklen_t hostlen, char *serv, socklen_t servlen,
		int flags);

/* IPv4 only, without AI_*. NULL and h_errno. POSIX.1-2008 dropped them; programs have not. */
struct hostent *gethostbyname(const char *name);
struct hostent *gethostbyname2(const char *name, int family);

/* /etc/hosts alone. NULL with HOST_NOT_FOUND. */
struct hostent *gethostbyaddr(const void *addr, socklen_t len, int family);

/*
 * proto "tcp", "udp" or NULL for any. Ports are in network order. NULL for a name that is not
 * known; h_errno is not set.
 */
struct servent *getservbyname(const char *name, const char *proto);
struct servent *getservbyport(int port, const char *proto);

/* ip, icmp, tcp, udp, ipv6, icmpv6. NULL for others. */
struct protoent *getprotobyname(const char *name);
struct protoent *getprotobynumber(int proto);

/* Text for an h_errno; herror() prints it on stderr behind "s: ". */
const char *hstrerror(int error);
void herror(const char *s);

#ifdef __cplusplus
}
#endif

#endif
