/* SPDX-License-Identifier: MIT */
/*
 * Split virtqueues: a device that writes what it likes into the used ring, the descriptors and what it was lent, between two calls
 * of the guest's and in the midst of them, wherever the driver orders its accesses. Eight guests: two interfaces (virtio 1.0 with
 * everything, legacy with nothing), two disks of the same kinds, a source of random bytes, a balloon, and two queues by themselves.
 *
 * Whatever it does: what fuzz_nic.h and fuzz_blk.h ask; of a bare queue every chain comes back once, with no more bytes than were
 * lent, and descriptors and tables are all there again at the end; a balloon takes pages as they are asked for, until it is ended.
 */
#include <string.h>

#include "core/x86/cpu.h"
#include "kvm/vioballoon.h"
#include "kvm/vioblk.h"
#include "kvm/vionet.h"
#include "kvm/viorng.h"
#include "kvm/virtq.h"
#include "test/fake/vmm.h"
#include "test/fuzz/fuzz_blk.h"
#include "test/fuzz/fuzz_nic.h"

#define BIT(n) (1ull << (n))
#define NET_ALL (BIT(0) | BIT(1) | BIT(3) | BIT(5) | BIT(7) | BIT(8) | BIT(11) | BIT(12) | BIT(15) | BIT(16) | BIT(28) | BIT(29))
#define BLK_ALL (BIT(1) | BIT(2) | BIT(6) | BIT(9) | BIT(13) | BIT(28) | BIT(29))
#define BARE 2u
#define CHAINS 64u
#define SLOTS "virtio_mmio.device=512@0xfeb00c00:11 virtio_mmio.device=512@0xfeb00800:9"

enum kind { NETS, BLKS = 2, RNG = 4, QUEUES, BALLOON = QUEUES + BARE, KINDS };

static struct vmm_dev *dev, *devs[KINDS];
static struct vmm_queue bare_side[BARE];
static struct virtq bare[BARE];
static enum kind kind;
static bool restless; /* the device acts while the driver runs, too */

static struct {
	bool out;
	uint32_t lent;
} chain[CHAINS];
static unsigned n_chains;
static uint8_t *pieces;

/* ---- the machine ---- */

static void keep_queue(const struct virtq *q)
{
	fuzz_keep(q->desc, q->ring_pages * PAGE_SIZE);
	fuzz_keep(q->slot, q->slot_pages * PAGE_SIZE);
	if (q->tables)
		fuzz_keep(q->tables, q->table_pages * PAGE_SIZE);
}

static void keep_nic(unsigned n)
{
	struct vionet *x = &vionet[n];

	keep_queue(&x->rx);
	keep_queue(&x->tx);
	fuzz_keep(x->bufs, x->nbufs * sizeof *x->bufs);
	fuzz_keep(x->hdrs, x->tx.size * sizeof *x->hdrs);
	memset(x->bufs[0].base, 0, (size_t)x->nbufs * x->buf_size); /* as fuzz_scratch() leaves them */
}

static void keep_blk(unsigned n)
{
	keep_queue(&vioblk[n].queue);
	fuzz_keep(vioblk[n].slots, vioblk[n].queue.size * sizeof *vioblk[n].slots);
}

static void make_bare(unsigned n, uint16_t size, uint16_t flags)
{
	fuzz_must(!virtq_init(&bare[n], "bare", size, flags));
	bare_side[n] = (struct vmm_queue){ .size = size, .ready = true, .desc = (uintptr_t)bare[n].desc, .avail = (uintptr_t)bare[n].avail,
		.used = (uintptr_t)bare[n].used };
	keep_queue(&bare[n]);
}

static bool in_buffers(const struct nic_buf *b)
{
	struct vionet *x = &vionet[fuzz_nic.number];
	uint8_t *base = b->id < x->nbufs ? x->bufs[b->id].base : NULL;

	return base && b->data >= base && b->data + b->len <= base + x->buf_size;
}

static void act(struct vmm_dev *d);

static void add_devices(void)
{
	devs[NETS] = vmm_add_net(VMM_MODERN, NET_ALL);
	devs[NETS + 1] = vmm_add_net(VMM_LEGACY, BIT(5) | BIT(1));
	devs[BLKS] = vmm_add_blk(VMM_MODERN, BLK_ALL, 1024);
	devs[BLKS + 1] = vmm_add_blk(VMM_LEGACY, BIT(2), 1024);
	devs[RNG] = vmm_add_rng(VMM_MODERN);
	devs[BALLOON] = vmm_add_balloon(VMM_MODERN, BIT(0) | BIT(28) | BIT(29));
}

/* Nobody knows its queues, but they are all that is made meanwhile, and memory is given out from below. */
static void begin_balloon(void)
{
	char *first = vmm_alloc(1);

	vioballoon_start();
	fuzz_keep(first, (size_t)((char *)vmm_alloc(1) - first));
}

