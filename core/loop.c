/* SPDX-License-Identifier: MIT */
#include "core/core.h"

/*
 * The loop: where devices are polled and where the machine sleeps.
 *
 * Nothing calls us when a packet comes: an interrupt does no more than end plat_wait(). So a
 * wake-up could be lost between the last poll and the wait, and this is the one place that closes
 * the gap:
 *
 *   1. poll everything; if anything was done, look again whether a thread can run;
 *   2. arm every poller. What comes from here on raises an interrupt. One that answers "there is work"
 *      (it came between 1 and 2) sends us back to 1;
 *   3. plat_wait() until the next timer. What came after 2 has raised its interrupt, which ends
 *      the wait at once, or has ended it before it began (plat.h).
 */

#include "core/plat.h"

/*
 * What a busy thread may do before devices get their turn. 1 ms bounds what a packet waits for a
 * program that computes between calls; 64 calls bound what queues up behind one that calls
 * without rest, a quarter of a receive ring of 256. While calls follow each other so quickly that
 * the 64th would come first, the clock is read at every 7th only: reading it costs more
 * than all the rest.
 */
#define BREATHE_NS 1000000u
#define BREATHE_CALLS 64u
#define BREATHE_UNSEEN 7u /* so that the 64th is one of those that look */

static struct poller *first, **last = &first; /* in the order in which they were added */
static bool polling;           /* a poller or a timer is running */
static unsigned calls;         /* of loop_due() since the last poll */
static unsigned look;          /* at which of them to look at the clock again */
static uint64_t polled;        /* plat_now() at the last poll */

void loop_add(struct poller *p)
{
	p->next = NULL;
	*last = p;
	last = &p->next;
}

bool loop_polling(void)
{
	return polling;
}

/*
 * Pollers run lwIP and call back into the C library's code, which may come here again by way of
 * loop_breathe() or a yield. A device's code is never entered twice: the inner call does nothing,
 * and the outer one goes on with what there is.
 */
bool loop_poll(void)
{
	bool did = false;

	if (polling)
		return false;
	polling = true;
	for (struct poller *p = first; p; p = p->next)
		did |= p->poll(); /* every one: a busy network must not keep the disk waiting */
	/*
	 * Timers come last and see the time after the pollers, so that what was received can still
	 * cancel a timeout.
	 */
	polled = plat_now();
	calls = look = 0;
	did |= timer_next() <= polled;
	timer_run(polled);
	polling = false;
	return did;
}

/*
 * Step 2. Returns true when a poller has work: then the others need not be armed, the next poll is
 * now. Those that were stay armed, which costs at most an interrupt that finds nothing to do.
 */
static bool arm(void)
{
	for (struct poller *p = first; p; p = p->next)
		if (p->arm())
			return true;
	return false;
}

/*
 * Runs on the stack of the thread that blocked last. It returns as soon as a thread can run: what
 * else there is to poll is polled when that thread blocks or breathes.
 */
void loop_idle(bool (*runnable)(void))
{
	while (!runnable()) {
		if (loop_poll() || arm())
			continue;
		/*
		 * Threads are made ready by threads, timers and pollers. With pollers one cannot know;
		 * without any of them it is over.
		 */
		if (!first && timer_next() == PLAT_FOREVER)
			log_panic("loop: every thread waits, and nothing is left that could wake one");
		plat_wait(timer_next());
	}
}

bool loop_due(void)
{
	uint64_t gone;

	if (++calls < look)
		return false;
	gone = plat_now() - polled;
	look = calls + (gone < calls * (BREATHE_NS / BREATHE_CALLS) ? BREATHE_UNSEEN : 1);
	return calls >= BREATHE_CALLS || gone >= BREATHE_NS;
}

/*
 * A yield, not only a poll: threads that the poll makes ready have waited as long as the devices
 * have.
 */
void loop_breathe(void)
{
	if (!polling && loop_due())
		thread_yield();
}
