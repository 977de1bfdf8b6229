/* SPDX-License-Identifier: MIT */
/*
 * The fake machine: a Unix process that defines plat.h, gate.h, nic.h and blk.h for tests on the desk.
 *
 * Time is virtual: plat_now() moves by a tick at each look, and plat_wait() jumps to the deadline or to
 * the next event of a device that was armed. A device that nobody armed ends no wait, so a lost
 * wake-up shows as a deadlock, which the fake reports. Everything random comes from one
 * seed. What a caller of the door must not do ends the test with a line `not ok - fake: ...`.
 *
 * A test sets what it wants in `fake`, fake_nic[] and fake_blk[] and then calls the door. Nothing needs to be set.
 */
#ifndef TEST_FAKE_FAKE_H
#define TEST_FAKE_FAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/blk.h"
#include "core/nic.h"

/* Exit statuses of the process. */
#define FAKE_WRONG 97  /* the test broke a rule of the door */
#define FAKE_REBOOT 98 /* plat_exit(PLAT_REBOOT) */
#define FAKE_CRASH 99  /* plat_exit(PLAT_CRASH), and a deadlock */

/* ---- plat.c ---- */

struct fake {
	const char *cmdline;
	size_t memory;     /* bytes of RAM; default 64 MiB. Read by plat_start() */
	uint64_t seed;     /* default: the environment's PITH_SEED, or 1 */
	uint64_t tick;     /* ns that each plat_now() takes; default 100 */
	uint64_t wall;     /* plat_wall() at start; default some day in 2025 */
	unsigned spurious; /* how many of 10000 waits end early for no reason */
	bool no_entropy;   /* plat_random() has nothing to give */
	bool stop;         /* plat_asked_to_stop() */
	bool quiet;        /* the console is kept but not shown on stdout */
	unsigned waits;    /* how often plat_wait() slept */
	unsigned changes;  /* plat_changes() */
	unsigned balloon;  /* pages that the host takes or gives back at a time; 0: there is no balloon */
	size_t ballooned;  /* pages that the host has */
};
extern struct fake fake;

/* The fakes' own random numbers, apart from plat_random()'s. */
uint64_t fake_random(void);
uint64_t fake_below(uint64_t n);       /* 0 to n - 1; 0 for n = 0 */
bool fake_chance(unsigned in_10000);
void fake_seed(uint64_t seed); /* begins anew, in the middle of a test */

/* The clock without its tick, and time that passes while the program computes. */
uint64_t fake_now(void);
void fake_advance(uint64_t ns);

/* Device `source` (below) raises its interrupt at `when`, PLAT_FOREVER: not at all. It ends one wait. */
enum fake_source {
	FAKE_NIC0,
	FAKE_BLK0 = FAKE_NIC0 + 4,
	FAKE_TEST = FAKE_BLK0 + 4, /* a test's own device */
	FAKE_SOURCES = FAKE_TEST + 4,
};
void fake_interrupt(unsigned source, uint64_t when);

/* What was written to the console since fake_console_clear(), NUL-terminated; and typing. */
const char *fake_console(void);
void fake_console_clear(void);
void fake_type(const char *keys);

/* Adds a boot module; the memory stays the caller's. */
void fake_module(const void *base, size_t len);

/* Runs fn in a child process and returns its exit status, 256 + n for signal n. What it printed is in said, cut at size. A returning fn gives 0. */
int fake_dies(void (*fn)(void), char *said, size_t size);

