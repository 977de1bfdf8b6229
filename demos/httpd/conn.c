/* SPDX-License-Identifier: MIT */
#include "httpd.h"

/*
 * The life of a connection: read, answer, write; wait for what is missing; end in good order.
 *
 * When something has come it is read into a buffer that all connections share, behind what was left
 * over before. As many requests as there are in it are answered into a list that all share too, and
 * that list is written at once. What then remains, half a request or what a slow peer did not take,
 * moves into memory of the connection. While a peer does not take its answers nothing more is read
 * from it. Read httpd.h first.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 * How long, and for how many bytes, we listen to a peer that we have nothing more to say to. Both
 * are bounds on what a peer can make us do after it was refused; a well-behaved one has read its
 * answer long before.
 */
#define LINGER_MS 2000
#define LINGER_BYTES 262144

/*
 * One of each is enough: a connection uses them from the moment it is woken until run() returns,
 * and nothing in between lets another one run. `output` is empty whenever no connection is being
 * served.
 */
static char input[HEAD_MAX];
static struct out output = { .file = -1 };

/* A connection that never says anything is held to the deadline for a head, from now on. */
void conn_start(struct conn *c, int fd)
{
	c->fd = fd;
	c->state = CONN_READ;
	c->partial = true;
	c->deadline = server_ms + config.header_ms;
}

/*
 * Any state may end here, at any time: everything that a connection can hold is let go. The struct
 * itself lives until the batch of events is over (server.c), so callers may still look at its
 * state.
 */
void conn_close(struct conn *c)
{
	if (c->out)
		out_clear(c->out);
	free(c->out);
	free(c->held);
	free(c->head);
	close(c->fd);
	c->state = CONN_DEAD;
	server_forget(c);
}

/*
 * Closing such a connection loses nothing that anybody has asked for (RFC 9112 section 9.5 lets us
 * do it at any time).
 */
bool conn_idle(const struct conn *c)
{
	return c->state == CONN_READ && !c->held_len && !c->head;
}

/* ---- input ---- */

/* The framing is lost, or the peer asks too much: one last answer. */
static void refuse(struct conn *c, struct out *o, const struct request *r, int status)
{
	answer_error(o, r, status);
	c->closing = true;
	c->clean = false;
}

/* The deadline for a head starts anew with the next request: partial says that none is running. */
static void answer(struct conn *c, struct out *o, const struct request *r)
{
	c->closing = !answer_request(o, r);
	c->clean = true;
	c->partial = false;
}

/* A request with a body is answered when the body has passed: till then its head is kept. */
static size_t begin_body(struct conn *c, struct out *o, const struct request *r, const char *p, size_t len)
{
	struct request last;

	if (r->length > BODY_MAX) {
		refuse(c, o, r, 413);
		return len;
	}
	/*
	 * The final answer goes out instead of 100 (Continue); whether the body then comes is open: no
	 * way to go on.
	 */
	if (r->expect) {
		last = *r;
		last.keep = false;
		answer(c, o, &last);
		c->clean = false;
		return len;
	}
	c->head = malloc(len);
	if (!c->head) {
		refuse(c, o, r, 503);
		return len;
	}
	memcpy(c->head, p, len);
	c->head_len = len;
	body_start(&c->body, r);
	return len;
}

/*
 * The head was kept as bytes, so it is read once more: cheaper than a copy of every field, since
 * bodies are rare, and what the fields point at is then there for as long as the answer needs it.
 */
static size_t skip_body(struct conn *c, struct out *o, const char *p, size_t n)
{
	const struct request *r;
	size_t used = n;
	int rc = body_skip(&c->body, p, n, &used);

	if (!rc)
		return used;
	parse_head(c->head, c->head_len, &r);
	if (rc < 0)
		refuse(c, o, r, -rc);
	else
		answer(c, o, r);
	free(c->head);
	c->head = NULL;
	return used;
}

/*
 * Uses up what stands at the front of the input. Returns how many bytes that was; 0 when more must
 * come.
 */
static size_t step(struct conn *c, struct out *o, const char *p, size_t n)
{
	const struct request *r;
	int len;

	if (c->head)
		return skip_body(c, o, p, n);
	/* RFC 9112 section 2.2: empty lines before a request are passed over. */
	if (*p == '\r' && (n == 1 || p[1] == '\n'))
		return n == 1 ? 0 : 2;
	len = parse_head(p, n, &r);
	if (!len)
		return 0;
	server_counters.requests++;
	if (len < 0) {
		refuse(c, o, r, -len);
		return n;
	}
	if (r->chunked || r->length)
		return begin_body(c, o, r, p, (size_t)len);
	answer(c, o, r);
	return (size_t)len;
}

/*
 * Answers what is there, in order, until input or room runs out: with room gone, writing comes
 * first. A request after one that ends the connection is not looked at (RFC 9112 section 9.6).
 */
static size_t take(struct conn *c, struct out *o, const char *p, size_t n)
{
	size_t done = 0, used;

	while (done < n && !c->closing && out_room(o)) {
		used = step(c, o, p + done, n - done);
		if (!used)
			break;
		done += used;
	}
	return done;
}

/* ---- what remains ---- */

/*
 * Keeps the n bytes at p, which lie in `input`. Returns 0, or -1 when there is no memory: c is then
 * closed.
 */
