/* SPDX-License-Identifier: MIT */
#include "kvm/vionet.h"

/*
 * Bringing up a virtio network device: features, addresses, queues, receive buffers. nic.c then
 * moves the frames.
 *
 * Receive memory is what a NIC costs. It scales with the machine: 256 buffers of 4 KiB from 64
 * MiB up, as few as 16 of 2 KiB in the smallest, where a frame may then take several (MRG_RXBUF).
 * Without that feature each buffer takes the largest frame, and received segments are not merged
 * by the device (§5.1.6.3.1).
 */

#include "core/core.h"
#include "core/err.h"
#include "core/plat.h"
#include "core/x86/cpu.h"

/* Feature bits (§5.1.3). */
#define F_CSUM 0u
#define F_GUEST_CSUM 1u
#define F_MTU 3u
#define F_MAC 5u
#define F_GUEST_TSO4 7u
#define F_GUEST_TSO6 8u
#define F_HOST_TSO4 11u
#define F_HOST_TSO6 12u
#define F_MRG_RXBUF 15u
#define F_STATUS 16u
#define F_CTRL_VQ 17u
#define F_GUEST_ANNOUNCE 21u

/* Configuration (§5.1.4). */
#define CONFIG_MAC 0u
#define CONFIG_STATUS 6u
#define CONFIG_MTU 10u
#define STATUS_LINK 1u
#define STATUS_ANNOUNCE 2u

#define RX 0u
#define TX 1u
#define CONTROL 2u /* without MQ */

#define CONTROL_ANNOUNCE 3u /* class (§5.1.6.5); its command is 0, "done" */

#define BUFS_MAX 256u
#define BUFS_MIN 16u
#define SIZE_LARGE 4096u
#define SIZE_SMALL 2048u
#define MEMORY_SHARE 48u /* receive buffers may take this part of all memory */

#define MTU_DEFAULT 1500u
#define MTU_MIN 68u
#define MTU_MAX 65521u
#define TX_MIN 32u
#define ETHERNET 14u
#define VLAN 4u

#define LOOK_NS 100000000u
#define ANNOUNCE_NS 2000000000u /* not more often, whatever the device asks for */

struct vionet vionet[VIONET_MAX];

/* How many receive buffers, and how large, this machine can afford. */
static void afford_buffers(struct vionet *x)
{
	size_t share = page_total() / MEMORY_SHARE * PAGE_SIZE;

	x->nbufs = BUFS_MAX;
	x->buf_size = x->nbufs * SIZE_LARGE > share ? SIZE_SMALL : SIZE_LARGE;
	while (x->nbufs > BUFS_MIN && x->nbufs * x->buf_size > share)
		x->nbufs /= 2;
}

/*
 * A feature that stands on another is not taken without it (§5.1.3.1). Merged segments need
 * buffers that merge, and room for two of the largest: a device that finds none for one waits for
 * it for ever.
 */
static uint64_t wanted(const struct vionet *x, uint64_t offered)
{
	const uint64_t moves = VIRTIO_BIT(F_CTRL_VQ) | VIRTIO_BIT(F_GUEST_ANNOUNCE) | VIRTIO_BIT(F_STATUS);
	uint64_t w = VIRTIO_BIT(F_MTU) | VIRTIO_BIT(F_MAC) | VIRTIO_BIT(F_STATUS) | VIRTIO_BIT(F_MRG_RXBUF);
	bool room = x->nbufs * (x->buf_size - 2) >= 2 * VIONET_FRAME_MAX;

	if (offered & VIRTIO_BIT(F_CSUM))
		w |= VIRTIO_BIT(F_CSUM) | VIRTIO_BIT(F_HOST_TSO4) | VIRTIO_BIT(F_HOST_TSO6);
	if (offered & VIRTIO_BIT(F_GUEST_CSUM))
		w |= VIRTIO_BIT(F_GUEST_CSUM);
	if (offered & VIRTIO_BIT(F_GUEST_CSUM) && offered & VIRTIO_BIT(F_MRG_RXBUF) && room)
		w |= VIRTIO_BIT(F_GUEST_TSO4) | VIRTIO_BIT(F_GUEST_TSO6);
	if ((offered & moves) == moves)
		w |= moves;
	return w;
}

