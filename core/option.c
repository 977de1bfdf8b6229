/* SPDX-License-Identifier: MIT */
#include "core/core.h"

/*
 * The command line: words as a shell makes them, and the options that are ours.
 *
 * The line comes from outside. It is read one byte at a time and never past its NUL, and what is
 * written is never longer than what was read.
 */

#include "core/err.h"
#include "core/plat.h"

/* What unquote() returns beside characters, which are 1 to 255: there is no way to write a NUL. */
#define WORD_END (-1)
#define BAD_QUOTE (-2)

/*
 * Where a reader is. It is copied freely: to look ahead is to read with a copy and to keep or drop
 * it.
 */
struct cursor {
	const char *at;
	char quote; /* ' or " inside such a pair, else 0 */
};

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/*
 * A backslash takes what follows as it is; between double quotes only in front of what a shell
 * would else act on (POSIX.1-2017, Shell Command Language, 2.2.3), so that Windows paths and
 * regular expressions survive. We expand no $ and no `, but a line that was quoted for a shell has
 * them escaped.
 */
static bool escapes(char quote, char next)
{
	return quote == 0 || next == '"' || next == '\\' || next == '$' || next == '`';
}

/*
 * The next character of the word, without its quotes. WORD_END leaves the cursor on the blank or
 * NUL behind the word, and comes again when asked again. A quote may begin and end anywhere in a
 * word; in the other kind of quotes it is a character like others.
 */
static int unquote(struct cursor *c)
{
	for (;;) {
		char ch = *c->at;

		if (ch == '\0')
			return c->quote ? BAD_QUOTE : WORD_END;
		if (!c->quote && blank(ch))
			return WORD_END;
		c->at++;
		if (c->quote ? ch == c->quote : ch == '\'' || ch == '"') {
			c->quote = c->quote ? 0 : ch;
			continue;
		}
		if (ch == '\\' && c->quote != '\'' && escapes(c->quote, *c->at)) {
			if (*c->at == '\0')
				return BAD_QUOTE;
			ch = *c->at++;
		}
		return (unsigned char)ch;
	}
}

/* Goes to the first character of the next word. False: there is none. */
static bool next_word(struct cursor *c)
{
	c->quote = 0;
	while (blank(*c->at))
		c->at++;
	return *c->at != '\0';
}

/*
 * The words are written over the line from each word's own beginning. A word never grows: each
 * character that comes out was at least one that went in. So the writer is never ahead of the
 * reader, and the NUL finds room where a quote, the blank behind the word, or the line's own NUL
 * was.
 */
int option_split(char *line, char **argv, size_t max)
{
	struct cursor c = { line, 0 };
	size_t words = 0;

	while (next_word(&c)) {
		char *start = line + (c.at - line), *out = start;
		int ch;

		while ((ch = unquote(&c)) >= 0)
			*out++ = (char)ch;
		if (ch == BAD_QUOTE)
			return -ERR_INVAL;
		if (*c.at != '\0')
			c.at++; /* past the blank, before it may become the NUL */
		*out = '\0';
		if (words < max)
			argv[words] = start;
		words++;
	}
	return (int)words;
}

/*
 * Whether the word is exactly `--`; a quoted one is one too, as for every program. The caller's
 * cursor stays where it is.
 */
static bool is_separator(struct cursor c)
{
	return unquote(&c) == '-' && unquote(&c) == '-' && unquote(&c) == WORD_END;
}

/*
 * Whether the word begins with key and an equals sign; then the cursor is behind that, else where
 * it was.
 */
static bool take_key(struct cursor *c, const char *key)
{
	struct cursor try = *c;

	for (; *key; key++)
		if (unquote(&try) != (unsigned char)*key)
			return false;
	if (unquote(&try) != '=')
		return false;
	*c = try;
	return true;
}

/*
 * Copies the rest of the word, cut at size. Returns its whole length. A quote that is never closed
 * ends with the line.
 */
static int take_value(struct cursor *c, char *buf, size_t size)
{
	size_t len = 0;
	int ch;

	while ((ch = unquote(c)) >= 0) {
		if (len + 1 < size)
			buf[len] = (char)ch;
		len++;
	}
	if (size > 0)
		buf[len < size ? len : size - 1] = '\0';
	return (int)len;
}

/*
 * Reads the whole line each time: it is short, asked for a dozen times at boot, and nothing needs
 * to be kept. The last one wins, so that whoever starts an image can add to a line that came with
 * it.
 */
int option_get(const char *key, char *buf, size_t size)
{
	struct cursor c = { plat_cmdline(), 0 };
	int len = -ERR_NOENT;

	while (next_word(&c) && !is_separator(c)) {
		if (take_key(&c, key))
			len = take_value(&c, buf, size);
		else
			take_value(&c, NULL, 0);
	}
	return len;
}
