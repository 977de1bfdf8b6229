/* SPDX-License-Identifier: MIT */
/*
 * Suspends against the fake Xen: at any step of the handshakes and of the data path, drawn from seeds, cancelled or resumed in
 * another domain with other backends. Every frame's token comes back, every request to a disk is answered once and the disk is as
 * a model says, time never goes back, and afterwards everything passes.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "core/core.h"
#include "core/err.h"
#include "core/plat.h"
#include "test/fake/xenhost.h"
#include "test/tap.h"
#include "test/unit/xen_traffic.h"

#define SEEDS 40
#define SECOND 1000000000ull
#define PARTS 24u /* of the disk, one request at a time in each */
#define UNITS 128u /* sectors of a part */

/* ---- suspends ---- */

static struct {
	uint64_t now, wall, away;
} last;

/* Monotonic, whatever the hosts' clocks say; the wall goes on with what passed, here and while nobody ran. */
static void look_at_clocks(void)
{
	uint64_t now = plat_now(), wall = plat_wall(), passed = now - last.now + (xenhost.away - last.away);

	must(now >= last.now);
	if (last.now)
		must(wall - last.wall - passed + 2000000 < 4000000);
	last.now = now;
	last.wall = wall;
	last.away = xenhost.away;
}

static unsigned asked;

static void ask(bool cancel)
{
	xenhost.cancel = cancel;
	asked = xenhost.suspends + 1;
	xenhost_shutdown("suspend");
}

/* Asks for one now and then, and often while the last one is not yet overcome. */
static void perhaps(bool settled)
{
	if (xenhost.suspends >= asked && xenhost.suspends < 12 && xenhost_below(settled ? 60 : 6) == 0)
		ask(xenhost_below(3) == 0);
	if (xenhost_below(3) == 0)
		must(!plat_asked_to_stop());
	look_at_clocks();
}

static void rest(uint64_t ns)
{
	for (uint64_t end = plat_now() + ns; plat_now() < end;)
		plat_wait(end);
}

static void idle(void)
{
	struct nic_info info;
	uint64_t before[2], after[2];
	unsigned ports, watches, said;

	log_level = LOG_INFO;
	draw_features();
	boot();
	open_nic(&info);
	look_at_clocks();
	ports = xenhost_ports_used();
	watches = xenhost_watches();
	said = info.announce;
	must(plat_random(before, sizeof(before)) == 0);
	for (int i = 0; i < 6; i++) {
		bool cancel = i % 3 == 2;

		ask(cancel);
		for (int k = 0; k < 400 && (xenhost.suspends < asked || k < 100); k++) {
			nic_info(0, &info);
			must(!info.broken);
			if (!nic_arm(0))
				plat_wait(plat_now() + 1000000);
			look_at_clocks();
		}
		must(xenhost.suspends == asked && info.up);
		must(xenhost_ports_used() == ports && xenhost_watches() == watches);
		must(strstr(xenhost_console(), cancel ? "the suspend was cancelled" : "resumed, life") != NULL);
	}
	must(plat_random(after, sizeof(after)) == 0 && memcmp(before, after, sizeof(after)));
	must(info.announce - said == 4); /* where it is, said once in each life but the first */
}

/* ---- frames ---- */

static void elsewhere(void)
{
	draw_backend();
	xenhost.eagain = (unsigned)xenhost_below(3);
	xenhost.eacces = (unsigned)xenhost_below(3);
}

static void net_step(struct nic_info *info, bool may_send)
{
	nic_info(0, info);
	must(!info->broken);
	if (step(info, may_send))
		plat_wait(plat_now() + 1000000);
}

