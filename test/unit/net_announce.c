/* SPDX-License-Identifier: MIT */
/*
 * A machine that was moved (libc-glue/lwip/announce.c): what the network hears of it, on the interface that moved and on no other.
 */
#include <string.h>

#include "test/fake/boot.h"
#include "test/fake/fake.h"
#include "test/fake/netglue.h"
#include "test/tap.h"
#include "test/unit/net_calls.h"

static const uint8_t ours6[16] = { 0xfd, [15] = 1 };

/* What nic n has sent. */
static struct {
	unsigned garps, adverts, link_adverts, wrong, asks; /* asks: ARP requests for the gateway */
} heard[2];

static unsigned get16(const uint8_t *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

static void hear_arp(unsigned n, const uint8_t *arp)
{
	heard[n].garps += arp[14] == 10 && !memcmp(arp + 14, arp + 24, 4);
	heard[n].asks += arp[27] == 9;
}

/* RFC 4443 2.3 */
static bool sum_is_right(const uint8_t *ip, size_t len)
{
	unsigned sum = (unsigned)len + 58;

	for (size_t i = 8; i < 40 + len; i += 2)
		sum += get16(ip + i);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum == 0xffff;
}

static void hear_advert(unsigned n, const uint8_t *frame, const uint8_t *ip)
{
	static const uint8_t all_mac[6] = { 0x33, 0x33, 0, 0, 0, 1 }, all[16] = { 0xff, 2, [15] = 1 };
	const uint8_t *na = ip + 40;
	bool good = !memcmp(frame, all_mac, 6) && !memcmp(ip + 24, all, 16) && ip[7] == 255 && get16(ip + 4) == 32 && sum_is_right(ip, 32);

	good &= na[1] == 0 && na[4] == 0x20 && !memcmp(ip + 8, na + 8, 16) && na[24] == 2 && na[25] == 1 && !memcmp(na + 26, frame + 6, 6);
	heard[n].wrong += !good;
	heard[n].adverts += !memcmp(na + 8, ours6, 16);
	heard[n].link_adverts += na[8] == 0xfe;
}

void fake_peer_input(unsigned n, const uint8_t *frame, size_t len, const struct nic_offload *off)
{
	(void)off;
	if (len >= 42 && get16(frame + 12) == 0x0806)
		hear_arp(n, frame + 14);
	if (len >= 14 + 40 + 32 && get16(frame + 12) == 0x86dd && frame[20] == 58 && frame[54] == 136)
		hear_advert(n, frame, frame + 14);
}

static void forget(void)
{
	memset(heard, 0, sizeof heard);
}

/* The gateway's address, learned, and forgotten when we have moved. */
static void answer_arp(void)
{
	uint8_t frame[60] = { [12] = 8, 6, 0, 1, 8, 0, 6, 4, 0, 2, 2, 0, 0, 0, 0, 9, 10, 0, 0, 9 };

	memcpy(frame, fake_nic[0].mac, 6);
	memcpy(frame + 6, frame + 22, 6);
	memcpy(frame + 32, fake_nic[0].mac, 6);
	memcpy(frame + 38, (uint8_t[]){ 10, 0, 0, 1 }, 4);
	fake_nic_deliver(0, frame, sizeof frame, NULL);
}

static void send_one(int fd)
{
	netglue_send(fd, "x", 1, 0);
	wait_ms(50);
}

static void test_moved(void)
{
	int fd = udp();

	connect_to(fd, "10.0.0.9", 9);
	send_one(fd);
	answer_arp();
	wait_ms(50);
	forget();
	send_one(fd);
	is(heard[0].asks, 0, "the gateway is known");
	wait_ms(5000);
	is(heard[0].garps + heard[0].adverts + heard[0].link_adverts, 0, "nothing is said while nothing moves");
	fake_nic[0].announce++;
	wait_ms(1500);
	is(heard[0].garps, 1, "a gratuitous ARP request");
	is(heard[0].adverts, 1, "an advertisement of the address that was given");
	is(heard[0].link_adverts, 1, "and of the link-local one");
	is(heard[0].wrong, 0, "RFC 4861 4.4 and 7.2.6: to all nodes, override, not solicited, with our address and a right checksum");
	is(heard[1].garps + heard[1].adverts + heard[1].link_adverts, 0, "the other interface says nothing");
	send_one(fd);
	ok(heard[0].asks > 0, "the gateway is asked for again");
	forget();
	wait_ms(5000);
	is(heard[0].garps + heard[0].adverts, 0, "it is said once");
	fd_remove(fd);
}

static void test_no_carrier(void)
{
	fake_nic[0].down = true;
	wait_ms(1500);
	forget();
	fake_nic[0].announce += 5;
	wait_ms(1500);
	is(heard[0].garps + heard[0].adverts, 0, "not without a carrier");
	fake_nic[0].down = false;
	wait_ms(1500);
	is(heard[0].garps, 1, "and the carrier's return says it anyway");
}

int main(void)
{
	fake_boot();
	fake.cmdline = "ip0=10.0.0.1/24,gw=10.0.0.9 ip1=10.0.1.1/24 ip60=fd00::1/64 ip61=fd01::1/64";
	for (unsigned i = 0; i < FAKE_NICS; i++)
		fake_nic[i].absent = i >= 2;
	netglue_start();
	wait_ms(5000);
	test_moved();
	test_no_carrier();
	return tap_done();
}
