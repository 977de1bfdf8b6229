/* SPDX-License-Identifier: MIT */
#ifndef CORE_PLAT_H
#define CORE_PLAT_H

/*
 * The door between the core and what it stands on: memory, time, console, end.
 *
 * Each platform and test/fake/ define all of these names; the linker binds one set. nic.h and
 * blk.h are the door's other two leaves. The core asks, the platform answers: the platform is never
 * handed a function to call. Every caller is a thread, never an interrupt handler; interrupts are
 * masked everywhere but inside plat_wait(), and all an interrupt does is end it.
 * Every address is both virtual and physical: memory is mapped one to one.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A deadline that never comes. */
#define PLAT_FOREVER UINT64_MAX

struct plat_range {
	uintptr_t base;
	size_t len; /* bytes */
};

/* What the machine is, for people, and for whoever is faster when he knows: one or two words each, static storage, never NULL. */
struct plat_about {
	const char *platform;    /* its room: "fake", ... */
	const char *machine;     /* "q35", "microvm", "pv", ... as far as it can be told */
	const char *accelerator; /* what executes the guest, by CPUID: "tcg", ... or "unknown" */
	const char *clock;       /* "tsc", ... */
	const char *boot;        /* "pvh", "multiboot", "pv" */
};

/* How a run ends. */
enum plat_end {
	PLAT_OFF,    /* power off; the status reaches the host where there is a way */
	PLAT_REBOOT, /* start again */
	PLAT_CRASH,  /* the guest gave up: the host must see a failure */
};

/*
 * Brings up console and clock, finds memory. Called once, first, with start_info as the boot
 * protocol left it. The console works before anything in here can fail. Panics when the machine
 * lacks what nothing can do without.
 */
void plat_start(void);

/*
 * Ends set-up: from here on no executable mapping can be made and set-up registers are out of reach
 * (gate_seal). Called once, after every nic_open() and blk_open() that the image makes at start and
 * before main(). Devices opened later must have been found before.
 */
void plat_seal(void);

void plat_about(struct plat_about *about);

/*
 * Fills v with up to max ranges of RAM that is free for the core: page-aligned, mapped read-write,
 * in ascending order, without image, page tables, boot information and boot modules. Returns the
 * number of ranges.
 */
size_t plat_memory(struct plat_range *v, size_t max);

/*
 * Gives n pages, at most PLAT_BALLOON, to the host for a while, or takes them back. They are the
 * core's, free of any use; what they held is lost. Returns how many of the first of them changed
 * hands (0: not now), or -ERR_NODEV: this machine cannot do it. May poll a device, for a second where that is broken.
 */
#define PLAT_BALLOON 64u
int plat_balloon(const uintptr_t *pages, unsigned n, bool give);

/*
 * The command line, NUL-terminated, valid for ever; "" where there is none. At most 4095 bytes: a
 * longer one is cut, with a log line.
 */
const char *plat_cmdline(void);

/* Boot module n (0, 1, ...): read-only, valid for ever. Returns 0, or -ERR_NOENT past the last. */
int plat_module(unsigned n, struct plat_range *module);

/*
 * Ends the machine. status is main()'s; 0 to 255 can be told to the host, see docs of each
 * platform.
 */
_Noreturn void plat_exit(enum plat_end how, int status);

/*
 * True once the host has asked for an orderly stop (ACPI power button, control/shutdown). Cheap:
 * may be polled.
 */
bool plat_asked_to_stop(void);

/*
 * Another number whenever a device may have come, gone or changed: then nic_info() and blk_info() of
 * what is open, and nic_open() and blk_open() of what is not, are worth a call. Cheap.
 */
unsigned plat_changes(void);

/* Nanoseconds since plat_start(). Never goes back. Never blocks. */
uint64_t plat_now(void);

/*
 * Nanoseconds since 1970-01-01 UTC, 0 where the machine has no calendar clock. May be stepped by
 * the host.
 */
uint64_t plat_wall(void);

/*
 * Sleeps until plat_now() >= deadline, an armed device has work, or a console key is pressed:
 * whichever is first. May return early for no reason: callers loop on their condition. Returns at
 * once where the deadline has passed. What was armed and became ready before the call is not lost.
 */
void plat_wait(uint64_t deadline);

/*
 * Writes to the console. Does not block for a healthy console; what a stuck one does not take is
 * dropped and counted. Bytes may be held back until plat_console_flush(), plat_wait() or a full
 * buffer.
 */
void plat_console_write(const char *s, size_t len);
void plat_console_flush(void);

/* Takes up to max typed bytes. Returns how many; 0 is none now. Never blocks. */
size_t plat_console_read(char *buf, size_t max);

/*
 * Fills buf with random bytes fit for keys. Returns 0, or -ERR_AGAIN when the machine has given no
 * entropy yet: buf is then untouched. Never a weak answer.
 */
int plat_random(void *buf, size_t len);

#endif
