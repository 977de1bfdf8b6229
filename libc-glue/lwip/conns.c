/* SPDX-License-Identifier: MIT */
#include "libc-glue/lwip/conns.h"

/*
 * Where TCP connections are found: a hash table over lwIP's lists. Read conns.h first.
 *
 * lwIP keeps all connections in one list and all in TIME-WAIT in another, and walks them for every
 * segment: with 10,000 connections most of the time goes there. Its code is not ours to change, but
 * the heads of the lists are global variables: so the PCBs lie in buckets by remote address and
 * ports, and before a segment goes in, its bucket's two lists are "mounted" as lwIP's. Whatever
 * lwIP then does (find, move to the front, take out, put in TIME-WAIT, add what a SYN makes) stays
 * in that bucket, since all of it is about connections with the same ends. For its timers, which
 * visit everybody, the lists are gathered into one.
 *
 * Callbacks run while a bucket is mounted: they must not call anything that mounts.
 */

#include <string.h>

#include "core/core.h"
#include "libc-glue/lwip/arena.h"
#include "libc-glue/lwip/hooks.h"
#include "libc-glue/lwip/segs.h"
#include "lwip/ip.h"
#include "lwip/prot/tcp.h"
#include "lwip/stats.h"

#define PORT_FIRST 32768u
#define PORT_COUNT 28232u /* to 60999: below lwIP's and IANA's ephemeral ports, as on Linux */
#define PORT_TRIES 64
#define STUCK_S 300       /* how long a closed connection may go on trying to send what is left */

struct bucket {
	struct tcp_pcb *active, *waiting;
	struct bucket *next_touched;
	bool touched;
};

static struct bucket *buckets, *mounted, *touched;
static bool gathered; /* lwIP's lists hold all, or those that were touched */
static uint32_t mask, key;
static size_t active, waiting;
static uint32_t wait_ticks = 2 * TCP_MSL / TCP_SLOW_INTERVAL; /* how long TIME-WAIT lasts now */
static size_t wait_limit;

bool conns_init(void)
{
	size_t n = 64;

	while (n < page_total() / 16 && n < 65536)
		n *= 2;
	buckets = page_alloc((n * sizeof *buckets + PAGE_SIZE - 1) / PAGE_SIZE);
	if (!buckets)
		return false;
	memset(buckets, 0, n * sizeof *buckets);
	mask = (uint32_t)n - 1;
	key = stack_random();
	wait_limit = page_total() / 8 < 32768 ? page_total() / 8 : 32768;
	return true;
}

/* ---- Buckets ---- */

static struct bucket *find(const ip_addr_t *remote, uint16_t remote_port, uint16_t local_port)
{
	const uint32_t *a = ip_2_ip6(remote)->addr;
	uint64_t h = (uint64_t)remote_port << 16 | local_port;

	h = (h ^ key ^ a[0]) * 0x9e3779b97f4a7c15u;
	if (IP_IS_V6(remote))
		h = (h ^ a[1] ^ (uint64_t)a[2] << 16 ^ (uint64_t)a[3] << 32) * 0xbf58476d1ce4e5b9u;
	return &buckets[(h ^ h >> 29 ^ h >> 47) & mask];
}

static void push(struct tcp_pcb **list, struct tcp_pcb *pcb)
{
	pcb->next = *list;
	*list = pcb;
}

static void empty_into(struct tcp_pcb **from, struct tcp_pcb **to)
{
	struct tcp_pcb *pcb;

	while ((pcb = *from) != NULL) {
		*from = pcb->next;
		push(to, pcb);
	}
}

/*
 * It owes an ACK or a FIN, which the fast timer sends: lwIP delays the one, and the other waits for
 * memory.
 */
static bool owes(const struct tcp_pcb *pcb)
{
	return pcb->flags & (TF_ACK_DELAY | TF_ACK_NOW | TF_CLOSEPEND);
}

static void touch(struct bucket *b)
{
	if (b->touched)
		return;
	b->touched = true;
	b->next_touched = touched;
	touched = b;
}

/*
 * Each PCB of lwIP's lists back to its bucket. Who still owes something after the fast timer is
 * looked at by the next one.
 */
static void scatter(void)
{
	struct tcp_pcb *pcb;
	struct bucket *b;

	gathered = false;
	while ((pcb = tcp_active_pcbs) != NULL) {
		tcp_active_pcbs = pcb->next;
		b = find(&pcb->remote_ip, pcb->remote_port, pcb->local_port);
		push(&b->active, pcb);
		if (owes(pcb))
			touch(b);
	}
	while ((pcb = tcp_tw_pcbs) != NULL) {
		tcp_tw_pcbs = pcb->next;
		push(&find(&pcb->remote_ip, pcb->remote_port, pcb->local_port)->waiting, pcb);
	}
}

