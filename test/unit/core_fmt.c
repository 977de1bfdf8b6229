/* SPDX-License-Identifier: MIT */
/*
 * core/fmt.c against the host's snprintf and strtoull on random formats, values and buffer sizes.
 */
#include <stdlib.h>
#include <string.h>

#include "core/core.h"
#include "core/err.h"
#include "test/fake/fake.h"
#include "test/tap.h"

#define ROUNDS 100000

/* Numbers whose ends matter, or any. */
static uint64_t number(void)
{
	static const uint64_t v[] = { 0, 1, 9, 10, 15, 16, INT32_MAX, (uint64_t)INT32_MIN, UINT32_MAX, INT64_MAX, (uint64_t)INT64_MIN, UINT64_MAX };

	return fake_chance(4000) ? v[fake_below(12)] : fake_random() >> fake_below(64);
}

/* Appends a random field width or nothing; * takes it from *star. */
static void add_count(char *format, bool *starred, int *star)
{
	size_t len = strlen(format);

	*star = (int)fake_below(25) - 5;
	switch (fake_below(3)) {
	case 0:
		*starred = true;
		strcpy(format + len, "*");
		break;
	case 1:
		sprintf(format + len, "%u", (unsigned)fake_below(25) + 1);
	}
}

/* One random conversion, between other text. Returns its letter. */
static char make_format(char *format, bool *width, int *w, bool *precision, int *p, const char **size)
{
	static const char *const sizes[] = { "", "l", "ll", "z" };
	char letter = "diuxXpsc"[fake_below(8)], last[2] = { letter, 0 };
	bool numeric = letter != 's' && letter != 'c' && letter != 'p';

	*width = *precision = false;
	strcpy(format, "a%%b %");
	if (fake_chance(3000))
		strcat(format, "-");
	if (fake_chance(3000) && numeric)
		strcat(format, "0");
	add_count(format, width, w);
	*p = 0;
	if (fake_chance(4000) && letter != 'c' && letter != 'p') {
		strcat(format, ".");
		add_count(format, precision, p);
	}
	*size = numeric ? sizes[fake_below(4)] : "";
	strcat(strcat(format, *size), last);
	strcat(format, " %s");
	return letter;
}

#define BOTH(value) do { \
	if (width && precision) { \
		got = fmt_format(mine, room, format, w, p, value, tail); \
		want = snprintf(theirs, room, format, w, p, value, tail); \
	} else if (width || precision) { \
		got = fmt_format(mine, room, format, width ? w : p, value, tail); \
		want = snprintf(theirs, room, format, width ? w : p, value, tail); \
	} else { \
		got = fmt_format(mine, room, format, value, tail); \
		want = snprintf(theirs, room, format, value, tail); \
	} \
} while (0)

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"

static bool agree(void)
{
	static const char *const texts[] = { "", "x", "some text", "a longer text, with a comma" };
	const char *size, *tail = texts[fake_below(4)];
	char format[64], mine[96], theirs[96];
	size_t room = fake_below(sizeof(mine));
	uint64_t v = number();
	bool width, precision;
	int w, p, got, want;
	char letter = make_format(format, &width, &w, &precision, &p, &size);

	memset(mine, '#', sizeof(mine));
	memset(theirs, '#', sizeof(theirs));
	if (letter == 's')
		BOTH(texts[v % 4]);
	else if (letter == 'p')
		BOTH((void *)(uintptr_t)(v | 1));
	else if (letter == 'c')
		BOTH((int)(' ' + v % 90));
	else if (size[0])
		BOTH((unsigned long)v);
	else
		BOTH((unsigned)v);
	if (got == want && memcmp(mine, theirs, sizeof(mine)) == 0)
		return true;
	tap_diag("format %s, %d %d, value %#llx, room %zu: \"%.90s\" %d, not \"%.90s\" %d", format, w, p, (unsigned long long)v, room,
		room ? mine : "", got, room ? theirs : "", want);
	return false;
}

