/* SPDX-License-Identifier: MIT */
/*
 * The loop: one epoll for listeners and connections, one clock reading for each batch of events.
 *
 * Interest changes only when a peer is slow to read, so a request costs no epoll_ctl(). A
 * connection that was closed is freed at the end of the batch: its event may still stand in the
 * list. Read httpd.h first.
 */
#define _GNU_SOURCE
#include "httpd.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* Events in one batch: one clock reading and one wait for up to so many connections. */
#define EVENTS 64
#define ACCEPTS 16       /* in a row, before others have a turn */
#define TICK_MS 1000     /* between looks at the deadlines */
#define STOP_MS 10000    /* for those who are being served when a stop is asked for */

struct counters server_counters;
int64_t server_ms, server_began;
unsigned server_second;
bool server_stopping;

static int epoll_fd;
static struct listener {
	int fd;
} listeners[2];
static unsigned listener_count;
static bool paused;          /* listeners are not waited for: no descriptor or memory is left */
static struct conn all = { .next = &all, .prev = &all };
static struct conn *dead;    /* closed in this batch; linked by next */
static int64_t next_tick, stop_at;
static char date[64];        /* the Date field */
static volatile sig_atomic_t stop;

/*
 * All that is safe in a handler. The loop looks at it after at most a tick, at once where the
 * signal ends epoll_wait().
 */
static void on_signal(int sig)
{
	(void)sig;
	stop = 1;
}

const char *server_date(void)
{
	return date;
}

/*
 * server_second begins at 1, as 0 means "never looked at" in file.c. The calendar is asked when the
 * monotonic second turns, so that a clock that is set back does not stop the dates.
 */
static void read_clock(void)
{
	struct timespec ts;
	char text[DATE_LEN + 1];
	unsigned second;
	time_t now;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	server_ms = (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
	second = 1 + (unsigned)(server_ms / 1000);
	if (second == server_second)
		return;
	server_second = second;
	now = time(NULL);
	/* RFC 9110 section 6.6.1: who has no clock sends no date. */
	date[0] = 0;
	if (now < 1000000000)
		return;
	date_format(text, now);
	snprintf(date, sizeof date, "Date: %s\r\n", text);
}

/* ---- listeners ---- */

/*
 * Does nothing where nothing changes: it is called freely, once a second and for each connection
 * freed.
 */
static void pause_listeners(bool on)
{
	struct epoll_event ev = { .events = on ? 0 : EPOLLIN };
	unsigned i;

	for (i = 0; i < listener_count && paused != on; i++) {
		ev.data.ptr = &listeners[i];
		epoll_ctl(epoll_fd, EPOLL_CTL_MOD, listeners[i].fd, &ev);
	}
	paused = on;
}

/*
 * A socket for each family. One for both would do on some systems, but not on those that were told
 * to keep them apart, and addresses of IPv4 clients would look like IPv6.
 */
static int listen_on(int family)
{
	struct sockaddr_in in4 = { .sin_family = AF_INET, .sin_port = htons(config.port) };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(config.port) };
	struct sockaddr *addr = family == AF_INET ? (struct sockaddr *)&in4 : (struct sockaddr *)&in6;
	socklen_t len = family == AF_INET ? sizeof in4 : sizeof in6;
	struct listener *l = &listeners[listener_count];
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = l };
	int one = 1;

	l->fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (l->fd < 0)
		return -1;
	/* A server that is started again need not wait for old connections in TIME_WAIT. */
	setsockopt(l->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (family == AF_INET6)
		setsockopt(l->fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
	if (bind(l->fd, addr, len) || listen(l->fd, 1024) || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, l->fd, &ev)) {
		close(l->fd);
		return -1;
	}
	listener_count++;
	return 0;
}

/*
 * The connection that has been idle for the longest makes room; if all are busy, the new one is
 * told so.
 */
static bool make_room(int fd)
{
	static const char full[] = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\n"
				   "Connection: close\r\n\r\n";
	struct conn *c, *oldest = NULL;

	if (server_counters.open < config.max_conns)
		return true;
	for (c = all.next; c != &all; c = c->next)
		if (conn_idle(c) && (!oldest || c->deadline < oldest->deadline))
			oldest = c;
	if (oldest) {
		conn_close(oldest);
		return true;
	}
	server_counters.refused++;
	server_counters.responses[5]++;
	send(fd, full, sizeof full - 1, MSG_NOSIGNAL);
	return false;
}

