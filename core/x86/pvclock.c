/* SPDX-License-Identifier: MIT */
#include "core/x86/pvclock.h"

/*
 * Reads the paravirtual clock (pvclock.h).
 *
 * The page is the host's: it may change between any two loads, so a copy counts only when the
 * version was even and the same before and after. A host that never finishes writing is not waited
 * for for ever: after a while the torn copy is used, and the callers' own "never goes back" holds
 * whatever comes.
 */

#include "core/x86/cpu.h"

#define TRIES 1000

/*
 * Takes a consistent copy of what the arithmetic needs. x86 does not reorder loads: only the
 * compiler is held back.
 */
static void copy(const volatile struct pvclock_page *page, struct pvclock_page *c)
{
	unsigned tries = 0;

	do {
		c->version = page->version;
		cpu_barrier();
		c->tsc = page->tsc;
		c->time = page->time;
		c->mul = page->mul;
		c->shift = page->shift;
		cpu_barrier();
	} while ((c->version & 1 || c->version != page->version) && ++tries < TRIES);
	if (c->shift < -31 || c->shift > 31)
		c->shift = 0;
}

bool pvclock_valid(const volatile struct pvclock_page *page)
{
	struct pvclock_page c;

	copy(page, &c);
	return c.version && !(c.version & 1) && c.mul;
}

/*
 * The difference is what counts: a guest's cycle counter may begin at 0 when it is made, and the record tell of a moment before
 * that, which stands there as a number near 2^64.
 */
uint64_t pvclock_now(const volatile struct pvclock_page *page)
{
	struct pvclock_page c;
	uint64_t delta;

	copy(page, &c);
	delta = cpu_tsc() - c.tsc;
	if ((int64_t)delta < 0)
		delta = 0;
	delta = c.shift < 0 ? delta >> -c.shift : delta << c.shift;
	return c.time + (uint64_t)((unsigned __int128)delta * c.mul >> 32);
}

uint64_t pvclock_tsc(const volatile struct pvclock_page *page, uint64_t ns)
{
	struct pvclock_page c;
	uint64_t rate, ticks;

	copy(page, &c);
	if (ns <= c.time || !c.mul)
		return cpu_tsc();
	rate = UINT64_MAX / c.mul; /* ticks a nanosecond, in 2^-32 */
	ticks = (uint64_t)((unsigned __int128)(ns - c.time) * rate >> 32);
	return c.tsc + (c.shift < 0 ? ticks << -c.shift : ticks >> c.shift);
}

uint64_t pvclock_epoch(const volatile struct pvclock_wall *wall)
{
	uint32_t version, sec, nsec;
	unsigned tries = 0;

	do {
		version = wall->version;
		cpu_barrier();
		sec = wall->sec;
		nsec = wall->nsec;
		cpu_barrier();
	} while ((version & 1 || version != wall->version) && ++tries < TRIES);
	if (!version || !sec || nsec >= 1000000000u)
		return 0;
	return sec * 1000000000ull + nsec;
}
