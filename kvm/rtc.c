/* SPDX-License-Identifier: MIT */
#include "core/x86/io.h"

/*
 * The CMOS clock: calendar time for machines without a paravirtual one, to the second.
 *
 * Its two ports stay open after the seal, because it is the one clock of such a machine that has gone
 * on when the machine was saved and restored; who sets it fools nobody but himself. It is taken to run
 * in UTC, as QEMU starts it.
 */

#include "kvm/kvm.h"

#define INDEX 0x70u
#define VALUE 0x71u

#define SECOND 0x00u
#define MINUTE 0x02u
#define HOUR 0x04u
#define DAY 0x07u
#define MONTH 0x08u
#define YEAR 0x09u
#define STATUS_A 0x0au
#define STATUS_B 0x0bu
#define CENTURY 0x32u

#define UPDATING 0x80u /* status A */
#define HOURS_24 0x02u /* status B */
#define BINARY 0x04u
#define PM 0x80u /* of the hour, on a 12-hour clock */

#define TRIES 1000u

struct date {
	unsigned second, minute, hour, day, month, year;
};

static uint8_t get(uint8_t reg)
{
	outb(INDEX, reg);
	return inb(VALUE);
}

/* Binary, or two decimal digits, as status B says. */
static unsigned number(uint8_t v, uint8_t status)
{
	return status & BINARY ? v : (v >> 4) * 10u + (v & 15u);
}

/* One reading, perhaps torn. A century that nobody keeps is ours. */
static void take(struct date *d, uint8_t status)
{
	uint8_t hour = get(HOUR);
	unsigned century = number(get(CENTURY), status);

	d->second = number(get(SECOND), status);
	d->minute = number(get(MINUTE), status);
	d->hour = number(hour & (status & HOURS_24 ? 0xff : 0x7f), status);
	if (!(status & HOURS_24))
		d->hour = d->hour % 12 + (hour & PM ? 12 : 0);
	d->day = number(get(DAY), status);
	d->month = number(get(MONTH), status);
	d->year = number(get(YEAR), status);
	d->year += century >= 19 && century <= 29 ? century * 100 : 2000;
}

/* Good enough to compute with; a month is not asked how many days it has. */
static bool valid(const struct date *d)
{
	return d->second < 61 && d->minute < 60 && d->hour < 24 &&
		d->day - 1 < 31 && d->month - 1 < 12 && d->year >= 1970;
}

/*
 * Days from 1970-01-01 to the first of March of the year, and on from there: so the leap day is
 * the last of its year.
 */
static uint64_t seconds(const struct date *d)
{
	unsigned year = d->month < 3 ? d->year - 1 : d->year;
	unsigned month = d->month < 3 ? d->month + 9 : d->month - 3;
	uint64_t days = year * 365ull + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + d->day - 1 - 719468;

	return ((days * 24 + d->hour) * 60 + d->minute) * 60 + d->second;
}

unsigned rtc_second(void)
{
	static uint8_t status;

	if (!status)
		status = get(STATUS_B);
	return number(get(SECOND), status);
}

/* The clock may tick while we read: waits out an update, and reads until two readings agree. */
uint64_t rtc_read(void)
{
	uint8_t status = get(STATUS_B);
	struct date a, b;
	unsigned i;

	if (status == 0xff)
		return 0;
	for (i = 0; i < TRIES && get(STATUS_A) & UPDATING; i++)
		;
	take(&b, status);
	for (i = 0; i < 3; i++) {
		a = b;
		take(&b, status);
		if (a.second == b.second && a.minute == b.minute)
			break;
	}
	return valid(&b) ? seconds(&b) : 0;
}
