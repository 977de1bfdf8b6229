/* SPDX-License-Identifier: MIT */
/*
 * Included before everything else in programs of the fake Xen: what was read from a ring is overwritten at once, so that
 * a second look at it (XSA-155) finds something else.
 */
#ifndef TEST_FAKE_XENHOST_FETCH_H
#define TEST_FAKE_XENHOST_FETCH_H

void xenhost_fetched(volatile void *p, unsigned len);
#define RING_FETCHED(p, len) xenhost_fetched(p, len)

#endif
