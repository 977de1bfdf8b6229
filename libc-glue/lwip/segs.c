/* SPDX-License-Identifier: MIT */
#include "libc-glue/lwip/segs.h"

/*
 * TCP segments longer than the MSS, for devices that cut them (TSO). Read segs.h first.
 *
 * lwIP spends some 1,000 instructions on a segment, whatever its length; so the way to send fast is
 * to send long ones and to let the device cut them. lwIP itself knows nothing of that, but it is
 * happy to carry a segment of any length up to 64 KiB: here such segments are made and put on
 * pcb->unsent in the place of tcp_write(). Three things it cannot do with them are done here:
 *
 *   - a segment that does not fit in the window as a whole is sent in part: segs_output() splits the first unsent one at
 *     a multiple of the MSS (lwIP would wait for the window to open that far, and after a timeout for ever);
 *   - when the peer repeats an ACK, the first unacknowledged segment loses what is acknowledged and is split to
 *     one MSS, so that a fast retransmission repeats one packet and not 45;
 *   - above the MTU, IP would fragment it: segs_frag.c lets it pass.
 *
 * A segment is a header pbuf, which says how the device shall cut, and a pbuf that refers to a
 * chunk. Splitting copies nothing.
 */

#include "core/list.h"
#include "libc-glue/lwip/arena.h"
#include "libc-glue/lwip/hooks.h"
#include "libc-glue/lwip/netdev.h"
#include "libc-glue/lwip/pool.h"
#include "lwip/prot/tcp.h"
#include "lwip/stats.h"

#define LEN_MAX 65400u /* of a segment: with its headers it stays below IP's 65535, and 45 of Ethernet's fit */

/* The pbuf of a segment's data. */
struct piece {
	struct pbuf_custom custom;
	struct segs_chunk *chunk;
};

static struct pool pieces = POOL_INIT(pieces, "segs", sizeof(struct piece));

/* ---- Chunks ---- */

struct segs_chunk *segs_chunk(size_t size)
{
	struct segs_chunk *c = arena_malloc(sizeof *c + size);

	if (c)
		*c = (struct segs_chunk){ .refs = 1, .size = (uint32_t)size };
	return c;
}

void segs_chunk_put(struct segs_chunk *c)
{
	if (--c->refs == 0)
		arena_free(c);
}

static void piece_free(struct pbuf *p)
{
	struct piece *piece = container_of(container_of(p, struct pbuf_custom, pbuf), struct piece, custom);

	segs_chunk_put(piece->chunk);
	pool_give(&pieces, piece);
}

static struct pbuf *piece_new(struct segs_chunk *chunk, char *data, size_t len)
{
	struct piece *piece = pool_take(&pieces);

	if (!piece)
		return NULL;
	piece->chunk = chunk;
	piece->custom.custom_free_function = piece_free;
	chunk->refs++;
	/* PBUF_ROM: it does not change, so nobody down the stack needs a copy of it. */
	return pbuf_alloced_custom(PBUF_RAW, (u16_t)len, PBUF_ROM, &piece->custom, data, (u16_t)len);
}

/* The piece of a segment that was made here and nowhere else, or NULL. */
static struct piece *piece_of(const struct tcp_seg *seg)
{
	struct pbuf *p = seg->p->next;
	struct pbuf_custom *custom;

	if (!(seg->p->flags & PBUF_FLAG_GSO) || !p || p->next)
		return NULL;
	custom = container_of(p, struct pbuf_custom, pbuf);
	return custom->custom_free_function == piece_free ? container_of(custom, struct piece, custom) : NULL;
}

/* ---- Segments ---- */

static u32_t seq_of(const struct tcp_seg *seg)
{
	return lwip_ntohl(seg->tcphdr->seqno);
}

/*
 * The device still reads it: then neither header nor lengths may change. As
 * tcp_output_segment_busy().
 */
static bool is_busy(const struct tcp_seg *seg)
{
	return seg->p->ref != 1;
}

static u8_t option_flags(const struct tcp_pcb *pcb)
{
	return pcb->flags & TF_TIMESTAMP ? TF_SEG_OPTS_TS : 0;
}

/*
 * Payload of a packet on the wire. As tcp_write(): at most half of the largest window that the peer
 * ever had (its reasons: RFC 9293 3.8.6.2.1).
 */
static u16_t wire_len(const struct tcp_pcb *pcb)
{
	u16_t options = LWIP_TCP_OPT_LENGTH(option_flags(pcb));
	u32_t mss = LWIP_MIN(pcb->mss, pcb->snd_wnd_max / 2);

	if (mss == 0)
		mss = pcb->mss;
	return mss > options ? (u16_t)(mss - options) : 1;
}

