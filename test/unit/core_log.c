/* SPDX-License-Identifier: MIT */
/*
 * core/log.c: what is printed, what is not, and how a machine ends that panics.
 */
#include <string.h>

#include "core/core.h"
#include "test/fake/boot.h"
#include "test/fake/fake.h"
#include "test/tap.h"

static char said[4000];

static void test_levels(void)
{
	fake_console_clear();
	log_line(LOG_ERR, "one %d", 1);
	log_line(LOG_WARN, "two");
	log_line(LOG_INFO, "three");
	ok(strcmp(fake_console(), "one 1\ntwo\n") == 0, "errors and warnings are printed");
	log_level = LOG_DEBUG;
	fake_console_clear();
	log_line(LOG_DEBUG, "four");
	ok(strcmp(fake_console(), "four\n") == 0, "with pith.log=debug everything is");
	log_level = LOG_ERR;
	fake_console_clear();
	log_line(LOG_WARN, "five");
	ok(fake_console()[0] == '\0', "with pith.log=err errors only");
}

static void test_line(void)
{
	char text[1000];

	fake_console_clear();
	log_line(LOG_ERR, "disk \"%s\"", "a\nb\033[2J\177\377\r");
	ok(strcmp(fake_console(), "disk \"a?b?[2J?\377?\"\n") == 0, "control characters from outside are not printed");
	memset(text, 'x', sizeof(text));
	for (size_t len = 390; len < 410; len++) {
		size_t printed;

		text[len] = '\0';
		fake_console_clear();
		log_line(LOG_ERR, "%s", text);
		text[len] = 'x';
		printed = strlen(fake_console());
		if (printed != (len < 400 ? len + 1 : 401) || fake_console()[printed - 1] != '\n')
			tap_bail("a line of the wrong length");
		if ((strstr(fake_console(), "...\n") != NULL) != (len >= 400))
			tap_bail("dots where nothing was cut, or none where it was");
	}
	ok(true, "a line is cut at 400 bytes, with dots");
}

static void panic(void)
{
	log_panic("it is %s", "broken");
}

static void panic_again(void)
{
	fake_on_backtrace = NULL;
	log_panic("again");
}

static void panic_twice(void)
{
	fake_on_backtrace = panic_again;
	log_panic("once");
}

static void test_panic(void)
{
	is(fake_dies(panic, said, sizeof(said)), FAKE_CRASH, "a panic is a crash to the host");
	ok(strncmp(said, "panic: it is broken\n", 20) == 0, "with its reason first");
	ok(strstr(said, "in thread boot") && strstr(said, "trap: at 0x"), "the thread and a backtrace");
	is(fake_dies(panic_twice, said, sizeof(said)), FAKE_CRASH, "a panic inside a panic ends as well");
	ok(strstr(said, "panic: once\n") && strstr(said, "panic: again\n") && !strstr(said, "trap:"), "and says both reasons");
}

int main(void)
{
	fake.quiet = true;
	fake_boot();
	test_levels();
	test_line();
	test_panic();
	return tap_done();
}
