/* SPDX-License-Identifier: MIT */
/*
 * netfront beside its traffic: where headers are found, checksums behind VLAN tags, groups that the backend shall not send,
 * carrier and MTU that change, and a second interface that lives on when the first one's backend lies.
 */
#define _GNU_SOURCE
#include <string.h>

#include "core/core.h"
#include "core/err.h"
#include "core/plat.h"
#include "test/child.h"
#include "test/fake/xenhost.h"
#include "netfront/netfront.h"
#include "test/tap.h"
#include "test/unit/xen_traffic.h"

static void rest(uint64_t ns)
{
	for (uint64_t end = plat_now() + ns; plat_now() < end;)
		plat_wait(end);
}

/* ---- headers ---- */

/* A frame of 100 bytes: IPv4 or IPv6, behind a VLAN tag or not, TCP with this data offset or UDP. */
static unsigned find(bool six, bool tag, unsigned proto, unsigned words, unsigned len, struct nic_offload *off)
{
	uint8_t f[100] = { 0 };
	unsigned at = tag ? 18 : 14, l4 = at + (six ? 40 : 20);

	f[12] = 0x81;
	f[at - 2] = six ? 0x86 : 0x08;
	f[at - 1] = six ? 0xdd : 0;
	f[at] = six ? 0x60 : 0x45;
	f[at + (six ? 6 : 9)] = (uint8_t)proto;
	f[l4 + 12] = (uint8_t)(words << 4);
	*off = (struct nic_offload){ 0 };
	return headers_find(f, len, off);
}

static void headers(void)
{
	struct nic_offload off;

	for (unsigned i = 0; i < 4; i++) {
		bool six = i & 1, tag = i & 2;
		unsigned l4 = 14 + 4 * (unsigned)tag + (six ? 40 : 20), version = six ? 6 : 4;

		must(find(six, tag, 6, 5, 100, &off) == version && off.csum_start == l4 && off.csum_offset == 16 && off.hdr_len == l4 + 20);
		must(find(six, tag, 6, 6, 100, &off) == version && off.hdr_len == l4 + 24);
		must(find(six, tag, 6, 6, l4 + 24, &off) == version && find(six, tag, 6, 6, l4 + 23, &off) == 0);
		for (unsigned words = 0; words < 5; words++)
			must(find(six, tag, 6, words, 100, &off) == 0); /* a header that ends inside itself */
		must(find(six, tag, 6, 5, l4 + 19, &off) == 0 && find(six, tag, 6, 15, l4 + 59, &off) == 0);
		must(find(six, tag, 17, 0, l4 + 8, &off) == version && off.csum_offset == 6 && off.hdr_len == l4 + 8);
		must(find(six, tag, 17, 0, l4 + 7, &off) == 0 && find(six, tag, 1, 5, 100, &off) == 0);
		for (unsigned len = 0; len < l4; len++)
			must(find(six, tag, 17, 0, len, &off) == 0);
	}
}

/* Linux' netback drops a blank checksum behind a VLAN tag: it is filled in here, whatever the backend offers. */
static void vlan(void)
{
	struct nic_info info;
	struct nic_offload off = { .flags = NIC_CSUM_PARTIAL, .csum_start = 38, .csum_offset = 16, .hdr_len = 58 };
	struct nic_frag v = { arena, 100 };
	uint8_t *f;
	uint64_t got;

	boot();
	open_nic(&info);
	f = (uint8_t *)arena;
	make(f, 96, false, 0);
	memmove(f + 16, f + 12, 84);
	f[12] = 0x81, f[13] = f[14] = f[15] = 0;
	f[38 + 16] = f[38 + 17] = 0;
	v.base = f;
	tagged = true;
	got = xenhost_nic[0].got;
	must(nic_tx(0, &v, 1, &off, &v) == 0);
	nic_kick(0);
	rest(1000000);
	must(xenhost_nic[0].got == got + 1 && !tagged);
	off.flags |= NIC_GSO_TCP4;
	off.gso_size = 20;
	must(nic_tx(0, &v, 1, &off, &v) == -ERR_INVAL);
}

/* ---- groups, link ---- */

static const uint8_t group_a[6] = { 1, 0, 0x5e, 1, 2, 3 }, group_b[6] = { 0x33, 0x33, 0, 0, 0, 1 };

static void settle(void)
{
	struct nic_info info;

	for (int i = 0; i < 30; i++) {
		nic_kick(0);
		nic_info(0, &info);
		take_tokens();
		if (!nic_arm(0))
			plat_wait(plat_now() + 100000);
	}
}

