/* SPDX-License-Identifier: MIT */
#ifndef KVM_KVM_H
#define KVM_KVM_H

/*
 * What the files of the KVM platform share: console, clock, interrupts, power.
 *
 * Everything runs in ring 3. Before plat_seal() any port and any device page is in reach; after
 * it only what a data path needs. Exits to the host are what costs here (up to 27 us each), so
 * every function says when it makes one.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- gate.c: the gate's calls that only KVM needs ---- */

/* Sets up the local APIC, before the first gate_wait(). Returns gate_deadline_mode(), which asks CPUID. */
bool gate_start_timer(void);
bool gate_deadline_mode(void);

/*
 * Sleeps until an interrupt. timer: with gate_deadline_mode() a TSC value, else a count of the
 * LAPIC timer at divide by 1 from now, at most 2^32 - 1; 0 sets no timer. Devices interrupt with
 * GATE_VECTOR_DEVICE of kvm/gate.h, fixed delivery, APIC 0.
 */
void gate_wait(uint64_t timer);

/*
 * Writes 0x4b564d00 or 0x4b564d01 (kvmclock): value is a page of ours, with bit 0 to enable; its
 * mapping can never change again. Returns 0, -ERR_PERM, -ERR_INVAL.
 */
int gate_msr(uint32_t msr, uint64_t value);

/* Resets the machine by a triple fault. */
_Noreturn void gate_reset(void);

/* ---- console.c: the serial port ---- */

void console_start(void);
void console_write(const char *s, size_t len);
void console_flush(void);
size_t console_read(char *buf, size_t max);
void console_seal(void);
uint64_t console_nap(void); /* when plat_wait() must end so that a typed byte is seen, PLAT_FOREVER for never */

/* ---- clock.c ---- */

void clock_start(void);
uint64_t clock_now(void);
uint64_t clock_wall(void);
uint64_t clock_nap(void);                /* when the clock must next be looked at to stay precise */
uint64_t clock_timer(uint64_t deadline); /* what gate_wait() needs to end then */
const char *clock_name(void);

/* ---- rtc.c ---- */

uint64_t rtc_read(void); /* seconds since 1970 UTC by the CMOS clock, 0 for none; some twenty exits */
unsigned rtc_second(void); /* 0 to 59 where there is one, perhaps in the midst of an update; two exits */

/* ---- machine.c ---- */

const char *machine_accelerator(void); /* "kvm", "tcg", ... "unknown" */
uint32_t machine_kvm_leaf(void);       /* CPUID leaf of KVM's signature, 0 when it is not KVM */
bool machine_has_hypervisor(void);     /* CPUID has leaves from 0x40000000 on */
const char *machine_name(void);        /* "q35", "pc", "microvm", ...; needs the seal open the first time */

/* ---- slots.c: where virtio-mmio devices may be ---- */

struct slot {
	uint64_t base;
	uint32_t len;
	unsigned gsi;
};

/* Takes the words `virtio_mmio.device=SIZE@ADDR:IRQ` out of the command line, in place. Once. */
void slots_take(char *cmdline);

/* The n-th place to look; false past the last. */
bool slots_get(unsigned n, struct slot *s);

/*
 * ---- map.c: addresses that come from outside; 0, or gate_map()'s failures and -ERR_INVAL for
 * memory of ours ----
 */

int map_table(uint64_t addr, uint64_t len);  /* firmware's tables, to read */
int map_device(uint64_t addr, uint64_t len); /* registers, for ever */
int map_setup(uint64_t addr, uint64_t len);  /* registers, until the seal, except where map_device() names them too */
void map_seal(void);

/* ---- intr.c ---- */

/*
 * Interrupts carry nothing: each of them only ends gate_wait(). So nobody knows who it was that
 * rang, and whoever must make an exit to find out (console, power button) does so when there has
 * been a wake-up since the last time, but not more often than every `every` nanoseconds;
 * intr_glance_nap() then keeps the machine from sleeping past the moment when it may look again.
 */
struct intr_glance {
	uint64_t every;
	uint64_t next;  /* not before */
	unsigned wakes; /* intr_wakes when it was last done */
	bool wanted;    /* somebody has asked since the last nap */
};
bool intr_glance(struct intr_glance *g); /* look now? */
uint64_t intr_glance_nap(struct intr_glance *g);

extern unsigned intr_wakes; /* how often gate_wait() came back */

void intr_wait(uint64_t deadline);
void intr_nap(uint64_t when);    /* the next intr_wait() ends by then */
int intr_route(unsigned gsi);    /* edge-triggered pin gsi ends gate_wait(); 0, or -ERR_NODEV */
unsigned intr_mmio_base(void);   /* the GSI of the first virtio-mmio slot of a microvm */

/* What an MSI-X table entry holds so that it ends gate_wait(). */
#define INTR_MSI_ADDRESS 0xfee00000u
uint32_t intr_msi_data(void);

/* ---- acpi.c ---- */

struct acpi {
	bool found;
	bool reduced;          /* "hardware-reduced": no PM1 ports, registers in memory instead */
	char oem[7];           /* who made the tables */
	uint16_t pm1_event, pm1_control, pm_timer; /* ports, 0 for none */
	uint64_t sleep_control; /* address of the reduced model's register, 0 for none */
	uint64_t ecam;         /* PCI configuration in memory: bus 0's address, 0 for none */
};

/* Reads the tables, the first time: needs the seal open. */
const struct acpi *acpi_get(void);

/* ---- power.c ---- */

void power_seal(void);       /* finds the button and how to power off */
bool power_pressed(void);
uint64_t power_nap(void);
void power_off(void);        /* returns where there is no way */

#endif
