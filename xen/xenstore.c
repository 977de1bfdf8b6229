/* SPDX-License-Identifier: MIT */
#include "core/core.h"

/*
 * The xenstore client: names and values shared with the toolstack and the backends, over two byte
 * rings in one page (xen/io/xs_wire.h).
 *
 * One request is out at a time, and its caller waits for the answer in place; watch events that
 * come in between only set a flag. xenstored is trusted with the machine, but the ring is still
 * read as if it were not: our counters are ours, its counters are checked by difference, a length
 * above XENSTORE_PAYLOAD_MAX ends the conversation for good, and an answer that is not for the
 * request that is out (one that timed out) is dropped. Values are what other domains wrote: they go
 * to the caller with their length checked and no NUL inside.
 */

#include "core/err.h"
#include "xen/flavour.h"

#define ANSWER_NS 5000000000ull


struct part {
	const char *base;
	size_t len;
};

static struct xenstore_domain_interface *ring;
static unsigned ring_port;
static uint32_t sent, taken; /* our two counters: req_prod and rsp_cons */
static bool broken;

static uint32_t request_id;
static bool waiting, answered; /* for the answer to request_id; it is in `message` */

/* The message coming in, piecemeal. A body keeps one byte for our NUL. */
static struct {
	uint32_t have; /* bytes so far, header included */
	struct xsd_sockmsg head;
	char body[XENSTORE_PAYLOAD_MAX + 1];
} message;

static struct xenstore_watch *watches;
static unsigned watch_id;
static unsigned changes; /* watches that fired */
static bool news; /* some watch fired since xenstore_news() was asked */

static void fail(const char *why)
{
	if (!broken)
		log_line(LOG_ERR, "xenstore: %s, given up", why);
	broken = true;
}

static uint32_t load(const volatile uint32_t *p)
{
	return *p;
}

/* ---- bytes in and out ---- */

/* Takes up to len bytes that have come; how many. */
static uint32_t take(char *to, uint32_t len)
{
	uint32_t n = load(&ring->rsp_prod) - taken;

	if (n > XENSTORE_RING_SIZE) {
		fail("response counter out of range");
		return 0;
	}
	n = n < len ? n : len;
	if (n > 0)
		evtchn_worked(ring_port);
	__atomic_thread_fence(__ATOMIC_ACQUIRE); /* the counter before the bytes */
	for (uint32_t i = 0; i < n; i++)
		to[i] = ((volatile char *)ring->rsp)[MASK_XENSTORE_IDX(taken + i)];
	taken += n;
	__atomic_thread_fence(__ATOMIC_SEQ_CST); /* bytes read before they may be overwritten */
	*(volatile uint32_t *)&ring->rsp_cons = taken;
	return n;
}

/* Room in the request ring, 0 when there is none or the daemon's counter cannot be true. */
static uint32_t room(void)
{
	uint32_t used = sent - load(&ring->req_cons);

	if (used > XENSTORE_RING_SIZE) {
		fail("request counter out of range");
		return 0;
	}
	return XENSTORE_RING_SIZE - used;
}

/*
 * Bytes leave as room comes, with an event whenever the ring is full: a message may be longer than
 * the ring. A caller must not stop half-way, see ask().
 */
static int put(const char *from, size_t len, uint64_t deadline)
{
	while (len > 0) {
		uint32_t n = room();

		if (broken)
			return -ERR_PROTO;
		n = n < len ? n : (uint32_t)len;
		for (uint32_t i = 0; i < n; i++)
			((volatile char *)ring->req)[MASK_XENSTORE_IDX(sent + i)] = from[i];
		sent += n;
		from += n;
		len -= n;
		__atomic_thread_fence(__ATOMIC_RELEASE); /* bytes before their counter */
		*(volatile uint32_t *)&ring->req_prod = sent;
		if (len == 0)
			break;
		evtchn_send(ring_port);
		if (clock_now() >= deadline)
			return -ERR_TIMEDOUT;
		if (room() == 0 && !broken)
			evtchn_wait_for(ring_port, deadline);
	}
	return 0;
}

/* ---- messages ---- */

