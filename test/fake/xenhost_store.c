/* SPDX-License-Identifier: MIT */
/*
 * The fake Xen's xenstored: a tree of values, transactions by copying the tree, watches, and its end of the byte rings, which it
 * serves in pieces of random size. Read xenhost.h first.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/core.h"
#include "test/fake/xenhost.h"
#include "xen/ring.h"

#define NODES 400
#define WATCHES 32
#define HOME "/local/domain/1/"
#define FIRST (RING_FIRST)

struct node {
	char *path, *value;
};

struct tree {
	unsigned n;
	struct node node[NODES];
};

static struct tree tree;
static struct tree *transaction;
static uint32_t transaction_id = 1;
static uint64_t generation, transaction_base;

static struct {
	char path[200], token[64];
	bool used, relative;
} watch[WATCHES];

static struct xenstore_domain_interface page;
static bool page_begun;
static char in[XENSTORE_PAYLOAD_MAX + sizeof(struct xsd_sockmsg)];
static size_t in_len;
static char out[1 << 17];
static size_t out_len;

struct xenstore_domain_interface *xenhost_store_page(void)
{
	if (!page_begun) {
		page.req_prod = page.req_cons = page.rsp_prod = page.rsp_cons = FIRST;
		page_begun = true;
	}
	return &page;
}

/* ---- the tree ---- */

static struct node *find(struct tree *t, const char *path)
{
	for (unsigned i = 0; i < t->n; i++)
		if (strcmp(t->node[i].path, path) == 0)
			return &t->node[i];
	return NULL;
}

static bool below(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	return strncmp(path, dir, len) == 0 && (path[len] == '/' || path[len] == 0);
}

static void put(struct tree *t, const char *path, const char *value)
{
	struct node *n = find(t, path);

	if (!n) {
		if (t->n == NODES)
			xenhost_wrong("xenstore: more than %d nodes", NODES);
		n = &t->node[t->n++];
		n->path = strdup(path);
		n->value = NULL;
	}
	free(n->value);
	n->value = strdup(value);
}

static bool erase(struct tree *t, const char *path)
{
	bool did = false;

	for (unsigned i = t->n; i-- > 0;) {
		if (!below(t->node[i].path, path))
			continue;
		free(t->node[i].path);
		free(t->node[i].value);
		t->node[i] = t->node[--t->n];
		did = true;
	}
	return did;
}

static void copy_tree(struct tree *to, const struct tree *from)
{
	while (to->n > 0) {
		to->n--;
		free(to->node[to->n].path);
		free(to->node[to->n].value);
	}
	for (unsigned i = 0; i < from->n; i++)
		put(to, from->node[i].path, from->node[i].value);
}

/* ---- messages to the guest ---- */

static void queue(uint32_t type, uint32_t id, uint32_t tx, const char *body, size_t len)
{
	struct xsd_sockmsg head = { .type = type, .req_id = id, .tx_id = tx, .len = (uint32_t)len };

	if (xenhost_lies(LIE_STORE_LENGTH))
		head.len = 5000;
	if (type != XS_WATCH_EVENT && xenhost_lies(LIE_STORE_ID))
		head.req_id ^= 0x80;
	if (type != XS_WATCH_EVENT && xenhost_lies(LIE_STORE_TYPE))
		head.type = XS_GET_PERMS;
	if (type != XS_WATCH_EVENT && xenhost_lies(LIE_STORE_SILENT))
		return;
	if (out_len + sizeof(head) + len > sizeof(out))
		xenhost_wrong("xenstore: the guest does not read");
	memcpy(out + out_len, &head, sizeof(head));
	memcpy(out + out_len + sizeof(head), body, len);
	out_len += sizeof(head) + len;
}

static void event(unsigned i, const char *path)
{
	char body[400];
	const char *shown = watch[i].relative && strncmp(path, HOME, strlen(HOME)) == 0 ? path + strlen(HOME) : path;
	size_t a = strlen(shown) + 1, b = strlen(watch[i].token) + 1;

	if (xenhost_lies(LIE_STORE_EVENT))
		queue(XS_WATCH_EVENT, 0, 0, "no end to this", 14);
	memcpy(body, shown, a);
	memcpy(body + a, watch[i].token, b);
	queue(XS_WATCH_EVENT, 0, 0, body, a + b);
}

static void fire(const char *path)
{
	generation++;
	for (unsigned i = 0; i < WATCHES; i++)
		if (watch[i].used && (below(path, watch[i].path) || below(watch[i].path, path)))
			event(i, path);
}

/* ---- what the test calls ---- */

const char *xenhost_get(const char *path)
{
	struct node *n = find(&tree, path);

	return n ? n->value : NULL;
}

uint64_t xenhost_get_number(const char *path, const char *key, uint64_t missing)
{
	char full[400];
	const char *value;

	snprintf(full, sizeof(full), "%s/%s", path, key);
	value = xenhost_get(full);
	return value ? strtoull(value, NULL, 10) : missing;
}

