/* SPDX-License-Identifier: MIT */
/*
 * Test points for programs that stand on core's headers alone: TAP by fmt.c on the console.
 *
 * A contract test is the same source on every platform. It defines core_main(), which calls check() and
 * ends with check_done(). The machine's command line may say PITH_SEED=N; it is printed in any case.
 */
#ifndef TEST_CONTRACT_CHECK_H
#define TEST_CONTRACT_CHECK_H

#include "core/core.h"
#include "core/plat.h"

#define MS UINT64_C(1000000) /* ns */

static unsigned check_points, check_failures;
static uint64_t check_state;

__attribute__((format(printf, 1, 0))) static void check_print(const char *fmt, va_list ap)
{
	char line[200];
	int n = fmt_vformat(line, sizeof(line) - 1, fmt, ap);

	if (n > (int)sizeof(line) - 2)
		n = (int)sizeof(line) - 2;
	line[n++] = '\n';
	plat_console_write(line, (size_t)n);
}

__attribute__((format(printf, 1, 2), unused)) static void check_say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	check_print(fmt, ap);
	va_end(ap);
}

/* One point: a promise, and whether it was kept. Returns that. */
__attribute__((format(printf, 2, 3), unused)) static bool check(bool good, const char *fmt, ...)
{
	char name[160];
	va_list ap;

	va_start(ap, fmt);
	fmt_vformat(name, sizeof(name), fmt, ap);
	va_end(ap);
	check_failures += !good;
	check_say("%sok %u - %s", good ? "" : "not ", ++check_points, name);
	return good;
}

/* A promise that cannot be looked at on this machine, and why. */
__attribute__((unused)) static void check_skip(const char *name, const char *why)
{
	check_say("ok %u - %s # SKIP %s", ++check_points, name, why);
}

/* Prints the plan and ends the machine; the status is 1 when a promise was broken. */
__attribute__((unused)) static _Noreturn void check_done(void)
{
	check_say("1..%u", check_points);
	plat_console_flush();
	plat_exit(PLAT_OFF, check_failures != 0);
}

/* A random number; the first call settles the seed. */
__attribute__((unused)) static uint64_t check_random(void)
{
	uint64_t z;

	z = check_state += 0x9e3779b97f4a7c15u;
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

__attribute__((unused)) static void check_seed(void)
{
	char text[24];

	if (option_get("PITH_SEED", text, sizeof(text)) < 0 || fmt_number(text, UINT64_MAX, &check_state) < 0)
		plat_random(&check_state, sizeof(check_state));
	check_say("# PITH_SEED=%llu", (unsigned long long)check_state);
}

/* Computes until the clock says so, without giving anybody a turn. */
__attribute__((unused)) static void check_spin(uint64_t ns)
{
	uint64_t until = plat_now() + ns;

	while (plat_now() < until)
		;
}

#endif
