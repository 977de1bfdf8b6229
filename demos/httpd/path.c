/* SPDX-License-Identifier: MIT */
#include "httpd.h"

/*
 * From the target of a request to a path below the document root.
 *
 * Decoded once, then checked, then used as it is: no later step decodes again, so that nothing can
 * turn into a dot, a slash or a NUL after the check. Read httpd.h first.
 */

#include <string.h>

/* RFC 3986 section 2.1: both cases mean the same. -1 for any other byte. */
static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/*
 * Cuts "http://host" off an absolute-form target (RFC 9112 section 3.2.2), and the query off any.
 */
static struct str path_part(struct str t)
{
	const char *q;
	size_t scheme = 0;

	if (t.len >= 7 && parse_is((struct str){ t.p, 7 }, "http://"))
		scheme = 7;
	else if (t.len >= 8 && parse_is((struct str){ t.p, 8 }, "https://"))
		scheme = 8;
	t.p += scheme;
	t.len -= scheme;
	for (; scheme && t.len && *t.p != '/' && *t.p != '?'; t.len--)
		t.p++;
	q = memchr(t.p, '?', t.len);
	if (q)
		t.len = (size_t)(q - t.p);
	return t.len || !scheme ? t : STR("/");
}

/*
 * Percent-decodes s into buf. Returns its length, or -STATUS. RFC 3986 section 2.1. Escapes that
 * are none are refused, and so is NUL, at which the C library would stop reading while the check
 * has gone on.
 */
static int decode(struct str s, char *buf, size_t size)
{
	size_t i, n = 0;
	int c;

	for (i = 0; i < s.len; i++) {
		c = (unsigned char)s.p[i];
		if (c == '%') {
			if (i + 2 >= s.len || hex(s.p[i + 1]) < 0 || hex(s.p[i + 2]) < 0)
				return -400;
			c = 16 * hex(s.p[i + 1]) + hex(s.p[i + 2]);
			i += 2;
		}
		if (!c)
			return -400;
		if (n == size)
			return -404; /* there is no file of so long a name */
		buf[n++] = (char)c;
	}
	return (int)n;
}

/*
 * Where the root is the root of an image, devices and server_counters live below it: they are no
 * documents. (A device would be refused anyway, not being a regular file; the files of /proc are
 * regular.)
 */
static bool special(const char *p, size_t len)
{
	return !*config.root && ((len == 3 && !memcmp(p, "dev", 3)) || (len == 4 && !memcmp(p, "proc", 4)));
}

/*
 * One segment between slashes: "." and ".." are refused, hidden files are not there.
 * ".well-known" is where RFC 8615 puts what everybody may read; all else that is hidden stays so.
 */
static int check_segment(const char *p, size_t len, bool first)
{
	if (len && *p == '.') {
		if (len == 1 || (len == 2 && p[1] == '.'))
			return 400;
		return len == 11 && !memcmp(p, ".well-known", 11) ? 200 : 404;
	}
	return first && special(p, len) ? 404 : 200;
}

static int check(const char *p, size_t len)
{
	const char *end = p + len, *slash;
	bool first = true;
	int rc = 200;

	if (!len || *p != '/')
		return 400;
	for (p++; p < end && rc == 200; p = slash + 1, first = false) {
		slash = memchr(p, '/', (size_t)(end - p));
		slash = slash ? slash : end;
		/* "a//b" would be a second name of "a/b". */
		rc = slash == p ? 404 : check_segment(p, (size_t)(slash - p), first);
	}
	return rc;
}

/* The query goes first, while a decoded %3F is a letter of the name (RFC 3986 section 2.4). */
int path_decode(struct str target, struct str *path)
{
	static char buf[PATH_LEN];
	int n = decode(path_part(target), buf, sizeof buf);

	if (n < 0)
		return -n;
	*path = (struct str){ buf, (size_t)n };
	return check(buf, (size_t)n);
}
