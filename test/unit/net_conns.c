/* SPDX-License-Identifier: MIT */
/*
 * Very many connections on the fake machine: 100,000 as fast as they come; then nothing is held any more. xen_conns.c has a million over
 * netfront.
 */
#include "test/unit/net_conns.h"

static void test_reopening(int l)
{
	unsigned port = FIRST_PORT + 5, before = resets;
	struct conn *c = &conns[5];

	total = begun = done = 0;
	next_port = 5;
	total = 1;
	begin();
	total = 1;
	for (unsigned i = 0; i < 100 && done < 1; i++) {
		int fd = sock_accept(l, NULL, NULL, SOCK_NONBLOCK);

		thread_sleep(plat_now() + MS);
		if (fd >= 0) {
			thread_sleep(plat_now() + MS);
			serve(fd);
		}
	}
	is(done, 1, "a connection that is now in TIME-WAIT");
	c->seq -= 1000000; /* an old SYN that has been under way for long */
	c->state = OPENING;
	say(port, NETPEER_SYN, NULL, 0);
	thread_sleep(plat_now() + 5 * MS);
	is(c->state, OPENING, "does not come to life by a SYN from before");
	is(sock_accept(l, NULL, NULL, SOCK_NONBLOCK), -EAGAIN, "nobody is there");
	ok(resets >= before, "whatever is answered");
	c->seq += 2000000;
	say(port, NETPEER_SYN, NULL, 0);
	thread_sleep(plat_now() + 5 * MS);
	is(c->state, OPEN, "but by a new one");
	thread_sleep(plat_now() + 5 * MS);
	serve(sock_accept(l, NULL, NULL, SOCK_NONBLOCK));
	thread_sleep(plat_now() + 5 * MS);
	is(wrong, 0, "and works");
}

static void test_ports(void)
{
	int fd[200];
	unsigned same = 0;
	uint16_t last = 0;

	for (unsigned i = 0; i < 200; i++) {
		struct sockaddr_in a;
		socklen_t len = sizeof a;

		fd[i] = sock_socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		sock_connect(fd[i], (struct sockaddr *)netglue_addr("10.0.0.9", 99), sizeof a);
		sock_name(fd[i], (struct sockaddr *)&a, &len, false);
		same += ntohs(a.sin_port) == (uint16_t)(last + 1);
		last = ntohs(a.sin_port);
	}
	ok(same < 5, "source ports cannot be guessed from the one before");
	for (unsigned i = 0; i < 200; i++)
		fd_remove(fd[i]);
}

int main(int argc, char **argv)
{
	long held;
	int l;

	total = argc > 1 ? (unsigned)atoi(argv[1]) : 100000;
	fake_boot();
	netglue_host();
	l = sock_socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	sock_bind(l, (struct sockaddr *)netglue_addr("0.0.0.0", 80), sizeof(struct sockaddr_in));
	sock_listen(l, 128);
	thread_sleep(plat_now() + SECOND);
	held = netglue_held();
	run(l);
	is(done, total, "all connections were served");
	is(wrong, 0, "rightly");
	is(resets, 0, "without a reset");
	ok(conns_waiting() <= page_total() / 4, "%zu wait in TIME-WAIT, bounded by memory", conns_waiting());
	for (unsigned s = 0; s < 100 && netglue_held() != held; s++)
		thread_sleep(plat_now() + SECOND);
	if (!is(netglue_held(), held, "nothing is held when TIME-WAIT is over"))
		printf("%s", netglue_proc("/proc/net/lwip"));
	test_reopening(l);
	test_ports();
	return tap_done();
}