static int hold(struct conn *c, const char *p, size_t n)
{
	char *held = n ? realloc(c->held, n) : NULL;

	if (n && !held) {
		conn_close(c);
		return -1;
	}
	if (n)
		memcpy(held, p, n);
	else
		free(c->held);
	c->held = held;
	c->held_len = n;
	return 0;
}

/*
 * All is answered: wait for the rest of a request, or for the next. A deadline that runs is not put
 * off by more bytes.
 */
static void wait_for_input(struct conn *c, const char *p, size_t n)
{
	if ((n || c->held) && hold(c, p, n))
		return;
	if (!n && !c->head) {
		c->partial = false;
		c->deadline = server_ms + config.idle_ms;
		if (server_stopping)
			conn_close(c);
	} else if (!c->partial) {
		c->partial = true;
		c->deadline = server_ms + config.header_ms;
	}
}

static void wait_for_output(struct conn *c, struct out *o, const char *p, size_t n)
{
	c->out = malloc(sizeof *c->out);
	if (!c->out) {
		out_clear(o);
		conn_close(c);
		return;
	}
	*c->out = *o;
	out_init(o);
	c->state = CONN_WRITE;
	c->deadline = server_ms + config.write_ms;
	if (!hold(c, p, n))
		server_watch(c, EPOLLOUT);
}

/*
 * All that was to be said is said. With input unread, close() would send a reset that may destroy
 * our last words before the peer reads them (RFC 9112 section 9.6): close our half, and read on for
 * a while.
 */
static void finish(struct conn *c, size_t unread)
{
	if (c->clean && !unread) {
		conn_close(c);
		return;
	}
	shutdown(c->fd, SHUT_WR);
	hold(c, NULL, 0);
	free(c->head);
	c->head = NULL;
	if (c->state == CONN_WRITE)
		server_watch(c, EPOLLIN);
	c->state = CONN_LINGER;
	c->deadline = server_ms + LINGER_MS;
}

/*
 * Answers what is there and writes it; then decides what to wait for. A batch ends when the output
 * is full or the input used up; a peer that pipelines more than fits is served in several rounds,
 * and stops us by not reading.
 */
static void run(struct conn *c, const char *p, size_t n)
{
	enum out_result result;
	size_t used;

	do {
		used = take(c, &output, p, n);
		p += used;
		n -= used;
		result = out_flush(&output, c->fd);
	} while (result == OUT_DONE && used && n && !c->closing);
	if (result == OUT_LATER) {
		wait_for_output(c, &output, p, n);
	} else if (result == OUT_FAILED) {
		out_clear(&output);
		conn_close(c);
	} else if (c->closing) {
		finish(c, n);
	} else {
		wait_for_input(c, p, n);
	}
}

/* ---- events ---- */

/*
 * One read for each event: what it leaves in the socket, the level-triggered epoll tells again. So
 * a peer that sends without end has one buffer a round, as everybody else.
 */
static void on_readable(struct conn *c)
{
	size_t held = c->held_len;
	ssize_t n;

	if (held)
		memcpy(input, c->held, held);
	n = read(c->fd, input + held, sizeof input - held);
	if (n > 0) {
		server_counters.bytes_in += (uint64_t)n;
		run(c, input, held + (size_t)n);
	} else if (!n || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)) {
		conn_close(c); /* every whole request has been answered before this was read */
	}
}

/*
 * While output waits, no input is read; so what is left over from before may hold whole requests,
 * for which no event will come. They are answered now.
 */
static void on_writable(struct conn *c)
{
	uint64_t before = server_counters.bytes_out;
	enum out_result result = out_flush(c->out, c->fd);
	size_t n = c->held_len;

	if (result == OUT_FAILED) {
		conn_close(c);
		return;
	}
	if (server_counters.bytes_out != before)
		c->deadline = server_ms + config.write_ms;
	if (result == OUT_LATER)
		return;
	free(c->out);
	c->out = NULL;
	if (c->closing) {
		finish(c, n);
		return;
	}
	c->state = CONN_READ;
	server_watch(c, EPOLLIN);
	if (n)
		memcpy(input, c->held, n);
	run(c, input, n);
}

/*
 * What is read here has come too late and is thrown away; only the end of the stream matters, or
 * the bound.
 */
static void on_lingering(struct conn *c)
{
	ssize_t n = read(c->fd, input, sizeof input);

	if (n > 0)
		c->lingered += (size_t)n;
	else if (!n || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR))
		c->lingered = LINGER_BYTES;
	if (c->lingered >= LINGER_BYTES)
		conn_close(c);
}

void conn_event(struct conn *c, uint32_t events)
{
	(void)events; /* whatever happened, the call that it makes possible tells the rest */
	switch (c->state) {
	case CONN_READ:
		on_readable(c);
		break;
	case CONN_WRITE:
		on_writable(c);
		break;
	case CONN_LINGER:
		on_lingering(c);
		break;
	case CONN_DEAD:
		break;
	}
}

/*
 * 408 goes to who has begun a request (RFC 9110 section 15.5.9). Between requests an end without a
 * word is the better one: an answer could be taken for that of a request which is just being sent.
 */
void conn_expire(struct conn *c)
{
	const struct request r = { .http11 = true };

	server_counters.timeouts++;
	if (c->state != CONN_READ || conn_idle(c)) {
		conn_close(c);
		return;
	}
	refuse(c, &output, &r, 408);
	run(c, input, 0);
}
