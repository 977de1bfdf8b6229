/* SPDX-License-Identifier: MIT */
#ifndef NETINET_IN_H
#define NETINET_IN_H

/*
 * Internet addresses and protocols (POSIX.1-2017 <netinet/in.h>, RFC 3493, options of RFC 3542 and
 * of Linux's ip(7) and ipv6(7)). libc-glue/sock_addr.c converts, inet.c has the functions,
 * sock_opt.c the options.
 *
 * Ports and addresses in structures are in network order, numbers that macros take and give in the
 * host's.
 */

#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

/* 32 bits in network order. */
struct in_addr {
	in_addr_t s_addr; /* network order, as all ports and addresses here */
};

/* 16 bytes in network order; the words are for comparing, as glibc shows them. */
struct in6_addr {
	union {
		uint8_t __s6_addr[16];
		uint16_t __s6_addr16[8];
		uint32_t __s6_addr32[4];
	} __in6_u;
};
#define s6_addr __in6_u.__s6_addr
#define s6_addr16 __in6_u.__s6_addr16
#define s6_addr32 __in6_u.__s6_addr32

/* 16 bytes; sin_zero is written as zeros and not looked at. */
struct sockaddr_in {
	sa_family_t sin_family;
	in_port_t sin_port;
	struct in_addr sin_addr;
	unsigned char sin_zero[8];
};

/*
 * 28 bytes. sin6_flowinfo is written as 0 and not looked at. sin6_scope_id is the number of an
 * interface (net/if.h), and counts for link-local addresses alone. ::ffff:a.b.c.d stands for IPv4
 * (RFC 3493 3.7).
 */
struct sockaddr_in6 {
	sa_family_t sin6_family;
	in_port_t sin6_port;
	uint32_t sin6_flowinfo;
	struct in6_addr sin6_addr;
	uint32_t sin6_scope_id;
};

/*
 * IP_ADD_MEMBERSHIP, with the address of the interface; INADDR_ANY: on all of them (Linux: the one
 * to which the default route leads).
 */
struct ip_mreq {
	struct in_addr imr_multiaddr;
	struct in_addr imr_interface;
};

/* The same by number, as Linux has it; imr_ifindex 0: imr_address counts. */
struct ip_mreqn {
	struct in_addr imr_multiaddr;
	struct in_addr imr_address;
	int imr_ifindex;
};

/* IPV6_JOIN_GROUP; interface 0: on all. */
struct ipv6_mreq {
	struct in6_addr ipv6mr_multiaddr;
	unsigned int ipv6mr_interface;
};

/*
 * What recvmsg() tells of where a datagram was sent to, after IP_PKTINFO. ipi_spec_dst is the same
 * as ipi_addr here.
 */
struct in_pktinfo {
	int ipi_ifindex;
	struct in_addr ipi_spec_dst;
	struct in_addr ipi_addr;
};

/* The same for IPv6, after IPV6_RECVPKTINFO (RFC 3542 6.2). */
struct in6_pktinfo {
	struct in6_addr ipi6_addr;
	unsigned int ipi6_ifindex;
};

/* Constants for comparing and copying; the macros are for initialisers (RFC 3493 3.8, 3.9). */
extern const struct in6_addr in6addr_any;
extern const struct in6_addr in6addr_loopback;
#define IN6ADDR_ANY_INIT { { { 0 } } }
#define IN6ADDR_LOOPBACK_INIT { { { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1 } } }

/*
 * In the host's order: htonl() before they go into a struct. INADDR_NONE is inet_addr()'s error and
 * 255.255.255.255, which it cannot tell apart.
 */
#define INADDR_ANY ((in_addr_t)0x00000000)
#define INADDR_BROADCAST ((in_addr_t)0xffffffff)
#define INADDR_NONE ((in_addr_t)0xffffffff)
#define INADDR_LOOPBACK ((in_addr_t)0x7f000001)
#define INADDR_UNSPEC_GROUP ((in_addr_t)0xe0000000)
#define INADDR_ALLHOSTS_GROUP ((in_addr_t)0xe0000001)

/* Bytes with the NUL: the longest IPv4 address, and the longest IPv6 one with an IPv4 tail. */
#define INET_ADDRSTRLEN 16
#define INET6_ADDRSTRLEN 46

#define IPPORT_RESERVED 1024

/* IANA's numbers. SOCK_RAW takes any of 1 to 255. */
#define IPPROTO_IP 0
#define IPPROTO_ICMP 1
#define IPPROTO_IGMP 2
#define IPPROTO_TCP 6
#define IPPROTO_UDP 17
#define IPPROTO_IPV6 41
#define IPPROTO_ICMPV6 58
#define IPPROTO_RAW 255
#define SOL_IP IPPROTO_IP
#define SOL_IPV6 IPPROTO_IPV6
#define SOL_UDP IPPROTO_UDP

