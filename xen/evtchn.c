/* SPDX-License-Identifier: MIT */
#include "core/core.h"

/*
 * Event channels, 2-level ABI: 4096 pending bits and 4096 mask bits in the shared info page.
 *
 * Every channel stays masked for ever, so no event is ever delivered as an interrupt. SCHEDOP_poll
 * looks at the pending bits of the ports it is given whatever the masks say; that is our only way
 * to sleep.
 *
 * No event is lost, because of this order: 1. a device is polled empty, then armed: its ring says
 * "tell me", and is looked at once more; 2. evtchn_wait() calls SCHEDOP_poll, which returns at once
 * if a listed bit is set; 3. after it we clear the bits, and only then does the caller poll every
 * ring. Work put on a ring before 3 is seen by that polling; an event raised after 3 sets its bit
 * again and ends the next wait. Clearing before step 2 would lose what came between 1 and 2.
 *
 * A port that fires again and again though there is nothing to do is an attack or a bug of the
 * backend (XSA-391, "rogue backends can cause DoS of guests via high frequency events"). It is left
 * off the list for a while that doubles from 1 ms to 64 ms: its bit stays set, so it is heard when
 * it is back, late but not lost.
 */

#include "core/err.h"
#include "xen/flavour.h"
#include "xen/hypercall.h"

#define PORTS 4096u    /* 64 words of 64 bits */
#define IDLE_MAX 16u   /* that many events in a row for nothing are nobody's fault */
#define MUTE_NS 1000000ull
#define MUTE_DOUBLINGS 6u
#define STRAY_NS 10000000ull /* how long to sleep on an error of Xen's, at most */

struct port {
	uint32_t port;
	uint32_t idle;       /* events in a row without evtchn_worked() */
	bool worked;         /* since the last event */
	uint64_t fired;
	uint64_t mute_until; /* not listed before then */
};

static struct port ports[EVTCHN_WAIT_MAX];
static unsigned n_ports;
static uint64_t nap = PLAT_FOREVER; /* the next wait ends then */

static struct port *find(unsigned port)
{
	for (unsigned i = 0; i < n_ports; i++)
		if (ports[i].port == port)
			return &ports[i];
	return NULL;
}

void evtchn_start(void)
{
	struct shared_info *s = flavour_shared_info();

	for (unsigned i = 0; i < PORTS / 64; i++)
		__atomic_store_n(&s->evtchn_mask[i], ~0ul, __ATOMIC_RELAXED);
	s->vcpu_info[0].evtchn_upcall_pending = 0; /* of what came before they were masked: Xen would try to interrupt us for ever */
	n_ports = 0;
}

int evtchn_add(unsigned port)
{
	if (port >= PORTS || n_ports == EVTCHN_WAIT_MAX)
		return -ERR_NOMEM;
	ports[n_ports++] = (struct port){ .port = port, .worked = true };
	return 0;
}

int evtchn_alloc(unsigned domid)
{
	struct evtchn_alloc_unbound alloc = { .dom = DOMID_SELF, .remote_dom = (domid_t)domid };
	struct evtchn_close end;

	if (hypercall_event_channel(EVTCHNOP_alloc_unbound, &alloc) < 0)
		return -ERR_NOMEM;
	if (evtchn_add(alloc.port) == 0)
		return (int)alloc.port;
	end.port = alloc.port;
	hypercall_event_channel(EVTCHNOP_close, &end);
	return -ERR_NOMEM;
}

void evtchn_ignore(unsigned port)
{
	struct port *p = find(port);

	if (p)
		*p = ports[--n_ports];
}

void evtchn_close(unsigned port)
{
	struct evtchn_close end = { .port = port };

	if (!find(port))
		return;
	evtchn_ignore(port);
	hypercall_event_channel(EVTCHNOP_close, &end);
}

/* A port that is not on the list is one of an earlier life, or nobody's. */
void evtchn_send(unsigned port)
{
	if (find(port))
		hypercall_event_send(port); /* fails only for a port whose other end is gone: nobody to tell */
}

/*
 * Clears one pending bit; whether it was set. One locked instruction: Xen sets bits of the same
 * word meanwhile.
 */
static bool take(unsigned port)
{
	unsigned long bit = 1ul << (port % 64);

	return __atomic_fetch_and(&flavour_shared_info()->evtchn_pending[port / 64], ~bit, __ATOMIC_SEQ_CST) & bit;
}

/* Counts an event, and mutes the port when too many in a row were for nothing. */
static void note(struct port *p)
{
	uint32_t doublings;

	p->fired++;
	p->idle = p->worked ? 0 : p->idle + 1;
	p->worked = false;
	if (p->idle < IDLE_MAX)
		return;
	doublings = p->idle - IDLE_MAX < MUTE_DOUBLINGS ? p->idle - IDLE_MAX : MUTE_DOUBLINGS;
	p->mute_until = clock_now() + (MUTE_NS << doublings);
	if (p->idle == IDLE_MAX)
		log_line(LOG_WARN, "evtchn: port %u fires for nothing, listening less", p->port);
}

/* Lists the ports to wait for. Moves *deadline to when the first muted one is back. */
static unsigned list(unsigned *v, uint64_t *deadline)
{
	uint64_t now = clock_now();
	unsigned n = 0;

	for (unsigned i = 0; i < n_ports; i++) {
		if (ports[i].mute_until <= now)
			v[n++] = ports[i].port;
		else if (ports[i].mute_until < *deadline)
			*deadline = ports[i].mute_until;
	}
	return n;
}

/*
 * One SCHEDOP_poll. A refusal may not become a busy loop, nor an endless sleep: then sleep a little
 * without ports.
 */
static void sleep(unsigned *v, unsigned n, uint64_t deadline)
{
	uint64_t until = deadline == PLAT_FOREVER ? 0 : clock_to_system(deadline);
	uint64_t stray = clock_now() + STRAY_NS;

	if (hypercall_poll(v, n, until) == 0)
		return;
	hypercall_poll(v, 0, clock_to_system(stray < deadline ? stray : deadline));
}

void evtchn_nap(uint64_t when)
{
	if (when < nap)
		nap = when;
}

void evtchn_wait(uint64_t deadline)
{
	unsigned v[EVTCHN_WAIT_MAX];
	unsigned n;

	if (nap < deadline)
		deadline = nap;
	nap = PLAT_FOREVER;
	if (deadline <= clock_now())
		return;
	n = list(v, &deadline);
	sleep(v, n, deadline);
	for (unsigned i = 0; i < n; i++)
		if (take(v[i]))
			note(find(v[i]));
}

void evtchn_wait_for(unsigned port, uint64_t deadline)
{
	if (deadline <= clock_now())
		return;
	sleep(&port, 1, deadline);
	take(port);
}

void evtchn_worked(unsigned port)
{
	struct port *p = find(port);

	if (p)
		p->worked = true;
}

uint64_t evtchn_fired(unsigned port)
{
	struct port *p = find(port);

	return p ? p->fired : 0;
}

unsigned evtchn_used(void)
{
	return n_ports;
}
