/* SPDX-License-Identifier: MIT */
/*
 * netfront against the fake netback: every feature there and not, drawn from seeds; frames both ways compared byte by byte;
 * backends that go and come; memory that runs out; and every lie, each of which must end in one broken device and a guest that lives.
 * Ring counters begin just below 2^32, and what was read from a ring is overwritten at once (XSA-155).
 */
#include <stdlib.h>
#include <string.h>

#include "core/core.h"
#include "core/err.h"
#include "core/plat.h"
#include "test/child.h"
#include "test/fake/fake.h"
#include "test/fake/xenhost.h"
#include "test/tap.h"
#include "test/unit/xen_traffic.h"

#define SEEDS 80


static void traffic(void)
{
	struct nic_info info;
	struct nic_stats stats;

	draw_features();
	boot();
	open_nic(&info);
	while (n_out < FRAMES || n_sent_in < FRAMES)
		turn(&info, true);
	finish(&info);
	nic_stats(0, &stats);
	must(stats.tx_frames == FRAMES && stats.rx_frames == FRAMES && n_seen == FRAMES && stats.rx_errors == 0 && stats.tx_errors == 0);
}

/*
 * The backend goes and comes, three times, with frames under way, and every time it has other features. Frames are lost, their tokens
 * are not. All of it behind the seal, mostly.
 */
static void reconnect(void)
{
	struct nic_info info;

	draw_features();
	boot();
	open_nic(&info);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 30; i++)
			turn(&info, n_out < FRAMES);
		while (n_in < n_sent_in)
			turn(&info, false);
		xenhost_net_stop(0);
		for (int i = 0; i < 100; i++) {
			take_tokens();
			receive();
			if (!nic_arm(0))
				plat_wait(plat_now() + 1000000);
		}
		nic_info(0, &info);
		must(!info.up && !info.broken);
		send_one(&info); /* taken and dropped */
		draw_backend();
		xenhost_net_start(0);
		do {
			take_tokens();
			receive();
			nic_info(0, &info);
			if (!info.up && !nic_arm(0))
				plat_wait(plat_now() + 1000000);
		} while (!info.up);
	}
	for (int i = 0; i < 50; i++)
		turn(&info, n_out < FRAMES);
	finish(&info);
	must(xenhost_ports_used() <= 2 + 2 * 4);
}

/* Allocation fail_at fails: an error with nothing left behind, or less of something. */
static unsigned long fail_at;

static void no_memory(void)
{
	struct nic_info info;
	size_t before;
	int rc;

	xenhost_nic[0].queues = 2;
	xenhost_nic[0].untrusted = fail_at % 2;
	xenhost.cmdline = "pith.queues=2";
	boot();
	before = page_unused();
	fault_set(fail_at);
	rc = nic_open(0, &info);
	if (fault_count() < fail_at)
		plat_exit(PLAT_REBOOT, 0); /* it needs fewer */
	fault_set(0);
	if (rc == 0)
		return;
	must(rc == -ERR_NOMEM && page_unused() == before && gnttab_used() == 0);
	must(xenhost_ports_used() == 2 && xenhost_watches() == 5 && xenhost_mapped() == 0);
	must(nic_open(0, &info) == 0);
}

static bool no_memory_all(void)
{
	for (fail_at = 1; fail_at < 100; fail_at++)
		if (!child_ends(no_memory, 0))
			break;
	return fail_at > 8 && child_ends(no_memory, XENHOST_REBOOT);
}

static void no_grants(void)
{
	struct nic_info info;

	xenhost.grant_frames = 1; /* 504 references */
	boot();
	must(nic_open(0, &info) == 0);
	must(nic_share(0, arena, ARENA * PAGE_SIZE) == -ERR_NOMEM || gnttab_used() <= 504);
}

/* A device that is first opened behind the gate cannot be had, and one line says so. */
static void after_seal(void)
{
	struct nic_info info;

	boot();
	plat_seal();
	must(nic_open(0, &info) == -ERR_NOMEM && gnttab_used() == 0 && xenhost_ports_used() == 2);
	must(strstr(xenhost_console(), "gnttab: no pages for a device that was not there at the start") != NULL);
}

