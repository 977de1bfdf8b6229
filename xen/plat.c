/* SPDX-License-Identifier: MIT */
#include "core/core.h"

/*
 * plat.h on Xen: the order of start, sleep and end. Each part has its own file: time is clock.c,
 * events evtchn.c, the console console.c; what PV and PVH do differently is behind flavour.h.
 */

#include "core/err.h"
#include "core/x86/cpu.h"
#include "core/x86/random.h"
#include "xen/flavour.h"
#include "xen/hypercall.h"

static bool has_xenstore;

void plat_start(void)
{
	struct xenstore_domain_interface *store;
	unsigned port;

	flavour_start();
	clock_start();
	evtchn_start();
	console_start();
	gnttab_start();
	store = flavour_xenstore(&port);
	has_xenstore = store != NULL;
	if (!store) {
		log_line(LOG_WARN, "xen: no xenstore: no disks, no network, no orderly shutdown");
		return;
	}
	xenstore_start(store, port);
	suspend_start();
	memory_start();
}

void plat_seal(void)
{
	gnttab_set_aside();
	flavour_seal();
}

/* The leaf that signs is Xen's; where TCG executes Xen itself, the CPU's own name says so. */
static const char *accelerator(void)
{
	struct cpu_id name = cpu_id_checked(0x80000002u);

	return __builtin_memcmp(&name, "QEMU TCG", 8) ? "xen" : "tcg";
}

void plat_about(struct plat_about *about)
{
	*about = (struct plat_about){ "xen", flavour_name(), accelerator(), "xen", flavour_name() };
}

size_t plat_memory(struct plat_range *v, size_t max)
{
	return flavour_memory(v, max);
}

const char *plat_cmdline(void)
{
	return flavour_cmdline();
}

int plat_module(unsigned n, struct plat_range *module)
{
	return flavour_module(n, module);
}

/*
 * The status goes where the toolstack lets us write, data/: `xenstore-read
 * /local/domain/N/data/exit-status` until N is gone.
 */
static void tell_status(int status)
{
	char text[12];

	if (!has_xenstore)
		return;
	fmt_format(text, sizeof(text), "%d", status);
	xenstore_write(XENSTORE_NO_TX, "data/exit-status", text);
}

void plat_exit(enum plat_end how, int status)
{
	static bool ending; /* telling may itself fail and come back here */

	if (!ending) {
		ending = true;
		tell_status(status);
		console_drain();
	}
	if (how == PLAT_OFF && suspend_reboot())
		how = PLAT_REBOOT; /* the program ended because a reboot was asked for */
	for (;;)
		hypercall_shutdown(how == PLAT_OFF ? SHUTDOWN_poweroff : how == PLAT_REBOOT ? SHUTDOWN_reboot : SHUTDOWN_crash);
}

bool plat_asked_to_stop(void)
{
	xenstore_poll();
	memory_poll();
	return suspend_poll();
}

unsigned plat_changes(void)
{
	return xenstore_changes();
}

uint64_t plat_now(void)
{
	return clock_now();
}

uint64_t plat_wall(void)
{
	return clock_wall();
}

void plat_wait(uint64_t deadline)
{
	plat_console_flush();
	xenstore_poll();
	if (!xenstore_news() && !(suspend_due() && !suspend_busy)) {
		uint64_t limit = suspend_limit();

		evtchn_wait(deadline < limit ? deadline : limit);
		xenstore_poll();
		xenstore_news(); /* the caller polls everything now: that is what news asks for */
	}
	suspend_poll();
}

int plat_random(void *buf, size_t len)
{
	if (!random_ready())
		random_mix_cpu(); /* Xen has no device for this; it shows its guests RDSEED and RDRAND */
	return random_fill(buf, len);
}
