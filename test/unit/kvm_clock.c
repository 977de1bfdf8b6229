/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include <stdio.h>

/*
 * kvm/clock.c, steer.c, rtc.c and intr.c on the fake machine, whose true time is known: how far
 * off plat_now() is, how fast it gets better, that it never goes back, that sleeps end when they
 * should, and the calendar.
 */

#include <stdlib.h>
#include <string.h>

#include "core/core.h"
#include "core/plat.h"
#include "test/child.h"
#include "test/fake/vmm.h"
#include "test/tap.h"

#define MS 1000000ull
#define S 1000000000ull

static uint64_t hz = 2600000000ull;
static uint64_t began; /* true time at plat_start() */

static void boot(void)
{
	vmm.quiet = true;
	vmm.tsc_hz = hz;
	vmm_start();
	vmm_advance(vmm_below(10 * S));
	began = vmm_time();
	plat_start();
}

static int64_t error(void)
{
	uint64_t before = vmm_time(), now = plat_now();

	return (int64_t)(now - (before - began));
}

static uint64_t size_of(int64_t e)
{
	return (uint64_t)(e < 0 ? -e : e);
}

/*
 * Asks at random moments up to `until` after the start. Error: at most `ppm` of the time passed
 * plus `slack` ns, from `from` on.
 */
static void watch(uint64_t from, uint64_t until, uint64_t ppm, uint64_t slack)
{
	uint64_t last = plat_now();

	while (vmm_time() - began < until) {
		uint64_t passed = vmm_time() - began, now;

		vmm_advance(vmm_below(passed / 8 + 1000));
		if (vmm_below(3) == 0)
			plat_wait(plat_now() + vmm_below(20 * MS));
		now = plat_now();
		must(now >= last);
		last = now;
		passed = vmm_time() - began;
		if (passed > from && size_of(error()) > passed / 1000000 * ppm + slack) {
			printf("# after %lu ns: error %ld ns\n", (unsigned long)passed, (long)error());
			must(!"the clock is right");
		}
	}
}

/* ---- steered by a reference ---- */

static void run_steered(void)
{
	boot();
	plat_seal();
	watch(20 * MS, 1 * S, 3000, 20000);
	watch(1 * S, 300 * S, 20, 40000);
	must(size_of(error()) < 200000);
}

static void run_steered_pit(void)
{
	vmm.no_pm = true;
	run_steered();
}

/*
 * The rate itself, measured from outside: 0.5 % over a millisecond after 2 ms, 100 ppm over a
 * second after a second.
 */
static void run_rate(void)
{
	uint64_t true_start, start;

	vmm.no_pm = vmm_below(2);
	boot();
	for (unsigned i = 0; i < 200; i++) {
		(void)plat_now();
		vmm_advance(30000);
	}
	true_start = vmm_time();
	start = plat_now();
	vmm_advance(MS);
	must(size_of((int64_t)((plat_now() - start) - (vmm_time() - true_start))) < 5000 + 3000);
	watch(10 * S, 5 * S, 1000000, S);
	true_start = vmm_time();
	start = plat_now();
	vmm_advance(S);
	must(size_of((int64_t)((plat_now() - start) - (vmm_time() - true_start))) < 100000);
}

/* Nobody waits for a calibration: the first question costs microseconds. */
static void run_first(void)
{
	uint64_t before;

	boot();
	before = vmm_time();
	must(plat_now() < MS);
	must(vmm_time() - before < 200000);
	must(size_of(error()) < 200000);
}

/* Asked for the first time long after the start, the clock is late but counts right from there. */
static void run_late(void)
{
	uint64_t start, true_start;

	vmm.no_pm = true;
	boot();
	vmm_advance(3 * S);
	(void)plat_now();
	watch(100 * S, 4 * S, 1000000, 10 * S);
	start = plat_now();
	true_start = vmm_time();
	vmm_advance(S);
	must(size_of((int64_t)((plat_now() - start) - (vmm_time() - true_start))) < 2 * MS);
}

