/* SPDX-License-Identifier: MIT */
#ifndef CORE_X86_PVCLOCK_H
#define CORE_X86_PVCLOCK_H

/*
 * The paravirtual clock that hypervisors share: a page which says how to turn the TSC into
 * nanoseconds.
 *
 * The host rewrites it whenever the relation changes (migration, a new TSC rate), and announces
 * that by an odd version.
 */

#include <stdbool.h>
#include <stdint.h>

struct pvclock_page {
	uint32_t version; /* odd while the host is writing */
	uint32_t pad;
	uint64_t tsc;  /* the moment that ... */
	uint64_t time; /* ... these nanoseconds were true */
	uint32_t mul;  /* nanoseconds a tick, in 2^-32 after shift */
	int8_t shift;  /* of the ticks, to the left if positive */
	uint8_t flags; /* PVCLOCK_STABLE */
	uint8_t unused[2];
};

#define PVCLOCK_STABLE 1u /* all vCPUs agree */

/* The wall clock's three words: the calendar time at which pvclock time was 0. */
struct pvclock_wall {
	uint32_t version;
	uint32_t sec, nsec;
};

/* True once the host has filled in the page. */
bool pvclock_valid(const volatile struct pvclock_page *page);

/* Nanoseconds of the host's clock at this moment. */
uint64_t pvclock_now(const volatile struct pvclock_page *page);

/* The TSC's value when pvclock_now() will be ns; at the earliest now. For TSC-deadline timers. */
uint64_t pvclock_tsc(const volatile struct pvclock_page *page, uint64_t ns);

/* Calendar time, ns since 1970 UTC, at which pvclock time was 0; 0 when the host has not said. */
uint64_t pvclock_epoch(const volatile struct pvclock_wall *wall);

#endif
