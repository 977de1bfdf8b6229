/* SPDX-License-Identifier: MIT */
#include <fcntl.h>

/*
 * Connections: lwIP's callbacks, and the calls that accept and end one. Read sock.c first; who connects
 * is in sock_connect.c.
 *
 * The PCB is lwIP's and dies when lwIP thinks so; then on_err() is called, and s->tcp becomes NULL.
 * A socket that is closed before that lets go of the PCB (sock_tcp_forget), which finishes by
 * itself: sends what is queued, FIN, TIME-WAIT.
 *
 * Whoever begins or ends a connection mounts its bucket first (conns.h).
 */

#include <poll.h>

#include "core/plat.h"
#include "libc-glue/lwip/conns.h"
#include "libc-glue/lwip/netdev.h"
#include "libc-glue/lwip/segs.h"
#include "libc-glue/lwip/stack.h"
#include "libc-glue/sock.h"
#include "lwip/priv/tcp_priv.h"

#define RTO_FIRST (1000 / TCP_SLOW_INTERVAL) /* RFC 6298 2.1; lwIP begins with 3 s */
#define BACKLOG_LWIP 255 /* connections that lwIP lets a listener have in the middle of their handshake */

/* ---- The receive window ---- */

/*
 * lwIP's window has one size for all. A socket that wants less pretends to hold unread bytes from
 * the start. When the connection is new, lwIP believes to have announced all of its window, but no
 * SYN can say more than 65535 (RFC 7323 2.2).
 */
static void hold_window(struct sock *s, struct tcp_pcb *pcb)
{
	u32_t said = pcb->rcv_nxt + 0xffff;

	if (!(pcb->flags & TF_WND_SCALE) || s->rcvbuf >= pcb->rcv_wnd)
		return;
	s->held = pcb->rcv_wnd - s->rcvbuf;
	pcb->rcv_wnd -= s->held;
	pcb->rcv_ann_wnd = LWIP_MIN(pcb->rcv_ann_wnd, pcb->rcv_wnd);
	if (TCP_SEQ_GT(pcb->rcv_ann_right_edge, said))
		pcb->rcv_ann_right_edge = said;
}

/*
 * tcp_close() takes bytes that are missing in the window for unread ones, and resets the
 * connection.
 */
static void release_window(struct sock *s)
{
	s->tcp->rcv_wnd += s->held;
	s->held = 0;
}

/*
 * What was announced to the peer cannot be taken back: a connection's window may grow, not shrink.
 */
void sock_tcp_set_rcvbuf(struct sock *s)
{
	uint32_t more;

	if (!s->tcp || s->state != SOCK_CONNECTED || TCP_WND - s->held >= s->rcvbuf)
		return;
	more = s->rcvbuf - (TCP_WND - s->held);
	s->held -= more;
	s->tcp->rcv_wnd += more;
}

/* ---- Callbacks ---- */

void sock_tcp_forget(struct sock *s)
{
	struct tcp_pcb *pcb = s->tcp;

	release_window(s);
	acks_forget(pcb);
	ip_addr_copy(s->local, pcb->local_ip);
	s->local_port = pcb->local_port;
	tcp_arg(pcb, NULL);
	tcp_recv(pcb, NULL);
	tcp_sent(pcb, NULL);
	tcp_err(pcb, NULL);
	s->tcp = NULL;
	s->state = SOCK_OVER;
}

/* p NULL: the peer's FIN (RFC 9293 3.6). */
static err_t on_recv(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
	struct sock *s = arg;

	(void)err;
	if (p) {
		acks_hold(pcb, p->tot_len);
		sock_stream_add(s, p);
		sock_wake(s, POLLIN);
		return ERR_OK;
	}
	s->eof = true;
	if (s->shut_write) /* both have said that they are done: lwIP tells nothing more about this PCB */
		sock_tcp_forget(s);
	sock_wake(s, POLLIN | POLLRDHUP | (s->shut_write ? POLLHUP : 0));
	return ERR_OK;
}