/*
 * Options of level IPPROTO_IP, int or one byte. IP_TOS sets the whole byte (RFC 2474).
 * IP_MULTICAST_TTL and _LOOP are for datagrams. IP_MULTICAST_IF takes an in_addr, ip_mreq or
 * ip_mreqn, and cannot be read. Groups: EADDRINUSE (has joined), EADDRNOTAVAIL (has not), ENODEV,
 * EINVAL (no group); a socket that closes leaves its groups.
 */
#define IP_TOS 1
#define IP_TTL 2
#define IP_PKTINFO 8
#define IP_MULTICAST_IF 32
#define IP_MULTICAST_TTL 33
#define IP_MULTICAST_LOOP 34
#define IP_ADD_MEMBERSHIP 35
#define IP_DROP_MEMBERSHIP 36

/*
 * Level IPPROTO_IPV6. IPV6_V6ONLY is 0 at first and can be set only until connect() or listen():
 * EINVAL. -1 hops: the default. IPV6_PKTINFO is a control message that recvmsg() brings; it cannot
 * be sent.
 */
#define IPV6_UNICAST_HOPS 16
#define IPV6_MULTICAST_IF 17
#define IPV6_MULTICAST_HOPS 18
#define IPV6_MULTICAST_LOOP 19
#define IPV6_JOIN_GROUP 20
#define IPV6_LEAVE_GROUP 21
#define IPV6_ADD_MEMBERSHIP IPV6_JOIN_GROUP
#define IPV6_DROP_MEMBERSHIP IPV6_LEAVE_GROUP
#define IPV6_V6ONLY 26
#define IPV6_RECVPKTINFO 49
#define IPV6_PKTINFO 50
#define IPV6_TCLASS 67

/* Host order. 224.0.0.0/4 (RFC 5771). */
#define IN_CLASSD(a) (((in_addr_t)(a) & 0xf0000000) == 0xe0000000)
#define IN_MULTICAST(a) IN_CLASSD(a)

/* RFC 3493 6.4: they take a pointer, and evaluate it several times. */
#define IN6_IS_ADDR_UNSPECIFIED(a) \
	((a)->s6_addr32[0] == 0 && (a)->s6_addr32[1] == 0 && (a)->s6_addr32[2] == 0 && (a)->s6_addr32[3] == 0)
#define IN6_IS_ADDR_LOOPBACK(a) \
	((a)->s6_addr32[0] == 0 && (a)->s6_addr32[1] == 0 && (a)->s6_addr32[2] == 0 && (a)->s6_addr32[3] == htonl(1))
#define IN6_IS_ADDR_MULTICAST(a) ((a)->s6_addr[0] == 0xff)
#define IN6_IS_ADDR_LINKLOCAL(a) ((a)->s6_addr[0] == 0xfe && ((a)->s6_addr[1] & 0xc0) == 0x80)
#define IN6_IS_ADDR_SITELOCAL(a) ((a)->s6_addr[0] == 0xfe && ((a)->s6_addr[1] & 0xc0) == 0xc0)
#define IN6_IS_ADDR_V4MAPPED(a) ((a)->s6_addr32[0] == 0 && (a)->s6_addr32[1] == 0 && (a)->s6_addr32[2] == htonl(0xffff))
#define IN6_IS_ADDR_V4COMPAT(a) \
	((a)->s6_addr32[0] == 0 && (a)->s6_addr32[1] == 0 && (a)->s6_addr32[2] == 0 && ntohl((a)->s6_addr32[3]) > 1)
#define IN6_ARE_ADDR_EQUAL(a, b) \
	((a)->s6_addr32[0] == (b)->s6_addr32[0] && (a)->s6_addr32[1] == (b)->s6_addr32[1] && \
	 (a)->s6_addr32[2] == (b)->s6_addr32[2] && (a)->s6_addr32[3] == (b)->s6_addr32[3])
#define IN6_IS_ADDR_MC_NODELOCAL(a) (IN6_IS_ADDR_MULTICAST(a) && ((a)->s6_addr[1] & 0xf) == 0x1)
#define IN6_IS_ADDR_MC_LINKLOCAL(a) (IN6_IS_ADDR_MULTICAST(a) && ((a)->s6_addr[1] & 0xf) == 0x2)
#define IN6_IS_ADDR_MC_GLOBAL(a) (IN6_IS_ADDR_MULTICAST(a) && ((a)->s6_addr[1] & 0xf) == 0xe)

/*
 * POSIX.1-2017 htonl(). Macros for speed, and constant where the argument is; functions of these
 * names are in inet_posix.c for who takes their address.
 */
#ifdef __cplusplus
extern "C" {
#endif
uint16_t htons(uint16_t v);
uint16_t ntohs(uint16_t v);
uint32_t htonl(uint32_t v);
uint32_t ntohl(uint32_t v);
#ifdef __cplusplus
}
#endif
#define htons(v) __builtin_bswap16(v)
#define ntohs(v) __builtin_bswap16(v)
#define htonl(v) __builtin_bswap32(v)
#define ntohl(v) __builtin_bswap32(v)

#endif
