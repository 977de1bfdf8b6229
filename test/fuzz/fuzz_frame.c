/* SPDX-License-Identifier: MIT */
/*
 * Frames into lwIP, by the way that they really take: nic_rx(), libc-glue/lwip/netdev.c, the stack, sockets. A host on the wire sends
 * what it likes; time passes, memory runs out, and a program reads, writes and closes. nic0 has a fixed address, a listener, a
 * connection and UDP sockets; nic1 waits for DHCP.
 *
 * Each received buffer is memory of its own of exactly its length. lwIP's asserts are on, and their end is a crash. What must hold
 * beside that: every buffer and every token comes back, or is held by somebody who is still there.
 */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "core/core.h"
#include "core/err.h"
#include "core/nic.h"
#include "core/plat.h"
#include "libc-glue/fd.h"
#include "libc-glue/lwip/arena.h"
#include "libc-glue/sock.h"
#include "lwip/dns.h"
#include "test/fake/boot.h"
#include "test/fake/fake.h"
#include "test/fake/netfault.h"
#include "test/fake/netglue.h"
#include "test/fuzz/fuzz.h"
#include "test/fuzz/fuzz_packet.h"

#define MS 1000000ull
#define NICS 2u
#define BUFFERS 256u
#define TOKENS 512u
#define HEAP (96u << 10)
#define FDS 6u

struct fake_nic_config fake_nic[FAKE_NICS];
static const uint8_t macs[NICS][6] = { { 2, 0, 0x5e, 0x10, 0, 1 }, { 2, 0, 0x5e, 0x10, 0, 2 } };

static struct {
	bool open, announced;
	struct { uint8_t *memory; struct nic_buf buf; bool full, lent; } buffer[BUFFERS];
	unsigned full[BUFFERS], n_full, n_lent;
	void *token[TOKENS];
	unsigned n_tokens;
} nic[NICS];

void __asan_get_shadow_mapping(size_t *scale, size_t *offset);

static struct fuzz_peer peer; /* what the host on the wire knows of our connection */
static int fds[FDS];          /* listener, connection, two UDP sockets, and what comes */
static char heap[HEAP] __attribute__((aligned(16)));
static size_t heap_used;

/* ---- memory: sockets are in `heap`, which is put back whole; received buffers are freed at the next input ---- */

static struct frames { void *p[4096]; unsigned n; } *frames;

void *fuzz_malloc(size_t size);
void *fuzz_calloc(size_t n, size_t size);
char *fuzz_strndup(const char *s, size_t len);
void fuzz_free(void *p);

void *fuzz_malloc(size_t size)
{
	size_t at = heap_used;

	size = (size + 15) & ~(size_t)15;
	if (size > HEAP - heap_used)
		return NULL;
	heap_used += size;
	return memset(heap + at, 0x5a, size);
}

void *fuzz_calloc(size_t n, size_t size)
{
	void *p = fuzz_malloc(n * size);

	return p ? memset(p, 0, n * size) : NULL;
}

char *fuzz_strndup(const char *s, size_t len)
{
	char *p = fuzz_calloc(1, len + 1);

	return p ? memcpy(p, s, strnlen(s, len)) : NULL;
}

void fuzz_free(void *p)
{
	fuzz_must(!p || ((char *)p >= heap && (char *)p < heap + heap_used));
}

static void *frame_memory(size_t len)
{
	fuzz_must(frames->n < sizeof frames->p / sizeof frames->p[0]);
	return frames->p[frames->n++] = malloc(len);
}

/* ---- the door: an interface without a wire ---- */

int nic_open(unsigned n, struct nic_info *info)
{
	if (n >= NICS)
		return -ERR_NODEV;
	nic[n].open = true;
	nic_info(n, info);
	return 0;
}

void nic_info(unsigned n, struct nic_info *info)
{
	*info = (struct nic_info){ .mtu = 1500, .up = true, .features = NIC_TX_CSUM | NIC_TX_TSO4 | NIC_TX_TSO6 | NIC_RX_CSUM | NIC_RX_GSO };
	memcpy(info->mac, macs[n], 6);
}

void nic_stats(unsigned n, struct nic_stats *stats)
{
	(void)n;
	*stats = (struct nic_stats){ 0 };
}

int nic_share(unsigned n, void *base, size_t len)
{
	(void)n, (void)base, (void)len;
	return 0;
}

void nic_group(unsigned n, const uint8_t mac[6], bool join)
{
	(void)n, (void)mac, (void)join;
}

unsigned nic_rx(unsigned n, struct nic_buf *v, unsigned max)
{
	unsigned got = 0;

	for (; got < nic[n].n_full && got < max; got++) {
		unsigned id = nic[n].full[got];

		v[got] = nic[n].buffer[id].buf;
		nic[n].buffer[id].lent = true;
		nic[n].n_lent++;
	}
	fuzz_must(got == nic[n].n_full); /* one frame at a time is given: it always fits */
	nic[n].n_full = 0;
	return got;
}

