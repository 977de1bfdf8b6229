/* SPDX-License-Identifier: MIT */
/* Internet addresses as text (POSIX, RFC 3493). inet.c. */
#ifndef ARPA_INET_H
#define ARPA_INET_H

#include <netinet/in.h>

#ifdef __cplusplus
extern "C" {
#endif

in_addr_t inet_addr(const char *s);
int inet_aton(const char *s, struct in_addr *a);
char *inet_ntoa(struct in_addr a);
int inet_pton(int family, const char *s, void *a);
const char *inet_ntop(int family, const void *a, char *s, socklen_t size);

#ifdef __cplusplus
}
#endif

#endif
