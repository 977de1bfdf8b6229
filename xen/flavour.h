/* SPDX-License-Identifier: MIT */
#ifndef XEN_FLAVOUR_H
#define XEN_FLAVOUR_H

/*
 * What PV and PVH (and HVM) do differently, asked by the rest of xen/: where the shared pages are,
 * which frame an address is, how the grant table gets into the address space.
 *
 * xen/pv/ and xen/hvm/ each define these; test/fake/xenhost*.c does for a Unix process. The
 * hypercall itself is the other half of this door: hypercall() in xen/hypercall.h.
 *
 * After flavour_seal(), ring 3 of a PVH guest reaches three hypercalls only, and the gate builds
 * their arguments itself: SCHEDOP_poll (ports and timeout), EVTCHNOP_send (a port),
 * SCHEDOP_shutdown (a reason). Whatever a frontend does at run time must be one of these, or
 * flavour_grant_set() on pages of the pool.
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
 * Puts frame `index` of the grant table into the address space. Frames stand in a row from
 * flavour_grant_table(). 0 or -ERR_NOMEM.
 */
int flavour_grant_frame(unsigned index);
struct grant_entry_v1 *flavour_grant_table(void);

/*
 * Writes one grant entry: frame and domain before the flags that make it valid. flags 0 clears the
 * entry if nobody maps it. Returns false when somebody does. After the seal: by the gate, and only
 * for pages granted before.
 */
bool flavour_grant_set(unsigned ref, unsigned domid, uint32_t frame, unsigned flags);

/*
 * Whether the seal has taken away the making of grants and event channels: false on PV, where the
 * kernel is all there is and nothing could keep it from them.
 */
bool flavour_sealed(void);

/* plat_memory(), plat_cmdline(), plat_module(), and gate_seal() with what is left to close. */
size_t flavour_memory(struct plat_range *v, size_t max);
const char *flavour_cmdline(void);
int flavour_module(unsigned n, struct plat_range *module);
void flavour_seal(void);

#endif
