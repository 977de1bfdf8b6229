/* SPDX-License-Identifier: MIT */
#ifndef ARPA_INET_H
#define ARPA_INET_H

/*
 * Internet addresses as text (POSIX.1-2017 <arpa/inet.h>, RFC 3493 6.3, RFC 5952).
 * libc-glue/inet.c. Nothing here blocks or takes memory.
 */

#include <netinet/in.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * The older forms: one to four parts, decimal, octal or hexadecimal, the last of which fills what
 * is left ("127.1"); a blank or line end may follow. Network order. INADDR_NONE for no address, and
 * for 255.255.255.255.
 */
in_addr_t inet_addr(const char *s);

/* The same with an error of its own: 1, or 0 and *a unchanged. a may be NULL. */
int inet_aton(const char *s, struct in_addr *a);

/* Static memory that the next call overwrites. */
char *inet_ntoa(struct in_addr a);

/*
 * Strict: four decimal parts without leading zeros, or RFC 4291 2.2's forms, no scope. Writes 4 or
 * 16 bytes. Returns 1, 0 for no address (*a is unchanged), -1 with EAFNOSUPPORT.
 */
int inet_pton(int family, const char *s, void *a);

/*
 * IPv6 as RFC 5952 wants it: small letters, the longest run of zeros cut out. Returns s, or NULL
 * with ENOSPC (what was written is cut) or EAFNOSUPPORT.
 */
const char *inet_ntop(int family, const void *a, char *s, socklen_t size);

#ifdef __cplusplus
}
#endif

#endif
