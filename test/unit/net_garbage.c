/* SPDX-License-Identifier: MIT */
/*
 * A million garbage frames: frames of every protocol that the stack knows, with a few bytes changed, cut, lengthened, fragmented.
 *
 * Half of them are said to be verified by the device, so that a wrong checksum does not save the code behind it. Sockets of all kinds are open,
 * and connections are made again and again, since many frames end them. lwIP's asserts are on. What must hold: nothing breaks, and afterwards
 * the machine still answers and holds nothing.
 */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "core/plat.h"
#include "libc-glue/fd.h"
#include "libc-glue/sock.h"
#include "test/fake/boot.h"
#include "test/fake/fake.h"
#include "test/fake/netglue.h"
#include "test/fake/netpeer.h"
#include "test/tap.h"

#define MS 1000000ull
#define US 0x0a000001u
#define FRAME_MAX 1600

static struct {
	uint8_t bytes[FRAME_MAX];
	size_t len;
	bool verified;
} f;

static struct netpeer_seg last; /* of our side */
static uint8_t our_ip6[16];     /* link-local */
static unsigned echoes;

/* ---- What our side says ---- */

void netpeer_tcp(const struct netpeer_seg *seg)
{
	if (seg->dst != 1000 || (seg->flags & NETPEER_RST)) /* an answer to garbage */
		return;
	last = *seg;
	last.data = last.options = NULL;
	last.len = seg->len;
}

void netpeer_other(uint8_t proto, const uint8_t *ip, size_t len)
{
	echoes += proto == 1 && len == 20 + 8 + 32 && ip[20] == 0;
}

/* ---- Frames ---- */

static uint8_t *ether(uint16_t type)
{
	static const uint8_t to[6] = { 2, 0, 0x5e, 0x10, 0, 1 }, from[6] = { 2, 0, 0, 0, 0, 9 };

	memset(&f, 0, sizeof f);
	memcpy(f.bytes, to, 6);
	memcpy(f.bytes + 6, from, 6);
	netpeer_put16(f.bytes + 12, type);
	return f.bytes + 14;
}

/* An IPv4 packet with len bytes behind its header; returns these. */
static uint8_t *ip4(uint8_t proto, size_t len)
{
	uint8_t *ip = ether(0x0800);

	ip[0] = 0x45;
	netpeer_put16(ip + 2, (unsigned)(20 + len));
	netpeer_put16(ip + 4, (unsigned)fake_below(4)); /* few identifications: fragments meet */
	ip[8] = 64;
	ip[9] = proto;
	netpeer_put32(ip + 12, NETPEER_IP + (uint32_t)fake_below(3));
	netpeer_put32(ip + 16, fake_chance(9000) ? US : fake_chance(5000) ? 0x0a0000ff : 0xe0000001);
	if (fake_chance(1500))
		netpeer_put16(ip + 6, (unsigned)(fake_below(2) << 13 | fake_below(200)));
	f.len = 14 + 20 + len;
	return ip + 20;
}

static uint8_t *ip6(uint8_t proto, size_t len)
{
	uint8_t *ip = ether(0x86dd), *payload = ip + 40;

	ip[0] = 0x60;
	ip[7] = 255;
	ip[8] = 0xfe;
	ip[9] = 0x80;
	ip[23] = (uint8_t)(9 + fake_below(3));
	memcpy(ip + 24, our_ip6, 16);
	if (fake_chance(3000)) { /* all nodes */
		memset(ip + 24, 0, 16);
		ip[24] = 0xff;
		ip[25] = 2;
		ip[39] = 1;
	}
	ip[6] = proto;
	if (fake_chance(2000)) { /* an extension header: hop by hop, routing, fragment, destination */
		static const uint8_t kinds[] = { 0, 43, 44, 60 };

		ip[6] = kinds[fake_below(4)];
		payload[0] = proto;
		payload[1] = ip[6] == 44 ? 0 : (uint8_t)fake_below(2);
		netpeer_put16(payload + 2, (unsigned)(fake_below(200) << 3 | fake_below(2)));
		payload[7] = (uint8_t)fake_below(3);
		payload += 8;
		len += 8;
	}
	netpeer_put16(ip + 4, (unsigned)len);
	f.len = 14 + 40 + len;
	return payload;
}

static void random_bytes(uint8_t *p, size_t n)
{
	while (n-- > 0)
		*p++ = (uint8_t)fake_random();
}

