/* SPDX-License-Identifier: MIT */
#include "libc-glue/lwip/stack.h"

/*
 * /proc/net/dev, in Linux's format, and /proc/net/lwip: `name value` lines of what the stack holds
 * and has counted.
 *
 * Whoever wants to know that nothing leaks reads the second before and after: everything named used
 * is back where it was when all connections are closed and TIME-WAIT is over.
 */

#include "libc-glue/glue.h"
#include "libc-glue/lwip/arena.h"
#include "libc-glue/lwip/conns.h"
#include "libc-glue/lwip/netdev.h"
#include "libc-glue/lwip/pool.h"
#include "lwip/stats.h"

/* A place in the buffer that never goes past its end. */
struct out {
	char *buf;
	size_t size, len;
};

#define PUT(o, ...) ((o)->len += (size_t)fmt_format((o)->buf + at(o), (o)->size - at(o), __VA_ARGS__))

static size_t at(const struct out *o)
{
	return o->len < o->size ? o->len : o->size;
}

static size_t print_dev(char *buf, size_t size)
{
	struct out o = { buf, size, 0 };
	struct netdev *d;

	PUT(&o, "Inter-|   Receive                                                |  Transmit\n");
	PUT(&o, " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n");
	for (unsigned n = 0; (d = netdev_get(n)) != NULL; n++) {
		struct nic_stats s;

		nic_stats(d->n, &s);
		PUT(&o, "  nic%u: %llu %llu %llu %llu 0 0 0 0", d->n, (unsigned long long)s.rx_bytes, (unsigned long long)s.rx_frames,
		    (unsigned long long)s.rx_errors, (unsigned long long)s.rx_dropped);
		PUT(&o, " %llu %llu %llu %llu 0 0 0 0\n", (unsigned long long)s.tx_bytes, (unsigned long long)s.tx_frames,
		    (unsigned long long)s.tx_errors, (unsigned long long)(s.tx_dropped + d->dropped));
	}
	return o.len;
}

static void put_proto(struct out *o, const char *name, const struct stats_proto *s)
{
	PUT(o, "%s_received %u\n%s_sent %u\n%s_dropped %u\n%s_checksum_errors %u\n", name, (unsigned)s->recv, name, (unsigned)s->xmit,
	    name, (unsigned)s->drop, name, (unsigned)s->chkerr);
}

static void put_nic(struct out *o, const struct netdev *d)
{
	unsigned lent, total;
	struct nic_stats s;

	nic_rx_lent(d->n, &lent, &total);
	nic_stats(d->n, &s);
	PUT(o, "nic%u_lent %u\nnic%u_buffers %u\nnic%u_waiting %u\nnic%u_copied %llu\n", d->n, lent, d->n, total, d->n, d->waiting, d->n,
	    (unsigned long long)d->copied);
	PUT(o, "nic%u_kicks %llu\nnic%u_wakes %llu\n", d->n, (unsigned long long)s.kicks, d->n, (unsigned long long)s.wakes);
}

static size_t print_lwip(char *buf, size_t size)
{
	struct out o = { buf, size, 0 };
	const struct pool *p;
	struct netdev *d;

	PUT(&o, "arena_used %zu\narena_unused %zu\narena_failures %zu\n", arena.used * PAGE_SIZE, arena_unused(), arena.failures);
	for (unsigned i = 0; (p = pool_of_lwip(i)) != NULL; i++)
		PUT(&o, "%s_used %zu\n%s_most %zu\n%s_failures %zu\n", p->name, p->used, p->name, p->most, p->name, p->failures);
	PUT(&o, "tcp_connections %zu\ntcp_time_wait %zu\n", conns_active(), conns_waiting());
	put_proto(&o, "ip4", &lwip_stats.ip);
	put_proto(&o, "ip6", &lwip_stats.ip6);
	put_proto(&o, "tcp", &lwip_stats.tcp);
	put_proto(&o, "udp", &lwip_stats.udp);
	for (unsigned n = 0; (d = netdev_get(n)) != NULL; n++)
		put_nic(&o, d);
	return o.len;
}

static struct procfs_file dev = { .path = "/proc/net/dev", .print = print_dev };
static struct procfs_file lwip = { .path = "/proc/net/lwip", .print = print_lwip };

void procnet_start(void)
{
	procfs_add(&dev);
	procfs_add(&lwip);
}
