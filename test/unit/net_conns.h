/* SPDX-License-Identifier: MIT */
#ifndef TEST_UNIT_NET_CONNS_H
#define TEST_UNIT_NET_CONNS_H

/*
 * Very many connections, one after the other, AT_ONCE at a time, to a server here from a peer made by hand. Included once.
 *
 * The server closes first, so each ends in TIME-WAIT here. There are fewer ports than connections: the peer opens most of them again
 * while the old ones still wait, as busy clients do.
 */

#include <netinet/in.h>
#include <string.h>

#include "core/plat.h"
#include "libc-glue/fd.h"
#include "libc-glue/lwip/conns.h"
#include "libc-glue/poll.h"
#include "libc-glue/sock.h"
#include "test/fake/boot.h"
#include "test/fake/fake.h"
#include "test/fake/netglue.h"
#include "test/fake/netpeer.h"
#include "test/tap.h"

#define MS 1000000ull
#define SECOND (1000 * MS)
#define AT_ONCE 32
#define PORTS 20000u
#define FIRST_PORT 10000u

static const char request[] = "GET / HTTP/1.0\r\n\r\n", answer[] = "HTTP/1.0 200 OK\r\n\r\nhello\r\n";

/* The peer's connections, by port. */
static struct conn {
	enum { GONE, OPENING, OPEN, LEAVING } state;
	uint32_t seq, ack;
	unsigned times;
} conns[PORTS];

static unsigned total, begun, done, resets, wrong, next_port;
static uint64_t pace, began_at; /* ns from one beginning to the next; 0: as soon as another is done */

/* ---- The peer ---- */

static void say(unsigned port, uint8_t flags, const void *data, size_t len)
{
	struct conn *c = &conns[port - FIRST_PORT];
	struct netpeer_seg seg = { .src = (uint16_t)port, .dst = 80, .seq = c->seq, .ack = flags & NETPEER_ACK ? c->ack : 0,
				   .flags = flags, .window = 60000, .data = data, .len = len };

	c->seq += (uint32_t)len + ((flags & (NETPEER_SYN | NETPEER_FIN)) != 0);
	netpeer_send(&seg);
}

static void begin(void)
{
	unsigned port = FIRST_PORT + next_port++ % PORTS;
	struct conn *c = &conns[port - FIRST_PORT];

	if (c->state != GONE) {
		wrong++;
		return;
	}
	begun++;
	c->state = OPENING;
	c->times++;
	c->seq += 100000; /* above what was there before, as RFC 6528 makes it */
	say(port, NETPEER_SYN, NULL, 0);
}

static inline void begin_due(void)
{
	while (begun < total && begun - done < AT_ONCE && plat_now() >= began_at + begun * pace)
		begin();
}

/* When there is something to do for the peer if nothing happens. */
static inline uint64_t next_due(void)
{
	uint64_t limit = plat_now() + 5 * SECOND, due = began_at + begun * pace;

	return begun < total && begun - done < AT_ONCE && due < limit ? due : limit;
}

void netpeer_tcp(const struct netpeer_seg *seg)
{
	unsigned port = seg->dst;
	struct conn *c;

	if (port < FIRST_PORT || port >= FIRST_PORT + PORTS || (seg->flags & NETPEER_RST)) {
		resets++;
		return;
	}
	c = &conns[port - FIRST_PORT];
	if (c->state == OPENING && (seg->flags & NETPEER_SYN)) {
		c->ack = seg->seq + 1;
		c->state = OPEN;
		say(port, NETPEER_ACK | NETPEER_PSH, request, sizeof request - 1);
		return;
	}
	if (seg->seq != c->ack)
		return;
	if (seg->len)
		wrong += seg->len != sizeof answer - 1 || memcmp(seg->data, answer, seg->len) != 0;
	c->ack += (uint32_t)seg->len;
	if (c->state == OPEN && (seg->flags & NETPEER_FIN)) {
		c->ack++;
		c->state = LEAVING;
		say(port, NETPEER_ACK | NETPEER_FIN, NULL, 0);
	} else if (c->state == LEAVING && seg->ack == c->seq) {
		c->state = GONE;
		done++;
		begin_due();
	}
}

void netpeer_other(uint8_t proto, const uint8_t *ip, size_t len)
{
	(void)proto;
	(void)ip;
	(void)len;
}

/* ---- The server ---- */

static void serve(int fd)
{
	char buf[100];
	ssize_t n = netglue_recv(fd, buf, sizeof buf, MSG_DONTWAIT);

	if (n == -EAGAIN)
		return;
	wrong += n != sizeof request - 1;
	wrong += netglue_send(fd, answer, sizeof answer - 1, 0) != sizeof answer - 1;
	fd_remove(fd);
}

static void take(int ep, int l)
{
	int fd;

	while ((fd = sock_accept(l, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
		struct epoll_event e = { .events = EPOLLIN, .data.fd = fd };

		epoll_change(ep, EPOLL_CTL_ADD, fd, &e);
	}
}

static void run(int l)
{
	struct epoll_event e = { .events = EPOLLIN, .data.fd = l }, v[64];
	int ep = epoll_make(0);
	uint64_t latest;

	epoll_change(ep, EPOLL_CTL_ADD, l, &e);
	began_at = latest = plat_now();
	while (done < total) {
		int n;

		begin_due();
		n = epoll_collect(ep, v, 64, next_due());
		if (n > 0)
			latest = plat_now();
		if (n < 0 || (begun > done && plat_now() >= latest + 5 * SECOND))
			break; /* they are stuck */
		for (int i = 0; i < n; i++) {
			if (v[i].data.fd == l)
				take(ep, l);
			else
				serve(v[i].data.fd);
		}
	}
	fd_remove(ep);
}

#endif
