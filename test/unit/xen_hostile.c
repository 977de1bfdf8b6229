/* SPDX-License-Identifier: MIT */
/*
 * The regression set for hostile backends, each by the name under which the mistake is known: XSA-155 (double fetch), 391 (event
 * storm), 396 (grants that are still mapped), 403 (leaks), the counter that runs past 2^32 (it stopped Nanos' rings for ever), the id that
 * nobody gave out (it ended mini-os). Lies about single fields are in xen_net.c, xen_blk.c and xen_store.c.
 */
#define _GNU_SOURCE
#include <string.h>

#include "core/core.h"
#include "core/err.h"
#include "core/plat.h"
#include "test/child.h"
#include "test/fake/fetch.h"
#include "test/fake/xenhost.h"
#include "test/tap.h"
#include "test/unit/xen_traffic.h"
#include "xen/ring.h"

#define SECRET_LEN 8u
#define BLOCK 4096u

static const uint8_t secret[SECRET_LEN] = { 's', 'e', 'c', 'r', 'e', 't', 0x01, 0x02 };
static const char vif[] = "/local/domain/1/device/vif/0", vbd[] = "/local/domain/1/device/vbd/51712";
static struct blk_info disk;

static void boot_both(void)
{
	boot();
	xenhost_disk[0].present = true;
}

static void rest(uint64_t ns)
{
	for (uint64_t end = plat_now() + ns; plat_now() < end;)
		plat_wait(end);
}

/* The page behind a reference that stands in a directory of ours. */
static char *page_of(const char *dir, const char *key)
{
	unsigned ref = (unsigned)xenhost_get_number(dir, key, 0);

	must(ref > 0);
	return (char *)((uintptr_t)xenhost_grant_table()[ref].frame * PAGE_SIZE);
}

/* ---- a disk, one request at a time ---- */

/* Submits; whether the answer came, and came with 0. */
static bool request(unsigned n, enum blk_op op, uint64_t sector, void *data, uint32_t sectors)
{
	struct blk_req r = { .op = op, .sector = sector, .sectors = sectors, .data = data, .token = data }, *done = NULL;

	if (blk_submit(n, &r) < 0)
		return false;
	blk_kick(n);
	for (int i = 0; i < 2000 && blk_reap(n, &done, 1) == 0; i++)
		if (!blk_arm(n))
			plat_wait(plat_now() + 1000000);
	return done == &r && r.status == 0;
}

static bool disk_works(unsigned n)
{
	static _Alignas(BLOCK) uint8_t wrote[BLOCK], got[BLOCK];

	for (size_t i = 0; i < BLOCK; i++)
		wrote[i] = (uint8_t)xenhost_random();
	return request(n, BLK_WRITE, 8, wrote, BLOCK / 512) && request(n, BLK_READ, 8, got, BLOCK / 512) && memcmp(got, wrote, BLOCK) == 0;
}

/* ---- XSA-155: shared memory that changes between two reads ---- */

/*
 * By the page table: between its kicks the frontend reads each word of an answer once, and what it wrote itself never.
 */
static void fetch_net(void)
{
	struct nic_info info;
	const char *tx, *rx;
	unsigned reads = 0;

	xenhost_nic[0].queues = 1;
	boot();
	open_nic(&info);
	rest(1000000);
	nic_info(0, &info); /* no watch is left to look at, during which the other side runs */
	tx = page_of(vif, "tx-ring-ref");
	rx = page_of(vif, "rx-ring-ref");
	fetch_watch(tx, 1);
	fetch_watch(rx, 1);
	while (n_in < 100 || n_back < 100) {
		if (n_out < FRAMES)
			send_one(&info);
		send_in();
		fetch_begin();
		receive();
		take_tokens();
		fetch_end();
		must(fetch_most(tx + RING_HEADER, PAGE_SIZE - RING_HEADER) <= 1 && fetch_most(rx + RING_HEADER, PAGE_SIZE - RING_HEADER) <= 1);
		reads += fetch_all(tx + RING_HEADER, PAGE_SIZE - RING_HEADER) + fetch_all(rx + RING_HEADER, PAGE_SIZE - RING_HEADER);
		while (n_lent > 0)
			give_back_one();
		fetch_begin();
		send_one(&info);
		fetch_end();
		must(fetch_all(tx, PAGE_SIZE) == 0);
		nic_kick(0);
		if (!nic_arm(0))
			plat_wait(plat_now() + 1000000);
	}
	must(reads >= n_in * 2 + n_back);
}

