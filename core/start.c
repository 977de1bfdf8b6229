/* SPDX-License-Identifier: MIT */
#include "core/core.h"

/*
 * From the platform to the first thread, and the record of how long that took.
 *
 * Runs on the boot stack until the first thread exists. What the program is, is not known here:
 * core_main() is libc-glue's, or a test's.
 */

#include "core/plat.h"

_Noreturn void core_start(void);

#define PHASES 12
#define RANGES 32
#define STACK_MIN (64u << 10)
#define STACK_MAX (1u << 20)

static struct core_phase phases[PHASES];
static size_t nphases;

void core_phase(const char *name)
{
	if (nphases < PHASES)
		phases[nphases++] = (struct core_phase){ name, plat_now() };
}

size_t core_phases(const struct core_phase **v)
{
	*v = phases;
	return nphases;
}

static void add_memory(void)
{
	struct plat_range v[RANGES];
	size_t i, n = plat_memory(v, RANGES);

	for (i = 0; i < n; i++)
		page_add(v[i].base, v[i].len);
}

/* The main thread's stack: pith.stack=SIZE, else a sixteenth of memory within bounds. */
static size_t stack_size(void)
{
	size_t size = page_total() * PAGE_SIZE / 16;
	uint64_t asked;
	char text[24];

	if (option_get("pith.stack", text, sizeof text) >= 0) {
		if (!fmt_number(text, page_total() * PAGE_SIZE, &asked) && asked >= STACK_MIN)
			return asked;
		log_line(LOG_WARN, "pith.stack=%s: not a size from 64K to what there is, ignored", text);
	}
	return size < STACK_MIN ? STACK_MIN : size > STACK_MAX ? STACK_MAX : size;
}

static void set_log_level(void)
{
	static const char *const names[] = { "err", "warn", "info", "debug" };
	char text[8];
	unsigned i;

	if (option_get("pith.log", text, sizeof text) < 0)
		return;
	for (i = 0; i < 4; i++) {
		if (!__builtin_strcmp(text, names[i])) {
			log_level = i;
			return;
		}
	}
	log_line(LOG_WARN, "pith.log=%s: not one of err, warn, info, debug", text);
}

static void main_thread(void *arg)
{
	(void)arg;
	core_main();
}

_Noreturn void core_start(void)
{
	plat_start();
	core_phase("platform");
	set_log_level();
	add_memory();
	if (!thread_create("main", main_thread, NULL, stack_size()))
		log_panic("too little memory: %zu KiB free, the main thread's stack takes %zu", page_unused() * PAGE_SIZE >> 10,
			stack_size() >> 10);
	core_phase("core");
	thread_exit();
}