#pragma GCC diagnostic pop

static char buf[64];

/* fmt_format() for formats that compilers warn of. */
static int odd(size_t size, const char *format, ...)
{
	va_list ap;
	int n;

	va_start(ap, format);
	n = fmt_vformat(size ? buf : NULL, size, format, ap);
	va_end(ap);
	return n;
}

static void test_odd(void)
{
	is(odd(sizeof(buf), "%s", (char *)NULL), 6, "a string that is none");
	ok(strcmp(buf, "(null)") == 0, "has a name");
	odd(sizeof(buf), "%d %f %d", 1, 2.0, 3);
	ok(strcmp(buf, "1 %f %d") == 0, "an unknown conversion is copied, and all after it: %s", buf);
	odd(sizeof(buf), "100%");
	ok(strcmp(buf, "100%") == 0, "a percent sign at the end");
	odd(sizeof(buf), "%.3s|", "abcdef");
	ok(strcmp(buf, "abc|") == 0, "a precision cuts a string");
	is(odd(0, "%5d", 1), 5, "no buffer, still a length");
	ok(odd(sizeof(buf), "%99999999999d", 1) >= 99999, "an absurd width ends somewhere");
	is(odd(sizeof(buf), "%llu %zx", 18446744073709551615ull, (size_t)-1), 37, "the largest numbers");
}

/* ---- Numbers from text ---- */

/* What fmt_number() promises, by way of strtoull. */
static int model_number(const char *s, uint64_t max, uint64_t *value)
{
	bool hex = s[0] == '0' && (s[1] == 'x' || s[1] == 'X');
	const char *digits = hex ? s + 2 : s, *set = hex ? "0123456789abcdefABCDEF" : "0123456789", *unit;
	size_t n = strspn(digits, set);
	char copy[64];
	unsigned __int128 v = 0;

	if (n == 0 || n > 40)
		return -ERR_INVAL;
	memcpy(copy, digits, n);
	copy[n] = '\0';
	for (size_t i = 0; i < n; i++) {
		char d[2] = { copy[i], 0 };

		v = v * (hex ? 16 : 10) + strtoul(d, NULL, 16);
		if (v > UINT64_MAX)
			return -ERR_INVAL;
	}
	unit = digits + n;
	if (*unit && strchr("kKmMgG", *unit))
		v <<= strchr("kK", *unit) ? 10 : strchr("mM", *unit) ? 20 : 30, unit++;
	if (*unit || v > max)
		return -ERR_INVAL;
	*value = (uint64_t)v;
	return 0;
}

static bool numbers_agree(void)
{
	static const char set[] = "0123456789abcfxXkKmMgG -+.";
	uint64_t mine = 7, theirs = 7, max = fake_chance(5000) ? UINT64_MAX : number();
	char text[48];
	size_t len = 0;

	switch (fake_below(3)) {
	case 0:
		len = (size_t)sprintf(text, "%llu", (unsigned long long)number());
		break;
	case 1:
		len = (size_t)sprintf(text, "0x%llX", (unsigned long long)number());
	}
	while (fake_chance(4000) && len < 30)
		text[len++] = set[fake_below(sizeof(set) - 1)];
	text[len] = '\0';
	if (fmt_number(text, max, &mine) == model_number(text, max, &theirs) && mine == theirs)
		return true;
	tap_diag("number \"%s\", max %llu: %llu, not %llu", text, (unsigned long long)max, (unsigned long long)mine, (unsigned long long)theirs);
	return false;
}

int main(void)
{
	unsigned i = 0;

	while (i < ROUNDS && agree())
		i++;
	ok(i == ROUNDS, "%u random formats are as snprintf has them, seed %llu", i, (unsigned long long)fake.seed);
	test_odd();
	for (i = 0; i < ROUNDS && numbers_agree(); i++)
		;
	ok(i == ROUNDS, "%u random numbers are read as the model reads them", i);
	return tap_done();
}
