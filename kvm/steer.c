/* SPDX-License-Identifier: MIT */
#include "kvm/steer.h"

/*
 * Steers the TSC by a reference whose rate is known, without ever waiting for it.
 *
 * Spinning for a good calibration costs milliseconds that nobody may need: a hello has printed
 * and gone by then. But whoever asks for the time t after the start is not harmed by a rate that
 * is wrong by a fraction of 1/t. So a pair (TSC, reference) is taken at the start, another at the
 * first question, and then whenever the time since the start has doubled; the rate is that of the
 * whole window, and its error, some ticks of the reference over the window, shrinks with it: 1 %
 * after 0.1 ms, 0.05 % after 2 ms, 1 ppm after a second. From 16 seconds on a pair is taken every
 * 16 s, and the rate is that of the last minute or two. Time never steps: a difference is made
 * good over the next window by going faster or slower.
 *
 * The reference is ACPI's PM timer (q35, pc) or channel 2 of the PIT (microvm), both short
 * counters that wrap. Between two pairs the TSC itself tells how many wraps there were, well
 * within half a wrap at the precision reached. A machine with neither is measured once against
 * the local APIC's timer, by sleeping.
 */

#include "core/core.h"
#include "core/plat.h"
#include "core/x86/cpu.h"
#include "core/x86/gate.h"
#include "core/x86/io.h"
#include "kvm/kvm.h"

#define NS_PER_S 1000000000ull

#define PM_PORT 0x608u /* QEMU's and qboot's on every machine that has one; stays open after the seal */
#define PM_HZ 3579545u
#define PM_MASK 0xffffffu

#define PIT_DATA 0x42u    /* stays open; its command port does not */
#define PIT_COMMAND 0x43u
#define PIT_HZ 1193182u
#define PIT_MASK 0xffffu
#define PIT_TRIES 10u
#define PIT_RATE_2 0xb4u  /* channel 2, both bytes, mode 2: count down from 65536 for ever */

/*
 * Before anything is known the TSC is taken to be faster than any real one: time runs slow at
 * first, and then only has to hurry.
 */
#define GUESS_HZ (5 * NS_PER_S)

/*
 * So many ticks after the start a 16-bit reference has not wrapped, if the TSC runs at 0.3 to 6
 * GHz.
 */
#define UNWRAPPED_TICKS (1ull << 24)

#define SPIN_NS 2000000u
#define WINDOW_MIN 20000u /* TSC ticks from pair to pair, at least */
#define WINDOW_MAX_NS (16 * NS_PER_S)
#define MEMORY_NS (64 * NS_PER_S) /* the rate is measured over once to twice this */

/* Fewer ticks of the reference than this tell no rate. */
#define TICKS_MIN 8u

/* Sleeps for the machine without a reference. */
#define NAP_NS 4000000u
#define NAPS 3u

struct pair {
	uint64_t tsc;
	uint64_t ticks; /* of the reference since the start, without wraps */
};

static enum { NONE, PM_TIMER, PIT } kind;
static uint64_t hz, mask;      /* of the reference */
static struct pair oldest;     /* where the window begins that the rate is measured over */
static struct pair middle;     /* where it will begin next */
static struct pair latest;
static uint32_t raw;           /* the counter at `latest` */
static uint64_t rate;          /* ns a tick of the TSC, in 2^-32, */
static uint64_t grip;          /* and the reference's ticks that it was measured over: 0, it is a guess */

static uint64_t from_tsc, from_ns; /* the clock's line now: from_ns at from_tsc, rising by slope */
static uint64_t slope;
static uint64_t check;             /* TSC: when to take the next pair */

/* a * b / c. The quotient must fit, or it is all ones. */
static uint64_t scale(uint64_t a, uint64_t b, uint64_t c)
{
	unsigned __int128 p = (unsigned __int128)a * b;
	uint64_t quotient, rest;

	if ((uint64_t)(p >> 64) >= c)
		return UINT64_MAX;
	__asm__("divq %4" : "=a"(quotient), "=d"(rest) : "0"((uint64_t)p), "1"((uint64_t)(p >> 64)), "r"(c) : "cc");
	return quotient;
}