#define MOST 238u /* frames of one slot: then there is no room for the longest */

/* Sends n frames and one that is refused, rings once, and waits until all tokens are back. Returns how many events that took. */
static unsigned long batch(unsigned n, bool refused)
{
	struct nic_stats before, after;
	uint64_t sends = xenhost.sends, began = plat_now();
	unsigned back = 0;
	void *token[64];

	nic_stats(0, &before);
	for (unsigned i = 0; i < n; i++)
		must(nic_tx(0, &(struct nic_frag){ arena, 1000 }, 1, NULL, arena) == 0);
	must(!refused || nic_tx(0, &(struct nic_frag){ arena, 1000 }, 1, NULL, arena) == -ERR_AGAIN);
	nic_kick(0);
	nic_kick(0);
	must(xenhost.sends == sends + 1);
	while (back < n) {
		if (!nic_arm(0))
			plat_wait(PLAT_FOREVER);
		back += nic_tx_done(0, token, 64);
	}
	nic_stats(0, &after);
	must(after.kicks == before.kicks + 1 && plat_now() - began < 100000000);
	return after.wakes - before.wakes;
}

/* What frames cost: one event to the backend for a batch of them, and none back, or next to none where one was refused. */
static void batches(void)
{
	struct nic_info info;
	unsigned long events = 0;

	xenhost_nic[0].sg = xenhost_nic[0].split = true;
	boot();
	open_nic(&info);
	plain = true;
	for (unsigned i = 0; i < 40; i++)
		events += batch(1 + (unsigned)xenhost_below(MOST), false);
	must(events <= 1); /* the very first answer's: a new ring asks for it */
	events = 0;
	for (unsigned i = 0; i < 40; i++) {
		unsigned long n = batch(MOST, true);

		must(n <= 2);
		events += n;
	}
	must(events > 0);
}

static void no_ports(void)
{
	struct nic_info info;

	xenhost.ports = 4;
	boot();
	must(nic_open(0, &info) == -ERR_NOMEM && gnttab_used() == 0 && xenhost_ports_used() == 2);
}

static void stuck(unsigned state)
{
	struct nic_info info;
	uint64_t before;

	xenhost_nic[0].state = state;
	xenhost_nic[0].stay = true;
	boot();
	before = plat_now();
	must(nic_open(0, &info) < 0);
	must(plat_now() - before < 25000000000ull && gnttab_used() == 0 && xenhost_ports_used() == 2);
	must(strstr(xenhost_console(), "nic0: device/vif/0 cannot be brought up") != NULL);
}

static void stuck_1(void) { stuck(1); }
static void stuck_2(void) { stuck(2); }
static void stuck_5(void) { stuck(5); }
static void stuck_6(void) { stuck(6); }

/* Left over from an earlier life: the backend still says Connected. */
static void left_over(void)
{
	struct nic_info info;

	xenhost_nic[0].state = 4;
	boot();
	must(nic_open(0, &info) == 0 && info.up);
}

static void bad_key(const char *key, const char *value)
{
	struct nic_info info;

	boot();
	plat_wait(plat_now() + 100000); /* the toolstack has written */
	xenhost_run(10);
	xenhost_set("/local/domain/%s=%s", key, value);
	must(nic_open(0, &info) == -ERR_PROTO && gnttab_used() == 0);
}

static void bad_mac(void) { bad_key("1/device/vif/0/mac", "00:16:3e:00:00:g0"); }
static void bad_mac2(void) { bad_key("1/device/vif/0/mac", "00:16:3e:00:00:00:00"); }
static void bad_mtu(void) { bad_key("1/device/vif/0/mtu", "99999"); }
static void bad_id(void) { bad_key("1/device/vif/0/backend-id", "32752"); }
static void bad_backend(void) { bad_key("1/device/vif/0/backend", "no/slash"); }
static void bad_flag(void) { bad_key("0/backend/vif/1/0/feature-sg", "2"); }
static void bad_queues(void) { bad_key("0/backend/vif/1/0/multi-queue-max-queues", "-1"); }
static void bad_number(void) { bad_key("0/backend/vif/1/0/feature-gso-tcpv4", "1K"); }