/* The longest segment that may be made for pcb now: a multiple of wire_len(). */
static u16_t longest(const struct tcp_pcb *pcb)
{
	u16_t wire = wire_len(pcb);
	u32_t most = LWIP_MIN(LEN_MAX, pcb->snd_wnd_max / 2);

	if (most < 2u * wire || !netdev_cuts_for(pcb))
		return wire;
	return (u16_t)(most - most % wire);
}

size_t segs_longest(const struct tcp_pcb *pcb)
{
	u16_t most = longest(pcb);

	return most > wire_len(pcb) ? most : SEGS_CHUNK_MAX;
}

/* Consumes data. */
static struct tcp_seg *seg_new(const struct tcp_pcb *pcb, struct pbuf *data, u32_t seqno, u8_t flags)
{
	u16_t options = LWIP_TCP_OPT_LENGTH(option_flags(pcb));
	struct pbuf *p = pbuf_alloc(PBUF_TRANSPORT, options, PBUF_RAM);
	struct tcp_seg *seg = p ? memp_malloc(MEMP_TCP_SEG) : NULL;

	if (!seg) {
		pbuf_free(data);
		if (p)
			pbuf_free(p);
		return NULL;
	}
	p->flags |= PBUF_FLAG_GSO;
	p->gso_size = wire_len(pcb);
	*seg = (struct tcp_seg){ .p = p, .len = data->tot_len, .flags = option_flags(pcb) };
	pbuf_cat(p, data);
	pbuf_add_header(p, TCP_HLEN); /* PBUF_TRANSPORT has left the room */
	seg->tcphdr = p->payload;
	seg->tcphdr->src = lwip_htons(pcb->local_port);
	seg->tcphdr->dest = lwip_htons(pcb->remote_port);
	seg->tcphdr->seqno = lwip_htonl(seqno);
	TCPH_HDRLEN_FLAGS_SET(seg->tcphdr, (u16_t)((TCP_HLEN + options) / 4), flags);
	seg->tcphdr->urgp = 0;
	return seg;
}

/* The last unsent segment; NULL without any. */
static struct tcp_seg *last_of(const struct tcp_pcb *pcb)
{
	struct tcp_seg *seg = pcb->unsent;

	while (seg && seg->next)
		seg = seg->next;
	return seg;
}

/*
 * What tcp_write() keeps account of must be kept here too: snd_lbb, snd_buf, snd_queuelen (two
 * pbufs for each segment), unsent_oversize.
 */
size_t segs_queue(struct tcp_pcb *pcb, struct segs_chunk *chunk, size_t len, bool push)
{
	struct tcp_seg *last = last_of(pcb), **link = last ? &last->next : &pcb->unsent;
	u16_t most = longest(pcb);
	size_t done = 0;

	while (done < len && pcb->snd_queuelen < TCP_SND_QUEUELEN - 2) {
		u16_t n = (u16_t)LWIP_MIN(len - done, most);
		struct pbuf *data = piece_new(chunk, chunk->data + done, n);
		struct tcp_seg *seg = data ? seg_new(pcb, data, pcb->snd_lbb, push && done + n == len ? TCP_PSH : 0) : NULL;

		if (!seg)
			break;
		*link = seg;
		link = &seg->next;
		pcb->snd_lbb += n;
		pcb->snd_buf -= n;
		pcb->snd_queuelen = (u16_t)(pcb->snd_queuelen + 2);
		pcb->unsent_oversize = 0; /* the new tail has no room for tcp_write() to fill */
		done += n;
	}
	chunk->used = (uint32_t)done;
	return done;
}

/* ---- Growing ---- */

/* The last unsent segment, if nobody has seen it yet and its chunk goes on behind it; else NULL. */
static struct tcp_seg *growing(const struct tcp_pcb *pcb)
{
	struct tcp_seg *seg = last_of(pcb);
	struct piece *piece = seg ? piece_of(seg) : NULL;

	if (!piece || is_busy(seg) || TCP_SEQ_LT(seq_of(seg), pcb->snd_nxt))
		return NULL;
	return (char *)piece->custom.pbuf.payload + seg->len == piece->chunk->data + piece->chunk->used ? seg : NULL;
}

