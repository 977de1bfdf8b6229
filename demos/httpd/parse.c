/* SPDX-License-Identifier: MIT */
#include "httpd.h"

/*
 * Reads the head of a request (RFC 9112 sections 2 to 5), in one pass from left to right.
 *
 * What is ambiguous is refused, not repaired, since another server on the way may have read it
 * another way: bare CR or LF, folded lines, white space before the colon, two lengths. A head that
 * is not complete is read again from its start when more has come: how it was cut into packets can
 * make no difference.
 */

#include <string.h>
#include <strings.h>

/* What a byte may be part of. */
#define TOKEN 1  /* tchar, RFC 9110 section 5.6.2 */
#define TARGET 2 /* a URI, RFC 3986 appendix A; and what browsers send unescaped in queries */
#define VALUE 4  /* a field value: all but controls */
#define HOST 8   /* uri-host, port, brackets */

static const unsigned char class[256] = {
	['0' ... '9'] = TOKEN | TARGET | VALUE | HOST,
	['A' ... 'Z'] = TOKEN | TARGET | VALUE | HOST,
	['a' ... 'z'] = TOKEN | TARGET | VALUE | HOST,
	['!'] = TOKEN | TARGET | VALUE | HOST, ['$'] = TOKEN | TARGET | VALUE | HOST,
	['%'] = TOKEN | TARGET | VALUE | HOST, ['&'] = TOKEN | TARGET | VALUE | HOST,
	['\''] = TOKEN | TARGET | VALUE | HOST, ['*'] = TOKEN | TARGET | VALUE | HOST,
	['+'] = TOKEN | TARGET | VALUE | HOST, ['-'] = TOKEN | TARGET | VALUE | HOST,
	['.'] = TOKEN | TARGET | VALUE | HOST, ['_'] = TOKEN | TARGET | VALUE | HOST,
	['~'] = TOKEN | TARGET | VALUE | HOST,
	['^'] = TOKEN | TARGET | VALUE, ['`'] = TOKEN | TARGET | VALUE, ['|'] = TOKEN | TARGET | VALUE,
	['#'] = TOKEN | VALUE,
	['('] = TARGET | VALUE | HOST, [')'] = TARGET | VALUE | HOST, [','] = TARGET | VALUE | HOST,
	[';'] = TARGET | VALUE | HOST, ['='] = TARGET | VALUE | HOST, [':'] = TARGET | VALUE | HOST,
	['['] = TARGET | VALUE | HOST, [']'] = TARGET | VALUE | HOST,
	['/'] = TARGET | VALUE, ['?'] = TARGET | VALUE, ['@'] = TARGET | VALUE, ['{'] = TARGET | VALUE,
	['}'] = TARGET | VALUE, ['"'] = VALUE, ['<'] = VALUE, ['>'] = VALUE, ['\\'] = VALUE,
	['\t'] = VALUE, [' '] = VALUE,
	[0x80 ... 0xff] = VALUE,
};

#define METHOD_MAX 32 /* bytes; the longest that is registered has 17 */
#define LAST_MAX 512 /* bytes of a head that is remembered */

/* request.seen */
#define SEEN_HOST 1u
#define SEEN_LENGTH 2u
#define SEEN_CODING 4u
#define SEEN_CLOSE 8u

#define HASH_START 2166136261u /* FNV-1a */
#define HASH_STEP(h, c) (((h) ^ (unsigned char)(c)) * 16777619u)

/* Where the reader is. An empty rest is not an error: more may come. */
struct cursor {
	const char *p, *end;
};

/*
 * Names of fields and of most values are the same in any case (RFC 9110 section 5.1); methods are
 * not.
 */
bool parse_is(struct str s, const char *word)
{
	return s.len == strlen(word) && !strncasecmp(s.p, word, s.len);
}

/* The same steps as in read_target(), where they are done in passing. */
uint32_t parse_hash(const char *p, size_t len)
{
	uint32_t h = HASH_START;

	while (len--)
		h = HASH_STEP(h, *p++);
	return h;
}

