/* SPDX-License-Identifier: MIT */
/*
 * What core.h promises of threads, stacks and time, on a real machine: test/unit/core_thread.c looks
 * closer, but there the stack switch, the guard pages and the clock are a process's.
 */
#include <string.h>

#include "core/err.h"
#include "core/x86/gate.h"
#include "test/contract/check.h"

#define STACK 16384u
#define LOOSE (400 * MS)

static unsigned ran;

static void count_run(void *arg)
{
	(void)arg;
	ran++;
}

static void test_life(void)
{
	struct thread *t = thread_create("one", count_run, NULL, STACK);
	size_t threads = thread_count(), before;

	check(threads == 2, "beside the main thread there is none but new ones");
	check(ran == 0, "a new thread waits for its turn");
	thread_join(t);
	check(ran == 1 && thread_count() == threads - 1, "join waits for its end and frees it");
	stack_trim();
	before = page_unused();
	for (int i = 0; i < 2000; i++) {
		t = thread_create("many", count_run, NULL, STACK);
		if (!t)
			break;
		if (i % 3)
			thread_detach(t);
		else
			thread_join(t);
	}
	thread_yield();
	check(ran == 2001, "2000 threads one after the other");
	check(thread_count() == threads - 1, "none is left");
	stack_trim();
	check(page_unused() == before, "nor a page of theirs");
}

static struct waitq q;

static void wait_once(void *arg)
{
	(void)arg;
	ran += waitq_wait(&q, PLAT_FOREVER) == 0;
}

/* As many as memory has room for, at the same time. */
static void test_together(void)
{
	size_t before = page_unused(), threads = thread_count();
	unsigned n = 0;

	waitq_init(&q);
	ran = 0;
	while (n < 5000) {
		struct thread *t = thread_create("together", wait_once, NULL, STACK);

		if (!t)
			break;
		thread_detach(t);
		n++;
	}
	thread_yield();
	check(n > 20 && waitq_wake(&q, n + 1) == n, "%u threads wait at the same time", n);
	for (int i = 0; i < 3; i++)
		thread_yield();
	check(ran == n && thread_count() == threads, "all are woken and end");
	stack_trim();
	check(page_unused() == before, "and every page is back");
}

/* ---- Switching ---- */

static void ping(void *arg)
{
	volatile double mine = *(int *)arg;

	for (int i = 0; i < 20000; i++) {
		mine = mine * 1.5;
		thread_yield();
		mine = mine / 1.5;
	}
	ran += mine == *(int *)arg;
}

static void test_switching(void)
{
	static int one = 1, two = 2;
	uint64_t from = plat_now();
	struct thread *a = thread_create("ping", ping, &one, STACK), *b = thread_create("pong", ping, &two, STACK);

	ran = 0;
	thread_join(a);
	thread_join(b);
	check(ran == 2, "40000 switches lose no number");
	check_say("# %llu ns each, polling included", (unsigned long long)(plat_now() - from) / 40000);
}

static void keep_mode(void *arg)
{
	unsigned mode = *(unsigned *)arg << 13, wrong = 0;

	__builtin_ia32_ldmxcsr(0x1f80 | mode);
	for (int i = 0; i < 20; i++) {
		thread_sleep(plat_now() + 100000);
		wrong |= (__builtin_ia32_stmxcsr() & 0x6000) ^ mode;
	}
	ran += !wrong;
}

static void test_modes(void)
{
	static unsigned mode[4] = { 0, 1, 2, 3 };
	struct thread *t[4];

	ran = 0;
	for (int i = 0; i < 4; i++)
		t[i] = thread_create("mode", keep_mode, &mode[i], STACK);
	for (int i = 0; i < 4; i++)
		thread_join(t[i]);
	check(ran == 4, "rounding modes are each thread's own, also across sleeps");
}

static void *read_fs(void)
{
	void *p;

	__asm__ volatile("mov %%fs:0, %0" : "=r"(p));
	return p;
}

static void own_tls(void *arg)
{
	void *block[2] = { block, arg };
	unsigned wrong = 0;

	thread_set_tls((uintptr_t)block);
	for (int i = 0; i < 20; i++) {
		thread_sleep(plat_now() + 50000 * (uintptr_t)arg);
		wrong |= read_fs() != block;
	}
	ran += !wrong;
}

static void test_tls(void)
{
	struct plat_about about;
	struct thread *t[3];

	plat_about(&about);
	/* There the register is the host's C library's: no point, for there is no promise. */
	if (strcmp(about.platform, "fake") == 0 || strcmp(about.machine, "fake") == 0)
		return;
	ran = 0;
	for (uintptr_t i = 0; i < 3; i++)
		t[i] = thread_create("tls", own_tls, (void *)(i + 1), STACK);
	for (int i = 0; i < 3; i++)
		thread_join(t[i]);
	check(ran == 3, "the thread pointer follows the thread");
}

/* ---- Time ---- */

static void test_sleep(void)
{
	uint64_t late = 0, deadline;
	unsigned loose = 0;
	bool early = false;

	for (int i = 0; i < 100; i++) {
		deadline = plat_now() + check_random() % (MS / 2);
		thread_sleep(deadline);
		early |= plat_now() < deadline;
		if (plat_now() - deadline > late)
			late = plat_now() - deadline;
		loose += plat_now() - deadline > LOOSE;
	}
	check(!early, "no sleep is too short");
	/* A busy host is late now and then, a wrong timer as a rule. */
	check(loose < 5, "nor much too long: %u of them, the longest %llu us", loose, (unsigned long long)late / 1000);
	deadline = plat_now() + 2 * MS;
	check(thread_block(deadline) == -ERR_TIMEDOUT && plat_now() >= deadline, "a block without a wake-up ends at its deadline");
	thread_wake(thread_self());
	check(thread_block(PLAT_FOREVER) == 0, "a wake-up before the block is not lost");
}

static unsigned fired;

static void fire(struct timer *t)
{
	fired++;
	if (fired < 50)
		timer_set(t, t->when + 200000, fire);
	else
		thread_wake(thread_self());
}

static void test_timer(void)
{
	struct timer t = { 0 };
	struct thread *self = thread_self();
	uint64_t from = plat_now();

	(void)self;
	timer_set(&t, from + 200000, fire);
	check(thread_block(from + 5000 * MS) == 0 && fired == 50, "a timer that sets itself again fires 50 times");
	check(plat_now() - from >= 10 * MS, "in 10 ms at least: %llu us", (unsigned long long)(plat_now() - from) / 1000);
}

/* ---- The guard page ---- */

static struct gate_frame frame;
static uintptr_t lowest; /* that the recursion has reached */

/* Runs on the stack that trap_catch() lends: what ran before is lost. */
static void caught(void)
{
	check(frame.vector == 14, "running off a stack is a page fault");
	check(frame.cr2 <= lowest && lowest - frame.cr2 < 2 * PAGE_SIZE, "at its end, not further down");
	check_done();
}

static __attribute__((noinline)) unsigned recurse(unsigned depth)
{
	volatile char mine[256];

	lowest = (uintptr_t)mine;
	mine[0] = (char)depth;
	return depth ? recurse(depth - 1) + (unsigned)mine[0] : 0;
}

static void overflow(void *arg)
{
	(void)arg;
	trap_catch(caught, &frame);
	ran = recurse(100000);
}

_Noreturn void core_main(void)
{
	check_seed();
	test_life();
	test_together();
	test_switching();
	test_modes();
	test_tls();
	test_sleep();
	test_timer();
	thread_join(thread_create("overflow", overflow, NULL, STACK));
	check(false, "running off a stack is a page fault");
	check_done();
}
