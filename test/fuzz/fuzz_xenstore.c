/* SPDX-License-Identifier: MIT */
/*
 * The xenstore wire: whatever can stand in the response ring and in the daemon's two counters, while the guest sleeps for an answer
 * and between its calls. Read fuzz_store.h first.
 *
 * Whatever comes: a text fits its buffer and is ended, a listing is names, and each call ends within its time.
 */
#include "test/fuzz/fuzz_store.h"

#define WATCHES 4u
#define BOUND_NS 6000000000ull /* ANSWER_NS, for one call's request and answer */

static bool scripted; /* the input says what the daemon does */
static struct xenstore_watch watch[WATCHES];
static struct xsd_sockmsg asked; /* the last request that was taken */

/* A message whose parts the input chooses, its id being right or not. */
static void tell(void)
{
	unsigned how = fuzz_byte();
	struct xsd_sockmsg head = { .type = how & 1 ? asked.type : fuzz_byte(), .req_id = how & 2 ? asked.req_id : fuzz_u32() };
	char body[256];

	head.len = how & 4 ? fuzz_u32() : fuzz_below(64);
	if (how & 8)
		head.type = how & 16 ? XS_WATCH_EVENT : XS_ERROR;
	fuzz_bytes(body, head.len < sizeof body ? head.len : sizeof body);
	fuzz_store_give(&head, sizeof head);
	fuzz_store_give(body, head.len < sizeof body ? head.len : (uint32_t)sizeof body);
}

static void raw(void)
{
	char bytes[64];
	unsigned n = 1u + fuzz_below(sizeof bytes);

	fuzz_bytes(bytes, n);
	fuzz_store_give(bytes, n);
}

static bool take_request(void)
{
	static char body[XENSTORE_PAYLOAD_MAX + 1];

	return fuzz_store_request(&asked, body, sizeof body);
}

static bool fuzz_store_turn(void)
{
	if (!scripted)
		return take_request() && fuzz_store_agree(&asked);
	if (!fuzz_more())
		return false;
	switch (fuzz_below(12)) {
	case 0:
		fuzz_store.rsp_prod = fuzz_u32();
		break;
	case 1:
		fuzz_store.req_cons = fuzz_u32();
		break;
	case 2:
		fuzz_store.rsp_prod += (uint32_t)(int8_t)fuzz_byte();
		break;
	case 3:
		fuzz_store.req_cons = fuzz_store.req_prod;
		break;
	case 4:
		raw();
		break;
	case 5:
		xenhost_raise(xenhost_store_port);
		break;
	case 6:
		xenhost_advance(1000000000);
		break;
	case 7:
	case 8:
		if (take_request())
			fuzz_store_agree(&asked);
		break;
	default:
		take_request();
		tell();
	}
	return true;
}

/* Nobody asks for one here. */
static long fuzz_store_suspend(void)
{
	fuzz_must(!"a suspend");
	return 1;
}

void fuzz_begin(void)
{
	fuzz_store_boot(1u << 20, "");
	scripted = true;
}

/* ---- the guest ---- */

static void check_text(int rc, const char *buf, size_t size)
{
	fuzz_must(rc < (int)size);
	if (rc >= 0)
		fuzz_must(buf[rc] == '\0' && strlen(buf) == (size_t)rc);
}

static void call(unsigned what)
{
	static const char *const paths[] = { "device/vif", "/local/domain/0/backend/vif/1/0/state", "", "data/x" };
	const char *path = paths[what >> 4 & 3];
	char buf[96];
	uint32_t tx = 0;
	int rc;

	switch (what & 15) {
	case 0:
	case 1:
		check_text(xenstore_read(what & 64, path, buf, sizeof buf), buf, sizeof buf);
		break;
	case 2:
		check_text(xenstore_read(XENSTORE_NO_TX, path, buf, 3), buf, 3);
		break;
	case 3:
		rc = xenstore_list(XENSTORE_NO_TX, path, buf, sizeof buf);
		fuzz_must(rc < (int)sizeof buf && (rc <= 0 || buf[rc - 1] == '\0'));
		break;
	case 4:
		xenstore_write(XENSTORE_NO_TX, path, "value");
		break;
	case 5:
		xenstore_remove(XENSTORE_NO_TX, path);
		break;
	case 6:
		if (xenstore_begin(&tx) == 0)
			fuzz_must(tx != 0);
		xenstore_end(tx, what & 64);
		break;
	case 7:
		if (watch[what >> 4 & 3].id == 0)
			xenstore_watch(&watch[what >> 4 & 3], path);
		break;
	case 8:
		xenstore_unwatch(&watch[what >> 4 & 3]);
		break;
	case 9:
		fuzz_store_turn();
		break;
	default:
		xenstore_poll();
		xenstore_news();
	}
}

void fuzz_run(void)
{
	while (fuzz_more()) {
		uint64_t before = plat_now();
		size_t left = fuzz_left();

		call(fuzz_byte());
		/* Time that the input itself let pass is not the call's. */
		fuzz_must(plat_now() - before < 2 * BOUND_NS + (left - fuzz_left()) * 1000000000ull);
	}
}