/* OWS: blanks and tabs around a value are no part of it (RFC 9110 section 5.5). */
static struct str trim(struct str s)
{
	while (s.len && (*s.p == ' ' || *s.p == '\t')) {
		s.p++;
		s.len--;
	}
	while (s.len && (s.p[s.len - 1] == ' ' || s.p[s.len - 1] == '\t'))
		s.len--;
	return s;
}

/*
 * RFC 9110 section 5.6.1.2: empty members are passed over. A comma inside a quoted string would cut
 * it, but the lists read here have none: an entity tag of ours never holds one, and another one's
 * pieces match nothing of ours.
 */
bool parse_member(struct str *list, struct str *member)
{
	const char *comma;
	size_t n;

	while (list->len) {
		comma = memchr(list->p, ',', list->len);
		n = comma ? (size_t)(comma - list->p) : list->len;
		*member = trim((struct str){ list->p, n });
		n += comma != NULL;
		list->p += n;
		list->len -= n;
		if (member->len)
			return true;
	}
	return false;
}

/* A run of bytes of one class. */
static struct str run(struct cursor *c, unsigned char kind)
{
	struct str s = { c->p, 0 };

	while (c->p < c->end && class[(unsigned char)*c->p] & kind)
		c->p++;
	s.len = (size_t)(c->p - s.p);
	return s;
}

/*
 * CR and LF. Returns 1, 0 when more must come, or -400. RFC 9112 section 2.2 would let us take a
 * bare LF for a line end. We do not: a server in front of us may not have.
 */
static int line_end(struct cursor *c)
{
	if (c->p == c->end)
		return 0;
	if (*c->p != '\r')
		return -400;
	if (c->p + 1 == c->end)
		return 0;
	if (c->p[1] != '\n')
		return -400;
	c->p += 2;
	return 1;
}

/* ---- the request line ---- */

/* A method that no server knows is 501; one that is known but not offered here is 405, later. */
static int read_method(struct cursor *c, struct request *r)
{
	static const char names[][8] = { /* the first ones as in enum method */
		"GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE", "TRACE", "CONNECT", "PATCH",
	};
	struct str s = run(c, TOKEN);
	size_t i;

	if (s.len > METHOD_MAX)
		return -501;
	if (c->p == c->end)
		return 0;
	if (*c->p != ' ' || !s.len)
		return -400;
	c->p++;
	for (i = 0; i < sizeof names / sizeof *names; i++)
		if (s.len == strlen(names[i]) && !memcmp(s.p, names[i], s.len)) {
			r->method = i < METHOD_OTHER ? (enum method)i : METHOD_OTHER;
			return 1;
		}
	return -501;
}

/*
 * The hash is made in the same pass: most targets are the path of a file that is kept ready. Which
 * form the target has (RFC 9112 section 3.2) is path.c's business.
 */
static int read_target(struct cursor *c, struct request *r)
{
	uint32_t h = HASH_START;
	const char *p = c->p;
	bool plain = true;

	for (; p < c->end && class[(unsigned char)*p] & TARGET; p++) {
		if (*p == '%' || *p == '?')
			plain = false;
		h = HASH_STEP(h, *p);
	}
	r->target = (struct str){ c->p, (size_t)(p - c->p) };
	r->plain = plain && r->target.len && *c->p == '/';
	r->hash = h;
	c->p = p;
	if (r->target.len > TARGET_MAX)
		return -414;
	if (p == c->end)
		return 0;
	if (*p != ' ' || !r->target.len)
		return -400;
	c->p++;
	return 1;
}

