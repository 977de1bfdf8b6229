/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include <stdio.h>

/*
 * kvm/virtq.c against the strict device side of test/fake/vmm_queue.c: every combination of
 * features and sizes past the wrap of the 16-bit counters, a full ring, interrupts asked for and
 * not lost, every lie, garbage, and no memory.
 */

#include <stdlib.h>
#include <string.h>

#include "core/core.h"
#include "core/err.h"
#include "kvm/virtq.h"
#include "test/child.h"
#include "test/fake/fetch.h"
#include "test/fake/vmm.h"
#include "test/tap.h"

#define ROUNDS 66000u /* chains; more than 65536 */
#define PIECE 256u
#define TOKENS 2048u

static struct virtq q;
static struct vmm_dev dev;
static struct vmm_queue *side = &dev.queue[0];
static uint8_t *memory;

static struct {
	bool out; /* in flight */
	uint32_t lent, wrote;
} chain[TOKENS];

static uint16_t size;
static uint16_t flags;
static unsigned inflight, returned;

/* Both sides of a queue, without a device around it. */
static void set_up(void)
{
	vmm.eager = 0;
	vmm.quiet = true;
	vmm_start();
	memory = vmm_alloc(TOKENS * PIECE / PAGE_SIZE);
	must(!virtq_init(&q, "dev0", size, flags));
	dev = (struct vmm_dev){ .kind = VMM_MODERN, .status = 15, .nqueues = 1, .msix_on = true };
	dev.accepted = (flags & VIRTQ_EVENT_IDX ? 1ull << 29 : 0) | (flags & VIRTQ_INDIRECT ? 1ull << 28 : 0);
	dev.msix[0].word[0] = 0xfee00000u;
	dev.msix[0].word[2] = 0x41;
	*side = (struct vmm_queue){ .size = size, .max = size, .ready = true, .desc = (uintptr_t)q.desc, .avail = (uintptr_t)q.avail,
		.used = (uintptr_t)q.used };
}

static void *token(unsigned i)
{
	return &chain[i];
}

static unsigned index_of(const void *t)
{
	size_t i = (size_t)((const char *)t - (const char *)chain) / sizeof chain[0];

	must(i < TOKENS && t == token((unsigned)i));
	return (unsigned)i;
}

/* Adds a chain of random shape. Returns what virtq_add() did. */
static int add(unsigned most)
{
	struct virtq_seg seg[VIRTQ_SEGS_MAX];
	unsigned n = 1 + (unsigned)vmm_below(most), out = (unsigned)vmm_below(n + 1), i = (unsigned)vmm_below(TOKENS);
	uint32_t lent = 0;
	int rc;

	while (chain[i].out)
		i = (i + 1) % TOKENS;
	for (unsigned k = 0; k < n; k++) {
		seg[k] = (struct virtq_seg){ memory + i * PIECE, 1 + (uint32_t)vmm_below(PIECE) };
		lent += k >= out ? seg[k].len : 0;
	}
	rc = virtq_add(&q, seg, out, n - out, token(i));
	if (rc)
		return rc;
	chain[i].out = true;
	chain[i].lent = lent;
	inflight++;
	return 0;
}

/* The device returns some of what it holds, in any order. */
static void device_works(void)
{
	static struct vmm_chain held[VMM_QUEUE_MAX];
	static unsigned nheld;
	struct vmm_chain c;

	while (vmm_take(&dev, side, &c))
		held[nheld++] = c;
	while (nheld && vmm_below(4)) {
		unsigned i = (unsigned)vmm_below(nheld);
		uint32_t len = held[i].in_len ? (uint32_t)vmm_below(held[i].in_len + 1) : 0;

		for (unsigned k = 0; k < TOKENS; k++)
			if (held[i].in && held[i].seg[held[i].out].base == memory + k * PIECE)
				chain[k].wrote = len;
		vmm_return(&dev, side, &held[i], len);
		held[i] = held[--nheld];
	}
	vmm_publish(&dev, side);
	vmm_rest(&dev, side);
}

static void take_all(void)
{
	unsigned n = virtq_pending(&q);
	struct virtq_done done;

	while (n--) {
		must(virtq_take(&q, &done));
		unsigned i = index_of(done.token);

		must(chain[i].out);
		must(done.len <= chain[i].lent);
		must(!chain[i].lent || done.len == chain[i].wrote);
		chain[i].out = false;
		inflight--;
		returned++;
	}
}