static uint64_t times(uint64_t ticks, uint64_t factor)
{
	return (uint64_t)((unsigned __int128)ticks * factor >> 32);
}

/*
 * The slope that makes good a difference holds until the next pair is due, even if that is taken
 * much later.
 */
static uint64_t line(uint64_t tsc)
{
	uint64_t turn = tsc < check ? tsc : check;

	return from_ns + times(turn - from_tsc, slope) + times(tsc - turn, rate);
}

/*
 * The PIT tells its counter in two bytes, low and high by turns, and without a command from its
 * other port it goes on counting between them. Two readings with the same high byte and a low one
 * that fell are from before the next borrow.
 */
static uint32_t read_pit(void)
{
	uint32_t low, high, low_after, high_after;
	unsigned tries = 0;

	do {
		low = inb(PIT_DATA);
		high = inb(PIT_DATA);
		low_after = inb(PIT_DATA);
		high_after = inb(PIT_DATA);
	} while ((high != high_after || low_after > low) && ++tries < PIT_TRIES);
	return low | high << 8;
}

/* The counter, made to count up. */
static uint32_t read_counter(void)
{
	return kind == PM_TIMER ? inl(PM_PORT) & PM_MASK : -read_pit() & PIT_MASK;
}

/*
 * Reads TSC and counter as one: the tightest of three tries, because the host may hold us up
 * between the two.
 */
static uint64_t read_both(uint32_t *counter)
{
	uint64_t best = UINT64_MAX, tsc = 0, before, after;
	uint32_t c;
	unsigned i;

	for (i = 0; i < 3; i++) {
		before = cpu_tsc();
		c = read_counter();
		after = cpu_tsc();
		if (after - before >= best)
			continue;
		best = after - before;
		tsc = before + best / 2;
		*counter = c;
	}
	return tsc;
}

/* A port where nothing is always reads the same. */
static bool counts(void)
{
	uint32_t first = read_counter(), i;

	for (i = 0; i < 100; i++)
		if (read_counter() != first)
			return true;
	return false;
}

/* The PM timer is the better one: 24 bits, and one exit for a reading. */
static void choose(void)
{
	kind = PM_TIMER;
	hz = PM_HZ;
	mask = PM_MASK;
	if (inl(PM_PORT) != UINT32_MAX && counts())
		return;
	outb(PIT_COMMAND, PIT_RATE_2);
	outb(PIT_DATA, 0);
	outb(PIT_DATA, 0);
	kind = PIT;
	hz = PIT_HZ;
	mask = PIT_MASK;
	if (!counts())
		kind = NONE;
}

/*
 * No reference: a few sleeps, once, of which the shortest counts. Waking up takes its time, so
 * the clock is slow by a percent or so, which is said. With TSC deadlines not even that can be
 * measured, and a tick stays a nanosecond.
 */
static void measure_by_sleeping(void)
{
	uint64_t best = UINT64_MAX, start, took;
	unsigned i;

	for (i = 0; i < NAPS && !gate_deadline_mode(); i++) {
		start = cpu_tsc();
		gate_wait(NAP_NS);
		took = cpu_tsc() - start;
		best = took < best ? took : best;
	}
	rate = i ? scale(NAP_NS, 1ull << 32, best) : 1ull << 32;
	slope = rate;
	check = UINT64_MAX;
	log_line(LOG_WARN, "clock: nothing tells the rate of the TSC, taken to be %lu kHz",
		(unsigned long)scale(1000000, 1ull << 32, rate));
}

/* The first pair. Nothing can be said of the rate yet. */
void steer_start(void)
{
	choose();
	rate = slope = (NS_PER_S << 32) / GUESS_HZ;
	from_tsc = latest.tsc = kind == NONE ? cpu_tsc() : read_both(&raw);
	oldest = middle = latest;
	check = latest.tsc; /* the first question takes the second pair */
}

/*
 * Ticks of the reference since `latest`. The TSC predicts them, and the counter, which knows only
 * the last bits, corrects the prediction by less than half a wrap. With no rate yet the
 * prediction is "less than one wrap", which steer_now() has made sure of. After a time so long
 * that the rate is not good enough to tell wraps, *lost, the prediction is all there is.
 */
