/* SPDX-License-Identifier: MIT */
#include "httpd.h"

/*
 * Conditional and partial requests (RFC 9110 sections 13 and 14).
 *
 * Entity tags here are strong: they are made of size and time of a file. A field that makes no
 * sense is ignored where the RFC says so. Read httpd.h first.
 */

#include <string.h>

/*
 * Whether a list of entity tags names etag, or is "*". A weak tag counts in a weak comparison only.
 */
static bool names_tag(struct str list, const char *etag, bool weak)
{
	struct str tag;

	while (parse_member(&list, &tag)) {
		if (weak && tag.len > 2 && !memcmp(tag.p, "W/", 2)) {
			tag.p += 2;
			tag.len -= 2;
		}
		if ((tag.len == 1 && *tag.p == '*') || (tag.len == strlen(etag) && !memcmp(tag.p, etag, tag.len)))
			return true;
	}
	return false;
}

/*
 * The order is that of RFC 9110 section 13.2.2: what says "only if it is still what I know" goes
 * before what says "only if it is new to me", and a tag before a date.
 */
int cond_check(const struct request *r, const char *etag, time_t mtime)
{
	time_t t;

	if (r->if_match.p) {
		if (!names_tag(r->if_match, etag, false))
			return 412;
	} else if (r->if_unmodified.p && date_parse(r->if_unmodified, &t) && mtime > t) {
		return 412;
	}
	if (r->if_none_match.p)
		return names_tag(r->if_none_match, etag, true) ? 304 : 200;
	return r->if_modified.p && date_parse(r->if_modified, &t) && mtime <= t ? 304 : 200;
}

/*
 * RFC 9110 section 13.1.5: strong comparison, so a tag must be the same to the byte, and a date
 * exactly ours: a range of another version would be sewn to what the client has. False means the
 * whole file, never an error.
 */
bool cond_if_range(const struct request *r, const char *etag, time_t mtime)
{
	struct str v = r->if_range;
	time_t t;

	if (!v.p)
		return true;
	if (v.len && *v.p == '"')
		return v.len == strlen(etag) && !memcmp(v.p, etag, v.len);
	return date_parse(v, &t) && t == mtime; /* a weak tag is no date either */
}

/* Digits up to the end of s or a '-'. Returns how many were read; huge numbers stay at the top. */
static size_t number(struct str s, uint64_t *n)
{
	size_t i;

	*n = 0;
	for (i = 0; i < s.len && s.p[i] >= '0' && s.p[i] <= '9'; i++)
		*n = *n > UINT64_MAX / 10 - 1 ? UINT64_MAX - 9 : 10 * *n + (uint64_t)(s.p[i] - '0');
	return i;
}

/*
 * What goes wrong in syntax is 200: the field is ignored. So are several ranges, as section 14.2
 * allows.
 */
int cond_range(struct str v, uint64_t size, uint64_t *first, uint64_t *last)
{
	size_t n;
	struct str rest;

	if (v.len < 7 || !parse_is((struct str){ v.p, 6 }, "bytes="))
		return 200;
	v.p += 6;
	v.len -= 6;
	n = number(v, first);
	if (n == v.len || v.p[n] != '-')
		return 200;
	rest = (struct str){ v.p + n + 1, v.len - n - 1 };
	if (number(rest, last) != rest.len || (!n && !rest.len))
		return 200;
	/* A suffix longer than the file is the whole file; of an empty file there is no last byte. */
	if (!n) { /* the last so many bytes */
		if (!*last || !size)
			return 416;
		*first = *last < size ? size - *last : 0;
		*last = size - 1;
		return 206;
	}
	if (rest.len && *last < *first)
		return 200;
	/*
	 * RFC 9110 section 15.5.17: nothing of what is asked for exists. An end beyond the last
	 * byte is cut.
	 */
	if (*first >= size)
		return 416;
	if (!rest.len || *last >= size)
		*last = size - 1;
	return 206;
}
