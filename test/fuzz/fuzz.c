/* SPDX-License-Identifier: MIT */
/*
 * What every target shares: the state that is put back, the input, the end of the guest. Read fuzz.h first.
 *
 * The program's static data lie between fuzz_state and fuzz_state_end (fuzz.lds); this file's own do not. They are copied by an
 * instruction and not by memcpy(), which the sanitizer would stop at the red zones between them.
 */
#include "test/fuzz/fuzz.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/core.h"

#define KEPT 512u
#define SCRATCHED 1024u

extern char fuzz_state[], fuzz_state_end[];

static struct {
	char *base, *copy;
	size_t len;
} kept[KEPT];
static unsigned n_kept;

static struct {
	void *base;
	size_t len;
} scratched[SCRATCHED];
static unsigned n_scratched;

static const uint8_t *at, *end;
static bool loud;

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
void __wrap__exit(int status);
void __wrap_log_line(enum log_level level, const char *fmt, ...);

void fuzz_failed(const char *what, const char *file, int line)
{
	fprintf(stderr, "fuzz: not so at %s:%d: %s\n", file, line, what);
	abort();
}

/* ---- state ---- */

static void copy(void *to, const void *from, size_t len)
{
	__asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(len) : : "memory");
}

void fuzz_keep(void *base, size_t len)
{
	if (n_kept == KEPT)
		fuzz_failed("few regions", __FILE__, __LINE__);
	kept[n_kept].base = base;
	kept[n_kept++].len = len;
}

void fuzz_scratch(void *base, size_t len)
{
	for (unsigned i = 0; i < n_scratched; i++)
		if (scratched[i].base == base && scratched[i].len >= len)
			return;
	if (n_scratched == SCRATCHED)
		fuzz_failed("few scratches", __FILE__, __LINE__);
	scratched[n_scratched].base = base;
	scratched[n_scratched++].len = len;
}

static void put_back(void)
{
	while (n_scratched > 0) {
		n_scratched--;
		memset(scratched[n_scratched].base, 0, scratched[n_scratched].len);
	}
	for (unsigned i = 0; i < n_kept; i++)
		copy(kept[i].base, kept[i].copy, kept[i].len);
}

/* ---- the input ---- */

size_t fuzz_left(void)
{
	return (size_t)(end - at);
}

bool fuzz_more(void)
{
	return at < end;
}

uint8_t fuzz_byte(void)
{
	return at < end ? *at++ : 0;
}

uint16_t fuzz_u16(void)
{
	uint16_t low = fuzz_byte();

	return (uint16_t)(low | fuzz_byte() << 8);
}

uint32_t fuzz_u32(void)
{
	uint32_t low = fuzz_u16();

	return low | (uint32_t)fuzz_u16() << 16;
}

uint64_t fuzz_u64(void)
{
	uint64_t low = fuzz_u32();

	return low | (uint64_t)fuzz_u32() << 32;
}

unsigned fuzz_below(unsigned n)
{
	return (n > 256 ? fuzz_u16() : fuzz_byte()) % n;
}

void fuzz_bytes(void *to, size_t len)
{
	size_t n = len < fuzz_left() ? len : fuzz_left();

	memcpy(to, at, n);
	memset((char *)to + n, 0, len - n);
	at += n;
}

/* ---- the guest's end, and its log ---- */

/* The fakes end the process when the guest ends or breaks a rule. */
void __wrap__exit(int status)
{
	fprintf(stderr, "fuzz: the guest ended with %d\n", status);
	abort();
}

void __wrap_log_line(enum log_level level, const char *fmt, ...)
{
	char line[500];
	va_list ap;

	(void)level;
	if (!loud)
		return;
	va_start(ap, fmt);
	fmt_vformat(line, sizeof line, fmt, ap);
	va_end(ap);
	fprintf(stderr, "log: %s\n", line);
}

/* ---- libFuzzer's door ---- */

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	loud = getenv("FUZZ_LOG") != NULL;
	fuzz_begin();
	fuzz_must((char *)&log_level > fuzz_state && (char *)&log_level < fuzz_state_end); /* fuzz.lds has found our objects */
	fuzz_keep(fuzz_state, (size_t)(fuzz_state_end - fuzz_state));
	for (unsigned i = 0; i < n_kept; i++) {
		kept[i].copy = malloc(kept[i].len);
		copy(kept[i].copy, kept[i].base, kept[i].len);
	}
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	put_back();
	at = data;
	end = data + len;
	fuzz_run();
	return 0;
}
