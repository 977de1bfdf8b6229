/* SPDX-License-Identifier: MIT */
/*
 * xen/ alone against the fake Xen: xenstore's wire and its lies, grants that somebody holds, events that are not lost and storms
 * that are throttled, the console, the end.
 */
#define _GNU_SOURCE
#include <string.h>

#include "core/core.h"
#include "core/err.h"
#include "core/plat.h"
#include "test/child.h"
#include "test/fake/fake.h"
#include "test/fake/xenhost.h"
#include "test/tap.h"

#define SEEDS 40

void xenhost_net_input(unsigned n, const uint8_t *frame, unsigned len, const struct nic_offload *off)
{
	(void)n, (void)frame, (void)len, (void)off;
}

static void boot(void)
{
	xenhost.quiet = true;
	xenhost_nic[0].present = xenhost_disk[0].present = false;
	xenhost_boot();
}

/* plat_wait() may return early: this does not. */
static void rest(uint64_t ns)
{
	uint64_t end = plat_now() + ns;

	while (plat_now() < end)
		plat_wait(end);
}

static void store_basics(void)
{
	char buf[64];
	uint32_t tx;

	boot();
	must(xenstore_read(XENSTORE_NO_TX, "data/none", buf, sizeof(buf)) == -ERR_NOENT);
	must(xenstore_write(XENSTORE_NO_TX, "data/a", "hello") == 0);
	must(xenstore_read(XENSTORE_NO_TX, "data/a", buf, sizeof(buf)) == 5 && strcmp(buf, "hello") == 0);
	must(xenstore_read(XENSTORE_NO_TX, "data/a", buf, 6) == 5);
	must(xenstore_read(XENSTORE_NO_TX, "data/a", buf, 5) == -ERR_INVAL);
	must(xenstore_write(XENSTORE_NO_TX, "data/empty", "") == 0);
	must(xenstore_read(XENSTORE_NO_TX, "data/empty", buf, sizeof(buf)) == 0);
	must(xenstore_write(XENSTORE_NO_TX, "control/feature-x", "1") == -ERR_PERM);
	must(xenstore_write(XENSTORE_NO_TX, "data/b/c", "1") == 0);
	must(xenstore_list(XENSTORE_NO_TX, "data", buf, sizeof(buf)) == 10);
	must(memmem(buf, 10, "empty", 6) && memmem(buf, 10, "a", 2) && memmem(buf, 10, "b", 2));
	must(xenstore_remove(XENSTORE_NO_TX, "data/b") == 0);
	must(xenstore_read(XENSTORE_NO_TX, "data/b/c", buf, sizeof(buf)) == -ERR_NOENT);
	must(xenstore_begin(&tx) == 0 && xenstore_write(tx, "data/t", "1") == 0);
	must(xenstore_read(XENSTORE_NO_TX, "data/t", buf, sizeof(buf)) == -ERR_NOENT);
	must(xenstore_read(tx, "data/t", buf, sizeof(buf)) == 1);
	must(xenstore_end(tx, true) == 0 && xenhost_get("/local/domain/1/data/t"));
	must(xenstore_begin(&tx) == 0 && xenstore_write(tx, "data/u", "1") == 0);
	must(xenstore_end(tx, false) == 0 && !xenhost_get("/local/domain/1/data/u"));
	must(xenstore_begin(&tx) == 0);
	xenhost_set("/local/domain/1/data/other=1");
	must(xenstore_end(tx, true) == -ERR_AGAIN);
}

static void store_long(void)
{
	static char value[4087], back[4100]; /* with its path, as much as a message holds */

	boot();
	memset(value, 'x', sizeof(value) - 1);
	for (int i = 0; i < 50; i++) { /* four times the ring, piecemeal */
		must(xenstore_write(XENSTORE_NO_TX, "data/long", value) == 0);
		must(xenstore_read(XENSTORE_NO_TX, "data/long", back, sizeof(back)) == 4086 && strcmp(back, value) == 0);
	}
	memset(back, 'y', sizeof(back) - 1);
	back[sizeof(back) - 1] = 0;
	must(xenstore_write(XENSTORE_NO_TX, "data/long", back) == -ERR_INVAL);
}

