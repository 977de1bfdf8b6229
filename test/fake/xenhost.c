/* SPDX-License-Identifier: MIT */
/*
 * The fake Xen's own part: hypercalls, event channels, time, the console, and the flavour of a guest that is a process.
 * Read xenhost.h first.
 */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/core.h"
#include "core/err.h"
#include "core/x86/gate.h"
#include "test/fake/xenhost.h"
#include "test/fake/xenhost_fetch.h"
#include "xen/flavour.h"
#include "xen/hypercall.h"

#define LOOKS 512u          /* looks at the clock between two turns of the other side */
#define TICK_NS 50u         /* of virtual time for each look at the clock */
#define STEP_NS 10000u      /* for each turn of the other side */
#define IDLE_TURNS 2000u    /* so many turns with nothing to do, and no deadline: a deadlock */
#define PORTS 1024u

struct xenhost xenhost = { .seed = 1, .memory = 32u << 20, .cmdline = "", .grant_frames = 64, .ports = PORTS - 1 };

unsigned xenhost_store_port = 1;
static unsigned console_port = 2;
static struct shared_info *shared;
static struct xencons_interface *console;
static uint64_t now = 1000000000ull;
static uint64_t random_state;
static bool sealed, running;
static char said[1 << 16];
static size_t said_len;

static struct {
	bool used, bound, kicked;
	unsigned domid;
} port[PORTS];

void xenhost_wrong(const char *fmt, ...)
{
	va_list ap;

	printf("not ok - xenhost: ");
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	fflush(stdout);
	_exit(XENHOST_WRONG);
}

uint64_t xenhost_random(void)
{
	random_state += 0x9e3779b97f4a7c15ull;
	uint64_t z = random_state + xenhost.seed * 0xd1342543de82ef95ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

uint64_t xenhost_below(uint64_t n)
{
	return n ? xenhost_random() % n : 0;
}

bool xenhost_lies(enum xenhost_lie lie)
{
	if (xenhost.lie != lie)
		return false;
	xenhost.lie = LIE_NONE;
	return true;
}

/* ---- time: the cycle counter counts for nothing (multiplier 0), so the record's stamp is the time ---- */

static void set_time(uint64_t to)
{
	now = to;
	shared->vcpu_info[0].time.system_time = now;
	shared->vcpu_info[0].time.version += 2;
}

void xenhost_advance(uint64_t ns)
{
	set_time(now + ns);
}

uint64_t xenhost_now(void)
{
	return now;
}

/* The shared info of another domain on another host, empty, with its own time; no port but the toolstack's two. */
void xenhost_move(uint64_t system_time, uint64_t wall, unsigned store, unsigned to_console)
{
	if (!xenhost.in_place) {
		free(shared); /* sanitizers find who still looks */
		shared = calloc(1, sizeof(*shared));
	}
	memset(shared, 0, sizeof(*shared));
	shared->wc_sec = (uint32_t)((wall - system_time) / 1000000000);
	shared->wc_nsec = (uint32_t)((wall - system_time) % 1000000000);
	shared->wc_version = 2;
	set_time(system_time);
	memset(port, 0, sizeof(port));
	xenhost_store_port = store;
	console_port = to_console;
	port[store].used = port[store].bound = port[to_console].used = port[to_console].bound = true;
	if (xenhost_below(2))
		memset(console, 0, sizeof(*console));
}

/* ---- event channels ---- */

void xenhost_raise(unsigned p)
{
	if (p >= PORTS || !port[p].used)
		return;
	shared->evtchn_pending[p / 64] |= 1ul << p % 64;
}

bool xenhost_bind(unsigned p, unsigned domid)
{
	if (p >= PORTS || !port[p].used || port[p].bound || port[p].domid != domid)
		return false;
	port[p].bound = true;
	return true;
}

void xenhost_unbind(unsigned p)
{
	if (p < PORTS)
		port[p].bound = false;
}

bool xenhost_kicked(unsigned p)
{
	bool was = p < PORTS && port[p].kicked;

	if (was)
		port[p].kicked = false;
	return was;
}

unsigned xenhost_ports_used(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < PORTS; i++)
		n += port[i].used;
	return n;
}

static long alloc_unbound(struct evtchn_alloc_unbound *op)
{
	for (unsigned i = xenhost_store_port > 2 ? 1 : 3; i < xenhost.ports; i++) {
		if (port[i].used)
			continue;
		port[i].used = true;
		port[i].bound = port[i].kicked = false;
		port[i].domid = op->remote_dom;
		op->port = i;
		return 0;
	}
	return -28;
}