/* Without anybody asking for hours, and then again. */
static void run_gap(void)
{
	boot();
	watch(20 * MS, 100 * S, 3000, 20000);
	vmm_advance(3600 * S);
	(void)plat_now();
	must(size_of(error()) < 100 * MS);
	watch(3700 * S, 3800 * S, 50, 0);
}

static void run_no_reference(void)
{
	struct plat_about about;

	vmm.no_pm = vmm.no_pit = true;
	boot();
	(void)plat_now();
	plat_about(&about);
	must(!strcmp(about.clock, "tsc+lapic") && strstr(vmm_log(), "clock: nothing tells the rate of the TSC"));
	watch(10 * MS, 10 * S, 30000, MS);
}

/* ---- told ---- */

static void run_kvmclock(void)
{
	struct plat_about about;

	vmm.kvmclock = true;
	vmm.deadline = vmm_below(2);
	boot();
	plat_seal();
	plat_about(&about);
	must(!strcmp(about.clock, "kvmclock") && !strcmp(about.accelerator, "kvm"));
	watch(0, 300 * S, 1, 20000);
	must(plat_wall() / S >= 1700000000);
	must(size_of((int64_t)(plat_wall() - (1700000000 * S + S / 2 + 77 + plat_now()))) < S);
}

/* The host sets its clock back, is caught in the midst of writing, and never finishes. */
static void run_kvmclock_back(void)
{
	uint64_t last, time, i;

	vmm.kvmclock = true;
	boot();
	vmm_advance(10 * S);
	last = plat_now();
	memcpy(&time, vmm.kvmclock_page + 4, 8);
	time -= 5 * S;
	memcpy(vmm.kvmclock_page + 4, &time, 8);
	for (i = 0; i < 10; i++) {
		must(plat_now() >= last);
		last = plat_now();
		vmm_advance(S);
	}
	must(last > 14 * S);
	vmm.kvmclock_page[0]++;
	must(plat_now() >= last);
}

static void run_crystal(void)
{
	struct plat_about about;

	vmm.crystal_hz = 1000000;
	boot();
	plat_about(&about);
	must(!strcmp(about.clock, "tsc"));
	watch(0, 100 * S, 1, 20000);
}

static void run_khz(void)
{
	vmm.tsc_khz_told = hz / 1000;
	vmm.deadline = true;
	boot();
	plat_seal();
	watch(0, 100 * S, 1, 20000);
}

/* ---- sleeping ---- */

/*
 * A sleep ends at its deadline, soon after it, or early for no reason; a loop around it is what
 * callers have.
 */
static void sleep_loop(void)
{
	for (unsigned i = 0; i < 300; i++) {
		uint64_t start = plat_now(), want = vmm_below(i % 3 ? 3 * MS : 10 * S);
		unsigned turns = 0;

		while (plat_now() < start + want) {
			plat_wait(start + want);
			must(++turns < 300); /* some microseconds are not slept but asked for again */
		}
		must(plat_now() - start - want < 200000 + want / 100);
	}
}

static void run_sleeps(void)
{
	boot();
	plat_seal();
	sleep_loop();
}

static void run_sleeps_kvm(void)
{
	vmm.kvmclock = vmm.deadline = true;
	run_sleeps();
}

static void run_sleeps_told(void)
{
	vmm.tsc_khz_told = hz / 1000;
	vmm.deadline = true;
	run_sleeps();
}

static void run_sleeps_pit(void)
{
	vmm.no_pm = true;
	run_sleeps();
}

/* More than 32 bits of the LAPIC's timer. */
static void run_long_sleep(void)
{
	uint64_t end;

	vmm.kvmclock = true;
	boot();
	plat_seal();
	end = plat_now() + 100 * S;
	while (plat_now() < end)
		plat_wait(end);
	must(plat_now() - end < MS);
	must(vmm.wakes < 40);
}

