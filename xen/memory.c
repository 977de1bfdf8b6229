/* SPDX-License-Identifier: MIT */
#include "core/core.h"

/*
 * How much memory the toolstack wants us to have: memory/target in xenstore, in KiB (`xl mem-set`).
 *
 * The number counts what we were given and, on PVH and HVM, what is not ours to see, as video
 * memory; so what counts is by how much it is less than at the start: there memory/static-max,
 * which is what a guest with a memory map of its own begins with (or has to pretend to have), on PV
 * the pages that start_info names. More than at the start is offered where maxmem is above memory;
 * on PV it is not taken. What is done about it is core/balloon.c's.
 *
 * And how many vCPUs there may be (`xl vcpu-set`): the first is the only one that is ever used, and
 * nobody has to wonder why.
 */

#include "core/err.h"
#include "core/plat.h"
#include "xen/flavour.h"

#define KIB_PER_PAGE (PAGE_SIZE / 1024u)
#define KIB_MAX (UINT64_MAX / 1024u)

static struct xenstore_watch watch, vcpu_watch;
static uint64_t start_kib; /* what we began with, as the toolstack counts it */

/* A number of memory/, or `missing`. */
static uint64_t number(const char *path, uint64_t missing)
{
	char text[24];
	uint64_t value;

	if (xenstore_read(XENSTORE_NO_TX, path, text, sizeof(text)) < 0)
		return missing;
	if (fmt_number(text, KIB_MAX, &value) == 0)
		return value;
	log_line(LOG_WARN, "xen: %s is no number, ignored", path);
	return missing;
}

void memory_start(void)
{
	uint64_t given = flavour_given();

	start_kib = given ? given * KIB_PER_PAGE : number("memory/static-max", 0);
	xenstore_watch(&watch, "memory/target");
	xenstore_watch(&vcpu_watch, "cpu");
}

/* docs/misc/xenstore-paths: cpu/N/availability, "online" or "offline". */
static void look_at_vcpus(void)
{
	static unsigned told = 1;
	char path[32], text[8];
	unsigned n = 1;

	vcpu_watch.fired = false;
	for (;; n++) {
		fmt_format(path, sizeof(path), "cpu/%u/availability", n);
		if (xenstore_read(XENSTORE_NO_TX, path, text, sizeof(text)) < 0 || __builtin_strcmp(text, "online"))
			break;
	}
	if (n != told && n > 1)
		log_line(LOG_INFO, "xen: %u vCPUs are there, one is used", n);
	told = n;
}

void memory_poll(void)
{
	static bool told;
	uint64_t target;

	if (vcpu_watch.fired)
		look_at_vcpus();
	if (!watch.fired)
		return;
	watch.fired = false;
	target = number("memory/target", 0);
	if (target == 0 || start_kib == 0)
		return; /* nobody has said anything that could be compared */
	if (target > start_kib && !told) {
		told = true;
		log_line(LOG_INFO, "xen: more memory than the %llu KiB at the start is not taken", (unsigned long long)start_kib);
	}
	balloon_want(target < start_kib ? (size_t)((start_kib - target) / KIB_PER_PAGE) : 0);
}

/* Pages of ours are pages of Xen's: both are of 4 KiB. */
int plat_balloon(const uintptr_t *pages, unsigned n, bool give)
{
	return flavour_balloon(pages, n, give);
}
