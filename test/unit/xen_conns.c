/* SPDX-License-Identifier: MIT */
/*
 * Very many connections over the real sockets, lwIP and netfront, on the fake Xen: a million in a day of virtual time, after which every
 * counter is back where it was; and a program with two NICs that goes on serving on the one when the other's backend has lied.
 */
#include "test/child.h"
#include "test/fake/netxen.h"
#include "test/fake/xenhost.h"
#include "test/unit/net_conns.h"

#define DAY (86400 * SECOND)
#define MEMORY (64u << 20)

static unsigned many;

static int listener(void)
{
	int l = sock_socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	sock_bind(l, (struct sockaddr *)netglue_addr("0.0.0.0", 80), sizeof(struct sockaddr_in));
	sock_listen(l, 128);
	thread_sleep(plat_now() + 10 * SECOND);
	return l;
}

static bool same(struct netxen_held a, struct netxen_held b)
{
	return a.stack == b.stack && a.pages == b.pages && a.grants == b.grants && a.parked == b.parked && a.mapped == b.mapped &&
	       a.ports == b.ports && a.watches == b.watches;
}

static void tell(const char *when, struct netxen_held h)
{
	tap_diag("%s: %ld held by the stack, %zu pages free, %u grants, %u parked, %u mapped, %u ports, %u watches", when, h.stack, h.pages,
		 h.grants, h.parked, h.mapped, h.ports, h.watches);
}

/* One round first, in which what is kept for good is allocated. */
static void day(void)
{
	struct netxen_held before;
	int l;

	netxen_boot("ip=10.0.0.1/24,gw=10.0.0.9 ip6=off", MEMORY);
	l = listener();
	total = 2000;
	run(l);
	must(done == total);
	thread_sleep(plat_now() + 300 * SECOND);
	before = netxen_held();
	total = many;
	begun = done = 0;
	pace = DAY / many;
	run(l);
	must(done == total && wrong == 0 && resets == 0);
	must(plat_now() - began_at >= DAY - 10 * SECOND);
	thread_sleep(plat_now() + 300 * SECOND); /* TIME-WAIT */
	tell("before", before);
	tell("after", netxen_held());
	must(same(before, netxen_held()));
}

/* The NIC that nobody talks through has a backend that lies: that NIC is closed, in one line, and no connection is lost. */
static void other_nic(void)
{
	struct nic_info info;
	static uint8_t frame[100] = { 2 };
	int l;

	xenhost_nic[1] = xenhost_nic[0];
	netpeer_nic = 1;
	netxen_boot("ip0=192.168.7.1/24 ip1=10.0.0.1/24 ip60=off ip61=off", MEMORY);
	l = listener();
	total = 1000;
	run(l);
	must(done == total && wrong == 0 && resets == 0);
	xenhost.lie = LIE_RX_ID;
	xenhost_net_send(0, frame, sizeof(frame), NULL, 0);
	begun = done = 0;
	run(l);
	nic_info(0, &info);
	must(xenhost.lie == LIE_NONE && info.broken);
	must(strstr(xenhost_console(), "nic0: broken: dom0: a receive answer with the wrong id") && !strstr(xenhost_console(), "nic1: broken"));
	must(done == total && wrong == 0 && resets == 0);
}

int main(int argc, char **argv)
{
	many = argc > 1 ? (unsigned)atoi(argv[1]) : 1000000;
	ok(child_ends(day, 0), "%u connections over a day of virtual time, every counter back where it was", many);
	ok(child_ends(other_nic, 0), "two NICs: one's backend lies and is shut out, every connection of the other is served");
	return tap_done();
}
