/* SPDX-License-Identifier: MIT */
/*
 * Addresses as text (libc-glue/inet.c), compared with the host's C library.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "libc-glue/inet.h"
#include "test/fake/boot.h"
#include "test/fake/fake.h"
#include "test/tap.h"

int main(void)
{
	static const char *const old[] = { "1.2.3.4", "127.1", "0x7f.1", "017.1.2", "1.2.3", "4294967295", "4294967296", "1.256.3.4", "", "1.2.3.4.5",
					   "08.1", "1.2.3.4 x", "256", "1..2", "a.b" };
	char text[16];
	unsigned bad = 0;

	fake_boot();
	for (unsigned i = 0; i < 200000; i++) {
		char line[64], ours[64], theirs[64];
		uint8_t a[16] = { 0 }, b[16] = { 0 };
		static const char chars[] = "0123456789abcdefABF::::...%g ";
		int family = fake_chance(5000) ? AF_INET : AF_INET6, rc;

		for (size_t k = fake_below(16); k < 16; k++) /* addresses with zeros in them */
			a[k] = fake_chance(5000) ? (uint8_t)fake_random() : 0;
		inet_format(family, a, ours, sizeof ours);
		inet_ntop(family, a, theirs, sizeof theirs);
		/* glibc writes addresses below ::1:0:0 in IPv4's way, which RFC 5952 5 leaves to a known prefix. */
		if (!(family == AF_INET6 && memcmp(a, b, 12) == 0))
			bad += strcmp(ours, theirs) != 0;
		strcpy(line, theirs);
		for (uint64_t k = fake_below(4); k > 0; k--)
			line[fake_below(strlen(line) + 1)] = chars[fake_below(sizeof chars)];
		line[63] = '\0';
		memset(a, 0, sizeof a);
		rc = inet_parse(family, line, a);
		if (rc != inet_pton(family, line, b) || (rc == 1 && memcmp(a, b, family == AF_INET ? 4 : 16) != 0)) {
			bad++;
			printf("# %s: %d\n", line, rc);
		}
	}
	is(bad, 0, "addresses are written and read as the host does");
	for (unsigned i = 0; i < sizeof old / sizeof old[0]; i++) {
		struct in_addr a = { 0 }, b = { 0 };
		bool ours = inet_parse_old(old[i], &a), theirs = inet_aton(old[i], &b);

		ok(ours == theirs && (!ours || a.s_addr == b.s_addr), "inet_aton(\"%s\")", old[i]);
	}
	is(inet_parse(77, "1.2.3.4", text), -EAFNOSUPPORT, "no such family");
	is(inet_format(AF_INET, "\1\2\3\4", text, 7), -ENOSPC, "no room");
	return tap_done();
}