/* Whether a frame to this address comes in. */
static bool arrives(const uint8_t mac[6])
{
	uint8_t f[100] = { 0 };
	struct nic_buf v[64];
	unsigned n;

	memcpy(f, mac, 6);
	xenhost_net_send(0, f, sizeof(f), NULL, 0);
	settle();
	n = nic_rx(0, v, 64);
	if (n == 1)
		nic_rx_done(0, v[0].id);
	must(n <= 1);
	return n == 1;
}

static bool asked(void)
{
	return xenhost_get_number("/local/domain/1/device/vif/0", "request-multicast-control", 0) == 1;
}

static void open_grouped(bool groups, unsigned most)
{
	struct nic_info info;

	xenhost_nic[0].groups = groups;
	xenhost_nic[0].groups_most = most;
	boot();
	open_nic(&info);
	settle();
	must(!asked() && arrives(group_a)); /* who never asks gets everything */
}

static void groups(void)
{
	struct nic_info info;

	open_grouped(true, 0);
	nic_group(0, group_a, true);
	nic_group(0, group_a, true);
	settle();
	must(asked() && arrives(group_a) && !arrives(group_b));
	nic_group(0, group_a, false);
	nic_group(0, group_b, true);
	settle();
	must(arrives(group_a) && arrives(group_b));
	xenhost_net_stop(0);
	settle();
	nic_group(0, group_a, false); /* while there is nobody to tell */
	xenhost_net_start(0);
	do {
		settle();
		nic_info(0, &info);
	} while (!info.up);
	settle();
	must(asked() && arrives(group_b) && !arrives(group_a) && xenhost_nic[0].filtered == 2);
	nic_group(0, group_b, false);
	settle();
	must(!arrives(group_b) && n_back == n_out && xenhost.refused_grants == 0);
}

/* A list that is too long, for us or for the backend, ends in no filter. */
static void many_groups(unsigned most, unsigned joins)
{
	uint8_t mac[6] = { 1, 0, 0x5e, 9, 9, 0 };

	open_grouped(true, most);
	for (unsigned i = 0; i < joins; i++) {
		mac[5] = (uint8_t)i;
		nic_group(0, mac, true);
		settle();
	}
	must(!asked() && arrives(group_b) && arrives(mac));
	must(strstr(xenhost_console(), "nic0: too many groups, the backend filters no longer") != NULL);
	for (unsigned i = 0; i < joins; i++) {
		mac[5] = (uint8_t)i;
		nic_group(0, mac, false);
	}
	settle();
	must(!asked());
}

static void many_groups_here(void) { many_groups(0, 33); }
static void many_groups_there(void) { many_groups(3, 4); }

static void no_groups(void)
{
	open_grouped(false, 0);
	nic_group(0, group_a, true);
	settle();
	must(!asked() && arrives(group_b));
}

static void set_link(const char *key, const char *value)
{
	xenhost_set("/local/domain/%s=%s", key, value);
	settle();
}

static void link_state(void)
{
	static const char carrier[] = "0/backend/vif/1/0/carrier", mtu[] = "1/device/vif/0/mtu";
	struct nic_info info;

	boot();
	open_nic(&info);
	must(info.up && info.mtu == 1500);
	set_link(carrier, "0");
	nic_info(0, &info);
	must(!info.up && !info.broken && strstr(xenhost_console(), "nic0: carrier lost"));
	set_link(carrier, "2"); /* no state at all: named, and nothing changes */
	nic_info(0, &info);
	must(!info.up && !info.broken);
	set_link(carrier, "1");
	set_link(mtu, "9000");
	nic_info(0, &info);
	must(info.up && info.mtu == 9000 && strstr(xenhost_console(), "nic0: carrier is back"));
	set_link(mtu, "12");
	nic_info(0, &info);
	must(info.mtu == 9000 && !nic_arm(0));
}

/* It offers more queues than were made, and nothing comes of that connection: what is not there is never looked for. */
static void more_queues(void)
{
	struct nic_info info;
	struct nic_stats stats;

	boot();
	xenhost.cmdline = "pith.queues=4";
	xenhost_nic[0].queues = 1;
	open_nic(&info);
	xenhost_net_stop(0);
	settle();
	xenhost_nic[0].queues = 4;
	xenhost_set("/local/domain/1/device/vif/0/mac=none");
	xenhost_net_start(0);
	settle();
	nic_info(0, &info);
	nic_stats(0, &stats);
	must(info.broken && !info.up && !nic_arm(0));
}

/*
 * A backend that comes back and connects late (Linux' waits for a script) is not given up, and the guest's threads do not wait for it.
 */
