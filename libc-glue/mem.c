/* SPDX-License-Identifier: MIT */
/*
 * memcpy and its family, in place of newlib's.
 *
 * newlib's for x86-64 move bytes with `rep movsb`, which takes some 30 cycles to begin and is one step a byte
 * under TCG, and store all that is longer than 255 bytes past the cache, where the next reader has to fetch it from memory. Here
 * it is plain SSE2: up to 64 bytes by loads that may overlap, more by a loop of 64. Everything is loaded before
 * anything is stored up to that size, so memcpy() and memmove() are the same but for the loop's direction.
 */
#include <emmintrin.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define LOOP 64u

static inline __m128i load(const void *p)
{
	return _mm_loadu_si128(p);
}

static inline void store(void *p, __m128i v)
{
	_mm_storeu_si128(p, v);
}

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

/* 0 to 16 bytes. */
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

/* 17 to 64 bytes. */
static inline void copy_medium(char *d, const char *s, size_t n)
{
	__m128i a = load(s), z = load(s + n - 16);

	if (n > 32) {
		__m128i b = load(s + 16), y = load(s + n - 32);

		store(d + 16, b);
		store(d + n - 32, y);
	}
	store(d, a);
	store(d + n - 16, z);
}

static inline void copy64(char *d, const char *s)
{
	__m128i a = load(s), b = load(s + 16), c = load(s + 32), e = load(s + 48);

	store(d, a);
	store(d + 16, b);
	store(d + 32, c);
	store(d + 48, e);
}

/* More than 64, from the front. The last 64 are loaded first: where d is below s the loop may write over them. */
static inline void copy_up(char *d, const char *s, size_t n)
{
	const char *end = s + n - LOOP;
	__m128i a = load(end), b = load(end + 16), c = load(end + 32), e = load(end + 48);
	char *last = d + n - LOOP;

	for (; s < end; s += LOOP, d += LOOP)
		copy64(d, s);
	store(last, a);
	store(last + 16, b);
	store(last + 32, c);
	store(last + 48, e);
}

/* More than 64, from the back; the first 64 are loaded first. */
static inline void copy_down(char *d, const char *s, size_t n)
{
	__m128i a = load(s), b = load(s + 16), c = load(s + 32), e = load(s + 48);
	size_t left = n;

	for (; left > LOOP; left -= LOOP)
		copy64(d + left - LOOP, s + left - LOOP);
	store(d, a);
	store(d + 16, b);
	store(d + 32, c);
	store(d + 48, e);
}

void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
	if (n <= 16)
		copy_small(to, from, n);
	else if (n <= LOOP)
		copy_medium(to, from, n);
	else
		copy_up(to, from, n);
	return to;
}

void *memmove(void *to, const void *from, size_t n)
{
	if (n <= 16)
		copy_small(to, from, n);
	else if (n <= LOOP)
		copy_medium(to, from, n);
	else if ((uintptr_t)to - (uintptr_t)from >= n)
		copy_up(to, from, n);
	else
		copy_down(to, from, n);
	return to;
}

/* ---- memset ---- */

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
	for (; d + LOOP <= end; d += LOOP) {
		store(d, v);
		store(d + 16, v);
		store(d + 32, v);
		store(d + 48, v);
	}
	for (; d + 16 <= end; d += 16)
		store(d, v);
	store(end - 16, v);
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
