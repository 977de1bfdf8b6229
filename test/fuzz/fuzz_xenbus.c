/* SPDX-License-Identifier: MIT */
/*
 * The handshake: an interface or a disk or both are brought up, at the start or while the program runs, used, lose backends and
 * find new ones, are taken away and come again, and wake up on another host, while any key of either directory may say anything,
 * at any read, and states change at any moment. Their backends write what they like into the rings, and the toolstack wants
 * memory back. Read fuzz_keys.h first.
 *
 * Whatever comes: what cannot be brought up leaves nothing behind, what can is as nic.h and blk.h have it, no grant is made for
 * a later connection, no event channel stays without a use, time never goes back, and the balloon gives all that it took.
 */
#include "test/fuzz/fuzz_blk.h"
#include "test/fuzz/fuzz_blkback.h"
#include "test/fuzz/fuzz_keys.h"
#include "test/fuzz/fuzz_netback.h"
#include "test/fuzz/fuzz_nic.h"

/* ---- the guest ---- */

#define PORTS (2u + 2 * NETFRONT_QUEUES + BLKFRONT_QUEUES) /* one of xenstore, one of the console, and what devices have at most */

static bool has_nic, has_blk;

/*
 * 3 MiB: a large MTU or many queues find too little. The grant table is made as long as it may be, so that its length is no part
 * of the state.
 */
void fuzz_begin(void)
{
	void *page;
	int ref;

	fuzz_blk_begin();
	xenhost.grant_frames = 2;
	fuzz_store_boot(3u << 20, "pith.queues=4");
	page = page_alloc(1);
	ref = gnttab_grant(0, (char *)page, 1, true);
	gnttab_end((unsigned)ref);
	fuzz_nic_begin(0, page_alloc(FUZZ_NIC_ARENA / PAGE_SIZE), page_alloc(FUZZ_NIC_ARENA / PAGE_SIZE));
	fuzz_nic.is_buffer = fuzz_netback_is_buffer;
	fuzz_keep((void *)XENHOST_BASE, PAGE_SIZE); /* where the page allocator has its one run */
	scripted = true;
}

struct held {
	size_t pages;
	unsigned grants, ports;
};

static struct held held(void)
{
	return (struct held){ page_unused(), gnttab_used(), xenhost_ports_used() };
}

static bool same(struct held a, struct held b)
{
	return a.pages == b.pages && a.grants == b.grants && a.ports == b.ports;
}

static bool open_nic(void)
{
	struct held before = held();
	struct nic_info info;

	if (nic_open(0, &info) < 0) {
		fuzz_must(same(before, held()));
		return false;
	}
	fuzz_netback_nic = connect_nic(0);
	fuzz_must(info.mtu >= 68 && info.mtu <= 65521);
	return nic_share(0, fuzz_nic.arena, FUZZ_NIC_ARENA) == 0;
}

static bool open_blk(void)
{
	struct held before = held();
	struct blk_info info;

	if (blk_open(0, &info) < 0) {
		fuzz_must(same(before, held()));
		return false;
	}
	fuzz_blkback_disk = connect_disk(0);
	if (fuzz_blkback_disk->begun)
		return true; /* not described before its backend is Connected */
	fuzz_must(info.sector_size >= 512 && info.sector_size <= 4096 && !(info.sector_size & (info.sector_size - 1)));
	fuzz_must((uint64_t)info.max_sectors * info.sector_size >= 8192);
	return true;
}

/* What is not there may be by now. Which of the two a script has stays as it is, so that it gets far with one. */
static void open_both(unsigned which)
{
	has_nic = has_nic || (which % 3 != 1 && open_nic());
	has_blk = has_blk || (which % 3 != 0 && open_blk());
}

/* What the toolstack asks for is done when the guest looks; a suspend waits for disks, but not for ever. */
static void suspend(bool wait)
{
	uint64_t before = plat_now();

	request = "suspend";
	fire("shutdown");
	plat_asked_to_stop();
	if (wait && suspend_due()) {
		xenhost_advance(6000000000ull);
		plat_asked_to_stop();
		fuzz_must(!suspend_due());
	}
	fuzz_must(plat_now() >= before);
}