void xenhost_set(const char *fmt, ...)
{
	char line[600], *value;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	value = strchr(line, '=');
	*value++ = 0;
	put(&tree, line, value);
	fire(line);
}

void xenhost_remove(const char *path)
{
	if (erase(&tree, path))
		fire(path);
}

/* PV guests keep their page, with what the old daemon was about to say; PVH guests get an empty one. */
void xenhost_store_life(void)
{
	if (transaction || in_len || page.req_prod != page.req_cons)
		xenhost_wrong("xenstore: suspended in the middle of a conversation");
	memset(watch, 0, sizeof(watch));
	out_len = 0;
	if (xenhost_below(2))
		memset(&page, 0, sizeof(page));
	erase(&tree, "/local");
}

unsigned xenhost_watches(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < WATCHES; i++)
		n += watch[i].used;
	return n;
}

unsigned xenhost_open_transactions(void)
{
	return transaction != NULL;
}

/* ---- requests ---- */

static void full_path(char *to, size_t size, const char *path)
{
	snprintf(to, size, "%s%s", path[0] == '/' ? "" : HOME, path);
}

static void answer(const struct xsd_sockmsg *m, const char *body, size_t len)
{
	queue(m->type, m->req_id, m->tx_id, body, len);
}

static void refuse(const struct xsd_sockmsg *m, const char *error)
{
	queue(XS_ERROR, m->req_id, m->tx_id, error, strlen(error) + 1);
}

static void list(const struct xsd_sockmsg *m, struct tree *t, const char *dir)
{
	static char names[XENSTORE_PAYLOAD_MAX]; /* the caller's stack is a small one of the guest's */
	size_t len = 0;

	for (unsigned i = 0; i < t->n; i++) {
		const char *path = t->node[i].path, *name = path + strlen(dir) + 1;
		size_t n, at = 0;

		if (!below(path, dir) || strlen(path) <= strlen(dir))
			continue;
		n = strcspn(name, "/");
		while (at < len && (strncmp(names + at, name, n) || names[at + n]))
			at += strlen(names + at) + 1;
		if (at < len)
			continue;
		memcpy(names + len, name, n);
		names[len + n] = 0;
		len += n + 1;
	}
	if (len == 0)
		refuse(m, "ENOENT");
	else
		answer(m, names, len);
}

static void read_node(const struct xsd_sockmsg *m, struct tree *t, const char *path)
{
	struct node *n = find(t, path);

	if (strstr(path, "/backend/") && xenhost.eacces > 0) {
		xenhost.eacces--;
		refuse(m, "EACCES");
	} else if (xenhost.forbidden && strcmp(path, xenhost.forbidden) == 0) {
		refuse(m, "EACCES");
	} else if (!n) {
		refuse(m, "ENOENT");
	} else if (xenhost_lies(LIE_STORE_NUL)) {
		answer(m, "1\0002", 3);
	} else {
		answer(m, n->value, strlen(n->value));
	}
}

/* The guest may write in its own directory, but for what is the toolstack's. */
static bool writable(const char *path)
{
	return below(path, "/local/domain/1/device") || below(path, "/local/domain/1/data") ||
	       below(path, "/local/domain/1/control/shutdown") || below(path, "/local/domain/1/control/sysrq");
}

static void write_node(const struct xsd_sockmsg *m, struct tree *t, const char *path, const char *body)
{
	char value[XENSTORE_PAYLOAD_MAX + 1];
	size_t at = strlen(body) + 1;

	memcpy(value, body + at, m->len - at);
	value[m->len - at] = 0;
	if (!writable(path)) {
		refuse(m, "EACCES");
		return;
	}
	put(t, path, value);
	answer(m, "OK", 3);
	if (t == &tree)
		fire(path);
}

static void begin(const struct xsd_sockmsg *m)
{
	char id[12];

	if (transaction)
		xenhost_wrong("xenstore: a second transaction at a time");
	transaction = calloc(1, sizeof(*transaction));
	copy_tree(transaction, &tree);
	transaction_base = generation;
	snprintf(id, sizeof(id), "%u", ++transaction_id);
	answer(m, id, strlen(id) + 1);
}

/* Watches fire for what the transaction changed: every node that differs. */
static void commit(void)
{
	struct tree *t = transaction;

	for (unsigned i = 0; i < t->n; i++) {
		struct node *was = find(&tree, t->node[i].path);

		if (was && strcmp(was->value, t->node[i].value) == 0)
			continue;
		put(&tree, t->node[i].path, t->node[i].value);
		fire(t->node[i].path);
	}
}

