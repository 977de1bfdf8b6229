/* SPDX-License-Identifier: MIT */
/*
 * The door's plat.h as a Unix process. Read fake.h first.
 *
 * RAM is mapped where its addresses are as low as a machine's, in two ranges with a hole, so that
 * nobody can assume one. Under AddressSanitizer the arena lies below its shadow memory.
 */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/core.h"
#include "core/err.h"
#include "core/plat.h"
#include "test/fake/fake.h"

#define ARENA_BASE 0x10000000u
#define HOLE (16 * PAGE_SIZE)
#define MODULES 4
#define BALLOON_PAGES (256u << 20 >> 12) /* RAM up to this much can be given to the host */

struct fake fake;

static uint64_t now, random_state, plat_random_state;
static uint64_t interrupt_at[FAKE_SOURCES];
static bool started;
static char *console;
static size_t console_len, console_size;
static char keys[256];
static size_t nkeys;
static bool key_pressed; /* since the last wait */
static struct plat_range module[MODULES];
static unsigned modules;
static bool ballooned[BALLOON_PAGES]; /* by page of RAM */

/* ---- Random numbers: splitmix64, so that a seed means the same on every host ---- */

static uint64_t splitmix(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

/* Defaults of what the test has not set; also for tests that never call plat_start(). */
static void settle(void)
{
	static bool done;
	const char *seed = getenv("PITH_SEED");

	if (done)
		return;
	done = true;
	if (!fake.seed)
		fake.seed = seed ? strtoull(seed, NULL, 0) : 1;
	if (!fake.memory)
		fake.memory = 64u << 20;
	if (!fake.tick)
		fake.tick = 100;
	if (!fake.wall)
		fake.wall = 1750000000ull * 1000000000u;
	if (!fake.cmdline)
		fake.cmdline = "";
	random_state = fake.seed;
	plat_random_state = ~fake.seed;
	for (unsigned i = 0; i < FAKE_SOURCES; i++)
		interrupt_at[i] = PLAT_FOREVER;
}

uint64_t fake_random(void)
{
	settle();
	return splitmix(&random_state);
}

void fake_seed(uint64_t seed)
{
	settle();
	fake.seed = seed;
	random_state = seed;
}

uint64_t fake_below(uint64_t n)
{
	return n ? fake_random() % n : 0;
}

bool fake_chance(unsigned in_10000)
{
	/* No number is drawn for a rate of 0: a seed then gives the same run with a fault's knob there or not. */
	return in_10000 > 0 && fake_below(10000) < in_10000;
}

int plat_random(void *buf, size_t len)
{
	uint8_t *p = buf;

	settle();
	if (fake.no_entropy)
		return -ERR_AGAIN;
	while (len-- > 0)
		*p++ = (uint8_t)splitmix(&plat_random_state);
	return 0;
}

/* ---- Begin and end ---- */

void plat_start(void)
{
	void *got;

	settle();
	if (started)
		fake_wrong("plat_start() called twice");
	started = true;
	got = mmap((void *)(uintptr_t)ARENA_BASE, fake.memory, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
	if (got != (void *)(uintptr_t)ARENA_BASE)
		fake_wrong("no room for %zu bytes of RAM at 0x%x", fake.memory, ARENA_BASE);
}

void plat_seal(void)
{
	fake_sealed = true;
}

void plat_about(struct plat_about *about)
{
	*about = (struct plat_about){ "fake", "process", "host", "virtual", "main" };
}

size_t plat_memory(struct plat_range *v, size_t max)
{
	size_t first = fake.memory / 4 & ~(size_t)(PAGE_SIZE - 1);

	if (!started)
		fake_wrong("plat_memory() before plat_start()");
	if (max > 0)
		v[0] = (struct plat_range){ ARENA_BASE, first };
	if (max > 1)
		v[1] = (struct plat_range){ ARENA_BASE + first + HOLE, fake.memory - first - HOLE };
	return max < 2 ? max : 2;
}

/*
 * A page that the host has is out of reach: whoever touches it dies. The host takes any order, but the same page never twice.
 */
int plat_balloon(const uintptr_t *pages, unsigned n, bool give)
{
	unsigned most = fake.balloon < n ? fake.balloon : n;

	if (n == 0 || n > PLAT_BALLOON)
		fake_wrong("plat_balloon() of %u pages", n);
	if (!fake.balloon)
		return -ERR_NODEV;
	if (fake_chance(fake.spurious))
		most = (unsigned)fake_below(most + 1);
	for (unsigned i = 0; i < most; i++) {
		size_t page = (pages[i] - ARENA_BASE) / PAGE_SIZE;

		if (pages[i] % PAGE_SIZE || page >= fake.memory / PAGE_SIZE || page >= BALLOON_PAGES || ballooned[page] == give)
			fake_wrong("page %#lx %s twice, or no page", (unsigned long)pages[i], give ? "given" : "taken");
		ballooned[page] = give;
		if (mprotect((void *)pages[i], PAGE_SIZE, give ? PROT_NONE : PROT_READ | PROT_WRITE))
			fake_wrong("mprotect");
		if (!give)
			memset((void *)pages[i], 0xa5, PAGE_SIZE);
	}
	fake.ballooned = give ? fake.ballooned + most : fake.ballooned - most;
	return (int)most;
}

const char *plat_cmdline(void)
{
	settle();
	return fake.cmdline;
}

void fake_module(const void *base, size_t len)
{
	module[modules++] = (struct plat_range){ (uintptr_t)base, len };
}

int plat_module(unsigned n, struct plat_range *m)
{
	if (n >= modules)
		return -ERR_NOENT;
	*m = module[n];
	return 0;
}

_Noreturn void plat_exit(enum plat_end how, int status)
{
	fflush(NULL);
	if (how == PLAT_OFF)
		exit(status);
	/* No tidy end for a machine that gave up: it may hold anything. */
	_exit(how == PLAT_REBOOT ? FAKE_REBOOT : FAKE_CRASH);
}

bool plat_asked_to_stop(void)
{
	return fake.stop;
}

unsigned plat_changes(void)
{
	return fake.changes;
}

_Noreturn void fake_wrong(const char *fmt, ...)
{
	va_list ap;

	printf("not ok - fake: ");
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf(" (seed %llu, at %llu ns)\n", (unsigned long long)fake.seed, (unsigned long long)now);
	fflush(NULL);
	_exit(FAKE_WRONG);
}

int fake_dies(void (*fn)(void), char *said, size_t size)
{
	int ends[2], status = 0;
	size_t len = 0;
	ssize_t got = 1;
	pid_t pid;

	fflush(NULL);
	if (pipe(ends) != 0 || (pid = fork()) < 0)
		fake_wrong("cannot make a child process");
	if (pid == 0) {
		dup2(ends[1], 1);
		dup2(ends[1], 2);
		fake.quiet = false;
		fn();
		fflush(NULL);
		_exit(0);
	}
	close(ends[1]);
	while (len + 1 < size && (got = read(ends[0], said + len, size - 1 - len)) > 0)
		len += (size_t)got;
	said[len] = '\0';
	close(ends[0]);
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
}

/* ---- Time ---- */

uint64_t fake_now(void)
{
	return now;
}

void fake_advance(uint64_t ns)
{
	now += ns;
}

uint64_t plat_now(void)
{
	settle();
	return now += fake.tick;
}

uint64_t plat_wall(void)
{
	settle();
	return fake.wall + now;
}

void fake_interrupt(unsigned source, uint64_t when)
{
	settle();
	interrupt_at[source] = when;
}

/* The source whose interrupt comes first. */
static unsigned next_source(void)
{
	unsigned first = 0;

	for (unsigned i = 1; i < FAKE_SOURCES; i++)
		if (interrupt_at[i] < interrupt_at[first])
			first = i;
	return first;
}

void plat_wait(uint64_t deadline)
{
	uint64_t until = deadline;
	unsigned source;

	settle();
	plat_console_flush();
	if (deadline <= now || key_pressed) {
		key_pressed = false;
		return;
	}
	source = next_source();
	fake.waits++;
	if (fake_chance(fake.spurious)) {
		now += fake_below(1000);
		return;
	}
	if (interrupt_at[source] <= deadline) {
		until = interrupt_at[source];
		interrupt_at[source] = PLAT_FOREVER;
	}
	if (until == PLAT_FOREVER) {
		printf("not ok - fake: deadlock, the machine waits for ever (seed %llu, at %llu ns)\n",
			(unsigned long long)fake.seed, (unsigned long long)now);
		plat_exit(PLAT_CRASH, 0);
	}
	if (until > now)
		now = until;
}

/* ---- Console ---- */

void plat_console_write(const char *s, size_t len)
{
	if (console_len + len + 1 > console_size) {
		console_size = 2 * (console_len + len + 1);
		console = realloc(console, console_size);
	}
	memcpy(console + console_len, s, len);
	console_len += len;
	console[console_len] = '\0';
	if (!fake.quiet)
		fwrite(s, 1, len, stdout);
}

void plat_console_flush(void)
{
	if (!fake.quiet)
		fflush(stdout);
}

const char *fake_console(void)
{
	return console ? console : "";
}

void fake_console_clear(void)
{
	console_len = 0;
	if (console)
		console[0] = '\0';
}

void fake_type(const char *text)
{
	for (; *text && nkeys < sizeof(keys); text++)
		keys[nkeys++] = *text;
	key_pressed = true;
}

size_t plat_console_read(char *buf, size_t max)
{
	size_t n = nkeys < max ? nkeys : max;

	memcpy(buf, keys, n);
	nkeys -= n;
	memmove(keys, keys + n, nkeys);
	return n;
}