static void fetch_blk(void)
{
	static _Alignas(BLOCK) uint8_t data[BLOCK];
	struct blk_req r, *done;
	const char *ring;
	unsigned reads = 0;

	xenhost_disk[0].order = 0;
	boot_both();
	must(blk_open(0, &disk) == 0 && disk_works(0)); /* so that no watch is left to look at, during which the other side runs */
	ring = page_of(vbd, "ring-ref");
	fetch_watch(ring, 1);
	for (int i = 0; i < 200; i++) {
		r = (struct blk_req){ .op = i & 1 ? BLK_READ : BLK_WRITE, .sector = 8, .sectors = BLOCK / 512, .data = data, .token = data };
		fetch_begin();
		must(blk_submit(0, &r) == 0);
		fetch_end();
		must(fetch_all(ring, PAGE_SIZE) == 0);
		blk_kick(0);
		for (done = NULL; !done;) {
			if (!blk_arm(0))
				plat_wait(plat_now() + 1000000);
			fetch_begin();
			blk_reap(0, &done, 1);
			fetch_end();
			must(fetch_most(ring + RING_HEADER, PAGE_SIZE - RING_HEADER) <= 1);
			reads += fetch_all(ring + RING_HEADER, PAGE_SIZE - RING_HEADER);
		}
		must(done == &r && r.status == 0);
	}
	must(reads >= 600);
}

/* What was shown to the program stays what it was, whatever a backend that is not trusted does to the page afterwards. */
static void frames_stay(void)
{
	struct nic_info info;
	uint8_t frame[1000], before[1000];
	struct nic_buf v[64];
	unsigned n = 0;

	xenhost_nic[0].untrusted = true;
	boot();
	open_nic(&info);
	for (int i = 0; i < 50; i++) {
		make(frame, sizeof(frame), false, 0);
		xenhost_net_send(0, frame, sizeof(frame), NULL, 0);
		for (n = 0; n == 0; n = nic_rx(0, v, 64))
			rest(1000000);
		must(v[0].len == sizeof(frame) && memcmp(v[0].data, frame, sizeof(frame)) == 0);
		memcpy(before, v[0].data, v[0].len);
		for (unsigned ref = 8; ref < 2048; ref++) {
			struct grant_entry_v1 *e = &xenhost_grant_table()[ref];

			if ((e->flags & GTF_type_mask) && !(e->flags & GTF_readonly) && !(e->flags & (GTF_reading | GTF_writing)))
				memset((void *)((uintptr_t)e->frame * PAGE_SIZE), 0xee, PAGE_SIZE);
		}
		must(memcmp(before, v[0].data, v[0].len) == 0);
		while (n > 0)
			nic_rx_done(0, v[--n].id);
		nic_kick(0);
	}
}

/* A disk's data is copied out, too: the program's buffer is in no page that the backend can write. */
static void blocks_stay(void)
{
	static uint8_t before[BLOCK];
	uint8_t *data;

	boot_both();
	data = page_alloc(1);
	must(blk_open(0, &disk) == 0 && disk_works(0) && request(0, BLK_READ, 8, data, BLOCK / 512));
	memcpy(before, data, BLOCK);
	for (unsigned ref = 8; ref < 2048; ref++) {
		struct grant_entry_v1 *e = &xenhost_grant_table()[ref];

		if (e->flags & GTF_type_mask && !(e->flags & GTF_readonly))
			memset((void *)((uintptr_t)e->frame * PAGE_SIZE), 0xee, PAGE_SIZE);
	}
	must(memcmp(before, data, BLOCK) == 0);
}

/* ---- XSA-391: events for nothing ---- */

/* Raised again at once whenever it was taken: how many waits end in a second. */
static unsigned waits_in_storm(unsigned port)
{
	uint64_t end = plat_now() + 1000000000ull;
	unsigned waits = 0;

	for (; plat_now() < end; waits++) {
		xenhost_raise(port);
		plat_wait(end);
	}
	return waits;
}

