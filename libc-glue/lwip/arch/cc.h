/* SPDX-License-Identifier: MIT */
#ifndef ARCH_CC_H
#define ARCH_CC_H

/*
 * What lwIP must know of compiler and machine. Included by its lwip/arch.h before anything else.
 *
 * It runs under every TCP frame, so byte swaps are builtins; and lwIP never prints: what is worth a
 * line is said by ours.
 */

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/time.h>
#include <sys/types.h>

#ifndef LITTLE_ENDIAN
#define LITTLE_ENDIAN 1234
#endif
#ifndef BIG_ENDIAN
#define BIG_ENDIAN 4321
#endif
#ifndef BYTE_ORDER
#define BYTE_ORDER LITTLE_ENDIAN
#endif

#define LWIP_DONT_PROVIDE_BYTEORDER_FUNCTIONS
#define lwip_htons(v) ((u16_t)__builtin_bswap16((u16_t)(v)))
#define lwip_htonl(v) ((u32_t)__builtin_bswap32((u32_t)(v)))

#define SMEMCPY(to, from, len) __builtin_memcpy(to, from, len) /* of a few bytes, as a rule a constant number */
#define LWIP_PLATFORM_DIAG(x) do { } while (0)
#define LWIP_PLATFORM_ASSERT(message) stack_assert(message, __FILE__, __LINE__)
#define LWIP_RAND() stack_random()
#define LWIP_CHKSUM chksum_sum /* chksum.c */

/* stack.c */
_Noreturn void stack_assert(const char *message, const char *file, int line);
uint32_t stack_random(void);

uint16_t chksum_sum(const void *data, int len);

#endif
