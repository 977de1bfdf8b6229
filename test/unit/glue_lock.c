/* SPDX-License-Identifier: MIT */
/*
 * libc-glue/lock.c over the core's threads: only one holder, nobody starves, time runs out.
 */
#include "core/err.h"
#include "core/plat.h"
#include "libc-glue/lock.h"
#include "test/fake/boot.h"
#include "test/fake/fake.h"
#include "test/tap.h"

#define THREADS 12
#define MS 1000000u

static struct lock lock;
static unsigned inside, wrong, late, turns[THREADS];
static uint64_t seed;
static bool stop;

static unsigned next(unsigned below)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(seed >> 33) % below;
}

/* Some time passes, with or without others. */
static void pass(void)
{
	if (next(3) == 0)
		thread_yield();
	else if (next(4) == 0)
		thread_sleep(plat_now() + next(100000));
}

static void work(void *arg)
{
	unsigned me = *(unsigned *)arg, i;

	for (i = 0; i < 400; i++) {
		uint64_t deadline = next(3) ? PLAT_FOREVER : plat_now() + next(200000);

		if (next(5) == 0 ? !lock_try(&lock) : lock_take(&lock, deadline)) {
			late++;
			continue;
		}
		wrong += inside++ != 0 || lock.owner != thread_self();
		pass();
		inside--;
		turns[me]++;
		lock_drop(&lock);
		pass();
	}
}

static void test_random(void)
{
	static unsigned number[THREADS];
	struct thread *t[THREADS];
	unsigned i;

	for (i = 0; i < THREADS; i++) {
		number[i] = i;
		t[i] = thread_create("worker", work, &number[i], 16384);
	}
	for (i = 0; i < THREADS; i++)
		thread_join(t[i]);
	is(wrong, 0, "there is one holder at a time");
	ok(late > 0, "some gave up");
	ok(!lock.owner && !lock.handed && list_empty(&lock.waiters.waiters), "and at the end the lock is free");
}

/* Drops it and takes it again without ever letting go of the CPU in between; blocks only while it holds it. */
static void hog(void *arg)
{
	(void)arg;
	while (!stop) {
		lock_take(&lock, PLAT_FOREVER);
		thread_sleep(plat_now() + 1000);
		lock_drop(&lock);
	}
}

static void modest(void *arg)
{
	unsigned *count = arg, i;

	for (i = 0; i < 50; i++) {
		lock_take(&lock, PLAT_FOREVER);
		++*count;
		lock_drop(&lock);
	}
	stop = true;
}

static void test_fairness(void)
{
	unsigned count = 0;
	struct thread *a = thread_create("hog", hog, NULL, 16384), *b = thread_create("modest", modest, &count, 16384);

	thread_sleep(plat_now() + 10 * MS);
	is(count, 50, "who takes it again at once does not starve the others");
	stop = true;
	thread_join(a);
	thread_join(b);
}

static void test_timeout(void)
{
	uint64_t before = plat_now();

	lock_take(&lock, PLAT_FOREVER);
	is(lock_take(&lock, before + 5 * MS), -ERR_TIMEDOUT, "a lock that is held is not had in 5 ms");
	ok(plat_now() >= before + 5 * MS, "and no sooner is that said");
	ok(!lock_try(&lock), "nor at once");
	lock_drop(&lock);
	ok(lock_try(&lock), "but when it is free");
	lock_drop(&lock);
}

static void run(void *arg)
{
	(void)arg;
	test_random();
	test_fairness();
	test_timeout();
	exit(tap_done());
}

int main(void)
{
	fake_boot();
	seed = fake.seed;
	tap_diag("PITH_SEED=%llu", (unsigned long long)seed);
	thread_create("test", run, NULL, 65536);
	thread_exit();
}
