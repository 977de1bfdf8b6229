/* SPDX-License-Identifier: MIT */
/*
 * How the machine gets its address and how it finds others: DHCP, the command line, DNS.
 *
 * The servers are made by hand (netpeer.c), and some of them lie. Each way of starting is a process of its own.
 */
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

#include "core/plat.h"
#include "libc-glue/lwip/netdev.h"
#include "libc-glue/netdb.h"
#include "libc-glue/sock.h"
#include "test/fake/boot.h"
#include "test/fake/fake.h"
#include "test/fake/netglue.h"
#include "test/fake/netpeer.h"
#include "test/tap.h"

#define MS 1000000ull
#define SECOND (1000 * MS)
#define US 0x0a000001u

static enum {
	HONEST,
	NOBODY,      /* no answer at all */
	REFUSING,    /* NAK to every request */
	OTHER_XID,   /* answers somebody else's question */
	SHORT,       /* cuts its packets */
	ENDLESS,     /* options without an end */
	WILD,        /* changes bytes */
} server;

static unsigned discovers, requests, queries;
static char said[65536];

/* ---- DHCP (RFC 2131) ---- */

static void put_option(uint8_t *p, size_t *at, uint8_t code, uint32_t value)
{
	p[(*at)++] = code;
	p[(*at)++] = 4;
	netpeer_put32(p + *at, value);
	*at += 4;
}

static uint8_t kind_of(const uint8_t *p, size_t len)
{
	for (size_t i = 240; i + 2 < len && p[i] != 255; i += 2u + p[i + 1])
		if (p[i] == 53)
			return p[i + 2];
	return 0;
}

static void send_dhcp(const uint8_t *ask, uint8_t kind)
{
	uint8_t p[600] = { 2, 1, 6 };
	size_t at = 240;

	memcpy(p + 4, ask + 4, 4);
	memcpy(p + 28, ask + 28, 16);
	netpeer_put32(p + 16, US);
	netpeer_put32(p + 236, 0x63825363);
	if (server == OTHER_XID)
		p[4] ^= 1;
	p[at++] = 53;
	p[at++] = 1;
	p[at++] = kind;
	put_option(p, &at, 54, NETPEER_IP);
	put_option(p, &at, 51, 3600);
	put_option(p, &at, 1, 0xffffff00);
	put_option(p, &at, 3, NETPEER_IP);
	put_option(p, &at, 6, NETPEER_IP);
	if (server == ENDLESS)
		memset(p + at, fake_chance(5000) ? 1 : 200, sizeof p - at);
	else
		p[at] = 255;
	for (unsigned i = 0; server == WILD && i < 5; i++)
		p[fake_below(300)] = (uint8_t)fake_random();
	netpeer_send_udp(NETPEER_IP, 0xffffffff, 67, 68, p, server == SHORT ? fake_below(280) : 548);
}

static void dhcp(const uint8_t *p, size_t len)
{
	uint8_t kind = kind_of(p, len);

	discovers += kind == 1;
	requests += kind == 3;
	if (server == NOBODY)
		return;
	if (kind == 1)
		send_dhcp(p, 2);
	else if (kind == 3)
		send_dhcp(p, server == REFUSING ? 6 : 5);
}

/* ---- DNS (RFC 1035) ---- */

/* The name in a question as text; returns what follows. */
static const uint8_t *read_name(const uint8_t *p, char *name)
{
	while (*p) {
		memcpy(name, p + 1, *p);
		name += *p;
		p += *p + 1;
		*name++ = *p ? '.' : '\0';
	}
	return p + 1;
}

static size_t add_answer(uint8_t *p, size_t at, unsigned type, const void *data, size_t len)
{
	netpeer_put16(p + at, 0xc00c);
	netpeer_put16(p + at + 2, type);
	netpeer_put16(p + at + 4, 1);
	netpeer_put32(p + at + 6, 60);
	netpeer_put16(p + at + 10, (unsigned)len);
	memcpy(p + at + 12, data, len);
	return at + 12 + len;
}

static const uint8_t six[16] = { 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7 };