static void store_watches(void)
{
	struct xenstore_watch w, v;

	boot();
	must(xenstore_watch(&w, "data/w") == 0);
	must(xenstore_watch(&v, "/local/domain/0/backend") == 0);
	rest(1000000);
	must(w.fired && v.fired);
	w.fired = v.fired = false;
	xenhost_set("/local/domain/1/data/w/below=1");
	rest(1000000);
	must(w.fired && !v.fired);
	w.fired = false;
	xenstore_unwatch(&w);
	xenhost_set("/local/domain/1/data/w/below=2");
	rest(1000000);
	must(!w.fired);
	xenhost_set("/local/domain/0/backend/x/y=1");
	must(xenstore_write(XENSTORE_NO_TX, "data/z", "1") == 0); /* the event comes in during a request */
	plat_wait(PLAT_FOREVER); /* and is news: no deadlock */
	must(v.fired);
	xenstore_unwatch(&v);
	must(xenhost_watches() == 4); /* suspend's and memory's */
}

static int lie_result(enum xenhost_lie lie)
{
	char buf[16];

	boot();
	xenhost_set("/local/domain/1/data/a=12");
	xenhost.lie = lie;
	return xenstore_read(XENSTORE_NO_TX, "data/a", buf, sizeof(buf));
}

static void lie_length(void) { must(lie_result(LIE_STORE_LENGTH) == -ERR_PROTO); }
static void lie_id(void) { must(lie_result(LIE_STORE_ID) == -ERR_TIMEDOUT); }
static void lie_type(void) { must(lie_result(LIE_STORE_TYPE) == -ERR_PROTO); }
static void lie_prod(void) { must(lie_result(LIE_STORE_PROD) == -ERR_PROTO); }
static void lie_cons(void) { must(lie_result(LIE_STORE_CONS) < 0); }
static void lie_nul(void) { must(lie_result(LIE_STORE_NUL) == -ERR_INVAL); }

static void lie_silent(void)
{
	char buf[16];

	must(lie_result(LIE_STORE_SILENT) == -ERR_TIMEDOUT);
	must(xenstore_read(XENSTORE_NO_TX, "data/a", buf, sizeof(buf)) == 2); /* the next one is answered */
}

static void lie_event(void)
{
	struct xenstore_watch w;

	boot();
	must(xenstore_watch(&w, "data/w") == 0);
	xenhost.lie = LIE_STORE_EVENT;
	xenhost_set("/local/domain/1/data/w=1");
	rest(1000000);
	must(xenhost.lie == LIE_NONE && w.fired);
}

static void store_dead(void)
{
	uint64_t before;

	boot();
	xenhost.store_dead = true;
	before = plat_now();
	must(xenstore_write(XENSTORE_NO_TX, "data/a", "1") == -ERR_TIMEDOUT);
	must(plat_now() - before >= 5000000000ull && plat_now() - before < 6000000000ull);
}

/* ---- grants ---- */

static void grants(void)
{
	char *p, *q, *r;
	int a, b, c;

	boot();
	p = page_alloc(40);
	q = page_alloc(1);
	a = gnttab_grant(0, p, 40, true);
	b = gnttab_grant(3, q, 1, false);
	must(a >= 8 && b >= 8 && gnttab_used() == 41);
	must(xenhost_map(0, (unsigned)a, false) == p && !xenhost_map(0, (unsigned)a, true));
	must(xenhost_map(3, (unsigned)b, true) == q && !xenhost_map(0, (unsigned)b, true));
	xenhost_unmap((unsigned)a, false);
	must(gnttab_end((unsigned)a) && !xenhost_map(0, (unsigned)a, false));
	c = gnttab_grant(0, p, 30, true);
	must(c == a); /* the gap is used again */
	must(!gnttab_end((unsigned)b) && gnttab_parked() == 1); /* XSA-396 */
	r = page_alloc(1);
	for (int i = 0; i < 100; i++)
		must(gnttab_grant(0, r, 1, false) != b);
	xenhost_unmap((unsigned)b, true);
	must(gnttab_grant(0, r, 1, false) > 0 && gnttab_parked() == 0);
}

static void grant_limit(void)
{
	char *p;
	int n = 0;

	xenhost.grant_frames = 3;
	boot();
	p = page_alloc(100);
	while (gnttab_grant(0, p, 100, false) >= 0)
		n++;
	must(n == 15); /* 3 * 512 - 8 */
	must(gnttab_grant(0, p, 28, false) >= 0 && gnttab_grant(0, p, 1, false) == -ERR_NOMEM);
}