/*
 * Bytes were acknowledged. Only a program that found no room before is told, and only when there is
 * enough of it to be worth a turn.
 */
static err_t on_sent(void *arg, struct tcp_pcb *pcb, u16_t len)
{
	struct sock *s = arg;

	segs_acked(pcb, len);
	if (s->unwritable && sock_stream_writable(s)) {
		s->unwritable = false;
		sock_wake(s, POLLOUT);
	}
	return ERR_OK;
}

/*
 * What an error means depends on how far the connection was. A reset by a peer that has already said that
 * it sends no more is about what we sent (Linux's tcp_reset()). ERR_ABRT is lwIP's own, where both ways
 * are shut: data came all the same, or after a while nothing, which is no error.
 */
static int meaning(const struct sock *s, err_t err)
{
	if (err == ERR_CLSD)
		return 0;
	if (err == ERR_ABRT && s->shut_read && s->shut_write)
		return tcp_input_pcb == s->tcp ? ECONNRESET : 0;
	if (s->state == SOCK_CONNECTING)
		return err == ERR_RST ? ECONNREFUSED : ETIMEDOUT;
	return err != ERR_RST ? ETIMEDOUT : s->eof ? EPIPE : ECONNRESET;
}

/* The PCB is gone already. */
static void on_err(void *arg, err_t err)
{
	struct sock *s = arg;

	if (!s)
		return;
	s->error = meaning(s, err);
	acks_forget(s->tcp);
	s->tcp = NULL;
	s->state = SOCK_OVER;
	s->eof = true;
	sock_wake(s, POLLIN | POLLOUT | POLLRDHUP | POLLHUP | (s->error ? POLLERR : 0));
}

/* lwIP calls this for a success alone; failures come to on_err(). */
err_t sock_tcp_connected(void *arg, struct tcp_pcb *pcb, err_t err)
{
	struct sock *s = arg;

	(void)err;
	s->state = SOCK_CONNECTED;
	hold_window(s, pcb);
	sock_wake(s, POLLOUT);
	return ERR_OK;
}

struct sock *sock_tcp_of(const struct tcp_pcb *pcb)
{
	return pcb->errf == on_err ? pcb->callback_arg : NULL;
}

static void set_callbacks(struct sock *s)
{
	tcp_arg(s->tcp, s);
	tcp_recv(s->tcp, on_recv);
	tcp_sent(s->tcp, on_sent);
	tcp_err(s->tcp, on_err);
}

/* ---- Beginning ---- */

int sock_tcp_new(struct sock *s)
{
	u8_t type = s->domain == AF_INET ? IPADDR_TYPE_V4 : s->v6only ? IPADDR_TYPE_V6 : IPADDR_TYPE_ANY;

	s->tcp = tcp_new_ip_type(type);
	if (!s->tcp)
		return -ENOBUFS;
	s->state = SOCK_IDLE;
	s->eof = s->shut_read = s->shut_write = false;
	s->tcp->snd_buf = s->sndbuf;
	s->tcp->rto = s->tcp->sv = RTO_FIRST;
	set_callbacks(s);
	return 0;
}

int sock_tcp_bind(struct sock *s, const ip_addr_t *ip, uint16_t port)
{
	err_t err = ERR_USE;

	if (s->state != SOCK_IDLE || !s->tcp || s->tcp->local_port)
		return -EINVAL;
	conns_gather();
	if (port)
		return sock_errno(tcp_bind(s->tcp, ip, port));
	for (unsigned i = 0; i < 64 && err == ERR_USE; i++)
		err = tcp_bind(s->tcp, ip, (u16_t)(32768 + stack_random() % 28232));
	return sock_errno(err);
}

/*
 * A socket of a connection that has been made but not accepted: it exists so that what comes can be
 * queued.
 */