/* Leaves lwIP's lists empty. */
static void unmount(void)
{
	if (gathered)
		scatter();
	if (!mounted)
		return;
	mounted->active = tcp_active_pcbs;
	mounted->waiting = tcp_tw_pcbs;
	tcp_active_pcbs = tcp_tw_pcbs = NULL;
	mounted = NULL;
}

static void mount(struct bucket *b)
{
	if (b == mounted)
		return;
	unmount();
	tcp_active_pcbs = b->active;
	tcp_tw_pcbs = b->waiting;
	b->active = b->waiting = NULL;
	mounted = b;
}

static void gather_bucket(struct bucket *b)
{
	empty_into(&b->active, &tcp_active_pcbs);
	empty_into(&b->waiting, &tcp_tw_pcbs);
}

void conns_mount(const struct tcp_pcb *pcb)
{
	mount(find(&pcb->remote_ip, pcb->remote_port, pcb->local_port));
}

struct tcp_pcb *conns_lookup(const ip_addr_t *local, uint16_t local_port, const ip_addr_t *remote, uint16_t remote_port)
{
	struct tcp_pcb *pcb;

	mount(find(remote, remote_port, local_port));
	for (pcb = tcp_active_pcbs; pcb; pcb = pcb->next)
		if (pcb->remote_port == remote_port && pcb->local_port == local_port && ip_addr_cmp(&pcb->remote_ip, remote) &&
		    ip_addr_cmp(&pcb->local_ip, local))
			break;
	return pcb;
}

void conns_gather(void)
{
	unmount();
	for (uint32_t i = 0; i <= mask; i++)
		gather_bucket(&buckets[i]);
	gathered = true;
}

void conns_touch(const struct tcp_pcb *pcb)
{
	if (owes(pcb))
		touch(find(&pcb->remote_ip, pcb->remote_port, pcb->local_port));
}

void conns_touch_mounted(void)
{
	if (mounted)
		touch(mounted);
}

/* ---- Segments that come in ---- */

/*
 * The peer of a connection in TIME-WAIT opens it anew (RFC 9293 3.6.1: it may, with a sequence
 * number above the old ones). lwIP would send a reset.
 */
static void reopen(const struct tcp_hdr *hdr)
{
	u32_t seq = lwip_ntohl(hdr->seqno);

	for (struct tcp_pcb *pcb = tcp_tw_pcbs; pcb; pcb = pcb->next) {
		if (pcb->remote_port == lwip_ntohs(hdr->src) && pcb->local_port == lwip_ntohs(hdr->dest) &&
		    ip_addr_cmp(&pcb->remote_ip, ip_current_src_addr()) &&
		    ip_addr_cmp(&pcb->local_ip, ip_current_dest_addr()) && TCP_SEQ_GT(seq, pcb->rcv_nxt)) {
			tcp_abort(pcb); /* in TIME-WAIT that frees it and sends nothing */
			return;
		}
	}
}

/*
 * lwIP reads the length of an option even where the kind was the last byte: one byte past the
 * header, and perhaps past the buffer.
 */
static bool options_end(const struct pbuf *p, const struct tcp_hdr *hdr)
{
	const uint8_t *o = (const uint8_t *)(hdr + 1);
	unsigned len = TCPH_HDRLEN_BYTES(hdr), i = 0;

	if (len < TCP_HLEN || len > p->len)
		return true; /* lwIP looks at that itself */
	len -= TCP_HLEN;
	if (len == LWIP_TCP_OPT_LEN_TS_OUT && o[0] == LWIP_TCP_OPT_NOP && o[1] == LWIP_TCP_OPT_NOP && o[2] == LWIP_TCP_OPT_TS)
		return true; /* what nearly all have */
	while (i < len && o[i] != LWIP_TCP_OPT_EOL) {
		if (o[i] == LWIP_TCP_OPT_NOP)
			i++;
		else if (i + 1 == len || o[i + 1] < 2)
			return false;
		else
			i += o[i + 1];
	}
	return true;
}