/* ---- cases ---- */

static void run_past_wrap(void)
{
	unsigned most = size < VIRTQ_SEGS_MAX ? size : VIRTQ_SEGS_MAX;

	set_up();
	while (returned < ROUNDS) {
		for (unsigned n = (unsigned)vmm_below(40); n && !add(most); n--)
			;
		if (virtq_publish(&q))
			side->awake = true;
		if (side->awake || !vmm_below(8))
			device_works();
		take_all();
		if (!inflight) {
			must(q.nfree == size);
			must(!q.inflight);
		}
	}
}

/* A ring takes what it has room for, and refusing changes nothing. */
static void run_full(void)
{
	struct virtq_seg seg[3] = { { NULL, 8 }, { NULL, 8 }, { NULL, 8 } };
	unsigned n = 0;

	set_up();
	for (unsigned k = 0; k < 3; k++)
		seg[k].base = memory;
	while (!virtq_add(&q, seg, 2, 1, token(n)))
		n++;
	must(flags & VIRTQ_INDIRECT && size > 4 ? n > size / 3u : n >= size / 3u);
	must(virtq_add(&q, seg, 2, 1, token(n)) == -ERR_AGAIN);
	must(virtq_publish(&q) == (n > 0));
	must(!virtq_publish(&q));
	while (q.inflight) {
		device_works();
		for (unsigned i = virtq_pending(&q); i; i--)
			must(virtq_take(&q, &(struct virtq_done){ 0 }));
	}
	must(q.nfree == size);
}

/* What was asked for comes: an interrupt after the n-th, or the answer that it is there already. */
static void run_armed(void)
{
	struct virtq_seg seg = { NULL, 8 };

	set_up();
	seg.base = memory;
	for (unsigned round = 0; round < ROUNDS; round++) {
		unsigned n = 1 + (unsigned)vmm_below(size - 1), after = flags & VIRTQ_EVENT_IDX ? (unsigned)vmm_below(n) : 0, early = (unsigned)vmm_below(n + 1);
		struct vmm_chain c;
		unsigned long before;
		bool there;

		for (unsigned i = 0; i < n; i++)
			must(!virtq_add(&q, &seg, 0, 1, token(i)));
		virtq_publish(&q);
		for (unsigned i = 0; i < early && vmm_take(&dev, side, &c); i++)
			vmm_return(&dev, side, &c, 0);
		vmm_publish(&dev, side);
		there = virtq_arm(&q, after);
		must(there == (early > after));
		before = vmm.interrupts;
		for (unsigned i = early; i < n && vmm_take(&dev, side, &c); i++) {
			vmm_return(&dev, side, &c, 0);
			vmm_publish(&dev, side);
			if (!there)
				must((vmm.interrupts > before) == (i >= after));
		}
		must(virtq_pending(&q) == n);
		while (n--)
			virtq_take(&q, &(struct virtq_done){ 0 });
	}
}

/*
 * A host without fences: what the device asked for becomes visible after we looked, our index after it did. The doorbell
 * that both then owe is rung at the next look, once; and none where the device asked in time, or had seen it all.
 */
static void run_missed(void)
{
	struct virtq_seg seg = { NULL, 8 };

	set_up();
	seg.base = memory;
	for (unsigned round = 0; round < ROUNDS; round++) {
		unsigned n = 1 + (unsigned)vmm_below(size - 1);
		bool missed = vmm_below(2);
		struct vmm_chain c;

		if (missed)
			vmm_busy(&dev, side);
		else
			vmm_doze(&dev, side);
		for (unsigned i = 0; i < n; i++)
			must(!virtq_add(&q, &seg, 0, 1, token(i)));
		must(virtq_publish(&q) == !missed);
		vmm_doze(&dev, side);
		must(virtq_missed(&q) == missed);
		must(!virtq_missed(&q));
		while (vmm_take(&dev, side, &c))
			vmm_return(&dev, side, &c, 0);
		vmm_publish(&dev, side);
		vmm_doze(&dev, side);
		must(!virtq_missed(&q));
		must(virtq_pending(&q) == n);
		while (n--)
			virtq_take(&q, &(struct virtq_done){ 0 });
	}
}

/*
 * While nobody armed, nobody is interrupted, but for the one time in 65536 that the event comes
 * round.
 */
