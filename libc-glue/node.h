/* SPDX-License-Identifier: MIT */
/* Open files and folders of the tree: node.c. */
#ifndef NODE_H
#define NODE_H

#include "libc-glue/tree.h"

struct fd_file;

/* Opens a TREE_FILE or TREE_DIR for reading. Returns 0 or -ENOMEM. */
int node_open(struct tree_node *n, int flags, struct fd_file **f);

/* The node behind an open file, NULL when it is none of the tree's. */
struct tree_node *node_of(const struct fd_file *f);

/*
 * Copies from len bytes at data, from at on, into the vector. Returns how many; 0 behind the end.
 * For all that is read from memory.
 */
ssize_t node_copy(const void *data, size_t len, const struct iovec *v, int nv, off_t at);

#endif
