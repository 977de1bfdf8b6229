/* SPDX-License-Identifier: MIT */
#ifndef GLUE_INET_H
#define GLUE_INET_H

/*
 * Addresses as text, for inet_posix.c, netdb.c and tests.
 */

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * inet_pton(): 1, 0 for no address, -EAFNOSUPPORT. inet_ntop(): 0, -ENOSPC, -EAFNOSUPPORT.
 * inet_aton().
 */
int inet_parse(int family, const char *s, void *a);
int inet_format(int family, const void *a, char *s, size_t size);
bool inet_parse_old(const char *s, struct in_addr *a);

#endif
