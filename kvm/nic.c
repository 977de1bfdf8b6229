/* SPDX-License-Identifier: MIT */
#include "core/nic.h"

/*
 * The door to network interfaces (core/nic.h) on virtio-net: the data path.
 *
 * No exit to the host but one doorbell for a batch, and that only where the device asked for it.
 * Interrupts are asked for before sleeping and at no other time: for received frames always, for
 * sent ones only when the ring is more than half full. Otherwise sent frames are found at the
 * next wake-up, 10 ms away at most, because nobody waits for them.
 *
 * What the device writes is the used ring (virtq.c checks it) and the header before each frame,
 * which is copied, checked and then used. A frame whose header cannot be is dropped and counted;
 * a header that contradicts the ring breaks the device.
 */

#include "core/core.h"
#include "core/err.h"
#include "core/plat.h"
#include "kvm/kvm.h"
#include "kvm/vionet.h"

#define SENT_NS 10000000u

#define ETHERNET 14u

/* An interface that is open. Another number is the caller's mistake, and no input. */
static struct vionet *get(unsigned n)
{
	if (n >= VIONET_MAX || !vionet[n].dev)
		log_panic("nic%u: used before nic_open()", n);
	return &vionet[n];
}

int nic_open(unsigned n, struct nic_info *info)
{
	int rc;

	if (n >= VIONET_MAX)
		return -ERR_NODEV;
	rc = vionet_open(n);
	if (!rc)
		*info = vionet[n].info;
	return rc;
}

/* Link state costs exits: it is read again at most ten times a second. */
void nic_info(unsigned n, struct nic_info *info)
{
	struct vionet *x = get(n);

	if (!x->info.broken && plat_now() >= x->look)
		vionet_look(x);
	*info = x->info;
}

void nic_stats(unsigned n, struct nic_stats *stats)
{
	*stats = get(n)->stats;
}

/* Without its control queue the device sends every group's frames. */
void nic_group(unsigned n, const uint8_t mac[6], bool join)
{
	(void)get(n), (void)mac, (void)join;
}

/*
 * The device reaches all memory anyway (docs/security.md): nothing to do but to look at the
 * arguments.
 */
int nic_share(unsigned n, void *base, size_t len)
{
	(void)get(n);
	return !len || ((uintptr_t)base | len) & (PAGE_SIZE - 1) ? -ERR_INVAL : 0;
}

/* ---- receiving ---- */

/* The header's word on checksum and segments, as far as it can be true of a frame of len bytes. */
static bool check_offload(const struct vionet *x, const struct vionet_hdr *h, uint32_t len, struct nic_offload *off)
{
	unsigned gso = h->gso_type & ~VIONET_GSO_ECN;

	*off = (struct nic_offload){ 0 };
	if (h->flags & VIONET_NEEDS_CSUM) {
		if (!(x->info.features & NIC_RX_CSUM) || (uint32_t)h->csum_start + h->csum_offset + 2 > len)
			return false;
		off->flags = NIC_CSUM_PARTIAL;
		off->csum_start = h->csum_start;
		off->csum_offset = h->csum_offset;
	} else if (h->flags & VIONET_DATA_VALID && x->info.features & NIC_RX_CSUM) {
		off->flags = NIC_CSUM_VALID;
	}
	if (gso == VIONET_GSO_NONE)
		return true;
	if (!(x->info.features & NIC_RX_GSO) || (gso != VIONET_GSO_TCP4 && gso != VIONET_GSO_TCP6) || !h->gso_size)
		return false;
	off->flags |= gso == VIONET_GSO_TCP4 ? NIC_GSO_TCP4 : NIC_GSO_TCP6;
	off->gso_size = h->gso_size;
	off->hdr_len = h->hdr_len <= len ? h->hdr_len : 0; /* a hint, by the specification's own word */
	return true;
}

/* Lends it to the device again. The doorbell, if one is wanted at all, waits for nic_kick(). */
static void give_back(struct vionet *x, struct vionet_buf *b)
{
	b->lent = false;
	x->lent--;
	vionet_post(x, b);
}

/* One used buffer as a piece of a frame; `skip` bytes before its data are header. */
static bool take_piece(struct vionet *x, struct nic_buf *v, unsigned skip)
{
	struct virtq_done done;
	struct vionet_buf *b;

	if (!virtq_take(&x->rx, &done))
		return false;
	b = done.token;
	b->lent = true;
	x->lent++;
	if (done.len < skip) {
		virtq_break(&x->rx, "used length below the header,", done.len, skip);
		return false;
	}
	*v = (struct nic_buf){ .data = b->base + x->pad + skip, .len = done.len - skip, .id = (uint32_t)(b - x->bufs) };
	return true;
}