static err_t on_accept(void *arg, struct tcp_pcb *pcb, err_t err)
{
	struct sock *l = arg, *s;

	if (!l || !pcb || err != ERR_OK)
		return ERR_VAL;
	if (l->queued >= l->backlog + BACKLOG_LWIP || (s = sock_new(l->domain, SOCK_STREAM, 0)) == NULL)
		return ERR_MEM; /* lwIP resets the connection */
	s->tcp = pcb;
	s->state = SOCK_CONNECTED;
	s->sndbuf = l->sndbuf;
	s->rcvbuf = l->rcvbuf;
	s->linger = l->linger;
	s->nodelay = l->nodelay;
	s->listener = l;
	ip_addr_copy(s->remote, pcb->remote_ip);
	s->remote_port = pcb->remote_port;
	pcb->snd_buf = s->sndbuf;
	if (s->nodelay)
		tcp_nagle_disable(pcb);
	set_callbacks(s);
	hold_window(s, pcb);
	list_append(&l->queue, &s->in_queue);
	if (++l->queued >= l->backlog)
		((struct tcp_pcb_listen *)l->tcp)->backlog = 0; /* no more: peers will repeat their SYN */
	sock_wake(l, POLLIN);
	return ERR_OK;
}

/*
 * lwIP replaces the PCB by a smaller one. Its backlog counts handshakes; ours counts what nobody
 * has accepted yet.
 */
int sock_tcp_listen(struct sock *s, int backlog)
{
	struct tcp_pcb *pcb;
	err_t err;
	ip_addr_t any;
	int rc = 0;

	s->backlog = backlog < 1 ? 1 : backlog > SOMAXCONN ? SOMAXCONN : (unsigned)backlog;
	if (s->state == SOCK_LISTENING)
		return 0;
	if (s->state != SOCK_IDLE || !s->tcp)
		return -EINVAL;
	if (!s->tcp->local_port) {
		sock_addr_any(s, &any);
		rc = sock_tcp_bind(s, &any, 0);
	}
	if (rc)
		return rc;
	pcb = tcp_listen_with_backlog_and_err(s->tcp, BACKLOG_LWIP, &err);
	if (!pcb)
		return sock_errno(err);
	s->tcp = pcb;
	s->state = SOCK_LISTENING;
	tcp_accept(pcb, on_accept);
	return 0;
}

/* The place that this makes opens the listener again if it was shut. */
struct sock *sock_tcp_accept(struct sock *l)
{
	struct list *node = list_take(&l->queue);
	struct sock *s;

	if (!node)
		return NULL;
	s = container_of(node, struct sock, in_queue);
	s->listener = NULL;
	if (--l->queued < l->backlog)
		((struct tcp_pcb_listen *)l->tcp)->backlog = BACKLOG_LWIP;
	return s;
}

/* ---- Ending ---- */

/* The PCB may be freed by this, or go on by itself. */
static void end_connection(struct sock *s)
{
	struct tcp_pcb *pcb = s->tcp;
	bool unread = s->rx_bytes > 0;

	sock_tcp_forget(s);
	conns_mount(pcb);
	conns_touch_mounted();
	if ((s->linger.l_onoff && s->linger.l_linger == 0) || (unread && pcb->state > SYN_RCVD))
		tcp_abort(pcb); /* RFC 9293 3.6.1: data that nobody will read is worth a reset */
	else
		tcp_close(pcb);
}

/* Connections that nobody has accepted are reset: their peers must not believe in a reader. */
static void end_listening(struct sock *l)
{
	struct sock *s;

	while ((s = sock_tcp_accept(l)) != NULL) {
		s->linger = (struct linger){ .l_onoff = 1 };
		sock_tcp_close(s);
		sock_free(s);
	}
	conns_gather();
	tcp_arg(l->tcp, NULL);
	tcp_close(l->tcp);
	l->tcp = NULL;
}

