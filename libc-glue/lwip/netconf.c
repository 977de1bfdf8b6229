/* SPDX-License-Identifier: MIT */
#include "libc-glue/lwip/stack.h"

/*
 * The addresses of interfaces: by DHCP and IPv6 autoconfiguration, or from the command line.
 *
 *   ip=dhcp                                   the default
 *   ip=10.0.0.2/24,gw=10.0.0.1,dns=10.0.0.1   static; dns= may come twice
 *   ip=off
 *   ip6=auto | off | fd00::2/64,gw=fe80::1,dns=fd00::1
 *   gw=10.0.0.1 dns=10.0.0.1,fd00::1 mtu=1400 as words of their own
 *
 * ip, ip6, gw, mtu speak of nic0, ip1, ip61, gw1, mtu1 of nic1, and so on (ip0 and ip60 are nic0's
 * as well). Nobody waits for an address here: a server binds to any address at once; who connects
 * waits in sock_route.c or stack_wait_route().
 */

#include <stdlib.h>
#include <string.h>

#include "core/core.h"
#include "core/plat.h"
#include "libc-glue/inet.h"
#include "libc-glue/lwip/hooks.h"
#include "libc-glue/lwip/netdev.h"
#include "lwip/dhcp.h"
#include "lwip/dns.h"
#include "lwip/ethip6.h"
#include "lwip/prot/dhcp.h"
#include "lwip/udp.h"

#define VALUE_MAX 256
#define PATIENCE_NS 10000000000ull
#define QUIET_MOST 4u

static uint64_t give_up;                   /* on DHCP */
static bool warned[NETDEV_MAX], told4[NETDEV_MAX], told6[NETDEV_MAX][LWIP_IPV6_NUM_ADDRESSES];
static ip6_addr_t gateway6[NETDEV_MAX];
static unsigned dns_servers;
static uint8_t searches[NETDEV_MAX];       /* that DHCP has begun since there was an address or no carrier */

/* lwIP asks before it looks for a router that has announced itself. */
const ip6_addr_t *stack_gw6(struct netif *netif, const ip6_addr_t *dest)
{
	const struct netdev *d = netif->state;

	(void)dest;
	if (!netif->linkoutput || ip6_addr_isany(&gateway6[d->n]))
		return NULL;
	return &gateway6[d->n];
}

/* ---- Values of the command line ---- */

/* Four numbers or an IPv6 address, and nothing else: lwIP's own would take "1.2.3" for 1.2.0.3. */
static bool parse_address(const char *text, ip_addr_t *addr)
{
	*addr = (ip_addr_t)IPADDR4_INIT(0);
	if (inet_parse(AF_INET, text, ip_2_ip4(addr)) == 1)
		return true;
	IP_SET_TYPE(addr, IPADDR_TYPE_V6);
	return inet_parse(AF_INET6, text, ip_2_ip6(addr)->addr) == 1;
}

/* "ADDRESS/LENGTH"; without a length: the whole address. */
static bool parse_prefix(char *text, ip_addr_t *addr, unsigned *len)
{
	char *slash = strchr(text, '/');
	uint64_t n = 0;
	bool ok;

	if (slash)
		*slash++ = '\0';
	ok = parse_address(text, addr);
	*len = ok && IP_IS_V6(addr) ? 128 : 32;
	if (slash && (fmt_number(slash, *len, &n) != 0))
		ok = false;
	if (slash)
		*len = (unsigned)n;
	return ok;
}

struct setting {
	ip_addr_t addr, gw;
	unsigned len;
};

/* Each takes the next of lwIP's places, and goes round when they are full. */
static bool add_dns(const char *text)
{
	ip_addr_t dns;

	if (!parse_address(text, &dns))
		return false;
	dns_setserver((u8_t)(dns_servers++ % DNS_MAX_SERVERS), &dns);
	return true;
}

static bool parse_part(char *part, struct setting *s)
{
	if (strncmp(part, "gw=", 3) == 0)
		return parse_address(part + 3, &s->gw);
	if (strncmp(part, "dns=", 4) == 0)
		return add_dns(part + 4);
	return parse_prefix(part, &s->addr, &s->len);
}

/* text is taken apart in place. An address must be there; the rest may lack. */
static bool parse(char *text, struct setting *s)
{
	char *next;

	*s = (struct setting){ 0 };
	for (; text; text = next) {
		next = strchr(text, ',');
		if (next)
			*next++ = '\0';
		if (!parse_part(text, s))
			return false;
	}
	return !ip_addr_isany_val(s->addr);
}

