/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include <stdio.h>

/*
 * kvm/console.c, kvm/power.c and the end of the machine on the fake one: output held back and
 * sent in bursts, a stuck port, keys and the power button that end a sleep, exit status.
 */

#include <stdlib.h>
#include <string.h>

#include "core/core.h"
#include "core/plat.h"
#include "test/child.h"
#include "test/fake/vmm.h"
#include "test/tap.h"

static void boot(void)
{
	vmm.quiet = true;
	vmm_start();
	plat_start();
}

static void say(const char *s)
{
	plat_console_write(s, strlen(s));
}

/* ---- output ---- */

static void run_output(void)
{
	static char want[6000];
	unsigned long before;

	boot();
	say("one ");
	must(!*vmm_serial());
	plat_console_flush();
	must(!strcmp(vmm_serial(), "one "));
	before = vmm.exits;
	plat_console_flush();
	must(vmm.exits == before);
	strcpy(want, "one ");
	for (unsigned i = 0; i < 500; i++) {
		char line[32];

		snprintf(line, sizeof line, "line %u\n", i);
		say(line);
		strcat(want, line);
	}
	plat_console_flush();
	must(!strcmp(vmm_serial(), want));
}

/* A burst as deep as the FIFO for one look at the line status, where the host is quick. */
static void run_bursts(void)
{
	char text[161];
	unsigned long before;

	boot();
	vmm.exit_ns = 200000; /* each access takes longer than a byte on the line */
	memset(text, 'x', 160);
	text[160] = '\0';
	say(text);
	before = vmm.exits;
	plat_console_flush();
	must(strlen(vmm_serial()) == 160);
	must(vmm.exits - before <= 160 + 12);
}

/* What is printed and then left alone goes out when more is printed, or before a sleep. */
static void run_old(void)
{
	boot();
	say("a");
	vmm_advance(50000000);
	say("b");
	must(!strcmp(vmm_serial(), "ab"));
	say("c");
	plat_wait(plat_now() + 1000000);
	must(!strcmp(vmm_serial(), "abc"));
}

static void run_stuck(void)
{
	uint64_t start;

	boot();
	say("before\n");
	plat_console_flush();
	vmm_advance(10000000);
	say("0123456789abcdef");
	plat_console_flush(); /* the FIFO takes that much, and keeps it */
	vmm.serial_stuck = true;
	start = vmm_time();
	say("lost once\n");
	plat_console_flush();
	must(vmm_time() - start < 1000000000ull && vmm_time() - start > 50000000);
	start = vmm_time();
	for (unsigned i = 0; i < 100; i++) {
		say("lost\n");
		plat_console_flush();
	}
	must(vmm_time() - start < 10000000); /* given up: nobody waits any more */
	vmm.serial_stuck = false;
	vmm_advance(100000000);
	say("after\n");
	plat_console_flush();
	must(strstr(vmm_serial(), "0123456789abcdef\nconsole: 510 bytes dropped\nafter\n"));
}

/* ---- input ---- */

static size_t read_for(char *buf, size_t max, uint64_t ns)
{
	uint64_t end = vmm_time() + ns;
	size_t n = 0;

	while (vmm_time() < end) {
		n += plat_console_read(buf + n, max - n);
		plat_wait(plat_now() + (end > vmm_time() ? end - vmm_time() : 0));
	}
	buf[n] = '\0';
	return n;
}

static void run_input(void)
{
	char buf[64];

	boot();
	plat_seal();
	must(!plat_console_read(buf, sizeof buf));
	vmm_type("hello");
	must(vmm.interrupts == 1);
	must(read_for(buf, 60, 20000000) == 5 && !strcmp(buf, "hello"));
	vmm_type(" there");
	must(plat_console_read(buf, 3) <= 3);
}

/*
 * A key that comes just after we looked ends a sleep that has no end, and is read a few
 * milliseconds later.
 */
static void run_key_wakes(void)
{
	char c = 0;
	uint64_t start;

	vmm.kvmclock = true;
	boot();
	plat_seal();
	for (unsigned round = 0; round < 200; round++) {
		while (plat_console_read(&c, 1))
			;
		vmm_advance(vmm_below(12000000));
		(void)plat_console_read(&c, 1);
		vmm_type("k");
		start = vmm_time();
		for (c = 0; c != 'k'; )
			if (!plat_console_read(&c, 1))
				plat_wait(PLAT_FOREVER);
		must(vmm_time() - start < 8000000);
	}
}

