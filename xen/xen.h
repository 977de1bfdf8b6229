/* SPDX-License-Identifier: MIT */
#ifndef XEN_XEN_H
#define XEN_XEN_H

/*
 * The door of the Xen room: events, grants, xenstore and the handshake with a backend, as the two
 * frontends need them. The wire structures are Xen's own public headers, included here and nowhere
 * else; ring counters are ours (xen/ring.h). Read core/plat.h first, then xen/flavour.h for what PV
 * and PVH do differently.
 *
 * Everything happens on one vCPU with every event masked for ever: nothing in here is called back.
 * A port fires only by ending evtchn_wait(). Xen itself and xenstored are trusted with the machine;
 * backends are not, so what a backend wrote is bounded and checked where it is read.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define __XEN_INTERFACE_VERSION__ 0x00040d00 /* poll and grant structures as they have been since 4.13 */
#include <xen/xen.h>
#include <xen/event_channel.h>
#include <xen/features.h>
#include <xen/grant_table.h>
#include <xen/memory.h>
#include <xen/physdev.h>
#include <xen/sched.h>
#include <xen/vcpu.h>
#include <xen/version.h>
#include <xen/hvm/hvm_op.h>
#include <xen/hvm/params.h>
#include <xen/arch-x86/hvm/start_info.h>
#include <xen/io/blkif.h>
#include <xen/io/console.h>
#include <xen/io/netif.h>
#include <xen/io/protocols.h>
#include <xen/io/xenbus.h>
#include <xen/io/xs_wire.h>

/*
 * ---- clock.c: Xen's system time, in ns since the host started; what SCHEDOP_poll's timeout counts
 * in ----
 */

void clock_start(void);      /* also after a restore: system time may have jumped, clock_now() goes on */
uint64_t clock_now(void);    /* ns since the first clock_start(); never goes back */
uint64_t clock_wall(void);   /* ns since 1970, 0: the host tells none */
uint64_t clock_to_system(uint64_t now); /* the system time at which clock_now() will be `now` */

/* ---- evtchn.c ---- */

#define EVTCHN_WAIT_MAX 128u /* the most ports one SCHEDOP_poll takes */

void evtchn_start(void);           /* masks every channel, forgets every port: at boot and after a restore */
int evtchn_alloc(unsigned domid);  /* a new port that domid may bind: the port, or -ERR_NOMEM */
int evtchn_add(unsigned port);     /* a port the toolstack made: 0, or -ERR_NOMEM */
void evtchn_close(unsigned port);
void evtchn_ignore(unsigned port); /* listens to it no more; the channel stays */
void evtchn_send(unsigned port);

/*
 * Sleeps until clock_now() >= deadline or one of our ports has fired, and takes those events. For
 * plat_wait() alone: who takes an event must poll everything afterwards.
 */
void evtchn_wait(uint64_t deadline);

/* The next evtchn_wait() ends at `when` at the latest: for a device that looks at something then, though no event comes. */
void evtchn_nap(uint64_t when);

/* The same for one port; the others keep their events. For the blocking talk with xenstored. */
void evtchn_wait_for(unsigned port, uint64_t deadline);

/*
 * The port's last event was worth it. A port that keeps firing without this is listened to less
 * often (XSA-391).
 */
void evtchn_worked(unsigned port);

uint64_t evtchn_fired(unsigned port); /* how often it ended a wait */
unsigned evtchn_used(void);           /* ports of ours */

/* ---- gnttab.c ---- */

void gnttab_start(void);  /* panics when there is no grant table at all */
void gnttab_resume(void); /* after a restore, in an empty table: every live grant again, under its old number */

/*
 * Before the seal: sets pages aside (pith.hotplug=SIZE) of which gnttab_alloc() takes behind it,
 * where there is a seal.
 */
void gnttab_set_aside(void);

/*
 * Lets domid reach `pages` pages at base, for ever or until gnttab_end(). The references are
 * consecutive. Returns the first, or -ERR_NOMEM when the host's limit is reached. Before the seal
 * only, where there is a gate: what a backend can reach after it is what stands here by then.
 */