/* "HTTP/" digit "." digit */
static int read_version(struct cursor *c, struct request *r)
{
	static const char name[] = "HTTP/";
	size_t have = (size_t)(c->end - c->p), n = have < 5 ? have : 5;

	if (memcmp(c->p, name, n))
		return -400;
	if (have < 8)
		return 0;
	if (c->p[5] < '0' || c->p[5] > '9' || c->p[6] != '.' || c->p[7] < '0' || c->p[7] > '9')
		return -400;
	/*
	 * Another major version may mean anything by the same bytes (RFC 9110 section 2.5); a minor
	 * one may not.
	 */
	if (c->p[5] != '1')
		return -505;
	r->http11 = c->p[7] != '0';
	r->keep = r->http11;
	c->p += 8;
	return line_end(c);
}

/*
 * One blank between the parts, no more: RFC 9112 section 3 lets a server be lenient, and warns of
 * it.
 */
static int read_request_line(struct cursor *c, struct request *r)
{
	int rc = read_method(c, r);

	if (rc > 0)
		rc = read_target(c, r);
	return rc > 0 ? read_version(c, r) : rc;
}

/* ---- the fields ---- */

/* uri-host [ ":" port ], or nothing. */
static int read_host(struct request *r, struct str v)
{
	struct cursor c = { v.p, v.p + v.len };
	const char *p = v.p;

	if (r->seen & SEEN_HOST)
		return -400;
	r->seen |= SEEN_HOST;
	r->host = v;
	if (run(&c, HOST).len != v.len)
		return -400;
	if (v.len && *p == '[') {
		p = memchr(p, ']', v.len);
		if (!p)
			return -400;
		p++;
	} else {
		while (p < c.end && *p != ':' && *p != '[' && *p != ']')
			p++;
	}
	if (p < c.end && *p++ != ':')
		return -400;
	while (p < c.end)
		if (*p < '0' || *p++ > '9')
			return -400;
	return 1;
}

/*
 * RFC 9112 section 6.3: two lengths, even equal ones in a list, may be refused, and then nobody can
 * read them differently. 18 digits fit into 64 bits.
 */
static int read_length(struct request *r, struct str v)
{
	size_t i;

	if (r->seen & SEEN_LENGTH || !v.len || v.len > 18)
		return -400;
	r->seen |= SEEN_LENGTH;
	for (i = 0; i < v.len; i++) {
		if (v.p[i] < '0' || v.p[i] > '9')
			return -400;
		r->length = 10 * r->length + (uint64_t)(v.p[i] - '0');
	}
	return 1;
}

/* RFC 9112 section 6.1: chunked must come last; what else there is, nobody here understands. */
static int read_coding(struct request *r, struct str v)
{
	struct str list = v, member = { 0 };

	if (r->seen & SEEN_CODING || !r->http11)
		return -400;
	r->seen |= SEEN_CODING;
	r->chunked = parse_is(v, "chunked");
	if (r->chunked)
		return 1;
	while (parse_member(&list, &member))
		;
	return member.p && parse_is(member, "chunked") ? -501 : -400;
}

/*
 * RFC 9112 section 9.3: close wins, wherever it stands; keep-alive matters to HTTP/1.0 only. Other
 * names are ignored: no field that they could speak of is passed on by us.
 */
static int read_connection(struct request *r, struct str v)
{
	struct str member;

	while (parse_member(&v, &member)) {
		if (parse_is(member, "close"))
			r->seen |= SEEN_CLOSE;
		else if (parse_is(member, "keep-alive"))
			r->keep = true;
	}
	r->keep = r->keep && !(r->seen & SEEN_CLOSE);
	return 1;
}

/* RFC 9110 section 10.1.1: there is one expectation; another one is refused. */
static int read_expect(struct request *r, struct str v)
{
	if (!r->http11)
		return 1; /* RFC 9110 section 10.1.1 */
	r->expect = parse_is(v, "100-continue");
	return r->expect ? 1 : -417;
}

/*
 * Only noted: cond.c looks at it when there is a file. A field that comes twice counts as it came
 * last.
 */
static int conditional(struct request *r, struct str *field, struct str v)
{
	r->conditional = true;
	*field = v;
	return 1;
}