/* What is lost is lost on the way: nothing twice, nothing changed (xen_traffic.h looks), no token kept. */
static void frames(void)
{
	struct nic_info info;
	unsigned seen, in_before;

	draw_features();
	boot();
	open_nic(&info);
	xenhost.arrive = elsewhere;
	for (int i = 0; i < 2000 && (xenhost.suspends < 12 || !info.up); i++) {
		perhaps(info.up);
		net_step(&info, n_out < FRAMES / 2);
		if (n_sent_in >= FRAMES / 2 || n_sent_in - n_in > 20)
			n_in = n_sent_in; /* lost */
	}
	must(xenhost.suspends >= 6 && info.up);
	for (int i = 0; i < 1000 && (n_back < n_out || i < 100); i++)
		net_step(&info, false);
	must(n_back == n_out);
	seen = n_seen - n_out;
	in_before = n_in = n_sent_in = 0;
	memset(in, 0, sizeof(in));
	for (int i = 0; i < 1000 && (n_out < FRAMES || n_sent_in < 100); i++)
		net_step(&info, true);
	for (int i = 0; i < 1000 && (n_back < n_out || n_in < n_sent_in); i++)
		net_step(&info, false);
	must(n_out == FRAMES && n_back == n_out && n_seen - n_out == seen && n_in == n_sent_in && n_in > in_before);
	must(xenhost.refused_grants == 0);
}

/* ---- a disk ---- */

static struct part {
	struct blk_req req;
	bool busy;
	uint8_t fill; /* what every byte of it is, or will be */
	uint8_t buf[UNITS * 512] __attribute__((aligned(512)));
} parts[PARTS];
static unsigned submitted, answered;

static void submit(struct part *p, const struct blk_info *info)
{
	bool write = xenhost_below(2);

	p->req = (struct blk_req){ .op = write ? BLK_WRITE : BLK_READ, .sector = (uint64_t)(p - parts) * UNITS, .sectors = UNITS, .data = p->buf, .token = p };
	if (p->req.sectors > info->max_sectors)
		p->req.sectors = info->max_sectors;
	memset(p->buf, write ? p->fill + 1 : 0, sizeof(p->buf));
	switch (blk_submit(0, &p->req)) {
	case 0:
		p->busy = true;
		p->fill += write;
		submitted++;
		break;
	case -ERR_AGAIN:
		must(submitted > answered); /* else nobody would ever wake who waits */
		break;
	default:
		must(false);
	}
}

static void reap(void)
{
	struct blk_req *v[8];
	unsigned n = blk_reap(0, v, 8);

	for (unsigned i = 0; i < n; i++) {
		struct part *p = v[i]->token;

		must(p->busy && v[i]->status == 0);
		for (size_t k = 0; k < v[i]->sectors * 512u; k++)
			must(p->buf[k] == p->fill);
		p->busy = false;
		answered++;
	}
}

static void blk_step(const struct blk_info *info, bool may_submit)
{
	struct part *p = &parts[xenhost_below(PARTS)];

	reap();
	if (may_submit && !p->busy)
		submit(p, info);
	blk_kick(0);
	if (xenhost_below(2) && !blk_arm(0))
		plat_wait(plat_now() + (xenhost_disk[0].hold ? 100000000 : 1000000));
}

static void other_disk(void)
{
	xenhost_disk[0].hold = false;
	xenhost_disk[0].shuffle = xenhost_below(2);
	xenhost_disk[0].persistent = xenhost_below(2);
}

static void open_disk(struct blk_info *info)
{
	static char line[32];

	xenhost_nic[0].present = false;
	xenhost_disk[0] = (struct xenhost_disk){ .present = true, .sectors = PARTS * UNITS, .sector_size = 512, .flush = true, .indirect = 32,
		.order = (unsigned)xenhost_below(3), .queues = (unsigned)xenhost_below(4), .shuffle = xenhost_below(2), .persistent = xenhost_below(2) };
	snprintf(line, sizeof(line), "pith.queues=%u", (unsigned)xenhost_below(5));
	xenhost.cmdline = line;
	xenhost.quiet = !getenv("PITH_LOUD");
	xenhost.scribble = true;
	xenhost_boot();
	must(blk_open(0, info) == 0);
	xenhost.arrive = other_disk;
	if (xenhost_below(4))
		plat_seal();
}

