/* SPDX-License-Identifier: MIT */
#include <string.h>

/*
 * Random numbers for the stack, and TCP's initial sequence numbers (RFC 6528).
 *
 * A sequence number is a clock plus a keyed hash of the connection's ends: who sees those of his
 * own connections learns nothing about others, and a new connection between the same ends still
 * starts above the old one. The hash is SipHash-2-4.
 */

#include "core/core.h"
#include "core/plat.h"
#include "libc-glue/lwip/hooks.h"

/*
 * Without entropy the machine still answers its network, and says so: a DHCP request cannot wait
 * for it.
 */
static void weak_random(void *buf, size_t len)
{
	static uint64_t state;
	uint8_t *p = buf;

	if (!state)
		log_line(LOG_WARN, "net: no entropy yet, ports and sequence numbers can be guessed");
	for (size_t i = 0; i < len; i++) {
		state = (state + plat_now()) * 0x9e3779b97f4a7c15u + 1;
		p[i] = (uint8_t)(state >> 56);
	}
}

static void fill(void *buf, size_t len)
{
	if (plat_random(buf, len) != 0)
		weak_random(buf, len);
}

/* None are drawn in advance: two machines restored from one snapshot would both use them. */
uint32_t stack_random(void)
{
	uint32_t v;

	fill(&v, sizeof v);
	return v;
}

static uint64_t rotate(uint64_t v, unsigned n)
{
	return v << n | v >> (64 - n);
}

static void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = rotate(v[1], 13) ^ v[0];
	v[0] = rotate(v[0], 32);
	v[2] += v[3];
	v[3] = rotate(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotate(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotate(v[1], 17) ^ v[2];
	v[2] = rotate(v[2], 32);
}

static void sip_word(uint64_t v[4], uint64_t word)
{
	v[3] ^= word;
	sip_round(v);
	sip_round(v);
	v[0] ^= word;
}

static uint64_t sip_hash(const uint64_t key[2], const uint64_t *words, unsigned n)
{
	uint64_t v[4] = { key[0] ^ 0x736f6d6570736575u, key[1] ^ 0x646f72616e646f6du, key[0] ^ 0x6c7967656e657261u,
			  key[1] ^ 0x7465646279746573u };

	for (unsigned i = 0; i < n; i++)
		sip_word(v, words[i]);
	sip_word(v, (uint64_t)n * 8 << 56); /* the padding of a message that ends at a word: its length */
	v[2] ^= 0xff;
	for (unsigned i = 0; i < 4; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static void put_address(uint64_t *words, const ip_addr_t *a)
{
	if (IP_IS_V6(a))
		memcpy(words, ip_2_ip6(a)->addr, 16);
	else
		words[0] = ip_2_ip4(a)->addr;
}

static uint64_t isn_key[2];

void stack_new_key(void)
{
	isn_key[0] = 0;
}

u32_t stack_isn(const ip_addr_t *local, u16_t local_port, const ip_addr_t *remote, u16_t remote_port)
{
	uint64_t words[5] = { 0 };

	if (!isn_key[0])
		fill(isn_key, sizeof isn_key);
	put_address(words, local);
	put_address(words + 2, remote);
	words[4] = (uint64_t)local_port << 16 | remote_port;
	return (u32_t)(sip_hash(isn_key, words, 5) + plat_now() / 4096); /* 4 microseconds a step, as RFC 9293 3.4.1 says */
}
