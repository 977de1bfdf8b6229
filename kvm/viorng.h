/* SPDX-License-Identifier: MIT */
/*
 * virtio-rng, the host's entropy. See viorng.c.
 */
#ifndef KVM_VIORNG_H
#define KVM_VIORNG_H

#include <stdbool.h>

/* Brings up the first such device, if there is one, and asks it for bytes without waiting. Once. */
void viorng_start(void);

/* Mixes in what it has answered since, and asks again now and then. If `wait`, waits for the first answer a bounded time. */
void viorng_poll(bool wait);

#endif
