/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "test/unit/kvm_nic.h"

/*
 * kvm/nic.c on the fake machine: every transport and set of features, frames both ways past the
 * wrap of the rings' counters, offloads, lies, garbage, what costs an exit.
 */

static const uint64_t sets[] = {
	ALL | UNKNOWN, MAC, 0, MAC | MRG, MAC | EVENT, MAC | INDIRECT, MAC | MRG | EVENT | CSUM | GUEST_CSUM, MAC | ANY_LAYOUT | EVENT,
	ALL & ~CSUM, ALL & ~GUEST_CSUM, ALL & ~MRG, ALL & ~(INDIRECT | ANY_LAYOUT),
};
static unsigned frames;

/* ---- frames both ways ---- */

#define TOKENS 600u

static uint8_t sent[TOKENS][4];
static bool out[TOKENS]; /* the token is the device's */
static unsigned nout;
static unsigned sends, receives;
static uint32_t expected[70]; /* seeds of the frames that are on their way to us */
static unsigned nexpected;

static uint32_t length_of(uint32_t seed)
{
	bool large = info.features & NIC_RX_GSO && seed % 7 == 0;

	return 14 + seed % (large ? 65000 : info.mtu);
}

static uint8_t byte_of(uint32_t seed, uint32_t at)
{
	return (uint8_t)(seed * 31 + at * 7 + (at >> 8));
}

static void deliver(void)
{
	static uint8_t frame[70000];
	uint32_t seed = (uint32_t)vmm_random(), len = length_of(seed);

	if (nexpected == 64)
		return;
	for (uint32_t i = 0; i < len; i++)
		frame[i] = byte_of(seed, i);
	if (vmm_send(dev, frame, len, NULL))
		expected[nexpected++] = seed;
}

static void check_received(const struct nic_buf *v, unsigned n)
{
	uint32_t at = 0;

	must(nexpected);
	for (unsigned i = 0; i < n; i++)
		for (uint32_t k = 0; k < v[i].len; k++, at++)
			if (v[i].data[k] != byte_of(expected[0], at))
				must(!"the frame's contents");
	must(at == length_of(expected[0]));
	must((uintptr_t)v[0].data % 4 == 2);
	must(!v[0].off.flags);
	memmove(expected, expected + 1, --nexpected * sizeof expected[0]);
	receives++;
}

static uint32_t kept[4096];
static unsigned nkept;

/* Gives back some of what was received, in any order. */
static void give_some(unsigned leave)
{
	while (nkept > leave) {
		unsigned i = (unsigned)vmm_below(nkept);

		nic_rx_done(0, kept[i]);
		kept[i] = kept[--nkept];
	}
}

static bool receive(void)
{
	struct nic_buf v[128];
	unsigned n = nic_rx(0, v, 64 + (unsigned)vmm_below(65)), lent, total;

	for (unsigned i = 0, first = 0; i < n; i++) {
		kept[nkept++] = v[i].id;
		if (v[i].more)
			continue;
		check_received(v + first, i + 1 - first);
		first = i + 1;
	}
	must(!n || !v[n - 1].more);
	nic_rx_lent(0, &lent, &total);
	must(lent == nkept && lent <= total);
	give_some((unsigned)vmm_below(total / 3 + 1));
	return n;
}

static void submit(void)
{
	struct nic_frag frag[NIC_FRAGS_MAX];
	unsigned n = 1 + (unsigned)vmm_below(vmm_below(4) ? 4 : NIC_FRAGS_MAX), t = (unsigned)vmm_below(TOKENS);
	int rc;

	while (out[t])
		t = (t + 1) % TOKENS;
	for (unsigned i = 0; i < n; i++)
		frag[i] = (struct nic_frag){ arena + vmm_below(31 * PAGE_SIZE), 14 + (uint32_t)vmm_below(80) };
	rc = nic_tx(0, frag, n, NULL, sent[t]);
	must(!rc || rc == -ERR_AGAIN);
	if (rc)
		return;
	out[t] = true;
	nout++;
	sends++;
}

static bool collect(void)
{
	void *token[50];
	unsigned n = nic_tx_done(0, token, 1 + (unsigned)vmm_below(50));

	for (unsigned i = 0; i < n; i++) {
		size_t t = (size_t)((uint8_t(*)[4])token[i] - sent);

		must(t < TOKENS && out[t]);
		out[t] = false;
		nout--;
	}
	return n;
}

/*
 * Sleeps if nobody objects. Where only the timer ended it, nothing had been received: that would
 * have been a lost wake-up.
 */
