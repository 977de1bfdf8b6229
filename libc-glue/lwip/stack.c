/* SPDX-License-Identifier: MIT */
#include "libc-glue/lwip/stack.h"

/*
 * The TCP/IP stack as a whole: start, time, addresses. Read stack.h first, then netdev.c for the
 * way of a packet.
 *
 * There is no thread in here. Frames come in by the poller, timers by the core's, and both run in
 * whichever thread is idle or breathes; socket calls enter lwIP directly. lwIP needs no lock, since
 * none of that switches threads.
 */

#include "core/err.h"
#include "core/plat.h"
#include "libc-glue/glue.h"
#include "libc-glue/lwip/arena.h"
#include "libc-glue/lwip/conns.h"
#include "libc-glue/lwip/netdev.h"
#include "lwip/dhcp.h"
#include "lwip/dns.h"
#include "lwip/etharp.h"
#include "lwip/igmp.h"
#include "lwip/init.h"
#include "lwip/ip.h"
#include "lwip/ip4_frag.h"
#include "lwip/ip6_frag.h"
#include "lwip/mld6.h"
#include "lwip/nd6.h"
#include "lwip/sys.h"

#define MS 1000000ull
#define HALF_SECOND (500 * MS)
#define ARENA_LEAST 64u   /* pages */
#define ARENA_MOST 8192u

static bool up;
static uint32_t now_ms;
static struct timer half_second, group_timer, tcp_timer;
static bool tcp_wanted;
static struct waitq address_wait = WAITQ_INIT(address_wait);

bool stack_is_up(void)
{
	return up;
}

uint32_t stack_ms(void)
{
	return now_ms;
}

/* lwIP's clock. */
u32_t sys_now(void)
{
	return now_ms;
}

void stack_assert(const char *message, const char *file, int line)
{
	log_panic("net: %s (%s:%d)", message, file, line);
}

/* ---- Timers ---- */

static void tcp_tick(struct timer *t)
{
	static bool slow;

	slow = !slow;
	conns_fast();
	if (slow && !conns_slow())
		tcp_wanted = false;
	if (tcp_wanted)
		timer_set(t, t->when + TCP_TMR_INTERVAL * MS, tcp_tick);
	netdev_flush();
}

/* lwIP calls this whenever a connection is made. */
void tcp_timer_needed(void)
{
	if (tcp_wanted)
		return;
	tcp_wanted = true;
	timer_set(&tcp_timer, plat_now() + TCP_TMR_INTERVAL * MS, tcp_tick);
}

/* Multicast groups count tenths of seconds, but only while a router's question is open. */
static bool groups_wait(void)
{
	struct netif *netif;

	NETIF_FOREACH(netif) {
		for (struct igmp_group *g = netif_igmp_data(netif); g; g = g->next)
			if (g->timer > 0)
				return true;
		for (struct mld_group *g = netif_mld6_data(netif); g; g = g->next)
			if (g->timer > 0)
				return true;
	}
	return false;
}

static void group_tick(struct timer *t)
{
	igmp_tmr();
	mld6_tmr();
	if (groups_wait())
		timer_set(t, t->when + IGMP_TMR_INTERVAL * MS, group_tick);
	netdev_flush();
}

static void every_second(void)
{
	static unsigned seconds;

	etharp_tmr();
	ip_reass_tmr();
	ip6_reass_tmr();
	nd6_tmr();
	dns_tmr();
	netdev_look();
	netconf_tick();
	if (++seconds % DHCP_COARSE_TIMER_SECS == 0)
		dhcp_coarse_tmr();
	if (!group_timer.prev && groups_wait())
		timer_set(&group_timer, plat_now() + IGMP_TMR_INTERVAL * MS, group_tick);
}

static void half_second_tick(struct timer *t)
{
	static bool whole;

	whole = !whole;
	dhcp_fine_tmr();
	if (whole)
		every_second();
	/*
	 * After a long stop (a suspended guest) time goes on from now: the ticks that were missed would
	 * come all at once.
	 */
	timer_set(t, t->when + HALF_SECOND > plat_now() ? t->when + HALF_SECOND : plat_now() + HALF_SECOND, half_second_tick);
	netdev_flush();
}

void stack_tick(void)
{
	if (!half_second.prev)
		timer_set(&half_second, plat_now() + HALF_SECOND, half_second_tick);
}

/* ---- Addresses ---- */

void stack_address_changed(void)
{
	waitq_wake(&address_wait, UINT32_MAX);
	sock_route_changed();
}

/*
 * lwIP falls back to the default interface, and finds out only when it sends that there is no
 * gateway.
 */
static bool reaches4(const struct netif *netif, const ip4_addr_t *dest)
{
	return !netif->linkoutput || !ip4_addr_isany_val(*netif_ip4_gw(netif)) ||
	       ip4_addr_netcmp(dest, netif_ip4_addr(netif), netif_ip4_netmask(netif)) || ip4_addr_ismulticast(dest) ||
	       ip4_addr_isbroadcast(dest, netif);
}

bool stack_has_route(const ip_addr_t *dest)
{
	struct netif *netif = ip_route(IP_IS_V6(dest) ? IP6_ADDR_ANY : IP4_ADDR_ANY, dest);
	const ip_addr_t *local;

	if (!netif)
		return false;
	local = ip_netif_get_local_ip(netif, dest);
	return !ip_addr_isany(local) && (IP_IS_V6(dest) || reaches4(netif, ip_2_ip4(dest))); /* isany: true for NULL, too */
}

bool stack_wait_route(const ip_addr_t *dest)
{
	while (!stack_has_route(dest)) {
		uint64_t until = netconf_deadline();

		if (until <= plat_now())
			return false;
		waitq_wait(&address_wait, until);
	}
	return true;
}

char *stack_ifname(const struct netif *netif, char *buf, size_t size)
{
	if (netif->linkoutput)
		fmt_format(buf, size, "nic%u", ((const struct netdev *)netif->state)->n);
	else
		fmt_format(buf, size, "lo");
	return buf;
}

/* ---- Start ---- */

static bool poll(void)
{
	now_ms = (uint32_t)(plat_now() / MS);
	return netdev_poll();
}

static struct poller poller = { .poll = poll, .arm = netdev_arm };

/* An eighth of the machine, and not more than a quarter of what is left of it. */
static bool take_memory(void)
{
	size_t n = page_total() / 8;

	if (n > page_unused() / 4)
		n = page_unused() / 4;
	if (n > ARENA_MOST)
		n = ARENA_MOST;
	if (n < ARENA_LEAST)
		n = ARENA_LEAST;
	while (!arena_init(n))
		if ((n /= 2) < ARENA_LEAST)
			return false;
	return conns_init();
}

static void start(void)
{
	now_ms = (uint32_t)(plat_now() / MS);
	if (!take_memory()) {
		log_line(LOG_ERR, "net: no memory for the TCP/IP stack, no sockets");
		return;
	}
	lwip_init();
	up = true;
	loop_add(&poller);
	while (netdev_open_next() != -ERR_NODEV)
		;
	netconf_start();
	procnet_start();
	if (!netdev_get(0))
		log_line(LOG_WARN, "net: no network interface, loopback only");
	netdev_flush();
}

GLUE_INIT_EARLY(start);