/*
 * Takes the pieces after the first. Returns the length of the whole frame, 0 when the device is
 * broken.
 */
static uint32_t take_rest(struct vionet *x, struct nic_buf *v, unsigned n)
{
	uint32_t len = v->len;
	unsigned i;

	for (i = 1; i < n; i++) {
		if (!take_piece(x, &v[i], 0))
			return 0;
		v[i - 1].more = true;
		len += v[i].len;
	}
	return len;
}

/*
 * Takes one frame of the `pending` used buffers. Returns how many it had, 0 when the device is
 * broken; *good says whether it can be handed on. All buffers of a frame are used together
 * (§5.1.6.3.2), so one that is not there yet never comes.
 */
static unsigned take_frame(struct vionet *x, struct nic_buf *v, unsigned pending, bool *good)
{
	struct vionet_hdr h = { .num_buffers = 1 };
	uint32_t len;
	unsigned n;

	if (!take_piece(x, v, x->hdr_len))
		return 0;
	__builtin_memcpy(&h, v->data - x->hdr_len, x->hdr_len);
	n = x->merge ? h.num_buffers : 1;
	if (!n || n > x->frame_bufs || n > pending) {
		virtq_break(&x->rx, "buffers of a frame,", n, pending < x->frame_bufs ? pending : x->frame_bufs);
		return 0;
	}
	len = take_rest(x, v, n);
	*good = len >= ETHERNET && len <= VIONET_FRAME_MAX && v[n - 1].len && check_offload(x, &h, len, &v->off);
	if (!*good)
		x->stats.rx_errors++;
	else
		x->stats.rx_bytes += len;
	return x->rx.broken ? 0 : n;
}

/* A frame that nobody can use: its buffers go back at once. */
static void drop(struct vionet *x, const struct nic_buf *v, unsigned n)
{
	while (n--)
		give_back(x, &x->bufs[(v++)->id]);
}

/*
 * The index of the used ring is read once, and what lies below it is taken: no exit, and no
 * fence. It stops before a frame that might not fit into what is left of v. When the device turns
 * out to be broken in the midst, the whole frames before that are still handed out.
 */
unsigned nic_rx(unsigned n, struct nic_buf *v, unsigned max)
{
	struct vionet *x = get(n);
	bool armed = x->rx.armed, good = false;
	unsigned pending = virtq_pending(&x->rx), count = 0, took;

	x->stats.wakes += armed && pending;
	while (pending && max - count >= x->frame_bufs) {
		took = take_frame(x, v + count, pending, &good);
		if (!took)
			break;
		pending -= took;
		if (!good) {
			drop(x, v + count, took);
			continue;
		}
		x->stats.rx_frames++;
		count += took;
	}
	if (x->rx.broken)
		vionet_fail(x);
	return count;
}

/* The id is the caller's word, not the device's: one that is not lent is a bug in here. */
void nic_rx_done(unsigned n, uint32_t id)
{
	struct vionet *x = get(n);

	if (id >= x->nbufs || !x->bufs[id].lent)
		log_panic("nic%u: buffer %u given back, which is not lent", n, id);
	give_back(x, &x->bufs[id]);
}

void nic_rx_lent(unsigned n, unsigned *lent, unsigned *total)
{
	struct vionet *x = get(n);

	*lent = x->lent;
	*total = x->nbufs;
}

/* ---- sending ---- */

/* Can the device do that? */
static bool can(const struct vionet *x, const struct nic_offload *off)
{
	uint32_t need = off->flags & (NIC_CSUM_PARTIAL | NIC_GSO_TCP4 | NIC_GSO_TCP6) ? NIC_TX_CSUM : 0;

	need |= off->flags & NIC_GSO_TCP4 ? NIC_TX_TSO4 : 0;
	need |= off->flags & NIC_GSO_TCP6 ? NIC_TX_TSO6 : 0;
	return !(need & ~x->info.features);
}

/*
 * Of frames without checksum or segments the header is zeroes (§5.1.6.2); num_buffers is 0 for
 * every sent one. Checksum and segments go together here as they do in the door.
 */
