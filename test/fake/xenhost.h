/* SPDX-License-Identifier: MIT */
/*
 * Xen on the desk: hypercalls as functions, event bits, a grant table, xenstored, netback and blkback in one Unix process, so that
 * xen/, netfront/ and blkfront/ run unchanged under sanitizers.
 *
 * Nothing runs by itself: the other side works inside SCHEDOP_poll (and now and then in a send), in an order
 * drawn from xenhost.seed. Time is virtual. Guest memory lies at a fixed low address, since a grant names its frame
 * with 32 bits; programs are linked with -no-pie for the same reason. What a guest must not do, by Xen's headers, ends the
 * test with `not ok - xenhost: ...`. Lies are told on demand: xenhost.lie says which one, once, at the next chance.
 *
 * After plat_seal() it is the gate too: a hypercall that is not for sleeping, ending or event channels, or a grant of a page that was
 * not granted before, ends the test.
 *
 * Each case runs in a process of its own (child.h), so that the rooms' static state is new.
 */
#ifndef TEST_FAKE_XENHOST_H
#define TEST_FAKE_XENHOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/blk.h"
#include "core/nic.h"
#include "xen/xen.h"

#define XENHOST_BASE 0x20000000ul
#define XENHOST_GUEST 1u  /* our domain */
#define XENHOST_WRONG 97  /* exit status: the guest broke a rule */
#define XENHOST_CRASH 99
#define XENHOST_REBOOT 98
#define XENHOST_NICS 2u
#define XENHOST_DISKS 2u
#define XENHOST_QUEUES 4u

enum xenhost_lie {
	LIE_NONE,
	/* xenstored */
	LIE_STORE_LENGTH, LIE_STORE_ID, LIE_STORE_TYPE, LIE_STORE_PROD, LIE_STORE_CONS, LIE_STORE_NUL, LIE_STORE_EVENT,
	LIE_STORE_SILENT,
	/* netback, transmit */
	LIE_TX_PROD, LIE_TX_BACK, LIE_TX_ID, LIE_TX_TWICE, LIE_TX_STATUS, LIE_TX_NULL,
	/* netback, receive */
	LIE_RX_PROD, LIE_RX_ID, LIE_RX_OFFSET, LIE_RX_LONG, LIE_RX_CHAIN, LIE_RX_EXTRA_TYPE, LIE_RX_EXTRA_FLAGS, LIE_RX_GSO_SIZE,
	LIE_RX_GSO_TYPE, LIE_RX_PREFIX, LIE_RX_STATUS, LIE_RX_BLANK, LIE_RX_GSO_OTHER, LIE_RX_MORE,
	/* blkback */
	LIE_BLK_PROD, LIE_BLK_BACK, LIE_BLK_ID, LIE_BLK_TWICE, LIE_BLK_OP, LIE_BLK_STATUS,
};

struct xenhost {
	uint64_t seed;
	size_t memory;           /* bytes; default 32 MiB */
	const char *cmdline;
	unsigned grant_frames;   /* the host's limit; default 64 */
	unsigned ports;          /* event channels; default 1023 */
	unsigned spurious;       /* of 10000 polls return for nothing */
	unsigned eagain, eacces; /* so many commits, reads of a backend's directory fail */
	const char *forbidden;   /* a path that the guest may not read */
	bool no_store;
	bool open_for_ever;      /* as PV: the seal takes nothing away */
	bool scribble;           /* what was fetched from a ring is overwritten at once (XSA-155) */
	const char *exit_status; /* what must stand in data/exit-status at the end; NULL: anything */
	bool quiet;              /* console output is kept, not shown */
	bool store_dead, console_dead; /* takes nothing any more */
	bool cancel;             /* the next suspend is cancelled */
	void (*arrive)(void);    /* after a restore, before there are backends: they may be others */
	bool in_place;           /* a restored guest's shared info lies where it lay; else elsewhere, and nobody may look at the old one */
	unsigned suspends;       /* how many there were, cancelled ones too */
	uint64_t away;           /* ns that passed elsewhere, in all */
	enum xenhost_lie lie;    /* back to LIE_NONE when it was told */
	size_t ballooned;        /* pages that Xen has back */
	uint64_t polls, sends;   /* hypercalls of that kind */
	uint64_t refused_grants; /* accesses that the grant table did not allow */
};
extern struct xenhost xenhost;

/* ---- xenhost.c ---- */

