/* SPDX-License-Identifier: MIT */
/*
 * Clocks, sleeping, calendar.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/times.h>
#include <time.h>
#include <unistd.h>

#include "test/tap.h"

static int64_t ns(clockid_t clock)
{
	struct timespec t;

	return clock_gettime(clock, &t) ? -1 : (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void clocks(void)
{
	struct timespec t = { .tv_sec = -1 }, res;
	struct timeval tv;
	int64_t before = ns(CLOCK_MONOTONIC), after, back = 0;
	int i;

	for (i = 0; i < 100000; i++) {
		after = ns(CLOCK_MONOTONIC);
		back += after < before;
		before = after;
	}
	is(back, 0, "the monotonic clock never goes back");
	ok(ns(CLOCK_REALTIME) >= 0 && ns(CLOCK_PROCESS_CPUTIME_ID) >= 0 && ns(CLOCK_THREAD_CPUTIME_ID) >= 0, "the other clocks tell something");
	ok(clock_gettime((clockid_t)1234, &t) == -1 && errno == EINVAL, "a clock that is none is EINVAL");
	ok(!clock_getres(CLOCK_MONOTONIC, &res) && (res.tv_sec || res.tv_nsec), "the resolution is not 0");
	ok(!gettimeofday(&tv, NULL) && tv.tv_sec - time(NULL) >= -1 && tv.tv_usec < 1000000, "gettimeofday agrees with time()");
	ok(clock() != (clock_t)-1 && times(NULL) != (clock_t)-1, "clock() and times()");
}

static void sleeping(void)
{
	struct timespec t = { .tv_nsec = 20000000 }, bad = { .tv_nsec = 1000000000 };
	int64_t before = ns(CLOCK_MONOTONIC), took;

	is(nanosleep(&t, NULL), 0, "nanosleep of 20 ms");
	took = ns(CLOCK_MONOTONIC) - before;
	ok(took >= 20000000 && took < 2000000000, "takes no less");
	ok(nanosleep(&bad, NULL) == -1 && errno == EINVAL, "a thousand million nanoseconds are EINVAL");
	before = ns(CLOCK_MONOTONIC);
	t.tv_sec = (time_t)((before + 15000000) / 1000000000);
	t.tv_nsec = (long)((before + 15000000) % 1000000000);
	is(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL), 0, "clock_nanosleep until a time");
	ok(ns(CLOCK_MONOTONIC) >= before + 15000000, "which then has come");
	is(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL), 0, "until one that has passed");
	before = ns(CLOCK_MONOTONIC);
	is(usleep(5000), 0, "usleep");
	ok(ns(CLOCK_MONOTONIC) - before >= 5000000, "takes no less");
	is(sleep(0), 0, "sleep(0)");
}

static void calendar(void)
{
	time_t then = 1709214909; /* 29 February 2024, a Thursday */
	struct tm tm;
	char text[64];

	gmtime_r(&then, &tm);
	ok(tm.tm_year == 124 && tm.tm_mon == 1 && tm.tm_mday == 29 && tm.tm_wday == 4 && tm.tm_yday == 59, "gmtime_r knows leap years");
	strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S %j %a %b", &tm);
	ok(!strcmp(text, "2024-02-29 13:55:09 060 Thu Feb"), "strftime");
	strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &tm);
	ok(!strcmp(text, "Thu, 29 Feb 2024 13:55:09 GMT"), "strftime as HTTP wants it");
	then = 4102444800; /* 2100 is none */
	gmtime_r(&then, &tm);
	ok(tm.tm_year == 200 && tm.tm_mon == 0 && tm.tm_mday == 1, "time_t goes beyond 2038");
	setenv("TZ", "UTC0", 1);
	tzset();
	memset(&tm, 0, sizeof tm);
	tm.tm_year = 124;
	tm.tm_mon = 1;
	tm.tm_mday = 30;
	is(mktime(&tm), 1709251200, "mktime takes 30 February as 1 March");
	ok(tm.tm_mon == 2 && tm.tm_mday == 1, "and says so");
}

static volatile sig_atomic_t rang;

static void ring(int sig)
{
	rang = sig;
}

static void alarms(void)
{
	struct sigaction act;
	struct itimerval timer = { .it_value = { .tv_usec = 20000 } };
	struct timespec t = { .tv_sec = 5 }, left = { .tv_sec = 0 };

	memset(&act, 0, sizeof act);
	act.sa_handler = ring;
	is(sigaction(SIGALRM, &act, NULL), 0, "a handler for SIGALRM");
	is(setitimer(ITIMER_REAL, &timer, NULL), 0, "an alarm in 20 ms");
	ok(nanosleep(&t, &left) == -1 && errno == EINTR, "ends a sleep of 5 s with EINTR");
	ok(rang == SIGALRM && left.tv_sec >= 3, "the handler ran, and the rest is told");
	is(alarm(100), 0, "an alarm in 100 s");
	is(alarm(0), 100, "is taken back");
}

static void descriptors(void)
{
	struct itimerspec t = { .it_value = { .tv_nsec = 20000000 }, .it_interval = { .tv_nsec = 10000000 } }, left;
	struct pollfd p = { .fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK), .events = POLLIN };
	uint64_t count = 0;

	ok(p.fd >= 0 && read(p.fd, &count, sizeof count) == -1 && errno == EAGAIN, "a timerfd that is not set has nothing");
	ok(!timerfd_settime(p.fd, 0, &t, NULL) && poll(&p, 1, 5000) == 1, "poll waits for it");
	ok(read(p.fd, &count, sizeof count) == sizeof count && count >= 1, "it has gone off");
	usleep(35000);
	ok(read(p.fd, &count, sizeof count) == sizeof count && count >= 2, "a period is counted while nobody looks");
	ok(!timerfd_gettime(p.fd, &left) && left.it_interval.tv_nsec == 10000000 && left.it_value.tv_nsec > 0, "it tells what it was given");
	memset(&t, 0, sizeof t);
	ok(!timerfd_settime(p.fd, 0, &t, NULL) && poll(&p, 1, 30) == 0, "and can be stopped");
	ok(timerfd_settime(0, 0, &t, NULL) == -1 && errno == EINVAL, "another descriptor is EINVAL");
	close(p.fd);
}

int main(void)
{
	clocks();
	sleeping();
	calendar();
	alarms();
	descriptors();
	return tap_done();
}
