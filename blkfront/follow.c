/* SPDX-License-Identifier: MIT */
#include "blkfront/blkfront.h"

/*
 * Following a disk's backend, once the disk is there: it may say a new size, go away and come back
 * (a driver reloaded), or be taken away by the toolstack for good, or until a disk is attached under
 * the same number again.
 *
 * Nothing calls us when xenstore changes: blkfront.c looks here whenever it is called. Memory,
 * grants and event channels stay through all of it, see connect.c.
 */

static void resized(struct blkfront *d)
{
	uint64_t before = d->info.sectors;

	if (connect_disk_size(d) == 0 && d->info.sectors != before)
		log_line(LOG_INFO, "blk%u: resized, %llu sectors", d->number, (unsigned long long)d->info.sectors);
}

/* Slots stay as they are: what is out waits for the next backend. What was answered need not be done again. */
static void down(struct blkfront *d, enum xenbus_state other)
{
	log_line(LOG_WARN, "blk%u: down, backend state %u", d->number, (unsigned)other);
	for (unsigned i = 0; i < d->n_queues && !d->broken; i++)
		queue_poll(d->queue[i]);
	d->connected = false;
}

/* The backend invites us anew, or is Connected after that. One that takes its time may invite us again. */
static void again(struct blkfront *d, bool connected)
{
	int rc = connected ? connect_disk_finish(d) : connect_disk_begin(d, true);

	d->begun = rc == 0 && !connected;
	if (rc < 0 && rc != -ERR_TIMEDOUT)
		connect_disk_break(d, "no way back after it went away");
	else if (rc == 0 && connected)
		connect_disk_up(d);
}

static bool idle(const struct blkfront *d)
{
	for (unsigned i = 0; i < d->n_queues; i++)
		if (!queue_idle(d->queue[i]))
			return false;
	return true;
}

/*
 * The toolstack takes the disk away: from here on nothing new is taken. An orderly backend answers
 * what is out before we let it go.
 */
static void leave(struct blkfront *d)
{
	if (d->info.gone)
		return;
	log_line(LOG_WARN, "blk%u: taken away", d->number);
	d->info.gone = true;
	d->info.life++;
}

void follow_leave(struct blkfront *d)
{
	if (!idle(d))
		return;
	d->connected = false;
	xenbus_say(&d->dev, XenbusStateClosed);
}

/* By force, or at last: what is out is never answered. No state is said in a directory that is not there any more. */
static void lose(struct blkfront *d)
{
	leave(d);
	for (unsigned i = 0; i < d->n_queues && d->connected; i++)
		queue_poll(d->queue[i]);
	d->connected = d->begun = false;
	for (unsigned i = 0; i < d->n_queues; i++)
		queue_fail(d->queue[i]);
}

/* Closed, when we have begun: its answer to what we were before. Our new keys stand. */
static void follow_end(struct blkfront *d, enum xenbus_state other)
{
	if (xenbus_gone(&d->dev)) {
		lose(d);
	} else if (d->connected && other == XenbusStateClosing && xenbus_leaving(&d->dev)) {
		leave(d);
		follow_leave(d);
	} else if (other == XenbusStateClosing || !d->begun) {
		if (d->connected)
			down(d, other);
		d->begun = false;
		if (!d->broken) /* by what it answered last */
			xenbus_say(&d->dev, XenbusStateClosed);
	}
}

/*
 * What fired the watch: a new size (Connected, said once more), a backend that goes, or InitWait,
 * its invitation to begin anew. begin() waits for at most XENBUS_OPEN_NS a step, and every thread
 * with it: that is what a reconnect costs.
 */
static void follow_state(struct blkfront *d, enum xenbus_state other)
{
	if (d->connected && other == XenbusStateConnected) {
		resized(d);
	} else if (other == XenbusStateClosing || other == XenbusStateClosed) {
		follow_end(d, other);
	} else {
		if (d->connected)
			down(d, other);
		if (d->broken)
			return; /* by what it answered last */
		if (d->begun && other == XenbusStateConnected)
			again(d, true);
		else if (other == XenbusStateInitWait && !d->begun)
			again(d, false);
	}
}

/*
 * Another life, after a restore: the ports are gone and the backend has never seen us. What stood on the old ring, answered or
 * not, is put again: what was answered there is not in the memory that was restored.
 */
static void resume(struct blkfront *d)
{
	d->life = suspend_lives();
	d->dev.state = XenbusStateUnknown;
	d->connected = d->begun = false;
	if (connect_disk_ports(d) < 0)
		connect_disk_break(d, "no event channels in another life");
	else if (d->info.gone)
		d->dev.watch.fired = true;
	else
		again(d, false);
}

void follow_disk(struct blkfront *d)
{
	if (d->life != suspend_lives() && !d->broken)
		resume(d);
	if (!d->dev.watch.fired || d->broken)
		return;
	d->dev.watch.fired = false; /* before the look: a change after it fires again */
	if (!d->info.gone || d->begun || d->connected) {
		follow_state(d, xenbus_other_state(&d->dev));
	} else if (xenbus_back(&d->dev)) {
		lose(d); /* what was meant for the old disk is not for this one */
		again(d, false);
	} else if (xenbus_gone(&d->dev)) {
		lose(d);
	}
}
