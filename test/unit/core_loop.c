/* SPDX-License-Identifier: MIT */
/*
 * core/loop.c: polling, arming, sleeping and breathing, seen from two pollers.
 *
 * The first one is a device that raises an interrupt at a time of its own; it can become ready in the
 * gap between its poll and its arming, which is where wake-ups are lost.
 */
#include <string.h>

#include "core/core.h"
#include "core/plat.h"
#include "test/fake/boot.h"
#include "test/fake/fake.h"
#include "test/tap.h"

static unsigned polls, arms, second_polls, second_arms;
static uint64_t ready_at = PLAT_FOREVER; /* when the device has work */
static bool in_gap;                       /* work comes between poll and arm */
static struct thread *sleeper;
static bool happened;

static bool device_poll(void)
{
	polls++;
	if (fake_now() < ready_at)
		return false;
	ready_at = PLAT_FOREVER;
	happened = true;
	if (sleeper)
		thread_wake(sleeper);
	return true;
}

static bool device_arm(void)
{
	arms++;
	if (in_gap) {
		in_gap = false;
		ready_at = fake_now();
	}
	if (fake_now() >= ready_at)
		return true;
	fake_interrupt(FAKE_TEST, ready_at);
	return false;
}

static bool second_poll(void)
{
	second_polls++;
	return false;
}

static bool second_arm(void)
{
	second_arms++;
	return false;
}

static struct poller device = { .poll = device_poll, .arm = device_arm };
static struct poller second = { .poll = second_poll, .arm = second_arm };

static void deadlock(void)
{
	thread_block(PLAT_FOREVER);
}

static void test_deadlock(void)
{
	char said[1000];

	is(fake_dies(deadlock, said, sizeof(said)), FAKE_CRASH, "a machine that nothing can wake panics");
	ok(strstr(said, "nothing is left that could wake one"), "and says so");
}

static void reset(void)
{
	polls = arms = second_polls = second_arms = 0;
	happened = false;
	fake.waits = 0;
}

static void test_poll(void)
{
	ok(!loop_poll(), "with nothing to do nothing was done");
	loop_add(&device);
	loop_add(&second);
	reset();
	ok(!loop_poll() && polls == 1 && second_polls == 1 && arms == 0, "a poll asks everybody once");
	ready_at = 0;
	ok(loop_poll() && second_polls == 2, "one that has work does not stop the others");
}

static void test_sleep(void)
{
	reset();
	sleeper = thread_self();
	ready_at = fake_now() + 5000000;
	is(thread_block(PLAT_FOREVER), 0, "a device wakes a thread");
	ok(happened && fake.waits == 1, "after one wait");
	ok(arms >= 1 && second_arms >= 1, "before which everybody was armed");

	reset();
	in_gap = true;
	is(thread_block(PLAT_FOREVER), 0, "work between poll and arm is not lost");
	is(fake.waits, 0, "and nobody waits for it");
	is(second_arms, 0, "nor arms further devices");

	reset();
	ready_at = PLAT_FOREVER;
	uint64_t until = plat_now() + 1000000;
	is(thread_block(until), -116, "without work the deadline comes");
	ok(fake_now() >= until && fake_now() < until + 10000, "in time");
}

static void test_spurious(void)
{
	uint64_t until;

	reset();
	fake.spurious = 9000;
	until = plat_now() + 1000000;
	thread_sleep(until);
	ok(fake_now() >= until, "waits that end for no reason do not end a sleep");
	fake.spurious = 0;
}

/* ---- Breathing ---- */

static void test_breathe(void)
{
	fake.tick = 1;
	loop_poll();
	reset();
	for (unsigned i = 0; i < 63; i++)
		loop_breathe();
	is(polls, 0, "63 calls need no breath");
	loop_breathe();
	is(polls, 1, "the 64th does");
	loop_breathe();
	is(polls, 1, "and the next does not");
	fake_advance(1000000);
	for (unsigned i = 0; i < 8; i++)
		loop_breathe();
	is(polls, 2, "1 ms later one of 8 does");
	fake.tick = 100;
}

static void test_breathe_clock(void)
{
	uint64_t before;

	fake.tick = 1;
	loop_poll();
	before = fake_now();
	for (unsigned i = 0; i < 63; i++)
		loop_breathe();
	ok(fake_now() - before < 12, "63 calls in a row read the clock %u times", (unsigned)(fake_now() - before));
	loop_poll();
	reset();
	for (unsigned i = 0; i < 40; i++) {
		fake_advance(260000);
		loop_breathe();
	}
	is(polls, 10, "calls that are a quarter of a millisecond apart: every fourth breathes");
	fake.tick = 100;
}

static bool other_ran;

static void other_thread(void *arg)
{
	(void)arg;
	other_ran = true;
}

static void test_breathe_switches(void)
{
	struct thread *t = thread_create("other", other_thread, NULL, 16384);

	for (unsigned i = 0; i < 64; i++)
		loop_breathe();
	ok(other_ran, "a breath lets another thread run");
	thread_join(t);
}

/* Two threads that wake each other always have one that can run: the machine never idles, and still polls. */
static struct thread *player[2];

static void play(void *arg)
{
	unsigned other = arg == &player[0];

	for (int i = 0; i < 1000; i++) {
		thread_wake(player[other]);
		thread_block(PLAT_FOREVER);
	}
	thread_wake(player[other]);
}

static void test_busy_threads(void)
{
	reset();
	for (int i = 0; i < 2; i++)
		player[i] = thread_create("player", play, &player[i], 16384);
	for (int i = 0; i < 2; i++)
		thread_join(player[i]);
	ok(polls >= 2000 / 64 && polls < 500, "threads that keep each other busy leave the devices their turn: %u polls", polls);
	is(fake.waits, 0, "and the machine does not sleep");
}

/* ---- What a timer may and may not do ---- */

static struct timer timer;
static unsigned seen_polls;
static bool seen_polling, seen_result;

static void nested(struct timer *t)
{
	(void)t;
	seen_polling = loop_polling();
	seen_result = loop_poll();
	for (unsigned i = 0; i < 100; i++)
		loop_breathe();
	seen_polls = polls;
}

static void block_in_timer(struct timer *t)
{
	(void)t;
	thread_sleep(plat_now() + 1000);
}

static void yield_in_timer(struct timer *t)
{
	(void)t;
	thread_yield();
}

static void run_block(void)
{
	timer_set(&timer, 0, block_in_timer);
	loop_poll();
}

static void run_yield(void)
{
	timer_set(&timer, 0, yield_in_timer);
	loop_poll();
}

static void test_nested(void)
{
	char said[1000];

	reset();
	timer_set(&timer, 0, nested);
	ok(loop_poll(), "a timer that fired is something done");
	ok(seen_polling && !seen_result && seen_polls == 1 && !loop_polling(), "polling does not nest");
	fake.tick = 1;
	timer_set(&timer, fake_now() + 1, nested);
	ok(loop_poll(), "one that is due just now fires");
	fake.tick = 100;
	is(fake_dies(run_block, said, sizeof(said)), FAKE_CRASH, "blocking in a timer panics");
	is(fake_dies(run_yield, said, sizeof(said)), FAKE_CRASH, "yielding in a timer panics");
}

int main(void)
{
	fake_boot();
	test_deadlock();
	test_poll();
	test_sleep();
	test_spurious();
	test_breathe();
	test_breathe_clock();
	test_breathe_switches();
	test_busy_threads();
	test_nested();
	return tap_done();
}