static void doze(void)
{
	if (nic_arm(0))
		return;
	plat_wait(PLAT_FOREVER);
	if (vmm.timed_out)
		must(!receive());
}

/* As the loop does it: poll everything, arm, sleep only when there was nothing. */
static void live(void)
{
	bool did;

	for (unsigned n = (unsigned)vmm_below(6); n; n--)
		submit();
	for (unsigned n = (unsigned)vmm_below(6); n; n--)
		deliver();
	nic_kick(0);
	vmm_turn();
	did = receive();
	did |= collect();
	nic_kick(0);
	if (!did && (nexpected || nout))
		doze();
}

static void run_traffic(void)
{
	struct nic_stats stats;

	boot();
	for (unsigned i = 0; i < 32 * PAGE_SIZE; i++)
		arena[i] = (uint8_t)i;
	while (receives < frames || sends < frames)
		live();
	while (nexpected || nout) {
		if (!receive() && !collect())
			doze();
		nic_kick(0);
	}
	give_some(0);
	nic_stats(0, &stats);
	must(stats.rx_frames == receives && stats.tx_frames == sends && !stats.rx_errors);
	must(stats.tx_frames == dev->net->sent && stats.kicks == vmm.kicks);
	must(!strstr(vmm_log(), "broken"));
}

/* What was sent is what arrives, with the header that it was given. */
static void run_contents(void)
{
	struct nic_offload off = { .flags = NIC_CSUM_PARTIAL, .csum_start = 34, .csum_offset = 16 };
	struct nic_frag frag[3];
	struct vmm_frame *f;
	void *token;

	boot();
	for (unsigned i = 0; i < 32 * PAGE_SIZE; i++)
		arena[i] = (uint8_t)(i * 13 + (i >> 8));
	frag[0] = (struct nic_frag){ arena + 5, 54 };
	frag[1] = (struct nic_frag){ arena + 5000, 1 };
	frag[2] = (struct nic_frag){ arena + 9000, 3000 };
	for (unsigned gso = 0; gso < 3; gso++) {
		off.flags = (uint8_t)(NIC_CSUM_PARTIAL | (gso == 1 ? NIC_GSO_TCP4 : gso == 2 ? NIC_GSO_TCP6 : 0));
		off.gso_size = gso ? 1448 : 0;
		off.hdr_len = gso ? 54 : 0;
		must(!nic_tx(0, frag, 3, &off, &off));
		nic_kick(0);
		while (!nic_tx_done(0, &token, 1))
			vmm_work();
		f = &dev->net->last;
		must(token == &off && f->len == 3055);
		must(!memcmp(f->data, arena + 5, 54) && f->data[54] == arena[5000] && !memcmp(f->data + 55, arena + 9000, 3000));
		must(f->hdr[0] == 1 && f->hdr[6] == 34 && f->hdr[8] == 16);
		must(f->hdr[1] == (gso == 1 ? 1 : gso == 2 ? 4 : 0) && f->hdr[2] == (gso ? 54 : 0));
		must(f->hdr[4] == (gso ? 1448 & 255 : 0) && f->hdr[5] == (gso ? 1448 >> 8 : 0));
	}
}

/* ---- offloads that arrive ---- */

static void run_offloads(void)
{
	struct nic_buf v[64];

	boot();
	must(arrive((uint8_t[12]){ 1, 0, 0, 0, 0, 0, 34, 0, 16, 0 }, 100, v) == 1);
	must(v->off.flags == NIC_CSUM_PARTIAL && v->off.csum_start == 34 && v->off.csum_offset == 16 && v->len == 100);
	must(arrive((uint8_t[12]){ 2 }, 100, v) == 1);
	must(v->off.flags == NIC_CSUM_VALID);
	must(arrive((uint8_t[12]){ 1, 1, 54, 0, 0xa8, 5, 34, 0, 16, 0 }, 30000, v) == (30012 + 4093) / 4094);
	must(v->off.flags == (NIC_CSUM_PARTIAL | NIC_GSO_TCP4) && v->off.gso_size == 1448 && v->off.hdr_len == 54);
	must(arrive((uint8_t[12]){ 1, 0x84, 74, 0, 0xa8, 5, 54, 0, 16, 0 }, 3000, v) == 1);
	must(v->off.flags == (NIC_CSUM_PARTIAL | NIC_GSO_TCP6) && v->off.hdr_len == 74);
	must(arrive((uint8_t[12]){ 0, 0, 0, 0, 0, 0, 255, 255, 255, 255 }, 64, v) == 1); /* stale fields without their flag */
	must(!v->off.flags && !v->off.csum_start);
}

/* ---- lies ---- */

