/* SPDX-License-Identifier: MIT */
#ifndef BYTESWAP_H
#define BYTESWAP_H

/* Swapping bytes, bswap(3) of glibc: for 16, 32 and 64 bits. Constant where the argument is. */

#define bswap_16(x) __builtin_bswap16(x)
#define bswap_32(x) __builtin_bswap32(x)
#define bswap_64(x) __builtin_bswap64(x)

#endif