/* An event's body is the path, then the token we gave: our watch's number. */
static void take_event(void)
{
	size_t len = message.head.len, path = 0;
	uint64_t id;

	message.body[len] = 0;
	while (path < len && message.body[path])
		path++;
	if (path + 1 >= len || fmt_number(message.body + path + 1, UINT32_MAX, &id) < 0)
		return; /* not one of ours: watches of an earlier life may still fire */
	for (struct xenstore_watch *w = watches; w; w = w->next)
		if (w->id == id) {
			w->fired = news = true;
			changes++;
		}
}

/* Takes one whole message, as far as it has come. Returns whether it is complete. */
static bool take_message(void)
{
	uint32_t head = sizeof(message.head);

	if (message.have < head)
		message.have += take((char *)&message.head + message.have, head - message.have);
	if (broken || message.have < head)
		return false;
	if (message.head.len > XENSTORE_PAYLOAD_MAX) {
		fail("message too long");
		return false;
	}
	message.have += take(message.body + (message.have - head), head + message.head.len - message.have);
	return message.have == head + message.head.len && !broken;
}

/*
 * Takes what has come, up to and including the answer that somebody waits for: that stays in
 * `message`.
 */
static void take_all(void)
{
	while (!answered && !broken && take_message()) {
		message.have = 0;
		if (message.head.type == XS_WATCH_EVENT)
			take_event();
		else if (waiting && message.head.req_id == request_id)
			answered = true;
	}
}

void xenstore_poll(void)
{
	if (ring && !broken)
		take_all();
}

bool xenstore_news(void)
{
	bool was = news;

	news = false;
	return was;
}

unsigned xenstore_changes(void)
{
	return changes;
}

