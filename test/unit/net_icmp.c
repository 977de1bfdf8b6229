/* SPDX-License-Identifier: MIT */
/*
 * What others say about packets that they cannot deliver (libc-glue/sock_icmp.c): from a peer made by hand, true and forged, and
 * from ourselves on the loopback. And whose echo requests are answered: those in frames that are for us.
 */
#include <poll.h>
#include <string.h>

#include "test/fake/boot.h"
#include "test/fake/fake.h"
#include "test/fake/netpeer.h"
#include "test/tap.h"
#include "test/unit/net_calls.h"

/* How the peer answers a SYN. */
static struct {
	uint8_t code, type;
	bool wrong_seq, wrong_sum, wrong_port, short_quote, option;
} peer;
static unsigned syns, resets, echoes;
static char buf[100];

static void unreachable(const struct netpeer_seg *seg)
{
	uint8_t icmp[8 + 24 + 8] = { peer.type, peer.code };
	unsigned ihl = peer.option ? 24 : 20, sum = 0;
	uint8_t *ip = icmp + 8, *tcp = ip + ihl;
	size_t len = 8 + ihl + (peer.short_quote ? 7 : 8);

	ip[0] = (uint8_t)(0x40 | ihl / 4);
	ip[9] = 6;
	netpeer_put32(ip + 12, 0x0a000001);
	netpeer_put32(ip + 16, NETPEER_IP);
	netpeer_put16(tcp, seg->src);
	netpeer_put16(tcp + 2, seg->dst + peer.wrong_port);
	netpeer_put32(tcp + 4, seg->seq + peer.wrong_seq);
	for (size_t i = 0; i + 1 < sizeof icmp; i += 2)
		sum += netpeer_get16(icmp + i);
	sum = (sum & 0xffff) + (sum >> 16);
	netpeer_put16(icmp + 2, (~sum + peer.wrong_sum) & 0xffff);
	netpeer_send_ip(0x0a0000fe, 0x0a000001, 1, icmp, len);
}

void netpeer_tcp(const struct netpeer_seg *seg)
{
	syns += (seg->flags & NETPEER_SYN) != 0;
	resets += (seg->flags & NETPEER_RST) != 0;
	if (seg->flags & NETPEER_SYN)
		unreachable(seg);
}

void netpeer_other(uint8_t proto, const uint8_t *ip, size_t len)
{
	echoes += proto == 1 && len > 20 && ip[20] == 0;
}

static void test_connect(void)
{
	static const struct { uint8_t code; int error; } table[] = {
		{ 0, -ENETUNREACH }, { 1, -EHOSTUNREACH }, { 2, -ENOPROTOOPT }, { 3, -ECONNREFUSED }, { 13, -EHOSTUNREACH },
	};
	uint64_t start = plat_now();
	struct pollfd p;

	for (unsigned i = 0; i < sizeof table / sizeof table[0]; i++) {
		int fd = tcp();

		memset(&peer, 0, sizeof peer);
		peer.type = 3;
		peer.code = table[i].code;
		peer.option = i & 1;
		ok(connect_to(fd, "10.0.0.9", 80) == table[i].error, "unreachable, code %u: connect() fails", table[i].code);
		is(get(fd, SOL_SOCKET, SO_ERROR), 0, "and has told it");
		is(connect_to(fd, "10.0.0.9", 80), table[i].error, "it may try again");
		fd_remove(fd);
	}
	ok(plat_now() - start < SECOND, "at once");
	is(resets, 0, "and nobody is sent a reset");
	p = (struct pollfd){ .fd = sock_socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), .events = POLLOUT };
	is(connect_to(p.fd, "10.0.0.9", 80), -EINPROGRESS, "without blocking");
	wait_ms(20);
	ok(ready(p.fd) & POLLERR, "poll() tells");
	is(connect_to(p.fd, "10.0.0.9", 80), -EHOSTUNREACH, "the next connect() says why");
	fd_remove(p.fd);
}

static void test_forged(void)
{
	for (unsigned i = 0; i < 7; i++) {
		int fd = sock_socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

		memset(&peer, 0, sizeof peer);
		peer.type = i == 5 ? 4 : 3;
		peer.code = i == 4 ? 4 : 1;
		peer.wrong_seq = i == 0;
		peer.wrong_sum = i == 1;
		peer.wrong_port = i == 2;
		peer.short_quote = i == 3;
		peer.option = i == 6;
		connect_to(fd, "10.0.0.9", 80);
		wait_ms(20);
		ok(ready(fd) == 0 || (i == 6 && (ready(fd) & POLLERR)), "%s, case %u", i == 6 ? "a right one" : "forged or not about this", i);
		fd_remove(fd);
	}
}

