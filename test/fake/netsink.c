/* SPDX-License-Identifier: MIT */
#include "test/fake/netsink.h"

#include <netinet/in.h>

#include "core/plat.h"
#include "libc-glue/fd.h"
#include "libc-glue/sock.h"
#include "test/fake/fake.h"
#include "test/fake/netglue.h"
#include "test/fake/netpeer.h"

#define MS 1000000ull
#define MSS 1460

struct netsink netsink;
int netsink_fd;
uint32_t netsink_sent;

static uint8_t pattern(uint32_t i)
{
	return (uint8_t)(i * 2654435761u >> 17 ^ i >> 9);
}

void netsink_answer(uint8_t flags, uint32_t ack_at, const uint8_t *options, size_t options_len)
{
	struct netpeer_seg seg = { .src = 80, .dst = netsink.port, .seq = NETSINK_ISN + (flags & NETPEER_SYN ? 0 : 1),
				   .ack = netsink.start + ack_at,
				   .flags = flags, .window = (uint16_t)(netsink.window >> (flags & NETPEER_SYN ? 0 : netsink.scale)),
				   .options = options, .options_len = options_len };

	netsink.acked = ack_at;
	if (ack_at + netsink.window > netsink.edge)
		netsink.edge = ack_at + netsink.window;
	netpeer_send(&seg);
}

void netsink_ack(void)
{
	netsink_answer(NETPEER_ACK, netsink.got, NULL, 0);
}

static void meet(const struct netpeer_seg *seg)
{
	uint8_t options[24] = { 2, 4, (uint8_t)(netsink.mss >> 8), (uint8_t)netsink.mss, 1, 3, 3, netsink.scale, 1, 1, 8, 10 };

	netsink.port = seg->src;
	netsink.start = seg->seq + 1;
	netsink_answer(NETPEER_SYN | NETPEER_ACK, 0, options, netsink.timestamps ? 20 : 8);
	netsink.edge = netsink.window;
}

static void look_at_data(const struct netpeer_seg *seg, uint32_t at)
{
	for (size_t i = 0; i < seg->len; i++)
		netsink.wrong += seg->data[i] != pattern(at + (uint32_t)i);
	netsink.pieces++;
	netsink.longest = seg->len > netsink.longest ? (unsigned)seg->len : netsink.longest;
	netsink.pushes += (seg->flags & NETPEER_PSH) != 0;
	/* One byte beyond is how a closed window is probed (RFC 9293 3.8.6.1). */
	netsink.beyond += at + seg->len > netsink.edge + (seg->len == 1 ? 1u : 0u);
}

void netpeer_tcp(const struct netpeer_seg *seg)
{
	uint32_t at = seg->seq - netsink.start;

	if (seg->flags & NETPEER_SYN) {
		meet(seg);
		return;
	}
	if (seg->len == 0 && !(seg->flags & NETPEER_FIN)) {
		netsink.told = seg->ack;
		*(at > netsink.acked + netsink.window ? &netsink.acks_beyond : &netsink.acks) += 1;
		return;
	}
	if (fake_below(100) < netsink.drop)
		return;
	if (seg->len) {
		look_at_data(seg, at);
		if (at < netsink.got) {
			netsink.resent++;
			netsink.last_resent = at;
			netsink.last_resent_len = seg->len;
		}
	}
	if (at <= netsink.got && at + seg->len > netsink.got)
		netsink.got = at + (uint32_t)seg->len;
	if ((seg->flags & NETPEER_FIN) && at + seg->len == netsink.got && !netsink.fin) {
		netsink.fin = true;
		netsink.got++;
	}
	if (!netsink.silent)
		netsink_ack();
}

void netpeer_other(uint8_t proto, const uint8_t *ip, size_t len)
{
	(void)proto, (void)ip, (void)len;
}

/* ---- Our side ---- */

void netsink_wait(unsigned ms)
{
	thread_sleep(plat_now() + ms * MS);
}

void netsink_meet(const struct netsink *p)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(80), .sin_addr = { htonl(NETPEER_IP) } };

	netsink = *p;
	netsink.mss = netsink.mss ? netsink.mss : MSS;
	netsink.scale = netsink.scale ? netsink.scale : 4;
	netpeer_frames = netpeer_cut = netpeer_wrong = 0;
	netsink_fd = sock_socket(AF_INET, SOCK_STREAM, 0);
	if (sock_connect(netsink_fd, (struct sockaddr *)&a, sizeof a))
		fake_wrong("no connection");
	netsink.silent = p->silent;
}

void netsink_put(size_t n)
{
	static uint8_t buf[600000];
	ssize_t rc;

	for (size_t i = 0; i < n; i++)
		buf[i] = pattern(netsink_sent + (uint32_t)i);
	rc = netglue_send(netsink_fd, buf, n, MSG_DONTWAIT);
	netsink_sent += rc > 0 ? (uint32_t)rc : 0;
}

void netsink_part(void)
{
	sock_setsockopt(netsink_fd, SOL_SOCKET, SO_LINGER, &(struct linger){ .l_onoff = 1 }, sizeof(struct linger)); /* at once */
	fd_remove(netsink_fd);
	netsink_wait(50);
	netsink_sent = 0;
}