int gnttab_grant(unsigned domid, const void *base, size_t pages, bool readonly);

/*
 * Takes back what one gnttab_grant() gave. Returns false when domid still maps some of it: then the
 * references are never given to anything else while it does, and the caller must never use or free
 * the pages again (XSA-396).
 */
bool gnttab_end(unsigned ref);

/*
 * n cleared pages that domid can reach, NULL when there are no pages or no references; and the way
 * back, which loses pages that domid holds.
 */
char *gnttab_alloc(unsigned domid, size_t n, bool readonly, int *ref);
void gnttab_free(char *pages, size_t n, int ref);

unsigned gnttab_used(void);   /* references in use, parked ones included */
unsigned gnttab_parked(void); /* references that somebody would not let go */

/* ---- xenstore.c ---- */

#define XENSTORE_NO_TX 0u
#define XENSTORE_PATH 192u /* our longest path, with its NUL */

/*
 * Something to be told about. `fired` is set when it changed, and once at the start; whoever looks
 * clears it first.
 */
struct xenstore_watch {
	char path[XENSTORE_PATH];
	unsigned id; /* 0: not set */
	bool fired;
	struct xenstore_watch *next;
};

void xenstore_start(struct xenstore_domain_interface *page, unsigned port);
void xenstore_resume(struct xenstore_domain_interface *page, unsigned port); /* sets every watch again */

/*
 * All of these block the machine until xenstored answered, at most 5 s: -ERR_TIMEDOUT; -ERR_PROTO
 * when it talks nonsense.
 */
int xenstore_read(uint32_t tx, const char *path, char *buf, size_t size); /* NUL-terminated; its length, -ERR_NOENT, -ERR_PERM, -ERR_INVAL: longer than size - 1 or a NUL in it */
int xenstore_write(uint32_t tx, const char *path, const char *value);
int xenstore_remove(uint32_t tx, const char *path);
int xenstore_list(uint32_t tx, const char *path, char *buf, size_t size); /* names, each with its NUL; the bytes in all */
int xenstore_begin(uint32_t *tx);
int xenstore_end(uint32_t tx, bool commit); /* -ERR_AGAIN: somebody else wrote, do it all again */
int xenstore_watch(struct xenstore_watch *w, const char *path);
void xenstore_unwatch(struct xenstore_watch *w);
unsigned xenstore_watches(void); /* that are set */

void xenstore_poll(void); /* takes watch events; never blocks */
unsigned xenstore_changes(void); /* how many watches fired so far */
bool xenstore_news(void); /* whether any watch fired since the last call: then who armed devices must poll again before sleeping */

/* ---- xenbus.c ---- */

#define XENBUS_OPEN_NS 5000000000ull /* how long a backend may take over one step */

#define XENBUS_OWN 40u

struct xenbus_dev {
	char path[XENBUS_OWN]; /* ours, relative: device/vif/0 */
	char other[128]; /* the backend's, absolute */
	uint16_t domid;  /* the backend's domain */
	enum xenbus_state state;
	struct xenstore_watch watch; /* on the backend's state */
};

/* What a frontend publishes; at the start all zero. */
#define XENBUS_KEYS 40u
struct xenbus_keys {
	char prefix[12]; /* for what is added next: "queue-1/" */
	size_t n;
	struct {
		char name[32], value[16];
	} v[XENBUS_KEYS];
};

/* Whether a look below path is worth it: at the first call, which sets the watch, before the program runs, and when something has come since. */
bool xenbus_heard(struct xenstore_watch *watch, const char *path);

/* The first device of a kind ("vif", "vbd"), in ascending order of their numbers, whose path is none of n known ones: 0 or -ERR_NODEV. */
int xenbus_find(const char *kind, char (*known)[XENBUS_OWN], unsigned n, struct xenbus_dev *dev);

