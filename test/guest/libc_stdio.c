/* SPDX-License-Identifier: MIT */
/*
 * stdio and strings as C99 and POSIX have them: runs in a guest and, the same source, on the host.
 */
#include <errno.h>
#include <fcntl.h>
#include <float.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "test/tap.h"

static char text[512];

static void same(const char *want, int len, const char *what)
{
	bool good = !strcmp(text, want) && len == (int)strlen(want);

	ok(good, "%s", what);
	if (!good)
		tap_diag("got `%s' (%d), wanted `%s'", text, len, want);
}

#define prints(want, ...) same(want, snprintf(text, sizeof text, __VA_ARGS__), #__VA_ARGS__)

static void integers(void)
{
	prints("-42|  +7|0x1f|037", "%d|%+4d|%#x|%#o", -42, 7, 31, 31);
	prints("00042|42   |   42", "%05d|%-5d|%5d", 42, 42, 42);
	prints("9223372036854775807 -9223372036854775808", "%lld %lld", LLONG_MAX, LLONG_MIN);
	prints("18446744073709551615 ffffffffffffffff", "%llu %llx", ULLONG_MAX, ULLONG_MAX);
	prints("12 -3 200", "%hhd %hd %hhu", (signed char)12, (short)-3, (unsigned char)200);
	prints("18446744073709551615 -1 -9223372036854775808", "%zu %td %jd", SIZE_MAX, (ptrdiff_t)-1, INTMAX_MIN);
	prints("4294967295 18446744073709551615", "%" PRIu32 " %" PRIu64, UINT32_MAX, UINT64_MAX);
	prints("   00012|00012   ", "%8.5d|%-8.5d", 12, 12);
	prints("[]", "[%.0d]", 0);
	prints("  abc|abc  |ab", "%5s|%-5s|%.2s", "abc", "abc", "abc");
	prints("  x|%", "%*c|%%", 3, 'x');
}

static void floats(void)
{
	prints("3.141593 3.14 3 3.", "%f %.2f %.0f %#.0f", M_PI, M_PI, M_PI, M_PI);
	prints("1.000000e+10 1e+10 1e-05", "%e %g %g", 1e10, 1e10, 1e-5);
	prints("123456 1.23457e+06 0.0001", "%g %g %g", 123456.0, 1234567.0, 0.0001);
	prints("inf -inf nan INF", "%f %f %f %F", HUGE_VAL, -HUGE_VAL, (double)NAN, HUGE_VAL);
	prints("0x1p+0 0x1.8p+1", "%a %a", 1.0, 3.0);
	prints("1.7976931348623157e+308", "%.17g", DBL_MAX);
	prints("2.2250738585072014e-308", "%.17g", DBL_MIN);
	prints("4.9406564584124654e-324", "%.17g", 4.9406564584124654e-324);
	prints("0.1000000000000000055511151231257827", "%.34f", 0.1);
	prints("-0.0 +1.5   2.25", "%.1f %+.1f %6.2f", -0.0, 1.5, 2.25);
	prints("2 4 0.12 1.0", "%.0f %.0f %.2f %.1f", 2.5, 3.5, 0.125, 0.95 + 0.05);
	prints("1.500000 2.5", "%Lf %.1Lf", 1.5L, 2.5L);
}

static void lengths(void)
{
	char small[4];
	const char *volatile word = "hello"; /* compilers warn of what is tested here */
	int n = -1;

	is(snprintf(NULL, 0, "%s", "hello"), 5, "snprintf tells the length without a buffer");
	is(snprintf(small, sizeof small, "%s", word), 5, "and with one that is too small");
	ok(!strcmp(small, "hel"), "which it ends with a NUL");
	snprintf(text, sizeof text, "ab%ncd", &n);
	is(n, 2, "%%n counts");
}

static void scanning(void)
{
	long long big = 0;
	unsigned hex = 0;
	double d = 0;
	float f = 0;
	int i = 0, n = 0;
	char word[16] = "", set[16] = "";

	is(sscanf("12 0x1f 2.5 -1e3 word", "%d %x %lf %f %15s", &i, &hex, &d, &f, word), 5, "sscanf finds five");
	ok(i == 12 && hex == 31 && d == 2.5 && f == -1000.0f && !strcmp(word, "word"), "and reads them right");
	is(sscanf("9223372036854775807", "%lld", &big), 1, "sscanf reads a long long");
	ok(big == LLONG_MAX, "the largest");
	is(sscanf("abc123", "%[a-z]%d%n", set, &i, &n), 2, "sscanf knows sets");
	ok(!strcmp(set, "abc") && i == 123 && n == 6, "and their ends");
	is(sscanf("", "%d", &i), EOF, "sscanf of nothing is EOF");
	is(sscanf("x", "%d", &i), 0, "of something else 0");
}