static void run_past(void)
{
	uint64_t before;

	boot();
	(void)plat_now();
	before = vmm.wakes;
	plat_wait(0);
	plat_wait(plat_now());
	must(vmm.wakes == before);
}

/* ---- the calendar ---- */

static void run_calendar(void)
{
	boot();
	plat_seal();
	/* 2024-02-29 23:59:58, which becomes 2024-03-01 00:00:01 while it is read */
	must(plat_wall() / S >= 1709251199 && plat_wall() / S <= 1709251203);
	vmm_advance(100 * S);
	must(plat_wall() / S >= 1709251299 && plat_wall() / S <= 1709251303);
}

static void set_bcd(void)
{
	vmm_date.bcd = vmm_date.h12 = true;
	run_calendar();
}

static void run_noon(void)
{
	vmm_date = (struct vmm_date){ 1999, 12, 31, 12, 30, 15, true, true };
	boot();
	must(plat_wall() / S >= 946643415 && plat_wall() / S <= 946643416);
}

static void run_no_calendar(void)
{
	vmm.no_rtc = true;
	boot();
	must(!plat_wall());
	plat_seal();
	must(!plat_wall());
}

static void run_bad_calendar(void)
{
	vmm_date.month = 0;
	vmm_date.second = 3;
	boot();
	must(!plat_wall());
}

/* ---- a machine that was a file ---- */

/* It is never ahead of the CMOS clock, and at most so far behind. */
static void check_calendar(uint64_t right_at_zero, uint64_t behind)
{
	uint64_t right = right_at_zero + vmm_time() + vmm.slept, told = plat_wall();

	must(told <= right + MS && told + behind >= right);
}

/*
 * Saved and restored up to an hour later: time goes on, and the calendar is right at once, to the
 * second that the CMOS clock tells; asked for often, it becomes right to 20 ms.
 */
static void run_saved_cmos(void)
{
	uint64_t right_at_zero, last;

	vmm_date.second = 30;
	boot();
	right_at_zero = 1709251170 * S - vmm_time(); /* the fake clock runs from the first reading */
	last = plat_wall();
	plat_seal();
	for (unsigned i = 0; i < 20; i++) {
		uint64_t now = plat_now();

		vmm_sleep(vmm_below(60) * 60 * S + (2 + vmm_below(56)) * S);
		must(plat_now() >= now && plat_now() < now + S);
		check_calendar(right_at_zero, S + 2 * MS);
		must(plat_wall() >= last);
		for (unsigned k = 0; k < 120; k++) {
			vmm_advance(10 * MS);
			last = plat_wall();
		}
		check_calendar(right_at_zero, 40 * MS);
		vmm_sleep(60 * S); /* the same second of another minute */
		vmm_advance(30 * MS);
		check_calendar(right_at_zero, S + 2 * MS);
	}
}

/* A question within 20 ms costs one register; the CMOS clock set back, or gone, changes what it must. */
static void run_cmos_looks(void)
{
	unsigned long before;
	uint64_t was;

	vmm_date.second = 30;
	boot();
	was = plat_wall();
	before = vmm.exits;
	must(plat_wall() - was < MS && vmm.exits - before < 12);
	vmm_date.hour = 1;
	vmm_advance(30 * MS);
	must(plat_wall() < was - 21 * 3600 * S);
	was = plat_wall();
	vmm.no_rtc = true;
	vmm_advance(5 * S);
	must(plat_wall() >= was + 4 * S && plat_wall() < was + 6 * S);
}

