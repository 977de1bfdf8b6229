/* SPDX-License-Identifier: MIT */
#include "kvm/virtio.h"

/*
 * What every virtio device has in common: being found, the handshake (virtio 1.2 §3.1.1), queues,
 * configuration.
 *
 * Two transports, told apart by d->bus here and nowhere else. Devices of MMIO are named by the
 * command line (plat.c collects what it says), or, on a machine without PCI that says nothing,
 * looked for where QEMU's microvm has its slots.
 */

#include "core/core.h"
#include "core/err.h"
#include "core/plat.h"
#include "core/x86/io.h"
#include "kvm/kvm.h"
#include "kvm/pci.h"
#include "kvm/transport.h"

#define DEVICES_MAX 32u

/* A reset is done when the status reads 0; hosts do it at once, hardware may take a while. */
#define RESET_NS 1000000000u

#define CONFIG_TRIES 16u

#define MMIO_ACK 0x064u
#define MMIO_ACK_ALL 3u

/* A device that cannot interrupt is looked at this often. */
#define POLL_NS 1000000u

/* What every device gets when it offers it. Bits that we do not know are left alone. */
#define COMMON_FEATURES (VIRTIO_BIT(VIRTIO_F_INDIRECT_DESC) | VIRTIO_BIT(VIRTIO_F_EVENT_IDX) | \
	VIRTIO_BIT(VIRTIO_F_VERSION_1) | VIRTIO_BIT(VIRTIO_F_ACCESS_PLATFORM) | VIRTIO_BIT(VIRTIO_F_ANY_LAYOUT))

/* Found once, before the seal, and never forgotten. */
static struct virtio devices[DEVICES_MAX];
static unsigned ndevices;

/* In the order of buses and devices, which is that of QEMU's command line. */
static void find_pci(void)
{
	uint32_t addr;

	for (addr = pci_next(PCI_NONE); addr != PCI_NONE && ndevices < DEVICES_MAX; addr = pci_next(addr))
		if (virtio_pci_probe(&devices[ndevices], addr))
			ndevices++;
}

/* In the order of slots.c. */
static void find_mmio(void)
{
	struct slot s;
	unsigned i;

	for (i = 0; slots_get(i, &s) && ndevices < DEVICES_MAX; i++)
		if (virtio_mmio_probe(&devices[ndevices], s.base, s.len, s.gsi))
			ndevices++;
}

void virtio_find(void)
{
	static bool done;

	if (done)
		return;
	done = true;
	find_pci();
	find_mmio();
}

/* Types are numbered each for itself: the second disk is disk 1 however many NICs there are. */
struct virtio *virtio_get(unsigned type, unsigned n)
{
	unsigned i;

	virtio_find();
	for (i = 0; i < ndevices; i++)
		if (devices[i].type == type && !n--)
			return &devices[i];
	return NULL;
}

/* As people write it elsewhere, so that a device can be told from its neighbours. */
void virtio_place(const struct virtio *d, char *buf, size_t size)
{
	unsigned addr = (unsigned)d->where;

	if (d->bus == VIRTIO_PCI)
		fmt_format(buf, size, "pci %02x:%02x.%x", addr >> 16, addr >> 11 & 31, addr >> 8 & 7);
	else
		fmt_format(buf, size, "mmio %lx", (unsigned long)d->where);
}

/* §2.1: bits are added one by one and never cleared but by a reset. */
static uint8_t get_status(struct virtio *d)
{
	return d->bus == VIRTIO_PCI ? virtio_pci_status(d) : virtio_mmio_status(d);
}

static void set_status(struct virtio *d, uint8_t status)
{
	if (d->bus == VIRTIO_PCI)
		virtio_pci_set_status(d, status);
	else
		virtio_mmio_set_status(d, status);
}

static void add_status(struct virtio *d, uint8_t status)
{
	set_status(d, get_status(d) | status);
}

/* Writes 0, and waits until it reads so (§2.4.2, §4.1.4.3.2). Returns whether it did. */
static bool reset(struct virtio *d)
{
	uint64_t start;

	set_status(d, 0);
	if (!get_status(d))
		return true;
	start = plat_now();
	while (plat_now() - start < RESET_NS)
		if (!get_status(d))
			return true;
	return false;
}

/* For a device that misbehaved. Not even that it refuses to reset can be helped, only said. */
void virtio_reset(struct virtio *d)
{
	if (!reset(d))
		log_line(LOG_ERR, "%s: does not reset", d->name);
}

void virtio_close(struct virtio *d)
{
	virtio_reset(d);
	d->open = false;
}

/* A device that we do not get along with is told so (§3.1.1). */
static int refuse(struct virtio *d, const char *why)
{
	log_line(LOG_ERR, "%s: %s", d->name, why);
	add_status(d, VIRTIO_FAILED);
	d->open = false;
	return -ERR_PROTO;
}

/* §3.1.1, steps 1 to 4. */
int virtio_begin(struct virtio *d, const char *name, unsigned n)
{
	if (d->open)
		return -ERR_BUSY;
	fmt_format(d->name, sizeof d->name, "%s%u", name, n);
	if (!reset(d))
		return refuse(d, "does not reset");
	d->open = true;
	set_status(d, VIRTIO_ACKNOWLEDGE);
	add_status(d, VIRTIO_DRIVER);
	d->offered = d->bus == VIRTIO_PCI ? virtio_pci_offered(d) : virtio_mmio_offered(d);
	return 0;
}

/*
 * Steps 4 to 6; a legacy device has no 5 and 6. ANY_LAYOUT is a legacy bit and means something
 * else, or nothing, elsewhere.
 */
