/* SPDX-License-Identifier: MIT */
/*
 * Devices that are attached and detached while the program runs, on PV and behind a seal, in order and by force, with work under
 * way: what was out comes back, the number stays, and nothing is left of it, here or in xenstore. And what else the toolstack
 * changes: memory and vCPUs.
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

#define SEEDS 20
#define CYCLES 6
#define OUT 8u

#define VBD "/local/domain/1/device/vbd/51712"
#define VIF "/local/domain/1/device/vif/0"

static unsigned frames;
static struct blk_req req[OUT];
static char *data;

void xenhost_net_input(unsigned n, const uint8_t *frame, unsigned len, const struct nic_offload *off)
{
	(void)n, (void)frame, (void)len, (void)off;
	frames++;
}

/* What is kept at most once: as many grants, channels, watches and pages after every cycle as after the first. */
static struct {
	unsigned grants, ports, watches;
	size_t pages;
} first;

static void same(unsigned cycle)
{
	if (cycle == 0) {
		first.grants = gnttab_used();
		first.ports = xenhost_ports_used();
		first.watches = xenhost_watches();
		first.pages = page_unused();
	}
	must(gnttab_used() == first.grants && gnttab_parked() == 0 && xenhost_ports_used() == first.ports);
	must(xenhost_watches() == first.watches && page_unused() == first.pages && xenhost_mapped() == 0);
}

static void boot(bool nic, bool disk)
{
	xenhost.quiet = !getenv("PITH_LOUD");
	xenhost.open_for_ever = xenhost_below(2);
	xenhost.cmdline = "pith.hotplug=2M";
	xenhost.spurious = (unsigned)xenhost_below(300);
	xenhost_nic[0].present = nic;
	xenhost_disk[0].present = disk;
	xenhost_disk[0].hold = false;
	xenhost_boot();
	log_level = LOG_INFO;
	data = page_alloc(OUT);
}

/* Time for the other side, as a program that sleeps gives it. */
static void rest(void)
{
	timer_run(plat_now());
	plat_asked_to_stop();
	plat_wait(plat_now() + 200000);
}

static bool said(const char *what)
{
	plat_console_flush();
	xenhost_run(2);
	return strstr(xenhost_console(), what) != NULL;
}

/* ---- disks ---- */

static struct blk_info disk_when_described(void)
{
	struct blk_info info = { .gone = true };
	int rc = -ERR_NODEV;

	for (int i = 0; i < 1000 && (info.gone || !info.sector_size); i++) {
		rest();
		if (rc < 0)
			rc = blk_open(0, &info);
		if (rc == 0 || rc == -ERR_BUSY)
			blk_info(0, &info);
	}
	must(info.sector_size == 512 && info.sectors == 2048 && !info.broken && !info.gone);
	return info;
}

static int submit(unsigned i, enum blk_op op, unsigned fill)
{
	req[i] = (struct blk_req){ .op = op, .sector = i * 8, .sectors = 8, .data = data + i * PAGE_SIZE, .status = 1 };
	if (op == BLK_WRITE)
		memset(req[i].data, (int)fill, PAGE_SIZE);
	return blk_submit(0, &req[i]);
}

/* Whether n of them came back, and how many of these failed. */
static bool reap(unsigned n, unsigned *failed)
{
	struct blk_req *v[OUT];
	unsigned got = 0;

	*failed = 0;
	blk_kick(0);
	for (int i = 0; i < 1000 && got < n; i++) {
		unsigned k = blk_reap(0, v, OUT);

		for (unsigned j = 0; j < k; j++)
			*failed += v[j]->status != 0;
		got += k;
		if (!k && !blk_arm(0))
			rest();
	}
	return got == n;
}

static void write_all(unsigned fill)
{
	for (unsigned i = 0; i < OUT; i++)
		must(submit(i, BLK_WRITE, fill + i) == 0);
}

