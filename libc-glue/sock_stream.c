/* SPDX-License-Identifier: MIT */
#include <fcntl.h>

/*
 * The data of connections. Read sock.c first.
 *
 * One copy each way. Received pbufs, most of them still in the device's buffers, are linked up and
 * copied out by recv(). What is sent is copied into the arena once: little through tcp_write(),
 * which fills up the last segment; much in chunks that long segments refer to (segs.c). What a long write leaves over waits for
 * the next write until the next poll, in a chunk with room: a frame costs the other end more than its bytes.
 *
 * How much a socket may queue depends on its SO_SNDBUF and on what the arena has left: with less
 * memory everybody gets less, and who has nothing queued always gets a little, so nobody waits for
 * ever.
 */

#include <poll.h>
#include <string.h>

#include "core/plat.h"
#include "libc-glue/lwip/arena.h"
#include "libc-glue/lwip/conns.h"
#include "libc-glue/lwip/netdev.h"
#include "libc-glue/lwip/segs.h"
#include "libc-glue/sock.h"
#include "lwip/priv/tcp_priv.h"

#define SMALL 2048u             /* up to here tcp_write() */
#define RETRY_NS 20000000u
#define PACK_OF 1024u           /* received pbufs up to here are packed together when many wait */
#define PACK_FROM 64u           /* pbufs */
#define PACK_SIZE 1920u

static struct list starving = LIST_INIT(starving);
static struct timer retry;

void sock_stream_defaults(uint32_t *sndbuf, uint32_t *rcvbuf)
{
	size_t snd = arena_size() / 8, rcv = page_total() * PAGE_SIZE / 64;

	*sndbuf = (uint32_t)(snd > TCP_SND_BUF ? TCP_SND_BUF : snd < 16384 ? 16384 : snd);
	*rcvbuf = (uint32_t)(rcv > TCP_WND ? TCP_WND : rcv < 65536 ? 65536 : rcv);
}

/* ---- Receiving ---- */

/* p may be a chain: its pieces become links of ours, and their tot_len is not looked at again. */
static void append(struct sock *s, struct pbuf *p)
{
	if (s->rx_last)
		s->rx_last->next = p;
	else
		s->rx_first = p;
	while (p->next)
		p = p->next;
	s->rx_last = p;
}

/*
 * A peer that sends byte by byte could have us hold one buffer of the device, or one block of the
 * arena, for each. So when many wait, little ones are copied together: rx_last then is a block of
 * PACK_SIZE bytes that belongs to us.
 */
static bool pack(struct sock *s, const struct pbuf *p)
{
	struct pbuf *last = s->rx_last;

	if (last->if_idx == NETIF_NO_INDEX && last->tot_len == PACK_SIZE && last->len + p->tot_len <= PACK_SIZE) {
		pbuf_copy_partial(p, (char *)last->payload + last->len, p->tot_len, 0);
		last->len = (u16_t)(last->len + p->tot_len);
		return true;
	}
	last = pbuf_alloc(PBUF_RAW, PACK_SIZE, PBUF_RAM);
	if (!last)
		return false;
	last->if_idx = NETIF_NO_INDEX; /* of no interface: this is how it is known again */
	pbuf_copy_partial(p, last->payload, p->tot_len, 0);
	last->len = p->tot_len;
	append(s, last);
	return true;
}

/*
 * Runs inside lwIP's input, so it must not fail: where there is no memory to pack, the buffer
 * itself is kept.
 */
void sock_stream_add(struct sock *s, struct pbuf *p)
{
	u16_t len = p->tot_len;
	bool many = s->rx_bytes > PACK_FROM * PACK_OF || s->rx_pbufs > PACK_FROM;

	s->rx_bytes += len;
	if (many && len <= PACK_OF && s->rx_last && pack(s, p)) {
		pbuf_free(p);
		return;
	}
	s->rx_pbufs += pbuf_clen(p);
	append(s, p);
}

