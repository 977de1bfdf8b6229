/* SPDX-License-Identifier: MIT */
/*
 * What core/plat.h promises, looked at on whatever platform this is linked with.
 */
#include <string.h>

#include "core/err.h"
#include "core/x86/gate.h"
#include "test/contract/check.h"

/* How late a busy host may make us. */
#define LOOSE (400 * MS)
/* The calendar: 2024-01-01 and 2100-01-01 in ns since 1970. */
#define EARLY_DAY (UINT64_C(1704067200) * 1000 * MS)
#define LATE_DAY (UINT64_C(4102444800) * 1000 * MS)

static char in_data = 1, in_bss;

/* ---- Time ---- */

static void test_now(void)
{
	uint64_t first = plat_now(), last = first, now;
	bool back = false;

	for (int i = 0; i < 200000; i++) {
		now = plat_now();
		back |= now < last;
		last = now;
	}
	check(!back, "now: never goes back in 200000 looks");
	check(last > first, "now: goes on");
	check(last < 600000 * MS, "now: begins at plat_start(), not at some other time");
}

/* Sleeps as a caller must. Returns how often plat_wait() was called. */
static unsigned sleep_until(uint64_t deadline)
{
	unsigned waits = 0;

	while (plat_now() < deadline) {
		plat_wait(deadline);
		waits++;
	}
	return waits;
}

static void test_wait(void)
{
	static const uint64_t lengths[] = { 1, 1000, 50000, MS, 5 * MS, 30 * MS };
	uint64_t from = plat_now(), late = 0;
	unsigned waits = 0;

	plat_wait(0);
	plat_wait(from);
	check(plat_now() - from < LOOSE, "wait: returns at once where the deadline has passed");
	for (unsigned i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		uint64_t deadline = plat_now() + lengths[i], after;

		waits += sleep_until(deadline);
		after = plat_now();
		if (after - deadline > late)
			late = after - deadline;
	}
	check(late < LOOSE, "wait: at most %llu us late", (unsigned long long)late / 1000);
	check(waits < 1000, "wait: sleeps; %u waits for six deadlines", waits);
}

static void test_many_waits(void)
{
	uint64_t late = 0;

	for (int i = 0; i < 300; i++) {
		uint64_t deadline = plat_now() + check_random() % 300000, after;

		check_spin(check_random() % 50000);
		sleep_until(deadline);
		after = plat_now();
		if (after - deadline > late)
			late = after - deadline;
	}
	check(late < LOOSE, "wait: 300 deadlines, some past before the wait begins; none lost, at most %llu us late", (unsigned long long)late / 1000);
}

static void test_wall(void)
{
	uint64_t wall = plat_wall(), now = plat_now(), moved;

	if (wall == 0) {
		check_skip("wall: the calendar", "no calendar clock");
		return;
	}
	check(wall > EARLY_DAY && wall < LATE_DAY, "wall: is a time of this century: %llu", (unsigned long long)wall);
	sleep_until(plat_now() + 50 * MS);
	moved = plat_wall() - wall;
	now = plat_now() - now;
	check(moved + 2000 * MS > now && moved < now + 2000 * MS, "wall: goes as fast as now");
}

/* ---- Memory ---- */

static bool inside(const struct plat_range *v, size_t n, const void *p)
{
	for (size_t i = 0; i < n; i++)
		if ((uintptr_t)p >= v[i].base && (uintptr_t)p - v[i].base < v[i].len)
			return true;
	return false;
}

static void test_memory(void)
{
	struct plat_range v[32], one[2] = { { 1, 2 }, { 3, 4 } }, module;
	size_t n = plat_memory(v, 32), pages = 0;
	bool aligned = true, ascending = true;

	check(n >= 1 && n <= 32, "memory: %zu ranges", n);
	for (size_t i = 0; i < n; i++) {
		aligned &= v[i].base % PAGE_SIZE == 0 && v[i].len % PAGE_SIZE == 0 && v[i].len > 0;
		ascending &= v[i].base + v[i].len > v[i].base && (i == 0 || v[i].base >= v[i - 1].base + v[i - 1].len);
		pages += v[i].len / PAGE_SIZE;
	}
	check(aligned, "memory: ranges are of whole pages");
	check(ascending, "memory: in ascending order, none touches another's");
	check(page_total() <= pages && page_total() + 32 >= pages, "memory: the same at every call: %zu pages, %zu", pages, page_total());
	check(!inside(v, n, (void *)(uintptr_t)test_memory) && !inside(v, n, &in_data) && !inside(v, n, &in_bss) &&
		!inside(v, n, "constant"), "memory: without the image");
	check(!inside(v, n, plat_cmdline()), "memory: without the command line");
	check(plat_module(0, &module) != 0 || !inside(v, n, (void *)module.base), "memory: without boot modules");
	check(inside(v, n, &n), "memory: this stack is of it");
	check(plat_memory(one, 1) == 1 && one[0].base == v[0].base && one[1].base == 3, "memory: no more ranges than there is room for");
	check(plat_memory(one, 0) == 0, "memory: room for none");
}

