/* SPDX-License-Identifier: MIT */
#include "core/core.h"

/*
 * Text from numbers and numbers from text, without a C library.
 *
 * A conversion that is not in the list of core.h is copied as it stands, and so is everything after
 * it: from there on nobody knows what the arguments are. Output is counted even where the buffer
 * has ended, and the buffer ends with a NUL wherever it has a byte.
 */

#include "core/err.h"

/*
 * Where text goes. `len` runs on past the end of the buffer: it is the answer, and also tells where
 * the cut is.
 */
struct out {
	char *buf;
	size_t size;
	size_t len; /* that it would have had */
};

/* One conversion: %[-0][width][.precision][l|ll|z]letter */
struct spec {
	bool left, zero;
	int width, precision; /* precision -1: none */
	int longs;            /* 0: int, 1: l or z, 2: ll */
	char letter;
};

/*
 * The only place that writes. The last byte is kept for the NUL; a size of 0 leaves room for
 * nothing.
 */
static void put(struct out *o, char c)
{
	if (o->len + 1 < o->size)
		o->buf[o->len] = c;
	o->len++;
}

/*
 * n may be negative: a text that is wider than its field needs no padding, and callers need not
 * look.
 */
static void pad(struct out *o, char c, int n)
{
	for (; n > 0; n--)
		put(o, c);
}

/*
 * The precision bounds what is read, not only what is printed: "%.*s" is how bytes from a ring or a
 * packet are shown, which have no NUL. A NULL is a mistake, but a log line is no place to die from
 * it.
 */
static void put_string(struct out *o, const struct spec *s, const char *text)
{
	int len = 0;

	if (!text)
		text = "(null)";
	while ((s->precision < 0 || len < s->precision) && text[len])
		len++;
	pad(o, ' ', s->left ? 0 : s->width - len);
	for (int i = 0; i < len; i++)
		put(o, text[i]);
	pad(o, ' ', s->left ? s->width - len : 0);
}

/*
 * The digits of v, last one first; none for 0, whose one digit comes from the least precision of 1.
 * Returns how many.
 */
static int digits_of(char *digits, uint64_t v, unsigned base, const char *alphabet)
{
	int n = 0;

	for (; v; v /= base)
		digits[n++] = alphabet[v % base];
	return n;
}

/*
 * [blanks] prefix [zeros] digits [blanks]; the prefix is a sign or 0x. Zeros come from the
 * precision, or fill the field where the flag 0 asks for it: then they stand behind the prefix,
 * blanks would stand before it.
 */
static void put_number(struct out *o, const struct spec *s, const char *prefix, unsigned base, uint64_t v)
{
	char digits[20]; /* 2^64 has 20 */
	int n = digits_of(digits, v, base, s->letter == 'X' ? "0123456789ABCDEF" : "0123456789abcdef");
	int plen = prefix[0] ? prefix[1] ? 2 : 1 : 0;
	int zeros = (s->precision < 0 ? 1 : s->precision) - n;
	int blanks;

	if (zeros < 0)
		zeros = 0;
	/* A precision or a minus sign turns the flag 0 off (C11 7.21.6.1 p6). */
	if (s->zero && !s->left && s->precision < 0 && s->width > plen + zeros + n)
		zeros = s->width - plen - n;
	blanks = s->width - plen - zeros - n;
	pad(o, ' ', s->left ? 0 : blanks);
	for (int i = 0; i < plen; i++)
		put(o, prefix[i]);
	pad(o, '0', zeros);
	while (n > 0)
		put(o, digits[--n]);
	pad(o, ' ', s->left ? blanks : 0);
}

static void put_signed(struct out *o, const struct spec *s, int64_t v)
{
	/* Negated as unsigned: the least number has no positive twin. */
	put_number(o, s, v < 0 ? "-" : "", 10, v < 0 ? -(uint64_t)v : (uint64_t)v);
}

/*
 * The arguments, in a struct: a va_list is an array type here, which a function cannot be given a
 * pointer to in a portable way, and every reader must go on where the last one stopped.
 */
struct args {
	va_list ap;
};

/*
 * What is narrower than int comes as int (C11 6.5.2.2 p6); on x86-64 size_t and long are the same,
 * so z is l.
 */
static int64_t get_signed(struct args *a, int longs)
{
	return longs == 0 ? va_arg(a->ap, int) : longs == 1 ? va_arg(a->ap, long) : va_arg(a->ap, long long);
}

static uint64_t get_unsigned(struct args *a, int longs)
{
	return longs == 0 ? va_arg(a->ap, unsigned) : longs == 1 ? va_arg(a->ap, unsigned long) : va_arg(a->ap, unsigned long long);
}

/*
 * A width or precision: digits or *. Digits stop counting where no line of ours is that wide,
 * before they can overflow.
 */
