/* SPDX-License-Identifier: MIT */
#include "core/core.h"

/*
 * The handshake with a backend (xen/io/xenbus.h): two directories in xenstore, one state each.
 *
 *      frontend                        backend
 *      1 Initialising   ---------->    1 Initialising (finding its device, running its script)
 *      reads features   <----------    2 InitWait
 *      3 Initialised    ---------->    reads our keys (Linux' netback only at 4: it waits for a frontend that is Connected)
 *                       <----------    4 Connected (may come from 2 or 3, and before or after our own)
 *      4 Connected
 *      5 Closing  <-->  5 Closing      either side may begin
 *      6 Closed   <-->  6 Closed       and from here all over again from 1: that is a reconnect
 *
 * A backend may skip InitWait (it has no features then), sit at Connected or Closing from an
 * earlier life of ours, or vanish with its directory, which reads as Closed. Its permissions may
 * lag its state: EACCES is asked again for a while. Every wait is bounded. Numbers come from the
 * backend's domain: they are checked against the caller's bound.
 */

#include "core/err.h"
#include "xen/flavour.h"

#define DEVICES 1024u        /* bytes of a listing of device numbers */
#define RETRY_NS 10000000ull /* between two looks where nothing tells us to look */
#define LEAVE_NS 1000000000ull
#define TX_TRIES 100 /* then xenstored is so busy that nothing else would work either */

/*
 * Sleeps until xenstored says something, at most RETRY_NS: permissions that change fire no watch.
 * Other ports keep their events for whoever polls next.
 */
static void pause_until(uint64_t deadline)
{
	unsigned port;
	uint64_t next = clock_now() + RETRY_NS;

	flavour_xenstore(&port);
	evtchn_wait_for(port, next < deadline ? next : deadline);
	xenstore_poll();
}

bool xenbus_heard(struct xenstore_watch *watch, const char *path)
{
	bool heard = watch->fired || !flavour_running();

	if (!watch->id) {
		xenstore_watch(watch, path);
		heard = true;
	}
	watch->fired = false;
	return heard;
}

/*
 * Ascending by number, since xenstored lists names in no order: interface 0 is the same at every
 * boot.
 */
int xenbus_find(const char *kind, char (*known)[XENBUS_OWN], unsigned n, struct xenbus_dev *dev)
{
	static char names[DEVICES];
	uint64_t from = 0, best, id;
	unsigned k;
	int len;

	*dev = (struct xenbus_dev){ 0 };
	fmt_format(dev->path, sizeof(dev->path), "device/%s", kind);
	len = xenstore_list(XENSTORE_NO_TX, dev->path, names, sizeof(names));
	do {
		best = UINT64_MAX;
		for (int i = 0; i < len; i += (int)__builtin_strlen(names + i) + 1)
			if (fmt_number(names + i, UINT32_MAX, &id) == 0 && id >= from && id < best)
				best = id;
		if (best == UINT64_MAX)
			return -ERR_NODEV;
		from = best + 1;
		fmt_format(dev->path, sizeof(dev->path), "device/%s/%u", kind, (unsigned)best);
		for (k = 0; k < n && __builtin_strcmp(known[k], dev->path); k++)
			;
	} while (k < n);
	return 0;
}

static void join(char *path, const char *dir, const char *key)
{
	fmt_format(path, XENSTORE_PATH, "%s/%s", dir, key);
}

int xenbus_text(struct xenbus_dev *dev, const char *key, char *buf, size_t size)
{
	char path[XENSTORE_PATH];

	join(path, dev->other, key);
	return xenstore_read(XENSTORE_NO_TX, path, buf, size);
}

/* A key that is there and that we may not read is the toolstack's mistake: say which. */
static int forbidden(const char *path)
{
	log_line(LOG_ERR, "xenbus: %s may not be read", path);
	return -ERR_PERM;
}

int xenbus_own_text(struct xenbus_dev *dev, const char *key, char *buf, size_t size)
{
	char path[XENSTORE_PATH];
	int rc;

	join(path, dev->path, key);
	rc = xenstore_read(XENSTORE_NO_TX, path, buf, size);
	return rc == -ERR_PERM ? forbidden(path) : rc;
}

/*
 * What stands in xenstore are decimal digits; anything else that fmt_number() would take is no
 * number here.
 */
static int number(const char *dir, const char *key, uint64_t max, uint64_t missing, uint64_t *value)
{
	char path[XENSTORE_PATH], text[24];
	int rc;

	join(path, dir, key);
	*value = missing;
	rc = xenstore_read(XENSTORE_NO_TX, path, text, sizeof(text));
	if (rc == -ERR_NOENT)
		return 0;
	if (rc == -ERR_PERM)
		return forbidden(path);
	for (int i = 0; i < rc; i++)
		if (text[i] < '0' || text[i] > '9')
			rc = -ERR_INVAL;
	if (rc > 0 && fmt_number(text, max, value) == 0)
		return 0;
	log_line(LOG_ERR, "xenbus: %s is no number up to %llu", path, (unsigned long long)max);
	return -ERR_PROTO;
}

