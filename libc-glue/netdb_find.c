/* SPDX-License-Identifier: MIT */
#include <stdio.h>

/*
 * The addresses of a host: numeric, /etc/hosts, DNS. Read netdb.c first.
 *
 * lwIP's resolver (dns.c there) remembers answers for as long as they say, and asks with random
 * numbers from random ports. It calls back once, with an address or without; the caller waits here,
 * the answer on its stack.
 */

#include <string.h>

#include "core/plat.h"
#include "libc-glue/glue.h"
#include "libc-glue/inet.h"
#include "libc-glue/lwip/netdev.h"
#include "libc-glue/lwip/stack.h"
#include "libc-glue/netdb.h"
#include "lwip/dns.h"

#define HOSTS "/etc/hosts"
#define LINE_MAX_LEN 512

/* ---- Numbers ---- */

/* "fe80::1%nic0" or "%2". */
static unsigned parse_scope(const char *s)
{
	char have[16];
	uint64_t n;
	struct netif *netif;

	if (fmt_number(s, 255, &n) == 0)
		return (unsigned)n;
	NETIF_FOREACH(netif)
		if (strcmp(stack_ifname(netif, have, sizeof have), s) == 0)
			return netif_get_index(netif);
	return 0;
}

/*
 * The old forms of IPv4 count as numbers too, as getaddrinfo() wants it (POSIX): "127.1" is no
 * name.
 */
static bool parse_address(const char *name, struct netdb_addr *a)
{
	char text[64];
	const char *scope = strchr(name, '%');
	size_t len = scope ? (size_t)(scope - name) : strlen(name);

	*a = (struct netdb_addr){ .family = AF_INET };
	if (inet_parse_old(name, &a->v4))
		return true;
	if (len >= sizeof text)
		return false;
	memcpy(text, name, len);
	text[len] = '\0';
	a->family = AF_INET6;
	a->scope = scope ? parse_scope(scope + 1) : 0;
	return inet_parse(AF_INET6, text, &a->v6) == 1;
}

/* ---- /etc/hosts ---- */

/*
 * Goes through the lines `address name name ...`. Each word is handed to look(), which returns true
 * to end the search.
 */
static void for_hosts(bool (*look)(void *ctx, const struct netdb_addr *a, const char *name), void *ctx)
{
	char line[LINE_MAX_LEN], *rest, *word;
	struct netdb_addr a;
	FILE *f = fopen(HOSTS, "r");
	bool done = false;

	while (f && !done && fgets(line, sizeof line, f)) {
		line[strcspn(line, "#\r\n")] = '\0';
		word = strtok_r(line, " \t", &rest);
		if (!word || !parse_address(word, &a))
			continue;
		while (!done && (word = strtok_r(NULL, " \t", &rest)) != NULL)
			done = look(ctx, &a, word);
	}
	if (f)
		fclose(f);
}

struct search {
	const char *name;
	int family, n;
	struct netdb_addr *v;
};

static bool wants(int family, const struct netdb_addr *a)
{
	return family == AF_UNSPEC || family == a->family;
}

/* All lines count, in their order, as far as there is room. Names have no case (RFC 4343). */
static bool collect(void *ctx, const struct netdb_addr *a, const char *name)
{
	struct search *s = ctx;

	if (strcasecmp(name, s->name) == 0 && wants(s->family, a) && s->n < NETDB_ADDRS)
		s->v[s->n++] = *a;
	return false;
}

struct reverse {
	const struct netdb_addr *a;
	char *name;
	size_t size;
	bool found;
};

/* The first name of the first line that fits. */
static bool compare(void *ctx, const struct netdb_addr *a, const char *name)
{
	struct reverse *r = ctx;

	if (a->family != r->a->family || memcmp(&a->v6, &r->a->v6, a->family == AF_INET ? 4 : 16) != 0)
		return false;
	r->found = (size_t)fmt_format(r->name, r->size, "%s", name) < r->size;
	return true;
}

bool netdb_name_of(const struct netdb_addr *a, char *name, size_t size)
{
	struct reverse r = { a, name, size, false };

	for_hosts(compare, &r);
	return r.found;
}

