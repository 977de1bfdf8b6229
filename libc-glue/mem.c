/* SPDX-License-Identifier: MIT */
#include "libc-glue/mem.h"

/*
 * memcpy and its family, in place of newlib's.
 *
 * newlib's for x86-64 move bytes with `rep movsb`, which takes some 30 cycles to begin and is one
 * step a byte under TCG, and store all that is longer than 255 bytes past the cache, where the next
 * reader has to fetch it from memory.
 *
 * Here it is general registers, though SSE2 would be some 8 ns faster for a packet on a real CPU:
 * TCG keeps those registers in the host's and vectors in memory, and copies half as fast by
 * vectors. On a real CPU `rep movsq` is the fastest from 512 bytes on and is used then (mem_repeat,
 * set by crt.c). Up to 64 bytes everything is loaded before anything is stored, by loads that may
 * overlap, so memcpy() and memmove() are the same but for the direction of the loop.
 */

#include <emmintrin.h>
#include <stdint.h>
#include <string.h>

#define REPEAT_LEAST 512u

/* False until crt.c has looked: the loops are right everywhere. */
bool mem_repeat;

/* Unaligned words, without a call of what is defined here. */
struct word64 { uint64_t v; } __attribute__((packed, may_alias));
struct word32 { uint32_t v; } __attribute__((packed, may_alias));
struct word16 { uint16_t v; } __attribute__((packed, may_alias));

static inline uint64_t get64(const void *p)
{
	return ((const struct word64 *)p)->v;
}

static inline void put64(void *p, uint64_t v)
{
	((struct word64 *)p)->v = v;
}

static inline uint32_t get32(const void *p)
{
	return ((const struct word32 *)p)->v;
}

static inline void put32(void *p, uint32_t v)
{
	((struct word32 *)p)->v = v;
}

static inline uint16_t get16(const void *p)
{
	return ((const struct word16 *)p)->v;
}

static inline void put16(void *p, uint16_t v)
{
	((struct word16 *)p)->v = v;
}

/* ---- memcpy, memmove ---- */

/* 0 to 15 bytes. */
static inline void copy_small(char *d, const char *s, size_t n)
{
	if (n >= 8) {
		uint64_t a = get64(s), b = get64(s + n - 8);

		put64(d, a);
		put64(d + n - 8, b);
	} else if (n >= 4) {
		uint32_t a = get32(s), b = get32(s + n - 4);

		put32(d, a);
		put32(d + n - 4, b);
	} else if (n >= 2) {
		uint16_t a = get16(s), b = get16(s + n - 2);

		put16(d, a);
		put16(d + n - 2, b);
	} else if (n) {
		*d = *s;
	}
}

/* Four words. */
struct quad {
	uint64_t a, b, c, d;
};

/* Compilers would make two vectors of it. */
static inline struct quad in_registers(struct quad q)
{
	__asm__("" : "+r"(q.a), "+r"(q.b), "+r"(q.c), "+r"(q.d));
	return q;
}

static inline struct quad load(const char *s)
{
	return in_registers((struct quad){ get64(s), get64(s + 8), get64(s + 16), get64(s + 24) });
}

static inline void store(char *d, struct quad q)
{
	put64(d, q.a);
	put64(d + 8, q.b);
	put64(d + 16, q.c);
	put64(d + 24, q.d);
}

/* 16 to 64 bytes. */
static inline void copy_medium(char *d, const char *s, size_t n)
{
	if (n >= 32) {
		struct quad first = load(s), last = load(s + n - 32);

		store(d, first);
		store(d + n - 32, last);
	} else {
		struct quad q = in_registers((struct quad){ get64(s), get64(s + 8), get64(s + n - 16), get64(s + n - 8) });

		put64(d, q.a);
		put64(d + 8, q.b);
		put64(d + n - 16, q.c);
		put64(d + n - 8, q.d);
	}
}