/* From here on no device works by itself. */
static void take_over(void)
{
	for (unsigned i = 0; i < KINDS; i++)
		if (devs[i])
			devs[i]->work = act;
	vmm.eager = 256;
	vmm.exit_ns = 10000000; /* one that never resets is not waited for a million times */
}

void fuzz_begin(void)
{
	struct nic_info nic;
	struct blk_info blk;

	fuzz_blk_begin();
	vmm.quiet = vmm.kvmclock = true;
	vmm.memory = 16u << 20;
	vmm.cmdline = SLOTS;
	vmm_start();
	add_devices();
	plat_start();
	for (unsigned n = 0; n < 2; n++) {
		fuzz_must(!nic_open(n, &nic) && !blk_open(n, &blk));
		keep_nic(n);
		keep_blk(n);
	}
	begin_balloon();
	plat_seal();
	fuzz_nic_begin(2, vmm_alloc(FUZZ_NIC_ARENA / PAGE_SIZE), vmm_alloc(FUZZ_NIC_ARENA / PAGE_SIZE));
	fuzz_nic.is_buffer = in_buffers;
	make_bare(0, 16, VIRTQ_EVENT_IDX | VIRTQ_INDIRECT);
	make_bare(1, 64, 0);
	pieces = vmm_alloc(1);
	take_over();
}

/* ---- the device ---- */

static struct vmm_queue *side(void)
{
	if (!dev)
		return &bare_side[kind - QUEUES];
	return &dev->queue[dev->nqueues > 1 ? fuzz_byte() & 1 : 0];
}

/* An entry that another look at the rings might have found. */
static uint16_t taken(const struct vmm_queue *q, unsigned ago)
{
	const volatile uint16_t *avail = (const uint16_t *)(uintptr_t)q->avail;

	return avail[2 + (uint16_t)(avail[1] - 1 - ago) % q->size];
}

static bool within(uint64_t addr, uint32_t len, const void *base, size_t size)
{
	return len <= size && addr - (uintptr_t)base <= size - len;
}

/*
 * What a device is lent to write: receive buffers, the headers and states of requests, the data of reads. A device of KVM can write
 * anywhere else too (docs/security.md), and nothing is promised then.
 */
static bool writable(uint64_t addr, uint32_t len)
{
	const struct vionet *x = &vionet[kind & 1];
	const struct vioblk *b = &vioblk[kind & 1];

	if (kind < BLKS)
		return within(addr, len, x->bufs[0].base, (size_t)x->nbufs * x->buf_size);
	return kind < RNG && (within(addr, len, b->slots, b->queue.size * sizeof *b->slots) || within(addr, len, fuzz_blk.data, FUZZ_BLK_BYTES));
}

/* Writes to what a plain descriptor lends: a header and a frame, a status. Returns how much it lends. */
static uint32_t fill(const struct vmm_queue *q, uint16_t head)
{
	const struct virtq_desc *d = &((const struct virtq_desc *)(uintptr_t)q->desc)[head % q->size];
	uint8_t bytes[16];
	uint32_t len;

	if (kind >= QUEUES || d->flags & 4 || !(d->flags & 2) || !writable(d->addr, d->len))
		return 0;
	fuzz_bytes(bytes, sizeof bytes);
	len = d->len < sizeof bytes ? d->len : (uint32_t)sizeof bytes;
	if (kind < BLKS)
		fuzz_scratch((void *)(uintptr_t)d->addr, len);
	memcpy((void *)(uintptr_t)d->addr, bytes, len);
	return d->len;
}

static void give(struct vmm_queue *q)
{
	unsigned how = fuzz_byte();
	uint16_t *used = (uint16_t *)(uintptr_t)q->used;
	struct virtq_used_elem e = { .id = taken(q, how >> 5) };

	e.len = fill(q, (uint16_t)e.id);
	if (how & 1)
		e.len = how & 2 ? fuzz_u32() : fuzz_byte();
	if (how & 4)
		e.id = how & 8 ? fuzz_u32() : fuzz_byte();
	memcpy(used + 2 + used[1] % q->size * 4u, &e, sizeof e);
	if (!(how & 16))
		used[1]++;
}

/* Anywhere in the rings of the queue, descriptors and available ring too: they are never read back. */
static void scribble(struct vmm_queue *q)
{
	bool desc = fuzz_byte() & 1;
	uint8_t *base = (uint8_t *)(uintptr_t)(desc ? q->desc : q->used);
	size_t len = desc ? 16u * q->size + 6 + 2u * q->size : 6 + 8u * q->size, at = fuzz_u16() % len, n = 1u + fuzz_below(16);

	fuzz_bytes(base + at, n < len - at ? n : len - at);
}

static void hostile(struct vmm_queue *q, unsigned what)
{
	uint16_t *used = (uint16_t *)(uintptr_t)q->used;

	switch (what) {
	case 0:
	case 1:
	case 2:
		give(q);
		break;
	case 3:
		used[1] = (uint16_t)(used[1] + (uint16_t)(int8_t)fuzz_byte());
		break;
	case 4:
		used[1] = fuzz_u16();
		break;
	case 5:
		used[0] = fuzz_u16();
		break;
	case 6:
		used[2 + 4u * q->size] = fuzz_u16(); /* avail_event */
		break;
	case 7:
		used[1] = ((uint16_t *)(uintptr_t)q->avail)[1];
		break;
	default:
		scribble(q);
	}
}

