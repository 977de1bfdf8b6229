/* SPDX-License-Identifier: MIT */
/*
 * Frames that end too early: each length of a header, of an extension header and of an option, in a buffer of exactly that length. lwIP reads
 * on behind some of these (netdev.c and netdev_ip6.c say where): under the sanitizer it must not get that far, and the whole message must.
 */
#include <netinet/in.h>
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
#define ETHER 14u
#define IP6 40u
#define MORE 0x2000u /* fragments */

static struct {
	uint8_t bytes[ETHER + IP6 + 100];
	size_t len;
} f;

static const uint8_t our_ip6[16] = { 0xfe, 0x80, [10] = 0x5e, 0xff, 0xfe, 0x10, 0, 1 }, their_ip6[16] = { 0xfe, 0x80, [15] = 9 };
static const uint8_t nothing[8];
static unsigned quotes;

/* ---- What our side says ---- */

void netpeer_tcp(const struct netpeer_seg *seg)
{
	(void)seg;
}

void netpeer_other(uint8_t proto, const uint8_t *ip, size_t len)
{
	quotes += proto == 1 && len > 20 && ip[20] == 3;
}

/* ---- Frames ---- */

static void ether(uint16_t type)
{
	static const uint8_t to[6] = { 2, 0, 0x5e, 0x10, 0, 1 }, from[6] = { 2, 0, 0, 0, 0, 9 };

	memset(&f, 0, sizeof f);
	memcpy(f.bytes, to, 6);
	memcpy(f.bytes + 6, from, 6);
	netpeer_put16(f.bytes + 12, type);
}

static void deliver(void)
{
	static const struct nic_offload off = { .flags = NIC_CSUM_VALID };

	fake_nic_deliver(0, f.bytes, f.len, &off);
	thread_sleep(plat_now() + MS);
}

/* An IPv6 packet with len bytes of payload; returns these. */
static uint8_t *ip6(uint8_t proto, size_t len)
{
	uint8_t *ip = f.bytes + ETHER;

	ether(0x86dd);
	ip[0] = 0x60;
	netpeer_put16(ip + 4, (unsigned)len);
	ip[6] = proto;
	ip[7] = 255;
	memcpy(ip + 8, their_ip6, 16);
	memcpy(ip + 24, our_ip6, 16);
	f.len = ETHER + IP6 + len;
	return ip + IP6;
}

/* The Internet checksum (RFC 1071) of n bytes, a power of two at which it is put, and what was summed before. */
static void put_sum(uint8_t *p, size_t n, size_t at, uint32_t before)
{
	uint32_t sum = before;

	for (size_t i = 0; i < n; i++)
		sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
	sum = (sum >> 16) + (sum & 0xffff);
	netpeer_put16(p + at, ~((sum >> 16) + sum) & 0xffff);
}

/* ---- What is cut ---- */

/* Extension headers that end anywhere; the last option may begin in the last byte. */
static void cut_extensions(void)
{
	static const uint8_t kinds[] = { 0, 43, 44, 60 }, fills[] = { 0, 1, 4, 5, 0x3e, 0xc2 };

	for (unsigned i = 0; i < sizeof kinds * sizeof fills * 20; i++) {
		uint8_t *p = ip6(kinds[i % sizeof kinds], i / (sizeof kinds * sizeof fills));

		memset(p, fills[i / sizeof kinds % sizeof fills], 20);
		p[0] = 59;
		p[1] = 0;
		deliver();
	}
}

/* An IPv4 packet with a header of 20 or 24 bytes, of which `data` and len bytes go behind it; `fragment` is the header's field. */
static void ip4(uint8_t proto, uint32_t to, unsigned fragment, size_t head, const void *data, size_t len)
{
	uint8_t *ip = f.bytes + ETHER;

	ether(0x0800);
	ip[0] = (uint8_t)(0x40 | head / 4);
	netpeer_put16(ip + 2, (unsigned)(head + len));
	netpeer_put16(ip + 6, fragment);
	ip[8] = 64;
	ip[9] = proto;
	netpeer_put32(ip + 12, NETPEER_IP);
	netpeer_put32(ip + 16, to);
	put_sum(ip, head, 10, 0);
	memcpy(ip + head, data, len);
	f.len = ETHER + head + len;
	deliver();
}

