/* SPDX-License-Identifier: MIT */
/*
 * Wires that lose, damage, double, delay and reorder frames. Read fake.h first.
 *
 * A wire is a list of frames in the order of their arrival, which is decided when they are sent.
 */
#include <stdlib.h>
#include <string.h>

#include "test/fake/fake.h"
#include "test/fake/wire.h"

static void put_in_flight(struct flight **wire, const uint8_t *frame, size_t len, const struct nic_offload *off, uint64_t when)
{
	struct flight *f = malloc(sizeof(*f) + len);

	f->when = when;
	f->off = *off;
	f->len = len;
	memcpy(f->data, frame, len);
	while (*wire && (*wire)->when <= when)
		wire = &(*wire)->next;
	f->next = *wire;
	*wire = f;
}

/* What is needed to damage a frame, which may have to be cut first. */
struct damage {
	struct flight **wire;
	uint64_t when;
	bool done;
};

static void damage_piece(void *ctx, const uint8_t *piece, size_t len)
{
	static uint8_t copy[WIRE_FRAME_MAX];
	static const struct nic_offload none;
	struct damage *d = ctx;

	memcpy(copy, piece, len);
	if (!d->done)
		copy[fake_below(len)] ^= (uint8_t)(1u << fake_below(8));
	d->done = true;
	put_in_flight(d->wire, copy, len, &none, d->when);
}

/* Puts a frame on a wire, which may lose, damage, double and delay it. */
void wire_send(const struct fake_nic_config *c, struct flight **wire, const uint8_t *frame, size_t len, const struct nic_offload *off)
{
	unsigned copies = 1 + fake_chance(c->duplicate);

	if (c->down || fake_chance(c->lose))
		return;
	for (; copies > 0; copies--) {
		struct damage d = { wire, fake_now() + c->delay + fake_below(c->jitter + 1), false };

		if (fake_chance(c->corrupt))
			fake_offload_apply(frame, len, off, damage_piece, &d);
		else
			put_in_flight(wire, frame, len, off, d.when);
	}
}

/* Takes a frame that has arrived off a wire. */
struct flight *wire_take(struct flight **wire)
{
	struct flight *f = *wire;

	if (!f || f->when > fake_now())
		return NULL;
	*wire = f->next;
	return f;
}

void wire_drop(struct flight **wire)
{
	while (*wire) {
		struct flight *f = *wire;

		*wire = f->next;
		free(f);
	}
}

uint64_t wire_sum(const struct nic_frag *v, unsigned nv)
{
	uint64_t h = 0xcbf29ce484222325u;

	for (unsigned i = 0; i < nv; i++)
		for (uint32_t j = 0; j < v[i].len; j++)
			h = (h ^ ((const uint8_t *)v[i].base)[j]) * 0x100000001b3u;
	return h;
}

/* A wire floods: every group's frames come, asked for or not, as nic.h allows. */
void nic_group(unsigned n, const uint8_t mac[6], bool join)
{
	(void)join;
	if (!(mac[0] & 1))
		fake_wrong("nic_group(%u): the address of a station", n);
}
