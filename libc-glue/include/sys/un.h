/* SPDX-License-Identifier: MIT */
/* Addresses of local sockets. There are none by name here: socketpair() makes the only ones. */
#ifndef SYS_UN_H
#define SYS_UN_H

#include <sys/socket.h>

struct sockaddr_un {
	sa_family_t sun_family;
	char sun_path[108];
};

#endif
