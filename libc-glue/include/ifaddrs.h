/* SPDX-License-Identifier: MIT */
#ifndef IFADDRS_H
#define IFADDRS_H

/*
 * The addresses of all interfaces, getifaddrs(3) of BSD and Linux. libc-glue/ifaddrs.c.
 *
 * One entry for each address. An interface that has none yet has no entry either: there is no
 * AF_PACKET, so MAC addresses and counters are not here but in /proc/net/dev.
 */

#include <sys/socket.h>

/*
 * Everything it points at lies in the same piece of memory. ifa_netmask is of the address's family:
 * 64 bits for IPv6, 128 for the loopback's. ifa_broadaddr is NULL for IPv6 and the loopback;
 * ifa_data is always NULL.
 */
struct ifaddrs {
	struct ifaddrs *ifa_next;
	char *ifa_name;
	unsigned int ifa_flags; /* IFF_* */
	struct sockaddr *ifa_addr;
	struct sockaddr *ifa_netmask;
	union {
		struct sockaddr *ifu_broadaddr;
		struct sockaddr *ifu_dstaddr;
	} ifa_ifu;
#define ifa_broadaddr ifa_ifu.ifu_broadaddr
#define ifa_dstaddr ifa_ifu.ifu_dstaddr
	void *ifa_data;
};

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Puts a list into *list, NULL when there are no addresses; the caller frees it. -1 with ENOMEM,
 * and *list is of no use. Never blocks: shows what there is now, which shortly after boot can be
 * the loopback alone.
 */
int getifaddrs(struct ifaddrs **list);

/* The whole list. NULL is allowed. */
void freeifaddrs(struct ifaddrs *list);

#ifdef __cplusplus
}
#endif

#endif