int virtio_agree(struct virtio *d, uint64_t wanted)
{
	d->features = d->offered & (wanted | COMMON_FEATURES);
	if (!d->legacy)
		d->features &= ~VIRTIO_BIT(VIRTIO_F_ANY_LAYOUT);
	if (d->bus == VIRTIO_PCI)
		virtio_pci_accept(d, d->features);
	else
		virtio_mmio_accept(d, d->features);
	if (d->legacy)
		return 0;
	if (!virtio_has(d, VIRTIO_F_VERSION_1))
		return refuse(d, "offers no VERSION_1");
	add_status(d, VIRTIO_FEATURES_OK);
	if (!(get_status(d) & VIRTIO_FEATURES_OK))
		return refuse(d, "does not agree on features");
	return 0;
}

bool virtio_has(const struct virtio *d, unsigned feature)
{
	return d->features & VIRTIO_BIT(feature);
}

/* What virtq.c must know of the device. */
static uint16_t queue_flags(const struct virtio *d, bool chains)
{
	return (uint16_t)((virtio_has(d, VIRTIO_F_EVENT_IDX) ? VIRTQ_EVENT_IDX : 0) |
		(chains && virtio_has(d, VIRTIO_F_INDIRECT_DESC) ? VIRTQ_INDIRECT : 0) | (d->legacy ? VIRTQ_LENIENT : 0));
}

/*
 * The largest power of two that both sides take: we do not rely on the device's word that its own
 * is one.
 */
static uint16_t queue_size(uint16_t most, uint16_t want)
{
	while (want > most)
		want /= 2;
	return want;
}

/*
 * The device's registers are touched in the order of §4.1.5.1.3 and §4.2.3.2: select, look, size,
 * addresses, and the last write makes the queue live.
 */
int virtio_queue(struct virtio *d, struct virtq *q, uint16_t index, uint16_t want, bool chains)
{
	uint16_t most = d->bus == VIRTIO_PCI ? virtio_pci_select(d, index) : virtio_mmio_select(d, index);
	uint16_t size = queue_size(most, want);
	int rc;

	if (!size)
		return -ERR_PROTO;
	rc = virtq_init(q, d->name, size, queue_flags(d, chains));
	if (rc)
		return rc;
	q->index = index;
	rc = d->bus == VIRTIO_PCI ? virtio_pci_enable(d, q) : virtio_mmio_enable(d, q);
	if (rc)
		virtq_free(q);
	return rc;
}

/* §2.1.2: a device in trouble says so and stops working. */
bool virtio_failed(struct virtio *d)
{
	return get_status(d) & VIRTIO_NEEDS_RESET;
}

void virtio_ready(struct virtio *d)
{
	add_status(d, VIRTIO_DRIVER_OK);
}

/* A device that cannot say is taken to be steady. */
static uint32_t generation(struct virtio *d)
{
	return d->bus == VIRTIO_PCI ? virtio_pci_generation(d) : virtio_mmio_generation(d);
}

/* The caller has looked that it lies within the window. */
static uint64_t read_field(const struct virtio *d, unsigned offset, unsigned width)
{
	uintptr_t at = d->config.base + offset;

	switch (width) {
	case 1:
		return mmio_read8(at);
	case 2:
		return mmio_read16(at);
	case 4:
		return mmio_read32(at);
	default:
		return mmio_read32(at) | (uint64_t)mmio_read32(at + 4) << 32;
	}
}

/*
 * A field is read in its own width, one of 64 bits in two halves (§4.1.3.1), which belong
 * together when the generation was the same before and after (§2.5.1). A device that never
 * settles gets what it deserves.
 */
uint64_t virtio_field(struct virtio *d, unsigned offset, unsigned width)
{
	uint64_t v = 0;
	uint32_t before;
	unsigned i;

	if (offset + width > d->config.len)
		return 0;
	if (width < 8)
		return read_field(d, offset, width);
	for (i = 0; i < CONFIG_TRIES; i++) {
		before = generation(d);
		v = read_field(d, offset, width);
		if (generation(d) == before)
			break;
	}
	return v;
}

/* A word for MMIO and for PCI a half one: the widths that hosts listen for. */
static void ring(struct virtio *d, struct virtq *q)
{
	if (d->bus == VIRTIO_PCI)
		mmio_write16(q->doorbell, q->index);
	else
		mmio_write32(q->doorbell, q->index);
}

bool virtio_kick(struct virtio *d, struct virtq *q)
{
	if (!virtq_publish(q))
		return false;
	ring(d, q);
	return true;
}

bool virtio_rekick(struct virtio *d, struct virtq *q)
{
	if (!virtq_missed(q))
		return false;
	ring(d, q);
	return true;
}

void virtio_remind(struct virtio *d, struct virtq *q)
{
	if (virtq_remindable(q))
		ring(d, q);
}

/*
 * The line of an MMIO device stays up until it is acknowledged, and rings only when it rises.
 * Whoever sees a wake-up since the last time acknowledges, blindly (whose it was would be one
 * more exit to find out), and only then looks for work. An interrupt that did not end a wait yet
 * is still pending, ends the next one, and is acknowledged after it.
 */
void virtio_ack(struct virtio *d)
{
	if (d->polled)
		intr_nap(plat_now() + POLL_NS);
	if (d->bus == VIRTIO_PCI || d->acked == intr_wakes)
		return;
	d->acked = intr_wakes;
	mmio_write32(d->common.base + MMIO_ACK, MMIO_ACK_ALL);
}
