/* SPDX-License-Identifier: MIT */
#ifndef TEST_UNIT_KVM_KINDS_H
#define TEST_UNIT_KVM_KINDS_H

/*
 * What tests of virtio devices share: each case runs on every transport, in a child each, with a
 * set of features that the device offers. Included once by a program.
 */

#include "test/child.h"
#include "test/fake/vmm.h"
#include "test/tap.h"

#define BIT(n) (1ull << (n))

static const char *const kinds[] = { "modern PCI", "transitional PCI", "MMIO", "legacy MMIO" };

static enum vmm_kind kind;
static uint64_t set; /* features that the device offers */
static struct vmm_dev *dev;

static bool everywhere(void (*fn)(void), uint64_t features)
{
	bool good = true;

	for (kind = VMM_MODERN; kind <= VMM_LEGACY; kind++) {
		set = features;
		if (child_ends(fn, 0))
			continue;
		tap_diag("on %s, features %#lx", kinds[kind], (unsigned long)set);
		good = false;
	}
	return good;
}

#endif