static long close_port(unsigned p)
{
	if (p >= PORTS || !port[p].used)
		return -22;
	port[p].used = false;
	shared->evtchn_pending[p / 64] &= ~(1ul << p % 64);
	return 0;
}

static long send(unsigned p)
{
	xenhost.sends++;
	if (p >= PORTS || !port[p].used)
		xenhost_wrong("send on port %u, which is not there", p);
	port[p].kicked = true;
	if (xenhost_below(8) == 0)
		xenhost_run(1);
	return 0;
}

static long event_channel(unsigned cmd, void *arg)
{
	switch (cmd) {
	case EVTCHNOP_alloc_unbound:
		return alloc_unbound(arg);
	case EVTCHNOP_close:
		return close_port(((struct evtchn_close *)arg)->port);
	case EVTCHNOP_send:
		return send(((struct evtchn_send *)arg)->port);
	default:
		xenhost_wrong("event channel operation %u", cmd);
	}
}

/* ---- the console's other end ---- */

const char *xenhost_console(void)
{
	said[said_len] = 0;
	return said;
}

static bool console_run(void)
{
	bool did = false;

	while (!xenhost.console_dead && console->out_cons != console->out_prod) {
		char c = console->out[MASK_XENCONS_IDX(console->out_cons, console->out)];

		if (console->out_prod - console->out_cons > sizeof(console->out))
			xenhost_wrong("console counter ran over");
		console->out_cons++;
		if (said_len < sizeof(said) - 1 && c != '\r')
			said[said_len++] = c;
		if (!xenhost.quiet && c != '\r')
			putchar(c);
		did = true;
	}
	if (did)
		xenhost_raise(console_port);
	return did;
}

void xenhost_type(const char *keys)
{
	for (; *keys; keys++)
		console->in[MASK_XENCONS_IDX(console->in_prod++, console->in)] = *keys;
	xenhost_raise(console_port);
}

void xenhost_shutdown(const char *request)
{
	xenhost_set("/local/domain/%u/control/shutdown=%s", XENHOST_GUEST, request);
}

/* ---- waiting ---- */

static bool turn(void)
{
	bool did = console_run();

	did |= xenhost_store_run();
	did |= xenhost_net_run();
	did |= xenhost_blk_run();
	return did;
}

void xenhost_run(unsigned times)
{
	while (times-- > 0) {
		set_time(now + STEP_NS);
		turn();
	}
}

static bool any_pending(const evtchn_port_t *v, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		if (v[i] >= PORTS || !port[v[i]].used)
			xenhost_wrong("poll of port %u, which is not there", v[i]);
		if (shared->evtchn_pending[v[i] / 64] >> v[i] % 64 & 1)
			return true;
	}
	return false;
}

static long poll(struct sched_poll *op)
{
	evtchn_port_t *v = op->ports.p;
	unsigned idle = 0;

	xenhost.polls++;
	if (op->nr_ports > EVTCHN_WAIT_MAX)
		return -22;
	while (!any_pending(v, op->nr_ports) && xenhost_below(10000) >= xenhost.spurious) {
		bool did = turn();

		idle = did ? 0 : idle + 1;
		if (op->timeout && now >= op->timeout)
			return 0;
		if (op->timeout && idle > 3)
			set_time(op->timeout);
		else
			set_time(now + STEP_NS);
		if (!op->timeout && idle > IDLE_TURNS)
			xenhost_wrong("deadlock: the guest sleeps for ever and nobody has anything to do");
	}
	return 0;
}

static long shutdown(unsigned reason)
{
	const char *status = xenhost_get("/local/domain/1/data/exit-status");

	console_run();
	if (xenhost.exit_status && (!status || strcmp(status, xenhost.exit_status)))
		xenhost_wrong("exit status %s told, not %s", status ? status : "not", xenhost.exit_status);
	fflush(stdout);
	if (reason == SHUTDOWN_crash)
		_exit(XENHOST_CRASH);
	_exit(reason == SHUTDOWN_reboot ? XENHOST_REBOOT : 0);
}

static long grant_table(unsigned cmd, struct gnttab_query_size *q)
{
	if (cmd != GNTTABOP_query_size)
		xenhost_wrong("grant table operation %u", cmd);
	q->nr_frames = 1;
	q->max_nr_frames = xenhost.grant_frames;
	q->status = GNTST_okay;
	return 0;
}

