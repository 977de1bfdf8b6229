/* SPDX-License-Identifier: MIT */
#ifndef KVM_VIORNG_H
#define KVM_VIORNG_H

/*
 * virtio-rng, the host's entropy. See viorng.c.
 */

#include <stdbool.h>

/* Brings up the first such device, if there is one, and asks it for bytes without waiting. Once. */
void viorng_start(void);

/*
 * Mixes in what it has answered since, and asks again now and then. If `wait`, asks now and waits for
 * the answer a bounded time.
 */
void viorng_poll(bool wait);

#endif