/*
 * SHUT_RD of a listener is how programs end a thread that is blocked in accept(): as on Linux it has its
 * port still and may listen again.
 */
static int stop_listening(struct sock *s)
{
	u8_t options = s->tcp->so_options, netif = s->tcp->netif_idx;
	u16_t port = s->tcp->local_port;
	ip_addr_t ip;

	ip_addr_copy(ip, s->tcp->local_ip);
	end_listening(s);
	s->state = SOCK_OVER;
	if (sock_tcp_new(s) == 0) {
		s->tcp->so_options = SOF_REUSEADDR; /* what was accepted has the port too */
		tcp_bind(s->tcp, &ip, port);
		s->tcp->so_options = options;
		s->tcp->netif_idx = netif;
	}
	sock_wake(s, POLLIN | POLLOUT | POLLHUP);
	return 0;
}

/*
 * What has come, and what comes after SHUT_RD, can still be read, as on Linux: recv() only does not wait
 * for it. With both ways shut nobody is interested any more, and lwIP answers data with a reset (RFC
 * 9293 3.10.7.4, "if the user has closed").
 */
static void shut_down(struct sock *s, bool wr)
{
	struct tcp_pcb *pcb = s->tcp;

	if (pcb && wr) {
		conns_mount(pcb);
		tcp_shutdown(pcb, 0, 1);
		conns_touch(pcb);
		segs_output(pcb);
		if (s->eof)
			sock_tcp_forget(s);
	}
	if (s->tcp && s->shut_read && s->shut_write)
		tcp_set_flags(s->tcp, TF_RXCLOSED);
}

int sock_tcp_shutdown(struct sock *s, bool rd, bool wr)
{
	int rc = s->state == SOCK_OVER ? -ENOTCONN : 0;

	if (s->state == SOCK_LISTENING)
		return rd ? stop_listening(s) : 0;
	if (s->state == SOCK_IDLE || s->state == SOCK_CONNECTING)
		return -ENOTCONN;
	s->untold = false; /* who shuts a connection knows that there is one */
	wr = wr && !s->shut_write;
	s->shut_read |= rd;
	s->shut_write |= wr;
	shut_down(s, wr);
	rd = s->shut_read || s->eof;
	sock_wake(s, POLLIN | POLLOUT | (rd ? POLLRDHUP : 0) | (rd && s->shut_write ? POLLHUP : 0));
	return rc;
}

void sock_tcp_close(struct sock *s)
{
	list_remove(&s->in_wanting);
	if (s->state == SOCK_LISTENING)
		end_listening(s);
	else if (s->tcp)
		end_connection(s);
	sock_stream_drop(s);
}

/* ---- Readiness ---- */

/*
 * The table of Linux's tcp_poll(): the end counts as readable, both ends as POLLHUP, and a socket
 * that may not write any more as writable, since write() will not block but fail.
 */
static unsigned ready_connected(struct sock *s)
{
	unsigned events = 0;

	if (s->rx_bytes > 0 || s->eof || s->shut_read)
		events |= POLLIN;
	if (s->eof || s->shut_read)
		events |= POLLRDHUP;
	if ((s->eof || s->shut_read) && s->shut_write)
		events |= POLLHUP;
	if (s->shut_write || sock_stream_writable(s))
		events |= POLLOUT;
	else
		s->unwritable = true;
	return events;
}

unsigned sock_tcp_ready(struct sock *s)
{
	unsigned events = s->error ? POLLERR : 0;

	switch (s->state) {
	case SOCK_IDLE:
		return events | POLLOUT | POLLHUP; /* as Linux has it */
	case SOCK_LISTENING:
		return list_empty(&s->queue) ? 0 : POLLIN;
	case SOCK_CONNECTING:
		return events;
	case SOCK_CONNECTED:
		return events | ready_connected(s);
	default:
		return events | POLLIN | POLLOUT | POLLRDHUP | POLLHUP;
	}
}