static void end(const struct xsd_sockmsg *m, const char *body)
{
	bool conflict = transaction_base != generation || xenhost.eagain > 0;

	if (!transaction) {
		refuse(m, "ENOENT");
		return;
	}
	if (body[0] == 'T' && conflict) {
		xenhost.eagain -= xenhost.eagain > 0;
		refuse(m, "EAGAIN");
	} else {
		if (body[0] == 'T')
			commit();
		answer(m, "OK", 3);
	}
	while (transaction->n > 0)
		erase(transaction, transaction->node[0].path);
	free(transaction);
	transaction = NULL;
}

static void set_watch(const struct xsd_sockmsg *m, const char *body)
{
	const char *token = body + strlen(body) + 1;

	for (unsigned i = 0; i < WATCHES; i++) {
		if (watch[i].used)
			continue;
		full_path(watch[i].path, sizeof(watch[i].path), body);
		snprintf(watch[i].token, sizeof(watch[i].token), "%s", token);
		watch[i].relative = body[0] != '/';
		watch[i].used = true;
		answer(m, "OK", 3);
		event(i, watch[i].path);
		return;
	}
	refuse(m, "ENOSPC");
}

static void drop_watch(const struct xsd_sockmsg *m, const char *body)
{
	char path[200];

	full_path(path, sizeof(path), body);
	for (unsigned i = 0; i < WATCHES; i++) {
		if (!watch[i].used || strcmp(watch[i].path, path) || strcmp(watch[i].token, body + strlen(body) + 1))
			continue;
		watch[i].used = false;
		answer(m, "OK", 3);
		return;
	}
	refuse(m, "ENOENT");
}

static void serve(const struct xsd_sockmsg *m, char *body)
{
	struct tree *t = m->tx_id ? transaction : &tree;
	char path[600];

	if (m->len == 0 || memchr(body, 0, m->len) == NULL)
		xenhost_wrong("xenstore: request %u without an end", m->type);
	if (m->tx_id && (m->tx_id != transaction_id || !transaction)) {
		refuse(m, "ENOENT");
		return;
	}
	full_path(path, sizeof(path), body);
	switch (m->type) {
	case XS_READ:
		read_node(m, t, path);
		break;
	case XS_WRITE:
		write_node(m, t, path, body);
		break;
	case XS_DIRECTORY:
		list(m, t, path);
		break;
	case XS_RM:
		answer(m, "OK", 3);
		if (erase(t, path) && t == &tree)
			fire(path);
		break;
	case XS_TRANSACTION_START:
		begin(m);
		break;
	case XS_TRANSACTION_END:
		end(m, body);
		break;
	case XS_WATCH:
		set_watch(m, body);
		break;
	case XS_UNWATCH:
		drop_watch(m, body);
		break;
	default:
		xenhost_wrong("xenstore: request %u", m->type);
	}
}

/* ---- the rings ---- */

static bool take_bytes(void)
{
	uint32_t n = page.req_prod - page.req_cons;
	uint32_t some = (uint32_t)xenhost_below(n) + 1;

	if (n > XENSTORE_RING_SIZE)
		xenhost_wrong("xenstore: the guest's counter ran over");
	for (uint32_t i = 0; n > 0 && i < some; i++) {
		struct xsd_sockmsg m;

		in[in_len++] = page.req[MASK_XENSTORE_IDX(page.req_cons++)];
		if (in_len < sizeof(m))
			continue;
		memcpy(&m, in, sizeof(m));
		if (m.len > XENSTORE_PAYLOAD_MAX)
			xenhost_wrong("xenstore: request of %u bytes", m.len);
		if (in_len == sizeof(m) + m.len) {
			in_len = 0;
			serve(&m, in + sizeof(m));
		}
	}
	return n > 0;
}

static bool give_bytes(void)
{
	uint32_t room = XENSTORE_RING_SIZE - (page.rsp_prod - page.rsp_cons);
	size_t n = out_len < room ? out_len : room;

	if (n == 0)
		return false;
	if (page.rsp_prod - page.rsp_cons > XENSTORE_RING_SIZE)
		xenhost_wrong("xenstore: the guest read more than there was");
	n = xenhost_below(n) + 1;
	for (size_t i = 0; i < n; i++)
		page.rsp[MASK_XENSTORE_IDX(page.rsp_prod++)] = out[i];
	memmove(out, out + n, out_len - n);
	out_len -= n;
	return true;
}

bool xenhost_store_run(void)
{
	bool did = false;

	if (xenhost.no_store || xenhost.store_dead)
		return false;
	xenhost_store_page();
	if (xenhost_lies(LIE_STORE_PROD))
		page.rsp_prod += 100000;
	if (xenhost_lies(LIE_STORE_CONS))
		page.req_cons -= 5000;
	if (page.rsp_prod - page.rsp_cons <= XENSTORE_RING_SIZE && page.req_prod - page.req_cons <= XENSTORE_RING_SIZE) {
		did = take_bytes();
		did |= give_bytes();
	} /* else such a lie was told: nothing else is said */
	if (did)
		xenhost_raise(xenhost_store_port);
	return did;
}