/* epoll is told once, here; from then on only slow readers cost another call. */
static int adopt(int fd)
{
	struct conn *c = make_room(fd) ? calloc(1, sizeof *c) : NULL;
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = c };
	int one = 1;

	if (!c)
		return -1;
	/* A response goes out in one write: there is nothing to wait for. */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &ev)) {
		free(c);
		return -1;
	}
	conn_start(c, fd);
	c->next = &all;
	c->prev = all.prev;
	all.prev->next = c;
	all.prev = c;
	server_counters.open++;
	return 0;
}

/*
 * Several at once, since connections come in bursts; but not without bound, or a flood of them
 * would keep those that are there from being served.
 */
static void accept_some(struct listener *l)
{
	int i, fd;

	for (i = 0; i < ACCEPTS; i++) {
		fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK);
		if (fd < 0) {
			/*
			 * Level-triggered, the connection that waits would wake us at once: look again at the
			 * next tick.
			 */
			if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
				pause_listeners(true);
			return;
		}
		server_counters.accepted++;
		if (adopt(fd))
			close(fd);
	}
}

/* ---- connections ---- */

/* A connection is in the set until it is closed, so this has no reason to fail. */
void server_watch(struct conn *c, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = c };

	epoll_ctl(epoll_fd, EPOLL_CTL_MOD, c->fd, &ev);
}

/*
 * Called by conn_close(). An event for it may be later in the batch that is being handled: so the
 * memory stays for now, and conn_event() finds a connection that is dead.
 */
void server_forget(struct conn *c)
{
	c->next->prev = c->prev;
	c->prev->next = c->next;
	c->next = dead;
	dead = c;
	server_counters.open--;
}

/* Memory and a descriptor are free again: listeners that had to pause may go on. */
static void bury(void)
{
	struct conn *c;

	while (dead) {
		c = dead;
		dead = c->next;
		free(c);
		pause_listeners(false);
	}
}

/* Closing takes a connection off the list: the next one is noted before. */
static void expire_all(void)
{
	struct conn *c, *next;

	for (c = all.next; c != &all; c = next) {
		next = c->next;
		if (c->deadline <= server_ms)
			conn_expire(c);
	}
}

/*
 * From now on: nobody new, no idle connections, `Connection: close` in every answer. Who is being
 * served has STOP_MS.
 */
static void begin_stop(void)
{
	struct conn *c, *next;

	server_stopping = true;
	stop_at = server_ms + STOP_MS;
	while (listener_count)
		close(listeners[--listener_count].fd);
	for (c = all.next; c != &all; c = next) {
		next = c->next;
		if (conn_idle(c))
			conn_close(c);
	}
}

/* Listeners are known by their address: no tag is needed in what epoll gives back. */
static void handle(const struct epoll_event *ev)
{
	struct listener *l = ev->data.ptr;

	if (l == &listeners[0] || l == &listeners[1])
		accept_some(l);
	else
		conn_event(ev->data.ptr, ev->events);
}

/*
 * Listening before the first line is printed. SIGPIPE: a peer that has gone is an error of write(),
 * no more.
 */
int server_start(void)
{
	signal(SIGTERM, on_signal);
	signal(SIGINT, on_signal);
	signal(SIGPIPE, SIG_IGN);
	read_clock();
	server_began = server_ms;
	epoll_fd = epoll_create1(0);
	if (epoll_fd < 0 || listen_on(AF_INET)) {
		main_say(2, "httpd: port %u: %s\n", config.port, strerror(errno));
		return -1;
	}
	/* A machine without IPv6 still has a server. */
	listen_on(AF_INET6);
	return 0;
}

int server_run(void)
{
	struct epoll_event ev[EVENTS];
	int i, n;

	/*
	 * The wait is never longer than a tick: deadlines are looked at then, and a signal that came
	 * just before the wait is seen.
	 */
	while (!server_stopping || (server_counters.open && server_ms < stop_at)) {
		n = epoll_wait(epoll_fd, ev, EVENTS, TICK_MS);
		if (n < 0 && errno != EINTR) {
			main_say(2, "httpd: epoll_wait: %s\n", strerror(errno));
			return -1;
		}
		read_clock();
		for (i = 0; i < n; i++)
			handle(&ev[i]);
		if (server_ms >= next_tick) {
			/*
			 * A look at every connection, once a second, costs less than an ordered list of
			 * deadlines that every request would have to maintain.
			 */
			next_tick = server_ms + TICK_MS;
			pause_listeners(false);
			expire_all();
		}
		if (stop && !server_stopping)
			begin_stop();
		bury();
	}
	return 0;
}
