/* SPDX-License-Identifier: MIT */
#include "kvm/vioballoon.h"

/*
 * virtio-balloon (virtio 1.2 §5.5): the host says how many pages it wants to have; which ones is ours
 * to say, and core/balloon.c says it.
 *
 * The host is told of every page that it gets and of every one that is used again, and its answer is
 * waited for, whether it insists or not (MUST_TELL_HOST): it takes microseconds, and then nothing
 * is ever under way. A device that does not answer is reset: only then can it not take what it was
 * told of any more. DEFLATE_ON_OOM, statistics and reporting are not taken.
 *
 * A change of the wish raises an interrupt; interrupts carry nothing here, so the wish is read when
 * the machine has been woken and wants to sleep again, ten times a second at most.
 */

#include "core/core.h"
#include "core/err.h"
#include "core/plat.h"
#include "core/x86/cpu.h"
#include "core/x86/io.h"
#include "kvm/kvm.h"
#include "kvm/virtio.h"

#define F_MUST_TELL_HOST 0u

#define CONFIG_WANTED 0u
#define CONFIG_HELD 4u

#define QUEUE 2u
#define LOOK_NS 100000000u
#define POLLED_NS 1000000000u
#define PATIENCE_NS 1000000000u

static struct virtio *device;
static struct virtq inflate, deflate;
static uint32_t frames[PLAT_BALLOON]; /* what the device reads: page numbers */
static uint32_t held, wanted;
static struct intr_glance glance = { .every = LOOK_NS };

void vioballoon_start(void)
{
	struct virtio *d = virtio_get(VIRTIO_BALLOON, 0);
	int rc;

	if (device || !d || virtio_begin(d, "bal", 0))
		return;
	rc = virtio_agree(d, VIRTIO_BIT(F_MUST_TELL_HOST));
	rc = rc ? rc : virtio_queue(d, &inflate, 0, QUEUE, false);
	rc = rc ? rc : virtio_queue(d, &deflate, 1, QUEUE, false);
	if (rc) {
		log_line(LOG_ERR, "%s: cannot be brought up: error %d", d->name, -rc);
		virtio_close(d);
		virtq_free(&inflate);
		return;
	}
	virtio_ready(d);
	device = d;
	log_line(LOG_INFO, "%s: up", d->name);
}

bool vioballoon_look(void)
{
	uint32_t before = wanted;

	if (!device || !intr_glance(&glance))
		return false;
	if (device->polled)
		intr_nap(plat_now() + POLLED_NS);
	else
		virtio_ack(device);
	wanted = (uint32_t)virtio_field(device, CONFIG_WANTED, 4);
	if (wanted == before)
		return false;
	balloon_want(wanted);
	return true;
}

uint64_t vioballoon_nap(void)
{
	return intr_glance_nap(&glance);
}

/* What it was told of may be in its hands or not: after the reset it is in ours. */
static int fail(const char *why)
{
	if (why)
		log_line(LOG_ERR, "%s: broken: %s", device->name, why);
	virtio_reset(device);
	device = NULL;
	return -ERR_NODEV;
}

int vioballoon_move(const uintptr_t *pages, unsigned n, bool give)
{
	struct virtq *q = give ? &inflate : &deflate;
	struct virtq_seg seg = { frames, n * (uint32_t)sizeof *frames };
	uint64_t end = plat_now() + PATIENCE_NS;
	struct virtq_done done;

	if (!device)
		return -ERR_NODEV;
	for (unsigned i = 0; i < n; i++)
		frames[i] = (uint32_t)(pages[i] / PAGE_SIZE);
	virtq_add(q, &seg, 1, 0, frames);
	virtio_kick(device, q);
	while (!virtq_pending(q) && !q->broken && plat_now() < end) {
		virtio_rekick(device, q);
		cpu_relax();
	}
	if (q->broken || !virtq_pending(q))
		return fail(q->broken ? NULL : "no answer for a second");
	if (!virtq_take(q, &done))
		return fail(NULL);
	held = give ? held + n : held - n;
	if (device->config.len >= CONFIG_HELD + 4) /* which over PCI the device says */
		mmio_write32(device->config.base + CONFIG_HELD, held);
	return (int)n;
}