static void make_arp(void)
{
	static const uint8_t head[] = { 0, 1, 8, 0, 6, 4, 0 };
	uint8_t *p = ether(0x0806);

	memcpy(p, head, sizeof head);
	p[7] = (uint8_t)(1 + fake_below(2));
	p[8] = 2;
	p[13] = (uint8_t)fake_below(20);
	netpeer_put32(p + 14, NETPEER_IP + (uint32_t)fake_below(100));
	netpeer_put32(p + 24, fake_chance(8000) ? US : NETPEER_IP);
	f.len = 14 + 28;
}

static void make_tcp(bool v6)
{
	size_t options = fake_below(11) * 4, len = fake_chance(5000) ? 0 : fake_below(1000);
	uint8_t *t = v6 ? ip6(6, 20 + options + len) : ip4(6, 20 + options + len);
	static const uint8_t kinds[] = { 0, 1, 2, 3, 4, 5, 8, 30 };
	int32_t near = (int32_t)fake_below(5000) - 2500;

	netpeer_put16(t, fake_chance(7000) ? last.dst : 1000 + (unsigned)fake_below(10));
	netpeer_put16(t + 2, fake_chance(7000) && last.src ? last.src : 80);
	netpeer_put32(t + 4, fake_chance(9000) ? last.ack + (fake_chance(5000) ? 0 : (uint32_t)near) : (uint32_t)fake_random());
	netpeer_put32(t + 8, fake_chance(9000) ? last.seq + (uint32_t)last.len + (fake_chance(5000) ? 0 : (uint32_t)near) : (uint32_t)fake_random());
	t[12] = (uint8_t)((20 + options) / 4 << 4);
	t[13] = fake_chance(8500) ? 0x10 : fake_chance(9000) ? (uint8_t)(0x10 | fake_below(2) | fake_below(2) << 3) : (uint8_t)fake_below(64);
	netpeer_put16(t + 14, (unsigned)fake_below(65536));
	random_bytes(t + 20, options + len);
	for (size_t i = 0; i + 2 < options; i += 1 + fake_below(10)) {
		t[20 + i] = kinds[fake_below(sizeof kinds)];
		t[21 + i] = (uint8_t)fake_below(14);
	}
}

static void make_udp(bool v6)
{
	static const uint16_t ports[] = { 5353, 68, 53, 7 };
	size_t len = fake_below(600);
	uint8_t *u = v6 ? ip6(17, 8 + len) : ip4(17, 8 + len);

	netpeer_put16(u, fake_chance(5000) ? 53 : 67);
	netpeer_put16(u + 2, ports[fake_below(4)]);
	netpeer_put16(u + 4, (unsigned)(8 + len));
	random_bytes(u + 8, len);
	if (fake_chance(5000) && len > 300) { /* looks like an answer of a DHCP server */
		u[8] = 2;
		u[9] = 1;
		u[10] = 6;
		netpeer_put32(u + 8 + 236, 0x63825363);
		for (size_t i = 240; i + 8 < len; i += 6) {
			u[8 + i] = (uint8_t)fake_below(60);
			u[9 + i] = (uint8_t)(fake_chance(8000) ? 4 : fake_below(256));
		}
	}
}

static void make_icmp(void)
{
	size_t len = fake_below(200);
	uint8_t *p = ip4(1, 8 + len);
	static const uint8_t types[] = { 0, 3, 4, 5, 8, 11, 12, 13 };

	random_bytes(p, 8 + len);
	p[0] = types[fake_below(8)];
	p[1] = (uint8_t)fake_below(6);
	if (len > 28)
		p[8] = 0x45;
}

static void make_igmp(void)
{
	uint8_t *p = ip4(2, 8 + fake_below(2) * 4);
	static const uint8_t types[] = { 0x11, 0x12, 0x16, 0x17, 0x22 };

	p[0] = types[fake_below(5)];
	p[1] = (uint8_t)fake_below(100);
	netpeer_put32(p + 4, fake_chance(5000) ? 0 : 0xe0000001 + (uint32_t)fake_below(3));
}

