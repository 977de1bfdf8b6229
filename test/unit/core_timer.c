/* SPDX-License-Identifier: MIT */
/*
 * core/timer.c against a model that looks at every timer.
 */
#include <stdlib.h>

#include "core/core.h"
#include "core/plat.h"
#include "test/fake/fake.h"
#include "test/tap.h"

#define TIMERS 64
#define ROUNDS 200000

/* A timer and what the model knows about it: when it is due, PLAT_FOREVER for not set. */
static struct entry {
	struct timer timer;
	uint64_t due;
} entry[TIMERS];

static uint64_t now;
static uint64_t last_fired;
static unsigned fired, wrong;

static void model_fire(struct timer *t)
{
	struct entry *e = container_of(t, struct entry, timer);

	if (e->due > now || e->due < last_fired)
		wrong++;
	last_fired = e->due;
	e->due = PLAT_FOREVER;
	fired++;
}

static uint64_t model_next(void)
{
	uint64_t next = PLAT_FOREVER;

	for (unsigned i = 0; i < TIMERS; i++)
		if (entry[i].due < next)
			next = entry[i].due;
	return next;
}

static unsigned model_due(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < TIMERS; i++)
		n += entry[i].due <= now;
	return n;
}

/* Sets, moves, cancels or runs. */
static bool try_one(void)
{
	struct entry *e = &entry[fake_below(TIMERS)];
	unsigned due;

	switch (fake_below(4)) {
	case 0:
	case 1:
		e->due = now + fake_below(1000); /* many alike; some in the past by the time they run */
		if (timer_set(&e->timer, e->due, model_fire) != 0)
			return false;
		break;
	case 2:
		e->due = PLAT_FOREVER;
		timer_cancel(&e->timer);
		break;
	default:
		now += fake_below(100);
		due = model_due();
		fired = 0;
		last_fired = 0;
		timer_run(now);
		if (fired != due)
			return false;
	}
	return wrong == 0 && timer_next() == model_next();
}

static void test_random(void)
{
	unsigned i = 0;

	for (unsigned j = 0; j < TIMERS; j++)
		entry[j].due = PLAT_FOREVER;
	while (i < ROUNDS && try_one())
		i++;
	ok(i == ROUNDS, "%u random calls agree with the model, seed %llu", i, (unsigned long long)fake.seed);
	for (unsigned j = 0; j < TIMERS; j++)
		timer_cancel(&entry[j].timer);
	ok(timer_next() == PLAT_FOREVER, "after cancelling each none is left");
}

/* ---- What a timer may do while it fires ---- */

static struct timer again, other;
static unsigned turns, others;

static void set_again(struct timer *t)
{
	turns++;
	timer_set(t, now, set_again);
}

static void fire_other(struct timer *t)
{
	(void)t;
	others++;
}

static void cancel_other(struct timer *t)
{
	(void)t;
	timer_cancel(&other);
}

static void free_self(struct timer *t)
{
	turns++;
	free(t);
}

static void test_firing(void)
{
	struct timer *mine = malloc(sizeof(*mine));

	now = 1000;
	timer_set(&again, 10, set_again);
	timer_run(now);
	is(turns, 1, "a timer that sets itself for now fires once in a run");
	is(timer_next(), 1000, "and is set");
	timer_cancel(&again);
	timer_cancel(&again);
	timer_set(&other, 20, fire_other);
	timer_set(&again, 10, cancel_other);
	timer_run(now);
	is(others, 0, "a timer can cancel one that is due as well");
	*mine = (struct timer){ 0 };
	turns = 0;
	timer_set(mine, 5, free_self);
	timer_run(now);
	is(turns, 1, "a timer may free itself");
	timer_set(&other, 0, fire_other);
	timer_set(&again, PLAT_FOREVER - 1, fire_other);
	timer_run(0);
	is(others, 1, "time 0 is due at 0");
	timer_run(PLAT_FOREVER - 2);
	is(others, 1, "the last instant is not due before");
	timer_run(PLAT_FOREVER - 1);
	is(others, 2, "but then");
	ok(timer_next() == PLAT_FOREVER, "no timer, no deadline");
}

/* Many timers: if a firing were not O(log n), this would take minutes. */
static void test_many(void)
{
	enum { MANY = 200000 };
	struct timer *v = calloc(MANY, sizeof(*v));

	others = 0;
	for (unsigned i = 0; i < MANY; i++)
		timer_set(&v[i], fake_below(1u << 30), fire_other);
	for (unsigned i = 0; i < MANY; i += 2)
		timer_cancel(&v[i]);
	for (uint64_t t = 0; t <= 1u << 30; t += 1u << 16)
		timer_run(t);
	is(others, MANY / 2, "of 200000 timers, the half that was not cancelled fires");
	free(v);
}

int main(void)
{
	test_random();
	test_firing();
	test_many();
	return tap_done();
}
