/* SPDX-License-Identifier: MIT */
/*
 * core/thread.c and stack.c: life and death, what is kept across switches, memory. Waking is in core_wake.c.
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

static char said[4000];
static unsigned ran;
static struct thread *found;

static void count_run(void *arg)
{
	ran += arg ? *(unsigned *)arg : 1;
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

/* ---- Life and death ---- */

static void test_create(void)
{
	unsigned five = 5;
	struct thread *t = thread_create("a name longer than fifteen", count_run, &five, STACK);

	ok(ran == 0, "a new thread does not run before somebody blocks");
	ok(strcmp(thread_name(t), "a name longer t") == 0, "its name is cut");
	thread_rename(t, "short");
	ok(strcmp(thread_name(t), "short") == 0, "and can be changed");
	is(thread_count(), 2, "there are two");
	thread_join(t);
	is(ran, 5, "it ran with its argument");
	is(thread_count(), 1, "joined, it is gone");
}

static void call_exit(void *arg)
{
	(void)arg;
	ran++;
	thread_exit();
}

static void detach_self(void *arg)
{
	(void)arg;
	thread_detach(thread_self());
	thread_yield();
	ran++;
}

static void test_ends(void)
{
	struct thread *t;

	ran = 0;
	t = start(call_exit, NULL);
	settle();
	is(thread_count(), 2, "a thread that has ended stays until it is joined");
	thread_join(t);
	t = start(call_exit, NULL);
	thread_join(t);
	is(thread_count(), 1, "join before or after the end");
	t = start(call_exit, NULL);
	thread_detach(t);
	settle();
	t = start(call_exit, NULL);
	settle();
	thread_detach(t);
	is(thread_count(), 1, "detach before or after the end");
	start(detach_self, NULL);
	settle();
	is(thread_count(), 1, "a thread may detach itself");
	is(ran, 5, "all of them ran");
}

/* A thread that ends while nobody can run looks for work on its own stack: a timer that detaches it then must not free that. */
static struct thread *dying;
static struct timer detach_timer;

static void detach_dying(struct timer *t)
{
	(void)t;
	thread_detach(dying);
	thread_wake(found);
}

static void test_detach_while_idle(void)
{
	found = thread_self();
	dying = start(call_exit, NULL);
	timer_set(&detach_timer, plat_now() + MS, detach_dying);
	is(thread_block(PLAT_FOREVER), 0, "a dead thread that idles may be detached");
	is(thread_count(), 1, "and is freed");
}

static void join_self(void)
{
	thread_join(thread_self());
}

static void join_detached(void)
{
	struct thread *t = start(call_exit, NULL);

	thread_detach(t);
	thread_join(t);
}

static void join_it(void *arg)
{
	thread_join(arg);
}

static void sleep_long(void *arg)
{
	(void)arg;
	thread_sleep(plat_now() + 1000 * MS);
}

static void join_twice(void)
{
	struct thread *t = start(sleep_long, NULL);

	start(join_it, t);
	settle();
	thread_join(t);
}

static void detach_joined(void)
{
	struct thread *t = start(sleep_long, NULL);

	start(join_it, t);
	settle();
	thread_detach(t);
}

static void detach_twice(void)
{
	struct thread *t = start(sleep_long, NULL);

	thread_detach(t);
	thread_detach(t);
}

static __attribute__((noinline)) unsigned recurse(unsigned depth)
{
	volatile char mine[512];

	mine[0] = (char)depth;
	return depth ? recurse(depth - 1) + (unsigned)mine[0] : 0;
}

static void overflow(void *arg)
{
	(void)arg;
	ran = recurse(1000);
}

static void run_overflow(void)
{
	thread_join(start(overflow, NULL));
}

static void test_mistakes(void)
{
	is(fake_dies(join_self, said, sizeof(said)), FAKE_CRASH, "joining oneself panics");
	is(fake_dies(join_detached, said, sizeof(said)), FAKE_CRASH, "joining a detached thread panics");
	is(fake_dies(join_twice, said, sizeof(said)), FAKE_CRASH, "joining twice panics");
	is(fake_dies(detach_joined, said, sizeof(said)), FAKE_CRASH, "detaching what is joined panics");
	is(fake_dies(detach_twice, said, sizeof(said)), FAKE_CRASH, "detaching twice panics");
	ok(fake_dies(run_overflow, said, sizeof(said)) != 0, "running off a stack faults");
}

/* ---- What is each thread's own ---- */

static unsigned get_mxcsr(void)
{
	return __builtin_ia32_stmxcsr();
}

static void keep_registers(void *arg)
{
	unsigned mode = *(unsigned *)arg << 13, seen = 0;
	uint16_t cw = (uint16_t)(0x037f | *(unsigned *)arg << 10), cw_seen;

	__builtin_ia32_ldmxcsr(0x1f80 | mode);
	__asm__ volatile("fldcw %0" : : "m"(cw));
	for (int i = 0; i < 5; i++) {
		thread_yield();
		seen |= (get_mxcsr() & 0x6000) ^ mode;
		__asm__ volatile("fnstcw %0" : "=m"(cw_seen));
		seen |= (unsigned)(cw_seen ^ cw);
	}
	ran += seen == 0;
}

