/* SPDX-License-Identifier: MIT */
#include "core/x86/random.h"

/*
 * Random numbers: ChaCha20 (RFC 8439) as a generator that erases its key, fed from every source
 * that there is.
 *
 * All state is one key of 256 bits. An answer is the key stream of that key, whose first 32 bytes
 * become the next key before the rest is handed out: who learns the state later cannot compute what
 * was answered before. Input is mixed by xoring 32 bytes of it into the key and replacing the key
 * by its own key stream: who does not know the key learns nothing by choosing the input, and who
 * knows it loses it as soon as any one source was not his. So sources need not be trusted, only one
 * of them be good.
 *
 * Nothing is answered before 256 bits were counted. RDSEED counts in full; RDRAND, which may
 * stretch its seed, by half. Every answer takes a fresh word from the CPU where it has one, so that
 * two machines that were restored from one snapshot go apart; where it has none, random_renews() tells
 * the platform to see to that.
 */

#include "core/err.h"
#include "core/x86/cpu.h"

#define KEY 8u   /* words */
#define BLOCK 16u
#define READY 256u
#define CPU_WORDS 8u
#define RETRIES 10u /* what Intel recommends for RDRAND */

/* Which use of the key a block is for: the nonce's first word. */
#define FOR_OUTPUT 0u
#define FOR_MIXING 1u

static uint32_t key[KEY];
static unsigned bits;
static bool stale; /* the latest answer had no fresh word in it */

/* A generator that is broken repeats itself, or gives all ones (seen on CPUs after a suspend). */
static uint64_t last_word;

/* A row of the 4 by 4 state: the four quarter rounds of a round are done at once, on rows. */
typedef uint32_t row __attribute__((vector_size(16)));

static row rotate(row v, int n)
{
	return v << n | v >> (32 - n);
}

/* §2.1, in each of the four columns */
static inline __attribute__((always_inline)) void quarter_rounds(row *s)
{
	s[0] += s[1];
	s[3] = rotate(s[3] ^ s[0], 16);
	s[2] += s[3];
	s[1] = rotate(s[1] ^ s[2], 12);
	s[0] += s[1];
	s[3] = rotate(s[3] ^ s[0], 8);
	s[2] += s[3];
	s[1] = rotate(s[1] ^ s[2], 7);
}

/* Turns rows 1 to 3 so that the diagonals stand in columns, or, with 3, 2, 1, back. */
static inline __attribute__((always_inline)) void turn(row *s, const int a, const int c)
{
	s[1] = a == 1 ? __builtin_shufflevector(s[1], s[1], 1, 2, 3, 0) : __builtin_shufflevector(s[1], s[1], 3, 0, 1, 2);
	s[2] = __builtin_shufflevector(s[2], s[2], 2, 3, 0, 1);
	s[3] = c == 3 ? __builtin_shufflevector(s[3], s[3], 3, 0, 1, 2) : __builtin_shufflevector(s[3], s[3], 1, 2, 3, 0);
}

void random_block(const uint32_t k[8], uint32_t counter, const uint32_t nonce[3], uint32_t out[16])
{
	const row start[4] = { { 0x61707865, 0x3320646e, 0x79622d32, 0x6b206574 }, { k[0], k[1], k[2], k[3] },
		{ k[4], k[5], k[6], k[7] }, { counter, nonce[0], nonce[1], nonce[2] } };
	row s[4] = { start[0], start[1], start[2], start[3] };
	unsigned i;

	for (i = 0; i < 10; i++) {
		quarter_rounds(s);
		turn(s, 1, 3);
		quarter_rounds(s);
		turn(s, 3, 1);
	}
	for (i = 0; i < 4; i++)
		s[i] += start[i];
	__builtin_memcpy(out, s, sizeof s);
}

/* The next key is the head of this key's stream. The compiler must not think the old one unused. */
static void replace_key(uint32_t use)
{
	const uint32_t nonce[3] = { use, 0, 0 };
	uint32_t block[BLOCK];

	random_block(key, 0, nonce, block);
	__builtin_memcpy(key, block, sizeof key);
	__builtin_memset(block, 0, sizeof block);
	cpu_barrier();
}

void random_mix(const void *data, size_t len, unsigned unguessable)
{
	const uint8_t *in = data;
	uint32_t chunk[KEY];
	size_t n, i;

	while (len) {
		n = len < sizeof chunk ? len : sizeof chunk;
		__builtin_memset(chunk, 0, sizeof chunk);
		__builtin_memcpy(chunk, in, n);
		for (i = 0; i < KEY; i++)
			key[i] ^= chunk[i];
		replace_key(FOR_MIXING);
		in += n;
		len -= n;
	}
	bits = unguessable < READY - bits ? bits + unguessable : READY;
}

static bool cpu_word(bool seed, uint64_t *v)
{
	unsigned i;

	for (i = 0; i < RETRIES; i++) {
		if (seed ? cpu_rdseed(v) : cpu_rdrand(v))
			return true;
		cpu_relax();
	}
	return false;
}

/* CPUID is slow on some hosts: asked once. */
static bool offers(bool seed)
{
	static int8_t has_seed = -1, has_rand = -1;

	if (has_seed < 0) {
		has_seed = cpu_has_rdseed();
		has_rand = cpu_has_rdrand();
	}
	return seed ? has_seed : has_rand;
}

/*
 * Mixes in up to n words of one generator. What repeats or is all ones is mixed in, but does not
 * count. Returns how many did.
 */
static unsigned mix_words(bool seed, unsigned n, unsigned worth)
{
	uint64_t v[CPU_WORDS];
	unsigned i, odd = 0;

	for (i = 0; i < n && offers(seed) && cpu_word(seed, &v[i]); i++) {
		odd += v[i] == last_word || v[i] == UINT64_MAX || !v[i];
		last_word = v[i];
	}
	random_mix(v, i * sizeof v[0], (i - odd) * worth);
	return i - odd;
}

void random_mix_cpu(void)
{
	uint64_t now = cpu_tsc();

	random_mix(&now, sizeof now, 0);
	mix_words(true, CPU_WORDS, 64);
	mix_words(false, CPU_WORDS, 32);
}

bool random_ready(void)
{
	return bits >= READY;
}

bool random_renews(void)
{
	return !stale && (offers(false) || offers(true));
}

/* The first block's first half is kept as the next key; the rest of the stream is the answer. */
int random_fill(void *buf, size_t len)
{
	const uint32_t nonce[3] = { FOR_OUTPUT, 0, 0 };
	uint32_t old[KEY], block[BLOCK], counter = 1;
	uint8_t *out = buf;
	size_t n;

	if (!random_ready())
		return -ERR_AGAIN;
	stale = !mix_words(!offers(false), 1, 0);
	__builtin_memcpy(old, key, sizeof old);
	replace_key(FOR_OUTPUT);
	for (; len; len -= n, out += n) {
		n = len < sizeof block ? len : sizeof block;
		random_block(old, counter++, nonce, block);
		__builtin_memcpy(out, block, n);
	}
	__builtin_memset(old, 0, sizeof old);
	__builtin_memset(block, 0, sizeof block);
	cpu_barrier();
	return 0;
}
