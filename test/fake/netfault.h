/* SPDX-License-Identifier: MIT */
/*
 * Allocations of the network that fail: as fault.c, for arena_malloc() and pool_take(). The program is linked with netfault.flags.
 */
#ifndef TEST_FAKE_NETFAULT_H
#define TEST_FAKE_NETFAULT_H

/* The n-th from now on fails, and with it the `more` that follow; n 0: none. */
void netfault_set(unsigned long n, unsigned long more);

/* How many there were since. */
unsigned long netfault_count(void);

#endif
