/* SPDX-License-Identifier: MIT */
/*
 * Very many connections: 100,000 one after the other, 32 at a time, to a server here from a peer made by hand; then nothing is held any more.
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

static unsigned total = 100000, begun, done, resets, wrong, next_port;
static long held;

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
		if (begun < total)
			begin();
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

	epoll_change(ep, EPOLL_CTL_ADD, l, &e);
	for (unsigned i = 0; i < AT_ONCE; i++)
		begin();
	while (done < total) {
		int n = epoll_collect(ep, v, 64, plat_now() + 5 * SECOND);

		if (n <= 0)
			break;
		for (int i = 0; i < n; i++) {
			if (v[i].data.fd == l)
				take(ep, l);
			else
				serve(v[i].data.fd);
		}
	}
	fd_remove(ep);
}

/* ---- */

static void test_reopening(int l)
{
	unsigned port = FIRST_PORT + 5, before = resets;
	struct conn *c = &conns[5];

	total = begun = done = 0;
	next_port = 5;
	total = 1;
	begin();
	total = 1;
	for (unsigned i = 0; i < 100 && done < 1; i++) {
		int fd = sock_accept(l, NULL, NULL, SOCK_NONBLOCK);

		thread_sleep(plat_now() + MS);
		if (fd >= 0) {
			thread_sleep(plat_now() + MS);
			serve(fd);
		}
	}
	is(done, 1, "a connection that is now in TIME-WAIT");
	c->seq -= 1000000; /* an old SYN that has been under way for long */
	c->state = OPENING;
	say(port, NETPEER_SYN, NULL, 0);
	thread_sleep(plat_now() + 5 * MS);
	is(c->state, OPENING, "does not come to life by a SYN from before");
	is(sock_accept(l, NULL, NULL, SOCK_NONBLOCK), -EAGAIN, "nobody is there");
	ok(resets >= before, "whatever is answered");
	c->seq += 2000000;
	say(port, NETPEER_SYN, NULL, 0);
	thread_sleep(plat_now() + 5 * MS);
	is(c->state, OPEN, "but by a new one");
	thread_sleep(plat_now() + 5 * MS);
	serve(sock_accept(l, NULL, NULL, SOCK_NONBLOCK));
	thread_sleep(plat_now() + 5 * MS);
	is(wrong, 0, "and works");
}

static void test_ports(void)
{
	int fd[200];
	unsigned same = 0;
	uint16_t last = 0;

	for (unsigned i = 0; i < 200; i++) {
		struct sockaddr_in a;
		socklen_t len = sizeof a;

		fd[i] = sock_socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		sock_connect(fd[i], (struct sockaddr *)netglue_addr("10.0.0.9", 99), sizeof a);
		sock_name(fd[i], (struct sockaddr *)&a, &len, false);
		same += ntohs(a.sin_port) == (uint16_t)(last + 1);
		last = ntohs(a.sin_port);
	}
	ok(same < 5, "source ports cannot be guessed from the one before");
	for (unsigned i = 0; i < 200; i++)
		fd_remove(fd[i]);
}

int main(int argc, char **argv)
{
	int l;

	if (argc > 1)
		total = (unsigned)atoi(argv[1]);
	fake_boot();
	netglue_host();
	l = sock_socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	sock_bind(l, (struct sockaddr *)netglue_addr("0.0.0.0", 80), sizeof(struct sockaddr_in));
	sock_listen(l, 128);
	thread_sleep(plat_now() + SECOND);
	held = netglue_held();
	run(l);
	is(done, total, "all connections were served");
	is(wrong, 0, "rightly");
	is(resets, 0, "without a reset");
	ok(conns_waiting() <= page_total() / 4, "%zu wait in TIME-WAIT, bounded by memory", conns_waiting());
	for (unsigned s = 0; s < 100 && netglue_held() != held; s++)
		thread_sleep(plat_now() + SECOND);
	if (!is(netglue_held(), held, "nothing is held when TIME-WAIT is over"))
		printf("%s", netglue_proc("/proc/net/lwip"));
	test_reopening(l);
	test_ports();
	return tap_done();
}