/* Grants and ends at random with a backend that maps at random: xenhost_grant.c ends the test when a mapped one is reused. */
static void grant_races(void)
{
	struct { int ref; unsigned n; unsigned mapped; bool live; } v[40] = { { 0 } };
	char *p;

	boot();
	p = page_alloc(64);
	for (int step = 0; step < 20000; step++) {
		unsigned i = (unsigned)xenhost_below(40), k = v[i].live ? (unsigned)xenhost_below(v[i].n) : 0;

		if (!v[i].live) {
			if (v[i].mapped) {
				xenhost_unmap((unsigned)v[i].ref + v[i].mapped - 1, true);
				v[i].mapped = 0;
			}
			v[i].n = 1 + (unsigned)xenhost_below(20);
			v[i].ref = gnttab_grant(0, p, v[i].n, false);
			v[i].live = v[i].ref >= 0;
		} else if (xenhost_below(2) && !v[i].mapped) {
			v[i].mapped = xenhost_map(0, (unsigned)v[i].ref + k, true) ? k + 1 : 0;
		} else {
			must(gnttab_end((unsigned)v[i].ref) == !v[i].mapped);
			v[i].live = false;
		}
	}
	for (int i = 0; i < 40; i++) {
		if (v[i].mapped)
			xenhost_unmap((unsigned)v[i].ref + v[i].mapped - 1, true);
		if (v[i].live)
			must(gnttab_end((unsigned)v[i].ref));
	}
	must(gnttab_grant(0, p, 1, false) >= 0 && gnttab_used() == 1);
}

/* ---- events ---- */

static void events(void)
{
	int port;
	uint64_t before;

	boot();
	port = evtchn_alloc(0);
	must(port > 0 && xenhost_bind((unsigned)port, 0));
	before = plat_now();
	rest(5000000);
	must(plat_now() - before >= 5000000);
	xenhost_raise((unsigned)port); /* before the wait: not lost */
	before = plat_now();
	plat_wait(PLAT_FOREVER);
	must(plat_now() - before < 1000000 && evtchn_fired((unsigned)port) == 1);
	plat_wait(plat_now() - 1); /* over already: at once */
	evtchn_close((unsigned)port);
	must(xenhost_ports_used() == 2);
}

static void event_limit(void)
{
	int n = 0;

	xenhost.ports = 1023;
	boot();
	while (evtchn_alloc(0) >= 0)
		n++;
	must(n == 126); /* 128 less console and xenstore */
}

/* XSA-391: a port that fires for nothing may not keep the guest awake; another one is heard all the same. */
static void event_storm(void)
{
	int bad, good;
	uint64_t end;
	unsigned waits = 0;

	boot();
	bad = evtchn_alloc(0);
	good = evtchn_alloc(0);
	end = plat_now() + 1000000000ull;
	while (plat_now() < end) {
		xenhost_raise((unsigned)bad);
		plat_wait(end);
		waits++;
	}
	must(waits < 100 && evtchn_fired((unsigned)bad) < 100);
	xenhost_raise((unsigned)good);
	end = plat_now();
	plat_wait(PLAT_FOREVER);
	must(plat_now() - end < 1000000);
	evtchn_worked((unsigned)bad); /* and it is forgiven when there is work again */
	rest(100000000);
	xenhost_raise((unsigned)bad);
	end = plat_now();
	plat_wait(PLAT_FOREVER);
	must(plat_now() - end < 1000000);
}

/* ---- console and end ---- */

static void console(void)
{
	char buf[16];

	boot();
	plat_console_write("hello\n", 6);
	plat_console_flush();
	rest(1000000);
	must(strcmp(xenhost_console(), "hello\n") == 0);
	for (int i = 0; i < 1000; i++)
		plat_console_write("0123456789", 10); /* five times the ring */
	plat_console_flush();
	rest(1000000);
	must(strlen(xenhost_console()) == 10006); /* nothing was dropped */
	must(plat_console_read(buf, sizeof(buf)) == 0);
	xenhost_type("abc");
	plat_wait(PLAT_FOREVER);
	must(plat_console_read(buf, 2) == 2 && plat_console_read(buf + 2, 10) == 1 && memcmp(buf, "abc", 3) == 0);
}

static void console_stuck(void)
{
	uint64_t before;

	boot();
	xenhost.console_dead = true;
	before = plat_now();
	for (int i = 0; i < 100000; i++)
		plat_console_write("0123456789", 10);
	must(plat_now() - before < 300000000);
	xenhost.console_dead = false;
	rest(1000000);
	plat_console_write("back\n", 5);
	plat_console_flush();
	rest(1000000);
	must(strstr(xenhost_console(), "back\n") != NULL);
}

static void ask(const char *what, bool asked)
{
	boot();
	must(!plat_asked_to_stop());
	xenhost_shutdown(what);
	rest(1000000);
	must(plat_asked_to_stop() == asked);
	must(strcmp(xenhost_get("/local/domain/1/control/shutdown"), "") == 0);
}

