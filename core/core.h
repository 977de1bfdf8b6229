/* SPDX-License-Identifier: MIT */
#ifndef CORE_CORE_H
#define CORE_CORE_H

/*
 * The core: threads, timers, pages, the loop, the log. Portable; it stands on plat.h and gate.h
 * alone.
 *
 * One vCPU, and threads that switch only where they block or yield: between two blocking calls a
 * thread owns everything, so nothing in here takes a lock. "Blocks" below means that other threads,
 * timers and pollers may run before the call returns.
 */

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/list.h"

#define PAGE_SIZE 4096u

/* ---- start.c ---- */

/*
 * What libc-glue defines: everything from the C library's start to exit(main()). Runs in the first
 * thread.
 */
_Noreturn void core_main(void);

/*
 * Boot phases for people who measure: each call notes plat_now() under a name (static storage). At
 * most 12 are kept.
 */
struct core_phase {
	const char *name;
	uint64_t at; /* ns since plat_start() */
};
void core_phase(const char *name);
size_t core_phases(const struct core_phase **v);

/* ---- page.c ---- */

/* Gives the allocator a range; called by start.c for each of plat_memory(). */
void page_add(uintptr_t base, size_t len);

/*
 * n pages in a row, contents undefined, aligned to a page. NULL when there are none.
 * page_alloc_aligned: to 2^shift bytes.
 */
void *page_alloc(size_t n);
void *page_alloc_aligned(size_t n, unsigned shift);

/*
 * Exactly the n pages at addr. Returns 0, or -ERR_NOMEM when they are not all free: this is how a
 * heap grows in place.
 */
int page_alloc_at(void *addr, size_t n);

/*
 * n pages from the bottom of the largest free run, NULL when there are none: where a heap begins
 * that grows with page_alloc_at(). page_alloc() takes from the top.
 */
void *page_alloc_low(size_t n);

/* Gives pages back: all or part of what was allocated. Panics on pages that are free already. */
void page_free(void *addr, size_t n);

size_t page_total(void); /* pages ever added */
size_t page_unused(void); /* pages free now */

/* ---- balloon.c ---- */

/*
 * The platform tells here how many of page_total()'s pages the host wants to have back now: at the
 * start and whenever that changes. They are given, or taken back, little by little by a timer, and
 * only pages that are free.
 */
void balloon_want(size_t pages);
size_t balloon_out(void); /* pages that the host has; neither free nor used */

/* ---- thread.c ---- */

struct thread;

#define THREAD_NAME 16

/*
 * Starts fn(arg) on a stack of stack bytes (rounded up to pages, a guard page below it; its last
 * 256 bytes are the core's). Returns NULL when there is no memory. The thread ends when fn returns
 * or calls thread_exit(); somebody must then thread_join() it, unless it was detached.
 */
struct thread *thread_create(const char *name, void (*fn)(void *), void *arg, size_t stack);
_Noreturn void thread_exit(void);
void thread_join(struct thread *t);   /* blocks until t has ended, then frees it */
void thread_detach(struct thread *t); /* t frees itself when it ends, at once if it has */
struct thread *thread_self(void);
const char *thread_name(const struct thread *t);
void thread_rename(struct thread *t, const char *name);
size_t thread_count(void); /* how many are not freed yet */

/* One pointer that belongs to the C library, NULL at first. */
void *thread_data(const struct thread *t);
void thread_set_data(struct thread *t, void *data);

/*
 * The base of the C library's thread-local storage (x86-64: FS), 0 for none; set for the running
 * thread, kept across switches.
 */
void thread_set_tls(uintptr_t base);

/* Lets every other runnable thread, due timers and pollers have a turn. Blocks. */
void thread_yield(void);

/*
 * Blocks until thread_wake() or plat_now() >= deadline. A wake-up that came since the last block is
 * not lost: the call then returns at once. Returns 0 or -ERR_TIMEDOUT. Callers loop on their
 * condition.
 */
int thread_block(uint64_t deadline);
void thread_wake(struct thread *t);
void thread_sleep(uint64_t deadline);

/*
 * For waitq.c: waits until thread_ready() or the deadline, or for no reason; and whether a deadline
 * is over. Others take the calls above.
 */
void thread_pause(uint64_t deadline);
void thread_ready(struct thread *t);
bool thread_passed(uint64_t deadline);

/* ---- waitq.c ---- */

