/* SPDX-License-Identifier: MIT */
#include "libc-glue/dev.h"

/*
 * /dev but the disks: null, zero, full, random, urandom, and the names of descriptors that are open
 * already.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "libc-glue/cons.h"
#include "libc-glue/glue.h"
#include "libc-glue/entropy.h"
#include "libc-glue/tree.h"

struct device {
	struct fd_file file;
	struct tree_node *node;
};

static size_t length(const struct iovec *v, int nv)
{
	size_t sum = 0;

	while (nv-- > 0)
		sum += v++->iov_len;
	return sum;
}

static ssize_t read_nothing(struct fd_file *f, const struct iovec *v, int nv, off_t at)
{
	(void)f;
	(void)v;
	(void)nv;
	(void)at;
	return 0;
}

static ssize_t read_zeros(struct fd_file *f, const struct iovec *v, int nv, off_t at)
{
	int i;

	(void)f;
	(void)at;
	for (i = 0; i < nv; i++)
		memset(v[i].iov_base, 0, v[i].iov_len);
	return (ssize_t)length(v, nv);
}

/* /dev/random and /dev/urandom are the same: both wait for entropy once, and after that never. */
static ssize_t read_random(struct fd_file *f, const struct iovec *v, int nv, off_t at)
{
	int i, rc = 0;

	(void)at;
	for (i = 0; i < nv && !rc; i++)
		rc = entropy_fill(v[i].iov_base, v[i].iov_len, !(f->flags & O_NONBLOCK));
	return rc ? rc : (ssize_t)length(v, nv);
}

static ssize_t write_nowhere(struct fd_file *f, const struct iovec *v, int nv, off_t at)
{
	(void)f;
	(void)at;
	return (ssize_t)length(v, nv);
}

static ssize_t write_full(struct fd_file *f, const struct iovec *v, int nv, off_t at)
{
	(void)f;
	(void)v;
	(void)nv;
	(void)at;
	return -ENOSPC;
}

static int device_stat(struct fd_file *f, struct stat *st)
{
	tree_stat(((struct device *)f)->node, st);
	return 0;
}

static void device_close(struct fd_file *f)
{
	free(f);
}

/* Can be sought in, to no effect, as everywhere. */
static off_t device_size(struct fd_file *f)
{
	(void)f;
	return 0;
}

static const struct fd_ops null_ops = {
	.read = read_nothing, .write = write_nowhere, .size = device_size, .stat = device_stat, .close = device_close
};
static const struct fd_ops zero_ops = {
	.read = read_zeros, .write = write_nowhere, .size = device_size, .stat = device_stat, .close = device_close
};
static const struct fd_ops full_ops = {
	.read = read_zeros, .write = write_full, .size = device_size, .stat = device_stat, .close = device_close
};
static const struct fd_ops random_ops = {
	.read = read_random, .write = write_nowhere, .size = device_size, .stat = device_stat, .close = device_close
};

/* n->data is the table of what the device can do. */
static int open_device(struct tree_node *n, int flags, struct fd_file **f)
{
	struct device *d = malloc(sizeof *d);

	if (!d)
		return -ENOMEM;
	fd_init(&d->file, n->data, flags);
	d->node = n;
	*f = &d->file;
	return 0;
}

/* The one there is. Its flags stay as they are: O_NONBLOCK would be everybody's. */
static int open_console(struct tree_node *n, int flags, struct fd_file **f)
{
	(void)n;
	(void)flags;
	*f = cons_file();
	return 0;
}

/*
 * /dev/stdin and so on: as dup() of the number that size holds. Nothing can close it before
 * fd_install().
 */
static int open_number(struct tree_node *n, int flags, struct fd_file **f)
{
	(void)flags;
	*f = fd_get((int)n->rdev);
	if (!*f)
		return -ENXIO;
	(*f)->refs--;
	return 0;
}

#define DEVICE(major, minor) ((dev_t)(major) << 8 | (minor)) /* Linux's numbers */

/* In the order of the paths below. */
static struct tree_node devices[] = {
	{ .kind = TREE_DEVICE, .mode = 0666, .data = &null_ops, .rdev = DEVICE(1, 3), .open = open_device },
	{ .kind = TREE_DEVICE, .mode = 0666, .data = &zero_ops, .rdev = DEVICE(1, 5), .open = open_device },
	{ .kind = TREE_DEVICE, .mode = 0666, .data = &full_ops, .rdev = DEVICE(1, 7), .open = open_device },
	{ .kind = TREE_DEVICE, .mode = 0666, .data = &random_ops, .rdev = DEVICE(1, 8), .open = open_device },
	{ .kind = TREE_DEVICE, .mode = 0666, .data = &random_ops, .rdev = DEVICE(1, 9), .open = open_device },
	{ .kind = TREE_DEVICE, .mode = 0620, .rdev = DEVICE(5, 0), .open = open_console },
	{ .kind = TREE_DEVICE, .mode = 0620, .rdev = DEVICE(5, 1), .open = open_console },
	{ .kind = TREE_DEVICE, .mode = 0620, .rdev = 0, .open = open_number },
	{ .kind = TREE_DEVICE, .mode = 0620, .rdev = 1, .open = open_number },
	{ .kind = TREE_DEVICE, .mode = 0620, .rdev = 2, .open = open_number },
};

void dev_start(void)
{
	static const char *const paths[] = {
		"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty", "/dev/console",
		"/dev/stdin", "/dev/stdout", "/dev/stderr",
	};
	struct tree_node *placed;
	size_t i;

	_Static_assert(sizeof paths / sizeof *paths == sizeof devices / sizeof *devices, "a path for each device");
	for (i = 0; i < sizeof paths / sizeof *paths; i++)
		if (tree_add(&devices[i], paths[i], strlen(paths[i]), &placed))
			log_line(LOG_ERR, "dev: %s: no memory for the name", paths[i]);
}