/*
 * More than 32, from the front. The last 32 are loaded first: where d is below s the loop may write
 * over them.
 */
static inline void copy_up(char *d, const char *s, size_t n)
{
	const char *end = s + n - 32;
	struct quad last = load(end);
	char *tail = d + n - 32;

	for (; s < end; s += 32, d += 32)
		store(d, load(s));
	store(tail, last);
}

/* More than 32, from the back; the first 32 are loaded first. */
static inline void copy_down(char *d, const char *s, size_t n)
{
	struct quad first = load(s);

	for (; n > 32; n -= 32)
		store(d + n - 32, load(s + n - 32));
	store(d, first);
}

static inline void copy_repeat(char *d, const char *s, size_t n)
{
	uint64_t last = get64(s + n - 8);
	char *tail = d + n - 8;

	n /= 8;
	__asm__ volatile("rep movsq" : "+D"(d), "+S"(s), "+c"(n) : : "memory");
	put64(tail, last);
}

/* The most frequent lengths come first; each branch is one function, all of them inlined. */
void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
	if (n < 16)
		copy_small(to, from, n);
	else if (n <= 64)
		copy_medium(to, from, n);
	else if (mem_repeat && n >= REPEAT_LEAST)
		copy_repeat(to, from, n);
	else
		copy_up(to, from, n);
	return to;
}

/*
 * As unsigned numbers `to - from >= n` is true for a destination below the source too: going up is
 * right for both.
 */
void *memmove(void *to, const void *from, size_t n)
{
	if (n < 16)
		copy_small(to, from, n);
	else if (n <= 64)
		copy_medium(to, from, n);
	else if ((uintptr_t)to - (uintptr_t)from >= n)
		copy_up(to, from, n);
	else
		copy_down(to, from, n);
	return to;
}

/* ---- memset: by vectors, which TCG only has to store ---- */

/* 0 to 16 bytes: two stores that may overlap. */
static inline void set_small(char *d, uint64_t word, size_t n)
{
	if (n >= 8) {
		put64(d, word);
		put64(d + n - 8, word);
	} else if (n >= 4) {
		put32(d, (uint32_t)word);
		put32(d + n - 4, (uint32_t)word);
	} else if (n >= 2) {
		put16(d, (uint16_t)word);
		put16(d + n - 2, (uint16_t)word);
	} else if (n) {
		*d = (char)word;
	}
}

void *memset(void *to, int byte, size_t n)
{
	uint64_t word = 0x0101010101010101u * (unsigned char)byte;
	char *d = to, *end = d + n;
	__m128i v;

	if (n <= 16) {
		set_small(d, word, n);
		return to;
	}
	v = _mm_set1_epi64x((long long)word);
	for (; end - d >= 64; d += 64) {
		_mm_storeu_si128((void *)d, v);
		_mm_storeu_si128((void *)(d + 16), v);
		_mm_storeu_si128((void *)(d + 32), v);
		_mm_storeu_si128((void *)(d + 48), v);
	}
	for (; end - d >= 16; d += 16)
		_mm_storeu_si128((void *)d, v);
	_mm_storeu_si128((void *)(end - 16), v);
	return to;
}

/* ---- memcmp ---- */

static int compare_bytes(const unsigned char *a, const unsigned char *b, size_t n)
{
	for (; n > 0; n--, a++, b++)
		if (*a != *b)
			return *a - *b;
	return 0;
}

/* Of two words that differ: in memory order the first byte weighs most. */
static int compare_words(uint64_t a, uint64_t b)
{
	return __builtin_bswap64(a) < __builtin_bswap64(b) ? -1 : 1;
}

int memcmp(const void *left, const void *right, size_t n)
{
	const unsigned char *a = left, *b = right;
	uint64_t x, y;

	for (; n >= 8; n -= 8, a += 8, b += 8) {
		x = get64(a);
		y = get64(b);
		if (x != y)
			return compare_words(x, y);
	}
	return compare_bytes(a, b, n);
}
