/* SPDX-License-Identifier: MIT */
#include "httpd.h"

/*
 * httpd: options, then the loop. Read httpd.h first.
 *
 * What it prints and serves is the same on a host and in an image; only where the documents are by
 * default differs: ./www where there is one, else, in an image, the root of its archive. On a host
 * the root of the file system is never served by accident.
 */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct config config = {
	.port = 80,
	/*
	 * Each can make us keep 16 KiB of half a request: 16 MiB of them all. Idle ones keep next
	 * to nothing.
	 */
	.max_conns = 1024,
	.header_ms = 10000,
	.idle_ms = 30000,
	.write_ms = 30000,
};

static const char usage[] =
	"usage: httpd [OPTION]...\n"
	"  -p, --port=N           TCP port; default 80\n"
	"  -d, --dir=DIR          serve the files below DIR; default www, or / in an image without www\n"
	"  -c, --connections=N    open at the same time, at most 60000; default 1024\n"
	"  -t, --timeout=S        seconds to send a request in; default 10\n"
	"  -k, --keep-alive=S     seconds between requests; default 30\n"
	"  -w, --write-timeout=S  seconds without progress in sending; default 30\n"
	"  -h, --help             this text\n"
	"/status, /status.json and /metrics show what the server is doing; so does / without an index.html.\n";

void main_say(int fd, const char *fmt, ...)
{
	char line[1536];
	va_list ap;
	ssize_t rc;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof line, fmt, ap);
	va_end(ap);
	n = n < (int)sizeof line ? n : (int)sizeof line - 1;
	rc = write(fd, line, n > 0 ? (size_t)n : 0);
	(void)rc; /* who does not listen misses it */
}

static _Noreturn void help(int fd, int status)
{
	main_say(fd, "%s", usage);
	exit(status);
}

/* Exits unless value is a whole number from 1 to max. */
static unsigned number(int option, const char *value, unsigned max)
{
	char *end;
	unsigned long n = strtoul(value, &end, 10);

	if (*value >= '0' && *value <= '9' && !*end && n >= 1 && n <= max)
		return (unsigned)n;
	main_say(2, "httpd: -%c takes a number from 1 to %u, not \"%s\"\n", option, max, value);
	exit(2);
}

/* A day is the longest time: its milliseconds fit into 32 bits. */
static void set(int option, const char *value)
{
	switch (option) {
	case 'p':
		config.port = (uint16_t)number(option, value, 65535);
		return;
	case 'd':
		config.root = value;
		return;
	case 'c':
		config.max_conns = number(option, value, 60000);
		return;
	case 't':
		config.header_ms = 1000 * number(option, value, 86400);
		return;
	case 'k':
		config.idle_ms = 1000 * number(option, value, 86400);
		return;
	case 'w':
		config.write_ms = 1000 * number(option, value, 86400);
		return;
	}
	help(2, 2);
}

/* "--name=value" -> the letter of name; 0 when there is no such name. */
static int long_option(const char *word, const char **value)
{
	static const char names[][16] = {
		"port=", "dir=", "connections=", "timeout=", "keep-alive=", "write-timeout=",
	};
	size_t i;

	for (i = 0; i < sizeof names / sizeof *names; i++) {
		*value = word + strlen(names[i]);
		if (!strncmp(word, names[i], strlen(names[i])))
			return names[i][0];
	}
	return 0;
}

/*
 * -p80, -p 80 or --port=80: what getopt_long() would do, which brings all of stdio into an image.
 */
static void read_options(char **argv)
{
	const char *value;
	int option;

	while (*++argv) {
		if (!strcmp(*argv, "-h") || !strcmp(*argv, "--help"))
			help(1, 0);
		if ((*argv)[0] != '-' || !(*argv)[1])
			help(2, 2);
		option = (*argv)[1];
		value = *argv + 2;
		if (option == '-')
			option = long_option(value, &value);
		else if (!*value)
			value = *++argv;
		if (!value)
			help(2, 2);
		set(option, value);
	}
}

/* Links count as what they lead to. */
static bool is_directory(const char *name)
{
	struct stat st;

	return !stat(name, &st) && S_ISDIR(st.st_mode);
}

/*
 * Finds the documents. Returns false when there are none. Copied, since slashes at the end are cut:
 * paths begin with one, and what is left of "/" is "". The length is bounded so that root and path
 * fit into the buffer of file.c.
 */
static bool find_root(void)
{
	static char root[PATH_LEN];
	size_t n;

	if (!config.root)
		config.root = is_directory("www") || !proc_is_image() ? "www" : "/";
	n = strlen(config.root);
	if (!is_directory(config.root) || n >= sizeof root) {
		main_say(2, "httpd: %s: no such directory: -d DIR says where the documents are\n", config.root);
		return false;
	}
	memcpy(root, config.root, n + 1);
	while (n && root[n - 1] == '/')
		root[--n] = 0;
	config.root = root;
	return true;
}

/* Ready when the line is out: sockets are open by then, and a script may send its first request. */
int main(int argc, char **argv)
{
	(void)argc;
	read_options(argv);
	if (!find_root() || server_start())
		return 1;
	main_say(1, "httpd: port %u, documents in %s\n", config.port, *config.root ? config.root : "/");
	return server_run() ? 1 : 0;
}
