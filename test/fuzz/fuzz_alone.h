/* SPDX-License-Identifier: MIT */
#ifndef TEST_FUZZ_FUZZ_ALONE_H
#define TEST_FUZZ_FUZZ_ALONE_H

/*
 * For targets without a machine: what a few files of core/ and libc-glue/ need of the rest, and a malloc() whose blocks are all
 * free again at the next input. Those files are compiled with malloc and its like renamed (fuzz.mk), so that libFuzzer keeps its own.
 */

#include <stdlib.h>
#include <string.h>

#include "core/core.h"
#include "core/err.h"
#include "core/plat.h"
#include "test/fuzz/fuzz.h"

#define FUZZ_BLOCKS 16384u

enum log_level log_level = LOG_WARN;

static struct fuzz_blocks {
	void *p[FUZZ_BLOCKS];
	unsigned n, fail_at;
} *fuzz_blocks; /* not itself: it is to outlive the input */

void *fuzz_malloc(size_t size);
void *fuzz_calloc(size_t n, size_t size);
char *fuzz_strndup(const char *s, size_t len);
void fuzz_free(void *p);

_Noreturn void log_panic(const char *fmt, ...)
{
	fuzz_failed(fmt, "log_panic", 0);
}

int plat_module(unsigned n, struct plat_range *module)
{
	(void)n, (void)module;
	return -ERR_NOENT;
}

/* From fuzz_begin(). */
static void fuzz_alone_begin(void)
{
	fuzz_blocks = calloc(1, sizeof *fuzz_blocks);
}

/* From fuzz_run(): everything is free again, and which allocation fails, counted from 1; 0: none. */
static void fuzz_alone_reset(unsigned fail_at)
{
	while (fuzz_blocks->n > 0)
		free(fuzz_blocks->p[--fuzz_blocks->n]);
	fuzz_blocks->fail_at = fail_at;
}

void *fuzz_calloc(size_t n, size_t size)
{
	if (fuzz_blocks->fail_at && --fuzz_blocks->fail_at == 0)
		return NULL;
	fuzz_must(fuzz_blocks->n < FUZZ_BLOCKS);
	return fuzz_blocks->p[fuzz_blocks->n++] = calloc(n, size);
}

/* Not cleared by malloc(): what is read before it was written would be found. */
void *fuzz_malloc(size_t size)
{
	void *p = fuzz_calloc(1, size);

	return p ? memset(p, 0x5a, size) : NULL;
}

char *fuzz_strndup(const char *s, size_t len)
{
	char *copy = fuzz_malloc(strnlen(s, len) + 1);

	if (!copy)
		return NULL;
	memcpy(copy, s, strnlen(s, len));
	copy[strnlen(s, len)] = '\0';
	return copy;
}

void fuzz_free(void *p)
{
	unsigned i = fuzz_blocks->n;

	if (!p)
		return;
	while (i > 0 && fuzz_blocks->p[i - 1] != p)
		i--;
	fuzz_must(i > 0);
	fuzz_blocks->p[i - 1] = fuzz_blocks->p[--fuzz_blocks->n];
	free(p);
}

#endif