static void put_option(uint8_t *p, size_t *at, uint8_t type, size_t units)
{
	p[*at] = type;
	p[*at + 1] = (uint8_t)(fake_chance(9500) ? units : fake_below(256));
	random_bytes(p + *at + 2, units * 8 - 2);
	if (type == 3) { /* a prefix: 64 bits, on link and autonomous, for some time */
		p[*at + 2] = 64;
		p[*at + 3] = 0xc0;
		netpeer_put32(p + *at + 4, (uint32_t)fake_below(10000));
		netpeer_put32(p + *at + 8, (uint32_t)fake_below(10000));
		memset(p + *at + 16, 0, 16);
		p[*at + 16] = 0x20;
		p[*at + 17] = (uint8_t)fake_below(8);
	}
	*at += units * 8;
}

/* Neighbour discovery (RFC 4861), multicast listeners, errors, echoes. */
static void make_icmp6(void)
{
	static const uint8_t types[] = { 1, 2, 3, 4, 128, 129, 130, 131, 132, 133, 134, 135, 136, 137 };
	uint8_t type = types[fake_below(sizeof types)];
	uint8_t *p = ip6(58, 200);
	size_t at = type == 134 ? 16 : type == 135 || type == 136 || (type >= 130 && type <= 132) ? 24 : type == 137 ? 40 : 8;

	random_bytes(p, 200);
	p[0] = type;
	p[1] = 0;
	if (type == 134)
		netpeer_put16(p + 6, (unsigned)fake_below(2000));
	if (type == 135 || type == 136)
		memcpy(p + 8, fake_chance(5000) ? our_ip6 : f.bytes + 14 + 8, 16);
	while (at < 150 && type >= 133) {
		static const uint8_t kinds[] = { 1, 2, 3, 4, 5, 25 }, units[] = { 1, 1, 4, 5, 1, 3 };
		size_t k = fake_below(6);

		put_option(p, &at, kinds[k], units[k]);
	}
}

/* ---- Spoiling ---- */

static uint32_t sum(const uint8_t *p, size_t n, uint32_t s)
{
	for (size_t i = 0; i < n; i++)
		s += i % 2 ? p[i] : (uint32_t)p[i] << 8;
	s = (s >> 16) + (s & 0xffff);
	return (s >> 16) + (s & 0xffff);
}

static void fix(uint8_t *p, size_t n, size_t at, uint32_t before)
{
	if (n < at + 2)
		return;
	netpeer_put16(p + at, 0);
	netpeer_put16(p + at, ~sum(p, n, before) & 0xffff);
}

/* The checksums that the stack looks at whatever the device says: IPv4's own, ICMP, IGMP, ICMPv6 without extension headers. */
static void fix_sums(void)
{
	uint8_t *ip = f.bytes + 14;
	size_t head = (size_t)(ip[0] & 15) * 4, total = netpeer_get16(ip + 2);

	if (f.len < 14 + 40)
		return;
	if (netpeer_get16(f.bytes + 12) == 0x86dd && ip[6] == 58 && netpeer_get16(ip + 4) <= f.len - 54)
		fix(ip + 40, netpeer_get16(ip + 4), 2, sum(ip + 8, 32, 58u + netpeer_get16(ip + 4)));
	if (netpeer_get16(f.bytes + 12) != 0x0800)
		return;
	if ((ip[9] == 1 || ip[9] == 2) && total > head && total <= f.len - 14)
		fix(ip + head, total - head, 2, 0);
	fix(ip, head, 10, 0);
}

static void spoil(void)
{
	for (uint64_t n = fake_chance(5000) ? 0 : fake_below(5); n > 0; n--)
		f.bytes[fake_below(fake_chance(7000) && f.len > 74 ? 74 : f.len)] = (uint8_t)(fake_chance(5000) ? fake_random() : fake_below(2) * 255);
	if (fake_chance(300))
		f.len = 1 + fake_below(f.len);
	if (fake_chance(500) && f.len + 50 < FRAME_MAX)
		f.len += fake_below(50);
	if (!fake_chance(500))
		fix_sums();
	f.verified = fake_chance(5000);
}

static void make(void)
{
	switch (fake_below(10)) {
	case 0:
		make_arp();
		break;
	case 1:
		make_udp(false);
		break;
	case 2:
		make_udp(true);
		break;
	case 3:
		make_icmp();
		break;
	case 4:
		make_icmp6();
		break;
	case 5:
		make_igmp();
		break;
	case 6:
		make_tcp(true);
		break;
	case 7:
		ether((uint16_t)(fake_chance(5000) ? 0x0800 : 0x86dd));
		f.len = 14 + fake_below(200);
		random_bytes(f.bytes + 14, f.len - 14);
		break;
	default:
		make_tcp(false);
	}
}

