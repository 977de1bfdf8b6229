/* SPDX-License-Identifier: MIT */
#include <errno.h>

/*
 * Open files and folders of the tree. A file's bytes lie in memory for ever, so reading copies once
 * and sendfile() not at all.
 */

#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "libc-glue/glue.h"
#include "libc-glue/node.h"

/* What open() gives. The node stays for ever, so nothing is held but a pointer. */
struct open_node {
	struct fd_file file;
	struct tree_node *node;
};

static struct tree_node *behind(const struct fd_file *f)
{
	return ((const struct open_node *)f)->node;
}

/* at is not negative (fd_ops), but may be far behind the end. */
ssize_t node_copy(const void *data, size_t len, const struct iovec *v, int nv, off_t at)
{
	size_t sum = 0, pos = (size_t)at;
	int i;

	for (i = 0; i < nv && pos < len; i++) {
		size_t n = v[i].iov_len < len - pos ? v[i].iov_len : len - pos;

		memcpy(v[i].iov_base, (const char *)data + pos, n);
		pos += n;
		sum += n;
	}
	return (ssize_t)sum;
}

static ssize_t file_read(struct fd_file *f, const struct iovec *v, int nv, off_t at)
{
	return node_copy(behind(f)->data, behind(f)->size, v, nv, at);
}

/* readdir() is the way to read a folder. */
static ssize_t dir_read(struct fd_file *f, const struct iovec *v, int nv, off_t at)
{
	(void)f;
	(void)v;
	(void)nv;
	(void)at;
	return -EISDIR;
}

static off_t file_size(struct fd_file *f)
{
	return (off_t)behind(f)->size;
}

static int node_stat(struct fd_file *f, struct stat *st)
{
	tree_stat(behind(f), st);
	return 0;
}

/* What cannot be written is in order always. */
static int node_sync(struct fd_file *f)
{
	(void)f;
	return 0;
}

/* *len is what is wanted, and then what there is. */
static const void *file_memory(struct fd_file *f, off_t at, size_t *len)
{
	size_t size = behind(f)->size;

	if ((size_t)at >= size) {
		*len = 0;
		return behind(f)->data;
	}
	if (*len > size - (size_t)at)
		*len = size - (size_t)at;
	return (const char *)behind(f)->data + at;
}

static void node_close(struct fd_file *f)
{
	free(f);
}

static const struct fd_ops file_ops = {
	.read = file_read,
	.size = file_size,
	.stat = node_stat,
	.sync = node_sync,
	.memory = file_memory,
	.close = node_close,
};

/* With a size, so that lseek() works as on other systems. */
static const struct fd_ops dir_ops = {
	.read = dir_read,
	.size = file_size,
	.stat = node_stat,
	.sync = node_sync,
	.close = node_close,
};

int node_open(struct tree_node *n, int flags, struct fd_file **f)
{
	struct open_node *o = malloc(sizeof *o);

	if (!o)
		return -ENOMEM;
	fd_init(&o->file, n->kind == TREE_DIR ? &dir_ops : &file_ops, flags);
	o->node = n;
	*f = &o->file;
	return 0;
}

/* The table of functions is the type of a file: there is no other mark. */
struct tree_node *node_of(const struct fd_file *f)
{
	return f->ops == &file_ops || f->ops == &dir_ops ? behind(f) : NULL;
}