size_t segs_room(const struct tcp_pcb *pcb)
{
	const struct tcp_seg *seg = growing(pcb);
	const struct segs_chunk *chunk;
	u16_t most;

	if (!seg)
		return 0;
	chunk = piece_of(seg)->chunk;
	most = longest(pcb);
	return seg->len < most ? LWIP_MIN(chunk->size - chunk->used, (size_t)(most - seg->len)) : 0;
}

char *segs_grow(struct tcp_pcb *pcb, size_t n, bool push)
{
	struct tcp_seg *seg = growing(pcb);
	struct piece *piece = piece_of(seg);
	char *at = piece->chunk->data + piece->chunk->used;

	piece->chunk->used += (uint32_t)n;
	seg->len = (u16_t)(seg->len + n);
	piece->custom.pbuf.len = piece->custom.pbuf.tot_len = seg->len;
	seg->p->tot_len = (u16_t)(seg->p->tot_len + n);
	TCPH_FLAGS_SET(seg->tcphdr, (TCPH_FLAGS(seg->tcphdr) & ~TCP_PSH) | (push ? TCP_PSH : 0));
	pcb->snd_lbb += (u32_t)n;
	pcb->snd_buf -= (tcpwnd_size_t)n;
	return at;
}

/*
 * The room that tcp_write() left at the end of a segment counts too: one made while the peer had
 * never given a window has room for the MSS, and the first window may be less than two of them.
 */
bool segs_tail_is_long(const struct tcp_pcb *pcb)
{
	const struct tcp_seg *seg = last_of(pcb);

	return seg && seg->len + (u32_t)LWIP_TCP_OPT_LENGTH(seg->flags) + pcb->unsent_oversize > LWIP_MIN(pcb->mss, pcb->snd_wnd_max / 2);
}

/* ---- Splitting ---- */

/*
 * Makes two of seg, the first with n bytes. Returns false, and changes nothing, where that cannot
 * be.
 */
static bool split(struct tcp_pcb *pcb, struct tcp_seg *seg, u16_t n)
{
	struct piece *piece = piece_of(seg);
	u8_t flags = TCPH_FLAGS(seg->tcphdr);
	struct tcp_seg *rest;
	struct pbuf *data;

	if (!piece || n >= seg->len || is_busy(seg))
		return false;
	data = piece_new(piece->chunk, (char *)piece->custom.pbuf.payload + n, (size_t)(seg->len - n));
	rest = data ? seg_new(pcb, data, lwip_ntohl(seg->tcphdr->seqno) + n, flags & (TCP_PSH | TCP_FIN | TCP_ACK)) : NULL;
	if (!rest)
		return false;
	TCPH_FLAGS_SET(seg->tcphdr, flags & ~(TCP_PSH | TCP_FIN));
	piece->custom.pbuf.len = piece->custom.pbuf.tot_len = n;
	seg->p->tot_len = (u16_t)(seg->p->len + n);
	seg->len = n;
	rest->next = seg->next;
	seg->next = rest;
	pcb->snd_queuelen = (u16_t)(pcb->snd_queuelen + 2);
	return true;
}

/* Takes off what the peer has acknowledged of seg, and gives it back to the send buffer. */
static void trim(struct tcp_pcb *pcb, struct tcp_seg *seg)
{
	struct piece *piece = piece_of(seg);
	u32_t n = pcb->lastack - lwip_ntohl(seg->tcphdr->seqno);

	if (!piece || n == 0 || n >= seg->len || is_busy(seg))
		return;
	piece->custom.pbuf.payload = (char *)piece->custom.pbuf.payload + n;
	piece->custom.pbuf.len = piece->custom.pbuf.tot_len = (u16_t)(seg->len - n);
	seg->p->tot_len = (u16_t)(seg->p->tot_len - n);
	seg->len = (u16_t)(seg->len - n);
	seg->tcphdr->seqno = lwip_htonl(pcb->lastack);
	pcb->snd_buf += n;
}

/* Makes the first unsent segment fit in what the windows leave, if it can be sent in part. */
static void fit(struct tcp_pcb *pcb)
{
	struct tcp_seg *seg = pcb->unsent;
	u32_t window = LWIP_MIN(pcb->snd_wnd, pcb->cwnd), flying, room;
	u16_t wire = wire_len(pcb);

	trim(pcb, seg);
	flying = lwip_ntohl(seg->tcphdr->seqno) - pcb->lastack;
	if (flying >= window || flying + seg->len <= window)
		return;
	room = window - flying;
	/*
	 * While there are packets whose ACKs will open the window further, little ones are not worth
	 * it: the device likes them long.
	 */
	if (flying > 0 && (room < wire || room < window / 4))
		return;
	/*
	 * Less than one packet's worth, and nothing on its way: lwIP's persist timer takes it from
	 * here, from a segment that it can handle.
	 */
	split(pcb, seg, (u16_t)(room < wire ? wire : room - room % wire));
}