/* The answer to a question for `name`; the name chooses the lie. Returns its length. */
static size_t make_answer(uint8_t *p, size_t at, const char *name, unsigned type)
{
	static const uint8_t four[4] = { 192, 0, 2, 7 }, alias[] = { 1, 'b', 0xc0, 0x0e };

	if (strncmp(name, "none.", 5) == 0) {
		p[3] = 0x83; /* no such name */
		return at;
	}
	p[7] = 1;
	if (strncmp(name, "alias.", 6) == 0) {
		p[7] = 2;
		at = add_answer(p, at, 5, alias, sizeof alias);
	}
	if (strncmp(name, "loop.", 5) == 0) { /* a name that points at itself */
		netpeer_put16(p + at, 0xc000 + (unsigned)at);
		memset(p + at + 2, 0, 10);
		return at + 12;
	}
	if (strncmp(name, "many.", 5) == 0)
		netpeer_put16(p + 6, 0xffff);
	if (strncmp(name, "long.", 5) == 0)
		return add_answer(p, at, type, six, type == 28 ? 4 : 16);
	if (strncmp(name, "six.", 4) == 0 && type == 1) {
		p[7] = 0;
		return at;
	}
	return type == 28 ? add_answer(p, at, 28, six, 16) : add_answer(p, at, 1, four, 4);
}

static void dns(const uint8_t *q, size_t len, uint16_t from)
{
	uint8_t p[600] = { 0 };
	char name[300];
	const uint8_t *after;
	unsigned type;
	size_t at;

	queries++;
	if (server == NOBODY || len > 300)
		return;
	memcpy(p, q, len);
	after = read_name(q + 12, name);
	type = netpeer_get16(after);
	p[2] = 0x81;
	p[3] = 0x80;
	at = make_answer(p, (size_t)(after + 4 - q), name, type);
	if (strncmp(name, "cut.", 4) == 0)
		at = fake_below(at);
	if (strncmp(name, "id.", 3) == 0) /* somebody guesses: nobody else answers */
		p[0] ^= 1;
	if (strncmp(name, "port.", 5) == 0)
		from ^= 1;
	for (unsigned i = 0; strncmp(name, "wild.", 5) == 0 && i < 3; i++)
		p[12 + fake_below(at - 12)] = (uint8_t)fake_random();
	netpeer_send_udp(NETPEER_IP, US, 53, from, p, at);
}

void netpeer_tcp(const struct netpeer_seg *seg)
{
	(void)seg;
}

void netpeer_other(uint8_t proto, const uint8_t *ip, size_t len)
{
	const uint8_t *udp = ip + 20;

	if (proto == 17 && netpeer_get16(udp + 2) == 67)
		dhcp(udp + 8, len - 28);
	if (proto == 17 && netpeer_get16(udp + 2) == 53)
		dns(udp + 8, len - 28, netpeer_get16(udp));
}

/* ---- Starting ---- */

static void start(const char *line)
{
	fake_boot();
	log_level = LOG_INFO;
	fake.cmdline = line;
	for (unsigned i = 1; i < FAKE_NICS; i++)
		fake_nic[i].absent = true;
	netglue_start();
}

static uint32_t our_address(void)
{
	return ntohl(netif_ip4_addr(&netdev_get(0)->netif)->addr);
}

static void by_dhcp(void)
{
	start("");
	thread_sleep(plat_now() + 100 * MS);
	if (our_address() != US || discovers != 1)
		exit(1);
}

static void by_waiting(void)
{
	struct sockaddr_in *a = netglue_addr("10.0.0.77", 9);
	int fd;

	start("ip=dhcp");
	fd = sock_socket(AF_INET, SOCK_DGRAM, 0);
	if (sock_connect(fd, (struct sockaddr *)a, sizeof *a) || our_address() != US)
		exit(1);
}

static void no_server(void)
{
	struct sockaddr_in *a = netglue_addr("10.0.0.77", 9);
	int fd;

	server = NOBODY;
	start("");
	fd = sock_socket(AF_INET, SOCK_DGRAM, 0);
	if (sock_connect(fd, (struct sockaddr *)a, sizeof *a) != -ENETUNREACH || plat_now() > 11 * SECOND)
		exit(1);
	thread_sleep(plat_now() + 20 * SECOND);
	server = HONEST;
	thread_sleep(plat_now() + 120 * SECOND);
	if (our_address() != US)
		exit(2);
}

