/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include <stdio.h>

/*
 * The fake machine's small chips behind ports: serial line, timers, CMOS clock, ACPI power
 * management, exits.
 */

#include <string.h>
#include <time.h>
#include <unistd.h>

#include "test/fake/vmm.h"

#define FIFO 16u
#define BAUD_NS 86805u /* a byte at 115200 8N1 */
#define PM_HZ 3579545ull
#define PIT_HZ 1193182ull

struct vmm_date vmm_date = { 2024, 2, 29, 23, 59, 58, false, false };

static char sent[1u << 18];
static size_t nsent;
static char typed[256];
static size_t ntyped, nread;
static uint8_t enable, fifo_on;
static uint64_t busy_until; /* the transmitter */
static unsigned in_fifo;
static uint64_t pit_start;
static unsigned pit_byte;
static uint32_t pit_high;
static bool pit_runs;
static uint8_t cmos;
static uint64_t rtc_since; /* the host's time when it was vmm_date */
static unsigned rtc_reads;
static uint16_t pm_enable, pm_status;

const char *vmm_serial(void)
{
	sent[nsent] = '\0';
	return sent;
}

/* ---- serial ---- */

static void drain(void)
{
	while (in_fifo && !vmm.serial_stuck && vmm_time() >= busy_until) {
		in_fifo--;
		busy_until += BAUD_NS;
	}
}

static void transmit(uint8_t c)
{
	drain();
	if (!in_fifo)
		busy_until = vmm_time() + BAUD_NS;
	if (++in_fifo > FIFO)
		vmm_wrong("the serial port's FIFO overflows");
	if (!fifo_on && in_fifo > 1)
		vmm_wrong("two bytes for a serial port without FIFO");
	if (nsent < sizeof sent - 1)
		sent[nsent++] = (char)c;
}

void vmm_type(const char *keys)
{
	bool idle = nread == ntyped;

	ntyped += (size_t)snprintf(typed + ntyped, sizeof typed - ntyped, "%s", keys);
	if (idle && enable & 1 && vmm_pin_open(4))
		vmm_interrupt();
}

static uint32_t serial_in(uint16_t port)
{
	drain();
	if (port == 0x3fd)
		return (nread < ntyped) | (in_fifo ? 0 : 0x60);
	if (port == 0x3f8)
		return nread < ntyped ? (uint8_t)typed[nread++] : 0;
	return 0;
}

static void serial_out(uint16_t port, uint32_t v)
{
	bool rises = port == 0x3f9 && v & 1 && !(enable & 1) && nread < ntyped;

	if (port == 0x3f8)
		transmit((uint8_t)v);
	if (port == 0x3f9)
		enable = (uint8_t)v;
	if (port == 0x3fa)
		fifo_on = v & 1;
	if (rises && vmm_pin_open(4))
		vmm_interrupt();
}

/* ---- timers ---- */

static uint64_t ticks(uint64_t since, uint64_t hz)
{
	return (uint64_t)((unsigned __int128)(vmm_time() - since) * hz / 1000000000u);
}

/* Channel 2 counts down; its two bytes come by turns, each from the moment when it is read. */
static uint32_t pit_in(void)
{
	uint32_t count = (uint32_t)(0x10000 - ticks(pit_start, PIT_HZ) % 0x10000);

	if (vmm.no_pit || !pit_runs)
		return 0xff;
	pit_high = count >> 8 & 0xff;
	return pit_byte++ & 1 ? pit_high : count & 0xff;
}

static void pit_command(uint32_t v)
{
	if (v != 0xb4)
		vmm_wrong("PIT command %#x", v);
	pit_byte = 0;
}

/* ---- the CMOS clock ---- */

/* The host's clock goes on while the machine is a file. A date that cannot be stands still. */
static struct vmm_date rtc_now(void)
{
	struct vmm_date d = vmm_date;
	struct tm tm = { .tm_year = d.year - 1900, .tm_mon = d.month - 1, .tm_mday = d.day, .tm_hour = d.hour, .tm_min = d.minute,
		.tm_sec = d.second };
	time_t t;

	if (!rtc_since)
		rtc_since = vmm_time() + vmm.slept;
	if (!d.month)
		return d;
	t = timegm(&tm) + (time_t)((vmm_time() + vmm.slept - rtc_since) / 1000000000u);
	gmtime_r(&t, &tm);
	return (struct vmm_date){ tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, d.bcd, d.h12 };
}

static uint8_t rtc_number(int v)
{
	return (uint8_t)(vmm_date.bcd ? v / 10 * 16 + v % 10 : v);
}

