/* SPDX-License-Identifier: MIT */
/*
 * The far end of one TCP connection that takes bytes: netpeer.h's host, port 80.
 *
 * It looks at every piece: is it within its window, of the right length, with the right bytes, its flags where they belong.
 * How it behaves is in `netsink`, which a test may change at any time.
 */
#ifndef TEST_FAKE_NETSINK_H
#define TEST_FAKE_NETSINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NETSINK_ISN 0xfffff000u /* sequence numbers wrap soon */

extern struct netsink {
	uint16_t port;         /* ours */
	uint32_t start;        /* our first byte */
	uint32_t got;          /* bytes in a row */
	uint32_t acked;        /* of them, as we were told */
	uint32_t edge;         /* how far we may send, from start */
	uint32_t window;       /* bytes that it gives */
	uint16_t mss;          /* what it says */
	uint8_t scale;
	bool timestamps;
	bool silent;           /* says nothing */
	unsigned drop;         /* of 100 pieces */
	unsigned pieces, resent, beyond, wrong, longest, pushes;
	unsigned acks;         /* that came without data, at or before the edge that it gives now */
	unsigned acks_beyond;
	uint32_t told;         /* how far the last of them reaches */
	uint32_t last_resent;  /* where, and how long */
	size_t last_resent_len;
	bool fin;
} netsink;

extern int netsink_fd;        /* our socket */
extern uint32_t netsink_sent; /* bytes that it took */

/* A connection to a sink that behaves as p says; 0 for its MSS and scale is what is usual. The end of it, by a reset. */
void netsink_meet(const struct netsink *p);
void netsink_part(void);

/* Writes n bytes, as far as there is room. */
void netsink_put(size_t n);

/* A segment without data from the sink; an ACK of all that it got. */
void netsink_answer(uint8_t flags, uint32_t ack_at, const uint8_t *options, size_t options_len);
void netsink_ack(void);

/* Time passes. */
void netsink_wait(unsigned ms);

#endif
