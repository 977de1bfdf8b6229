/* SPDX-License-Identifier: MIT */
#include "libc-glue/sock.h"

/*
 * Sockets that wait for the machine to have an address. Read sock.c first.
 *
 * In the first seconds DHCP may not have answered yet, and nothing can be sent. A connect() is then
 * under way like any other, and its SYN leaves when the address has come; so a program with an event
 * loop goes on. When the time for addresses is over (netconf.c), it fails.
 */

#include "core/plat.h"
#include "libc-glue/lwip/netdev.h"
#include "libc-glue/lwip/stack.h"

static struct list waiting = LIST_INIT(waiting);
static struct timer timer;

/* Who still has to wait puts itself on the list again. */
static void look(struct timer *t)
{
	struct list now = LIST_INIT(now), *node;

	(void)t;
	while ((node = list_take(&waiting)) != NULL)
		list_append(&now, node);
	while ((node = list_take(&now)) != NULL) {
		struct sock *s = container_of(node, struct sock, in_wanting);

		if (s->type == SOCK_STREAM)
			sock_connect_route(s);
		else
			sock_dgram_route(s);
	}
	netdev_flush();
}

int sock_route(struct sock *s, const ip_addr_t *ip)
{
	uint64_t until;

	if (stack_has_route(ip))
		return 0;
	until = netconf_deadline();
	if (until <= plat_now())
		return -ENETUNREACH;
	list_remove(&s->in_wanting);
	list_append(&waiting, &s->in_wanting);
	if (!timer.prev)
		timer_set(&timer, until, look);
	return -EAGAIN;
}

bool sock_route_waits(const struct sock *s)
{
	return !list_empty(&s->in_wanting);
}

/* By a timer: the caller is in the middle of a packet. */
void sock_route_changed(void)
{
	if (list_empty(&waiting))
		return;
	timer_cancel(&timer);
	timer_set(&timer, plat_now(), look);
}
