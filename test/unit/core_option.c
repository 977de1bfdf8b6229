/* SPDX-License-Identifier: MIT */
/*
 * core/option.c: splitting against a real shell, options against splitting, and bytes from nowhere.
 *
 * Every line stands in memory of its own length, so that the sanitizer sees a read past its end.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/core.h"
#include "core/err.h"
#include "test/fake/fake.h"
#include "test/tap.h"

#define LINES 3000
#define WORDS 64

static char *copy_of(const char *line)
{
	size_t size = strlen(line) + 1;
	char *copy = malloc(size);

	return memcpy(copy, line, size);
}

/* ---- Against a shell ---- */

/* A random line of characters that a shell takes as they are, blanks, quotes and backslashes. */
static void make_line(char *line, size_t max)
{
	static const char set[] = "aab=-.,/  \t'\"\\";
	size_t len = fake_below(max);

	for (size_t i = 0; i < len; i++)
		line[i] = set[fake_below(sizeof(set) - 1)];
	line[len] = '\0';
}

/* Writes the words that we found as the script below writes a shell's. */
static void print_words(FILE *f, char **argv, int n)
{
	fprintf(f, "%d", n);
	for (int i = 0; i < n; i++)
		fprintf(f, "[%s]", argv[i]);
	fprintf(f, "\n");
}

static bool same_file(FILE *a, FILE *b)
{
	int ca, cb;

	do {
		ca = getc(a);
		cb = getc(b);
	} while (ca == cb && ca != EOF);
	return ca == cb;
}

static void test_shell(void)
{
	char line[40], *argv[WORDS], path[] = "/tmp/pith-option-XXXXXX", command[64];
	FILE *script = fdopen(mkstemp(path), "w"), *mine = tmpfile(), *shell;
	unsigned good = 0, bad = 0;

	for (int i = 0; i < LINES; i++) {
		char *copy;
		int n;

		make_line(line, sizeof(line));
		copy = copy_of(line);
		n = option_split(copy, argv, WORDS);
		if (n >= 0) {
			fprintf(script, "set -- %s\nprintf '%%d' $#; [ $# = 0 ] || printf '[%%s]' \"$@\"; echo\n", line);
			print_words(mine, argv, n);
		}
		good += n >= 0;
		bad += n == -ERR_INVAL;
		free(copy);
	}
	fclose(script);
	snprintf(command, sizeof(command), "/bin/sh %s", path);
	shell = popen(command, "r");
	rewind(mine);
	ok(same_file(mine, shell), "%u random lines are split as a shell splits them, seed %llu", good, (unsigned long long)fake.seed);
	ok(good + bad == LINES && bad > 100, "%u are refused", bad);
	pclose(shell);
	fclose(mine);
	unlink(path);
}

/* ---- Known lines ---- */

static const struct {
	const char *line;
	int n;
	const char *word[4];
} known[] = {
	{ "", 0, { 0 } },
	{ " \t\r\n ", 0, { 0 } },
	{ "a b", 2, { "a", "b" } },
	{ "  a   b  ", 2, { "a", "b" } },
	{ "'a b' \"c d\" e\\ f", 3, { "a b", "c d", "e f" } },
	{ "''", 1, { "" } },
	{ "a''b\"\"c", 1, { "abc" } },
	{ "'\\a' \"\\a\\\"\\\\\\$\\`\" \\'", 3, { "\\a", "\\a\"\\$`", "'" } },
	{ "A='x y'z", 1, { "A=x yz" } },
	{ "'open", -ERR_INVAL, { 0 } },
	{ "\"open", -ERR_INVAL, { 0 } },
	{ "\"open\\\"", -ERR_INVAL, { 0 } },
	{ "end\\", -ERR_INVAL, { 0 } },
	{ "-- a", 2, { "--", "a" } },
};

static void test_known(void)
{
	for (unsigned i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		char *argv[4], *copy = copy_of(known[i].line);
		int n = option_split(copy, argv, 4);
		bool same = n == known[i].n;

		for (int j = 0; same && j < n; j++)
			same = strcmp(argv[j], known[i].word[j]) == 0;
		ok(same, "split: %s", known[i].line[0] == ' ' ? "blanks" : known[i].line);
		free(copy);
	}
}

