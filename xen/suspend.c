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
 * `suspend` is acknowledged and refused here, with a log line: the toolstack's save then runs into
 * its time limit and the guest lives on. The order in which it will be done stands at the end of
 * this file.
 */

#include "core/err.h"
#include "xen/flavour.h"
#include "xen/hypercall.h"

#define LIMIT_NS 30000000000ull
#define TX_TRIES 100
#define ENDED_LATE 143 /* what a shell says of SIGTERM */

static struct xenstore_watch shutdown_watch, sysrq_watch;
static uint64_t limit = PLAT_FOREVER;
static bool reboot;

void suspend_start(void)
{
	static const char *const honoured[] = { "control/feature-poweroff", "control/feature-reboot" };

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
	} else {
		log_line(LOG_WARN, "xen: %s is not done here", request);
	}
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
	if (request[0] == 'o' || request[0] == 'b')
		plat_exit(request[0] == 'b' ? PLAT_REBOOT : PLAT_OFF, 0);
}

bool suspend_poll(void)
{
	if (shutdown_watch.fired)
		take_shutdown();
	if (sysrq_watch.fired)
		take_sysrq();
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
	return limit;
}

/*
 * Suspend and resume, for issue 4, in this order. Before: every frontend stops submitting; PV
 * writes its P2M where the toolstack looks and canonicalises start_info;
 * SCHEDOP_shutdown(SHUTDOWN_suspend). It returns 1 when cancelled: nothing has changed. It returns
 * 0 elsewhere: flavour_start()'s part that maps shared info, then clock_start(), evtchn_start(),
 * gnttab_resume(), xenstore_resume(), console_start(), then each frontend's reconnect, then
 * plat_random() stirred again.
 */
