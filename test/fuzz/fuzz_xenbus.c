/* SPDX-License-Identifier: MIT */
/*
 * The handshake: an interface or a disk or both are brought up, used, lose backends and find new ones, while any key of either
 * directory may say anything, at any read, and states change at any moment. Read fuzz_store.h first.
 *
 * Whatever comes: what cannot be brought up leaves nothing behind, what can is as nic.h and blk.h have it, and no grant is made
 * for a later connection.
 */
#include "blkfront/blkfront.h"
#include "netfront/netfront.h"
#include "test/fuzz/fuzz_blk.h"
#include "test/fuzz/fuzz_nic.h"
#include "test/fuzz/fuzz_store.h"

#define VIF 0u
#define VBD 1u
#define LIES 16u
#define WATCHES 24u
#define TEXT 40u
#define LOOK_NS 700000000ull /* each look at a state takes so long, so that a wait for one ends after a few */
#define MISSING "-" /* no such key */

static const char *const kinds[] = { "vif", "vbd" };

/* What an honest toolstack and honest backends say. In our own directory, then in theirs; "=state" is what it is now. */
static const struct {
	const char *name, *own[2], *other[2];
} keys[] = {
	{ "state", { "=", "=" }, { "=", "=" } },
	{ "backend", { "/b/vif/1/0", "/b/vbd/1/51712" }, { MISSING, MISSING } },
	{ "backend-id", { "0", "0" }, { MISSING, MISSING } },
	{ "mac", { "00:16:3e:00:00:01", MISSING }, { MISSING, MISSING } },
	{ "mtu", { MISSING, MISSING }, { MISSING, MISSING } },
	{ "trusted", { MISSING, MISSING }, { MISSING, MISSING } },
	{ "feature-sg", { MISSING, MISSING }, { "1", MISSING } },
	{ "feature-gso-tcpv4", { MISSING, MISSING }, { "1", MISSING } },
	{ "feature-gso-tcpv6", { MISSING, MISSING }, { "1", MISSING } },
	{ "feature-no-csum-offload", { MISSING, MISSING }, { "0", MISSING } },
	{ "feature-ipv6-csum-offload", { MISSING, MISSING }, { "1", MISSING } },
	{ "feature-split-event-channels", { MISSING, MISSING }, { "1", MISSING } },
	{ "feature-dynamic-multicast-control", { MISSING, MISSING }, { "1", MISSING } },
	{ "carrier", { MISSING, MISSING }, { MISSING, MISSING } },
	{ "multi-queue-max-queues", { MISSING, MISSING }, { "4", "4" } },
	{ "max-ring-page-order", { MISSING, MISSING }, { MISSING, "4" } },
	{ "sectors", { MISSING, MISSING }, { MISSING, "4096" } },
	{ "sector-size", { MISSING, MISSING }, { MISSING, "512" } },
	{ "info", { MISSING, MISSING }, { MISSING, "0" } },
	{ "feature-flush-cache", { MISSING, MISSING }, { MISSING, "1" } },
	{ "feature-barrier", { MISSING, MISSING }, { MISSING, "1" } },
	{ "feature-discard", { MISSING, MISSING }, { MISSING, "1" } },
	{ "feature-max-indirect-segments", { MISSING, MISSING }, { MISSING, "256" } },
};
#define KEYS (sizeof keys / sizeof keys[0])

static struct {
	uint8_t kind, own, key, after;
	bool once;
	char text[TEXT]; /* or, with a ! before it, an error */
} lie[LIES];
static unsigned n_lies;

static struct {
	char path[XENSTORE_PATH], token[16];
} watch[WATCHES];

static unsigned front[2] = { 1, 1 }, back[2] = { 1, 1 };
static bool scripted;

/* ---- lies ---- */

static void draw_text(char *text)
{
	static const char *const odd[] = { "", "0", "1", "-1", "+1", "0x10", "65536", "4294967296", "18446744073709551615", "!EACCES", "!ENOENT",
		"!EAGAIN", "/b/vif/1/0", "ff:ff:ff:ff:ff:ff", " 1", "1 " };
	unsigned how = fuzz_byte();

	if (how < 128)
		fmt_format(text, TEXT, "%s", odd[how % (sizeof odd / sizeof odd[0])]);
	else if (how < 192)
		fmt_format(text, TEXT, "%u", how & 1 ? fuzz_byte() : fuzz_u32());
	else
		fuzz_bytes(text, how % TEXT);
}

