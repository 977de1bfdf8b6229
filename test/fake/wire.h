/* SPDX-License-Identifier: MIT */
/*
 * One direction between an interface and its far end; see wire.c. For nic.c.
 */
#ifndef TEST_FAKE_WIRE_H
#define TEST_FAKE_WIRE_H

#include "core/nic.h"
#include "test/fake/fake.h"

#define WIRE_FRAME_MAX 65550u

/* A frame under way. A wire is a pointer to the first one; NULL: nothing is on it. */
struct flight {
	struct flight *next;
	uint64_t when;
	struct nic_offload off;
	size_t len;
	uint8_t data[];
};

/* Puts a frame on a wire with the faults of c. */
void wire_send(const struct fake_nic_config *c, struct flight **wire, const uint8_t *frame, size_t len, const struct nic_offload *off);

/* Takes a frame that has arrived; the caller frees it. NULL: none has. */
struct flight *wire_take(struct flight **wire);

/* Throws away what is under way. */
void wire_drop(struct flight **wire);

/* A number that differs when the contents do (FNV-1a). */
uint64_t wire_sum(const struct nic_frag *v, unsigned nv);

#endif
