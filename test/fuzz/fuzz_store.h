/* SPDX-License-Identifier: MIT */
#ifndef TEST_FUZZ_FUZZ_STORE_H
#define TEST_FUZZ_FUZZ_STORE_H

/*
 * The wire to xenstored, in place of the fake one, for the targets that lie there: rings in static memory, nothing on the heap. A
 * target says what happens when the guest sleeps (fuzz_store_turn()) and when it is suspended (fuzz_store_suspend()).
 */

#include <string.h>

#include "core/core.h"
#include "core/err.h"
#include "core/plat.h"
#include "test/fake/xenhost.h"
#include "test/fuzz/fuzz.h"
#include "xen/flavour.h"

static struct xenstore_domain_interface fuzz_store;
static uint32_t fuzz_store_taken; /* bytes of requests */

static bool fuzz_store_turn(void); /* whether anything was done */
static long fuzz_store_suspend(void); /* flavour_suspend() */

struct xenstore_domain_interface *xenhost_store_page(void)
{
	return &fuzz_store;
}

bool xenhost_store_run(void)
{
	return fuzz_store_turn();
}

long flavour_suspend(void)
{
	return fuzz_store_suspend();
}

bool xenhost_net_run(void)
{
	return false;
}

bool xenhost_blk_run(void)
{
	return false;
}

const char *xenhost_get(const char *path)
{
	(void)path;
	return NULL;
}

void xenhost_set(const char *fmt, ...)
{
	(void)fmt;
}

/* As many bytes as there is room for, perhaps from the middle of a message on: the guest takes them as they come. */
static bool fuzz_store_give(const void *from, uint32_t len)
{
	if (XENSTORE_RING_SIZE - (fuzz_store.rsp_prod - fuzz_store.rsp_cons) < len)
		return false;
	for (uint32_t i = 0; i < len; i++)
		fuzz_store.rsp[MASK_XENSTORE_IDX(fuzz_store.rsp_prod++)] = ((const char *)from)[i];
	xenhost_raise(xenhost_store_port);
	return true;
}

static bool fuzz_store_message(uint32_t type, uint32_t id, const void *body, uint32_t len)
{
	struct xsd_sockmsg head = { .type = type, .req_id = id, .len = len };

	return fuzz_store_give(&head, sizeof head) && fuzz_store_give(body, len);
}

static char fuzz_store_byte(uint32_t ahead)
{
	return fuzz_store.req[MASK_XENSTORE_IDX(fuzz_store_taken + ahead)];
}

/* Takes a whole request, if one is there; its body with a NUL behind it. */
static bool fuzz_store_request(struct xsd_sockmsg *head, char *body, uint32_t size)
{
	uint32_t n = fuzz_store.req_prod - fuzz_store_taken;

	if (n > XENSTORE_RING_SIZE || n < sizeof *head)
		return false;
	for (uint32_t i = 0; i < sizeof *head; i++)
		((char *)head)[i] = fuzz_store_byte(i);
	if (head->len >= size || n < sizeof *head + head->len)
		return false;
	for (uint32_t i = 0; i < head->len; i++)
		body[i] = fuzz_store_byte((uint32_t)sizeof *head + i);
	body[head->len] = '\0';
	fuzz_store_taken += (uint32_t)sizeof *head + head->len;
	fuzz_store.req_cons = fuzz_store_taken;
	return true;
}

/* An answer that agrees to everything. */
static bool fuzz_store_agree(const struct xsd_sockmsg *head)
{
	bool begins = head->type == XS_TRANSACTION_START;

	return fuzz_store_message(head->type, head->req_id, begins ? "7" : "OK", begins ? 2 : 3);
}

/* Another domain's daemon: it takes no more of what was asked of the old one. The page is the old one, or empty. */
static inline void fuzz_store_life(bool empty)
{
	if (empty)
		memset(&fuzz_store, 0, sizeof fuzz_store);
	fuzz_store_taken = fuzz_store.req_cons = fuzz_store.req_prod;
}

/* A guest whose rings begin just below 2^32. */
static void fuzz_store_boot(size_t memory, const char *cmdline)
{
	fuzz_store_taken = 0xffffff00u;
	fuzz_store.req_prod = fuzz_store.req_cons = fuzz_store.rsp_prod = fuzz_store.rsp_cons = fuzz_store_taken;
	xenhost.memory = memory;
	xenhost.quiet = true;
	xenhost.cmdline = cmdline;
	xenhost.open_for_ever = xenhost.in_place = true;
	xenhost_boot();
	xenhost.console_dead = true;
	fuzz_keep(flavour_shared_info(), sizeof(struct shared_info));
}

#endif
