/* SPDX-License-Identifier: MIT */
/*
 * Pages that Xen has back, on PVH and HVM: behind the seal the gate has no call for that yet.
 */
#include "core/core.h"

#include "core/err.h"
#include "xen/flavour.h"

int balloon_hvm(const uintptr_t *pages, unsigned n, bool give)
{
	(void)pages, (void)n, (void)give;
	return -ERR_NODEV;
}