/* Gives the buffer back to the device, if it is one of those. */
static void free_first(struct sock *s)
{
	struct pbuf *p = s->rx_first;

	s->rx_first = p->next;
	if (!s->rx_first)
		s->rx_last = NULL;
	s->rx_offset = 0;
	s->rx_pbufs -= s->rx_pbufs > 0;
	p->next = NULL;
	pbuf_free(p);
}

/* Copies up to want bytes; to NULL: they are thrown away. */
static size_t consume(struct sock *s, struct iov *to, size_t want)
{
	size_t done = 0;
	struct pbuf *p;

	while (done < want && (p = s->rx_first) != NULL) {
		size_t n = p->len - s->rx_offset, left = want - done;

		if (n > left)
			n = left;
		if (to)
			iov_put(to, (char *)p->payload + s->rx_offset, n);
		done += n;
		s->rx_offset += (uint32_t)n;
		if (s->rx_offset == p->len)
			free_first(s);
	}
	s->rx_bytes -= (uint32_t)done;
	return done;
}

/* MSG_PEEK: the same walk, but nothing is taken and the window stays. */
static size_t peek(const struct sock *s, struct iov *to, size_t want)
{
	size_t done = 0, offset = s->rx_offset;

	for (const struct pbuf *p = s->rx_first; p && done < want; p = p->next, offset = 0) {
		size_t n = p->len - offset < want - done ? p->len - offset : want - done;

		iov_put(to, (char *)p->payload + offset, n);
		done += n;
	}
	return done;
}

/*
 * Opens the window again. Every ACK tells how far; where none is due, the peer is told when it has grown by a
 * half: lwIP does that for its largest window, and smaller ones, also of peers that cannot scale, cannot wait for that.
 */
static void give_window(struct sock *s, size_t n)
{
	struct tcp_pcb *pcb = s->tcp;
	uint32_t window;

	if (!pcb)
		return;
	window = LWIP_MIN(s->rcvbuf, TCP_WND_MAX(pcb));
	for (; n > 0xffff; n -= 0xffff)
		tcp_recved(pcb, 0xffff);
	tcp_recved(pcb, (u16_t)n);
	if (pcb->rcv_nxt + pcb->rcv_wnd - pcb->rcv_ann_right_edge >= window / 2) {
		tcp_ack_now(pcb);
		tcp_output(pcb);
	}
	conns_touch(pcb);
}

/* For SHUT_RD and for the end: the window opens as if it had been read. */
void sock_stream_drop(struct sock *s)
{
	give_window(s, consume(s, NULL, SIZE_MAX));
}

/* Why there is nothing to read: 0 for the end, -EAGAIN for not yet. EPIPE is for who writes. */
static int why_nothing(struct sock *s)
{
	if (s->error && s->error != EPIPE)
		return sock_take_error(s);
	if (s->eof || s->shut_read)
		return 0;
	return s->state == SOCK_CONNECTED || s->state == SOCK_CONNECTING ? -EAGAIN : -ENOTCONN;
}

/* Copies what is there, and opens the window by what was taken. */
static size_t take(struct sock *s, struct iov *to, size_t want, bool keep)
{
	size_t n;

	if (keep)
		return peek(s, &(struct iov){ to->v, to->nv, to->at }, want);
	n = consume(s, to, want);
	if (n > 0)
		give_window(s, n);
	return n;
}

/*
 * Waits until there is something to read, or nothing to wait for. *deadline is set at the first
 * time. Returns 0 or why not.
 */
static int wait_to_read(struct sock *s, int flags, uint64_t *deadline)
{
	int rc = why_nothing(s);

	if (rc != -EAGAIN || (s->file.flags & O_NONBLOCK) || (flags & MSG_DONTWAIT))
		return rc ? rc : -ENODATA;
	if (!*deadline)
		*deadline = sock_deadline(s->recv_timeout);
	return sock_wait(&s->readers, *deadline);
}

/*
 * MSG_WAITALL goes on until all is there, the end has come, or a wait fails; what was copied by
 * then is the result.
 */