/* Of the device as a whole. */
static void misbehave(void)
{
	unsigned how = fuzz_byte();

	restless = how & 1;
	if (!dev)
		return;
	if (how & 2)
		dev->config[fuzz_below(60)] = fuzz_byte();
	if (how & 4)
		dev->generation++;
	if (how & 8)
		dev->gave_up = true;
	if (how & 16)
		vmm.no_reset = true;
	if (how & 32)
		vmm_advance(200000000);
	if (how & 64)
		vmm_interrupt();
}

/* Called wherever the driver orders its accesses (test/fake/include/core/x86/cpu.h). */
static void act(struct vmm_dev *d)
{
	if (d != dev)
		return;
	if (kind == BALLOON)
		vmm_advance(20000000); /* or who waits for it would do so for a million looks */
	if (!restless || !fuzz_more())
		return;
	struct vmm_queue *q = side();

	if (q->ready)
		hostile(q, fuzz_below(10));
}

/* ---- a guest of a bare queue ---- */

static void add(struct virtq *q)
{
	struct virtq_seg v[VIRTQ_SEGS_MAX];
	unsigned i = fuzz_below(CHAINS), n = 1u + fuzz_below(VIRTQ_SEGS_MAX), outs = fuzz_below(n + 1);
	uint32_t lent = 0;

	if (chain[i].out)
		return;
	for (unsigned k = 0; k < n; k++) {
		v[k] = (struct virtq_seg){ pieces, 1u + fuzz_below(256) };
		lent += k >= outs ? v[k].len : 0;
	}
	if (virtq_add(q, v, outs, n - outs, &chain[i]))
		return;
	chain[i].out = true;
	chain[i].lent = lent;
	n_chains++;
}

static void came_back(void *token, uint32_t len)
{
	unsigned i = (unsigned)((char *)token - (char *)chain) / sizeof chain[0];

	fuzz_must(i < CHAINS && chain[i].out && len <= chain[i].lent);
	chain[i].out = false;
	n_chains--;
}

static void take(struct virtq *q)
{
	struct virtq_done done;

	for (unsigned n = virtq_pending(q); n > 0 && virtq_take(q, &done); n--)
		came_back(done.token, done.len);
}

static void bare_act(struct virtq *q, unsigned what)
{
	switch (what) {
	case 0:
		virtq_publish(q);
		break;
	case 1:
	case 2:
		take(q);
		break;
	case 3:
		virtq_arm(q, fuzz_below(4));
		break;
	case 4:
		virtq_remindable(q);
		break;
	default:
		add(q);
	}
}

static void bare_settle(struct virtq *q)
{
	void *token;

	virtq_break(q, "end of the script", 0, 0);
	while ((token = virtq_drain(q)) != NULL)
		came_back(token, 0);
	fuzz_must(n_chains == 0 && q->nfree == q->size && q->inflight == 0);
}

/* ---- a guest of a balloon ---- */

static void balloon_act(unsigned what)
{
	static uintptr_t pages[PLAT_BALLOON];
	static bool ended;
	unsigned n = 1 + fuzz_below(PLAT_BALLOON);
	int rc;

	if (what < 3) {
		vioballoon_look();
		return;
	}
	rc = plat_balloon(pages, n, what & 1);
	fuzz_must(rc == -ERR_NODEV || (rc == (int)n && !ended));
	ended = rc < 0;
}

/* ---- a run ---- */

static void guest(unsigned what)
{
	if (!dev)
		bare_act(&bare[kind - QUEUES], what);
	else if (kind == BALLOON)
		balloon_act(what);
	else if (kind < BLKS)
		fuzz_nic_act(what);
	else if (kind < RNG)
		fuzz_blk_act(what);
	else
		viorng_poll(false);
}

static void settle(void)
{
	vmm.no_reset = restless = false;
	if (!dev)
		bare_settle(&bare[kind - QUEUES]);
	if (kind < BLKS) {
		vionet_fail(&vionet[kind]);
		fuzz_nic_settle();
	} else if (kind < RNG) {
		vioblk_fail(&vioblk[kind - BLKS]);
		fuzz_blk_settle();
	}
}

void fuzz_run(void)
{
	unsigned which = fuzz_byte();

	kind = which >= 252 ? BALLOON : (enum kind)(which % BALLOON);
	dev = devs[kind];
	restless = kind == BALLOON;
	fuzz_nic.number = kind & 1;
	fuzz_blk.number = kind & 1;
	while (fuzz_more()) {
		unsigned what = fuzz_below(22);
		struct vmm_queue *q = what >= 12 ? side() : NULL;

		if (what < 11)
			guest(what);
		else if (what == 11)
			misbehave();
		else if (q->ready)
			hostile(q, what - 12);
	}
	settle();
}