int xenbus_number(struct xenbus_dev *dev, const char *key, uint64_t max, uint64_t missing, uint64_t *value)
{
	return number(dev->other, key, max, missing, value);
}

int xenbus_own_number(struct xenbus_dev *dev, const char *key, uint64_t max, uint64_t missing, uint64_t *value)
{
	return number(dev->path, key, max, missing, value);
}

int xenbus_flag(struct xenbus_dev *dev, const char *key, bool *flag)
{
	uint64_t value;
	int rc = xenbus_number(dev, key, 1, 0, &value);

	*flag = value == 1;
	return rc;
}

/* A state that is no number, or none that xenbus.h knows, is as good as a backend that is gone. */
enum xenbus_state xenbus_other_state(struct xenbus_dev *dev)
{
	char text[4];
	uint64_t state;
	int rc = xenbus_text(dev, "state", text, sizeof(text));

	if (rc == -ERR_PERM)
		return XenbusStateInitialising; /* there, but not ours to see yet */
	if (rc < 0 || fmt_number(text, XenbusStateReconfigured, &state) < 0)
		return XenbusStateClosed;
	return (enum xenbus_state)state;
}

bool xenbus_leaving(struct xenbus_dev *dev)
{
	uint64_t online;

	return xenbus_number(dev, "online", 1, 1, &online) == 0 && online == 0;
}

bool xenbus_gone(struct xenbus_dev *dev)
{
	char text[sizeof(dev->other)];

	return xenbus_own_text(dev, "backend", text, sizeof(text)) == -ERR_NOENT;
}

/* A backend of an earlier life may still be there, closing or closed: not that one. */
bool xenbus_back(struct xenbus_dev *dev)
{
	enum xenbus_state other;

	if (xenbus_own_text(dev, "backend", dev->other, sizeof(dev->other)) < 0)
		return false;
	other = xenbus_other_state(dev);
	return other == XenbusStateInitialising || other == XenbusStateInitWait;
}

static int set_state(struct xenbus_dev *dev, uint32_t tx, enum xenbus_state state)
{
	char path[XENSTORE_PATH], text[4];

	dev->state = state;
	join(path, dev->path, "state");
	fmt_format(text, sizeof(text), "%u", (unsigned)state);
	return xenstore_write(tx, path, text);
}

/*
 * Waits until the backend's state is one of a set (bit n: state n). Returns 0, or -ERR_TIMEDOUT.
 * The watch alone would not do: permissions that come late fire none.
 */
static int wait_state(struct xenbus_dev *dev, unsigned set, uint64_t deadline)
{
	for (;;) {
		dev->watch.fired = false; /* before the look: a change after it fires again */
		if (set & (1u << xenbus_other_state(dev)))
			return 0;
		if (clock_now() >= deadline)
			return -ERR_TIMEDOUT;
		pause_until(deadline);
	}
}

/*
 * The toolstack wrote both keys. The old watch goes first: after a restore the backend may have
 * another path, or another domain.
 */
static int find_backend(struct xenbus_dev *dev)
{
	char path[XENSTORE_PATH];
	uint64_t domid;
	int rc = xenbus_own_text(dev, "backend", dev->other, sizeof(dev->other));

	if (rc < 0 || dev->other[0] != '/') {
		log_line(LOG_ERR, "xenbus: %s names no backend", dev->path);
		return -ERR_PROTO;
	}
	rc = xenbus_own_number(dev, "backend-id", DOMID_FIRST_RESERVED - 1, DOMID_FIRST_RESERVED, &domid);
	if (rc < 0 || domid == DOMID_FIRST_RESERVED)
		return -ERR_PROTO;
	dev->domid = (uint16_t)domid;
	join(path, dev->other, "state");
	xenstore_unwatch(&dev->watch);
	return xenstore_watch(&dev->watch, path);
}

int xenbus_attach(struct xenbus_dev *dev)
{
	uint64_t deadline = clock_now() + XENBUS_OPEN_NS;
	enum xenbus_state other;
	int rc = find_backend(dev);

	if (rc < 0)
		return rc;
	other = xenbus_other_state(dev);
	/*
	 * Left over from an earlier life, or another backend than the one we were connected to, which may
	 * be about to take our old keys: let it see us closed before it sees us new. Linux' answer is
	 * Closed, from any state; who has another word for it is not waited for long.
	 */
	if (other == XenbusStateConnected || other == XenbusStateClosing) {
		set_state(dev, XENSTORE_NO_TX, XenbusStateClosed);
		wait_state(dev, 1u << XenbusStateClosed | 1u << XenbusStateInitWait, deadline);
	} else if (other == XenbusStateInitWait && dev->state == XenbusStateConnected) {
		set_state(dev, XENSTORE_NO_TX, XenbusStateClosed);
		wait_state(dev, 1u << XenbusStateClosed, clock_now() + LEAVE_NS);
	}
	rc = set_state(dev, XENSTORE_NO_TX, XenbusStateInitialising);
	if (rc < 0)
		return rc;
	rc = wait_state(dev, 1u << XenbusStateInitWait | 1u << XenbusStateInitialised | 1u << XenbusStateConnected, deadline);
	if (rc < 0)
		log_line(LOG_ERR, "xenbus: %s: backend %s does not begin, state %u", dev->path, dev->other,
			 (unsigned)xenbus_other_state(dev));
	return rc;
}