static void storm_net(void)
{
	static const char *const key[] = { "event-channel-tx", "event-channel-rx" };
	struct nic_info info;

	boot();
	open_nic(&info);
	for (unsigned i = 0; i < 2; i++)
		must(waits_in_storm((unsigned)xenhost_get_number(vif, key[i], 0)) < 150);
	must(strstr(xenhost_console(), "fires for nothing, listening less") != NULL);
	while (n_in < 20 || n_back < 20)
		turn(&info, true);
}

static void storm_blk(void)
{
	boot_both();
	must(blk_open(0, &disk) == 0 && disk_works(0));
	must(waits_in_storm((unsigned)xenhost_get_number(vbd, "event-channel", 0)) < 150);
	for (int i = 0; i < 20; i++)
		must(disk_works(0));
}

/* ---- XSA-396: grants that somebody still maps ---- */

/*
 * A backend that takes the rings, goes away and never lets go: the device is not had, exactly those pages are lost, their references
 * are nobody else's until it has let go, and the next attempt works.
 */
static void kept(bool net, unsigned rings)
{
	struct nic_info info;
	size_t before;
	unsigned ref;

	xenhost_nic[0].keep = xenhost_nic[0].refuse = xenhost_disk[0].keep = xenhost_disk[0].refuse = true;
	xenhost_disk[0].order = 0;
	boot_both();
	before = page_unused();
	must((net ? nic_open(0, &info) : blk_open(0, &disk)) == -ERR_PROTO);
	must(gnttab_parked() == rings && gnttab_used() == rings && xenhost_mapped() == rings);
	must(before - page_unused() == rings);
	ref = (unsigned)xenhost_get_number(net ? vif : vbd, net ? "tx-ring-ref" : "ring-ref", 0);
	xenhost_nic[0].refuse = xenhost_disk[0].refuse = false;
	must((net ? nic_open(0, &info) : blk_open(0, &disk)) == 0); /* xenhost_grant.c ends the test when a mapped reference is used again */
	must(gnttab_parked() == rings && ref != (unsigned)xenhost_get_number(net ? vif : vbd, net ? "tx-ring-ref" : "ring-ref", 0));
	must(net ? info.up : disk_works(0));
	for (unsigned r = 8; r < 4096; r++)
		must(!(xenhost_grant_table()[r].flags & (GTF_reading | GTF_writing)) || xenhost_grant_table()[r].flags & GTF_permit_access);
}

static void kept_net(void) { kept(true, 2); }
static void kept_blk(void) { kept(false, 1); }

/* ---- XSA-403: what a backend can read ---- */

/* All free memory, and the stack below us, are full of a secret. */
static __attribute__((noinline)) void fill_memory(void)
{
	volatile uint8_t below[8192];
	char *all[64];
	unsigned n = 0;

	while (n < 64 && (all[n] = page_alloc(64))) {
		for (size_t i = 0; i < 64 * PAGE_SIZE; i++)
			all[n][i] = (char)secret[i % SECRET_LEN];
		n++;
	}
	must(n > 30);
	while (n > 0)
		page_free(all[--n], 64);
	for (size_t i = 0; i < sizeof(below); i++)
		below[i] = secret[i % SECRET_LEN];
}

/* Four bytes of it in a row, anywhere in what is granted: padding of a request would show too. */
static void search_granted(void)
{
	unsigned pages = 0;

	for (unsigned ref = 8; ref < 4096; ref++) {
		struct grant_entry_v1 *e = &xenhost_grant_table()[ref];
		const char *page = (const char *)((uintptr_t)e->frame * PAGE_SIZE);

		if (!(e->flags & GTF_type_mask))
			continue;
		pages++;
		for (unsigned i = 0; i < SECRET_LEN; i += 4)
			must(!memmem(page, PAGE_SIZE, secret + i, 4));
	}
	must(pages > 100);
}

static void leak_net(void)
{
	struct nic_info info;

	xenhost_nic[0].untrusted = true;
	xenhost.memory = 16u << 20;
	boot();
	fill_memory();
	open_nic(&info); /* shares the arena too: not granted where the backend is not trusted */
	for (int i = 0; i < 100; i++)
		turn(&info, true);
	search_granted();
}