/* In the door's words. */
static uint32_t features(const struct virtio *d)
{
	return (virtio_has(d, F_CSUM) ? NIC_TX_CSUM : 0) | (virtio_has(d, F_HOST_TSO4) ? NIC_TX_TSO4 : 0) |
		(virtio_has(d, F_HOST_TSO6) ? NIC_TX_TSO6 : 0) | (virtio_has(d, F_GUEST_CSUM) ? NIC_RX_CSUM : 0) |
		(virtio_has(d, F_GUEST_TSO4) || virtio_has(d, F_GUEST_TSO6) ? NIC_RX_GSO : 0);
}

/*
 * A device without an address of its own gets one that is locally administered (IEEE 802, second
 * bit), by chance.
 */
static void make_mac(uint8_t *mac)
{
	uint64_t tsc = cpu_tsc() * 0x9e3779b97f4a7c15ull;

	if (plat_random(mac, 6))
		__builtin_memcpy(mac, (uint8_t *)&tsc + 2, 6);
	mac[0] = (uint8_t)((mac[0] & 0xfc) | 2);
}

/*
 * Address and MTU are told once, and only with their features; the MTU is then the largest that
 * the device may send us (§5.1.4.1).
 */
static void read_config(struct vionet *x)
{
	uint16_t mtu = MTU_DEFAULT;
	unsigned i;

	x->info = (struct nic_info){ .mtu = MTU_DEFAULT, .up = true, .features = features(x->dev) };
	for (i = 0; i < 6 && virtio_has(x->dev, F_MAC); i++)
		x->info.mac[i] = (uint8_t)virtio_field(x->dev, CONFIG_MAC + i, 1);
	if (!virtio_has(x->dev, F_MAC))
		make_mac(x->info.mac);
	if (virtio_has(x->dev, F_MTU))
		mtu = (uint16_t)virtio_field(x->dev, CONFIG_MTU, 2);
	if (mtu >= MTU_MIN && mtu <= MTU_MAX)
		x->info.mtu = mtu;
	else
		log_line(LOG_WARN, "%s: mtu %u cannot be, %u taken", x->dev->name, mtu, MTU_DEFAULT);
}

/*
 * Called whenever nic.c finds a queue broken; the first time it counts. All queues end, and the
 * reset is what makes their memory ours again.
 */
void vionet_fail(struct vionet *x)
{
	if (x->info.broken)
		return;
	x->info.broken = x->rx.broken = x->tx.broken = x->control.broken = true;
	virtio_reset(x->dev);
}

/*
 * The device asks to be announced until it is told that this was done (§5.1.6.5.4). Nobody waits
 * for its answer, which is taken at the next look and does not matter; but one that never comes ends
 * it, and one that cannot be breaks the device.
 */
static void announce(struct vionet *x)
{
	struct virtq_seg seg[2] = { { x->command, 2 }, { x->command + 2, 1 } };
	struct virtq_done done;

	if (virtq_pending(&x->control))
		virtq_take(&x->control, &done);
	if (x->control.broken)
		vionet_fail(x);
	if (x->control.broken || x->control.inflight || plat_now() < x->announce)
		return;
	x->announce = plat_now() + ANNOUNCE_NS;
	x->info.announce++;
	virtq_add(&x->control, seg, 1, 1, x);
	virtio_kick(x->dev, &x->control);
}

/*
 * A change of carrier raises an interrupt, but interrupts carry nothing here: so it is looked for
 * now and then by whoever asks. The same look sees a device that has set NEEDS_RESET (§2.1.2).
 */