/* Its memory is poisoned by free(): whoever still reads it is found. */
void nic_rx_done(unsigned n, uint32_t id)
{
	fuzz_must(id < BUFFERS && nic[n].buffer[id].lent);
	nic[n].buffer[id].lent = nic[n].buffer[id].full = false;
	nic[n].n_lent--;
	for (unsigned i = frames->n; i-- > 0;)
		if (frames->p[i] == nic[n].buffer[id].memory) {
			free(frames->p[i]);
			frames->p[i] = frames->p[--frames->n];
			return;
		}
	fuzz_must(!"a buffer without memory");
}

void nic_rx_lent(unsigned n, unsigned *lent, unsigned *total)
{
	*lent = nic[n].n_lent;
	*total = BUFFERS;
}

int nic_tx(unsigned n, const struct nic_frag *v, unsigned nv, const struct nic_offload *off, void *token)
{
	uint8_t frame[256] = { 0 };
	size_t len = 0;

	(void)off;
	fuzz_must(nv > 0 && nv <= NIC_FRAGS_MAX && token);
	if (nic[n].n_tokens == TOKENS)
		return -ERR_AGAIN;
	for (unsigned i = 0; i < nv; i++) {
		size_t part = v[i].len < sizeof frame - len ? v[i].len : sizeof frame - len;

		memcpy(frame + len, v[i].base, part);
		len += part;
	}
	fuzz_peer_saw(&peer, frame, len);
	nic[n].token[nic[n].n_tokens++] = token;
	return 0;
}

unsigned nic_tx_done(unsigned n, void **token, unsigned max)
{
	unsigned got = 0;

	while (got < max && nic[n].n_tokens > 0)
		token[got++] = nic[n].token[--nic[n].n_tokens];
	return got;
}

void nic_kick(unsigned n)
{
	(void)n;
}

bool nic_arm(unsigned n)
{
	return nic[n].n_tokens > 0 || nic[n].n_full > 0;
}

/* ---- the wire ---- */

/* A frame in up to three buffers. Without a free one it is lost. */
static void deliver(unsigned n, const uint8_t *frame, size_t len, const struct nic_offload *off, unsigned parts)
{
	size_t at = 0;

	if (nic[n].n_lent + 4 > BUFFERS)
		return;
	for (unsigned id = 0; at < len; id++) {
		size_t part = parts > 1 ? (len - at + 1) / 2 : len - at;

		if (nic[n].buffer[id].full)
			continue;
		parts--;
		nic[n].buffer[id].full = true;
		nic[n].buffer[id].memory = frame_memory(part);
		memcpy(nic[n].buffer[id].memory, frame + at, part);
		nic[n].buffer[id].buf = (struct nic_buf){ .data = nic[n].buffer[id].memory, .len = (uint32_t)part, .id = id };
		if (at == 0)
			nic[n].buffer[id].buf.off = *off;
		at += part;
		nic[n].buffer[id].buf.more = at < len;
		nic[n].full[nic[n].n_full++] = id;
	}
}

static void turn(uint64_t ns)
{
	fake_advance(ns);
	for (unsigned i = 0; i < 4 && loop_poll(); i++)
		;
}

static void throw(struct fuzz_packet *p, unsigned n, unsigned how)
{
	struct nic_offload off = { .flags = how & 1 ? NIC_CSUM_VALID : 0 };

	if (p->len == 0)
		return;
	if (memcmp(p->bytes, macs[0], 6) == 0)
		memcpy(p->bytes, macs[n], 6); /* what is not for it goes no further */
	if (how & 2)
		off = (struct nic_offload){ .flags = NIC_CSUM_VALID | NIC_GSO_TCP4, .gso_size = 1448, .hdr_len = 54 };
	deliver(n, p->bytes, p->len, &off, how & 4 ? 3 : 1);
	turn(1000);
}

/* ---- the beginning: sockets, and a connection that the host has made ---- */

static int make_udp(uint16_t port, int domain)
{
	struct sockaddr_in6 a = { .sin6_family = (sa_family_t)domain, .sin6_port = htons(port) };
	int fd = sock_socket(domain, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	fuzz_must(fd >= 0 && sock_bind(fd, (struct sockaddr *)&a, domain == AF_INET ? sizeof(struct sockaddr_in) : sizeof a) == 0);
	return fd;
}

static void make_sockets(void)
{
	struct sockaddr_in6 any = { .sin6_family = AF_INET6, .sin6_port = htons(80) };

	fds[0] = sock_socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0);
	fuzz_must(sock_bind(fds[0], (struct sockaddr *)&any, sizeof any) == 0 && sock_listen(fds[0], 4) == 0);
	fds[2] = make_udp(5353, AF_INET6);
	fds[3] = make_udp(7, AF_INET);
	fds[1] = fds[4] = fds[5] = -1;
}

static void make_connection(void)
{
	struct fuzz_packet p;

	fuzz_packet_arp(&p, 1);
	throw(&p, 0, 0);
	fuzz_packet_tcp(&p, &peer, FUZZ_SYN, NULL, 0);
	throw(&p, 0, 1);
	fuzz_must(peer.synced);
	peer.seq++;
	fuzz_packet_tcp(&p, &peer, FUZZ_ACK, NULL, 0);
	throw(&p, 0, 1);
	fds[1] = sock_accept(fds[0], NULL, NULL, SOCK_NONBLOCK);
	fuzz_must(fds[1] >= 0);
}

