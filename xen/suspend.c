/* SPDX-License-Identifier: MIT */
#include "core/core.h"

/*
 * What the toolstack asks of a running guest: control/shutdown and control/sysrq in xenstore.
 *
 * A request is acknowledged by writing "" in a transaction that also read it, so that none is lost
 * in between. The nodes that say what we honour may be missing and read-only; that is normal, and
 * the requests are honoured all the same (docs/misc/xenstore-paths, control/feature-*). The program
 * is told through plat_asked_to_stop() and has LIMIT_NS to end; then it is ended.
 *
 * A suspend (xl save, xl migrate) is done between two looks at the devices, never inside one, so
 * everything in memory is whole. Requests to disks are let come back first: one that is put again
 * elsewhere could else overtake itself here, and overwrite what was written after it. What has not
 * come back after PATIENCE_NS is put again all the same. Then SCHEDOP_shutdown, which has two answers: 1,
 * cancelled, nothing has changed; 0, we are in another domain, maybe on another host, where memory is
 * what it was and all that was shared with others is new. What is xen/'s is made again here, in the
 * order of plat_start(); frontends notice by suspend_lives() and connect anew.
 */

#include "core/err.h"
#include "core/x86/cpu.h"
#include "core/x86/random.h"
#include "xen/flavour.h"
#include "xen/hypercall.h"

#define PATIENCE_NS 5000000000ull
#define UUID 48u
#define LIMIT_NS 30000000000ull
#define TX_TRIES 100
#define ENDED_LATE 143 /* what a shell says of SIGTERM */

static struct xenstore_watch shutdown_watch, sysrq_watch;
static uint64_t limit = PLAT_FOREVER;
static bool reboot;

unsigned suspend_busy;
static bool due;
static uint64_t patience; /* until when a suspend waits for disks */
static unsigned lives;

void suspend_start(void)
{
	static const char *const honoured[] = { "control/feature-poweroff", "control/feature-reboot", "control/feature-suspend" };

	for (size_t i = 0; i < sizeof(honoured) / sizeof(honoured[0]); i++)
		xenstore_write(XENSTORE_NO_TX, honoured[i], "1");
	xenstore_watch(&shutdown_watch, "control/shutdown");
	xenstore_watch(&sysrq_watch, "control/sysrq");
}

/* Reads a request and acknowledges it. Returns its length; 0: none. */
static int take_request(const char *path, char *buf, size_t size)
{
	int rc = -ERR_AGAIN;
	uint32_t tx;

	for (int i = 0; i < TX_TRIES && rc == -ERR_AGAIN; i++) {
		int len, end;

		if (xenstore_begin(&tx) < 0)
			return 0;
		len = xenstore_read(tx, path, buf, size);
		if (len > 0)
			xenstore_write(tx, path, "");
		end = xenstore_end(tx, len > 0);
		rc = end < 0 && len > 0 ? end : len;
	}
	return rc > 0 ? rc : 0;
}

static bool is(const char *request, const char *name)
{
	return __builtin_strcmp(request, name) == 0;
}

static void take_shutdown(void)
{
	char request[16];

	shutdown_watch.fired = false;
	if (take_request("control/shutdown", request, sizeof(request)) == 0)
		return;
	log_line(LOG_INFO, "xen: the toolstack asks for %s", request);
	if (is(request, "crash"))
		hypercall_shutdown(SHUTDOWN_crash);
	if (is(request, "poweroff") || is(request, "halt") || is(request, "reboot")) {
		reboot = is(request, "reboot");
		limit = clock_now() + LIMIT_NS;
	} else if (is(request, "suspend")) {
		due = true;
		patience = clock_now() + PATIENCE_NS;
	} else {
		log_line(LOG_WARN, "xen: %s is not done here", request);
	}
}

/* ---- suspend ---- */

/*
 * Two guests restored from one image have the same pool of random numbers. What tells them apart at the
 * least: the time, and the name that the toolstack has given to this one. The CPU's generator is mixed in
 * where there is one, here and at each answer.
 */
static void stir(void)
{
	char uuid[UUID] = "";
	struct {
		uint64_t wall, system, cycles;
	} now = { clock_wall(), clock_to_system(0), cpu_tsc() };

	xenstore_read(XENSTORE_NO_TX, "vm", uuid, sizeof(uuid)); /* "/vm/" and the UUID */
	random_mix(uuid, sizeof(uuid), 0);
	random_mix(&now, sizeof(now), 0);
	random_mix_cpu();
}

/* The order of plat_start(): each part needs those before it. */
static void resume(void)
{
	struct xenstore_domain_interface *store;
	unsigned port;

	clock_start();
	evtchn_start();
	console_start();
	gnttab_resume();
	store = flavour_xenstore(&port);
	if (!store)
		log_panic("xen: resumed, and there is no xenstore");
	xenstore_resume(store, port);
	lives++;
	stir();
	log_line(LOG_INFO, "xen: resumed, life %u", lives + 1);
}

/* The old line is out before the new one: a log that ends with it was cut here. */
static void suspend(void)
{
	long rc;

	due = false;
	log_line(LOG_INFO, "xen: suspending, %u disk requests are out", suspend_busy);
	console_drain();
	rc = flavour_suspend();
	if (rc == 0)
		resume();
	else if (rc > 0)
		log_line(LOG_INFO, "xen: the suspend was cancelled");
	else
		log_line(LOG_ERR, "xen: a suspend is refused, error %ld", -rc);
}

bool suspend_due(void)
{
	return due;
}

unsigned suspend_lives(void)
{
	return lives;
}

/* What can leak, in one line: each is again what it was when as many devices are there as were. */
static void tell_counts(void)
{
	log_line(LOG_WARN, "xen: %zu pages free, %u grants, %u parked, %u event channels, %u watches", page_unused(), gnttab_used(),
		 gnttab_parked(), evtchn_used(), xenstore_watches());
}

static void take_sysrq(void)
{
	char request[4];

	sysrq_watch.fired = false;
	if (take_request("control/sysrq", request, sizeof(request)) == 0)
		return;
	log_line(LOG_WARN, "xen: sysrq %s", request);
	if (request[0] == 'c')
		log_panic("xen: a crash was asked for by sysrq");
	if (request[0] == 'm')
		tell_counts();
	if (request[0] == 'o' || request[0] == 'b')
		plat_exit(request[0] == 'b' ? PLAT_REBOOT : PLAT_OFF, 0);
}

bool suspend_poll(void)
{
	if (shutdown_watch.fired)
		take_shutdown();
	if (sysrq_watch.fired)
		take_sysrq();
	if (due && (!suspend_busy || clock_now() >= patience))
		suspend();
	if (limit != PLAT_FOREVER && clock_now() >= limit) {
		log_line(LOG_ERR, "xen: asked to end, and did not in time");
		plat_exit(reboot ? PLAT_REBOOT : PLAT_OFF, ENDED_LATE);
	}
	return limit != PLAT_FOREVER;
}

bool suspend_reboot(void)
{
	return reboot;
}

uint64_t suspend_limit(void)
{
	return due && patience < limit ? patience : limit;
}