static void requests(void)
{
	struct blk_info info;

	open_disk(&info);
	for (int i = 0; i < 4000 && (xenhost.suspends < 12 || submitted < 500); i++) {
		perhaps(submitted > 20 * xenhost.suspends);
		if (xenhost_below(100) == 0)
			xenhost_disk[0].hold = xenhost_below(2); /* what is out now may still be out when patience ends */
		blk_step(&info, true);
	}
	xenhost_disk[0].hold = false;
	for (int i = 0; i < 8000 && answered < submitted; i++)
		blk_step(&info, false);
	must(xenhost.suspends >= 5 && submitted >= 200 && answered == submitted && suspend_busy == 0);
	for (struct part *p = parts; p < parts + PARTS; p++)
		for (size_t k = 0; k < (info.max_sectors < UNITS ? info.max_sectors : UNITS) * 512; k++)
			must(xenhost_disk[0].data[(size_t)(p - parts) * UNITS * 512 + k] == p->fill);
	must(xenhost.refused_grants == 0);
}

/*
 * A write that is out holds a suspend back: put again in another life it could be done here after what was written there later.
 * A backend that answers never is waited for 5 s.
 */
static void patience(void)
{
	struct blk_info info;
	uint64_t before;

	open_disk(&info);
	xenhost_disk[0].hold = true;
	submit(&parts[0], &info);
	while (!parts[0].busy || xenhost_disk[0].done == 0)
		blk_step(&info, false);
	before = plat_now();
	ask(true);
	rest(SECOND);
	must(xenhost.suspends == 0 && suspend_due());
	submit(&parts[1], &info); /* is taken, and waits */
	must(parts[1].busy);
	blk_kick(0);
	rest(SECOND);
	must(xenhost_disk[0].done == 1);
	xenhost_disk[0].hold = false;
	while (xenhost.suspends == 0)
		blk_step(&info, false);
	must(plat_now() - before < 3 * SECOND && answered == 1);
	while (answered < 2) /* cancelled: what waited goes out */
		blk_step(&info, false);
	xenhost_disk[0].hold = true;
	submit(&parts[2], &info);
	blk_kick(0);
	before = plat_now();
	ask(false);
	while (xenhost.suspends == 1)
		plat_wait(PLAT_FOREVER);
	must(plat_now() - before >= 5 * SECOND && plat_now() - before < 6 * SECOND);
	while (answered < submitted)
		blk_step(&info, false);
}

static void console_and_end(void)
{
	struct nic_info info;

	log_level = LOG_INFO;
	draw_features();
	boot();
	open_nic(&info);
	for (int i = 0; i < 3; i++) {
		ask(false);
		rest(SECOND);
		must((int)suspend_lives() == i + 1);
		plat_console_write("said\n", 5);
		xenhost_type("x");
		rest(SECOND);
		must(plat_console_read((char[4]){ 0 }, 4) == 1);
	}
	must(strstr(xenhost_console(), "said\nxen: the toolstack asks for suspend\n") != NULL);
	xenhost_shutdown("poweroff");
	rest(SECOND);
	must(plat_asked_to_stop());
	plat_exit(PLAT_OFF, 0);
}

static void seeds(void (*fn)(void), unsigned n, const char *name)
{
	ok(xenhost_seeds(fn, n) == n, "%s, %u seeds", name, n);
}

int main(void)
{
	seeds(idle, SEEDS, "idle: cancelled and resumed, the interface up again each time, nothing left over");
	seeds(frames, SEEDS, "frames both ways, suspended at any step: every token comes back, then every frame passes");
	seeds(requests, SEEDS, "a disk, suspended at any step: each request answered once, the disk as it must be");
	seeds(patience, 10, "a suspend waits for requests that are out, for 5 s");
	seeds(console_and_end, 10, "console, input and shutdown in a later life");
	return tap_done();
}
