/* SPDX-License-Identifier: MIT */
#ifndef NET_IF_H
#define NET_IF_H

/*
 * Names of network interfaces (POSIX.1-2017 <net/if.h>, RFC 3493 4): lo is 1, nic0 is 2, and so on.
 * libc-glue/ifaddrs.c. Interfaces do not come or go after boot.
 */

#include <sys/socket.h>

/* With the NUL, as on Linux. */
#define IF_NAMESIZE 16
#define IFNAMSIZ IF_NAMESIZE

/* Linux's numbers, for getifaddrs(). IFF_RUNNING: there is a carrier. */
#define IFF_UP 0x1
#define IFF_BROADCAST 0x2
#define IFF_LOOPBACK 0x8
#define IFF_RUNNING 0x40
#define IFF_MULTICAST 0x1000

/* The array ends with an entry of 0 and NULL. */
struct if_nameindex {
	unsigned int if_index;
	char *if_name;
};

#ifdef __cplusplus
extern "C" {
#endif

/* 0 and ENODEV when there is none: Linux's error. */
unsigned int if_nametoindex(const char *name);

/* Writes up to IF_NAMESIZE bytes to name and returns it; NULL and ENXIO (POSIX). */
char *if_indextoname(unsigned int index, char *name);

/* All of them in one piece of memory, for if_freenameindex(). NULL and ENOBUFS. */
struct if_nameindex *if_nameindex(void);
void if_freenameindex(struct if_nameindex *v);

#ifdef __cplusplus
}
#endif

#endif
