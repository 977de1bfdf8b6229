/* SPDX-License-Identifier: MIT */
/*
 * The network stack of libc-glue over the real netfront and the fake Xen. Read netglue.h and xenhost.h first.
 */
#ifndef TEST_FAKE_NETXEN_H
#define TEST_FAKE_NETXEN_H

#include "test/fake/netglue.h"

/* Boots with this command line; the stack comes up on the NICs of xenhost_nic[]. */
void netxen_boot(const char *cmdline, size_t memory);

/* What is held now: by lwIP and sockets (netglue_held()), free pages, grants, ports, watches. */
struct netxen_held {
	long stack;
	size_t pages;
	unsigned grants, parked, mapped, ports, watches;
};
struct netxen_held netxen_held(void);

#endif