static void fresh_registers(void *arg)
{
	uint16_t cw;

	(void)arg;
	__asm__ volatile("fnstcw %0" : "=m"(cw));
	ran += get_mxcsr() == 0x1f80 && cw == 0x037f && (uintptr_t)__builtin_frame_address(0) % 16 == 0;
}

static void test_registers(void)
{
	static unsigned mode[4] = { 0, 1, 2, 3 };
	struct thread *t[4], *fresh;
	unsigned before = get_mxcsr();

	ran = 0;
	for (int i = 0; i < 4; i++)
		t[i] = start(keep_registers, &mode[i]);
	settle();
	fresh = start(fresh_registers, NULL);
	for (int i = 0; i < 4; i++)
		thread_join(t[i]);
	is(ran, 4, "rounding modes of SSE and x87 are each thread's own");
	thread_join(fresh);
	is(ran, 5, "a new thread has those of the ABI, and an aligned stack");
	is(get_mxcsr() & 0x6000, before & 0x6000, "and the first thread's are as they were");
}

static uintptr_t tls_seen[2];

static void use_tls(void *arg)
{
	unsigned i = *(unsigned *)arg;

	thread_set_tls(0x1000 * (i + 1));
	ran += fake_tls == 0x1000 * (i + 1);
	thread_set_data(thread_self(), arg);
	thread_yield();
	tls_seen[i] = fake_tls;
	ran += thread_data(thread_self()) == arg;
}

static void test_tls(void)
{
	static unsigned number[2] = { 0, 1 };
	struct thread *t[2] = { start(use_tls, &number[0]), start(use_tls, &number[1]) };
	unsigned sets;

	ran = 0;
	ok(!thread_data(t[0]), "a thread's data is NULL at first");
	for (int i = 0; i < 2; i++)
		thread_join(t[i]);
	ok(tls_seen[0] == 0x1000 && tls_seen[1] == 0x2000 && ran == 4, "the thread pointer and the data pointer follow the thread");
	sets = fake_tls_sets;
	thread_join(start(count_run, NULL));
	is(fake_tls_sets, sets, "no gate call for threads without a thread pointer");
}

/* ---- Memory ---- */

static struct waitq q = WAITQ_INIT(q);

static void wait_for_all(void *arg)
{
	count_run(arg);
	waitq_wait(&q, PLAT_FOREVER);
}

static void test_many(unsigned many)
{
	size_t before;
	unsigned created = 0;

	stack_trim();
	before = page_unused();
	ran = 0;
	for (; created < many; created++)
		thread_detach(start(wait_for_all, NULL));
	thread_yield();
	is(thread_count(), many + 1, "ten thousand threads");
	is(waitq_wake(&q, many), many, "all wait, all are woken");
	settle();
	ok(ran == many && thread_count() == 1, "all ran and are gone");
	stack_trim();
	is(page_unused(), before, "and every page is back");
}

static void test_cache(void)
{
	unsigned maps;

	thread_join(start(count_run, NULL));
	maps = fake_gate_maps;
	for (int i = 0; i < 100; i++)
		thread_join(start(count_run, NULL));
	is(fake_gate_maps, maps, "threads one after the other need no gate call");
	thread_join(thread_create("large", count_run, NULL, 10 * STACK));
	ok(fake_gate_maps > maps, "a stack of another size does");
}

/* Stack sizes are rounded up. */
static void test_sizes(void)
{
	static const size_t size[] = { STACK, STACK + 1, 2 * STACK - 1 }, pages[] = { 4, 5, 8 };
	bool right = true;

	for (int i = 0; i < 3; i++) {
		size_t before;

		stack_trim();
		before = page_unused();
		thread_detach(thread_create("sized", count_run, NULL, size[i]));
		right &= before - page_unused() == pages[i] + 1;
		settle();
	}
	ok(right, "stacks are of whole pages, with a guard page each");
}

/* Creates threads until there is no memory, with the n-th allocation failing for every n. */
static void test_failing(void)
{
	size_t before;
	unsigned long n = 1;
	bool right = true;

	stack_trim();
	before = page_unused();
	for (;; n++) {
		struct thread *t;

		fault_set(n);
		t = thread_create("test", count_run, NULL, STACK);
		right &= t ? fault_count() < n : fault_count() >= n;
		if (!t)
			continue;
		fault_set(0);
		thread_join(t);
		stack_trim();
		break;
	}
	ok(right && n == 3, "no thread without a stack or without a guard page");
	is(page_unused(), before, "and nothing is lost");
}

/* Memory that kept stacks hold is not missing: a stack of another size gets it. */
static void test_full(void)
{
	size_t hole;
	struct thread *t;

	for (int i = 0; i < 20; i++)
		thread_detach(start(count_run, NULL));
	settle();
	for (hole = page_unused(); hole > 0; hole--) /* never given back: this is the last test */
		while (page_alloc(hole))
			;
	t = thread_create("wide", count_run, NULL, 8 * PAGE_SIZE);
	ok(t, "kept stacks are given up for a new thread");
	if (t)
		thread_join(t);
	ok(!thread_create("none", count_run, NULL, SIZE_MAX / 2), "too large a stack is refused");
}

int main(void)
{
	fake.memory = 512u << 20;
	fake_boot();
	test_create();
	test_ends();
	test_detach_while_idle();
	test_mistakes();
	test_registers();
	test_tls();
	test_many(10000);
	test_cache();
	test_sizes();
	test_failing();
	test_full();
	return tap_done();
}