static uint64_t ticks_since(uint64_t tsc, uint32_t counter, bool *lost)
{
	uint64_t passed = times(tsc - latest.tsc, rate);
	uint64_t expected = scale(passed, hz, NS_PER_S);
	uint32_t moved = (counter - raw) & (uint32_t)mask, off;

	*lost = grip && expected / (mask / 8) > grip;
	if (!grip || *lost)
		return grip ? expected : moved;
	off = (moved - (uint32_t)expected) & (uint32_t)mask;
	if (off <= mask / 2)
		return expected + off;
	off = (uint32_t)mask + 1 - off;
	return expected > off ? expected - off : 0;
}

/*
 * The window grows to twice MEMORY_NS and then loses its older half: the rate follows a host
 * whose own clock is being steered.
 */
static void slide(void)
{
	uint64_t memory = scale(MEMORY_NS, 1ull << 32, rate);

	if (latest.tsc - middle.tsc < memory)
		return;
	oldest = middle;
	middle = latest;
}

/*
 * From here on the line leads to where the reference says that we are when the next pair is due,
 * if that takes no more than half or double speed.
 */
static void aim(uint64_t tsc, uint64_t told, uint64_t window)
{
	uint64_t real = scale(latest.ticks, NS_PER_S, hz);
	uint64_t ahead = times(window, rate);
	uint64_t off = real > told ? real - told : told - real, turn;

	off = off < ahead / 2 ? off : ahead / 2;
	turn = scale(off, 1ull << 32, window);
	slope = real > told ? rate + turn : rate - turn;
	from_tsc = tsc;
	from_ns = told;
	check = tsc + window;
}

/* The rate over the window, unless a longer one has told it better. */
static void measure(void)
{
	uint64_t ticks = latest.ticks - oldest.ticks;

	if (ticks < TICKS_MIN || ticks < grip / 2)
		return;
	rate = scale(scale(ticks, NS_PER_S, hz), 1ull << 32, latest.tsc - oldest.tsc);
	grip = ticks;
}

static void take_pair(void)
{
	uint32_t counter;
	uint64_t tsc = read_both(&counter), told = line(tsc), longest, window;
	bool lost;

	latest.ticks += ticks_since(tsc, counter, &lost);
	latest.tsc = tsc;
	raw = counter;
	if (lost)
		oldest = middle = latest;
	measure();
	window = tsc - oldest.tsc;
	slide();
	longest = scale(WINDOW_MAX_NS, 1ull << 32, rate);
	window = window < WINDOW_MIN ? WINDOW_MIN : window;
	aim(tsc, told, window < longest ? window : longest);
}

/*
 * The first question came so late that the reference may have wrapped unseen. What has passed is
 * guessed, and a window of SPIN_NS, the only one that anybody waits for, begins now.
 */
static void start_again(void)
{
	uint64_t before = latest.tsc, start;
	uint32_t first;

	start = read_both(&raw);
	latest = (struct pair){ start, latest.ticks + scale(start - before, hz, GUESS_HZ) };
	oldest = middle = latest;
	first = raw;
	while (((read_counter() - first) & mask) < scale(SPIN_NS, hz, NS_PER_S))
		cpu_relax();
	take_pair();
}

/* Reading the TSC is all that it takes, but for the rare call that finds a pair due. */
uint64_t steer_now(void)
{
	uint64_t tsc = cpu_tsc();

	if (tsc >= check) {
		if (kind == NONE)
			measure_by_sleeping();
		else if (!grip && tsc - latest.tsc > UNWRAPPED_TICKS)
			start_again();
		else
			take_pair();
	}
	return line(tsc > from_tsc ? tsc : from_tsc);
}

uint64_t steer_nap(void)
{
	return check == UINT64_MAX ? PLAT_FOREVER : line(check);
}

uint64_t steer_tsc(uint64_t ns)
{
	return ns <= from_ns ? from_tsc : from_tsc + scale(ns - from_ns, 1ull << 32, slope);
}

const char *steer_reference(void)
{
	return kind == PM_TIMER ? "tsc+pm-timer" : kind == PIT ? "tsc+pit" : "tsc+lapic";
}