/* A key that may not be read is the toolstack's mistake: the line says which. */
static void forbidden(const char *path, const char *named)
{
	struct nic_info info;
	char line[100];

	xenhost.forbidden = path;
	boot();
	must(nic_open(0, &info) == -ERR_PROTO && gnttab_used() == 0);
	snprintf(line, sizeof(line), "xenbus: %s may not be read\n", named);
	xenhost_run(10); /* the console is read */
	must(strstr(xenhost_console(), line) != NULL);
}

static void no_mac(void) { forbidden("/local/domain/1/device/vif/0/mac", "device/vif/0/mac"); }
static void no_backend(void) { forbidden("/local/domain/1/device/vif/0/backend", "device/vif/0/backend"); }
static void no_id(void) { forbidden("/local/domain/1/device/vif/0/backend-id", "device/vif/0/backend-id"); }
static void no_feature(void) { forbidden("/local/domain/0/backend/vif/1/0/feature-gso-tcpv4", "/local/domain/0/backend/vif/1/0/feature-gso-tcpv4"); }

/* The backend lies once, under traffic. The device must be broken if `breaks`, else only a frame lost; every token comes back. */
static void lie(enum xenhost_lie what, bool breaks)
{
	struct nic_info info;
	uint64_t end;

	boot();
	open_nic(&info);
	for (int i = 0; i < 20; i++)
		turn(&info, true);
	while (n_in < n_sent_in)
		turn(&info, false);
	xenhost.lie = what;
	end = plat_now() + 2000000000ull;
	while (plat_now() < end && !info.broken) {
		struct nic_buf v[64];
		unsigned n;

		if (n_out < FRAMES)
			send_one(&info);
		send_in();
		n = nic_rx(0, v, 64);
		for (unsigned i = 0; i < n; i++)
			nic_rx_done(0, v[i].id);
		take_tokens();
		nic_kick(0);
		if (!nic_arm(0))
			plat_wait(plat_now() + 10000000);
		nic_info(0, &info);
	}
	if (what == LIE_RX_CHAIN)
		xenhost.lie = LIE_NONE; /* this one is told at every part */
	must(xenhost.lie == LIE_NONE && info.broken == breaks);
	must(!breaks || strstr(xenhost_console(), "nic0: broken: dom0: ") != NULL);
	if (breaks)
		must(send_one(&info)); /* taken, and given back */
	for (int i = 0; i < 1000 && n_back < n_out; i++) {
		take_tokens();
		nic_kick(0);
		plat_wait(plat_now() + 1000000);
	}
	must(n_back == n_out);
	nic_kick(0);
	must(breaks ? !nic_arm(0) : true);
}

#define LIE(name, breaks) static void lie_##name(void) { lie(LIE_##name, breaks); }
LIE(TX_PROD, true) LIE(TX_BACK, true) LIE(TX_ID, true) LIE(TX_TWICE, true) LIE(TX_STATUS, true) LIE(TX_NULL, true)
LIE(RX_PROD, true) LIE(RX_ID, true) LIE(RX_OFFSET, true) LIE(RX_LONG, true) LIE(RX_CHAIN, true) LIE(RX_EXTRA_TYPE, true)
LIE(RX_EXTRA_FLAGS, true) LIE(RX_MORE, true) LIE(RX_GSO_SIZE, true) LIE(RX_GSO_TYPE, true) LIE(RX_PREFIX, true)
LIE(RX_STATUS, false) LIE(RX_GSO_OTHER, false) LIE(RX_BLANK, false)

static void storm(void)
{
	struct nic_info info;
	uint64_t end;
	unsigned waits = 0;

	boot();
	open_nic(&info);
	xenhost_nic[0].storm = true;
	end = plat_now() + 1000000000ull;
	for (; plat_now() < end; waits++) {
		receive();
		nic_kick(0);
		if (!nic_arm(0))
			plat_wait(end);
	}
	must(waits < 150);
	while (n_in < 20) { /* and frames still come in */
		send_in();
		receive();
		while (n_lent > 0)
			give_back_one();
		nic_kick(0);
		if (!nic_arm(0))
			plat_wait(plat_now() + 100000000);
	}
}

