/* SPDX-License-Identifier: MIT */
/*
 * core/thread.c and waitq.c: blocking, waking, deadlines and queues. No wake-up is lost, none comes twice, none too early.
 */
#include <string.h>

#include "core/core.h"
#include "core/err.h"
#include "core/plat.h"
#include "test/fake/boot.h"
#include "test/fake/fake.h"
#include "test/tap.h"

#define STACK 16384u
#define MS 1000000u

static unsigned ran;

static void count_run(void *arg)
{
	(void)arg;
	ran++;
}

static struct thread *start(void (*fn)(void *), void *arg)
{
	struct thread *t = thread_create("test", fn, arg, STACK);

	if (!t)
		tap_bail("no memory for a thread");
	return t;
}

/* Lets everybody run until they block. */
static void settle(void)
{
	for (int i = 0; i < 10; i++)
		thread_yield();
}

static int result;
static struct thread *blocker;

static void block_for(void *arg)
{
	result = thread_block(plat_now() + *(uint64_t *)arg);
}

static void test_block(void)
{
	uint64_t ms = MS, from;
	struct thread *self = thread_self();

	thread_wake(self);
	thread_wake(self);
	is(thread_block(PLAT_FOREVER), 0, "a wake-up before the block is not lost");
	from = plat_now();
	is(thread_block(from + MS), -ERR_TIMEDOUT, "two of them count once");
	ok(fake_now() >= from + MS, "and a deadline is not early");
	is(thread_block(0), -ERR_TIMEDOUT, "a deadline that has passed");
	ran = 0;
	blocker = start(count_run, NULL);
	thread_sleep(0);
	is(ran, 1, "even so the others get a turn");
	thread_join(blocker);
	thread_wake(self);
	is(thread_block(0), 0, "even then a wake-up counts");
	blocker = start(block_for, &ms);
	settle();
	thread_wake(blocker);
	thread_join(blocker);
	is(result, 0, "a blocked thread is woken");
	blocker = start(block_for, &ms);
	thread_join(blocker);
	is(result, -ERR_TIMEDOUT, "or not");
	ok(timer_next() == PLAT_FOREVER, "no timer is left behind");
	thread_wake(self);
	from = plat_now();
	thread_sleep(from + MS);
	ok(fake_now() >= from + MS, "a wake-up does not end a sleep");
	is(thread_block(0), 0, "nor does a sleep take it");
}

static struct waitq q = WAITQ_INIT(q);
static char order[16];

static void wait_in_line(void *arg)
{
	int rc = waitq_wait(&q, PLAT_FOREVER);
	size_t len = strlen(order);

	order[len] = rc == 0 ? *(char *)arg : '!';
}

static void wait_until(void *arg)
{
	result = waitq_wait(&q, *(uint64_t *)arg);
}

static void test_waitq(void)
{
	struct thread *t[4];
	uint64_t deadline;

	waitq_init(&q);
	is(waitq_wake(&q, 5), 0, "nobody waits");
	for (int i = 0; i < 4; i++) {
		t[i] = start(wait_in_line, &"abcd"[i]);
		thread_yield();
	}
	is(waitq_wake(&q, 1), 1, "one is woken");
	settle();
	thread_wake(t[2]); /* not through q */
	settle();
	ok(strcmp(order, "a") == 0, "the one that came first, and a thread_wake() is none of q's");
	is(waitq_wake(&q, 100), 3, "the others");
	settle();
	ok(strcmp(order, "abcd") == 0, "in the order in which they came: %s", order);
	for (int i = 0; i < 4; i++)
		thread_join(t[i]);

	deadline = plat_now() + MS;
	t[0] = start(wait_until, &deadline);
	thread_join(t[0]);
	is(result, -ERR_TIMEDOUT, "a waiter gives up");
	is(waitq_wake(&q, 5), 0, "and is then off the queue");
	deadline = plat_now() + MS;
	t[0] = start(wait_until, &deadline);
	settle();
	fake_advance(2 * MS);
	is(waitq_wake(&q, 1), 1, "a waiter that is late but still there is woken");
	thread_join(t[0]);
	is(result, 0, "and knows it");
	is(waitq_wait(&q, 0), -ERR_TIMEDOUT, "a deadline that has passed");
}

static void test_kept_wake(void)
{
	thread_wake(thread_self());
	is(waitq_wait(&q, plat_now() + MS), -ERR_TIMEDOUT, "waitq_wait() does not take a thread_wake()");
	is(thread_block(0), 0, "but leaves it for thread_block()");
}

/* ---- Random threads: a semaphore of a counter and a queue never loses anybody ---- */

#define WORKERS 24
#define STEPS 400

static unsigned tokens = 3, held, most_held, timeouts, early;

static bool take_token(uint64_t deadline)
{
	while (tokens == 0)
		if (waitq_wait(&q, deadline) != 0) {
			timeouts++;
			early += plat_now() < deadline;
			return false;
		}
	tokens--;
	held++;
	if (held > most_held)
		most_held = held;
	return true;
}

static void give_token(void)
{
	held--;
	tokens++;
	waitq_wake(&q, 1);
}

static void do_something(void)
{
	uint64_t until = plat_now() + fake_below(50000);

	switch (fake_below(4)) {
	case 0:
		thread_yield();
		break;
	case 1:
		thread_sleep(until);
		early += plat_now() < until;
		break;
	case 2:
		fake_advance(fake_below(20000));
		break;
	default:
		loop_breathe();
	}
}

static void worker(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < STEPS; i++) {
		if (take_token(fake_chance(5000) ? PLAT_FOREVER : plat_now() + fake_below(100000))) {
			do_something();
			give_token();
		}
		do_something();
	}
}

static void test_random(void)
{
	struct thread *t[WORKERS];

	fake.spurious = 2000;
	for (unsigned i = 0; i < WORKERS; i++)
		t[i] = start(worker, NULL);
	for (unsigned i = 0; i < WORKERS; i++)
		thread_join(t[i]);
	fake.spurious = 0;
	ok(tokens == 3 && held == 0, "%u threads came through a semaphore %u times, seed %llu", WORKERS, STEPS, (unsigned long long)fake.seed);
	is(most_held, 3, "never more than three inside");
	ok(timeouts > 0 && early == 0, "%u gave up, none too early", timeouts);
}

int main(void)
{
	fake_boot();
	test_block();
	test_waitq();
	test_kept_wake();
	test_random();
	is(thread_count(), 1, "nobody is left");
	return tap_done();
}