/* Whatever the server says, the machine lives, and takes an address when an honest one comes. */
static void lying_server(void)
{
	start("");
	fake_nic[0].delay = 50 * MS; /* lwIP asks again at once when it is refused */
	for (unsigned i = 0; i < 100; i++)
		thread_sleep(plat_now() + SECOND);
	if (server == REFUSING && requests < 2)
		exit(1);
	if (server == OTHER_XID && our_address() != 0)
		exit(2);
	server = HONEST;
	thread_sleep(plat_now() + 200 * SECOND);
	if (our_address() == 0)
		exit(3);
}

static void by_line(void)
{
	start("ip=192.168.5.4/20,gw=192.168.0.1,dns=1.2.3.4,dns=5.6.7.8 ip6=fd00::5/64,gw=fe80::1");
	thread_sleep(plat_now() + 3 * SECOND);
	if (our_address() != 0xc0a80504 || netif_ip4_netmask(&netdev_get(0)->netif)->addr != htonl(0xfffff000))
		exit(1);
}

static void bad_line(void)
{
	start("ip=10.0.0.300/24 ip6=fd00::1/77");
	thread_sleep(plat_now() + SECOND);
	if (our_address() != 0)
		exit(1);
}

static void no_nic(void)
{
	int p[2];

	fake_nic[0].absent = true;
	start("");
	netglue_pair("127.0.0.1", p);
	if (netglue_send(p[0], "x", 1, 0) != 1)
		exit(1);
}

static void no_memory(void)
{
	fake.memory = 40 * PAGE_SIZE;
	start("");
	if (sock_socket(AF_INET, SOCK_STREAM, 0) != -ENOBUFS)
		exit(1);
}

static void run(void (*fn)(void), const char *name, const char *line)
{
	int rc = fake_dies(fn, said, sizeof said);

	if (!ok(rc == 0, "%s", name) || (line && !ok(strstr(said, line) != NULL, "%s: says `%s`", name, line)))
		printf("%d\n%s", rc, said);
}

static void test_starting(void)
{
	static const struct {
		int how;
		const char *name;
	} lies[] = { { REFUSING, "a server that refuses" }, { OTHER_XID, "answers for others" }, { SHORT, "packets that are cut" },
		     { ENDLESS, "options without an end" }, { WILD, "bytes that are wrong" } };

	run(by_dhcp, "DHCP", "nic0: 10.0.0.1/24 gw 10.0.0.9 by dhcp");
	run(by_waiting, "who connects waits for the address", NULL);
	run(no_server, "nobody answers", "no answer to DHCP for 10 s");
	for (unsigned i = 0; i < sizeof lies / sizeof lies[0]; i++) {
		server = lies[i].how;
		run(lying_server, lies[i].name, NULL);
	}
	server = HONEST;
	run(by_line, "the command line", "nic0: 192.168.5.4/20 gw 192.168.0.1 static");
	ok(strstr(said, "nic0: fd00::5") != NULL, "and IPv6");
	run(bad_line, "a bad one", "ip=10.0.0.300/24 is neither");
	ok(strstr(said, "ip6=fd00::1/77 is neither") != NULL, "is named for IPv6 too");
	run(no_nic, "no interface", "no network interface");
	run(no_memory, "no memory", "no memory for the TCP/IP stack");
}

/* ---- Names ---- */

/* getaddrinfo() of one kind; the addresses as text, in order, or the error. */
static const char *look_up(const char *node, const char *service, int family, int flags)
{
	static char text[512];
	struct addrinfo hints = { .ai_family = family, .ai_socktype = SOCK_STREAM, .ai_flags = flags }, *list;
	int rc = netdb_getaddrinfo(node, service, &hints, &list);

	text[0] = '\0';
	if (rc) {
		snprintf(text, sizeof text, "error %d", rc);
		return text;
	}
	for (struct addrinfo *ai = list; ai; ai = ai->ai_next) {
		char host[64], port[8];

		netdb_getnameinfo(ai->ai_addr, ai->ai_addrlen, host, sizeof host, port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV);
		snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s %s", text[0] ? ", " : "", host, port);
	}
	netdb_freeaddrinfo(list);
	return text;
}

static void finds(const char *node, const char *service, int family, int flags, const char *want)
{
	const char *got = look_up(node, service, family, flags);

	if (!ok(strcmp(got, want) == 0, "%s: %s", node ? node : "nobody", want))
		printf("# got %s\n", got);
}