void xenhost_boot(void); /* plat_start(), and memory for the core */
uint64_t xenhost_random(void);
uint64_t xenhost_below(uint64_t n);
void xenhost_advance(uint64_t ns);
uint64_t xenhost_now(void);
void xenhost_raise(unsigned port); /* an event for the guest */
bool xenhost_bind(unsigned port, unsigned domid); /* false: not there, not for domid, or bound already */
void xenhost_unbind(unsigned port); /* the other end is closed: unbound again, for the same domain */
bool xenhost_kicked(unsigned port); /* whether the guest has sent since the last look */
unsigned xenhost_ports_used(void);
_Noreturn void xenhost_wrong(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
bool xenhost_lies(enum xenhost_lie lie); /* whether this lie is due; it is told then */
void xenhost_run(unsigned times); /* the other side has a turn */
const char *xenhost_console(void); /* all that was printed */
void xenhost_type(const char *keys);
void xenhost_shutdown(const char *request);

/* The same with n seeds in a row, from the environment's PITH_SEED or 1; each must exit with 0. How many did, up to the first that did not. */
unsigned xenhost_seeds(void (*fn)(void), unsigned n);
#define must(x) xenhost_must((x), #x, __FILE__, __LINE__)
void xenhost_must(bool good, const char *what, const char *file, int line);

extern unsigned xenhost_store_port;
void xenhost_move(uint64_t system_time, uint64_t wall, unsigned store_port, unsigned console_port); /* for xenhost_life.c */

/* ---- xenhost_grant.c ---- */

struct grant_entry_v1 *xenhost_grant_table(void);
void *xenhost_map(unsigned domid, unsigned ref, bool write); /* NULL: not granted. Holds it until xenhost_unmap() */
void xenhost_unmap(unsigned ref, bool write);
bool xenhost_copy(unsigned domid, unsigned ref, unsigned offset, void *buf, unsigned len, bool to_guest);
unsigned xenhost_mapped(void); /* mappings that somebody holds */
void xenhost_grant_seal(void); /* from now on only what is granted may be granted again */
void xenhost_grant_life(void); /* the table is empty and nobody maps anything, as after a restore */

/* ---- xenhost_store.c ---- */

struct xenstore_domain_interface *xenhost_store_page(void);
bool xenhost_store_run(void); /* whether it did anything */
const char *xenhost_get(const char *path); /* NULL: not there */
uint64_t xenhost_get_number(const char *path, const char *key, uint64_t missing);
void xenhost_set(const char *fmt, ...) __attribute__((format(printf, 1, 2))); /* "path=value" */
void xenhost_remove(const char *path); /* with all below it */
void xenhost_store_life(void); /* another daemon, another tree; the page is as it was, or empty */
unsigned xenhost_watches(void);
unsigned xenhost_open_transactions(void);

/* ---- xenhost_net.c ---- */

struct xenhost_nic {
	bool present;
	unsigned domid;
	bool sg, gso4, gso6, no_csum, csum6, split, untrusted, groups;
	unsigned groups_most; /* as many groups fit on its list; 0: 64 */
	unsigned queues;     /* multi-queue-max-queues; 0: no such key */
	unsigned mtu;        /* 0: no such key */
	bool shuffle;        /* answers come in any order */
	bool hold;           /* takes requests and does not answer */
	bool broken_frames;  /* every frame to the guest has an error status */
	bool storm;          /* raises events for nothing, all the time */
	bool refuse;         /* takes the rings and then says Closing */
	bool keep;           /* never unmaps what it has mapped */
	unsigned state;      /* of the backend; 0: starts by itself */
	bool stay;           /* the state does not follow the frontend */
	uint64_t got, sent;  /* frames from and to the guest */
	uint64_t filtered;   /* frames to groups that the guest did not ask for */
};
extern struct xenhost_nic xenhost_nic[XENHOST_NICS];

bool xenhost_net_run(void);
void xenhost_net_life(void); /* the backends are gone, and others begin */
/* A frame for the guest, of whatever parts the ring gives; kept until there is room. */
void xenhost_net_send(unsigned n, const void *frame, unsigned len, const struct nic_offload *off, unsigned part);
void xenhost_net_stop(unsigned n);   /* the backend goes: Closing, Closed */
void xenhost_net_start(unsigned n);  /* and is there again: InitWait */
void xenhost_net_leave(unsigned n);  /* as xenhost_blk_leave() and _unplug() */
void xenhost_net_unplug(unsigned n);
/* What the guest sent. Defined by the test. */
void xenhost_net_input(unsigned n, const uint8_t *frame, unsigned len, const struct nic_offload *off);

/* ---- xenhost_blk.c ---- */

struct xenhost_disk {
	bool present;
	unsigned domid;
	uint64_t sectors;     /* of 512 bytes; default 2048 */
	unsigned sector_size; /* default 512 */
	bool flush, barrier, discard, persistent, read_only;
	bool no_flush, no_barrier, no_discard; /* offered, but answered with EOPNOTSUPP */
	unsigned indirect, order, queues; /* 0: no such key */
	unsigned fail;        /* of 10000 requests fail */
	bool shuffle, hold;
	bool refuse, keep; /* as of a NIC */
	unsigned state;
	bool stay;
	uint64_t done;
	uint8_t *data;
};
extern struct xenhost_disk xenhost_disk[XENHOST_DISKS];

bool xenhost_blk_run(void);
void xenhost_blk_life(void);
void xenhost_blk_stop(unsigned n);
void xenhost_blk_start(unsigned n);
void xenhost_blk_leave(unsigned n);  /* the toolstack asks for it back in order */
void xenhost_blk_unplug(unsigned n); /* and takes it away; it comes again when it is present */
void xenhost_blk_resize(unsigned n, uint64_t sectors);

#endif
