/* SPDX-License-Identifier: MIT */
#ifndef TEST_FUZZ_FUZZ_KEYS_H
#define TEST_FUZZ_FUZZ_KEYS_H

/*
 * Xenstore as fuzz_xenbus.c's guest sees it: an interface's directory and a disk's, their backends', and what the toolstack asks
 * for; and what stands there in truth is told, but for what the input says. Read fuzz_store.h first.
 */

#include "test/fuzz/fuzz_store.h"

#define VIF 0u
#define VBD 1u
#define LIES 16u
#define WATCHES 24u
#define TEXT 40u
#define LOOK_NS 700000000ull /* each look at a state takes so long, so that a wait for one ends after a few */
#define MISSING "-" /* no such key */

static const char *const kinds[] = { "vif", "vbd" };

/*
 * What an honest toolstack and honest backends say. In our own directory, then in theirs; "=..." is what it is now. From `online`
 * on: keys that are seldom asked for, or are nobody's but the guest's.
 */
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
	{ "online", { MISSING, MISSING }, { "=", "=" } },
	{ "vif", { "0", MISSING }, { MISSING, MISSING } }, /* these two: names in a directory */
	{ "vbd", { MISSING, "51712" }, { MISSING, MISSING } },
	{ "target", { "=", MISSING }, { MISSING, MISSING } },
	{ "static-max", { "3072", MISSING }, { MISSING, MISSING } },
	{ "shutdown", { "=", MISSING }, { MISSING, MISSING } },
	{ "availability", { "offline", MISSING }, { MISSING, MISSING } },
};
#define KEYS (sizeof keys / sizeof keys[0])
#define OFTEN 23u
#define LIST OFTEN + 1
#define TARGET OFTEN + 3

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
static bool away[2];        /* by the toolstack, directories and all */
static bool leaving[2];     /* it has asked for it, and waits */
static const char *request; /* in control/shutdown */
static char target[12];     /* in memory/target */
static bool scripted;

/* ---- lies ---- */

static void draw_text(char *text)
{
	static const char *const odd[] = { "", "0", "1", "-1", "+1", "0x10", "65536", "4294967296", "18446744073709551615", "!EACCES", "!ENOENT",
		"!EAGAIN", "/b/vif/1/0", "ff:ff:ff:ff:ff:ff", " 1", "1 " };
	static const char *const more[] = { "suspend", "online", "offline", "suspend", "3072", "2048", "1", "c" };
	unsigned how = fuzz_byte();

	if (how < 112)
		fmt_format(text, TEXT, "%s", odd[how % (sizeof odd / sizeof odd[0])]);
	else if (how < 128)
		fmt_format(text, TEXT, "%s", more[how % (sizeof more / sizeof more[0])]);
	else if (how < 192)
		fmt_format(text, TEXT, "%u", how & 1 ? fuzz_byte() : fuzz_u32());
	else
		fuzz_bytes(text, how % TEXT);
}

/* One more, or in place of another where there are too many. */
static void draw_lie(void)
{
	unsigned i = n_lies < LIES ? n_lies++ : fuzz_below(LIES), how = fuzz_byte(), key;

	memset(&lie[i], 0, sizeof lie[i]);
	lie[i].kind = how & 1;
	lie[i].own = how >> 1 & 1;
	lie[i].once = how & 4;
	lie[i].after = (uint8_t)(how >> 4);
	key = fuzz_byte();
	lie[i].key = (uint8_t)(key < 11 * OFTEN ? key % OFTEN : OFTEN + fuzz_below(KEYS - OFTEN));
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

	if (away[kind] && strstr(path, kinds[kind]))
		return NULL;
	for (unsigned i = 0; name && i < KEYS; i++) {
		if (strcmp(name + 1, keys[i].name))
			continue;
		said = lies(kind, own, i);
		if (!said)
			said = own ? keys[i].own[kind] : keys[i].other[kind];
		if (said[0] != '=')
			return strcmp(said, MISSING) ? said : NULL;
		if (i == OFTEN)
			return leaving[kind] ? "0" : "1";
		if (i > OFTEN)
			return i != TARGET ? request : target[0] ? target : NULL;
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

/* The toolstack may end the guest as it likes: nothing is to be seen after that. */
static bool is_the_end(const char *path, const char *value)
{
	return !strcmp(path, "control/shutdown") && (!strcmp(value, "poweroff") || !strcmp(value, "halt") || !strcmp(value, "reboot") || !strcmp(value, "crash"));
}

static bool answer_read(const struct xsd_sockmsg *m, const char *path)
{
	const char *value = value_of(path);

	if (scripted && path[0] == '/' && strstr(path, "/state"))
		xenhost_advance(LOOK_NS);
	if (!value || is_the_end(path, value))
		value = "!ENOENT";
	if (value[0] == '!')
		return fuzz_store_message(XS_ERROR, m->req_id, value + 1, (uint32_t)strlen(value));
	return fuzz_store_message(XS_READ, m->req_id, value, (uint32_t)strlen(value));
}

/* A lie's text may be several names. */
static bool answer_list(const struct xsd_sockmsg *m, unsigned kind)
{
	const char *said = away[kind] ? "" : lies(kind, true, LIST + kind);

	if (said)
		return fuzz_store_message(m->type, m->req_id, said, away[kind] ? 0 : TEXT);
	return fuzz_store_message(m->type, m->req_id, keys[LIST + kind].own[kind], (uint32_t)strlen(keys[LIST + kind].own[kind]) + 1);
}

static bool serve(const struct xsd_sockmsg *m, const char *body)
{
	const char *second = body + strlen(body) + 1;
	bool good;

	if (m->type == XS_READ)
		return answer_read(m, body);
	if (m->type == XS_DIRECTORY)
		return answer_list(m, kind_of(body));
	good = fuzz_store_agree(m);
	if (m->type == XS_WATCH || m->type == XS_UNWATCH)
		remember(body, second, m->type == XS_WATCH);
	if (m->type == XS_WATCH && scripted)
		fire(body);
	if (m->type == XS_WRITE && body[0] != '/' && strstr(body, "/state"))
		follow(kind_of(body), (unsigned)second[0] - '0');
	if (m->type == XS_WRITE && !strcmp(body, "control/shutdown"))
		request = NULL;
	return good;
}

/*
 * Cancelled, refused, or another host: its daemon knows no watch of ours, its backends have never seen us, its clocks stand
 * anywhere.
 */
static long fuzz_store_suspend(void)
{
	unsigned how = fuzz_byte();

	if (how & 1)
		return how & 2 ? 1 : -22;
	memset(watch, 0, sizeof watch);
	fuzz_store_life(how & 2);
	for (unsigned kind = 0; kind < 2; kind++) {
		front[kind] = 1;
		back[kind] = how & 4 ? fuzz_below(9) : 2;
	}
	xenhost_move(how & 8 ? fuzz_u32() : xenhost_now(), 1750000000000000000ull + fuzz_byte() * 1000000000ull, how & 16 ? 9 : 1, how & 16 ? 4 : 2);
	return 0;
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

#endif