/* The option `name` for interface n. Returns false when there is none. */
static bool get_option(const char *name, unsigned n, char *value)
{
	char key[16];

	fmt_format(key, sizeof key, "%s%u", name, n);
	if (option_get(key, value, VALUE_MAX) >= 0)
		return true;
	return n == 0 && option_get(name, value, VALUE_MAX) >= 0;
}

/* ---- One line for each address ---- */

/* For people, and for tests that wait for the line. */
static void tell4(const struct netdev *d)
{
	const ip4_addr_t *addr = netif_ip4_addr(&d->netif);
	char addr_text[IP4ADDR_STRLEN_MAX], gw_text[IP4ADDR_STRLEN_MAX];

	ip4addr_ntoa_r(addr, addr_text, sizeof addr_text);
	ip4addr_ntoa_r(netif_ip4_gw(&d->netif), gw_text, sizeof gw_text);
	log_line(LOG_INFO, "nic%u: %s/%u gw %s %s", d->n, addr_text,
		 (unsigned)__builtin_popcount(netif_ip4_netmask(&d->netif)->addr), gw_text,
		 dhcp_supplied_address(&d->netif) ? "by dhcp" : "static");
}

static void tell6(const struct netdev *d, s8_t i)
{
	char text[INET6_ADDRSTRLEN];

	inet_format(AF_INET6, netif_ip6_addr(&d->netif, i)->addr, text, sizeof text);
	log_line(LOG_INFO, "nic%u: %s", d->n, text);
}

/* lwIP's status callback. */
static void changed(struct netif *netif)
{
	const struct netdev *d = netif->state;
	bool has4 = !ip4_addr_isany_val(*netif_ip4_addr(netif));

	if (has4)
		searches[d->n] = 0;
	if (has4 && !told4[d->n])
		tell4(d);
	told4[d->n] = has4;
	for (s8_t i = 0; i < LWIP_IPV6_NUM_ADDRESSES; i++) {
		bool valid = ip6_addr_isvalid(netif_ip6_addr_state(netif, i));

		if (valid && !told6[d->n][i])
			tell6(d, i);
		told6[d->n][i] = valid;
	}
	stack_address_changed();
}

/* ---- Start ---- */

/*
 * A mistake on the command line leaves the interface without IPv4, and says so: to guess would be
 * worse.
 */
static void start4(struct netdev *d)
{
	char value[VALUE_MAX], text[VALUE_MAX];
	struct setting s;
	ip4_addr_t mask;

	if (!get_option("ip", d->n, value) || strcmp(value, "dhcp") == 0) {
		if (dhcp_start(&d->netif) != ERR_OK)
			log_line(LOG_ERR, "nic%u: no memory for DHCP", d->n);
		return;
	}
	if (strcmp(value, "off") == 0)
		return;
	strcpy(text, value);
	if (!parse(text, &s) || !IP_IS_V4_VAL(s.addr) || !IP_IS_V4_VAL(s.gw)) {
		log_line(LOG_ERR, "nic%u: ip=%s is neither dhcp, off nor ADDRESS/LENGTH[,gw=ADDRESS][,dns=ADDRESS]", d->n, value);
		return;
	}
	ip4_addr_set_u32(&mask, s.len ? lwip_htonl(UINT32_MAX << (32 - s.len)) : 0);
	netif_set_addr(&d->netif, ip_2_ip4(&s.addr), &mask, ip_2_ip4(&s.gw));
}

/*
 * The link-local address comes first in any case (RFC 4291 2.8). A router's is taken as it is: the
 * prefix's length can only be 64 or 128, as lwIP has no table of prefixes.
 */
static void start6(struct netdev *d)
{
	char value[VALUE_MAX], text[VALUE_MAX];
	bool given = get_option("ip6", d->n, value);
	struct setting s;
	s8_t i;

	if (given && strcmp(value, "off") == 0)
		return;
	netif_create_ip6_linklocal_address(&d->netif, 1);
	if (!given || strcmp(value, "auto") == 0) {
		netif_set_ip6_autoconfig_enabled(&d->netif, 1);
		return;
	}
	strcpy(text, value);
	if (!parse(text, &s) || !IP_IS_V6_VAL(s.addr) || (s.len != 64 && s.len != 128)) {
		log_line(LOG_ERR, "nic%u: ip6=%s is neither auto, off nor ADDRESS/64[,gw=ADDRESS][,dns=ADDRESS]", d->n, value);
		return;
	}
	netif_add_ip6_address(&d->netif, ip_2_ip6(&s.addr), &i);
	if (IP_IS_V6_VAL(s.gw)) {
		ip6_addr_copy(gateway6[d->n], *ip_2_ip6(&s.gw));
		ip6_addr_assign_zone(&gateway6[d->n], IP6_UNICAST, &d->netif);
	}
}

