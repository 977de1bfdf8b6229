/* SPDX-License-Identifier: MIT */
/*
 * Test points for programs of the host: TAP on stdout.
 *
 * One program, one file of tests: include this once, call ok() and is(), end main() with
 * `return tap_done();`. Property tests count what they looked at and make one point of it.
 */
#ifndef TEST_TAP_H
#define TEST_TAP_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

static unsigned tap_points, tap_failures;

/* One point: what must be so, and its name as a format. Returns whether it was. */
#define ok(...) tap_ok(__FILE__, __LINE__, __VA_ARGS__)

__attribute__((format(printf, 4, 5), unused)) static bool tap_ok(const char *file, int line, bool good, const char *fmt, ...)
{
	va_list ap;

	printf("%sok %u - ", good ? "" : "not ", ++tap_points);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	if (!good) {
		tap_failures++;
		printf("# failed at %s:%d\n", file, line);
	}
	fflush(stdout);
	return good;
}

/* One point: two numbers that must be equal, and what they are. */
#define is(got, want, name) tap_is(__FILE__, __LINE__, (long long)(got), (long long)(want), name)

__attribute__((unused)) static bool tap_is(const char *file, int line, long long got, long long want, const char *name)
{
	bool good = tap_ok(file, line, got == want, "%s", name);

	if (!good)
		printf("# got %lld, wanted %lld\n", got, want);
	return good;
}

/* A remark. */
__attribute__((format(printf, 1, 2), unused)) static void tap_diag(const char *fmt, ...)
{
	va_list ap;

	printf("# ");
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
}

/* A point that cannot be looked at here, and why. */
__attribute__((unused)) static void tap_skip(const char *why)
{
	printf("ok %u # SKIP %s\n", ++tap_points, why);
}

/* Ends the program without a plan: nothing after this would make sense. */
__attribute__((unused)) static _Noreturn void tap_bail(const char *why)
{
	printf("Bail out! %s\n", why);
	fflush(stdout);
	exit(1);
}

/* Prints the plan. Returns main()'s status. */
__attribute__((unused)) static int tap_done(void)
{
	printf("1..%u\n", tap_points);
	return tap_failures != 0;
}

#endif
