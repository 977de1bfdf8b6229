/* SPDX-License-Identifier: MIT */
#include "libc-glue/procfs.h"

/*
 * /proc: the system's numbers as text, in Linux's form where Linux has the file.
 *
 * A file is written out when it is opened and stays as it was then. /proc/boot and /proc/pith are
 * our own: `name microseconds`, the time from the platform's start to the end of each boot phase;
 * and `key: value` about the machine.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "core/plat.h"
#include "libc-glue/glue.h"
#include "libc-glue/node.h"

struct text_file {
	struct fd_file file;
	struct tree_node *node;
	size_t len;
	char text[];
};

/* As it was when the file was opened, at any position and as often as one likes. */
static ssize_t text_read(struct fd_file *f, const struct iovec *v, int nv, off_t at)
{
	struct text_file *t = (struct text_file *)f;

	return node_copy(t->text, t->len, v, nv, at);
}

static off_t text_size(struct fd_file *f)
{
	return (off_t)((struct text_file *)f)->len;
}

static int text_stat(struct fd_file *f, struct stat *st)
{
	tree_stat(((struct text_file *)f)->node, st);
	return 0;
}

static void text_close(struct fd_file *f)
{
	free(f);
}

/* No memory(): the text goes with the file, and sendfile() wants bytes that stay. */
static const struct fd_ops ops = { .read = text_read, .size = text_size, .stat = text_stat, .close = text_close };

static int open_text(struct tree_node *n, int flags, struct fd_file **f)
{
	const struct procfs_file *what = n->data;
	size_t room = what->print(NULL, 0) + 64, len; /* nothing blocks between the two, but a counter may get a digit */
	struct text_file *t = malloc(sizeof *t + room);

	if (!t)
		return -ENOMEM;
	len = what->print(t->text, room);
	fd_init(&t->file, &ops, flags);
	t->node = n;
	t->len = len < room ? len : room - 1;
	*f = &t->file;
	return 0;
}

void procfs_add(struct procfs_file *file)
{
	struct tree_node *n = calloc(1, sizeof *n), *placed;
	int rc = -ENOMEM;

	if (n) {
		n->kind = TREE_FILE;
		n->mode = 0444;
		n->data = file;
		n->open = open_text;
		rc = tree_add(n, file->path, strlen(file->path), &placed);
	}
	if (rc)
		log_line(LOG_ERR, "procfs: %s: error %d", file->path, -rc);
}

/* ---- The files that every image has ---- */

/* The second number would be the idle time, which nobody counts. */
static size_t print_uptime(char *buf, size_t size)
{
	uint64_t cs = plat_now() / 10000000;

	return (size_t)fmt_format(buf, size, "%llu.%02llu 0.00\n", (unsigned long long)cs / 100,
		(unsigned long long)cs % 100);
}

/* What malloc() holds and could hand out again counts as used. What the host has back is not the machine's. */
static size_t print_meminfo(char *buf, size_t size)
{
	unsigned long total = (page_total() - balloon_out()) * (PAGE_SIZE / 1024), unused = page_unused() * (PAGE_SIZE / 1024);

	return (size_t)fmt_format(buf, size, "MemTotal:       %8lu kB\nMemFree:        %8lu kB\nMemAvailable:   %8lu kB\n",
		total, unused, unused);
}

static size_t print_version(char *buf, size_t size)
{
	struct utsname name;

	uname(&name);
	return (size_t)fmt_format(buf, size, "%s version %s (%s, compiler " __VERSION__ ")\n", name.sysname, name.release,
		name.version);
}

/* Behind the end of buf it goes on counting, as snprintf() does. */
static size_t print_boot(char *buf, size_t size)
{
	const struct core_phase *phase;
	size_t i, at = 0, n = core_phases(&phase);

	for (i = 0; i < n; i++)
		at += (size_t)fmt_format(at < size ? buf + at : NULL, at < size ? size - at : 0, "%s %llu\n", phase[i].name,
			(unsigned long long)phase[i].at / 1000);
	return at;
}

static size_t print_pith(char *buf, size_t size)
{
	struct plat_about a;

	plat_about(&a);
	return (size_t)fmt_format(buf, size,
		"platform: %s\nmachine: %s\naccelerator: %s\nclock: %s\nboot: %s\nthreads: %zu\n",
		a.platform, a.machine, a.accelerator, a.clock, a.boot, thread_count());
}

static struct procfs_file files[] = {
	{ .path = "/proc/uptime", .print = print_uptime },
	{ .path = "/proc/meminfo", .print = print_meminfo },
	{ .path = "/proc/version", .print = print_version },
	{ .path = "/proc/boot", .print = print_boot },
	{ .path = "/proc/pith", .print = print_pith },
};

void procfs_start(void)
{
	size_t i;

	for (i = 0; i < sizeof files / sizeof *files; i++)
		procfs_add(&files[i]);
}