static void seeds(void (*fn)(void), unsigned n, const char *name)
{
	ok(xenhost_seeds(fn, n) == n, "%s, %u seeds", name, n);
}

int main(void)
{
	seeds(traffic, SEEDS, "frames both ways, every feature there and not, counters past 2^32, no double fetch (XSA-155)");
	seeds(reconnect, 40, "the backend goes and comes with other features, after the seal: no grant, no channel is made");
	ok(no_memory_all(), "no memory: the n-th allocation fails, for all n");
	ok(child_ends(no_grants, 0), "no grants: fewer than it would like");
	ok(child_ends(no_ports, 0), "no event channels");
	ok(xenhost_seeds(batches, 20) == 20, "batches: events for each, both ways");
	ok(child_ends(after_seal, 0), "opened after the seal: refused in one line");
	ok(child_ends(stuck_1, 0), "handshake: backend stays Initialising");
	ok(child_ends(stuck_2, 0), "handshake: backend stays InitWait");
	ok(child_ends(stuck_5, 0), "handshake: backend stays Closing");
	ok(child_ends(stuck_6, 0), "handshake: backend stays Closed");
	ok(child_ends(left_over, 0), "handshake: backend Connected from an earlier life");
	ok(child_ends(bad_mac, 0) && child_ends(bad_mac2, 0), "keys: no MAC address");
	ok(child_ends(bad_mtu, 0), "keys: MTU out of range");
	ok(child_ends(bad_id, 0) && child_ends(bad_backend, 0), "keys: impossible backend");
	ok(child_ends(bad_flag, 0) && child_ends(bad_number, 0), "keys: a flag that is none");
	ok(child_ends(bad_queues, 0), "keys: a negative number of queues");
	ok(child_ends(no_mac, 0) && child_ends(no_backend, 0) && child_ends(no_id, 0), "keys: one of ours that may not be read is named");
	ok(child_ends(no_feature, 0), "keys: one of the backend's that may not be read is named");
	seeds(lie_TX_PROD, 5, "lies: transmit producer far ahead");
	seeds(lie_TX_BACK, 5, "lies: transmit producer goes back");
	seeds(lie_TX_ID, 5, "lies: transmit id out of range (mini-os)");
	seeds(lie_TX_TWICE, 5, "lies: transmit id that is not out");
	seeds(lie_TX_STATUS, 5, "lies: transmit status");
	seeds(lie_TX_NULL, 5, "lies: NULL answer to a frame");
	seeds(lie_RX_PROD, 5, "lies: receive producer far ahead");
	seeds(lie_RX_ID, 5, "lies: receive id");
	seeds(lie_RX_OFFSET, 5, "lies: receive offset beyond the page");
	seeds(lie_RX_LONG, 5, "lies: receive length beyond the page");
	seeds(lie_RX_CHAIN, 5, "lies: a chain without end");
	seeds(lie_RX_EXTRA_TYPE, 5, "lies: extra info of another type");
	seeds(lie_RX_EXTRA_FLAGS, 5, "lies: extra info flags");
	seeds(lie_RX_MORE, 5, "lies: extra info without end");
	seeds(lie_RX_GSO_SIZE, 5, "lies: segment size 0");
	seeds(lie_RX_GSO_TYPE, 5, "lies: segmentation type");
	seeds(lie_RX_PREFIX, 5, "lies: GSO prefix");
	seeds(lie_RX_STATUS, 5, "errors: a frame with an error status is dropped, no more");
	seeds(lie_RX_GSO_OTHER, 5, "errors: TCPv6 said of TCPv4 is dropped, no more");
	seeds(lie_RX_BLANK, 5, "errors: a blank checksum where it was not blank is handed on as one, no more");
	ok(child_ends(storm, 0), "event storm (XSA-391)");
	return tap_done();
}
