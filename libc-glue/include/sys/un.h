/* SPDX-License-Identifier: MIT */
#ifndef SYS_UN_H
#define SYS_UN_H

/*
 * Addresses of local sockets, so that programs compile. There are none by name: socketpair() makes
 * the only ones, and socket(AF_UNIX) fails with EAFNOSUPPORT, as one process has nobody to find by
 * a path.
 */

#include <sys/socket.h>

/* Linux's size. No call here takes or gives one. */
struct sockaddr_un {
	sa_family_t sun_family;
	char sun_path[108];
};

#endif