long hypercall(unsigned nr, unsigned long a1, unsigned long a2, unsigned long a3, unsigned long a4, unsigned long a5)
{
	(void)a3, (void)a4, (void)a5;
	if (sealed && nr != __HYPERVISOR_sched_op && nr != __HYPERVISOR_event_channel_op)
		xenhost_wrong("hypercall %u (%lu) after the seal", nr, a1);
	if (nr == __HYPERVISOR_event_channel_op)
		return event_channel((unsigned)a1, (void *)a2);
	if (nr == __HYPERVISOR_sched_op && a1 == SCHEDOP_poll)
		return poll((void *)a2);
	if (nr == __HYPERVISOR_sched_op && a1 == SCHEDOP_shutdown)
		return shutdown(((struct sched_shutdown *)a2)->reason);
	if (nr == __HYPERVISOR_grant_table_op)
		return grant_table((unsigned)a1, (void *)a2);
	xenhost_wrong("hypercall %u (%lu)", nr, a1);
}

/* ---- flavour.h ---- */

void flavour_start(void)
{
	void *p = mmap((void *)XENHOST_BASE, xenhost.memory, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE | MAP_NORESERVE, -1, 0);

	if (p != (void *)XENHOST_BASE)
		xenhost_wrong("no memory at %#lx", XENHOST_BASE);
	shared = calloc(1, sizeof(*shared));
	console = calloc(1, sizeof(*console));
	shared->wc_sec = 1750000000;
	shared->wc_version = 2;
	set_time(now);
	port[xenhost_store_port].used = port[xenhost_store_port].bound = true;
	port[console_port].used = port[console_port].bound = true;
}

const char *flavour_name(void)
{
	return "fake";
}

struct shared_info *flavour_shared_info(void)
{
	static unsigned looks;

	set_time(now + TICK_NS);
	if (++looks % LOOKS == 0)
		turn(); /* a guest that only looks at the clock is not alone in the world */
	return shared;
}

struct xencons_interface *flavour_console(unsigned *p)
{
	*p = console_port;
	return console;
}

struct xenstore_domain_interface *flavour_xenstore(unsigned *p)
{
	*p = xenhost_store_port;
	return xenhost.no_store ? NULL : xenhost_store_page();
}

uint64_t flavour_frame(const void *addr)
{
	return (uintptr_t)addr / PAGE_SIZE;
}

size_t flavour_memory(struct plat_range *v, size_t max)
{
	if (max == 0)
		return 0;
	v[0] = (struct plat_range){ XENHOST_BASE, xenhost.memory };
	return 1;
}

uint64_t flavour_given(void)
{
	return 0;
}

/* What Xen has is out of reach. Neighbours go in one call, up or down. */
int flavour_balloon(const uintptr_t *pages, unsigned n, bool give)
{
	for (unsigned i = 0; i < n;) {
		uintptr_t first = pages[i], last = pages[i];

		for (i++; i < n && (pages[i] == last + PAGE_SIZE || pages[i] == first - PAGE_SIZE); i++)
			*(pages[i] > last ? &last : &first) = pages[i];
		if (mprotect((void *)first, last - first + PAGE_SIZE, give ? PROT_NONE : PROT_READ | PROT_WRITE))
			xenhost_wrong("page %#lx, which is not memory", first);
	}
	xenhost.ballooned = give ? xenhost.ballooned + n : xenhost.ballooned - n;
	return (int)n;
}

const char *flavour_cmdline(void)
{
	return xenhost.cmdline;
}

int flavour_module(unsigned n, struct plat_range *module)
{
	(void)n, (void)module;
	return -ERR_NOENT;
}

void flavour_seal(void)
{
	gate_seal();
	running = true;
	sealed = !xenhost.open_for_ever;
	if (sealed)
		xenhost_grant_seal();
}

void flavour_say(const char *s, size_t len)
{
	(void)s, (void)len;
}

bool flavour_running(void)
{
	return running;
}

bool flavour_seals(void)
{
	return !xenhost.open_for_ever;
}

bool flavour_sealed(void)
{
	return sealed;
}

/* ---- cases ---- */

void xenhost_fetched(volatile void *p, unsigned len)
{
	for (unsigned i = 0; i < len && xenhost.scribble; i++)
		((volatile uint8_t *)p)[i] = (uint8_t)xenhost_random();
}

void xenhost_boot(void)
{
	struct plat_range v;

	plat_start();
	plat_memory(&v, 1);
	page_add(v.base, v.len);
}