static void throw_one(void)
{
	struct nic_offload off = { .flags = NIC_CSUM_VALID };

	make();
	spoil();
	fake_nic_deliver(0, f.bytes, f.len, f.verified ? &off : NULL);
}

/* ---- Our side ---- */

static int conn = -1;

/* Sends a little, reads a little, begins anew when it is over. */
static void keep_busy(void)
{
	static char buf[20000];
	struct sockaddr_in *a = netglue_addr("10.0.0.9", 1000);

	if (conn < 0) {
		struct netpeer_seg syn_ack;
		uint16_t before = last.src;

		conn = sock_socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		sock_connect(conn, (struct sockaddr *)a, sizeof *a);
		thread_sleep(plat_now() + MS / 20);
		if (last.src == before)
			return;
		syn_ack = (struct netpeer_seg){ .src = 1000, .dst = last.src, .seq = (uint32_t)fake_random(), .ack = last.seq + 1,
						.flags = NETPEER_SYN | NETPEER_ACK, .window = 30000 };
		netpeer_send(&syn_ack);
		thread_sleep(plat_now() + MS / 20);
	}
	netglue_send(conn, buf, fake_below(sizeof buf), 0);
	if (fake_chance(8000))
		netglue_recv(conn, buf, sizeof buf, 0);
	if (fake_chance(1000)) {
		fd_remove(conn);
		conn = -1;
	}
}

static void accept_all(int l)
{
	int fd;

	while ((fd = sock_accept(l, NULL, NULL, SOCK_NONBLOCK)) >= 0)
		fd_remove(fd);
}

static void drain(int u)
{
	static char buf[70000];

	while (netglue_recv(u, buf, sizeof buf, MSG_DONTWAIT) >= 0)
		;
}

static void storm(unsigned long n, int l, int u)
{
	for (unsigned long i = 0; i < n; i++) {
		throw_one();
		if (i % 16 == 0)
			thread_sleep(plat_now() + MS / 50);
		if (i % 64 == 0)
			keep_busy();
		if (i % 1024 == 0) {
			accept_all(l);
			drain(u);
		}
	}
}

/* An echo request that must be answered, RFC 792. */
static bool answers(void)
{
	uint8_t request[40] = { 8 };
	uint32_t sum = 8 << 8;
	unsigned before = echoes;

	netpeer_put16(request + 2, ~sum & 0xffff);
	netpeer_send_ip(NETPEER_IP, US, 1, request, sizeof request);
	thread_sleep(plat_now() + 10 * MS);
	return echoes > before;
}

int main(int argc, char **argv)
{
	unsigned long n = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000000;
	int l, u;
	long held;

	fake_boot();
	for (unsigned i = 1; i < FAKE_NICS; i++)
		fake_nic[i].absent = true;
	fake.cmdline = "ip=10.0.0.1/24,gw=10.0.0.9 ip6=auto";
	netglue_start();
	memcpy(our_ip6, "\xfe\x80\0\0\0\0\0\0\0\0\x5e\xff\xfe\x10\0\1", 16);
	thread_sleep(plat_now() + 5000 * MS);
	ok(answers(), "answers before");
	held = netglue_held();
	l = sock_socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0);
	sock_bind(l, (struct sockaddr *)&(struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_port = htons(80) }, sizeof(struct sockaddr_in6));
	sock_listen(l, 10);
	u = sock_socket(AF_INET6, SOCK_DGRAM, 0);
	sock_bind(u, (struct sockaddr *)&(struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_port = htons(5353) }, sizeof(struct sockaddr_in6));
	storm(n, l, u);
	ok(true, "%lu garbage frames", n);
	if (conn >= 0)
		fd_remove(conn);
	accept_all(l);
	fd_remove(l);
	fd_remove(u);
	for (unsigned s = 0; s < 1000 && netglue_held() > held; s++)
		thread_sleep(plat_now() + 1000 * MS);
	ok(answers(), "answers afterwards");
	/* What lwIP has learned of routers and groups may stay. */
	if (!ok(netglue_held() <= held + 10, "holds %ld, before %ld", netglue_held(), held))
		printf("%s", netglue_proc("/proc/net/lwip"));
	return tap_done();
}
