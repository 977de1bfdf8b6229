/* SPDX-License-Identifier: MIT */
#include "core/core.h"

/*
 * The console: two byte rings in one page (xen/io/console.h), read by xenconsoled in dom0.
 *
 * Output never blocks for a healthy console. When the ring is full the other side is told and given
 * PATIENCE to read; if it has not moved by then it counts as stuck, and what does not fit is
 * dropped and counted until it moves again: a program must not hang on its log. `\n` becomes
 * `\r\n`, because `xl console` puts the terminal into raw mode. The counters of the other side are
 * checked by difference, as everywhere.
 */

#include "xen/flavour.h"

#define PATIENCE_NS 200000000ull
#define DRAIN_NS 1000000000ull

static struct xencons_interface *ring;
static unsigned ring_port;
static uint32_t out, in;   /* ours: out_prod, in_cons */
static uint32_t told;      /* out, when the other side was last told */
static uint32_t read_to;   /* out_cons at the last look */
static uint32_t stuck_at;  /* out_cons when patience ended */
static bool stuck;
static uint64_t dropped;

static uint32_t load(const volatile uint32_t *p)
{
	return *p;
}

void console_start(void)
{
	ring = flavour_console(&ring_port);
	if (!ring)
		return;
	out = told = load(&ring->out_prod);
	in = load(&ring->in_cons);
	stuck = false;
	evtchn_add(ring_port);
}

/* Comes before every sleep: that something was read is no event for nothing. */
void plat_console_flush(void)
{
	if (ring && load(&ring->out_cons) != read_to) {
		read_to = load(&ring->out_cons);
		evtchn_worked(ring_port);
	}
	if (!ring || told == out)
		return;
	told = out;
	evtchn_send(ring_port);
}

/*
 * Free bytes of the output ring. A counter that cannot be true reads as a full ring: a console that
 * is stuck.
 */
static uint32_t room(void)
{
	uint32_t used = out - load(&ring->out_cons);

	return used > sizeof(ring->out) ? 0 : (uint32_t)sizeof(ring->out) - used;
}

static void wait_read(uint64_t deadline)
{
	uint32_t before = load(&ring->out_cons);

	plat_console_flush();
	while (load(&ring->out_cons) == before && clock_now() < deadline)
		evtchn_wait_for(ring_port, deadline);
}

/* Makes room for n bytes; false: they are to be dropped. */
static bool make_room(uint32_t n)
{
	if (room() >= n)
		return true;
	if (!stuck) {
		uint64_t deadline = clock_now() + PATIENCE_NS;

		while (room() < n && clock_now() < deadline)
			wait_read(deadline);
		stuck = room() < n;
		stuck_at = load(&ring->out_cons);
	} else if (load(&ring->out_cons) != stuck_at) {
		stuck = false;
	}
	return room() >= n;
}

static void put(char c)
{
	((volatile char *)ring->out)[MASK_XENCONS_IDX(out, ring->out)] = c;
	out++;
}

void plat_console_write(const char *s, size_t len)
{
	if (!ring)
		flavour_say(s, len);
	for (size_t i = 0; ring && i < len; i++) {
		if (!make_room(2)) {
			dropped++;
			continue;
		}
		if (s[i] == '\n')
			put('\r');
		put(s[i]);
		__atomic_thread_fence(__ATOMIC_RELEASE); /* bytes before their counter */
		*(volatile uint32_t *)&ring->out_prod = out;
	}
}

size_t plat_console_read(char *buf, size_t max)
{
	uint32_t n = ring ? load(&ring->in_prod) - in : 0;

	if (n == 0 || n > sizeof(ring->in))
		return 0;
	__atomic_thread_fence(__ATOMIC_ACQUIRE); /* the counter before the bytes */
	n = n < max ? n : (uint32_t)max;
	for (uint32_t i = 0; i < n; i++)
		buf[i] = ((volatile char *)ring->in)[MASK_XENCONS_IDX(in + i, ring->in)];
	in += n;
	__atomic_thread_fence(__ATOMIC_SEQ_CST); /* bytes read before they may be overwritten */
	*(volatile uint32_t *)&ring->in_cons = in;
	evtchn_worked(ring_port);
	evtchn_send(ring_port); /* there is room again */
	return n;
}

void console_drain(void)
{
	uint64_t deadline = clock_now() + DRAIN_NS;

	if (!ring)
		return;
	told = out - 1; /* even what was told before: this is the last chance */
	while (room() < sizeof(ring->out) && clock_now() < deadline)
		wait_read(deadline);
}