static void check_disk(unsigned fill)
{
	unsigned failed;

	write_all(fill);
	must(reap(OUT, &failed) && failed == 0);
	memset(data, 0, OUT * PAGE_SIZE);
	for (unsigned i = 0; i < OUT; i++)
		must(submit(i, BLK_READ, 0) == 0);
	must(reap(OUT, &failed) && failed == 0);
	for (unsigned i = 0; i < OUT; i++)
		must((unsigned char)data[i * PAGE_SIZE + 99] == (unsigned char)(fill + i));
}

/* In order: an honest backend answers what is out, and only then it is let go. By force: what is out fails. */
static void take_disk(bool force)
{
	struct blk_info info;
	unsigned failed;

	xenhost_disk[0].hold = force;
	write_all(200);
	blk_kick(0);
	if (!force)
		xenhost_blk_leave(0);
	else
		xenhost_blk_unplug(0);
	must(reap(OUT, &failed) && failed == (force ? OUT : 0));
	for (int i = 0; i < 200; i++) {
		rest();
		blk_info(0, &info);
	}
	must(info.gone && submit(0, BLK_WRITE, 1) == -ERR_NODEV && !blk_arm(0));
	if (!force) {
		must(xenhost_get_number(VBD, "state", 0) == XenbusStateClosed);
		xenhost_blk_unplug(0);
	}
	for (int i = 0; i < 50; i++) {
		rest();
		blk_info(0, &info);
	}
	must(!xenhost_get(VBD "/state") && said("blk0: taken away"));
	xenhost_disk[0].hold = false;
}

static void disks(void)
{
	struct blk_info info;

	boot(false, xenhost_below(2));
	must(blk_open(0, &info) == (xenhost_disk[0].present ? 0 : -ERR_NODEV));
	plat_seal();
	for (unsigned cycle = 0; cycle < CYCLES; cycle++) {
		xenhost_disk[0].present = true;
		info = disk_when_described();
		must(info.life == cycle);
		check_disk(cycle * 17);
		take_disk(xenhost_below(2));
		same(cycle);
	}
}

/* ---- interfaces ---- */

static bool up(bool want)
{
	struct nic_info info = { .up = !want };
	int rc = -ERR_NODEV;

	for (int i = 0; i < 1000 && info.up != want; i++) {
		if (!want || rc < 0)
			rc = nic_open(0, &info);
		if (rc == 0 || rc == -ERR_BUSY)
			nic_info(0, &info);
		rest();
	}
	return info.up == want && !info.broken;
}

static void send(unsigned n)
{
	struct nic_frag f = { data, 60 };
	void *token[OUT];
	unsigned back = 0, before = frames;

	memset(data, 0xff, 60);
	for (unsigned sent = 0; back < n;) {
		if (sent < n && nic_tx(0, &f, 1, NULL, token) == 0)
			sent++;
		nic_kick(0);
		rest();
		back += nic_tx_done(0, token, OUT);
	}
	must(frames == before + n);
}

static void take_nic(bool force)
{
	struct nic_frag f = { data, 60 };
	void *token[OUT];
	unsigned back = 0, out = 0;

	xenhost_nic[0].hold = true;
	while (out < OUT && nic_tx(0, &f, 1, NULL, token) == 0)
		out++;
	nic_kick(0);
	if (!force)
		xenhost_net_leave(0);
	else
		xenhost_net_unplug(0);
	must(up(false));
	for (int i = 0; i < 200; i++) {
		back += nic_tx_done(0, token, OUT);
		rest();
	}
	must(out > 0 && back == out); /* no token is lost */
	xenhost_nic[0].hold = false;
	if (!force) {
		must(xenhost_get_number(VIF, "state", 0) == XenbusStateClosed);
		xenhost_net_unplug(0);
	}
	for (int i = 0; i < 50; i++) {
		must(up(false));
		rest();
	}
	must(!xenhost_get(VIF "/state") && said("nic0: taken away"));
}