/* A protocol that nobody knows, with less behind the header than an ICMP error quotes, and once enough. Returns how often it is quoted. */
static unsigned cut_ip4(void)
{
	unsigned before = quotes;

	for (size_t len = 0; len < 9; len++)
		ip4(200, US, 0, 20, nothing, len);
	return quotes - before;
}

/* UDP for another machine, which lwIP takes if it is for the port of a DHCP client: ports that have not come. */
static void cut_ports(void)
{
	for (size_t len = 0; len < 9; len++)
		for (unsigned offset = 0; offset < 2; offset++) {
			ip4(17, NETPEER_IP, offset, 20, nothing, len);
			ip4(17, NETPEER_IP, offset, 24, nothing, len);
		}
}

/* The last fragment of what is for us may be as short as it likes. Returns how many datagrams of two fragments arrive. */
static unsigned last_fragments(void)
{
	int fd = sock_socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	unsigned got = 0;
	char buf[32];

	sock_bind(fd, (struct sockaddr *)netglue_addr("10.0.0.1", 7), sizeof(struct sockaddr_in));
	for (uint8_t len = 1; len <= 8; len++) {
		const uint8_t udp[8] = { 4, 0, 0, 7, 0, (uint8_t)(8 + len) };

		ip4(17, US, MORE, 20, udp, sizeof udp);
		ip4(17, US, 1, 20, nothing, len);
		got += netglue_recv(fd, buf, sizeof buf, MSG_DONTWAIT) == len;
	}
	fd_remove(fd);
	return got;
}

/* A message of neighbour discovery, with `units` said of an option of which `there` bytes have come. Returns how often it is answered. */
static unsigned neighbour(uint8_t type, size_t units, size_t there)
{
	size_t at = type == 137 ? 40 : 24, len = at + there;
	unsigned before = netpeer_frames;
	uint8_t *p = ip6(58, len);

	p[0] = type;
	p[4] = 0x20; /* override */
	memcpy(p + 8, type == 135 ? our_ip6 : their_ip6, 16);
	memcpy(p + 24, their_ip6, at - 24);
	memset(p + at, 0, 8);
	p[at] = type == 135 ? 1 : 2;
	p[at + 1] = (uint8_t)units;
	put_sum(p - 32, 32 + len, 32 + 2, (uint32_t)(58 + len));
	deliver();
	return netpeer_frames - before;
}

/* The address is an option of 8 bytes: all others are cut, or say that they are. Returns how many are answered. */
static unsigned cut_neighbours(void)
{
	unsigned answers = 0;

	for (uint8_t type = 135; type <= 137; type++)
		for (size_t units = 0; units < 3; units++)
			for (size_t there = 0; there <= 8; there++)
				answers += neighbour(type, units, there);
	return answers;
}

int main(void)
{
	fake_boot();
	for (unsigned i = 1; i < FAKE_NICS; i++)
		fake_nic[i].absent = true;
	fake.cmdline = "ip=10.0.0.1/24,gw=10.0.0.9 ip6=auto";
	netglue_start();
	thread_sleep(plat_now() + 5000 * MS);
	ok(cut_neighbours() == 1, "a solicitation is answered when its option is whole, and not when it is cut or has no length");
	cut_extensions();
	ok(true, "extension headers of IPv6 that end anywhere");
	ok(cut_ip4() == 1, "what is shorter than an ICMP error quotes is not quoted, with bytes of an older frame behind it");
	cut_ports();
	ok(last_fragments() == 8, "ports that have not come are not looked at, and the last fragment for us may be short");
	return tap_done();
}