/* xs_wire.h, xsd_errors[]: errors are names, so that no system's numbers are on the wire. */
static int error_of(const char *name)
{
	static const struct {
		const char *name;
		int error;
	} known[] = {
		{ "ENOENT", ERR_NOENT }, { "EACCES", ERR_PERM }, { "EPERM", ERR_PERM }, { "EAGAIN", ERR_AGAIN },
		{ "EEXIST", ERR_EXIST }, { "EINVAL", ERR_INVAL }, { "ENOMEM", ERR_NOMEM }, { "ENOSYS", ERR_NOSYS },
		{ "EBUSY", ERR_BUSY }, { "EROFS", ERR_ROFS },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (__builtin_strcmp(name, known[i].name) == 0)
			return -known[i].error;
	return -ERR_IO;
}

/*
 * `waiting` is over when this returns: an answer that comes too late finds nobody and is dropped.
 */
static int wait_answer(uint64_t deadline)
{
	waiting = true;
	answered = false;
	take_all();
	while (!answered && !broken && clock_now() < deadline) {
		evtchn_wait_for(ring_port, deadline);
		take_all();
	}
	waiting = false;
	if (broken)
		return -ERR_PROTO;
	return answered ? 0 : -ERR_TIMEDOUT;
}

/*
 * Sends a request and waits for its answer, which is then in message.body with a NUL behind it.
 * Returns the answer's length.
 */
static int ask(uint32_t type, uint32_t tx, const struct part *v, unsigned n)
{
	struct xsd_sockmsg head = { .type = type, .req_id = ++request_id, .tx_id = tx };
	uint64_t deadline = clock_now() + ANSWER_NS;
	int rc;

	if (!ring)
		return -ERR_NODEV;
	for (unsigned i = 0; i < n; i++)
		head.len += (uint32_t)v[i].len;
	if (head.len > XENSTORE_PAYLOAD_MAX)
		return -ERR_INVAL;
	rc = broken ? -ERR_PROTO : put((const char *)&head, sizeof(head), deadline);
	for (unsigned i = 0; i < n && rc == 0; i++)
		rc = put(v[i].base, v[i].len, deadline);
	if (rc < 0) {
		fail("requests are not taken"); /* half a request is out: what follows could not be understood */
		return rc;
	}
	evtchn_send(ring_port);
	rc = wait_answer(deadline);
	answered = false;
	if (rc < 0)
		return rc;
	message.body[message.head.len] = 0;
	if (message.head.type == XS_ERROR)
		return error_of(message.body);
	return message.head.type == type ? (int)message.head.len : -ERR_PROTO;
}

static struct part text(const char *s)
{
	return (struct part){ s, __builtin_strlen(s) + 1 };
}

/* Copies an answer out. */
static int answer(int rc, char *buf, size_t size)
{
	if (rc < 0)
		return rc;
	if ((size_t)rc >= size)
		return -ERR_INVAL;
	__builtin_memcpy(buf, message.body, (size_t)rc + 1);
	return rc;
}

/* ---- what the rest of the room calls ---- */

int xenstore_read(uint32_t tx, const char *path, char *buf, size_t size)
{
	struct part v[] = { text(path) };
	int rc = answer(ask(XS_READ, tx, v, 1), buf, size);

	return rc >= 0 && __builtin_strlen(buf) != (size_t)rc ? -ERR_INVAL : rc;
}

int xenstore_write(uint32_t tx, const char *path, const char *value)
{
	struct part v[] = { text(path), { value, __builtin_strlen(value) } };
	int rc = ask(XS_WRITE, tx, v, 2);

	return rc < 0 ? rc : 0;
}

int xenstore_remove(uint32_t tx, const char *path)
{
	struct part v[] = { text(path) };
	int rc = ask(XS_RM, tx, v, 1);

	return rc < 0 ? rc : 0;
}

int xenstore_list(uint32_t tx, const char *path, char *buf, size_t size)
{
	struct part v[] = { text(path) };
	int rc = answer(ask(XS_DIRECTORY, tx, v, 1), buf, size);

	return rc > 0 && buf[rc - 1] ? -ERR_PROTO : rc; /* the last name too ends with a NUL */
}

int xenstore_begin(uint32_t *tx)
{
	struct part v[] = { text("") };
	uint64_t id;
	int rc = ask(XS_TRANSACTION_START, XENSTORE_NO_TX, v, 1);

	if (rc < 0)
		return rc;
	if (fmt_number(message.body, UINT32_MAX, &id) < 0 || id == 0)
		return -ERR_PROTO;
	*tx = (uint32_t)id;
	return 0;
}

/* -ERR_AGAIN is xenstored's EAGAIN: another client wrote meanwhile, do it all again. */
int xenstore_end(uint32_t tx, bool commit)
{
	struct part v[] = { text(commit ? "T" : "F") };
	int rc = ask(XS_TRANSACTION_END, tx, v, 1);

	return rc < 0 ? rc : 0;
}

static int watch_ask(uint32_t type, const struct xenstore_watch *w)
{
	char token[12];
	struct part v[2] = { text(w->path) };
	int rc;

	fmt_format(token, sizeof(token), "%u", w->id);
	v[1] = text(token);
	rc = ask(type, XENSTORE_NO_TX, v, 2);
	return rc < 0 ? rc : 0;
}

int xenstore_watch(struct xenstore_watch *w, const char *path)
{
	int rc;

	if (__builtin_strlen(path) >= sizeof(w->path))
		return -ERR_INVAL;
	*w = (struct xenstore_watch){ .id = ++watch_id, .next = watches };
	__builtin_strcpy(w->path, path);
	watches = w;
	rc = watch_ask(XS_WATCH, w);
	if (rc < 0)
		xenstore_unwatch(w);
	return rc;
}

void xenstore_unwatch(struct xenstore_watch *w)
{
	struct xenstore_watch **at = &watches;

	while (*at && *at != w)
		at = &(*at)->next;
	if (!*at)
		return;
	*at = w->next;
	watch_ask(XS_UNWATCH, w); /* events still under way carry a number that nobody has any more */
	w->id = 0;
}

unsigned xenstore_watches(void)
{
	unsigned n = 0;

	for (struct xenstore_watch *w = watches; w; w = w->next)
		n++;
	return n;
}

void xenstore_start(struct xenstore_domain_interface *page, unsigned port)
{
	ring = page;
	ring_port = port;
	sent = load(&page->req_prod);
	taken = load(&page->rsp_cons);
	message.have = 0;
	broken = waiting = answered = false;
	if (evtchn_add(port) < 0)
		log_panic("xenstore: port %u cannot be", port);
}

/* What the old daemon had not finished saying, if the page was kept, would be half a message to the new one's. */
void xenstore_resume(struct xenstore_domain_interface *page, unsigned port)
{
	xenstore_start(page, port);
	taken = load(&page->rsp_prod);
	*(volatile uint32_t *)&page->rsp_cons = taken;
	for (struct xenstore_watch *w = watches; w; w = w->next)
		watch_ask(XS_WATCH, w);
}