/* Most names differ in length; what is not known is ignored. */
static int read_field(struct request *r, struct str name, struct str v)
{
	switch (name.len) {
	case 4:
		return parse_is(name, "host") ? read_host(r, v) : 1;
	case 5:
		return parse_is(name, "range") ? conditional(r, &r->range, v) : 1;
	case 6:
		return parse_is(name, "expect") ? read_expect(r, v) : 1;
	case 8:
		if (parse_is(name, "if-match"))
			return conditional(r, &r->if_match, v);
		return parse_is(name, "if-range") ? conditional(r, &r->if_range, v) : 1;
	case 10:
		return parse_is(name, "connection") ? read_connection(r, v) : 1;
	case 13:
		return parse_is(name, "if-none-match") ? conditional(r, &r->if_none_match, v) : 1;
	case 14:
		return parse_is(name, "content-length") ? read_length(r, v) : 1;
	case 17:
		if (parse_is(name, "transfer-encoding"))
			return read_coding(r, v);
		return parse_is(name, "if-modified-since") ? conditional(r, &r->if_modified, v) : 1;
	case 19:
		return parse_is(name, "if-unmodified-since") ? conditional(r, &r->if_unmodified, v) : 1;
	}
	return 1;
}

/* One line, with its end. A folded line begins with white space, which is no name: refused. */
static int read_line(struct cursor *c, struct request *r)
{
	struct str name = run(c, TOKEN), value;
	int rc;

	if (c->p == c->end)
		return 0;
	if (!name.len || *c->p != ':')
		return -400;
	c->p++;
	value = run(c, VALUE);
	rc = line_end(c);
	return rc > 0 ? read_field(r, name, trim(value)) : rc;
}

/* Two lengths would be two readings of where the next request begins. */
static int check(const struct request *r)
{
	if (r->seen & SEEN_CODING && r->seen & SEEN_LENGTH)
		return -400;
	/*
	 * RFC 9112 section 3.2: 400 for a 1.1 request without Host; two of them were refused as
	 * they came.
	 */
	if (r->http11 && !(r->seen & SEEN_HOST))
		return -400;
	return 1;
}

/* FIELDS_MAX is a bound on work, HEAD_MAX one on memory; both say 431. */
static int read_head(struct cursor *c, struct request *r)
{
	int rc = read_request_line(c, r);
	unsigned lines = 0;

	while (rc > 0) {
		if (c->p == c->end)
			return 0;
		if (*c->p == '\r') {
			rc = line_end(c);
			return rc > 0 ? check(r) : rc;
		}
		rc = lines++ < FIELDS_MAX ? read_line(c, r) : -431;
	}
	return rc;
}

/*
 * Clients repeat themselves: a head of the same bytes has the same meaning. Text of the last simple
 * one.
 */
static struct request current;
static char last[LAST_MAX];
static size_t last_len;

/* Only what is in `current` itself, and the target, may outlive the input buffer. */
static void remember(const char *p, size_t len)
{
	if (len > sizeof last || current.conditional || current.chunked || current.length)
		return;
	memcpy(last, p, len);
	last_len = len;
	current.target.p = last + (current.target.p - p);
	current.host = (struct str){ 0 };
}

/*
 * A head of the same bytes as the last simple one is taken at memcmp()'s word. It ends with its
 * empty line, so what follows cannot change its meaning. What is longer than HEAD_MAX is 431, not
 * read in part.
 */
int parse_head(const char *p, size_t len, const struct request **r)
{
	struct cursor c = { p, p + (len < HEAD_MAX ? len : HEAD_MAX) };
	int rc;

	*r = &current;
	if (last_len && len >= last_len && !memcmp(p, last, last_len))
		return (int)last_len;
	last_len = 0;
	memset(&current, 0, sizeof current);
	rc = read_head(&c, &current);
	if (rc > 0) {
		remember(p, (size_t)(c.p - p));
		return (int)(c.p - p);
	}
	return rc || len < HEAD_MAX ? rc : -431;
}