/* A disk's data always goes through pages of its own, so it needs no word that the backend is not trusted. */
static void leak_blk(void)
{
	static _Alignas(BLOCK) uint8_t data[BLOCK * 16];

	xenhost.memory = 16u << 20;
	boot_both();
	fill_memory();
	must(blk_open(0, &disk) == 0);
	for (unsigned i = 0; i < 100; i++) {
		fill_memory();
		must(request(0, i & 1 ? BLK_READ : BLK_WRITE, 8 * (i % 16), data, 1 + (unsigned)xenhost_below(100)));
		must(request(0, BLK_FLUSH, 0, NULL, 0) && request(0, BLK_DISCARD, 1024, NULL, 8));
	}
	search_granted();
}

/* ---- counters, ids ---- */

/* Rings begin just below 2^32 (RING_FIRST): each is seen to pass it, with work on both sides of it. */
static void wrap(void)
{
	struct nic_info info;
	struct ring_shared *tx, *rx, *blk;

	xenhost_disk[0].order = 0;
	boot_both();
	must(blk_open(0, &disk) == 0);
	open_nic(&info); /* after it the seal, mostly */
	tx = (void *)page_of(vif, "tx-ring-ref");
	rx = (void *)page_of(vif, "rx-ring-ref");
	blk = (void *)page_of(vbd, "ring-ref");
	must(tx->rsp_prod > 0xffffff00u && rx->rsp_prod > 0xffffff00u && blk->rsp_prod > 0xffffff00u);
	for (unsigned i = 0; n_in < 300 || n_back < 300; i++) {
		must(i < 20000); /* a ring that has stopped */
		turn(&info, true);
	}
	for (int i = 0; i < 300; i++)
		must(disk_works(0));
	must(tx->rsp_prod > 100 && rx->rsp_prod > 100 && blk->rsp_prod > 100);
	must(tx->rsp_prod < 0x10000u && rx->rsp_prod < 0x10000u && blk->rsp_prod < 0x10000u);
	finish(&info);
}

/* The wishes for events are the backend's to write: nonsense there costs time, and nothing else. */
static void event_counters(void)
{
	struct nic_info info;
	struct ring_shared *tx, *rx;

	xenhost_nic[0].queues = 1;
	boot();
	open_nic(&info);
	tx = (void *)page_of(vif, "tx-ring-ref");
	rx = (void *)page_of(vif, "rx-ring-ref");
	while (n_in < 200 || n_back < 200) {
		tx->req_event = (uint32_t)xenhost_random();
		rx->req_event = (uint32_t)xenhost_random();
		tx->rsp_event = (uint32_t)xenhost_random();
		rx->rsp_event = (uint32_t)xenhost_random();
		if (n_out < FRAMES)
			send_one(&info);
		send_in();
		receive();
		while (n_lent > 0)
			give_back_one();
		take_tokens();
		nic_kick(0);
		if (!nic_arm(0))
			plat_wait(plat_now() + 1000000);
	}
	nic_info(0, &info);
	must(info.up && !info.broken);
}

/* ---- the rest lives on ---- */

/* An id that nobody gave out, on one device of each kind; the other of each kind knows nothing of it. */
static void others_live(void)
{
	struct nic_info one, two;
	struct blk_info a, b;
	static uint8_t frame[100] = { 2 };
	struct nic_frag v = { frame, sizeof(frame) };
	void *token[4];

	xenhost_nic[1] = xenhost_nic[0];
	boot_both();
	xenhost_disk[1] = xenhost_disk[0];
	plain = true;
	must(nic_open(0, &one) == 0 && nic_open(1, &two) == 0 && blk_open(0, &a) == 0 && blk_open(1, &b) == 0);
	plat_seal();
	must(disk_works(0) && disk_works(1));
	xenhost.lie = LIE_BLK_ID;
	must(!disk_works(0));
	xenhost.lie = LIE_TX_ID;
	must(nic_tx(0, &v, 1, NULL, frame) == 0);
	nic_kick(0);
	rest(1000000);
	must(nic_tx_done(0, token, 4) == 1);
	nic_info(0, &one);
	blk_info(0, &a);
	must(one.broken && a.broken);
	must(strstr(xenhost_console(), "blk0: broken: dom0: an answer with an id that is not out\n"));
	must(strstr(xenhost_console(), "nic0: broken: dom0: an answer with an id that is not out\n"));
	for (uint64_t i = 0, got = xenhost_nic[1].got; i < 50; i++) {
		must(disk_works(1) && nic_tx(1, &v, 1, NULL, frame) == 0);
		nic_kick(1);
		rest(1000000);
		must(nic_tx_done(1, token, 4) == 1 && xenhost_nic[1].got == got + i + 1);
	}
	nic_info(1, &two);
	blk_info(1, &b);
	must(!two.broken && !b.broken && !strstr(xenhost_console(), "nic1: broken") && !strstr(xenhost_console(), "blk1: broken"));
}