/* One more, or in place of another where there are too many. */
static void draw_lie(void)
{
	unsigned i = n_lies < LIES ? n_lies++ : fuzz_below(LIES), how = fuzz_byte();

	memset(&lie[i], 0, sizeof lie[i]);
	lie[i].kind = how & 1;
	lie[i].own = how >> 1 & 1;
	lie[i].once = how & 4;
	lie[i].after = (uint8_t)(how >> 4);
	lie[i].key = (uint8_t)fuzz_below(KEYS);
	draw_text(lie[i].text);
	lie[i].text[TEXT - 1] = '\0';
}

static const char *lies(unsigned kind, bool own, unsigned key)
{
	for (unsigned i = 0; i < n_lies; i++) {
		if (lie[i].kind != kind || lie[i].own != own || lie[i].key != key)
			continue;
		if (lie[i].after > 0) {
			lie[i].after--;
			continue;
		}
		if (lie[i].once)
			lie[i].key = 255;
		return lie[i].text;
	}
	return NULL;
}

/* ---- the daemon ---- */

static unsigned kind_of(const char *path)
{
	return strstr(path, "vbd") ? VBD : VIF;
}

/* The value of a path, NULL where it is not there; "!..." is an error. */
static const char *value_of(const char *path)
{
	const char *name = strrchr(path, '/'), *said;
	unsigned kind = kind_of(path);
	bool own = path[0] != '/';
	static char state[12];

	for (unsigned i = 0; name && i < KEYS; i++) {
		if (strcmp(name + 1, keys[i].name))
			continue;
		said = lies(kind, own, i);
		if (!said)
			said = own ? keys[i].own[kind] : keys[i].other[kind];
		if (said[0] != '=')
			return strcmp(said, MISSING) ? said : NULL;
		fmt_format(state, sizeof state, "%u", own ? front[kind] : back[kind]);
		return state;
	}
	return NULL;
}

static void fire(const char *part)
{
	char body[XENSTORE_PATH + 16];

	for (unsigned i = 0; i < WATCHES; i++) {
		size_t len = strlen(watch[i].path) + 1;

		if (!watch[i].token[0] || !strstr(watch[i].path, part))
			continue;
		memcpy(body, watch[i].path, len);
		memcpy(body + len, watch[i].token, strlen(watch[i].token) + 1);
		fuzz_store_message(XS_WATCH_EVENT, 0, body, (uint32_t)(len + strlen(watch[i].token) + 1));
	}
}

static void set_back(unsigned kind, unsigned state)
{
	back[kind] = state;
	fire(kinds[kind]);
}

/* What a backend does when its frontend's state changes (xen/io/xenbus.h). */
static void follow(unsigned kind, unsigned state)
{
	static const uint8_t answer[] = { 0, 2, 0, 4, 4, 6, 6 };

	front[kind] = state;
	if (state < sizeof answer && answer[state] && back[kind] != answer[state])
		set_back(kind, answer[state]);
}

static void remember(const char *path, const char *token, bool on)
{
	for (unsigned i = 0; i < WATCHES; i++) {
		if (on ? watch[i].token[0] != '\0' : strcmp(watch[i].token, token) != 0)
			continue;
		fmt_format(watch[i].path, sizeof watch[i].path, "%s", on ? path : "");
		fmt_format(watch[i].token, sizeof watch[i].token, "%s", on ? token : "");
		return;
	}
}

static bool answer_read(const struct xsd_sockmsg *m, const char *path)
{
	const char *value = value_of(path);

	if (scripted && path[0] == '/' && strstr(path, "/state"))
		xenhost_advance(LOOK_NS);
	if (!value)
		value = "!ENOENT";
	if (value[0] == '!')
		return fuzz_store_message(XS_ERROR, m->req_id, value + 1, (uint32_t)strlen(value));
	return fuzz_store_message(XS_READ, m->req_id, value, (uint32_t)strlen(value));
}

static bool serve(const struct xsd_sockmsg *m, const char *body)
{
	const char *second = body + strlen(body) + 1;
	bool good;

	if (m->type == XS_READ)
		return answer_read(m, body);
	if (m->type == XS_DIRECTORY)
		return fuzz_store_message(m->type, m->req_id, kind_of(body) == VIF ? "0" : "51712", kind_of(body) == VIF ? 2 : 6);
	good = fuzz_store_agree(m);
	if (m->type == XS_WATCH || m->type == XS_UNWATCH)
		remember(body, second, m->type == XS_WATCH);
	if (m->type == XS_WATCH && scripted)
		fire(body);
	if (m->type == XS_WRITE && body[0] != '/' && strstr(body, "/state"))
		follow(kind_of(body), (unsigned)second[0] - '0');
	return good;
}