/* Waiters in the order in which they came. */
struct waitq {
	struct list waiters;
};
#define WAITQ_INIT(name) { LIST_INIT((name).waiters) }
void waitq_init(struct waitq *q);
int waitq_wait(struct waitq *q, uint64_t deadline); /* as thread_block(): 0 only when woken through q */
unsigned waitq_wake(struct waitq *q, unsigned max); /* wakes up to max; returns how many */

/* ---- stack.c, for thread.c ---- */

/*
 * The lowest byte of a stack of n pages, above a guard page that faults; NULL when there is no
 * memory. Some freed ones are kept for the next caller.
 */
void *stack_alloc(size_t n);
void stack_free(void *stack, size_t n);
void stack_trim(void); /* gives the kept ones back to page.c */

/* ---- timer.c ---- */

/*
 * A one-shot timer; the memory is the caller's and stays until it fired or was cancelled. Its fn
 * runs in whichever thread is idle or yields, and must not block.
 */
struct timer {
	uint64_t when;
	void (*fn)(struct timer *t);
	struct timer *child, *next, *prev; /* timer.c's; all NULL: not set */
};
int timer_set(struct timer *t, uint64_t when, void (*fn)(struct timer *t)); /* sets or moves; 0: it cannot fail */
void timer_cancel(struct timer *t); /* harmless when it is not set */
uint64_t timer_next(void); /* when the next one is due, PLAT_FOREVER for none */
void timer_run(uint64_t now); /* fires what is due */

/* ---- loop.c ---- */

/*
 * Something to be polled: a NIC with its stack, a disk, the console. poll() does what there is to
 * do and returns whether it did anything; arm() asks for a wake-up and returns true when there is
 * work already. Neither may block. Static storage: pollers are added once and stay.
 */
struct poller {
	bool (*poll)(void);
	bool (*arm)(void);
	struct poller *next;
};
void loop_add(struct poller *p);

/*
 * Polls everything once and fires due timers. Returns whether anything was done. Does not block or
 * switch.
 */
bool loop_poll(void);

/* Polls until a thread is runnable: the one place where the machine sleeps. For thread.c. */
void loop_idle(bool (*runnable)(void));

/*
 * Called by libc-glue at the head of every call that could block but need not: a busy thread gives
 * pollers and other threads a turn every 1 ms or 64 calls, whichever is first; a thread that called
 * quickly and then computes may make 7 more calls until it is seen. Blocks, so hold nothing; inside
 * a poller or timer it does nothing.
 */
void loop_breathe(void);

/*
 * For thread.c: counts one call, and whether a turn is due; whether a poller or timer is running,
 * who must not block.
 */
bool loop_due(void);
bool loop_polling(void);

/* ---- log.c ---- */

enum log_level {
	LOG_ERR,
	LOG_WARN,
	LOG_INFO,
	LOG_DEBUG,
};

/*
 * What is more than this is not printed; LOG_WARN unless the command line says
 * pith.log=err|warn|info|debug.
 */
extern enum log_level log_level;

/*
 * One line, without newline: `nic0: up, 00:16:3e:01:02:03, mtu 1500`. Formats: see fmt.c. Cut at
 * 400 bytes; control characters become '?'.
 */
void log_line(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Says why, with a backtrace, and ends the machine with PLAT_CRASH. */
_Noreturn void log_panic(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* ---- fmt.c ---- */

/*
 * snprintf for the core: %d %i %u %x %X %p %s %c %% with l, ll, z, width, precision, either as *, 0
 * and -. Returns the length that it would have had.
 */
int fmt_format(char *buf, size_t size, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
int fmt_vformat(char *buf, size_t size, const char *fmt, va_list ap);

/*
 * Reads a whole decimal or 0x number, with an optional K, M or G. Returns 0, or -ERR_INVAL for
 * anything else or for a value above max.
 */
int fmt_number(const char *s, uint64_t max, uint64_t *value);

/* ---- option.c ---- */

/*
 * The command line is `[pith options] [--] [arguments and NAME=value]`. Finds ours: `key=value`
 * before `--`. Where the key stands several times, the last one counts. Copies the value (unquoted,
 * cut at size) and returns its length before the cut, or -ERR_NOENT.
 */
int option_get(const char *key, char *buf, size_t size);

/*
 * Splits a line into words as a shell does, in place: blanks part words, '...' takes everything as
 * it is, "..." everything but a backslash before " \ $ or `, a backslash elsewhere takes the next
 * character as it is. Stores the first max words, and returns how many there are (more than max, if
 * the line has more), or -ERR_INVAL for a quote that is not closed or a backslash at the end.
 */
int option_split(char *line, char **argv, size_t max);

#endif
