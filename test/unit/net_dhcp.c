/* SPDX-License-Identifier: MIT */
/*
 * Addresses by DHCP (libc-glue/lwip/netconf.c), from a server made by hand: one that refuses what it has offered, and one that is
 * late; and what connect() and sendto() do until there is an address.
 */
#include <fcntl.h>
#include <poll.h>
#include <string.h>

#include "libc-glue/poll.h"
#include "test/fake/boot.h"
#include "test/fake/fake.h"
#include "test/fake/netpeer.h"
#include "test/tap.h"
#include "test/unit/net_calls.h"

#define DISCOVER 1
#define OFFER 2
#define REQUEST 3
#define ACK 5
#define NAK 6
#define OURS 0x0a000001u

static struct {
	enum { SILENT, REFUSES, GRANTS } mood;
	unsigned discovers, requests, syns, datagrams;
	uint64_t last, rests[8]; /* between searches that were longer than a second */
	unsigned nrests;
} server;

/* RFC 2131 2: what we were sent, turned round. */
static void reply(const uint8_t *msg, uint8_t type)
{
	uint8_t out[300] = { 2, 1, 6 };
	const uint8_t options[] = { 0x63, 0x82, 0x53, 0x63, 53, 1, type, 54, 4, 10, 0, 0, 9, 51, 4, 0, 0, 14, 16,
				    1, 4, 255, 255, 255, 0, 3, 4, 10, 0, 0, 9, 255 };

	memcpy(out + 4, msg + 4, 4);
	memcpy(out + 28, msg + 28, 16);
	if (type != NAK)
		netpeer_put32(out + 16, OURS);
	memcpy(out + 236, options, sizeof options);
	netpeer_send_udp(NETPEER_IP, 0xffffffff, 67, 68, out, sizeof out);
}

static void note_search(void)
{
	uint64_t rest = plat_now() - server.last;

	server.discovers++;
	if (rest > SECOND && server.nrests < 8)
		server.rests[server.nrests++] = rest / SECOND;
	server.last = plat_now();
}

void netpeer_other(uint8_t proto, const uint8_t *ip, size_t len)
{
	const uint8_t *udp = ip + 20, *msg = udp + 8;

	if (proto != 17 || len < 28 + 243)
		return;
	if (netpeer_get16(udp + 2) != 67) {
		server.datagrams++;
		return;
	}
	if (msg[242] == DISCOVER)
		note_search();
	else
		server.requests++;
	if (server.mood != SILENT)
		reply(msg, msg[242] == DISCOVER ? OFFER : server.mood == REFUSES ? NAK : ACK);
}

void netpeer_tcp(const struct netpeer_seg *seg)
{
	struct netpeer_seg answer = { .src = seg->dst, .dst = seg->src, .seq = 1000, .ack = seg->seq + 1, .flags = NETPEER_SYN | NETPEER_ACK, .window = 1000 };

	if (!(seg->flags & NETPEER_SYN))
		return;
	server.syns++;
	netpeer_send(&answer);
}

static int socket_to_peer(int type)
{
	return sock_socket(AF_INET, type | SOCK_NONBLOCK, 0);
}

static void blocking(void *arg)
{
	int fd = tcp();

	*(int *)arg = connect_to(fd, "10.0.0.9", 80);
	fd_remove(fd);
}

static int a, u, late = 1;
static struct thread *blocked;

/* As long as there is no address and one may come. */
static void test_early(void)
{
	static const uint8_t data[300];
	uint64_t start = plat_now();
	int b = socket_to_peer(SOCK_STREAM);

	a = socket_to_peer(SOCK_STREAM);
	u = socket_to_peer(SOCK_DGRAM);
	is(connect_to(a, "10.0.0.9", 80), -EINPROGRESS, "connect() without an address is under way");
	is(connect_to(b, "10.0.0.9", 80), -EINPROGRESS, "another");
	is(connect_to(u, "10.0.0.9", 9), 0, "datagrams need none to be connected");
	is(netglue_send(u, data, sizeof data, 0), -EAGAIN, "but to be sent");
	ok(plat_now() - start < 10 * MS, "nobody has waited");
	is(connect_to(a, "10.0.0.9", 80), -EALREADY, "a second connect() says so");
	is(ready(a), 0, "poll() says not yet");
	is(ready(u), 0, "nor for datagrams");
	is(fd_remove(b), 0, "one is closed meanwhile");
	blocked = thread_create("late", blocking, &late, 32768);
	wait_ms(5000);
	ok(server.discovers >= 2 && server.discovers <= 4, "refused at once, and again: %u searches in 5 s", server.discovers);
	is(server.requests, server.discovers, "each to its end");
	is(server.syns, 0, "no connection without an address");
}

static void test_late_address(void)
{
	static const uint8_t data[300];
	struct pollfd p = { .fd = a, .events = POLLOUT };

	server.mood = GRANTS;
	is(poll_wait(&p, 1, plat_now() + 20 * SECOND), 1, "poll() waits for the address");
	is(p.revents, POLLOUT, "and says that there is a connection");
	is(get(a, SOL_SOCKET, SO_ERROR), 0, "without an error");
	thread_join(blocked);
	is(late, 0, "who blocked is connected as well");
	is(server.syns, 2, "and who closed is not");
	ok(ready(u) & POLLOUT, "datagrams can be sent");
	is(netglue_send(u, data, sizeof data, 0), (long)sizeof data, "and are");
	wait_ms(10);
	is(server.datagrams, 1, "once");
	fd_remove(a);
	fd_remove(u);
}

/* The lease is lost: a server that refuses for long is asked ever more slowly. */
static void test_refusals(void)
{
	server.mood = REFUSES;
	fake_nic[0].down = true;
	wait_ms(3000);
	server.discovers = server.nrests = 0;
	fake_nic[0].down = false;
	wait_ms(120000);
	ok(server.discovers >= 5 && server.discovers <= 8, "refused for two minutes: %u searches", server.discovers);
	ok(server.nrests >= 4 && server.rests[server.nrests - 1] >= 25 && server.rests[server.nrests - 1] <= 40,
		"with rests that grow to %u s", (unsigned)server.rests[server.nrests - 1]);
	a = socket_to_peer(SOCK_STREAM);
	is(connect_to(a, "10.0.0.9", 80), -ENETUNREACH, "without an address long after boot: ENETUNREACH");
	fd_remove(a);
}

int main(void)
{
	server.mood = REFUSES;
	fake.cmdline = "ip=dhcp ip6=off";
	fake_boot();
	for (unsigned i = 1; i < FAKE_NICS; i++)
		fake_nic[i].absent = true;
	netglue_start();
	test_early();
	test_late_address();
	test_refusals();
	return tap_done();
}