/* ---- states ---- */

/* Any state at any time, known or not, and the directory gone: every call ends in time, every token and request comes back. */
static void any_state(void)
{
	static const char *const state[] = { "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "-1", "4x", "", "99999999999999999999" };
	static const char *const back[] = { "/local/domain/0/backend/vif/1/0", "/local/domain/0/backend/vbd/1/51712" };
	struct nic_info info;
	uint64_t begin;
	unsigned k;

	boot_both();
	must(blk_open(0, &disk) == 0);
	open_nic(&info);
	xenhost_nic[0].stay = xenhost_disk[0].stay = true;
	xenhost_net_stop(0); /* nobody is there but the words in xenstore */
	xenhost_blk_stop(0);
	for (int i = 0; i < 40; i++) {
		k = (unsigned)xenhost_below(2);
		if (xenhost_below(10) == 0)
			xenhost_remove(back[k]);
		else
			xenhost_set("%s/state=%s", back[k], state[xenhost_below(sizeof(state) / sizeof(state[0]))]);
		begin = plat_now();
		if (n_out < FRAMES)
			send_one(&info);
		nic_kick(0);
		receive();
		while (n_lent > 0)
			give_back_one();
		take_tokens();
		blk_kick(0);
		must(blk_reap(0, (struct blk_req *[1]){ 0 }, 1) == 0);
		nic_info(0, &info);
		blk_info(0, &disk);
		must(plat_now() - begin < 15000000000ull);
		rest(1000000);
	}
	must(xenhost_open_transactions() == 0 && gnttab_parked() == 0);
}

static void seeds(void (*fn)(void), unsigned n, const char *name)
{
	ok(xenhost_seeds(fn, n) == n, "%s, %u seeds", name, n);
}

int main(void)
{
	ok(child_ends(fetch_net, 0), "XSA-155: netfront reads each word of an answer once, and its own requests never");
	ok(child_ends(fetch_blk, 0), "XSA-155: blkfront reads each word of an answer once, and its own requests never");
	ok(child_ends(frames_stay, 0), "XSA-155: trusted=0: a frame that was shown stays what it was");
	ok(child_ends(blocks_stay, 0), "XSA-155: a block that was read stays what it was");
	ok(child_ends(storm_net, 0), "XSA-391: netfront: a storm on either channel is throttled, frames go on");
	ok(child_ends(storm_blk, 0), "XSA-391: blkfront: a storm is throttled, requests go on");
	ok(child_ends(kept_net, 0), "XSA-396: netfront: rings that a backend never lets go of are parked, no more is lost");
	ok(child_ends(kept_blk, 0), "XSA-396: blkfront: a ring that a backend never lets go of is parked, no more is lost");
	ok(child_ends(leak_net, 0), "XSA-403: netfront, trusted=0: nothing of the guest stands in what is granted");
	ok(child_ends(leak_blk, 0), "XSA-403: blkfront: nothing of the guest stands in what is granted");
	seeds(wrap, 5, "2^32 (Nanos): all three kinds of ring pass it at work");
	seeds(event_counters, 5, "event counters that mean nothing cost time and nothing else");
	ok(child_ends(others_live, 0), "the id that nobody gave out (mini-os): that device is closed in one line, the other NIC and disk go on");
	seeds(any_state, 30, "any state at any time: no call hangs, every token comes back");
	return tap_done();
}
