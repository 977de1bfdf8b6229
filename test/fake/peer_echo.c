/* SPDX-License-Identifier: MIT */
/*
 * The far end of every wire sends each frame back to where it came from, with what the sender left
 * to the device done: a program sees its own frames as the network would have seen them.
 */
#include <string.h>

#include "test/fake/fake.h"

static void send_back(void *ctx, const uint8_t *piece, size_t len)
{
	static uint8_t copy[70000];

	memcpy(copy, piece, len);
	memcpy(copy, piece + 6, 6);
	memcpy(copy + 6, piece, 6);
	fake_nic_deliver((unsigned)(uintptr_t)ctx, copy, len, NULL);
}

void fake_peer_input(unsigned n, const uint8_t *frame, size_t len, const struct nic_offload *off)
{
	fake_offload_apply(frame, len, off, send_back, (void *)(uintptr_t)n);
}