static void run_silent(void)
{
	struct virtq_seg seg = { NULL, 8 };
	struct vmm_chain c;

	set_up();
	seg.base = memory;
	for (unsigned round = 0; round < ROUNDS; round++) {
		must(!virtq_add(&q, &seg, 0, 1, token(0)));
		virtq_publish(&q);
		must(vmm_take(&dev, side, &c));
		vmm_return(&dev, side, &c, 8);
		vmm_publish(&dev, side);
		must(virtq_pending(&q) == 1);
		virtq_take(&q, &(struct virtq_done){ 0 });
	}
	must(vmm.interrupts <= 2);
}

/* ---- lies ---- */

static enum vmm_lie lie;
static const char *said;

static unsigned drain(void)
{
	unsigned n = 0;
	void *t;

	while ((t = virtq_drain(&q)) != NULL) {
		unsigned i = index_of(t);

		must(chain[i].out);
		chain[i].out = false;
		n++;
	}
	return n;
}

static void run_lie(void)
{
	struct virtq_seg seg = { NULL, 8 };

	set_up();
	while (returned < 300) {
		for (unsigned n = (unsigned)vmm_below(8); n && !add(3); n--)
			;
		virtq_publish(&q);
		device_works();
		take_all();
	}
	vmm.lie = lie;
	for (unsigned i = 0; i < 1000 && !q.broken; i++) {
		unsigned n;
		struct virtq_done done;

		add(3);
		virtq_publish(&q);
		device_works();
		for (n = virtq_pending(&q); n && virtq_take(&q, &done); n--)
			chain[index_of(done.token)].out = false, inflight--;
	}
	must(q.broken);
	must(strstr(vmm_log(), said));
	must(strstr(vmm_log(), "dev0: broken: ") == vmm_log());
	must(!strchr(strchr(vmm_log(), '\n') + 1, '\n'));
	must(!virtq_pending(&q));
	must(!virtq_arm(&q, 0));
	must(drain() == inflight);
	must(q.nfree == size);
	/* It still takes, and gives back. */
	seg.base = memory;
	must(!virtq_add(&q, &seg, 1, 0, token(7)));
	chain[7].out = true;
	must(!virtq_publish(&q));
	must(drain() == 1);
}

/* Whatever stands in the used ring, no token comes back that is not in flight, and none twice. */
static void run_garbage(void)
{
	set_up();
	for (unsigned round = 0; round < 40 && !q.broken; round++) {
		unsigned n, tries = 4;
		struct virtq_done done;

		while (tries-- && !add(3))
			;
		virtq_publish(&q);
		for (unsigned i = 0; i < size; i++)
			q.used->ring[i] = (struct virtq_used_elem){ (uint32_t)vmm_below(size + 2u), (uint32_t)vmm_below(300) };
		q.used->idx = (uint16_t)(q.used->idx + vmm_below(3));
		for (n = virtq_pending(&q); n && virtq_take(&q, &done); n--) {
			unsigned i = index_of(done.token);

			must(chain[i].out);
			must(done.len <= chain[i].lent);
			chain[i].out = false;
			inflight--;
		}
	}
	must(drain() == inflight);
}

static void run_no_memory(void)
{
	set_up();
	size_t used = vmm_pages_used();

	for (unsigned long n = 1;; n++) {
		struct virtq other;

		vmm.allocations = 0;
		vmm.fail_at = n;
		if (!virtq_init(&other, "dev1", size, flags)) {
			must(n > 2);
			virtq_free(&other);
			must(vmm_pages_used() == used);
			return;
		}
		must(vmm_pages_used() == used);
	}
}

/* A length beyond what was lent means nothing from a legacy device. */
static void run_lenient(void)
{
	struct virtq_seg seg[2] = { { NULL, 8 }, { NULL, 8 } };
	struct virtq_done done;
	struct vmm_chain c;

	flags = VIRTQ_LENIENT;
	size = 8;
	set_up();
	seg[0].base = seg[1].base = memory;
	must(!virtq_add(&q, seg, 1, 1, token(0)));
	virtq_publish(&q);
	must(vmm_take(&dev, side, &c));
	vmm_return(&dev, side, &c, 16);
	vmm_publish(&dev, side);
	must(virtq_pending(&q) == 1);
	must(virtq_take(&q, &done));
	must(done.len == 8 && done.token == token(0));
}

/*
 * XSA-155 was Xen's, its mistake is anybody's: each word of a used entry is read once, and what we wrote into shared memory never.
 */
