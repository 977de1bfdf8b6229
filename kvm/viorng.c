/* SPDX-License-Identifier: MIT */
#include "kvm/viorng.h"

/*
 * virtio-rng (virtio 1.2 §5.4): one buffer that the host fills with random bytes, mixed into
 * core/x86/random.c.
 *
 * A request is lent at start and its answer picked up when somebody wants random numbers, so that
 * booting does not wait for the host's entropy. Only where the CPU has no generator does everybody who
 * wants numbers wait for bytes that were asked for by him: the machine may have been restored a moment
 * ago, and not for the first time. The bytes count for as much as they are many, but come to nothing
 * worse than before where the host is not to be trusted: they are mixed, not used.
 */

#include "core/core.h"
#include "core/plat.h"
#include "core/x86/cpu.h"
#include "core/x86/random.h"
#include "kvm/virtio.h"

#define BYTES 64u
#define QUEUE 4u
#define WAIT_NS 1000000000u
#define AGAIN_NS (60 * 1000000000ull) /* asks for more this often, as long as anybody takes random numbers */

static struct virtio *device;
static struct virtq queue;
static uint8_t buffer[BYTES];
static bool asked;     /* the buffer is the device's */
static uint64_t again; /* when to ask next */
static bool deaf;      /* the last wait was in vain: nobody waits until it answers */

static void ask(void)
{
	struct virtq_seg seg = { buffer, BYTES };

	again = plat_now() + AGAIN_NS;
	if (virtq_add(&queue, &seg, 0, 1, buffer))
		return;
	asked = true;
	virtio_kick(device, &queue);
}

void viorng_start(void)
{
	struct virtio *d = virtio_get(VIRTIO_RNG, 0);
	int rc;

	if (device || !d || virtio_begin(d, "rng", 0) || virtio_agree(d, 0))
		return;
	rc = virtio_queue(d, &queue, 0, QUEUE, false);
	if (rc) {
		log_line(LOG_ERR, "%s: no queue: error %d", d->name, -rc);
		virtio_close(d);
		return;
	}
	virtio_ready(d);
	device = d;
	log_line(LOG_INFO, "%s: up", d->name);
	ask();
}

/*
 * Bytes are taken out before the buffer is lent again. No more counts than the device says that
 * it wrote.
 */
static void take(void)
{
	struct virtq_done done;

	if (!virtq_pending(&queue) || !virtq_take(&queue, &done))
		return;
	asked = deaf = false;
	random_mix(buffer, done.len, done.len * 8);
	__builtin_memset(buffer, 0, sizeof buffer);
}

/* A device that breaks the rules is reset: it must not write to the buffer any more. */
static void drop_broken(void)
{
	virtio_reset(device);
	device = NULL;
}

/* A bounded time, with the loop of all other threads standing still. */
static void wait_for_answer(void)
{
	uint64_t end = plat_now() + WAIT_NS;

	while (asked && !queue.broken && plat_now() < end) {
		take();
		cpu_relax();
	}
	deaf = asked && !queue.broken;
	if (deaf)
		log_line(LOG_WARN, "%s: no answer for a second: machines restored from one file may draw the same numbers", device->name);
}

void viorng_poll(bool wait)
{
	if (!device)
		return;
	take();
	if (!asked && !queue.broken && (wait || plat_now() >= again))
		ask();
	if (wait && !deaf)
		wait_for_answer();
	if (queue.broken)
		drop_broken();
}