void vionet_look(struct vionet *x)
{
	unsigned status = 0;

	x->look = plat_now() + LOOK_NS;
	if (virtio_has(x->dev, F_STATUS)) {
		status = (unsigned)virtio_field(x->dev, CONFIG_STATUS, 2);
		x->info.up = status & STATUS_LINK;
	}
	if (virtio_failed(x->dev)) {
		log_line(LOG_ERR, "%s: broken: the device has given up", x->dev->name);
		vionet_fail(x);
	} else if (virtio_has(x->dev, F_GUEST_ANNOUNCE) && status & STATUS_ANNOUNCE) {
		announce(x);
	}
}

/*
 * How frames lie in buffers. Where a frame may not take several, fewer and larger ones take the
 * same memory.
 */
static void lay_out(struct vionet *x)
{
	uint32_t frame = x->info.mtu + ETHERNET + VLAN + sizeof(struct vionet_hdr) + 2, memory = x->nbufs * x->buf_size;

	x->merge = virtio_has(x->dev, F_MRG_RXBUF);
	x->hdr_len = virtio_has(x->dev, VIRTIO_F_VERSION_1) || x->merge ? sizeof(struct vionet_hdr) : VIONET_HDR_LEGACY;
	x->pad = (VIONET_HDR_LEGACY + 4 - x->hdr_len) % 4;
	x->apart = x->dev->legacy && !x->merge && !virtio_has(x->dev, VIRTIO_F_ANY_LAYOUT);
	if (!x->merge && x->buf_size < frame) {
		x->buf_size = (frame + SIZE_SMALL - 1) / SIZE_SMALL * SIZE_SMALL;
		while (x->nbufs > BUFS_MIN && x->nbufs * x->buf_size > memory)
			x->nbufs /= 2;
	}
	x->frame_bufs = x->merge ? VIONET_FRAME_MAX / (x->buf_size - x->pad) + 1 : 1;
}

void vionet_post(struct vionet *x, struct vionet_buf *b)
{
	uint8_t *start = b->base + x->pad;
	uint32_t len = x->buf_size - x->pad;
	struct virtq_seg seg[2] = { { start, len }, { start + x->hdr_len, len - x->hdr_len } };

	if (x->apart)
		seg[0].len = x->hdr_len;
	/*
	 * Cannot fail: there are no more buffers than the ring takes. A broken ring takes them
	 * too.
	 */
	(void)virtq_add(&x->rx, seg, 0, x->apart ? 2 : 1, b);
}

/*
 * One run of pages for all buffers, a table of them, and the headers of frames to be sent. Every
 * buffer is lent at once; the device sees them at the first doorbell, after DRIVER_OK.
 */
static int make_buffers(struct vionet *x)
{
	unsigned i, room = x->rx.size / (x->apart ? 2u : 1u);
	uint8_t *arena;
	size_t pages;

	x->nbufs = x->nbufs < room ? x->nbufs : room;
	pages = ((size_t)x->nbufs * x->buf_size + PAGE_SIZE - 1) / PAGE_SIZE;
	arena = page_alloc(pages);
	if (!arena)
		return -ERR_NOMEM;
	x->bufs = page_alloc((x->nbufs * sizeof *x->bufs + PAGE_SIZE - 1) / PAGE_SIZE);
	x->hdrs = page_alloc((x->tx.size * sizeof *x->hdrs + PAGE_SIZE - 1) / PAGE_SIZE);
	if (!x->bufs || !x->hdrs) {
		page_free(arena, pages);
		return -ERR_NOMEM;
	}
	for (i = 0; i < x->nbufs; i++) {
		x->bufs[i] = (struct vionet_buf){ arena + (size_t)i * x->buf_size, false };
		vionet_post(x, &x->bufs[i]);
	}
	return 0;
}