/* Takes all of it, in pieces, and puts the pages in a list through themselves. */
static uintptr_t *take_all(size_t *pages)
{
	uintptr_t *list = NULL;

	*pages = 0;
	for (size_t n = page_unused(); n > 0; n /= 2) {
		char *p;

		while ((p = page_alloc(n)) != NULL) {
			for (size_t i = 0; i < n; i++) {
				uintptr_t *page = (uintptr_t *)(void *)(p + i * PAGE_SIZE);

				page[0] = (uintptr_t)list;
				page[PAGE_SIZE / sizeof(*page) - 1] = (uintptr_t)page;
				list = page;
			}
			*pages += n;
		}
	}
	return list;
}

static void test_every_page(void)
{
	size_t unused = page_unused(), taken, right = 0;
	uintptr_t *list = take_all(&taken);

	check(taken == unused && page_unused() == 0, "memory: all %zu pages can be had", taken);
	while (list) {
		uintptr_t *page = list;

		list = (uintptr_t *)page[0];
		right += page[PAGE_SIZE / sizeof(*page) - 1] == (uintptr_t)page;
		page_free(page, 1);
	}
	check(right == taken, "memory: each page can be written, and is itself alone");
}

/* ---- The rest ---- */

static void test_about(void)
{
	struct plat_about a = { 0 };
	struct plat_range m;
	unsigned n = 0;

	plat_about(&a);
	check(a.platform && a.machine && a.accelerator && a.clock && a.boot, "about: every word is there");
	check_say("# platform %s, machine %s, accelerator %s, clock %s, boot %s", a.platform, a.machine, a.accelerator, a.clock, a.boot);
	check(strlen(plat_cmdline()) <= 4095, "cmdline: at most 4095 bytes");
	check(plat_cmdline() == plat_cmdline(), "cmdline: stays where it is");
	while (n < 1000 && plat_module(n, &m) == 0)
		n++;
	check(n < 1000 && plat_module(n + 1, &m) == -ERR_NOENT && plat_module(UINT32_MAX, &m) == -ERR_NOENT, "module: past the last there is none");
}

static void test_random(void)
{
	static unsigned char a[8192], b[8192];
	bool seen[256] = { false };
	unsigned values = 0;

	memset(a, 0x55, sizeof(a));
	if (plat_random(a, sizeof(a)) == -ERR_AGAIN) {
		for (size_t i = 0; i < sizeof(a); i++)
			values += a[i] != 0x55;
		check(values == 0, "random: untouched where there is no entropy");
		return;
	}
	plat_random(b, sizeof(b));
	check(memcmp(a, b, sizeof(a)) != 0, "random: two draws differ");
	for (size_t i = 0; i < sizeof(a); i++) {
		values += !seen[a[i]];
		seen[a[i]] = true;
	}
	check(values == 256, "random: every byte comes up");
	memset(a, 0x55, 64);
	check(plat_random(a + 8, 13) == 0 && a[7] == 0x55 && a[21] == 0x55 && plat_random(a, 0) == 0 && a[0] == 0x55,
		"random: as many bytes as asked for");
}

static void test_console(void)
{
	char buf[16] = "untouched";
	uint64_t from = plat_now();

	plat_console_write("", 0);
	plat_console_write("# this line ", 12);
	plat_console_flush();
	plat_console_write("is one\n", 7);
	plat_console_flush();
	check(plat_console_read(buf, 0) == 0, "console: no room, no keys");
	check(plat_console_read(buf, sizeof(buf)) == 0 && strcmp(buf, "untouched") == 0, "console: nothing typed, nothing read");
	for (int i = 0; i < 30; i++)
		plat_console_write("# a healthy console takes what it is given, sixty-four bytes each.\n", 67);
	plat_console_flush();
	check(plat_now() - from < 5000 * MS, "console: does not block");
	check(!plat_asked_to_stop(), "asked to stop: nobody has");
}

static void test_seal(void)
{
	char *p = page_alloc(2);

	plat_seal();
	check(gate_map((uintptr_t)p, PAGE_SIZE, GATE_READ | GATE_EXEC) == -ERR_PERM, "seal: nothing becomes executable any more");
	check(gate_map((uintptr_t)p, PAGE_SIZE, 0) == 0 && gate_map((uintptr_t)p, PAGE_SIZE, GATE_READ | GATE_WRITE) == 0,
		"seal: memory can still be unmapped and mapped");
	p[0] = 1;
	page_free(p, 2);
	test_now();
	test_wait();
	test_random();
}

_Noreturn void core_main(void)
{
	check_seed();
	test_about();
	test_now();
	test_wait();
	test_many_waits();
	test_wall();
	test_memory();
	test_every_page();
	test_random();
	test_console();
	test_seal();
	check_done();
}