static void fill_header(struct vionet_hdr *h, const struct nic_offload *off)
{
	*h = (struct vionet_hdr){ 0 };
	if (!off || !(off->flags & (NIC_CSUM_PARTIAL | NIC_GSO_TCP4 | NIC_GSO_TCP6)))
		return;
	h->flags = VIONET_NEEDS_CSUM;
	h->csum_start = off->csum_start;
	h->csum_offset = off->csum_offset;
	if (!(off->flags & (NIC_GSO_TCP4 | NIC_GSO_TCP6)))
		return;
	h->gso_type = off->flags & NIC_GSO_TCP4 ? VIONET_GSO_TCP4 : VIONET_GSO_TCP6;
	h->gso_size = off->gso_size;
	h->hdr_len = off->hdr_len;
}

/*
 * The header has a descriptor of its own, because the frame lies in the caller's memory, where no
 * room was left before it; old devices want it so anyway. It stands in the array at the place of
 * the chain's first descriptor, which is known before the chain is made: so long as that is free
 * nobody else uses the place.
 */
int nic_tx(unsigned n, const struct nic_frag *v, unsigned nv, const struct nic_offload *off, void *token)
{
	struct vionet *x = get(n);
	struct virtq_seg seg[1 + NIC_FRAGS_MAX];
	uint32_t len = 0;
	unsigned i;
	int rc;

	if (!nv || nv > NIC_FRAGS_MAX || nv >= x->tx.size || !token || (off && !can(x, off)))
		return -ERR_INVAL;
	if (!x->tx.nfree)
		return -ERR_AGAIN;
	seg[0] = (struct virtq_seg){ &x->hdrs[virtq_head(&x->tx)], x->hdr_len };
	fill_header(&x->hdrs[virtq_head(&x->tx)], off);
	for (i = 0; i < nv; i++) {
		seg[i + 1] = (struct virtq_seg){ v[i].base, v[i].len };
		len += v[i].len;
	}
	rc = virtq_add(&x->tx, seg, nv + 1, 0, token);
	if (rc)
		return rc;
	x->stats.tx_frames += !x->info.broken;
	x->stats.tx_bytes += x->info.broken ? 0 : len;
	x->stats.tx_dropped += x->info.broken;
	return 0;
}

/*
 * After a break the device is reset first: what it was lent may still have been read until then.
 * Then the tokens that it never returned come back, and later those of frames that it never saw.
 */
unsigned nic_tx_done(unsigned n, void **token, unsigned max)
{
	struct vionet *x = get(n);
	bool armed = x->tx.armed;
	unsigned pending = virtq_pending(&x->tx), count = 0;
	struct virtq_done done;

	x->stats.wakes += armed && pending;
	while (count < max && pending-- && virtq_take(&x->tx, &done))
		token[count++] = done.token;
	if (!x->tx.broken)
		return count;
	vionet_fail(x);
	while (count < max && (token[count] = virtq_drain(&x->tx)) != NULL)
		count++;
	return count;
}

/* Two doorbells at most: received buffers that were given back, and frames to be sent. */
void nic_kick(unsigned n)
{
	struct vionet *x = get(n);

	x->stats.kicks += virtio_kick(x->dev, &x->rx);
	x->stats.kicks += virtio_kick(x->dev, &x->tx);
}

/*
 * Sent frames: an interrupt when half of what is out has come back, but only where somebody may
 * be waiting for room.
 */
static bool arm_tx(struct vionet *x)
{
	if (!x->tx.inflight)
		return false;
	if (virtq_pending(&x->tx))
		return true;
	if (x->tx.nfree < x->tx.size / 2)
		return virtq_arm(&x->tx, x->tx.inflight / 2);
	intr_nap(plat_now() + SENT_NS);
	return false;
}

/*
 * First the old interrupt is acknowledged, then the new one asked for, then looked whether there
 * is work: in any other order one could come in between and be lost. A broken device interrupts
 * nobody; there is work as long as it has tokens to give back.
 */
bool nic_arm(unsigned n)
{
	struct vionet *x = get(n);

	if (x->info.broken || x->rx.broken || x->tx.broken)
		return x->tx.inflight;
	virtio_ack(x->dev);
	x->stats.kicks += virtio_rekick(x->dev, &x->rx);
	x->stats.kicks += virtio_rekick(x->dev, &x->tx);
	return virtq_arm(&x->rx, 0) || arm_tx(x);
}
