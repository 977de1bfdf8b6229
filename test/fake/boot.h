/* SPDX-License-Identifier: MIT */
/*
 * What core/start.c does before the first thread, for tests that have a main() of their own.
 */
#ifndef TEST_FAKE_BOOT_H
#define TEST_FAKE_BOOT_H

#include "core/core.h"
#include "core/plat.h"

__attribute__((unused)) static void fake_boot(void)
{
	struct plat_range v[4];
	size_t n;

	plat_start();
	n = plat_memory(v, 4);
	for (size_t i = 0; i < n; i++)
		page_add(v[i].base, v[i].len);
}

#endif
