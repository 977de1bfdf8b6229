/* SPDX-License-Identifier: MIT */
/*
 * What the fake netback says of a received part that is not so, once, when it is told to. Read xenhost.h first.
 */
#ifndef TEST_FAKE_XENHOST_LIE_H
#define TEST_FAKE_XENHOST_LIE_H

#include "test/fake/xenhost.h"

static inline struct netif_rx_response xenhost_lie(struct netif_rx_response rsp, bool first)
{
	if (xenhost_lies(LIE_RX_ID))
		rsp.id ^= 1;
	if (xenhost_lies(LIE_RX_OFFSET))
		rsp.offset = PAGE_SIZE - 10;
	if (xenhost_lies(LIE_RX_LONG))
		rsp.status = 4097;
	if (first && xenhost_lies(LIE_RX_PREFIX))
		rsp.flags |= NETRXF_gso_prefix;
	if (first && xenhost_lies(LIE_RX_BLANK))
		rsp.flags |= NETRXF_csum_blank;
	if (xenhost_lies(LIE_RX_STATUS))
		rsp.status = NETIF_RSP_DROPPED;
	return rsp;
}

#endif