/* The run of buffers itself was freed by make_buffers(), if it was the cause. */
static void free_buffers(struct vionet *x)
{
	if (x->bufs)
		page_free(x->bufs, (x->nbufs * sizeof *x->bufs + PAGE_SIZE - 1) / PAGE_SIZE);
	if (x->hdrs)
		page_free(x->hdrs, (x->tx.size * sizeof *x->hdrs + PAGE_SIZE - 1) / PAGE_SIZE);
}

/* As many descriptors as there are buffers: a larger ring would stay empty. */
static int make_queues(struct vionet *x)
{
	uint16_t size = (uint16_t)(x->nbufs * (x->apart ? 2 : 1));
	int rc = virtio_queue(x->dev, &x->rx, RX, size < BUFS_MAX ? size : BUFS_MAX, false);

	x->rx.flags &= (uint16_t)~VIRTQ_LENIENT; /* lengths of received frames must be right, whoever tells them */
	/* The longest frame must fit an empty ring. */
	if (!rc)
		rc = virtio_queue(x->dev, &x->tx, TX, x->nbufs < TX_MIN ? TX_MIN : (uint16_t)x->nbufs, true);
	x->command[0] = CONTROL_ANNOUNCE;
	if (!rc && virtio_has(x->dev, F_GUEST_ANNOUNCE))
		rc = virtio_queue(x->dev, &x->control, CONTROL, 2, false);
	return rc ? rc : make_buffers(x);
}

/*
 * Takes back everything; the device is reset before the memory that it was lent goes to somebody
 * else.
 */
static int give_up(struct vionet *x, int rc)
{
	log_line(LOG_ERR, "%s: cannot be brought up: error %d", x->dev->name, -rc);
	virtio_close(x->dev);
	free_buffers(x);
	virtq_free(&x->rx);
	virtq_free(&x->tx);
	virtq_free(&x->control);
	*x = (struct vionet){ .dev = NULL };
	return rc;
}

/* One line, whole and to be searched for. */
static void say_up(const struct vionet *x)
{
	const uint8_t *m = x->info.mac;
	uint32_t f = x->info.features;
	char place[24], offloads[48];

	virtio_place(x->dev, place, sizeof place);
	fmt_format(offloads, sizeof offloads, "%s%s%s%s%s%s", f ? "" : " none", f & NIC_TX_CSUM ? " csum" : "",
		f & NIC_TX_TSO4 ? " tso4" : "", f & NIC_TX_TSO6 ? " tso6" : "",
		f & NIC_RX_CSUM ? " rx-csum" : "", f & NIC_RX_GSO ? " rx-gso" : "");
	log_line(LOG_INFO, "%s: up, %02x:%02x:%02x:%02x:%02x:%02x, mtu %u, %u buffers of %u, offloads%s, virtio %s%s",
		x->dev->name, m[0], m[1], m[2], m[3], m[4], m[5], x->info.mtu, x->nbufs, x->buf_size, offloads, place,
		x->dev->polled ? ", no interrupt: polled" : "");
}

/*
 * §5.1.5, in the order of §3.1.1. Of the control queue only announcements are used: filters, VLANs
 * and more queues are left alone, what reaches us is what the device lets through by itself.
 */
int vionet_open(unsigned n)
{
	struct vionet *x = &vionet[n];
	struct virtio *d = virtio_get(VIRTIO_NET, n);
	int rc;

	if (!d)
		return -ERR_NODEV;
	rc = virtio_begin(d, "nic", n);
	if (rc)
		return rc;
	*x = (struct vionet){ .dev = d };
	afford_buffers(x);
	rc = virtio_agree(d, wanted(x, d->offered));
	if (!rc) {
		read_config(x);
		lay_out(x);
		rc = make_queues(x);
	}
	if (rc)
		return give_up(x, rc);
	virtio_ready(d);
	x->stats.kicks += virtio_kick(d, &x->rx);
	vionet_look(x);
	say_up(x);
	return 0;
}