/* kvmclock's version tells: no exit while nothing has changed, and right to the nanosecond at the first question after. */
static void run_saved_kvmclock(void)
{
	unsigned long before;
	uint64_t wall, now, slept;

	vmm.kvmclock = true;
	boot();
	plat_seal();
	wall = plat_wall();
	before = vmm.exits;
	for (unsigned i = 0; i < 100; i++)
		must(plat_wall() >= wall);
	must(vmm.exits == before);
	for (unsigned i = 0; i < 20; i++) {
		vmm_advance(S);
		now = plat_now();
		wall = plat_wall();
		slept = vmm_below(3600 * S);
		vmm_sleep(slept);
		must(plat_now() - now < MS);
		must(plat_wall() - wall - slept < MS);
	}
}

/* A monitor that does not save its clock: it begins anew, and ours neither goes back nor stands still for long. */
static void run_kvmclock_anew(void)
{
	uint64_t now, zero = 0;

	vmm.kvmclock = true;
	boot();
	plat_seal();
	vmm_advance(5000 * S);
	now = plat_now();
	vmm_sleep(S);
	memcpy(vmm.kvmclock_page + 4, &zero, 8);
	memcpy(vmm.kvmclock_page + 2, (uint64_t[]){ (uint64_t)((unsigned __int128)vmm_time() * hz / S) }, 8);
	must(plat_now() >= now && plat_now() - now < MS);
	vmm_advance(S);
	must(plat_now() - now > S - MS && plat_now() - now < S + MS);
	must(plat_wall() / S == 1700000001 || plat_wall() / S == 1700000002);
}

/* ---- everything ---- */

static bool all(void (*fn)(void))
{
	static const uint64_t rates[] = { 1000000000ull, 2600000000ull, 4999000000ull, 600000000ull };
	bool good = true;

	for (unsigned r = 0; r < sizeof rates / sizeof *rates; r++) {
		for (unsigned i = 0; i < 5; i++, vmm.seed++) {
			hz = rates[r];
			if (child_ends(fn, 0))
				continue;
			tap_diag("TSC at %lu Hz, seed %lu", (unsigned long)hz, (unsigned long)vmm.seed);
			good = false;
		}
	}
	return good;
}

int main(void)
{
	const char *seed = getenv("PITH_SEED");

	vmm.seed = seed ? strtoull(seed, NULL, 10) : 1;
	ok(all(run_steered), "steered by the PM timer: never back, and soon right");
	ok(all(run_steered_pit), "steered by the PIT");
	ok(all(run_rate), "the rate: half a percent after some milliseconds, 100 ppm after seconds");
	ok(all(run_first), "the first question waits for nothing");
	ok(all(run_late), "asked late for the first time");
	ok(all(run_gap), "an hour without a question");
	ok(all(run_no_reference), "without a reference: measured by sleeping, and said");
	ok(all(run_kvmclock), "kvmclock");
	ok(all(run_kvmclock_back), "kvmclock goes back, and stays half written");
	ok(all(run_crystal), "CPUID leaf 0x15");
	ok(all(run_khz), "CPUID leaf 0x40000010");
	ok(all(run_sleeps) && all(run_sleeps_kvm) && all(run_sleeps_told) && all(run_sleeps_pit), "sleeps end when they should");
	ok(all(run_long_sleep), "a sleep longer than the timer counts");
	ok(all(run_past), "a deadline that has passed");
	hz = 2600000000ull;
	ok(child_ends(run_calendar, 0) && child_ends(set_bcd, 0), "the calendar, read while it changes");
	ok(child_ends(run_noon, 0), "noon on a 12-hour clock, last century");
	ok(all(run_saved_cmos), "saved and restored up to an hour later: the CMOS clock is followed, time never goes back");
	ok(all(run_cmos_looks), "the CMOS clock is read every 20 ms at most, set back and taken away");
	ok(all(run_saved_kvmclock), "saved and restored: kvmclock's version tells, and nothing else costs an exit");
	ok(all(run_kvmclock_anew), "kvmclock begins anew: ours goes on");
	hz = 2600000000ull;
	ok(child_ends(run_no_calendar, 0) && child_ends(run_bad_calendar, 0), "no calendar, or one that cannot be");
	return tap_done();
}