static enum vmm_lie lie;
static const char *said; /* NULL: the frame is dropped, and the device lives on */

static void run_lie(void)
{
	struct nic_stats stats;
	struct nic_buf v[64];

	boot();
	must(arrive(NULL, 3000, v) == 1);
	nic_rx_done(0, v->id);
	vmm.lie = lie;
	must(!arrive(NULL, 6000, v));
	must(vmm.lie == LIE_NONE);
	nic_stats(0, &stats);
	nic_info(0, &info);
	if (!said) {
		must(stats.rx_errors == 1 && !info.broken && !strstr(vmm_log(), "broken"));
		must(arrive(NULL, 3000, v) == 1);
		return;
	}
	must(info.broken && strstr(vmm_log(), said));
	must(!strstr(strstr(vmm_log(), "broken") + 6, "broken"));
	must(!dev->status); /* it was reset: it reaches no memory of ours any more */
}

/* Less than an Ethernet header is no frame; and a length that is only a hint may say anything. */
static void run_tiny(void)
{
	struct nic_stats stats;
	struct nic_buf v[64];

	boot();
	vmm.lie = LIE_RX_TINY;
	must(!arrive(NULL, 60, v));
	nic_stats(0, &stats);
	must(stats.rx_errors == 1);
	vmm.lie = LIE_RX_HDR_LEN;
	must(arrive((uint8_t[12]){ 1, 1, 54, 0, 0xa8, 5, 34, 0, 16, 0 }, 3000, v) == 1);
	must(v->off.gso_size == 1448 && !v->off.hdr_len);
}

/* A broken device takes every frame without sending it, and every token comes back. */
static void run_broken_tx(void)
{
	struct nic_frag frag = { NULL, 60 };
	struct nic_stats stats;
	void *token[64];
	unsigned n = 0, back = 0;

	boot();
	frag.base = arena;
	dev->net->hold_tx = true;
	for (; n < 40; n++)
		must(!nic_tx(0, &frag, 1, NULL, arena + n));
	nic_kick(0);
	dev->net->hold_tx = false;
	vmm.lie = LIE_ID_RANGE;
	vmm_work();
	back += nic_tx_done(0, token, 16);
	must(back == 16);
	nic_info(0, &info);
	must(info.broken && !dev->status);
	must(nic_arm(0));
	while (n < 100) {
		must(!nic_tx(0, &frag, 1, NULL, arena + n++));
		nic_kick(0);
		back += nic_tx_done(0, token, 3);
	}
	for (unsigned k = 0; k < 200; k++)
		back += nic_tx_done(0, token, 3);
	must(back == n);
	must(!nic_arm(0));
	must(!nic_rx(0, (struct nic_buf[64]){ { 0 } }, 64));
	nic_stats(0, &stats);
	must(stats.tx_frames == 40 && stats.tx_dropped == 60);
}

static void run_gives_up(void)
{
	boot();
	vmm.lie = LIE_GIVES_UP;
	vmm_work();
	vmm_advance(200000000);
	nic_info(0, &info);
	must(info.broken && strstr(vmm_log(), "nic0: broken: the device has given up") && !dev->status);
}

/* Garbage in the used ring and its entries, again and again, ends in a broken device at worst. */
static void run_garbage(void)
{
	struct nic_buf v[64];

	boot();
	for (unsigned i = 0; i < 50; i++) {
		uint8_t hdr[12];
		unsigned n;

		for (unsigned k = 0; k < 12; k++)
			hdr[k] = (uint8_t)vmm_random();
		if (vmm_below(10) == 0)
			vmm.lie = LIE_SCRIBBLE;
		n = arrive(hdr, 14 + (uint32_t)vmm_below(3000), v);
		while (n)
			nic_rx_done(0, v[--n].id);
		nic_kick(0);
		nic_info(0, &info);
		if (info.broken)
			return;
	}
}

static void run_full(void)
{
	struct nic_frag frag[2];
	unsigned n = 0;
	int rc;

	boot();
	frag[0] = frag[1] = (struct nic_frag){ arena, 60 };
	dev->net->hold_tx = true;
	while (!(rc = nic_tx(0, frag, 2, NULL, arena + n)))
		n++;
	must(rc == -ERR_AGAIN && n >= 32 && n <= 256);
	nic_kick(0);
	must(!nic_arm(0));
	dev->net->hold_tx = false;
	plat_wait(PLAT_FOREVER); /* the ring is tight: it interrupts */
	must(vmm.interrupts && nic_tx_done(0, (void *[1]){ NULL }, 1) == 1);
}