ssize_t sock_stream_recv(struct sock *s, const struct iovec *v, int nv, int flags)
{
	bool keep = flags & MSG_PEEK;
	size_t want = iov_length(v, nv), done = 0;
	struct iov to = { v, nv, 0 };
	uint64_t deadline = 0;
	int rc = 0;

	if (flags & MSG_OOB)
		return -EINVAL;
	while (done < want) {
		size_t n = take(s, &to, want - (keep ? 0 : done), keep);

		done = keep ? n : done + n;
		if (done == want || (done > 0 && !(flags & MSG_WAITALL)))
			break;
		rc = wait_to_read(s, flags, &deadline);
		if (rc)
			break;
	}
	netdev_flush();
	return done > 0 ? (ssize_t)done : rc == -ENODATA ? 0 : rc;
}

/* ---- Sending: room ---- */

/*
 * Bytes that a write would take now: at most half of what the arena has to spare, and a little
 * always for who has nothing queued.
 */
static size_t room_of(const struct sock *s)
{
	const struct tcp_pcb *pcb = s->tcp;
	size_t grant;

	if (!pcb || s->starved || pcb->snd_queuelen >= TCP_SND_QUEUELEN - 8)
		return 0;
	grant = arena_spare() / 2;
	if (grant < SMALL)
		grant = grant > 0 || pcb->snd_queuelen == 0 ? SMALL : 0;
	return pcb->snd_buf < grant ? pcb->snd_buf : grant;
}

/*
 * Worth telling a program: a quarter of the buffer, or anything at all for who has nothing queued.
 */
bool sock_stream_writable(const struct sock *s)
{
	size_t room = room_of(s);

	return room >= s->sndbuf / 4 || (room > 0 && s->tcp->snd_queuelen == 0);
}

/*
 * Whoever starved tries again; who finds no memory again gets back on the list, and the timer is
 * set again.
 */
static void feed(struct timer *t)
{
	struct list *node;

	(void)t;
	while ((node = list_take(&starving)) != NULL) {
		struct sock *s = container_of(node, struct sock, in_wanting);

		s->starved = false;
		sock_wake(s, POLLOUT);
	}
}

/* Nothing is on its way whose ACK would tell when there is memory again: so a timer does. */
static void starve(struct sock *s)
{
	if (s->starved || s->tcp->snd_queuelen > 0)
		return;
	s->starved = true;
	list_append(&starving, &s->in_wanting);
	if (!retry.prev)
		timer_set(&retry, plat_now() + RETRY_NS, feed);
}

/* ---- Sending: data ---- */

/*
 * Into the last segment, or a new one. Returns how many bytes were taken: less than n when memory
 * ran out.
 */
static size_t queue_small(struct tcp_pcb *pcb, struct iov *from, size_t n, bool more)
{
	size_t left = n, len;

	while (left > 0) {
		const void *piece = iov_piece(from, &len);

		if (len > left)
			len = left;
		left -= len;
		if (tcp_write(pcb, piece, (u16_t)len, TCP_WRITE_FLAG_COPY | (more || left > 0 ? TCP_WRITE_FLAG_MORE : 0)) != ERR_OK)
			return n - left - len;
		from->at += len;
	}
	return n;
}

/*
 * What does not fit on the queue goes back to the caller: the vector's place is put back by what
 * was left. room: of the chunk.
 */
static size_t queue_chunk(struct sock *s, struct iov *from, size_t n, size_t room, bool more)
{
	struct iov start = *from;
	struct segs_chunk *chunk = segs_chunk(room);
	size_t done;

	if (!chunk)
		return 0;
	iov_get(from, chunk->data, n);
	done = segs_queue(s->tcp, chunk, n, !more);
	segs_chunk_put(chunk);
	if (done < n) {
		*from = start;
		iov_skip(from, done);
	}
	return done;
}

/*
 * First the last segment grows, as far as it can. Else little data joins it, unless it is a long one which a device will cut.
 * No short rest stands behind a long segment. rest: of a write that was longer; where devices cut it may grow.
 */
