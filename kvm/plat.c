/* SPDX-License-Identifier: MIT */
#include "core/plat.h"

/*
 * The door of plat.h on KVM and QEMU: start, seal, memory, sleep and end; what others do is
 * called from here.
 *
 * Read first: kvm.h (who is who). Between plat_start() and plat_seal() everything of the machine
 * is in reach; devices are found at the latest by the seal, which leaves only what data paths
 * need.
 */

#include "core/core.h"
#include "core/x86/bootinfo.h"
#include "core/x86/gate.h"
#include "core/x86/io.h"
#include "core/x86/random.h"
#include "kvm/kvm.h"
#include "kvm/vioballoon.h"
#include "kvm/viorng.h"

/*
 * QEMU's isa-debug-exit, at the address that everybody uses and at its default: the status
 * becomes QEMU's own, times two, plus one.
 */
#define EXIT_PORT 0xf4u
#define EXIT_PORT_DEFAULT 0x501u
#define EXIT_CRASH 0x7fu /* QEMU ends with 255 */

/* Interrupt masks of the two PICs, which nobody here listens to. */
#define PIC1_MASK 0x21u
#define PIC2_MASK 0xa1u

/*
 * The console first, so that whatever fails can say so. Everything else that set-up needs is done
 * when somebody needs it, and at the latest by the seal.
 */
void plat_start(void)
{
	console_start();
	outb(PIC1_MASK, 0xff);
	outb(PIC2_MASK, 0xff);
	clock_start();
	if (!bootinfo.boot)
		log_line(LOG_ERR, "boot: the loader left no boot information (a command line of more than %u bytes?)", BOOTINFO_CMDLINE - 1);
	slots_take(bootinfo.cmdline);
	if (bootinfo.cmdline_cut)
		log_line(LOG_WARN, "command line cut at %u bytes", BOOTINFO_CMDLINE - 1);
}

/*
 * Devices, the keyboard's and the button's interrupt: all that needs what is now taken away. MSI-X
 * tables, IOAPICs and PCI configuration are unmapped before the gate closes.
 */
void plat_seal(void)
{
	viorng_start(); /* finds every other device too */
	vioballoon_start();
	console_seal();
	power_seal();
	(void)machine_name();
	map_seal();
	gate_seal();
}

void plat_about(struct plat_about *about)
{
	*about = (struct plat_about){ .platform = "kvm", .machine = machine_name(), .accelerator = machine_accelerator(),
		.clock = clock_name(), .boot = bootinfo.boot ? bootinfo.boot : "unknown" };
}

/* bootinfo.c has checked and sorted them. */
size_t plat_memory(struct plat_range *v, size_t max)
{
	return bootinfo_memory(v, max);
}

const char *plat_cmdline(void)
{
	return bootinfo.cmdline;
}

int plat_module(unsigned n, struct plat_range *module)
{
	return bootinfo_module(n, module);
}

/*
 * Where there is a debug exit, the machine ends at its first write. A crash without one powers
 * off as well: the reason has been printed, and a guest that restarts for ever would hide it.
 */
_Noreturn void plat_exit(enum plat_end how, int status)
{
	console_flush();
	if (how == PLAT_REBOOT)
		gate_reset();
	outb(EXIT_PORT, how == PLAT_CRASH ? EXIT_CRASH : (uint8_t)status);
	outb(EXIT_PORT_DEFAULT, how == PLAT_CRASH ? EXIT_CRASH : (uint8_t)status);
	power_off();
	gate_reset();
}

/* Devices stay as they are found; their sizes and carriers are looked at anyway. */
unsigned plat_changes(void)
{
	return 0;
}

int plat_balloon(const uintptr_t *pages, unsigned n, bool give)
{
	return vioballoon_move(pages, n, give);
}

bool plat_asked_to_stop(void)
{
	return power_pressed();
}

uint64_t plat_now(void)
{
	return clock_now();
}

uint64_t plat_wall(void)
{
	return clock_wall();
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/*
 * Whoever reads the console is to see what was printed before the machine sleeps. Console, button,
 * balloon and clock may want to be looked at before the deadline; a new wish of the host's has set a
 * timer that the deadline does not know.
 */
void plat_wait(uint64_t deadline)
{
	console_flush();
	if (vioballoon_look())
		return;
	deadline = earlier(deadline, console_nap());
	deadline = earlier(deadline, vioballoon_nap());
	deadline = earlier(deadline, power_nap());
	intr_wait(earlier(deadline, clock_nap()));
}

void plat_console_write(const char *s, size_t len)
{
	console_write(s, len);
}

void plat_console_flush(void)
{
	console_flush();
}

size_t plat_console_read(char *buf, size_t max)
{
	return console_read(buf, max);
}

/* A CPU with a generator of its own seeds at once, and anew each time; without one that is the host's part. */
int plat_random(void *buf, size_t len)
{
	if (!random_ready())
		random_mix_cpu();
	if (!random_ready())
		viorng_start();
	viorng_poll(!random_ready() || !random_renews());
	return random_fill(buf, len);
}
