/* SPDX-License-Identifier: MIT */
#include "httpd.h"

/*
 * Request bodies: nothing here wants one, but the next request begins where it ends.
 *
 * It is skipped up to BODY_MAX bytes, with chunk headers and trailers read as strictly as a head
 * (RFC 9112 section 7.1): a server that finds another end than its neighbour lets requests be
 * smuggled.
 */

#include <string.h>

/* Where the chunk reader is; struct body.state. */
enum {
	SIZE_FIRST, /* the first digit of a chunk's size */
	SIZE,
	EXTENSION,
	SIZE_LF,
	DATA,
	DATA_CR,
	DATA_LF,
	LINE,       /* first byte of a trailer line */
	TRAILER,
	TRAILER_LF,
	END_LF,
	END,
};

/* A request has one of the two, never both: parse.c has refused that. */
void body_start(struct body *b, const struct request *r)
{
	memset(b, 0, sizeof *b);
	b->kind = r->chunked ? BODY_CHUNKED : r->length ? BODY_LENGTH : BODY_NONE;
	b->left = r->chunked ? 0 : r->length;
	b->state = SIZE_FIRST;
}

/* RFC 9112 section 7.1: both cases. -1 for any other byte. */
static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* A byte of a chunk's size, or what may follow it. Returns the next state, or -STATUS. */
static int size_byte(struct body *b, char c)
{
	int digit = hex(c);

	/* Checked at each digit, so that the size cannot wrap. */
	if (digit >= 0) {
		b->left = 16 * b->left + (unsigned)digit;
		return b->left > BODY_MAX ? -413 : SIZE;
	}
	/*
	 * A size has one digit at least; none, or white space before it, is what smugglers write.
	 */
	if (b->state == SIZE_FIRST)
		return -400;
	return c == '\r' ? SIZE_LF : c == ';' ? EXTENSION : -400;
}

/* The rest of a line of which nothing matters but its end. */
static int text_byte(char c, int here, int at_end)
{
	if (c == '\r')
		return at_end;
	return (unsigned char)c >= ' ' && c != 0x7f ? here : c == '\t' ? here : -400;
}

/* Any byte but those of chunk data. Returns the next state, or -STATUS. */
static int chunk_byte(struct body *b, char c)
{
	switch (b->state) {
	case SIZE_FIRST:
	case SIZE:
		return size_byte(b, c);
	case EXTENSION:
		return text_byte(c, EXTENSION, SIZE_LF);
	case SIZE_LF:
		return c != '\n' ? -400 : b->left ? DATA : LINE;
	case DATA_CR:
		return c == '\r' ? DATA_LF : -400;
	case DATA_LF:
		return c == '\n' ? SIZE_FIRST : -400;
	case LINE:
		return c == '\r' ? END_LF : c == ' ' || c == '\t' ? -400 : text_byte(c, TRAILER, END_LF);
	case TRAILER:
		return text_byte(c, TRAILER, TRAILER_LF);
	case TRAILER_LF:
		return c == '\n' ? LINE : -400;
	case END_LF:
		return c == '\n' ? END : -400;
	}
	return -400;
}

/* Skips what is left of the chunk or the body, as far as it is there. */
static size_t skip_data(struct body *b, size_t len)
{
	size_t n = b->left < len ? (size_t)b->left : len;

	b->left -= n;
	return n;
}

/*
 * Byte by byte but for the data: a chunk's size may be cut anywhere by the packets it came in, and
 * the state says how far it was read. RFC 9112 section 7.1.2: trailers are thrown away, none is
 * merged into the head.
 */
static int skip_chunks(struct body *b, const char *p, size_t len, size_t *used)
{
	size_t i = 0;

	while (i < len && b->state != END) {
		if (b->state == DATA) {
			i += skip_data(b, len - i);
			b->state = b->left ? DATA : DATA_CR;
			continue;
		}
		b->state = chunk_byte(b, p[i++]);
		if (b->state < 0)
			return b->state;
	}
	/*
	 * Extensions and trailers count too: without that a body of nothing but them would never end.
	 */
	*used = i;
	b->total += i;
	return b->total > 2 * BODY_MAX ? -413 : b->state == END;
}

/* A length that is too large is refused before any of it is read. */
int body_skip(struct body *b, const char *p, size_t len, size_t *used)
{
	if (b->kind == BODY_CHUNKED)
		return skip_chunks(b, p, len, used);
	if (b->left > BODY_MAX && !b->total)
		return -413;
	*used = skip_data(b, len);
	b->total += *used;
	return !b->left;
}
