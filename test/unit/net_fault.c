/* SPDX-License-Identifier: MIT */
/*
 * Memory that fails: one story of sockets is told again and again, and each time another allocation of the network fails, or a whole row of them.
 *
 * A call may then say so. What it did not refuse must come true: bytes arrive, connections end. And whatever failed, nothing is left behind.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/plat.h"
#include "libc-glue/fd.h"
#include "libc-glue/poll.h"
#include "libc-glue/sock.h"
#include "test/fake/boot.h"
#include "test/fake/fake.h"
#include "test/fake/netfault.h"
#include "test/fake/netglue.h"
#include "test/tap.h"

#define MS 1000000ull
#define SECOND (1000 * MS)

enum { FINE, WRONG_DATA, LEFT, STUCK };

static unsigned long fail_at, fail_more;
static char out[60000], in[60000];
static int fds[8];
static unsigned nfds;

static int keep(int fd)
{
	if (fd >= 0)
		fds[nfds++] = fd;
	return fd;
}

static bool refused(ssize_t rc)
{
	return rc == -ENOBUFS || rc == -ENOMEM;
}

/* A refusal is fine. */
static int judge(const char *call, ssize_t rc)
{
	if (refused(rc))
		return FINE;
	printf("%s: %zd\n", call, rc);
	return STUCK;
}

/* Sends n bytes from a to b; gives up after some time. */
static int move(int a, int b, size_t n)
{
	size_t sent = 0, got = 0;

	for (unsigned i = 0; i < 20000 && got < n; i++) {
		ssize_t rc = sent < n ? netglue_send(a, out + sent, n - sent, MSG_DONTWAIT) : -EAGAIN;

		sent += rc > 0 ? (size_t)rc : 0;
		if (rc < 0 && rc != -EAGAIN)
			return judge("send", rc);
		rc = netglue_recv(b, in + got, n - got, MSG_DONTWAIT);
		if (rc == 0 || (rc < 0 && rc != -EAGAIN))
			return judge("recv", rc);
		got += rc > 0 ? (size_t)rc : 0;
		if (got < n)
			thread_sleep(plat_now() + 10 * MS);
	}
	if (got < n)
		return judge("time is up", (ssize_t)got);
	return memcmp(in, out, n) == 0 ? FINE : WRONG_DATA;
}

/* A listener on nic1, a connection from nic0, data, an end. */
static int tell_stream(void)
{
	struct sockaddr_in a;
	socklen_t len = sizeof a;
	int l = keep(sock_socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0)), c = keep(sock_socket(AF_INET, SOCK_STREAM, 0)), s = -1;
	int rc;

	if (l < 0 || c < 0)
		return judge("socket", l < 0 ? l : c);
	sock_setsockopt(l, SOL_SOCKET, SO_BINDTODEVICE, "nic1", 4);
	sock_setsockopt(c, SOL_SOCKET, SO_BINDTODEVICE, "nic0", 4);
	rc = sock_bind(l, (struct sockaddr *)netglue_addr("10.0.0.2", 0), sizeof a);
	rc = rc ? rc : sock_listen(l, 5);
	if (rc)
		return judge("listen", rc);
	sock_name(l, (struct sockaddr *)&a, &len, false);
	rc = sock_connect(c, (struct sockaddr *)&a, sizeof a);
	if (rc) /* no memory here, or for the one who accepts: then it resets */
		return rc == -ECONNREFUSED || rc == -ETIMEDOUT ? FINE : judge("connect", rc);
	for (unsigned i = 0; i < 10000 && s < 0; i++) {
		thread_sleep(plat_now() + MS);
		s = sock_accept(l, NULL, NULL, 0);
	}
	if (keep(s) < 0)
		return (rc = (int)netglue_recv(c, in, 1, MSG_DONTWAIT)) == -ECONNRESET ? FINE : judge("accept", rc);
	rc = move(c, s, 100);
	rc = rc ? rc : move(s, c, 50000);
	rc = rc ? rc : move(c, s, 3000);
	return rc;
}

static int tell_datagrams(void)
{
	int a = keep(sock_socket(AF_INET, SOCK_DGRAM, 0)), b = keep(sock_socket(AF_INET, SOCK_DGRAM, 0)), rc;

	if (a < 0 || b < 0)
		return judge("socket", a < 0 ? a : b);
	sock_setsockopt(a, SOL_SOCKET, SO_BINDTODEVICE, "nic0", 4);
	sock_setsockopt(b, SOL_SOCKET, SO_BINDTODEVICE, "nic1", 4);
	sock_bind(b, (struct sockaddr *)netglue_addr("10.0.0.2", 700), sizeof(struct sockaddr_in));
	rc = sock_connect(a, (struct sockaddr *)netglue_addr("10.0.0.2", 700), sizeof(struct sockaddr_in));
	if (rc)
		return judge("connect", rc);
	for (size_t n = 1; n < 8000; n *= 3)
		netglue_send(a, out, n, 0); /* may be lost: it is a datagram */
	thread_sleep(plat_now() + 10 * MS);
	for (ssize_t n; (n = netglue_recv(b, in, sizeof in, MSG_DONTWAIT)) >= 0;)
		if (memcmp(in, out, (size_t)n) != 0)
			return WRONG_DATA;
	return FINE;
}

static void child(void)
{
	int rc;
	long held;

	fake_boot();
	netglue_wire();
	thread_sleep(plat_now() + SECOND);
	held = netglue_held();
	for (size_t i = 0; i < sizeof out; i++)
		out[i] = (char)(i * 31 ^ i >> 7);
	netfault_set(fail_at, fail_more);
	rc = tell_stream();
	if (rc == FINE)
		rc = tell_datagrams();
	if (fail_at && netfault_count() < fail_at)
		exit(50); /* there are not that many */
	netfault_set(0, 0);
	while (nfds > 0)
		fd_remove(fds[--nfds]);
	for (unsigned s = 0; s < 400 && netglue_held() != held; s++)
		thread_sleep(plat_now() + SECOND);
	if (rc == FINE && netglue_held() != held) {
		printf("held %ld, before %ld\n%s", netglue_held(), held, netglue_proc("/proc/net/lwip"));
		rc = LEFT;
	}
	fflush(stdout);
	exit(rc);
}

static void every(unsigned long more, unsigned long step)
{
	static char said[65536];
	unsigned long n;
	int rc = FINE;

	fail_more = more;
	for (n = 1;; n += step) {
		fail_at = n;
		rc = fake_dies(child, said, sizeof said);
		if (rc != FINE)
			break;
	}
	if (!ok(rc == 50, "%lu allocations, %lu of which fail at a time: %d at %lu", n - 1, more + 1, rc, n))
		printf("%s", said);
}

int main(int argc, char **argv)
{
	if (argc > 1) { /* one of them */
		fail_at = strtoul(argv[1], NULL, 10);
		fail_more = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;
		child();
	}
	every(0, 1);
	every(20, 7);
	every(2000, 23);
	return tap_done();
}