/* gw=, which an address by DHCP brings by itself. */
static void set_gateway(struct netdev *d)
{
	char value[VALUE_MAX];
	ip_addr_t gw;

	if (!get_option("gw", d->n, value))
		return;
	if (parse_address(value, &gw) && IP_IS_V4_VAL(gw))
		netif_set_gw(&d->netif, ip_2_ip4(&gw));
	else
		log_line(LOG_ERR, "nic%u: gw=%s is no IPv4 address", d->n, value);
}

/*
 * mtu=, for a path that is narrower than it says. IPv6 needs 1280 (RFC 8200 5): below, it is IPv4's
 * alone.
 */
static void set_mtu(struct netdev *d)
{
	char value[VALUE_MAX];
	uint64_t mtu;

	if (!get_option("mtu", d->n, value))
		return;
	if (fmt_number(value, d->info.mtu, &mtu) != 0 || mtu < 576)
		log_line(LOG_ERR, "nic%u: mtu=%s is not a number from 576 to %u", d->n, value, d->info.mtu);
	else
		d->mtu_most = d->netif.mtu = d->netif.mtu6 = (u16_t)mtu;
}

static void set_dns(void)
{
	char value[VALUE_MAX], *text = value, *next;

	if (option_get("dns", value, sizeof value) < 0)
		return;
	for (; text; text = next) {
		next = strchr(text, ',');
		if (next)
			*next++ = '\0';
		if (!add_dns(text))
			log_line(LOG_ERR, "net: dns=%s is no address", text);
	}
}

/* The first interface is the default route's. */
void netconf_add(struct netdev *d)
{
	if (!netif_default)
		netif_set_default(&d->netif);
	netif_set_status_callback(&d->netif, changed);
	set_mtu(d);
	start4(d);
	set_gateway(d);
	start6(d);
}

void netconf_start(void)
{
	give_up = plat_now() + PATIENCE_NS;
	set_dns();
}

/* ---- Afterwards ---- */

/*
 * A server that offers an address and then refuses it (NAK) would have lwIP ask again at once, and so on
 * as fast as both can (RFC 2131 4.1 wants a client to hold back). From the third search in a row on, the
 * first messages of each are not sent: lwIP waits 2, 4, 8 ... s for their answers, so that it rests for
 * 2, 6, 14, 30 s.
 */
err_t netconf_dhcp_send(struct udp_pcb *pcb, struct pbuf *p, const ip_addr_t *to, u16_t port, struct netif *netif,
			const ip_addr_t *from)
{
	const struct dhcp_msg *msg = p->payload;
	const struct netdev *d = netif->state;
	unsigned tries = netif_dhcp_data(netif)->tries, quiet;

	if (msg->options[2] != DHCP_DISCOVER) /* its type is a message's first option */
		return udp_sendto_if_src(pcb, p, to, port, netif, from);
	if (tries == 0 && searches[d->n] < UINT8_MAX)
		searches[d->n]++;
	quiet = searches[d->n] > 2 ? searches[d->n] - 2u : 0;
	if (quiet == 1 && tries == 0)
		log_line(LOG_WARN, "nic%u: the DHCP server offers addresses and refuses them, asking more slowly", d->n);
	return tries < LWIP_MIN(quiet, QUIET_MOST) ? ERR_OK : udp_sendto_if_src(pcb, p, to, port, netif, from);
}

/* DHCP is under way and has brought nothing yet. */
static bool is_asking(const struct netdev *d)
{
	const struct dhcp *dhcp = netif_dhcp_data(&d->netif);

	return dhcp && dhcp->state != DHCP_STATE_OFF && !dhcp_supplied_address(&d->netif);
}

/* Said once for each interface; lwIP goes on asking. */
void netconf_tick(void)
{
	struct netdev *d;

	for (unsigned n = 0; (d = netdev_get(n)) != NULL; n++) {
		if (!netif_is_link_up(&d->netif))
			searches[n] = 0;
		if (warned[n] || plat_now() < give_up || !is_asking(d))
			continue;
		warned[n] = true;
		log_line(LOG_WARN, "nic%u: no answer to DHCP for 10 s, going on without an address%s", d->n,
			 d->info.up ? "" : ", no carrier");
	}
}

uint64_t netconf_deadline(void)
{
	struct netdev *d;

	for (unsigned n = 0; (d = netdev_get(n)) != NULL; n++)
		if (is_asking(d) || ip6_addr_istentative(netif_ip6_addr_state(&d->netif, 0)))
			return give_up;
	return 0;
}
