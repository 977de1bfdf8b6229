/* SPDX-License-Identifier: MIT */
/*
 * Asks a server again and again for a line by sending it a byte, and prints what it said when that took least: `before NS line after NS`,
 * by this machine's calendar clock. A time in the line was taken between the two, so it is no further from ours than the farther of them,
 * whoever was late meanwhile. One connection, for the handshake would have to wait for what else is on its way. Linked statically, so
 * that it runs in a dom0 of a few files.
 *
 * usage: moment ADDRESS PORT TIMES ENOUGH: asks TIMES times at most, and no more after an answer within ENOUGH microseconds
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>

struct answer {
	long long before, after;
	char line[1000];
};

static long long now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (long long)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static int connect_to(const char *address, const char *port)
{
	struct sockaddr_in server = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)) };
	struct timeval patience = { .tv_sec = 20 };
	int s = socket(AF_INET, SOCK_STREAM, 0);

	setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(s, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (inet_pton(AF_INET, address, &server.sin_addr) != 1 || connect(s, (struct sockaddr *)&server, sizeof(server)))
		die("moment: connect");
	return s;
}

static void ask(int s, struct answer *a)
{
	size_t len = 0;
	ssize_t n;

	a->before = now();
	if (send(s, "?", 1, 0) != 1)
		die("moment: send");
	do {
		n = recv(s, a->line + len, sizeof(a->line) - 1 - len, 0);
		if (n <= 0)
			die("moment: recv");
		len += (size_t)n;
	} while (a->line[len - 1] != '\n');
	a->after = now();
	a->line[len - 1] = '\0';
}

int main(int argc, char **argv)
{
	static struct answer best, a;
	int s;

	if (argc != 5)
		return 2;
	s = connect_to(argv[1], argv[2]);
	ask(s, &best);
	for (int n = atoi(argv[3]); n > 1 && best.after - best.before > atoll(argv[4]) * 1000; n--) {
		ask(s, &a);
		if (a.after - a.before < best.after - best.before)
			best = a;
	}
	printf("before %lld %s after %lld\n", best.before, best.line, best.after);
	return 0;
}
