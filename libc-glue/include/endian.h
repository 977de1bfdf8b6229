/* SPDX-License-Identifier: MIT */
#ifndef ENDIAN_H
#define ENDIAN_H

/*
 * Byte orders, as glibc, the BSDs and POSIX.1-2024 have them. Macros that evaluate once, and
 * constant where the argument is. x86-64 is little-endian: be swaps, le only cuts to size.
 */

#include <machine/endian.h>
#include <stdint.h>

#define htobe16(x) __builtin_bswap16(x)
#define htobe32(x) __builtin_bswap32(x)
#define htobe64(x) __builtin_bswap64(x)
#define be16toh(x) __builtin_bswap16(x)
#define be32toh(x) __builtin_bswap32(x)
#define be64toh(x) __builtin_bswap64(x)
#define htole16(x) ((uint16_t)(x))
#define htole32(x) ((uint32_t)(x))
#define htole64(x) ((uint64_t)(x))
#define le16toh(x) ((uint16_t)(x))
#define le32toh(x) ((uint32_t)(x))
#define le64toh(x) ((uint64_t)(x))

/* glibc's names; newlib has them with one underscore. */
#define __BYTE_ORDER _BYTE_ORDER
#define __LITTLE_ENDIAN _LITTLE_ENDIAN
#define __BIG_ENDIAN _BIG_ENDIAN

#endif
