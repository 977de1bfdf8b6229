/* SPDX-License-Identifier: MIT */
#include "core/core.h"

/*
 * Threads that switch where they block or yield, and nowhere else.
 *
 * A thread is a struct at the top of its own stack. Those that can run wait in one queue, first
 * come first served; one that blocks takes the next of them, and where there is none it runs the
 * loop (loop.c) on its own stack until a timer or a poller has made a thread ready, often itself:
 * then no switch happens at all. All waiting goes through thread_pause() and thread_ready(); the
 * rest is whose condition is looked at. Nothing preempts, so a condition that was looked at still
 * holds when thread_pause() is entered: that is why no wake-up is lost here.
 */

#include "core/err.h"
#include "core/plat.h"
#include "core/x86/gate.h"
#include "core/x86/switch.h"

struct thread {
	struct list run; /* on the queue, or on none */
	void *sp;        /* where it was left, see switch.h */
	void (*fn)(void *arg);
	void *arg;
	struct timer timer;
	struct thread *joiner;
	void *stack;     /* NULL: boot's, which is not ours to free */
	size_t pages;
	uintptr_t tls;
	void *data;
	bool blocked;    /* in thread_pause(), and nobody has called thread_ready() */
	bool woken;      /* a thread_wake() that no thread_block() has seen yet */
	bool dead, detached;
	char name[THREAD_NAME];
};

/* What core.h says that a stack has less. */
_Static_assert(sizeof(struct thread) <= 256, "core.h promises that a thread takes 256 bytes of its stack");

/*
 * The thread that start.c runs in, on the image's own stack, until it has created the first real
 * one. Nobody joins it.
 */
static struct thread boot = { .run = LIST_INIT(boot.run), .name = "boot", .detached = true };
static struct thread *current = &boot;
static struct thread *ended;  /* detached and dead: freed by whoever runs next, see bury() */
static uintptr_t tls_loaded;  /* what the CPU's thread pointer holds */
static size_t threads = 1;
static struct list queue = LIST_INIT(queue);

/*
 * Is there a thread that can run, beside the running one? Whoever is neither waits in
 * thread_pause() or is dead.
 */
static bool runnable(void)
{
	return !list_empty(&queue);
}

/* The struct is in the stack: after this t is no more. */
static void release(struct thread *t)
{
	threads--;
	if (t->stack)
		stack_free(t->stack, t->pages);
}

/*
 * The first thing after every switch. A thread that ends cannot free the stack it stands on, so the
 * next one does it; a thread that somebody joins is left to that one, who runs later than this.
 */
static void bury(void)
{
	struct thread *t = ended;

	ended = NULL;
	if (t)
		release(t);
}

/*
 * The thread pointer is a register that only the gate may write on some CPUs: a call that costs
 * more than the switch itself. So it is set only where it differs, and a thread without storage of
 * its own runs with whatever is there.
 */
static void load_tls(const struct thread *t)
{
	if (t->tls && t->tls != tls_loaded) {
		tls_loaded = t->tls;
		gate_set_tls(t->tls);
	}
}

/*
 * Runs the next thread that can run; returns when that is this one again. The caller is on the
 * queue (it yields), or off it until thread_ready() (it waits), or for ever (it is dead).
 *
 * Pollers and timers run on some thread's stack inside loop_poll(); were they to block, that thread
 * would be stuck in a place where it never asked to wait, with the loop half done.
 */
static void reschedule(void)
{
	struct thread *self = current, *next;

	if (loop_polling())
		log_panic("thread: %s blocks inside a poller or timer", self->name);
	if (!runnable())
		loop_idle(runnable); /* on this stack: the one that is made ready may be the caller itself */
	else if (loop_due())
		loop_poll(); /* threads that keep each other busy must not starve the devices */
	next = container_of(list_take(&queue), struct thread, run);
	if (next == self)
		return;
	/*
	 * From here on `current` and the stack disagree, so nothing may look at it until the switch is
	 * done.
	 */
	current = next;
	load_tls(next);
	if (self->dead) {
		ended = self->detached ? self : NULL;
		switch_end(next->sp);
	}
	switch_to(&self->sp, next->sp);
	bury();
}

/*
 * Makes a thread that is in thread_pause() leave it. Harmless for one that is not: it may be ready
 * already, running, or dead, and then its condition, which the caller has just changed, is all it
 * needs.
 */
void thread_ready(struct thread *t)
{
	if (!t->blocked)
		return;
	t->blocked = false;
	list_append(&queue, &t->run);
}

/*
 * The deadline and a wake-up may come in the same poll; the second of them finds the thread ready
 * and does nothing.
 */
static void time_is_up(struct timer *timer)
{
	thread_ready(container_of(timer, struct thread, timer));
}

/*
 * Blocks until thread_ready() or the deadline; callers look at their condition again. A deadline
 * that has passed is a yield, so that a thread which asks over and over does not shut the others
 * out.
 */