static uint8_t rtc_hour(int hour)
{
	int h = hour % 12;

	if (!vmm_date.h12)
		return rtc_number(hour);
	return (uint8_t)(rtc_number(h ? h : 12) | (hour >= 12 ? 0x80 : 0));
}

/*
 * In the midst of the first readings an update comes along: the second changes, and all that
 * hangs on it.
 */
static void tick(void)
{
	if (++rtc_reads != 9 || vmm_date.second != 58)
		return;
	vmm_date = (struct vmm_date){ 2024, 3, 1, 0, 0, 1, vmm_date.bcd, vmm_date.h12 };
	rtc_since = vmm_time() + vmm.slept;
}

static uint8_t rtc_in(void)
{
	struct vmm_date d;

	tick();
	d = rtc_now();
	switch (cmos) {
	case 0x00:
		return rtc_number(d.second);
	case 0x02:
		return rtc_number(d.minute);
	case 0x04:
		return rtc_hour(d.hour);
	case 0x07:
		return rtc_number(d.day);
	case 0x08:
		return rtc_number(d.month);
	case 0x09:
		return rtc_number(d.year % 100);
	case 0x32:
		return rtc_number(d.year / 100);
	case 0x0a:
		return rtc_reads < 4 ? 0x80 : 0x26;
	case 0x0b:
		return (uint8_t)((vmm_date.h12 ? 0 : 2) | (vmm_date.bcd ? 0 : 4));
	default:
		return 0;
	}
}

/* ---- what goes on while the machine is a file ---- */

/* The host's calendar, less kvmclock's time. */
void vmm_write_wall(uint32_t *page)
{
	uint64_t ns = 1700000000500000000ull + vmm.slept;

	memcpy(page, (uint32_t[]){ 2, (uint32_t)(ns / 1000000000), (uint32_t)(ns % 1000000000) }, 12);
}

void vmm_sleep(uint64_t ns)
{
	vmm.slept += ns;
	if (vmm.kvmclock_page)
		vmm.kvmclock_page[0] += 2;
}

/* ---- power ---- */

void vmm_press_button(void)
{
	bool was = pm_status & pm_enable & 0x100;

	pm_status |= 0x100;
	if (!was && pm_enable & 0x100 && vmm_pin_open(9))
		vmm_interrupt();
}

static void exit_status(uint32_t v)
{
	if (vmm.debug_exit)
		_exit((int)(v << 1 | 1) & 0xff);
}

/* ---- ports ---- */

static void sealed_port(uint16_t port)
{
	static const struct { uint16_t from, to; } open[] = { { 0x42, 0x42 }, { 0x70, 0x71 }, { 0xe9, 0xe9 }, { 0xf4, 0xf7 }, { 0x2f8, 0x2ff },
		{ 0x3f8, 0x3ff }, { 0x501, 0x501 }, { 0x600, 0x60f } };

	for (size_t i = 0; i < sizeof open / sizeof *open; i++)
		if (port >= open[i].from && port <= open[i].to)
			return;
	vmm_wrong("port %#x after the seal", port);
}

bool vmm_chip_in(uint16_t port, unsigned width, uint32_t *v)
{
	if (vmm.sealed)
		sealed_port(port);
	if (port >= 0x3f8 && port <= 0x3ff)
		*v = serial_in(port);
	else if (port == 0x608)
		*v = vmm.no_pm ? UINT32_MAX : (uint32_t)ticks(0, PM_HZ) & 0xffffff;
	else if (port == 0x42)
		*v = pit_in();
	else if (port == 0x71)
		*v = vmm.no_rtc ? 0xff : rtc_in();
	else if (port == 0x600)
		*v = pm_status;
	else
		return false;
	return width <= 4;
}

bool vmm_chip_out(uint16_t port, uint32_t v, unsigned width)
{
	if (vmm.sealed)
		sealed_port(port);
	if (port >= 0x3f8 && port <= 0x3ff)
		serial_out(port, v);
	else if (port == 0x43)
		pit_command(v);
	else if (port == 0x42 && pit_byte++ & 1)
		pit_start = vmm_time(), pit_runs = true, pit_byte = 0;
	else if (port == 0x70)
		cmos = (uint8_t)v;
	else if (port == 0xf4 || port == 0x501)
		exit_status(v);
	else if (port == 0x600)
		pm_status &= (uint16_t)~v;
	else if (port == 0x602)
		pm_enable = (uint16_t)v;
	else if (port == 0x604 && v == 0x2000)
		_exit(VMM_OFF);
	else
		return false;
	return width <= 4;
}