void xenbus_key(struct xenbus_keys *keys, const char *name, unsigned value)
{
	if (keys->n == XENBUS_KEYS)
		log_panic("xenbus: too many keys");
	fmt_format(keys->v[keys->n].name, sizeof(keys->v[0].name), "%s%s", keys->prefix, name);
	fmt_format(keys->v[keys->n].value, sizeof(keys->v[0].value), "%u", value);
	keys->n++;
}

static int write_keys(struct xenbus_dev *dev, uint32_t tx, const struct xenbus_keys *keys, enum xenbus_state state)
{
	char path[XENSTORE_PATH];
	int rc = 0;

	for (size_t i = 0; i < keys->n && rc == 0; i++) {
		join(path, dev->path, keys->v[i].name);
		rc = xenstore_write(tx, path, keys->v[i].value);
	}
	return rc == 0 ? set_state(dev, tx, state) : rc;
}

int xenbus_publish(struct xenbus_dev *dev, const struct xenbus_keys *keys, enum xenbus_state state)
{
	int rc = -ERR_AGAIN;

	/*
	 * xenstored refuses a transaction when anybody else wrote meanwhile: the whole of it is done
	 * again.
	 */
	for (int i = 0; i < TX_TRIES && rc == -ERR_AGAIN; i++) {
		uint32_t tx;

		rc = xenstore_begin(&tx);
		if (rc < 0)
			break;
		rc = write_keys(dev, tx, keys, state);
		if (rc < 0)
			xenstore_end(tx, false);
		else
			rc = xenstore_end(tx, true);
	}
	if (rc < 0)
		log_line(LOG_ERR, "xenbus: %s: keys cannot be written, error %d", dev->path, -rc);
	return rc;
}

void xenbus_forget(struct xenbus_dev *dev, const char *names)
{
	char path[XENSTORE_PATH], name[32];
	size_t len = 0;

	for (; *names; names++) {
		if (*names != ' ') {
			name[len++] = *names;
			continue;
		}
		name[len] = 0;
		len = 0;
		join(path, dev->path, name);
		xenstore_remove(XENSTORE_NO_TX, path);
	}
}

/* A backend that says 0 is given one queue: that is what it has without the key. */
int xenbus_queues(struct xenbus_dev *dev, unsigned max)
{
	char text[8];
	uint64_t most, want = 1;

	if (xenbus_number(dev, "multi-queue-max-queues", UINT32_MAX, 1, &most) < 0)
		return -ERR_PROTO;
	if (option_get("pith.queues", text, sizeof(text)) >= 0 && fmt_number(text, UINT32_MAX, &want) < 0)
		log_line(LOG_WARN, "pith.queues=%s: not a number, ignored", text);
	want = want < most ? want : most;
	want = want < max ? want : max;
	return want > 0 ? (int)want : 1;
}

int xenbus_wait_connected(struct xenbus_dev *dev)
{
	unsigned ends = 1u << XenbusStateConnected | 1u << XenbusStateClosing | 1u << XenbusStateClosed;
	int rc = wait_state(dev, ends, clock_now() + XENBUS_OPEN_NS);
	enum xenbus_state other = xenbus_other_state(dev);

	if (rc == 0 && other == XenbusStateConnected)
		return 0;
	log_line(LOG_ERR, "xenbus: %s: backend %s does not connect, state %u", dev->path, dev->other, (unsigned)other);
	return rc < 0 ? rc : -ERR_PROTO;
}

int xenbus_ready(struct xenbus_dev *dev)
{
	return set_state(dev, XENSTORE_NO_TX, XenbusStateConnected);
}

void xenbus_say(struct xenbus_dev *dev, enum xenbus_state state)
{
	set_state(dev, XENSTORE_NO_TX, state);
}

/*
 * Two steps, each bounded by XENBUS_OPEN_NS: a backend that has seen Closing lets go of its
 * mappings, and only then can grants end. One that never answers costs ten seconds, and the pages
 * it holds.
 */
void xenbus_close(struct xenbus_dev *dev)
{
	unsigned gone = 1u << XenbusStateUnknown | 1u << XenbusStateInitWait | 1u << XenbusStateClosed;

	if (dev->watch.id == 0)
		return;
	set_state(dev, XENSTORE_NO_TX, XenbusStateClosing);
	wait_state(dev, gone | 1u << XenbusStateClosing, clock_now() + XENBUS_OPEN_NS);
	set_state(dev, XENSTORE_NO_TX, XenbusStateClosed);
	wait_state(dev, gone, clock_now() + XENBUS_OPEN_NS);
	xenstore_unwatch(&dev->watch);
}