static int get_count(const char **f, struct args *a)
{
	int n = 0;

	if (**f == '*') {
		(*f)++;
		n = va_arg(a->ap, int);
	}
	for (; **f >= '0' && **f <= '9'; (*f)++)
		n = n < 100000 ? n * 10 + (**f - '0') : n;
	return n;
}

/*
 * Reads what is behind a %, up to the letter, which may be the NUL where a format ends too early:
 * that is no conversion and ends everything. A negative precision from a * counts as none (C11
 * 7.21.6.1 p5).
 */
static struct spec get_spec(const char **f, struct args *a)
{
	struct spec s = { .precision = -1 };

	for (; **f == '-' || **f == '0'; (*f)++) {
		s.left |= **f == '-';
		s.zero |= **f == '0';
	}
	s.width = get_count(f, a);
	if (s.width < 0) { /* from a *: a minus sign and a width, which is cut before it is negated */
		s.left = true;
		s.width = s.width > -100000 ? -s.width : 100000;
	}
	if (**f == '.') {
		(*f)++;
		s.precision = get_count(f, a);
	}
	for (; (**f == 'l' && s.longs < 2) || (**f == 'z' && s.longs == 0); (*f)++)
		s.longs++;
	s.letter = **f;
	return s;
}

/* Prints one conversion. Returns false for a letter that is none. */
static bool convert(struct out *o, const struct spec *s, struct args *a)
{
	char c[2] = { 0, 0 };

	switch (s->letter) {
	case 'd':
	case 'i':
		put_signed(o, s, get_signed(a, s->longs));
		return true;
	case 'u':
		put_number(o, s, "", 10, get_unsigned(a, s->longs));
		return true;
	case 'x':
	case 'X':
		put_number(o, s, "", 16, get_unsigned(a, s->longs));
		return true;
	case 'p':
		put_number(o, s, "0x", 16, (uintptr_t)va_arg(a->ap, void *));
		return true;
	case 's':
		put_string(o, s, va_arg(a->ap, const char *));
		return true;
	case 'c':
		c[0] = (char)va_arg(a->ap, int);
		put_string(o, s, c);
		return true;
	case '%':
		put(o, '%');
		return true;
	default:
		return false;
	}
}

/*
 * No floating point: the core must work before and without a C library, and there is nothing in it
 * that is not counted in whole units.
 */
int fmt_vformat(char *buf, size_t size, const char *fmt, va_list ap)
{
	struct out o = { buf, size, 0 };
	struct args a;

	va_copy(a.ap, ap);
	while (*fmt) {
		const char *start = fmt;
		struct spec s;

		if (*fmt++ != '%') {
			put(&o, *start);
			continue;
		}
		s = get_spec(&fmt, &a);
		if (!convert(&o, &s, &a)) {
			while (*start)
				put(&o, *start++);
			break;
		}
		fmt++;
	}
	va_end(a.ap);
	if (size > 0)
		buf[o.len < size ? o.len : size - 1] = '\0';
	return (int)o.len;
}

int fmt_format(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = fmt_vformat(buf, size, fmt, ap);
	va_end(ap);
	return n;
}

/*
 * ---- Numbers from text ----
 *
 * Strict, since a number that is half understood is worse than an error: no blanks, no sign, no
 * octal, nothing behind the unit, and no value that wraps on the way.
 */

/* The value of a digit, 255 for what is none in any base. */
static unsigned digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0');
	if (c >= 'a' && c <= 'f')
		return (unsigned)(c - 'a') + 10;
	if (c >= 'A' && c <= 'F')
		return (unsigned)(c - 'A') + 10;
	return 255;
}

/* Units are powers of 1024, as memory is counted. 0: no unit. */
static unsigned suffix_shift(char c)
{
	switch (c) {
	case 'k':
	case 'K':
		return 10;
	case 'm':
	case 'M':
		return 20;
	case 'g':
	case 'G':
		return 30;
	default:
		return 0;
	}
}

int fmt_number(const char *s, uint64_t max, uint64_t *value)
{
	unsigned base = s[0] == '0' && (s[1] == 'x' || s[1] == 'X') ? 16 : 10;
	unsigned shift;
	uint64_t v = 0;
	const char *p = base == 16 ? s + 2 : s, *first = p;

	for (; digit_value(*p) < base; p++) {
		unsigned d = digit_value(*p);

		if (v > (UINT64_MAX - d) / base) /* v * base + d would wrap */
			return -ERR_INVAL;
		v = v * base + d;
	}
	if (p == first)
		return -ERR_INVAL;
	shift = suffix_shift(*p);
	if (shift)
		p++;
	/* The limit is shifted down, not the value up: so the comparison itself cannot wrap. */
	if (*p != '\0' || v > max >> shift)
		return -ERR_INVAL;
	*value = v << shift;
	return 0;
}