static void numbers(void)
{
	char *end;

	ok(strtol("  -0x1F!", &end, 16) == -31 && *end == '!', "strtol reads hexadecimal");
	errno = 0;
	ok(strtol("99999999999999999999", NULL, 10) == LONG_MAX && errno == ERANGE, "strtol stops at the largest with ERANGE");
	errno = 0;
	ok(strtoull("18446744073709551615", NULL, 10) == ULLONG_MAX && errno == 0, "strtoull reads the largest without");
	ok(strtod("1e400", NULL) == HUGE_VAL, "strtod of too much is infinite");
	ok(strtod("0x1.8p1", NULL) == 3.0, "strtod reads hexadecimal");
	ok(strtod("1.7976931348623157e308", NULL) == DBL_MAX, "strtod reads the largest double");
	ok(strtod("0.1", NULL) == 0.1 && strtod("123456789.123456789", NULL) == 123456789.123456789, "strtod rounds as the compiler");
}

static void streams(void)
{
	FILE *f = fopen("/dev/null", "w");
	char buf[64];

	ok(f && fprintf(f, "gone\n") == 5 && fflush(f) == 0, "fprintf to /dev/null");
	ok(f && fclose(f) == 0, "fclose");
	f = fopen("/dev/zero", "rb");
	memset(buf, 1, sizeof buf);
	ok(f && fread(buf, 1, sizeof buf, f) == sizeof buf && !buf[0] && !buf[63], "fread from /dev/zero");
	ok(f && ungetc('x', f) == 'x' && fgetc(f) == 'x' && fgetc(f) == 0, "ungetc");
	if (f)
		fclose(f);
	errno = 0;
	ok(!fopen("/not/there", "r") && errno == ENOENT, "fopen of what is not there is ENOENT");
	f = fopen("/dev/null", "r");
	ok(f && fgetc(f) == EOF && feof(f) && !ferror(f), "the end of a file is no error");
	if (f)
		fclose(f);
	f = fopen("/dev/full", "w");
	ok(f && setvbuf(f, NULL, _IONBF, 0) == 0 && fputc('x', f) == EOF && errno == ENOSPC, "a full device is ENOSPC");
	if (f)
		fclose(f);
}

static void memory_streams(void)
{
	char *data = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&data, &size);

	ok(f && fprintf(f, "%d-%s", 5, "five") == 6 && fclose(f) == 0, "open_memstream writes");
	ok(data && size == 6 && !strcmp(data, "5-five"), "and gives the text");
	free(data);
	f = fmemopen((char[]){ "one\ntwo\n" }, 8, "r");
	ok(f && fgets(text, sizeof text, f) && !strcmp(text, "one\n"), "fmemopen reads a line");
	ok(f && fseek(f, 0, SEEK_END) == 0 && ftell(f) == 8, "and seeks");
	if (f)
		fclose(f);
}

static void pipes(void)
{
	int fds[2];
	FILE *in, *out;
	char *line = NULL;
	size_t size = 0;

	if (!ok(pipe(fds) == 0, "pipe"))
		return;
	in = fdopen(fds[0], "r");
	out = fdopen(fds[1], "w");
	ok(in && out, "fdopen both ends");
	fprintf(out, "first line\nsecond");
	fclose(out);
	ok(getline(&line, &size, in) == 11 && !strcmp(line, "first line\n"), "getline reads a line");
	ok(getline(&line, &size, in) == 6 && !strcmp(line, "second"), "and one that is not ended");
	is(getline(&line, &size, in), -1, "and then no more");
	free(line);
	fclose(in);
}

static void strings(void)
{
	char buf[32];

	ok(!strcmp(strerror(ENOENT), "No such file or directory"), "strerror knows ENOENT");
	ok(strerror(ENOSYS) && strerror(12345), "and has something to say for others");
	memcpy(buf, "0123456789", 11);
	memmove(buf + 2, buf, 8);
	ok(!memcmp(buf, "0101234567", 10), "memmove upwards");
	memmove(buf, buf + 2, 8);
	ok(!memcmp(buf, "01234567", 8), "memmove downwards");
	ok(strstr("haystack", "st") && !strstr("haystack", "x") && !memchr("abc", 'd', 3), "strstr, memchr");
	strcpy(buf, "a,b;c");
	ok(!strcmp(strtok(buf, ",;"), "a") && !strcmp(strtok(NULL, ",;"), "b") && !strcmp(strtok(NULL, ",;"), "c") && !strtok(NULL, ",;"),
		"strtok");
}

int main(void)
{
	integers();
	floats();
	lengths();
	scanning();
	numbers();
	streams();
	memory_streams();
	pipes();
	strings();
	return tap_done();
}