/* Stands where ip4_input() and ip6_input() call tcp_input(), see hooks.h. */
void conns_input(struct pbuf *p, struct netif *in)
{
	const struct tcp_hdr *hdr = p->payload;
	struct tcp_pcb *pcb;

	if (p->len < TCP_HLEN) {
		tcp_input(p, in); /* counts and drops it */
		return;
	}
	if (!options_end(p, hdr)) {
		TCP_STATS_INC(tcp.opterr);
		pbuf_free(p);
		return;
	}
	mount(find(ip_current_src_addr(), lwip_ntohs(hdr->src), lwip_ntohs(hdr->dest)));
	if (tcp_tw_pcbs && (TCPH_FLAGS(hdr) & (TCP_SYN | TCP_ACK | TCP_RST)) == TCP_SYN)
		reopen(hdr);
	tcp_input(p, in);
	/*
	 * lwIP moves the connection that it found to the front. Should it be gone, then this is a
	 * neighbour, which does no harm.
	 */
	pcb = tcp_active_pcbs;
	if (!pcb)
		return;
	if (owes(pcb))
		touch(mounted);
	segs_after_input(pcb);
}

/*
 * Data that came out of order is held for a connection as long as there is memory: it is the first
 * thing that can be done without.
 */
u32_t conns_ooseq_bytes(void)
{
	size_t room = arena_unused();

	return room > arena_size() / 4 ? TCP_WND / 2 : room > arena_size() / 8 ? TCP_WND / 32 : 0;
}

u16_t conns_ooseq_pbufs(void)
{
	return arena_unused() > arena_size() / 4 ? 256 : 16;
}

/* ---- Local ports ---- */

static bool port_taken(const struct tcp_pcb *pcb, uint16_t port)
{
	const struct tcp_pcb *lists[] = { tcp_active_pcbs, tcp_tw_pcbs, tcp_bound_pcbs };

	for (unsigned i = 0; i < 2; i++)
		for (const struct tcp_pcb *other = lists[i]; other; other = other->next)
			if (other->local_port == port && other->remote_port == pcb->remote_port &&
			    ip_addr_cmp(&other->remote_ip, &pcb->remote_ip))
				return true;
	for (const struct tcp_pcb *other = lists[2]; other; other = other->next)
		if (other->local_port == port)
			return true;
	for (const struct tcp_pcb_listen *l = tcp_listen_pcbs.listen_pcbs; l; l = l->next)
		if (l->local_port == port)
			return true;
	return false;
}

/* RFC 6056 3.3.1: random, so that who cannot see the connection has more to guess. */
bool conns_choose_port(struct tcp_pcb *pcb)
{
	for (unsigned i = 0; i < PORT_TRIES; i++) {
		uint16_t port = (uint16_t)(PORT_FIRST + stack_random() % PORT_COUNT);

		mount(find(&pcb->remote_ip, pcb->remote_port, port));
		if (!port_taken(pcb, port)) {
			pcb->local_port = port;
			return true;
		}
	}
	return false;
}

/* ---- Timers ---- */

void conns_fast(void)
{
	struct bucket *b;

	unmount();
	while ((b = touched) != NULL) {
		touched = b->next_touched;
		b->touched = false;
		gather_bucket(b);
	}
	gathered = true;
	tcp_fasttmr();
}

/*
 * Closed by the program, and the peer takes nothing any more but keeps answering: lwIP would wait
 * for it for ever.
 */
static bool is_stuck(const struct tcp_pcb *pcb)
{
	uint32_t limit = STUCK_S * 1000u / TCP_SLOW_INTERVAL;

	if (arena_spare() == 0)
		limit /= 16;
	return (pcb->flags & TF_RXCLOSED) && (pcb->state == FIN_WAIT_1 || pcb->state == CLOSING) && tcp_ticks - pcb->tmr > limit;
}

static void look_after_active(void)
{
	struct tcp_pcb *next;

	active = 0;
	for (struct tcp_pcb *pcb = tcp_active_pcbs; pcb; pcb = next) {
		next = pcb->next;
		active++;
		if (is_stuck(pcb))
			tcp_abort(pcb);
		else
			segs_after_timer(pcb);
	}
}

/*
 * TIME-WAIT lasts 60 s, or less when too many wait: each costs a PCB, and the oldest are the least
 * needed.
 */
static void look_after_waiting(void)
{
	struct tcp_pcb **link = &tcp_tw_pcbs, *pcb;

	waiting = 0;
	while ((pcb = *link) != NULL) {
		if (tcp_ticks - pcb->tmr <= wait_ticks) {
			waiting++;
			link = &pcb->next;
			continue;
		}
		*link = pcb->next;
		tcp_free(pcb);
	}
	if (waiting > wait_limit && wait_ticks > 2)
		wait_ticks /= 2;
	else if (waiting < wait_limit / 4 && wait_ticks < 2 * TCP_MSL / TCP_SLOW_INTERVAL)
		wait_ticks *= 2;
}

bool conns_slow(void)
{
	conns_gather();
	tcp_slowtmr();
	look_after_active();
	look_after_waiting();
	return active + waiting > 0;
}

size_t conns_active(void)
{
	return active;
}

size_t conns_waiting(void)
{
	return waiting;
}