/* Longer than what lwIP's own code would have made. */
static bool is_long(const struct tcp_pcb *pcb, const struct tcp_seg *seg)
{
	return seg && seg->len > pcb->mss;
}

/* At most two rounds: after the second, what is left does not fit or is not long. */
void segs_output(struct tcp_pcb *pcb)
{
	if (is_long(pcb, pcb->unsent))
		fit(pcb);
	tcp_output(pcb);
	/* What followed the first may be long as well, and fit in part. */
	if (is_long(pcb, pcb->unsent)) {
		fit(pcb);
		tcp_output(pcb);
	}
}

/*
 * In slow start lwIP counts two packets of an ACK (RFC 3465 2.2), for peers that acknowledge every
 * second one. One whose device joins packets acknowledges 45 at once; with two of them counted its
 * window would not be open after 64 MB. So the rest counts too, as in Linux, but not while losses
 * are repaired. tcp_output() comes after this.
 */
void segs_acked(struct tcp_pcb *pcb, u16_t len)
{
	u32_t counted = 2u * pcb->mss;

	if (len <= counted || pcb->cwnd >= pcb->ssthresh || (pcb->flags & (TF_INFR | TF_RTO)))
		return;
	pcb->cwnd = LWIP_MIN(pcb->cwnd + len - counted, pcb->ssthresh);
}

/*
 * lwIP's fast retransmission has moved the first unacknowledged segment to the unsent ones, and the
 * peer's window, which has shrunk, does not let it go. At the timeout lwIP would queue what is
 * unacknowledged before it, and then send in the wrong order, or nothing for ever. So it goes back
 * to where it was, and the timeout finds it first.
 */
static void take_back(struct tcp_pcb *pcb)
{
	struct tcp_seg *seg = pcb->unsent;

	pcb->unsent = seg->next;
	seg->next = pcb->unacked;
	pcb->unacked = seg;
	if (pcb->rtime < 0)
		pcb->rtime = 0;
}

/* Before lwIP retransmits the first unacknowledged segment, at the third repeated ACK. */
static void prepare_loss(struct tcp_pcb *pcb)
{
	trim(pcb, pcb->unacked);
	if (is_long(pcb, pcb->unacked))
		split(pcb, pcb->unacked, wire_len(pcb));
}

/*
 * lwIP retransmits at the third repeated ACK (RFC 5681 3.2): the segment is made short before, one
 * packet instead of all of it.
 */
void segs_after_input(struct tcp_pcb *pcb)
{
	if (pcb->dupacks > 0 && pcb->dupacks < 3 && is_long(pcb, pcb->unacked))
		prepare_loss(pcb);
	if (is_long(pcb, pcb->unsent))
		segs_output(pcb);
	if (pcb->unsent && pcb->unacked && TCP_SEQ_LT(seq_of(pcb->unsent), seq_of(pcb->unacked)))
		take_back(pcb);
}

/*
 * After a timeout everything is unsent again and the window is one MSS. The route may have changed
 * too, to a device that does not cut.
 */
void segs_after_timer(struct tcp_pcb *pcb)
{
	if (!is_long(pcb, pcb->unsent))
		return;
	if (pcb->unsent->len > longest(pcb))
		split(pcb, pcb->unsent, longest(pcb));
	segs_output(pcb);
	/*
	 * Where it could not be split (no memory, still with the device), lwIP's persist timer must not
	 * try.
	 */
	if (is_long(pcb, pcb->unsent))
		pcb->persist_cnt = 0;
}

/* ---- Headers ---- */

/*
 * lwIP's hook for options, of which we have none. A peer that took its window back finds an ACK with
 * our next number beyond it, and must drop it (RFC 9293 3.10.7.4): it then never hears what arrived, and
 * sends that over and over. So such an ACK carries the last number that the window lets through.
 */
u32_t *segs_header(const struct pbuf *p, struct tcp_hdr *hdr, const struct tcp_pcb *pcb, u32_t *options)
{
	if (pcb && p->tot_len == TCPH_HDRLEN_BYTES(hdr) && TCPH_FLAGS(hdr) == TCP_ACK) {
		u32_t edge = pcb->lastack + pcb->snd_wnd;

		if (TCP_SEQ_GT(lwip_ntohl(hdr->seqno), edge))
			hdr->seqno = lwip_htonl(edge);
	}
	return options;
}