static uint16_t unused_port(int domain)
{
	struct sockaddr_in6 a = { .sin6_family = AF_INET6, .sin6_addr = { { { [15] = 1 } } } };
	int fd = sock_socket(domain, SOCK_DGRAM, 0);
	uint16_t port;

	if (domain == AF_INET)
		bind_to(fd, "127.0.0.1", 0);
	else
		sock_bind(fd, (struct sockaddr *)&a, sizeof a);
	port = port_of(fd);
	fd_remove(fd);
	return port;
}

static void refused(int fd, const char *what)
{
	ok(netglue_send(fd, "x", 1, 0) == 1, "%s to a port that nobody has", what);
	wait_ms(5);
	ok(ready(fd) & POLLERR, "poll() tells");
	is(netglue_recv(fd, buf, 10, MSG_DONTWAIT), -ECONNREFUSED, "recv() says so");
	is(netglue_recv(fd, buf, 10, MSG_DONTWAIT), -EAGAIN, "once");
	is(netglue_send(fd, "x", 1, 0), 1, "again");
	wait_ms(5);
	is(netglue_send(fd, "x", 1, 0), -ECONNREFUSED, "send() says so too");
	fd_remove(fd);
}

static void test_datagrams(void)
{
	struct sockaddr_in6 a = { .sin6_family = AF_INET6, .sin6_addr = { { { [15] = 1 } } } };
	uint16_t port = unused_port(AF_INET);
	struct iovec v = { buf, 1 };
	struct msghdr msg = { .msg_name = netglue_addr("127.0.0.1", port), .msg_namelen = sizeof(struct sockaddr_in), .msg_iov = &v, .msg_iovlen = 1 };
	int fd = udp();

	is(sock_send(fd, &msg, 0), 1, "a datagram that is not connected");
	wait_ms(5);
	is(netglue_recv(fd, buf, 10, MSG_DONTWAIT), -EAGAIN, "nobody is told");
	is(connect_to(fd, "127.0.0.1", port), 0, "a connected one");
	refused(fd, "IPv4");
	a.sin6_port = htons(unused_port(AF_INET6));
	fd = sock_socket(AF_INET6, SOCK_DGRAM, 0);
	is(sock_connect(fd, (struct sockaddr *)&a, sizeof a), 0, "of IPv6");
	refused(fd, "IPv6");
}

/* An echo request of n bytes, all zero, in a frame to `to`. Returns the answers. */
static unsigned ping(const uint8_t to[6], unsigned n)
{
	static uint8_t frame[14 + 28 + 1400] = { [12] = 8, 0, 0x45, [22] = 64, 1, [26] = 10, 0, 0, 9, 10, 0, 0, 1, 8, 0, 0xf7, 0xff };

	memcpy(frame, to, 6);
	memcpy(frame + 6, (uint8_t[]){ 2, 0, 0, 0, 0, 9 }, 6);
	netpeer_put16(frame + 16, 28 + n);
	netpeer_put16(frame + 24, 0x66d8 - n);
	echoes = 0;
	fake_nic_deliver(0, frame, 14 + 28 + n, NULL);
	wait_ms(20);
	return echoes;
}

/* A bridge that does not know where an address lives floods: others' frames come, too. */
static void test_addressed(void)
{
	static const uint8_t all[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff }, group[6] = { 0x01, 0x00, 0x5e, 0, 0, 1 };
	uint8_t us[6], other[6];

	memcpy(us, fake_nic[0].mac, 6);
	is(ping(us, 10), 1, "a frame to us is taken");
	fake_nic[0].rx_size = 512;
	is(ping(us, 1400), 1, "in several buffers, too");
	for (unsigned i = 0; i < 6; i++) {
		memcpy(other, us, 6);
		other[i] ^= 4;
		ok(!ping(other, 10) && !ping(other, 1400), "one to somebody else, whose address differs in byte %u, is not", i);
	}
	ok(ping(all, 10) && ping(group, 10), "one to all, and one to a group");
	is(netglue_number("/proc/net/lwip", "nic0_lent"), 0, "every buffer is back");
	memcpy(other, us, 6);
	other[5] ^= 4;
	memcpy(fake_nic[0].mac, other, 6);
	fake.changes++;
	wait_ms(20);
	is(ping(other, 10), 1, "another card under the same number: its address counts");
	is(ping(us, 10), 0, "and the old one no more");
}

int main(void)
{
	fake_boot();
	netglue_host();
	wait_ms(100);
	test_connect();
	test_forged();
	test_datagrams();
	test_addressed();
	wait_ms(2000);
	is(netglue_number("/proc/net/lwip", "tcp_connections"), 0, "no connection is left");
	return tap_done();
}
