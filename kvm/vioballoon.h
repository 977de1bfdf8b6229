/* SPDX-License-Identifier: MIT */
#ifndef KVM_VIOBALLOON_H
#define KVM_VIOBALLOON_H

/*
 * virtio-balloon, the host's wish to have memory back. See vioballoon.c.
 */

#include <stdbool.h>
#include <stdint.h>

/* Brings up the device, if there is one. Once, before the seal. */
void vioballoon_start(void);

/*
 * Before the machine sleeps: looks, now and then, what the host wants, and tells balloon_want().
 * Returns whether that is something new, so that a timer may be due.
 */
bool vioballoon_look(void);

/* When the next look is due, PLAT_FOREVER for never. */
uint64_t vioballoon_nap(void);

/* As plat_balloon(). */
int vioballoon_move(const uintptr_t *pages, unsigned n, bool give);

#endif