/* While the guest sleeps: it is answered; if it asks nothing, something may happen. */
static bool fuzz_store_turn(void)
{
	static char body[XENSTORE_PAYLOAD_MAX + 1];
	struct xsd_sockmsg m;
	unsigned what;

	if (fuzz_store_request(&m, body, sizeof body))
		return serve(&m, body);
	if (!scripted || !fuzz_more())
		return false;
	what = fuzz_byte();
	if (what & 1)
		set_back(what >> 1 & 1, what >> 2 & 15);
	else if (what & 2)
		draw_lie();
	return true;
}

/* ---- the guest ---- */

static bool in_buffers(const struct nic_buf *b)
{
	return b->len <= PAGE_SIZE;
}

/*
 * 3 MiB: a large MTU or many queues find too little. The grant table is made as long as it may be, so that its length is no part
 * of the state.
 */
void fuzz_begin(void)
{
	void *page;
	int ref;

	fuzz_blk_begin();
	xenhost.grant_frames = 2;
	fuzz_store_boot(3u << 20, "pith.queues=4");
	page = page_alloc(1);
	ref = gnttab_grant(0, (char *)page, 1, true);
	gnttab_end((unsigned)ref);
	fuzz_nic_begin(0, page_alloc(FUZZ_NIC_ARENA / PAGE_SIZE), page_alloc(FUZZ_NIC_ARENA / PAGE_SIZE));
	fuzz_nic.is_buffer = in_buffers;
	fuzz_keep((void *)XENHOST_BASE, PAGE_SIZE); /* where the page allocator has its one run */
	scripted = true;
}

struct held {
	size_t pages;
	unsigned grants, ports;
};

static struct held held(void)
{
	return (struct held){ page_unused(), gnttab_used(), xenhost_ports_used() };
}

static bool same(struct held a, struct held b)
{
	return a.pages == b.pages && a.grants == b.grants && a.ports == b.ports;
}

static bool open_nic(void)
{
	struct held before = held();
	struct nic_info info;

	if (nic_open(0, &info) < 0) {
		fuzz_must(same(before, held()));
		return false;
	}
	fuzz_must(info.mtu >= 68 && info.mtu <= 65521);
	return nic_share(0, fuzz_nic.arena, FUZZ_NIC_ARENA) == 0;
}

static bool open_blk(void)
{
	struct held before = held();
	struct blk_info info;

	if (blk_open(0, &info) < 0) {
		fuzz_must(same(before, held()));
		return false;
	}
	fuzz_must(info.sector_size >= 512 && info.sector_size <= 4096 && !(info.sector_size & (info.sector_size - 1)));
	fuzz_must((uint64_t)info.max_sectors * info.sector_size >= 8192);
	return true;
}

static void act(bool has_nic, bool has_blk)
{
	unsigned what = fuzz_byte();

	if (what & 128)
		set_back(what & 1, what >> 1 & 7);
	else if (what & 64)
		draw_lie();
	else if (what & 32)
		fire(what & 1 ? "carrier" : what & 2 ? "mtu" : "state");
	else if (what & 1 && has_nic)
		fuzz_nic_act((what >> 1) % 11);
	else if (has_blk)
		fuzz_blk_act((what >> 1) % 10);
}

void fuzz_run(void)
{
	unsigned which = fuzz_byte(), n = fuzz_below(LIES);
	bool has_nic, has_blk;
	struct held before;

	while (n-- > 0)
		draw_lie();
	has_nic = which % 3 != 1 && open_nic();
	has_blk = which % 3 != 0 && open_blk();
	before = held();
	while (fuzz_more())
		act(has_nic, has_blk);
	fuzz_must(gnttab_used() == before.grants && xenhost_ports_used() == before.ports);
	if (has_nic) {
		connect_nic_break(connect_nic(0), "end of the script");
		fuzz_nic_settle();
	}
	if (has_blk) {
		connect_disk_break(connect_disk(0), "end of the script");
		fuzz_blk_settle();
		fuzz_must(connect_disk(0)->pool_left == connect_disk(0)->pool_pages);
	}
}