/* RFC 6761 6.3: localhost is never asked for. */
static int find_localhost(const char *name, int family, struct netdb_addr *v)
{
	size_t len = strlen(name);
	int n = 0;

	if (strcasecmp(name, "localhost") != 0 && (len < 10 || strcasecmp(name + len - 10, ".localhost") != 0))
		return 0;
	if (family != AF_INET6)
		v[n++] = (struct netdb_addr){ .family = AF_INET, .v4 = { htonl(INADDR_LOOPBACK) } };
	if (family != AF_INET)
		v[n++] = (struct netdb_addr){ .family = AF_INET6, .v6 = in6addr_loopback };
	return n;
}

/* ---- DNS ---- */

struct query {
	bool done, found;
	ip_addr_t addr;
	struct waitq wait;
};

static struct waitq room = WAITQ_INIT(room); /* threads whose question found lwIP's table full */
static unsigned asking;                      /* questions that are in it */

/* Runs inside lwIP's input or timer: q lies on the stack of the thread that it wakes. */
static void answered(const char *name, const ip_addr_t *addr, void *ctx)
{
	struct query *q = ctx;

	(void)name;
	q->done = true;
	q->found = addr != NULL;
	if (addr)
		ip_addr_copy(q->addr, *addr);
	asking--;
	waitq_wake(&q->wait, 1);
	waitq_wake(&room, 1);
}

/*
 * The wait has no deadline and no EINTR: the answer will be written into our stack, so we must be
 * here. lwIP gives up after its retries and calls back all the same.
 */
static int ask(const char *name, u8_t type, struct netdb_addr *a)
{
	struct query q = { .done = false };
	err_t err;

	waitq_init(&q.wait);
	while ((err = dns_gethostbyname_addrtype(name, &q.addr, answered, &q, type)) == ERR_MEM && asking > 0)
		waitq_wait(&room, PLAT_FOREVER);
	asking += err == ERR_INPROGRESS;
	netdev_flush();
	if (err == ERR_ARG) /* too long */
		return EAI_NONAME;
	if (err != ERR_OK && err != ERR_INPROGRESS)
		return EAI_AGAIN;
	while (err == ERR_INPROGRESS && !q.done)
		waitq_wait(&q.wait, PLAT_FOREVER);
	if (err == ERR_INPROGRESS && !q.found)
		return EAI_NONAME;
	if (IP_IS_V6_VAL(q.addr)) {
		a->family = AF_INET6;
		memcpy(&a->v6, ip_2_ip6(&q.addr)->addr, 16);
	} else {
		a->family = AF_INET;
		a->v4.s_addr = ip_2_ip4(&q.addr)->addr;
	}
	return 1;
}

/* One after the other: both together would save a round trip, and cost a second wait. */
static int find_by_dns(const char *name, int family, struct netdb_addr *v)
{
	int four = EAI_NONAME, six = EAI_NONAME;

	stack_wait_route(dns_getserver(0)); /* the server's address comes with ours */
	if (ip_addr_isany(dns_getserver(0)))
		return EAI_AGAIN;
	if (family != AF_INET6)
		four = ask(name, LWIP_DNS_ADDRTYPE_IPV4, v);
	if (family != AF_INET)
		six = ask(name, LWIP_DNS_ADDRTYPE_IPV6, v + (four > 0));
	if (four > 0 || six > 0)
		return (four > 0) + (six > 0);
	return family == AF_INET6 ? six : four;
}

/* ---- All of them ---- */

/*
 * A number is never asked for, nor is localhost; /etc/hosts comes before DNS, as nsswitch has it
 * everywhere.
 */
int netdb_find(const char *name, int family, bool numeric, struct netdb_addr *v)
{
	struct search s = { name, family, 0, v };

	v[0] = (struct netdb_addr){ .family = AF_UNSPEC };
	if (parse_address(name, &v[0]))
		return wants(family, &v[0]) ? 1 : EAI_NONAME;
	if (numeric || !*name)
		return EAI_NONAME;
	for_hosts(collect, &s);
	if (s.n == 0)
		s.n = find_localhost(name, family, v);
	if (s.n > 0)
		return s.n;
	memset(v, 0, NETDB_ADDRS * sizeof *v);
	return find_by_dns(name, family, v);
}