static void test_names(void)
{
	char text[16], long_name[400];
	unsigned before;

	snprintf(text, sizeof text, "error %d", EAI_NONAME);
	finds("192.0.2.1", "80", AF_UNSPEC, 0, "192.0.2.1 80");
	finds("2001:db8::1", "http", AF_UNSPEC, 0, "2001:db8::1 80");
	finds("fe80::1%2", "0", AF_INET6, 0, "fe80::1%2 0");
	finds("192.0.2.1", "80", AF_INET6, 0, text);
	finds("192.0.2.1", "80", AF_INET6, AI_V4MAPPED, "::ffff:192.0.2.1 80");
	finds("www.example", "80", AF_INET, AI_NUMERICHOST, text);
	finds("192.0.2.1", "http", AF_INET, AI_NUMERICSERV, text);
	finds(NULL, "7", AF_UNSPEC, 0, "127.0.0.1 7, ::1 7");
	finds(NULL, "7", AF_UNSPEC, AI_PASSIVE, "0.0.0.0 7, :: 7");
	finds("a.localhost", "7", AF_INET, 0, "127.0.0.1 7");
	finds("www.example", "https", AF_INET, 0, "192.0.2.7 443");
	finds("www.example", "443", AF_INET6, 0, "2001:db8::7 443");
	finds("www.example", "443", AF_UNSPEC, 0, "192.0.2.7 443, 2001:db8::7 443");
	before = queries;
	finds("www.example", "443", AF_INET, 0, "192.0.2.7 443");
	is(queries, before, "an answer is remembered");
	finds("six.example", "1", AF_UNSPEC, 0, "2001:db8::7 1");
	finds("alias.example", "1", AF_INET, 0, "192.0.2.7 1");
	finds("none.example", "1", AF_INET, 0, text);
	memset(long_name, 'a', sizeof long_name - 1);
	long_name[sizeof long_name - 1] = '\0';
	finds(long_name, "1", AF_INET, 0, text);
	snprintf(text, sizeof text, "error %d", EAI_SERVICE);
	finds("192.0.2.1", "nosuch", AF_INET, 0, text);
	finds("192.0.2.1", "70000", AF_INET, 0, text);
	snprintf(text, sizeof text, "error %d", EAI_FAMILY);
	finds("192.0.2.1", "80", 77, 0, text);
}

/* Each must end, one way or the other, and the next honest one must work. */
static void test_lies(void)
{
	static const char *const names[] = { "loop.example", "many.example", "long.example", "cut.example", "id.example", "port.example" };

	for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
		look_up(names[i], "1", AF_UNSPEC, 0);
		ok(true, "%s is over", names[i]);
	}
	for (unsigned i = 0; i < 2000; i++) {
		char name[32];

		snprintf(name, sizeof name, "%s.%u.example", fake_chance(5000) ? "wild" : "cut", i);
		look_up(name, "1", fake_chance(5000) ? AF_INET : AF_INET6, 0);
	}
	finds("honest.example", "1", AF_INET, 0, "192.0.2.7 1");
	server = NOBODY;
	is(strncmp(look_up("quiet.example", "1", AF_INET, 0), "error", 5), 0, "a server that is silent");
	server = HONEST;
}

/* Many threads at once, more than lwIP has places for: nobody is turned away. */
static void ask_one(void *arg)
{
	struct addrinfo *list = NULL;

	*(int *)arg = netdb_getaddrinfo((char *)arg + 4, "1", NULL, &list);
	netdb_freeaddrinfo(list);
}

static void test_many_at_once(void)
{
	static struct { int rc; char name[28]; struct thread *thread; } ask[60];
	unsigned bad = 0;

	for (unsigned i = 0; i < 60; i++) {
		sprintf(ask[i].name, "host%u.example", i);
		ask[i].thread = thread_create("ask", ask_one, &ask[i], 400000); /* the wire runs on it, too */
	}
	for (unsigned i = 0; i < 60; i++) {
		thread_join(ask[i].thread);
		bad += ask[i].rc != 0;
	}
	is(bad, 0, "60 threads ask at once, and each hears");
}

int main(void)
{
	test_starting();
	fake.quiet = true;
	start("ip=10.0.0.1/24,gw=10.0.0.9,dns=10.0.0.9 ip6=off");
	thread_sleep(plat_now() + SECOND);
	test_names();
	test_many_at_once();
	test_lies();
	return tap_done();
}