static void run_fetches(void)
{
	size_t used = size * sizeof q.used->ring[0];
	unsigned reads = 0;

	set_up();
	fetch_watch(q.desc, q.ring_pages);
	if (q.tables)
		fetch_watch(q.tables, q.table_pages < 8 ? q.table_pages : 8);
	while (returned < 2000) {
		fetch_begin();
		for (unsigned n = (unsigned)vmm_below(40); n && !add(size < VIRTQ_SEGS_MAX ? size : VIRTQ_SEGS_MAX); n--)
			;
		side->awake |= virtq_publish(&q);
		fetch_end();
		must(!fetch_all(q.desc, (size_t)((char *)q.used - (char *)q.desc)) && !fetch_all(q.used->ring, used));
		if (side->awake || !vmm_below(8))
			device_works();
		fetch_begin();
		take_all();
		fetch_end();
		reads += fetch_all(q.used->ring, used);
		must(fetch_most(q.used->ring, used) <= 1 && !fetch_all(q.desc, (size_t)((char *)q.used - (char *)q.desc)));
		must(!q.tables || !fetch_all(q.tables, q.table_pages * PAGE_SIZE));
	}
	must(reads >= returned); /* and it was looked at */
}

static const uint16_t sizes[] = { 2, 4, 32, 256, 1024 };
static const uint16_t combinations[] = { 0, VIRTQ_EVENT_IDX, VIRTQ_INDIRECT, VIRTQ_EVENT_IDX | VIRTQ_INDIRECT };

static bool all(void (*fn)(void))
{
	bool good = true;

	for (unsigned s = 0; s < sizeof sizes / sizeof *sizes; s++) {
		for (unsigned f = 0; f < sizeof combinations / sizeof *combinations; f++) {
			size = sizes[s];
			flags = combinations[f];
			if (child_ends(fn, 0))
				continue;
			tap_diag("size %u, flags %#x, seed %lu", size, flags, (unsigned long)vmm.seed);
			good = false;
		}
	}
	return good;
}

static void try_lies(void)
{
	static const struct { enum vmm_lie lie; const char *said; } v[] = {
		{ LIE_ID_RANGE, "used id 76 of 32" }, { LIE_ID_FREE, "used id not in flight," }, { LIE_ID_TWICE, "used id not in flight," },
		{ LIE_LEN, "used length" }, { LIE_IDX_JUMP, "used index jumps by" }, { LIE_IDX_BACK, "used index jumps by" },
	};

	for (unsigned i = 0; i < sizeof v / sizeof *v; i++) {
		lie = v[i].lie;
		said = v[i].said;
		size = 32;
		flags = i & 1 ? VIRTQ_EVENT_IDX | VIRTQ_INDIRECT : 0;
		ok(child_ends(run_lie, 0), "a device that lies is broken and named: %s", said);
	}
}

int main(void)
{
	const char *seed = getenv("PITH_SEED");
	unsigned good = 0;

	vmm.seed = seed ? strtoull(seed, NULL, 10) : 1;
	ok(all(run_past_wrap), "66,000 random chains come back once each, with every feature and size");
	ok(all(run_full), "a full ring refuses and loses nothing");
	ok(all(run_silent), "no interrupt that nobody asked for");
	ok(all(run_missed), "a doorbell that a host without fences lost is rung before sleep");
	ok(all(run_no_memory), "without memory there is no queue, and nothing is lost");
	size = 256;
	flags = VIRTQ_EVENT_IDX | VIRTQ_INDIRECT;
	ok(child_ends(run_fetches, 0), "double fetch (as XSA-155): each word of a used entry is read once, nothing of ours is read back");
	size = 64;
	flags = 0;
	ok(child_ends(run_armed, 0), "armed by flag: interrupted, or told at once");
	flags = VIRTQ_EVENT_IDX;
	ok(child_ends(run_armed, 0), "armed by event: interrupted after the n-th, or told at once");
	try_lies();
	for (vmm.seed *= 1000, size = 16; good < 500; good++, vmm.seed++, flags = combinations[good % 4])
		if (!child_ends(run_garbage, 0))
			break;
	ok(good == 500, "garbage in the used ring: no token that is not in flight (seed %lu)", (unsigned long)vmm.seed);
	ok(child_ends(run_lenient, 0), "a legacy device's lengths are cut to what was lent");
	return tap_done();
}