static void test_too_many(void)
{
	char *argv[3] = { NULL, NULL, (char *)test_too_many }, line[] = "a b c d e";

	is(option_split(line, argv, 2), 5, "more words than room are counted");
	ok(strcmp(argv[1], "b") == 0 && argv[2] == (char *)test_too_many, "and not stored");
}

/* ---- Options ---- */

static int get(const char *line, const char *key, char *buf, size_t size)
{
	fake.cmdline = line;
	return option_get(key, buf, size);
}

static void test_get(void)
{
	char buf[8];

	is(get("ip=off", "ip", buf, sizeof(buf)), 3, "an option");
	ok(strcmp(buf, "off") == 0, "and its value");
	is(get("", "ip", buf, sizeof(buf)), -ERR_NOENT, "no command line");
	is(get("a ip b", "ip", buf, sizeof(buf)), -ERR_NOENT, "a word that is no option");
	is(get("ipx=1 xip=2", "ip", buf, sizeof(buf)), -ERR_NOENT, "other keys");
	is(get("-- ip=off", "ip", buf, sizeof(buf)), -ERR_NOENT, "what is behind -- is the program's");
	is(get("a=-- ip=off", "ip", buf, sizeof(buf)), 3, "a value -- does not end ours");
	is(get("ip=", "ip", buf, sizeof(buf)), 0, "an empty value");
	ok(buf[0] == '\0', "is empty");
	get("ip=1 ip=2", "ip", buf, sizeof(buf));
	ok(strcmp(buf, "2") == 0, "the last one counts");
	is(get("ip='a b'\\ c", "ip", buf, sizeof(buf)), 5, "a value in quotes");
	ok(strcmp(buf, "a b c") == 0, "without them");
	is(get("ip=0123456789", "ip", buf, sizeof(buf)), 10, "a long value has its length");
	ok(strcmp(buf, "0123456") == 0, "and is cut");
	is(get("ip=1", "ip", NULL, 0), 1, "no room at all");
	is(get("ip='open", "ip", buf, sizeof(buf)), 4, "a quote that is not closed ends with the line");
	is(get("ip=1 -- ip=2", "ip", buf, sizeof(buf)), 1, "ours only");
}

/* What option_split() makes of a line tells what option_get() must find. */
static int model_get(const char *line, const char *key, char *buf, size_t size)
{
	char *copy = copy_of(line), *argv[WORDS];
	int n = option_split(copy, argv, WORDS), len = -ERR_NOENT;
	size_t klen = strlen(key);

	for (int i = 0; i < n && strcmp(argv[i], "--") != 0; i++)
		if (strncmp(argv[i], key, klen) == 0 && argv[i][klen] == '=')
			len = snprintf(buf, size, "%s", argv[i] + klen + 1);
	free(copy);
	return n < 0 ? -ERR_INVAL : len;
}

static void test_random(void)
{
	unsigned same = 0, looked = 0;

	for (int i = 0; i < 50000; i++) {
		static const char *const keys[] = { "a", "b", "aa", "ab", "" };
		const char *key = keys[fake_below(5)];
		char line[60], mine[16] = "unset", theirs[16] = "unset", *copy;
		size_t size = 1 + fake_below(15);
		int want, got;

		make_line(line, sizeof(line));
		copy = copy_of(line);
		want = model_get(line, key, theirs, size);
		got = get(copy, key, mine, size);
		if (want != -ERR_INVAL) { /* a line that is refused anyway */
			looked++;
			same += got == want && strcmp(mine, theirs) == 0;
		}
		free(copy);
	}
	ok(same == looked && looked > 10000, "%u random options are found as in the words", looked);
}

static void test_garbage(void)
{
	for (int i = 0; i < 5000; i++) {
		size_t len = fake_below(i % 10 ? 40 : 4096), used;
		char *line = malloc(len + 1), buf[32], *argv[8];

		for (size_t j = 0; j < len; j++)
			line[j] = (char)(1 + fake_below(255));
		line[len] = '\0';
		get(line, "ip", buf, fake_below(sizeof(buf)));
		used = strlen(line);
		if (used != len || option_split(line, argv, 8) > (int)len)
			tap_bail("a line has grown");
		free(line);
	}
	fake.cmdline = "";
	ok(true, "random bytes do no harm");
}

int main(void)
{
	test_known();
	test_too_many();
	test_shell();
	test_get();
	test_random();
	test_garbage();
	return tap_done();
}
