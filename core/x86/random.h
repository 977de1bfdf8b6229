/* SPDX-License-Identifier: MIT */
#ifndef CORE_X86_RANDOM_H
#define CORE_X86_RANDOM_H

/*
 * The random generator that platforms build plat_random() on. See random.c.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Mixes data into the key. bits: how much of it nobody can guess; 0 for what merely differs. */
void random_mix(const void *data, size_t len, unsigned bits);

/* Mixes in what the CPU's own generators give, where it has any. */
void random_mix_cpu(void);

/* Has enough been mixed in that answers cannot be guessed? */
bool random_ready(void);

/* Does each answer have something in it that the CPU has made for it alone? */
bool random_renews(void);

/* Fills buf. Returns 0, or -ERR_AGAIN, and buf is untouched, while random_ready() is false. */
int random_fill(void *buf, size_t len);

/* RFC 8439 §2.3: one block of ChaCha20, for the test of that alone. */
void random_block(const uint32_t key[8], uint32_t counter, const uint32_t nonce[3], uint32_t out[16]);

#endif