void thread_pause(uint64_t deadline)
{
	struct thread *self = current;

	if (deadline != PLAT_FOREVER) {
		if (plat_now() >= deadline) {
			thread_yield();
			return;
		}
		timer_set(&self->timer, deadline, time_is_up);
	}
	self->blocked = true;
	reschedule();
	timer_cancel(&self->timer);
}

/* For loops that wait: PLAT_FOREVER saves them a look at the clock. */
bool thread_passed(uint64_t deadline)
{
	return deadline != PLAT_FOREVER && plat_now() >= deadline;
}

/*
 * The poll comes first: whom it makes ready is then ahead of us in the queue, and gets this very
 * turn.
 */
void thread_yield(void)
{
	if (loop_polling())
		log_panic("thread: %s yields inside a poller or timer", current->name);
	loop_poll();
	if (!runnable())
		return;
	list_append(&queue, &current->run);
	reschedule();
}

/* ---- Life and death ---- */

/*
 * Where a new thread starts, by the first switch to it. It returns to nowhere (switch.S), so it
 * must not return.
 */
static void enter(void)
{
	bury();
	current->fn(current->arg);
	thread_exit();
}

/*
 * The new thread waits for its turn: the caller can note who it is before it does anything. The
 * last bytes of the stack hold its struct, so a thread is one allocation, and its stack begins
 * below.
 */
struct thread *thread_create(const char *name, void (*fn)(void *), void *arg, size_t stack)
{
	size_t pages = stack / PAGE_SIZE + (stack % PAGE_SIZE != 0);
	struct thread *t;
	char *base;

	if (pages == 0)
		pages = 1;
	base = stack_alloc(pages);
	if (!base)
		return NULL;
	t = (struct thread *)(void *)(base + pages * PAGE_SIZE) - 1;
	*t = (struct thread){ .fn = fn, .arg = arg, .stack = base, .pages = pages };
	list_init(&t->run);
	thread_rename(t, name);
	t->sp = switch_prepare(base, (size_t)((char *)t - base), enter);
	threads++;
	list_append(&queue, &t->run);
	return t;
}

/*
 * A dead thread stays current, on its own stack, until there is another to switch to: meanwhile it
 * may well idle in the loop. Whoever joins it is only made ready here, and runs after the switch.
 */
_Noreturn void thread_exit(void)
{
	current->dead = true;
	if (current->joiner)
		thread_ready(current->joiner);
	reschedule();
	__builtin_unreachable(); /* nobody switches to a dead thread: it is on no queue */
}

/*
 * A thread is freed once, by one joiner or by its detachment: anything else is a mistake, and would
 * free it twice.
 */
void thread_join(struct thread *t)
{
	if (t == current || t->detached || t->joiner)
		log_panic("thread: %s joins %s, which is itself, detached or joined already", current->name, t->name);
	t->joiner = current;
	while (!t->dead)
		thread_pause(PLAT_FOREVER);
	release(t);
}

void thread_detach(struct thread *t)
{
	if (t->detached || t->joiner)
		log_panic("thread: %s detaches %s, which is detached or joined already", current->name, t->name);
	t->detached = true;
	/*
	 * A poller or timer may detach the dead thread on whose stack it runs: that one is left to
	 * bury().
	 */
	if (t->dead && t != current)
		release(t);
}

/* ---- What is known about a thread ---- */

struct thread *thread_self(void)
{
	return current;
}

const char *thread_name(const struct thread *t)
{
	return t->name;
}

void thread_rename(struct thread *t, const char *name)
{
	fmt_format(t->name, sizeof(t->name), "%s", name);
}

size_t thread_count(void)
{
	return threads;
}

void *thread_data(const struct thread *t)
{
	return t->data;
}

void thread_set_data(struct thread *t, void *data)
{
	t->data = data;
}

void thread_set_tls(uintptr_t base)
{
	current->tls = base;
	load_tls(current);
}

/* ---- Blocking and waking ---- */

/*
 * One bit for each thread remembers a wake-up that came first, so a caller that looks at its
 * condition and then blocks loses nothing, and one that is woken thrice returns once. The bit is
 * taken only here: sleeping, joining and queues leave it alone, since what woke them was not meant
 * for it.
 */
int thread_block(uint64_t deadline)
{
	struct thread *self = current;
	bool woken;

	while (!self->woken) {
		thread_pause(deadline);
		if (thread_passed(deadline))
			break;
	}
	woken = self->woken;
	self->woken = false;
	return woken ? 0 : -ERR_TIMEDOUT;
}

void thread_wake(struct thread *t)
{
	t->woken = true;
	thread_ready(t);
}

void thread_sleep(uint64_t deadline)
{
	do
		thread_pause(deadline);
	while (!thread_passed(deadline));
}