static size_t queue(struct sock *s, struct iov *from, size_t n, bool more, bool rest)
{
	size_t room = segs_room(s->tcp), most;
	bool grows = rest && segs_longest(s->tcp) < SEGS_CHUNK_MAX && room_of(s) >= segs_longest(s->tcp);

	if (room == 0 && n <= SMALL && !grows && (!s->tcp->unsent || !segs_tail_is_long(s->tcp)))
		return queue_small(s->tcp, from, n, more);
	most = room > 0 ? room : segs_longest(s->tcp);
	if (n > most) {
		n = most;
		more = true;
	}
	if (room == 0)
		return queue_chunk(s, from, n, grows ? most : n, more);
	iov_get(from, segs_grow(s->tcp, n, !more), n);
	return n;
}

/*
 * More is about to come: full segments go now, the rest waits for it (or for lwIP's next slow
 * tick). What can grow waits as well, but not that long.
 */
static void output(struct sock *s, bool more)
{
	if (more && s->tcp->unsent && !s->tcp->unsent->next && s->tcp->unsent->len < s->tcp->mss)
		return;
	if (segs_room(s->tcp) == 0 || !acks_hold_data(s->tcp))
		segs_output(s->tcp);
}

void sock_stream_uncork(struct sock *s)
{
	if (s->tcp && s->state == SOCK_CONNECTED)
		segs_output(s->tcp);
	netdev_flush();
}

/*
 * An error comes before EPIPE: the program should hear why. In the middle of a handshake writing
 * waits.
 */
static int why_not(struct sock *s)
{
	if (s->error)
		return sock_take_error(s);
	if (s->shut_write || s->state == SOCK_OVER)
		return -EPIPE;
	return s->state == SOCK_CONNECTED || s->state == SOCK_CONNECTING ? 0 : -ENOTCONN;
}

/* Whether to take a part of what shall be written, now that there is room for that: a full frame, or as much as a program is told of. */
static bool is_worth(const struct sock *s, size_t room)
{
	size_t grow = segs_room(s->tcp);

	return room >= (grow > 0 ? grow : segs_longest(s->tcp)) || sock_stream_writable(s);
}

/* Queues and sends what there is room for, up to n. */
static size_t push(struct sock *s, struct iov *from, size_t n, bool more, bool rest)
{
	size_t room = s->state == SOCK_CONNECTED ? room_of(s) : 0, done;

	if (room == 0 || (n > room && !is_worth(s, room)))
		return 0;
	done = queue(s, from, n < room ? n : room, more || n > room, rest);
	if (done == 0)
		starve(s);
	else
		output(s, more);
	return done;
}

/* Waits until there is room. As wait_to_read(). */
static int wait_to_write(struct sock *s, int flags, uint64_t *deadline)
{
	s->unwritable = true;
	if ((s->file.flags & O_NONBLOCK) || (flags & MSG_DONTWAIT))
		return -EAGAIN;
	if (!*deadline)
		*deadline = sock_deadline(s->send_timeout);
	return sock_wait(&s->writers, *deadline);
}

/* Whatever was queued counts, even if a wait failed after it: POSIX's short write. */
ssize_t sock_stream_send(struct sock *s, const struct iovec *v, int nv, int flags)
{
	size_t total = iov_length(v, nv), done = 0;
	struct iov from = { v, nv, 0 };
	uint64_t deadline = 0;
	int rc;

	if (flags & MSG_OOB)
		return -EOPNOTSUPP;
	while ((rc = why_not(s)) == 0 && done < total) {
		size_t n = push(s, &from, total - done, s->corked || (flags & MSG_MORE), done > 0);

		done += n;
		if (done == total)
			break;
		rc = n > 0 ? 0 : wait_to_write(s, flags, &deadline);
		if (rc)
			break;
	}
	netdev_sent();
	return done > 0 ? (ssize_t)done : rc;
}