static void slow_return(void)
{
	struct nic_info info;
	uint64_t before, longest = 0, end;

	boot();
	open_nic(&info);
	xenhost_net_stop(0);
	settle();
	xenhost_nic[0].stay = true;
	xenhost_net_start(0);
	for (end = plat_now() + 20000000000ull; plat_now() < end;) {
		before = plat_now();
		nic_info(0, &info);
		longest = plat_now() - before > longest ? plat_now() - before : longest;
		must(!info.up && !info.broken);
		plat_wait(plat_now() + 100000000);
	}
	must(longest < 1000000000ull);
	xenhost_nic[0].stay = false;
	rest(1000000000);
	nic_info(0, &info);
	must(info.up && !info.broken && arrives(group_a));
}

/* ---- two interfaces ---- */

/* A frame out through interface n. Whether the backend got it. */
static bool goes_out(unsigned n)
{
	static uint8_t frame[100] = { 2 };
	struct nic_frag v = { frame, sizeof(frame) };
	uint64_t got = xenhost_nic[n].got;
	void *token = NULL;

	plain = true;
	must(nic_tx(n, &v, 1, NULL, frame) == 0);
	nic_kick(n);
	for (int i = 0; i < 1000 && !token; i++) {
		nic_tx_done(n, &token, 1);
		if (!token && !nic_arm(n))
			plat_wait(plat_now() + 100000);
	}
	must(token == frame);
	return xenhost_nic[n].got == got + 1;
}

/* The first one's backend lies and is shut out in one line; the second knows nothing of it. */
static void other_lives(void)
{
	struct nic_info one, two;

	xenhost_nic[1] = xenhost_nic[0];
	xenhost_nic[1].domid = 3;
	boot();
	must(nic_open(0, &one) == 0 && nic_open(1, &two) == 0 && nic_open(2, &two) == -ERR_NODEV);
	plat_seal();
	must(two.mac[5] == 2 && goes_out(0) && goes_out(1));
	xenhost.lie = LIE_TX_ID;
	goes_out(0);
	nic_info(0, &one);
	must(one.broken && strstr(xenhost_console(), "nic0: broken: dom0: an answer with an id that is not out"));
	for (int i = 0; i < 100; i++)
		must(!goes_out(0) && goes_out(1));
	nic_info(1, &two);
	must(two.up && !two.broken && !strstr(xenhost_console(), "nic1: broken"));
}

/* ---- what a backend can read ---- */

/*
 * XSA-403: whatever a backend may look at, at any time, holds nothing of the guest but what was sent. All memory is full of a secret
 * before the interface is opened; then every page that is granted is searched for it.
 */
static void no_leak(void)
{
	static const uint8_t secret[8] = { 's', 'e', 'c', 'r', 'e', 't', 0x01, 0x02 };
	char *all[64];
	struct nic_info info;
	unsigned n = 0;

	xenhost_nic[0].untrusted = true;
	xenhost.memory = 16u << 20;
	boot();
	while (n < 64 && (all[n] = page_alloc(64))) {
		for (size_t i = 0; i < 64 * PAGE_SIZE; i++)
			all[n][i] = (char)secret[i % 8];
		n++;
	}
	must(n > 30);
	while (n > 0)
		page_free(all[--n], 64);
	open_nic(&info); /* shares the arena too: not granted where the backend is not trusted */
	for (int i = 0; i < 100; i++)
		turn(&info, true);
	for (unsigned ref = 8; ref < 512; ref++) {
		struct grant_entry_v1 *e = &xenhost_grant_table()[ref];
		const char *page = (const char *)((uintptr_t)e->frame * PAGE_SIZE);

		if (e->flags & GTF_type_mask)
			must(!memmem(page, PAGE_SIZE, secret, 8));
	}
	must(gnttab_used() > 100);
}

int main(void)
{
	ok(child_ends(headers, 0), "headers: IPv4, IPv6, VLAN, TCP, UDP, each cut short, data offsets that cannot be");
	ok(child_ends(vlan, 0), "checksum behind a VLAN tag: filled in, never left blank");
	ok(child_ends(groups, 0), "groups: joined, counted, left, told again to a new backend; the others do not come");
	ok(child_ends(many_groups_here, 0) && child_ends(many_groups_there, 0), "groups: more than a list takes: no filter");
	ok(child_ends(no_groups, 0), "groups: a backend that cannot");
	ok(child_ends(link_state, 0), "link: carrier and MTU change");
	ok(child_ends(slow_return, 0), "link: a backend that comes back late is waited for, and nobody waits with it");
	ok(child_ends(more_queues, 0), "link: a backend that comes back with more queues, and without an address");
	ok(child_ends(other_lives, 0), "two interfaces: one is broken by its backend, the other lives on");
	ok(child_ends(no_leak, 0), "trusted=0: nothing of the guest stands in what the backend can read (XSA-403)");
	return tap_done();
}
