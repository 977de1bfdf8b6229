/* SPDX-License-Identifier: MIT */
#include "libc-glue/lwip/netdev.h"
#include "libc-glue/lwip/segs.h"

/*
 * What waits for the end of a poll: one ACK for a batch of segments, as a NIC that merges them would make it, and the rest of
 * a long write, which the next write makes longer.
 *
 * lwIP acknowledges every second segment while it is at it, each time by a frame of its own, which costs
 * the other end more than us. A batch is what one poll has found: here the ACK of data in order waits for
 * its end. RFC 9293 3.8.6.3 wants one for two full segments and allows half a second; a batch takes some
 * microseconds. What must be answered at once still is: segments out of order, those that fill a gap
 * (RFC 5681 4.2), a FIN.
 *
 * The rest of a write is sent at the end of the next poll at the latest: that is before the machine sleeps, and where a thread
 * is busy after a millisecond of calls (core.h). Without polls no ACK would be seen either, and no more be sent than a window.
 */

#define HELD 32u /* more connections at a time than that: lwIP's own way */

static struct tcp_pcb *held[HELD];
static unsigned count;

static bool hold(struct tcp_pcb *pcb)
{
	unsigned i = 0;

	while (i < count && held[i] != pcb)
		i++;
	if (i == HELD)
		return false;
	held[i] = pcb;
	count += i == count;
	return true;
}

/*
 * With its FIN the peer waits for an answer, and lwIP's timers send none in TIME-WAIT. A device may
 * have merged segments: then this one is worth an ACK although lwIP counts to two.
 */
void acks_hold(struct tcp_pcb *pcb, size_t len)
{
	if (pcb->state < ESTABLISHED || pcb->state > FIN_WAIT_2 || pcb->ooseq)
		return;
	if (!(pcb->flags & TF_ACK_NOW) && len < 2u * pcb->mss)
		return;
	if (!hold(pcb))
		return;
	tcp_clear_flags(pcb, TF_ACK_NOW);
	tcp_set_flags(pcb, TF_ACK_DELAY); /* so lwIP's timer knows of it, too */
}

bool acks_hold_data(struct tcp_pcb *pcb)
{
	return hold(pcb);
}

void acks_forget(const struct tcp_pcb *pcb)
{
	for (unsigned i = 0; i < count; i++)
		if (held[i] == pcb)
			held[i--] = held[--count];
}

void acks_send(void)
{
	while (count > 0) {
		struct tcp_pcb *pcb = held[--count];

		if (pcb->unsent)
			segs_output(pcb);
		if (pcb->flags & TF_ACK_DELAY) /* else something that was sent has carried it */
			tcp_send_empty_ack(pcb);
	}
}