/*
 * A device is taken away: first its backend says Closing with an `online` that is 0, then its
 * directories go. Whether it is about to; whether it has gone; whether it is there again and its
 * backend can be attached to.
 */
bool xenbus_leaving(struct xenbus_dev *dev);
bool xenbus_gone(struct xenbus_dev *dev);
bool xenbus_back(struct xenbus_dev *dev);

/* Finds the backend, says Initialising and waits until it has published its features. */
int xenbus_attach(struct xenbus_dev *dev);

/*
 * Writes keys and our state in one transaction: Initialised, or Connected where the backend waits
 * for that (netback).
 */
void xenbus_key(struct xenbus_keys *keys, const char *name, unsigned value);
int xenbus_publish(struct xenbus_dev *dev, const struct xenbus_keys *keys, enum xenbus_state state);

/* Deletes keys of ours that an earlier connection wrote: names, each with a blank behind it. */
void xenbus_forget(struct xenbus_dev *dev, const char *names);

/*
 * How many queues: as many as the command line asks for (pith.queues) and the backend has, at most
 * max. One where it does not ask: one vCPU gains nothing from more by itself. Or -ERR_PROTO.
 */
int xenbus_queues(struct xenbus_dev *dev, unsigned max);

/*
 * Waits for the backend's Connected. xenbus_ready() then says so for us: after the caller has read
 * the backend's last keys.
 */
int xenbus_wait_connected(struct xenbus_dev *dev);
int xenbus_ready(struct xenbus_dev *dev);

/* Tells the backend our state and does not wait for an answer. */
void xenbus_say(struct xenbus_dev *dev, enum xenbus_state state);

/* Closing, the backend's Closed, Closed: bounded in time, never fails. */
void xenbus_close(struct xenbus_dev *dev);

/* The backend's state now. XenbusStateClosed when its directory is gone. */
enum xenbus_state xenbus_other_state(struct xenbus_dev *dev);

/*
 * A number of the backend's, or of our own directory. *value is what stands there, or `missing`
 * where nothing does. Returns 0, or -ERR_PROTO (with a log line) for what is no number or above
 * max.
 */
int xenbus_number(struct xenbus_dev *dev, const char *key, uint64_t max, uint64_t missing, uint64_t *value);
int xenbus_own_number(struct xenbus_dev *dev, const char *key, uint64_t max, uint64_t missing, uint64_t *value);
int xenbus_flag(struct xenbus_dev *dev, const char *key, bool *flag); /* a number up to 1, 0 where none stands */
int xenbus_text(struct xenbus_dev *dev, const char *key, char *buf, size_t size); /* of the backend; as xenstore_read() */
int xenbus_own_text(struct xenbus_dev *dev, const char *key, char *buf, size_t size);

/* ---- console.c: plat_console_*(), and ---- */

void console_start(void); /* also after a restore; without a console what is written goes nowhere */
void console_drain(void); /* waits, for a bounded time, until the other side has read everything: before the end */

/* ---- memory.c: plat_balloon(), and ---- */

void memory_start(void);
void memory_poll(void); /* looks at memory/target when it changed, and tells core/balloon.c */

/* ---- suspend.c ---- */

void suspend_start(void);    /* watches control/shutdown and tells the toolstack what we honour */
bool suspend_poll(void);     /* true once the toolstack asked for an end; acknowledges what it asked; ends what outlives its time, and suspends */
bool suspend_reboot(void);   /* what it asked for was a reboot */
uint64_t suspend_limit(void); /* when suspend_poll() has something to do at the latest; PLAT_FOREVER: nobody asked */

bool suspend_due(void);      /* asked for, and waits for suspend_busy to become 0: nothing more is to be put on a disk's ring */
extern unsigned suspend_busy; /* requests to disks that are out */

/*
 * How often the guest was restored. With every other number than the last all ports, what stands on rings and in our
 * directories in xenstore is gone; grants stand as they stood, for the same domains.
 */
unsigned suspend_lives(void);

#endif