static void ask_off(void) { ask("poweroff", true); plat_exit(PLAT_OFF, 0); }
static void ask_reboot(void) { ask("reboot", true); plat_exit(PLAT_OFF, 0); }
static void ask_suspend(void)
{
	xenhost.cancel = true;
	ask("suspend", false);
	must(xenhost.suspends == 1);
}

static void ask_crash(void) { ask("crash", false); }

static void ask_late(void)
{
	ask("reboot", true);
	for (;;)
		plat_wait(PLAT_FOREVER);
}

static void sysrq(void)
{
	boot();
	xenhost_set("/local/domain/1/control/sysrq=c");
	rest(1000000);
}

/* What it says of channels and watches is what the host sees. */
static void sysrq_counts(void)
{
	char want[128];

	boot();
	must(gnttab_grant(0, page_alloc(3), 3, false) >= 0);
	xenhost_set("/local/domain/1/control/sysrq=m");
	rest(1000000);
	snprintf(want, sizeof(want), "xen: %zu pages free, 3 grants, 0 parked, %u event channels, %u watches", page_unused(),
		 xenhost_ports_used(), xenhost_watches());
	must(strstr(xenhost_console(), want));
}

static void exit_status(void)
{
	boot();
	xenhost.store_dead = true; /* the status cannot be told: it ends all the same */
	plat_exit(PLAT_OFF, 3);
}

static void exit_told(void)
{
	xenhost.exit_status = "3";
	boot();
	plat_exit(PLAT_OFF, 3);
}

static void no_store(void)
{
	struct nic_info info;

	xenhost.no_store = true;
	boot();
	must(nic_open(0, &info) == -ERR_NODEV);
	rest(1000000);
	must(!plat_asked_to_stop());
	plat_exit(PLAT_OFF, 0);
}

static void plat(void)
{
	uint64_t v[4] = { 0 };

	boot();
	must(plat_wall() > 1750000000ull * 1000000000 && plat_random(v, 31) == 0 && v[0] && v[3]);
}

static void seeds(void (*fn)(void), unsigned n, const char *name)
{
	ok(xenhost_seeds(fn, n) == n, "%s, %u seeds", name, n);
}

int main(void)
{
	seeds(store_basics, SEEDS, "xenstore: read, write, list, remove, transactions");
	seeds(store_long, SEEDS, "xenstore: long values in pieces, counters past 2^32");
	seeds(store_watches, SEEDS, "xenstore: watches fire, and none is slept through");
	ok(child_ends(lie_length, 0), "xenstore lies: length");
	ok(child_ends(lie_id, 0), "xenstore lies: request id");
	ok(child_ends(lie_type, 0), "xenstore lies: type");
	ok(child_ends(lie_prod, 0), "xenstore lies: producer");
	ok(child_ends(lie_cons, 0), "xenstore lies: consumer");
	ok(child_ends(lie_nul, 0), "xenstore lies: NUL in a value");
	ok(child_ends(lie_silent, 0), "xenstore lies: no answer");
	ok(child_ends(lie_event, 0), "xenstore lies: event without an end");
	ok(child_ends(store_dead, 0), "xenstored takes nothing: bounded in time");
	ok(child_ends(grants, 0), "grants: read-only, per domain, gaps, parked (XSA-396)");
	ok(child_ends(grant_limit, 0), "grants: frames on demand up to the host's limit");
	seeds(grant_races, SEEDS, "grants: ends race with mappings (XSA-396)");
	seeds(events, SEEDS, "events: deadline, raised before the wait, closed");
	ok(child_ends(event_limit, 0), "events: no more ports than one poll takes");
	ok(child_ends(event_storm, 0), "events: a storm is throttled (XSA-391)");
	seeds(console, SEEDS, "console: output whole, input");
	ok(child_ends(console_stuck, 0), "console: a stuck one does not hold the program");
	ok(child_ends(ask_off, 0), "shutdown: poweroff");
	ok(child_ends(ask_reboot, XENHOST_REBOOT), "shutdown: reboot");
	ok(child_ends(ask_suspend, 0), "shutdown: suspend is acknowledged and done");
	ok(child_ends(ask_crash, XENHOST_CRASH), "shutdown: crash");
	ok(child_ends(ask_late, XENHOST_REBOOT), "shutdown: a program that does not end is ended");
	ok(child_ends(sysrq, XENHOST_CRASH), "sysrq: crash");
	ok(child_ends(sysrq_counts, 0), "sysrq: what could leak");
	ok(child_ends(exit_told, 0), "exit: the status stands in xenstore");
	ok(child_ends(exit_status, 0), "exit: with a dead xenstored");
	ok(child_ends(no_store, 0), "start: without xenstore");
	ok(child_ends(plat, 0), "plat: wall clock, entropy");
	return tap_done();
}
