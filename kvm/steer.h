/* SPDX-License-Identifier: MIT */
#ifndef KVM_STEER_H
#define KVM_STEER_H

/*
 * A clock made of the TSC, whose rate nobody told, and of a slow reference whose rate is known.
 * See steer.c.
 */

#include <stdbool.h>
#include <stdint.h>

void steer_start(void);
uint64_t steer_now(void);                /* ns since steer_start(); never goes back */
uint64_t steer_nap(void);                /* steer_now() when it must be asked again to stay precise */
uint64_t steer_tsc(uint64_t ns);         /* the TSC when steer_now() will be ns */
const char *steer_reference(void);       /* "tsc+pm-timer", "tsc+pit" or "tsc+lapic" */

#endif
