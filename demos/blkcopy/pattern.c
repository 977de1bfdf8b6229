/* SPDX-License-Identifier: MIT */
#include "blkcopy.h"

/*
 * What must stand at each offset of the disk, and in which order it is visited.
 *
 * Every 8 bytes are a hash of their own offset and the seed: a block that lands in the wrong place,
 * or one left over from an earlier run, cannot look right. Read blkcopy.h first.
 */

#include <string.h>

/*
 * A bijection of 64 bits in which every input bit moves about half of the output bits (the
 * finaliser of splitmix64).
 */
static uint64_t mix(uint64_t x)
{
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
	return x ^ (x >> 31);
}

/*
 * The seed goes through mix() first, so that neighbouring seeds have patterns with nothing in
 * common. Where len is no multiple of 8 the last word is cut short.
 */
void pattern_fill(void *buf, size_t len, uint64_t offset, uint64_t seed)
{
	uint64_t key = mix(seed + 0x9e3779b97f4a7c15u);
	unsigned char *p = buf;
	uint64_t word;
	size_t n;

	for (; len; p += n, len -= n, offset += n) {
		word = mix(offset ^ key);
		n = len < sizeof word ? len : sizeof word;
		memcpy(p, &word, n);
	}
}

/* memcmp() does the usual case, all equal, at the speed of memory. */
size_t pattern_differ(const void *a, const void *b, size_t len)
{
	const unsigned char *x = a, *y = b;
	size_t i = 0;

	if (!memcmp(a, b, len))
		return len;
	while (x[i] == y[i])
		i++;
	return i;
}

/*
 * offset + 1, since mix(0) is 0 and the first word would go in without its place. Addition modulo
 * 2^64 lets blocks come in any order, and threads add up apart.
 */
uint64_t pattern_sum(const void *buf, size_t len, uint64_t offset)
{
	const unsigned char *p = buf;
	uint64_t sum = 0, word;
	size_t n;

	for (; len; p += n, len -= n, offset += n) {
		word = 0;
		n = len < sizeof word ? len : sizeof word;
		memcpy(&word, p, n);
		sum += mix(word + mix(offset + 1));
	}
	return sum;
}

/*
 * A permutation without a table: a bijection on the next power of two, applied again for as long as
 * it leads outside of 0 .. n-1 (it comes back, since it walks on a cycle that began inside).
 */
uint64_t pattern_shuffle(uint64_t i, uint64_t n, uint64_t seed)
{
	uint64_t mask = 0;
	unsigned half = 1;

	for (; mask < n - 1; mask = 2 * mask + 1)
		half += mask & 1;
	half = half / 2 + 1;
	do {
		/* Odd factors and right shifts are each invertible modulo a power of two. */
		i = (i * 0x9e3779b97f4a7c15u + seed) & mask;
		i ^= i >> half;
		i = (i * 0xd1342543de82ef95u) & mask;
		i ^= i >> half;
	} while (i >= n);
	return i;
}
