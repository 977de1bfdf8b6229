/* SPDX-License-Identifier: MIT */
#ifndef XEN_FLAVOUR_H
#define XEN_FLAVOUR_H

/*
 * What PV and PVH (and HVM) do differently, asked by the rest of xen/: where the shared pages are,
 * which frame an address is, how the grant table gets into the address space.
 *
 * One image is both: xen/flavour.c asks xen/pv/ or xen/hvm/, whichever the boot went through;
 * test/fake/xenhost*.c defines these for a Unix process. The hypercall itself is the other half of
 * this door: hypercall() in xen/hypercall.h.
 *
 * After flavour_seal(), ring 3 of a PVH guest reaches a few hypercalls only, and the gate builds
 * their arguments itself: SCHEDOP_poll (ports and timeout), SCHEDOP_shutdown (a reason),
 * EVTCHNOP_send, _close, _alloc_unbound (a port, a domain), HVMOP_get_param; XENMEM_add_to_physmap for Xen's
 * own pages to their own places, XENMEM_decrease_reservation and XENMEM_populate_physmap for a page of ring 3's.
 * Whatever a frontend does at run time must be one of these, or flavour_grant_set() on pages of the pool.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/plat.h"
#include "xen/xen.h"

/*
 * Makes hypercalls work, maps the shared info, finds memory. First of all; prints nothing, as there
 * is no console yet.
 */
void flavour_start(void);

const char *flavour_name(void); /* "pv", "pvh", "hvm" */

struct shared_info *flavour_shared_info(void);

/* The console's and xenstore's pages and ports; NULL: this machine has none. */
struct xencons_interface *flavour_console(unsigned *port);
struct xenstore_domain_interface *flavour_xenstore(unsigned *port);

/* The frame by which Xen knows the page at addr: machine frame on PV, guest frame elsewhere. */
uint64_t flavour_frame(const void *addr);

/*
 * Puts frame `index` of the grant table into the address space; frames come in a row. 0 or
 * -ERR_NOMEM. Not after the seal.
 */
int flavour_grant_frame(unsigned index);

/* These pages of ours are going to be granted. After the seal it does nothing, see next. */
void flavour_share(const void *base, size_t pages);

/*
 * Writes one grant entry: frame and domain before the flags that make it valid. flags 0 clears the
 * entry if nobody maps it. Returns false when somebody does. After the seal: by the gate, and only
 * for pages that were shared before.
 */
bool flavour_grant_set(unsigned ref, unsigned domid, uint32_t frame, unsigned flags);

/*
 * Whether the seal takes away the granting of pages that were not shared before: not on PV, where the
 * kernel is all there is and nothing could keep it from that. And whether it has.
 */
bool flavour_seals(void);
bool flavour_sealed(void);

/* plat_seal() is over: the program runs, and nobody may wait for long. */
bool flavour_running(void);

/* Pages of RAM that the guest was given at the start; 0: as many as the toolstack allows at most. */
uint64_t flavour_given(void);

/* plat_balloon(). */
int flavour_balloon(const uintptr_t *pages, unsigned n, bool give);

/* plat_memory(), plat_cmdline(), plat_module(), and gate_seal() with what is left to close. */
size_t flavour_memory(struct plat_range *v, size_t max);
const char *flavour_cmdline(void);
int flavour_module(unsigned n, struct plat_range *module);
void flavour_seal(void);

/*
 * Asks Xen to suspend the domain. Returns 1 when that was cancelled, and nothing has changed; 0 elsewhere: hypercalls work, the
 * shared info and the grant table are mapped, ports and grants are gone, flavour_console() and flavour_xenstore() tell new
 * ports. In between there is no clock. Below 0: refused.
 */
long flavour_suspend(void);

/* Where there is no console yet: on a debug port, or nowhere. */
void flavour_say(const char *s, size_t len);

/* ---- between flavour.c and the two, and nobody else's ---- */

extern bool flavour_is_pv; /* the boot went through xen/pv/ */

/* As flavour_grant_set(), by writing to the table. */
bool flavour_write_grant(struct grant_entry_v1 *entry, unsigned domid, uint32_t frame, unsigned flags);

void flavour_pv_start(void);
struct xencons_interface *flavour_pv_console(unsigned *port);
struct xenstore_domain_interface *flavour_pv_xenstore(unsigned *port);
uint64_t flavour_pv_frame(const void *addr);
int flavour_pv_grant_frame(unsigned index);
bool flavour_pv_grant_set(unsigned ref, unsigned domid, uint32_t frame, unsigned flags);
long flavour_pv_suspend(void);
size_t flavour_pv_memory(struct plat_range *v, size_t max);
const char *flavour_pv_cmdline(void);
uint64_t flavour_pv_given(void);
int flavour_pv_balloon(const uintptr_t *pages, unsigned n, bool give);
int flavour_pv_module(unsigned n, struct plat_range *module);

void flavour_hvm_start(void);
const char *flavour_hvm_name(void);
long flavour_hvm_suspend(void);
struct shared_info *flavour_hvm_shared_info(void);
struct xencons_interface *flavour_hvm_console(unsigned *port);
struct xenstore_domain_interface *flavour_hvm_xenstore(unsigned *port);
int balloon_hvm(const uintptr_t *pages, unsigned n, bool give);
int grant_frame(unsigned index);
void grant_share(const void *base, size_t pages);
bool grant_set(unsigned ref, unsigned domid, uint32_t frame, unsigned flags);
void grant_seal(void);
bool grant_sealed(void);
void ports_say(const char *s, size_t len);

#endif