/* In order: it asks first. Or with all that there is of it; and gives it again. */
static void take_away(unsigned kind, bool ask)
{
	if (ask && !away[kind]) {
		leaving[kind] = true;
		set_back(kind, 5);
		return;
	}
	away[kind] = !away[kind];
	leaving[kind] = false;
	front[kind] = back[kind] = 1;
	fire(kinds[kind]);
}

/* The rings' other side, whether they are in use or not. */
static void answer(unsigned kind)
{
	unsigned what = fuzz_byte();
	struct netfront_queue *q;

	if (kind == VBD && has_blk) {
		if (what & 128)
			fuzz_blkback_answer();
		else
			fuzz_blkback(what % 7);
	}
	if (kind == VBD || !has_nic)
		return;
	q = fuzz_netback_nic->queue[what % fuzz_netback_nic->n_queues];
	if (what & 128)
		fuzz_netback_deliver(q);
	else if (what & 64)
		fuzz_netback_acknowledge(q);
	else if (what & 32)
		fuzz_netback_extra(q);
	else
		fuzz_netback(q, what % 7);
}

/* What a program meets seldom. */
static void rare(unsigned what, unsigned which)
{
	switch (what >> 2) {
	case 1:
		fmt_format(target, sizeof target, "%u", 3072 - 4u * fuzz_byte()); /* KiB */
		fire("target");
		plat_asked_to_stop();
		timer_run(plat_now());
		break;
	case 2:
		suspend(what & 1);
		break;
	case 3:
		take_away(what & 1, what & 2);
		break;
	case 4:
		answer(what & 1);
		break;
	case 5:
		if (!flavour_running())
			plat_seal();
		open_both(which);
		break;
	case 6:
		xenhost_advance(300000000);
		timer_run(plat_now());
		break;
	case 7:
		fire(what & 1 ? "cpu" : "sysrq");
		plat_asked_to_stop();
		break;
	default:
		fire(what & 1 ? "carrier" : what & 2 ? "mtu" : "state");
	}
}

static void act(unsigned which)
{
	unsigned what = fuzz_byte();

	if (what & 128)
		set_back(what & 1, what >> 1 & 7);
	else if (what & 64)
		draw_lie();
	else if (what & 32)
		rare(what & 31, which);
	else if (what & 1 && has_nic)
		fuzz_nic_act((what >> 1) % 11);
	else if (has_blk)
		fuzz_blk_act((what >> 1) % 10);
}

/* The toolstack wants nothing back any more. */
static void settle_balloon(void)
{
	balloon_want(0);
	for (unsigned i = 0; i < 64 && balloon_out() > 0; i++) {
		xenhost_advance(300000000);
		timer_run(plat_now());
	}
	fuzz_must(balloon_out() == 0 && xenhost.ballooned == 0);
}

static void settle(void)
{
	if (has_nic) {
		connect_nic_break(connect_nic(0), "end of the script");
		fuzz_nic_settle();
	}
	if (has_blk) {
		connect_disk_break(connect_disk(0), "end of the script");
		fuzz_blk_settle();
		fuzz_must(connect_disk(0)->pool_left == connect_disk(0)->pool_pages && suspend_busy == 0);
	}
	settle_balloon();
}

void fuzz_run(void)
{
	unsigned which = fuzz_byte(), n = fuzz_below(LIES), lives = 0;
	struct held before;

	while (n-- > 0)
		draw_lie();
	if (which & 128)
		plat_seal(); /* devices that come while the program runs */
	open_both(which);
	before = held();
	while (fuzz_more()) {
		bool nic = has_nic, blk = has_blk;

		act(which);
		if (nic != has_nic || blk != has_blk)
			before = held();
		lives = suspend_lives();
	}
	fuzz_must(gnttab_used() == before.grants);
	fuzz_must(lives ? xenhost_ports_used() <= PORTS : xenhost_ports_used() == before.ports);
	settle();
}