/* A batch costs one doorbell, and polling costs nothing. */
static void run_exits(void)
{
	struct nic_frag frag = { NULL, 60 };
	struct nic_buf v[64];
	unsigned long before;
	void *token[64];

	boot();
	frag.base = arena;
	vmm.eager = 0;
	before = vmm.exits;
	for (unsigned i = 0; i < 32; i++)
		must(!nic_tx(0, &frag, 1, NULL, arena + i));
	nic_kick(0);
	must(vmm.exits - before == 1);
	vmm_work();
	for (unsigned i = 0; i < 1000; i++) {
		nic_rx(0, v, 64);
		nic_tx_done(0, token, 64);
		nic_kick(0);
	}
	must(vmm.exits - before == 1);
}

/* A host without fences, see virtq_missed(): the doorbell that was lost is rung before sleep, one a queue. */
static void run_missed(void)
{
	struct nic_frag frag = { NULL, 60 };
	unsigned long before;

	boot();
	frag.base = arena;
	vmm.eager = 0;
	vmm_busy(dev, &dev->queue[1]);
	before = vmm.kicks;
	must(!nic_tx(0, &frag, 1, NULL, arena));
	nic_kick(0);
	must(vmm.kicks == before);
	vmm_doze(dev, &dev->queue[1]);
	nic_arm(0);
	must(vmm.kicks == before + 1);
	nic_arm(0);
	must(vmm.kicks == before + 1);
}

static void try_lies(void)
{
	static const struct { enum vmm_lie lie; const char *said; } v[] = {
		{ LIE_ID_RANGE, "nic0: broken: used id 300 of 256" }, { LIE_ID_TWICE, "nic0: broken: used id not in flight, " },
		{ LIE_LEN, "nic0: broken: used length 4095 of 4094" }, { LIE_IDX_JUMP, "nic0: broken: used index jumps by" },
		{ LIE_RX_SHORT, "nic0: broken: used length below the header, 3 of 12" }, { LIE_RX_NONE, "nic0: broken: buffers of a frame, 0 of" },
		{ LIE_RX_MANY, "nic0: broken: buffers of a frame, 60000 of" }, { LIE_RX_ABSENT, "nic0: broken: buffers of a frame, 3 of 2" },
		{ LIE_RX_CSUM, NULL }, { LIE_RX_GSO_TYPE, NULL }, { LIE_RX_GSO_SIZE, NULL }, { LIE_RX_EMPTY, NULL },
	};

	for (unsigned i = 0; i < sizeof v / sizeof *v; i++) {
		lie = v[i].lie;
		said = v[i].said;
		ok(everywhere(run_lie, ALL), "a lie: %s", said ? said : "dropped and counted");
	}
}

int main(void)
{
	const char *seed = getenv("PITH_SEED");
	unsigned good = 0;
	bool all = true;

	vmm.seed = seed ? strtoull(seed, NULL, 10) : 1;
	frames = 1500;
	for (unsigned i = 0; i < sizeof sets / sizeof *sets; i++)
		all &= everywhere(run_traffic, sets[i]);
	ok(all, "frames both ways: every transport, %zu sets of features", sizeof sets / sizeof *sets);
	frames = 67000;
	kind = VMM_MODERN;
	set = MAC | MRG | EVENT | INDIRECT;
	ok(child_ends(run_traffic, 0), "67,000 frames both ways: past the wrap of both rings");
	kind = VMM_LEGACY;
	set = MAC;
	ok(child_ends(run_traffic, 0), "the same of a legacy device without events");
	ok(everywhere(run_contents, ALL), "what is sent arrives, with its offloads");
	ok(everywhere(run_offloads, ALL), "offloads of received frames");
	try_lies();
	ok(everywhere(run_tiny, ALL), "a frame of five bytes is dropped, a header length that cannot be is ignored");
	ok(everywhere(run_broken_tx, ALL), "a broken device returns every token, old and new, and sends nothing");
	ok(everywhere(run_gives_up, ALL), "a device that gives up is broken and named");
	for (vmm.seed *= 1000; good < 200 && everywhere(run_garbage, ALL); good += 4, vmm.seed++)
		;
	ok(good >= 200, "garbage: dropped, or the device is broken (seed %lu)", (unsigned long)vmm.seed);
	ok(everywhere(run_full, ALL) && everywhere(run_full, MAC), "a full ring says so and interrupts when there is room");
	ok(everywhere(run_missed, ALL) && everywhere(run_missed, 0), "a lost doorbell is rung before sleep, once");
	ok(everywhere(run_exits, ALL), "one doorbell for a batch, none for polling");
	return tap_done();
}
