/* SPDX-License-Identifier: MIT */
#ifndef TEST_FUZZ_FUZZ_H
#define TEST_FUZZ_FUZZ_H

/*
 * libFuzzer targets: the real sources on the desk fakes, with a hostile other side whose acts are the bytes of the input.
 *
 * A target builds its machine once, in fuzz_begin(). Everything static in the program, and what fuzz_keep() names, is copied
 * then and put back before every input (fuzz.c, fuzz.lds), so that each begins in the same state at the price of a copy and
 * nothing is made or freed in between. Time is virtual. The log is silent unless FUZZ_LOG is in the environment.
 *
 * A crash is: a sanitizer's report, fuzz_must() that fails, a breach of what the fakes enforce, a panic of the guest's or its
 * end, and an input that takes 10 s.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- what a target defines ---- */

void fuzz_begin(void);
void fuzz_run(void); /* one input */

/* ---- fuzz.c ---- */

void fuzz_keep(void *base, size_t len);    /* from fuzz_begin(): memory to be put back before every input */
void fuzz_scratch(void *base, size_t len); /* from fuzz_run(): written to, and all zeros again for the next input */

/* The input. Behind its end everything reads as 0. */
bool fuzz_more(void);
uint8_t fuzz_byte(void);
uint16_t fuzz_u16(void);
uint32_t fuzz_u32(void);
uint64_t fuzz_u64(void);
unsigned fuzz_below(unsigned n); /* of one byte, or of two where n > 256 */
void fuzz_bytes(void *to, size_t len);
size_t fuzz_left(void);

#define fuzz_must(x) ((x) ? (void)0 : fuzz_failed(#x, __FILE__, __LINE__))
_Noreturn void fuzz_failed(const char *what, const char *file, int line);

#endif