/* The sanitizer's word on a stretch of RAM: pools and threads mark what is nobody's. */
static void keep_shadow(const struct plat_range *r)
{
	size_t scale, offset;

	__asan_get_shadow_mapping(&scale, &offset);
	fuzz_keep((char *)((r->base >> scale) + offset), r->len >> scale);
}

__attribute__((no_sanitize("address"))) static bool is_zero(uintptr_t page)
{
	const uint64_t *p = (const uint64_t *)page;

	for (unsigned k = 0; k < PAGE_SIZE / 8; k++)
		if (p[k])
			return false;
	return true;
}

/* Which pages nobody has, found by having them all. */
static void find_free(bool *is_free, uintptr_t base)
{
	char *list = NULL, *page;

	while ((page = page_alloc(1)) != NULL) {
		is_free[((uintptr_t)page - base) / PAGE_SIZE] = true;
		memcpy(page, &list, sizeof list);
		list = page;
	}
	while ((page = list) != NULL) {
		memcpy(&list, page, sizeof list);
		memset(page, 0, sizeof list);
		page_free(page, 1);
	}
}

/* Pages of RAM to be put back: those in use, and what stands in the others. Not the arena's blocks that nobody has: all zeros. */
static void keep_memory(void)
{
	static bool is_free[4096];
	struct plat_range v[4];
	size_t n = plat_memory(v, 4);

	find_free(is_free, v[0].base);
	for (size_t i = 0; i < n; i++) {
		keep_shadow(&v[i]);
		for (uintptr_t at = v[i].base; at < v[i].base + v[i].len; at += PAGE_SIZE) {
			bool nobodys = is_free[(at - v[0].base) / PAGE_SIZE] || at - (uintptr_t)arena.base < arena.pages * PAGE_SIZE;

			if (!nobodys || !is_zero(at))
				fuzz_keep((void *)at, PAGE_SIZE);
		}
	}
}

void fuzz_begin(void)
{
	frames = calloc(1, sizeof *frames);
	fake.quiet = true;
	fake.memory = 3u << 20;
	fake.cmdline = "ip=10.0.0.1/24,gw=10.0.0.9 ip6=auto ip1=dhcp dns=10.0.0.9";
	fake_boot();
	peer = (struct fuzz_peer){ .port = 4000, .seq = 1000 };
	netglue_start();
	for (unsigned i = 0; i < 60; i++)
		turn(100 * MS); /* until the link-local address is ours */
	make_sockets();
	make_connection();
	keep_memory();
}

/* ---- the program ---- */

static void answered(const char *name, const ip_addr_t *ip, void *arg)
{
	(void)name, (void)ip, (void)arg;
}

static void use(unsigned what)
{
	static char buf[4096];
	unsigned i = fuzz_below(FDS);
	ip_addr_t found;
	int fd = fds[i];

	switch (what) {
	case 0:
		netglue_send(fd, buf, 1u + fuzz_u16() % sizeof buf, MSG_DONTWAIT);
		break;
	case 1:
	case 2:
		netglue_recv(fd, buf, 1u + fuzz_u16() % sizeof buf, MSG_DONTWAIT);
		break;
	case 6:
		(void)dns_gethostbyname("a.example", &found, answered, NULL);
		break;
	case 3:
		if (fds[4] < 0)
			fds[4] = sock_accept(fds[0], NULL, NULL, SOCK_NONBLOCK);
		break;
	case 4:
		sock_shutdown(fd, (int)fuzz_below(3));
		break;
	case 5:
		if (i == 1 || i == 4)
			fd_remove(fd);
		fds[i] = i == 1 || i == 4 ? -1 : fd;
		break;
	default:
		if (fds[5] < 0)
			fds[5] = sock_socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		sock_connect(fds[5], (struct sockaddr *)netglue_addr("10.0.0.9", 1000), sizeof(struct sockaddr_in));
	}
	turn(0);
}

/* ---- a run ---- */

/* Every token comes back at the next poll; what is lent is in somebody's queue, and not more than there are. */
static void settle(void)
{
	netfault_set(0, 0);
	for (unsigned i = 0; i < 4; i++)
		turn(MS);
	for (unsigned n = 0; n < NICS; n++)
		fuzz_must(nic[n].n_lent <= BUFFERS && nic[n].n_full == 0);
}

void fuzz_run(void)
{
	struct fuzz_packet p;

	while (frames->n > 0)
		free(frames->p[--frames->n]);
	while (fuzz_more()) {
		unsigned what = fuzz_below(16);

		if (what < 10) {
			unsigned how = fuzz_byte();

			fuzz_packet_draw(&p, &peer, what);
			throw(&p, how >> 3 & 1, how);
		} else if (what < 13) {
			use(fuzz_below(8));
		} else if (what < 15) {
			turn(MS << fuzz_below(14));
		} else {
			netfault_set(1u + fuzz_byte(), fuzz_below(8));
		}
	}
	settle();
}