/* Asking for keys all the time costs an exit now and then, and no more. */
static void run_idle_reads(void)
{
	unsigned long before;
	char c;

	vmm.kvmclock = true;
	boot();
	plat_seal();
	(void)plat_console_read(&c, 1);
	before = vmm.exits;
	for (unsigned i = 0; i < 100000; i++)
		(void)plat_console_read(&c, 1);
	must(vmm.exits - before < 10);
}

static void run_no_port(void)
{
	char c;

	vmm.kvmclock = true;
	boot();
	plat_seal();
	must(!plat_console_read(&c, 1));
}

/* ---- power ---- */

static void run_button(void)
{
	vmm.kvmclock = true;
	boot();
	plat_seal();
	must(!plat_asked_to_stop());
	vmm_press_button();
	while (!plat_asked_to_stop())
		plat_wait(PLAT_FOREVER);
	must(plat_asked_to_stop());
}

static void run_early_button(void)
{
	boot();
	vmm_press_button();
	plat_seal();
	must(plat_asked_to_stop());
}

static void end_with_status(void)
{
	vmm.debug_exit = true;
	boot();
	plat_seal();
	say("bye\n");
	plat_exit(PLAT_OFF, 3);
}

static void end_by_crash(void)
{
	vmm.debug_exit = true;
	boot();
	plat_exit(PLAT_CRASH, 1);
}

static void end_without(void)
{
	boot();
	plat_seal();
	plat_exit(PLAT_OFF, 0);
}

static void end_early(void)
{
	boot();
	plat_exit(PLAT_CRASH, 0);
}

static void end_in_reboot(void)
{
	boot();
	plat_seal();
	plat_exit(PLAT_REBOOT, 0);
}

/* ---- command line, machine ---- */

static void run_cmdline(void)
{
	vmm.cmdline = "ip=off virtio_mmio.device=512@0xfeb02a00:12 -- a \"b virtio_mmio.device=x\" virtio_mmio.device=4K@0xd0000000:5  virtio_mmio.device=junk";
	boot();
	must(!strcmp(plat_cmdline(), "ip=off -- a \"b virtio_mmio.device=x\""));
}

static void run_only_devices(void)
{
	vmm.cmdline = "virtio_mmio.device=512@0xfeb02a00:12 virtio_mmio.device=512@0xfeb02c00:13";
	boot();
	must(!strcmp(plat_cmdline(), ""));
}

static void run_about(void)
{
	struct plat_about about;

	boot();
	plat_seal();
	plat_about(&about);
	must(!strcmp(about.platform, "kvm") && !strcmp(about.machine, "q35") && !strcmp(about.accelerator, "tcg") && !strcmp(about.boot, "pvh"));
	must(!strcmp(about.clock, "tsc+pm-timer"));
}

int main(void)
{
	const char *seed = getenv("PITH_SEED");

	vmm.seed = seed ? strtoull(seed, NULL, 10) : 1;
	ok(child_ends(run_output, 0), "output is held back, and goes out in order");
	ok(child_ends(run_bursts, 0), "16 bytes for one look at the port");
	ok(child_ends(run_old, 0), "nothing is held back for long, or over a sleep");
	ok(child_ends(run_stuck, 0), "a stuck port is given up, and says so when it recovers");
	ok(child_ends(run_input, 0), "keys are read");
	ok(child_ends(run_key_wakes, 0), "a key ends a sleep without end, whenever it comes");
	ok(child_ends(run_idle_reads, 0), "asking for keys is cheap");
	ok(child_ends(run_no_port, 0), "no key where there is none");
	ok(child_ends(run_button, 0), "the power button ends a sleep without end");
	ok(child_ends(run_early_button, 0), "a button pressed before anybody looked");
	ok(child_ends(end_with_status, 3 << 1 | 1), "the exit status reaches the host");
	ok(child_ends(end_by_crash, 255), "a crash is seen as one");
	ok(child_ends(end_without, VMM_OFF) && child_ends(end_early, VMM_OFF), "without debug exit: powered off");
	ok(child_ends(end_in_reboot, VMM_RESET), "reboot");
	ok(child_ends(run_cmdline, 0) && child_ends(run_only_devices, 0), "the monitor's words are not the program's");
	ok(child_ends(run_about, 0), "what the machine is");
	return tap_done();
}
