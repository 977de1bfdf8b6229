/* SPDX-License-Identifier: MIT */
/*
 * httpd: options, then the loop. Read httpd.h first.
 *
 * What it prints and serves is the same on a host and in an image; only where the documents are by default
 * differs: ./www where there is one, else, in an image, the root of its archive. On a host the
 * root of the file system is never served by accident.
 */
#include "httpd.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct config config = {
	.port = 80,
	.max_conns = 1024,
	.header_ms = 10000,
	.idle_ms = 30000,
	.write_ms = 30000,
};

static const char usage[] =
	"usage: httpd [OPTION]...\n"
	"  -p, --port=N            TCP port; default 80\n"
	"  -d, --root=DIR          serve the files below DIR; default www, or / in an image without www\n"
	"  -c, --connections=N     open at the same time, at most 60000; default 1024\n"
	"  -t, --header-timeout=S  seconds to send a request in; default 10\n"
	"  -k, --idle-timeout=S    seconds between requests; default 30\n"
	"  -w, --write-timeout=S   seconds without progress in sending; default 30\n"
	"  -h, --help              this text\n"
	"/status, /status.json and /metrics show what the server is doing; so does / without an index.html.\n";

/* Exits unless optarg is a whole number from 1 to max. */
static unsigned number(int option, unsigned max)
{
	char *end;
	unsigned long n = strtoul(optarg, &end, 10);

	if (*optarg >= '0' && *optarg <= '9' && !*end && n >= 1 && n <= max)
		return (unsigned)n;
	fprintf(stderr, "httpd: -%c takes a number from 1 to %u, not \"%s\"\n", option, max, optarg);
	exit(2);
}

static void set(int option)
{
	switch (option) {
	case 'p':
		config.port = (uint16_t)number(option, 65535);
		return;
	case 'd':
		config.root = optarg;
		return;
	case 'c':
		config.max_conns = number(option, 60000);
		return;
	case 't':
		config.header_ms = 1000 * number(option, 86400);
		return;
	case 'k':
		config.idle_ms = 1000 * number(option, 86400);
		return;
	case 'w':
		config.write_ms = 1000 * number(option, 86400);
		return;
	case 'h':
		fputs(usage, stdout);
		exit(0);
	}
	fputs(usage, stderr);
	exit(2);
}

static bool is_directory(const char *name)
{
	struct stat st;

	return !stat(name, &st) && S_ISDIR(st.st_mode);
}

/* Finds the documents. Returns false when there are none. */
static bool find_root(void)
{
	static char root[PATH_LEN];
	size_t n;

	if (!config.root)
		config.root = is_directory("www") || !proc_is_image() ? "www" : "/";
	n = strlen(config.root);
	if (!is_directory(config.root) || n >= sizeof root) {
		fprintf(stderr, "httpd: %s: no such directory: -d DIR says where the documents are\n", config.root);
		return false;
	}
	memcpy(root, config.root, n + 1);
	while (n && root[n - 1] == '/')
		root[--n] = 0;
	config.root = root;
	return true;
}

int main(int argc, char **argv)
{
	static const struct option names[] = {
		{ "port", required_argument, NULL, 'p' },
		{ "root", required_argument, NULL, 'd' },
		{ "connections", required_argument, NULL, 'c' },
		{ "header-timeout", required_argument, NULL, 't' },
		{ "idle-timeout", required_argument, NULL, 'k' },
		{ "write-timeout", required_argument, NULL, 'w' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "p:d:c:t:k:w:h", names, NULL)) != -1)
		set(c);
	if (optind < argc)
		set('?');
	if (!find_root() || server_start())
		return 1;
	printf("httpd: port %u, documents in %s\n", config.port, *config.root ? config.root : "/");
	fflush(stdout);
	return server_run() ? 1 : 0;
}
