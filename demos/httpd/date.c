/* SPDX-License-Identifier: MIT */
#include "httpd.h"

/*
 * Dates as HTTP has them (RFC 9110 section 5.6.7): one format is written, three are read.
 *
 * Written out by hand, since strftime() and its kin follow the locale. Read httpd.h first.
 */

#include <string.h>

static const char days[] = "SunMonTueWedThuFriSat";
static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

/* The last two digits of n; what is above is the caller's. */
static char *two_digits(char *p, int n)
{
	*p++ = (char)('0' + n / 10 % 10);
	*p++ = (char)('0' + n % 10);
	return p;
}

static char *word(char *p, const char *s, size_t n)
{
	memcpy(p, s, n);
	return p + n;
}

/* Sun, 06 Nov 1994 08:49:37 GMT */
void date_format(char buf[DATE_LEN + 1], time_t t)
{
	struct tm tm;
	char *p = buf;
	int year;

	gmtime_r(&t, &tm);
	year = tm.tm_year + 1900;
	p = word(p, days + 3 * tm.tm_wday, 3);
	p = two_digits(word(p, ", ", 2), tm.tm_mday);
	p = word(word(p, " ", 1), months + 3 * tm.tm_mon, 3);
	p = two_digits(two_digits(word(p, " ", 1), year / 100), year);
	p = two_digits(word(p, " ", 1), tm.tm_hour);
	p = two_digits(word(p, ":", 1), tm.tm_min);
	p = two_digits(word(p, ":", 1), tm.tm_sec);
	memcpy(p, " GMT", 5);
}

/*
 * Days from 1970-01-01 to a day of the Gregorian calendar, counted from a year that begins in
 * March.
 */
static int64_t days_since_epoch(int year, int month, int day)
{
	int y = month > 2 ? year : year - 1;

	return 365 * (int64_t)y + y / 4 - y / 100 + y / 400 + (153 * ((month + 9) % 12) + 2) / 5 + day - 719469;
}

/* A number of exactly n digits; a leading space counts as 0 (asctime). -1 for anything else. */
static int digits(const char *p, int n)
{
	int value = 0;

	for (; n--; p++) {
		if (*p == ' ' && n)
			continue;
		if (*p < '0' || *p > '9')
			return -1;
		value = 10 * value + *p - '0';
	}
	return value;
}

/* RFC 9110 section 5.6.7: case matters. */
static int month_of(const char *p)
{
	int i;

	for (i = 0; i < 12; i++)
		if (!memcmp(p, months + 3 * i, 3))
			return i + 1;
	return -1;
}

/* Two digits mean 1970 to 2069: RFC 9110 puts what seems more than 50 years ahead into the past. */
static int century(int year)
{
	return year < 0 ? -1 : year < 70 ? 2000 + year : 1900 + year;
}

/*
 * The three formats differ in length and in where the comma stands, so no more than that is looked
 * at to tell them apart. The weekday is not checked: it says nothing that the date does not.
 */
bool date_parse(struct str s, time_t *t)
{
	const char *p = s.p, *comma = memchr(p, ',', s.len), *hms;
	int year, month, day, hour, minute, second;

	if (comma)
		p = comma + 1;
	s.len -= (size_t)(p - s.p);
	if (comma && s.len == 25 && p[3] == ' ') { /* " 06 Nov 1994 08:49:37 GMT" */
		day = digits(p + 1, 2), month = month_of(p + 4), year = digits(p + 8, 4), hms = p + 13;
	} else if (comma && s.len == 23 && p[3] == '-') { /* " 06-Nov-94 08:49:37 GMT" */
		day = digits(p + 1, 2), month = month_of(p + 4), year = century(digits(p + 8, 2)), hms = p + 11;
	} else if (!comma && s.len == 24) { /* "Sun Nov  6 08:49:37 1994" */
		day = digits(p + 8, 2), month = month_of(p + 4), year = digits(p + 20, 4), hms = p + 11;
	} else {
		return false;
	}
	hour = digits(hms, 2), minute = digits(hms + 3, 2), second = digits(hms + 6, 2);
	/*
	 * 60 is a leap second. 31 February is taken for 3 March, or 2 March: it can only be
	 * compared.
	 */
	if (day < 1 || day > 31 || month < 0 || year < 1900 || hour < 0 || hour > 23 || minute < 0 || minute > 59
	    || second < 0 || second > 60)
		return false;
	*t = (time_t)(86400 * days_since_epoch(year, month, day) + 3600 * hour + 60 * minute + second);
	return true;
}
