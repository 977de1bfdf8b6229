/* SPDX-License-Identifier: MIT */
/*
 * libc-glue/mem.c: every length to 300 at every alignment, overlaps both ways, lengths around the limits, against
 * loops of bytes.
 */
#include <stdint.h>
#include <string.h>

#include "test/tap.h"

/* The same functions by other names: the test itself and the sanitizer need the host's. */
#define memcpy mem_memcpy
#define memmove mem_memmove
#define memset mem_memset
#define memcmp mem_memcmp
#include "libc-glue/mem.c"
#undef memcpy
#undef memmove
#undef memset
#undef memcmp

#define SIZE 20000

static unsigned char a[SIZE], b[SIZE], want[SIZE];
static uint64_t seed = 1;

static unsigned next(unsigned below)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(seed >> 33) % below;
}

static void fill(unsigned char *p)
{
	unsigned i;

	for (i = 0; i < SIZE; i++)
		p[i] = (unsigned char)next(256);
}

static unsigned copy(unsigned to, unsigned from, unsigned n)
{
	unsigned i;

	memcpy(want, a, SIZE);
	for (i = 0; i < n; i++)
		want[to + i] = b[from + i];
	return (mem_memcpy(a + to, b + from, n) != a + to) + (memcmp(a, want, SIZE) != 0);
}

static unsigned move(unsigned to, unsigned from, unsigned n)
{
	memcpy(want, a, SIZE);
	memmove(want + to, a + from, n);
	return (mem_memmove(a + to, a + from, n) != a + to) + (memcmp(a, want, SIZE) != 0);
}

static unsigned set(unsigned to, unsigned n)
{
	unsigned i, byte = next(512);

	memcpy(want, a, SIZE);
	for (i = 0; i < n; i++)
		want[to + i] = (unsigned char)byte;
	return (mem_memset(a + to, (int)byte, n) != a + to) + (memcmp(a, want, SIZE) != 0);
}

static int sign(int n)
{
	return (n > 0) - (n < 0);
}

static unsigned compare(unsigned at, unsigned from, unsigned n)
{
	unsigned bad, k = n ? next(n) : 0;

	memcpy(a + at, b + from, n);
	bad = mem_memcmp(a + at, b + from, n) != 0;
	if (n) {
		a[at + k] ^= (unsigned char)(1 + next(255));
		bad += sign(mem_memcmp(a + at, b + from, n)) != sign(memcmp(a + at, b + from, n));
	}
	return bad;
}

static void short_ones(void)
{
	unsigned n, off, copies = 0, sets = 0, moves = 0, compares = 0;

	for (n = 0; n <= 300; n++) {
		for (off = 0; off < 16; off++) {
			copies += copy(64 + off, 64 + next(32), n);
			sets += set(64 + off, n);
			moves += move(400 + off, 400 + next(64), n) + move(400 + next(64), 400 + off, n);
			compares += compare(64 + off, 64 + next(32), n);
		}
	}
	is(copies, 0, "memcpy of 0 to 300 bytes");
	is(sets, 0, "memset");
	is(moves, 0, "memmove over itself, both ways");
	is(compares, 0, "memcmp, equal and with one byte changed");
}

static void long_ones(void)
{
	unsigned i, copies = 0, sets = 0, moves = 0;

	for (i = 0; i < 2000; i++) {
		unsigned n = next(8000), to = next(10000), from = next(10000);

		copies += copy(to, from, n);
		sets += set(to, n);
		moves += move(to, next(4) ? to + next(200) : from, n);
	}
	is(copies + sets + moves, 0, "2,000 random ones to 8,000 bytes");
}

int main(void)
{
	fill(a);
	fill(b);
	short_ones();
	long_ones();
	mem_repeat = true;
	long_ones();
	return tap_done();
}