/* The test broke a rule. */
_Noreturn void fake_wrong(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* ---- gate.c ---- */

extern unsigned fake_gate_maps; /* calls of gate_map() so far */
extern bool fake_sealed;
extern uintptr_t fake_tls;           /* the last gate_set_tls() */
extern unsigned fake_tls_sets;       /* how many there were */
extern void (*fake_on_backtrace)(void); /* called by trap_backtrace() when it is set */

/* ---- switch.c ---- */

/* Tells the sanitizer that the program goes on on another stack, for good: before and after. For gate.c. */
void fake_stack_leave(const void *stack, size_t size);
void fake_stack_arrive(void);

/* ---- fault.c ---- */

/*
 * The n-th allocation from now on fails (1: the next one; 0: none): page_alloc*() and gate_map(). The program is
 * linked with test/fake/fault.flags. fault_count() is how many there were since; the test is over when none was left to fail.
 */
void fault_set(unsigned long n);
unsigned long fault_count(void);

/* ---- nic.c ---- */

#define FAKE_NICS 4

/* Rates are in 10000 frames, on each way; times are in ns. All may be changed while it runs, but for the first block. */
struct fake_nic_config {
	bool absent;
	int open_error;           /* nic_open() returns it; 0: none */
	uint8_t mac[6];
	unsigned rx_buffers, tx_ring; /* default 256 each */
	unsigned rx_size;         /* bytes of a receive buffer, default 2048 */
	uint32_t features;        /* default all */

	unsigned announce;        /* as nic_info() tells it */
	bool down;                /* no carrier: nothing passes */
	uint16_t mtu;             /* default 1500 */
	unsigned lose, duplicate, corrupt;
	uint64_t delay, jitter;   /* a frame takes delay + 0..jitter; jitter reorders. Default 10000, 0 */
	uint64_t tx_time, tx_jitter; /* until nic_tx_done() has the token. Default 2000, 0; jitter reorders */
};
extern struct fake_nic_config fake_nic[FAKE_NICS];

/* A frame arrives for nic n after the wire's delay, with its losses; the data is copied. off may be NULL: nothing left to do. */
void fake_nic_deliver(unsigned n, const void *frame, size_t len, const struct nic_offload *off);

/* The far end of nic n's wire, where its frames arrive. Defined by peer_echo.c, peer_bridge.c or the test itself; takes whole frames. */
void fake_peer_input(unsigned n, const uint8_t *frame, size_t len, const struct nic_offload *off);

/* The device breaks its protocol, from now on. */
void fake_nic_break(unsigned n);

/* Forgets everything: as if it had never been opened. */
void fake_nic_reset(unsigned n);

/* How many frames are on the wires of nic n, and buffers and tokens that somebody holds: 0 when all is over. */
unsigned fake_nic_pending(unsigned n);

/* ---- offload.c ---- */

/* Does to a frame what off leaves to be done: fills in the checksum, cuts it into pieces. Calls out for each piece. */
void fake_offload_apply(const uint8_t *frame, size_t len, const struct nic_offload *off,
	void (*out)(void *ctx, const uint8_t *piece, size_t len), void *ctx);

/* Whether a device with these features can do what these flags ask for. */
bool fake_offload_known(uint32_t features, uint8_t flags);

/* Whether the IPv4 header and TCP, UDP or ICMP checksums of a frame are right; true for what has none. */
bool fake_offload_right(const uint8_t *frame, size_t len);

/* ---- blk.c ---- */

#define FAKE_BLKS 4

struct fake_blk_config {
	bool absent;
	int open_error;
	uint64_t sectors;      /* default: 8 MiB */
	uint32_t sector_size;  /* default 512 */
	uint32_t max_sectors;  /* default 256 */
	uint32_t max_discard;  /* default 1024; UINT32_MAX: no discard */
	unsigned ring;         /* requests at a time, default 64 */
	bool read_only, no_flush;
	bool blank;            /* it is not described yet */
	bool gone, full;       /* taken away; no room for any request, as where a backend is away */
	uint32_t life;         /* disks there were under this number */

	unsigned fail;         /* of 10000 requests come back with -ERR_IO */
	uint64_t time, jitter; /* ns that a request takes: time + 0..jitter. Default 50000, 50000; jitter reorders */
};
extern struct fake_blk_config fake_blk[FAKE_BLKS];

/* The medium as a reader would see it now; NULL before blk_open(). */
uint8_t *fake_blk_data(unsigned n);

/* The power fails: requests in flight are done or not, what was not flushed is there or not, sector by sector. Then the disk is as before blk_open(), with its contents. */
void fake_blk_crash(unsigned n);

void fake_blk_break(unsigned n);
void fake_blk_reset(unsigned n); /* as if it had never been: contents are gone */

#endif
