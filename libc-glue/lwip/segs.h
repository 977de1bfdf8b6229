/* SPDX-License-Identifier: MIT */
#ifndef LWIP_GLUE_SEGS_H
#define LWIP_GLUE_SEGS_H

/*
 * TCP segments longer than the MSS, for devices that cut them (TSO).
 */

#include <stdbool.h>
#include <stddef.h>

#include "lwip/priv/tcp_priv.h"

#define SEGS_CHUNK_MAX 65536u

/* Data in the arena, as long as somebody refers to it: room for size bytes, of which some are part of a stream. */
struct segs_chunk {
	uint32_t refs;
	uint32_t size, used;
	uint32_t unused;
	char data[]; /* aligned to 16 */
};

/*
 * How much data is worth a chunk: as long a segment as device and windows allow. Where nobody cuts
 * segments it is SEGS_CHUNK_MAX.
 */
size_t segs_longest(const struct tcp_pcb *pcb);

/* Room for size (1 to SEGS_CHUNK_MAX) bytes, with one reference. NULL when the arena is full. */
struct segs_chunk *segs_chunk(size_t size);

/* Gives a reference back; the last one frees it. Segments that wait for an ACK have one each. */
void segs_chunk_put(struct segs_chunk *chunk);

/*
 * Queues the first len bytes of chunk for sending, as tcp_write() would, in segments as long as device and
 * windows allow, without a copy. The bytes become part of the stream: they must not change any
 * more. push: nothing more follows soon. Returns how many were queued: less than len when memory
 * ran out. The caller has looked at pcb->snd_buf, and calls segs_output() afterwards.
 */
size_t segs_queue(struct tcp_pcb *pcb, struct segs_chunk *chunk, size_t len, bool push);

/*
 * How much the last unsent segment can grow by in its chunk; 0 for none, and for one that has been sent before. segs_grow() makes
 * it n of these bytes longer and returns where they belong; push as above.
 */
size_t segs_room(const struct tcp_pcb *pcb);
char *segs_grow(struct tcp_pcb *pcb, size_t n, bool push);

/* Whether the last unsent segment is one that tcp_write() must not append to. */
bool segs_tail_is_long(const struct tcp_pcb *pcb);

/* tcp_output(), and before it cuts what does not fit in the window as it is. */
void segs_output(struct tcp_pcb *pcb);

/* In the callback for len bytes that the peer has acknowledged. */
void segs_acked(struct tcp_pcb *pcb, u16_t len);

/* After a segment of pcb's came in, and after its timers ran. */
void segs_after_input(struct tcp_pcb *pcb);
void segs_after_timer(struct tcp_pcb *pcb);

#endif
