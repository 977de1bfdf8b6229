/* SPDX-License-Identifier: MIT */
#include "httpd.h"

/*
 * Bytes that several may point at.
 *
 * A response that is kept ready may be on its way to many slow readers when the file changes: each
 * of them holds a reference, and the old bytes live for as long as somebody is reading them. Read
 * httpd.h first.
 */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct blob *blob_new(size_t size)
{
	struct blob *b = malloc(sizeof *b + size);

	if (!b)
		return NULL;
	b->refs = 1;
	b->len = 0;
	b->size = size;
	return b;
}

/* Counts are plain numbers: there is one thread. */
void blob_drop(struct blob *b)
{
	if (b && !--b->refs)
		free(b);
}

/* Makes room for n more bytes; frees the blob when there is none. */
static struct blob *grow(struct blob *b, size_t n)
{
	/* Doubled, so that a page made of a hundred pieces is copied a few times only. */
	size_t size = 2 * b->size + n;
	struct blob *bigger = realloc(b, sizeof *b + size);

	if (!bigger) {
		free(b);
		return NULL;
	}
	bigger->size = size;
	return bigger;
}

/*
 * Failure sticks: the blob is gone, NULL comes back, and every later call returns it. So a page is
 * written without a check on each line. One byte is always left for vsnprintf()'s NUL, which len
 * does not count.
 */
struct blob *blob_add(struct blob *b, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (!b)
		return NULL;
	va_start(ap, fmt);
	/* Where it does not fit, the first try says how long it will be; the second then must fit. */
	n = vsnprintf(b->data + b->len, b->size - b->len, fmt, ap);
	va_end(ap);
	if (n >= 0 && (size_t)n >= b->size - b->len) {
		b = grow(b, (size_t)n + 1);
		if (!b)
			return NULL;
		va_start(ap, fmt);
		n = vsnprintf(b->data + b->len, b->size - b->len, fmt, ap);
		va_end(ap);
	}
	b->len += n > 0 ? (size_t)n : 0;
	return b;
}