static void nics(void)
{
	struct nic_info info;

	xenhost_nic[0].split = xenhost_below(2);
	boot(xenhost_below(2), false);
	must(nic_open(0, &info) == (xenhost_nic[0].present ? 0 : -ERR_NODEV));
	plat_seal();
	for (unsigned cycle = 0; cycle < CYCLES; cycle++) {
		xenhost_nic[0].present = true;
		must(up(true));
		send(OUT);
		take_nic(xenhost_below(2));
		same(cycle);
	}
}

/* Behind a seal and without pages set aside: what was there at the start comes back, what is new cannot be had. */
static void nothing_aside(void)
{
	struct nic_info info;
	struct blk_info disk;

	boot(false, true);
	xenhost.open_for_ever = false;
	xenhost.cmdline = "";
	must(nic_open(0, &info) == -ERR_NODEV && blk_open(0, &disk) == 0);
	plat_seal();
	check_disk(1);
	take_disk(false);
	xenhost_disk[0].present = xenhost_nic[0].present = true;
	disk_when_described();
	check_disk(2);
	must(!up(true) && said("see pith.hotplug"));
}

/* ---- memory and vCPUs ---- */

static void memory(void)
{
	xenhost_set("/local/domain/1/memory/static-max=%u", 32768 + 4096);
	boot(false, false);
	xenhost_set("/local/domain/1/memory/target=%u", 32768 + 4096);
	rest();
	plat_seal();
	for (int i = 0; i < 20; i++)
		rest();
	must(xenhost.ballooned == 0);
	for (int i = 0; i < 20; i++) {
		unsigned kib = (unsigned)xenhost_below(24000);

		xenhost_set("/local/domain/1/memory/target=%u", 32768 + 4096 - kib);
		for (int k = 0; k < 400 && xenhost.ballooned != kib / 4; k++)
			rest();
		must(xenhost.ballooned == kib / 4 && balloon_out() == kib / 4);
	}
	xenhost_set("/local/domain/1/memory/target=much");
	for (int i = 0; i < 20; i++)
		rest();
	must(said("memory/target is no number"));
	xenhost_set("/local/domain/1/memory/target=99999999");
	for (int i = 0; i < 400 && xenhost.ballooned; i++)
		rest();
	must(xenhost.ballooned == 0 && said("is not taken"));
}

static void vcpus(void)
{
	boot(false, false);
	xenhost_set("/local/domain/1/cpu/0/availability=online");
	xenhost_set("/local/domain/1/cpu/1/availability=offline");
	plat_seal();
	for (int i = 0; i < 20; i++)
		rest();
	must(!said("vCPUs"));
	xenhost_set("/local/domain/1/cpu/1/availability=online");
	for (int i = 0; i < 20; i++)
		rest();
	must(said("xen: 2 vCPUs are there, one is used"));
}

/* A console that is read and a xenstored that answers are no backends that fire for nothing. */
static void no_storm(void)
{
	struct xenstore_watch w;

	boot(false, false);
	xenhost.spurious = 0;
	must(xenstore_watch(&w, "data/w") == 0);
	for (int i = 0; i < 200; i++) {
		log_line(LOG_INFO, "line %d", i);
		if (i >= 100)
			xenhost_set("/local/domain/1/data/w=%d", i);
		rest();
	}
	must(!said("fires for nothing"));
}

int main(void)
{
	ok(xenhost_seeds(disks, SEEDS) == SEEDS, "a disk comes and goes %d times, in order and by force, with requests out, %d seeds", CYCLES, SEEDS);
	ok(xenhost_seeds(nics, SEEDS) == SEEDS, "an interface comes and goes %d times, in order and by force, with frames out, %d seeds", CYCLES, SEEDS);
	ok(child_ends(nothing_aside, 0), "behind a seal, with nothing set aside: what was there comes back, what is new is refused in a line");
	ok(xenhost_seeds(memory, 5) == 5, "memory: xl mem-set up and down; a target that is none; more than there was");
	ok(child_ends(no_storm, 0), "the toolstack's own events are never for nothing");
	ok(child_ends(vcpus, 0), "vCPUs: one line when there are more");
	return tap_done();
}
