/* SPDX-License-Identifier: MIT */
/* The one tree of names: the archive's files, /dev and /proc. tree.c. */
#ifndef TREE_H
#define TREE_H

#include <sys/stat.h>
#include <sys/types.h>

#include "core/core.h"

struct fd_file;

enum tree_kind {
	TREE_DIR,
	TREE_FILE,   /* bytes in memory */
	TREE_LINK,   /* symbolic: data is where it points, without NUL */
	TREE_DEVICE, /* open() decides */
	TREE_BLOCK,
};

/* A name. The memory is the owner's and stays. The first block is filled in by whoever adds it. */
struct tree_node {
	enum tree_kind kind;
	mode_t mode;        /* permissions */
	time_t mtime;
	const void *data;   /* TREE_FILE, TREE_LINK; the owner's use elsewhere */
	size_t size;
	dev_t rdev;
	/*
	 * TREE_DEVICE, TREE_BLOCK: what stands behind the name, opened with these flags: *f is a file
	 * without references that fd_install() takes, or one that is open already. Returns 0 or a
	 * negative error.
	 */
	int (*open)(struct tree_node *n, int flags, struct fd_file **f);

	/* tree.c's own */
	const char *name;   /* not ended by NUL */
	unsigned length;
	unsigned ino;
	struct tree_node *parent, *child, *last, *sibling, *chain;
};

extern struct tree_node tree_root;

/*
 * Adds n under a path ("/dev/null", "a/b"), making directories that lack. path stays where it is:
 * names point into it. Where a node stands already it takes over what n says, and n is not used.
 * *placed is the node that now has the name. Returns 0, -ENOMEM, -EINVAL for a path with "..", or
 * an empty one, -ENOTDIR, -EEXIST for a file in place of a directory or the other way round,
 * -ENAMETOOLONG.
 */
int tree_add(struct tree_node *n, const char *path, size_t length, struct tree_node **placed);

/*
 * Finds a path, from `from` where it is relative. follow: also a symbolic link that is the last
 * part. Returns 0, -ENOENT, -ENOTDIR, -ELOOP, -ENAMETOOLONG.
 */
int tree_find(struct tree_node *from, const char *path, bool follow, struct tree_node **found);

/*
 * The entry of a directory that this part of a path names, NULL when there is none. No "." and
 * "..".
 */
struct tree_node *tree_child(struct tree_node *dir, const char *name, size_t length);

void tree_stat(const struct tree_node *n, struct stat *st);

/* The absolute path. Returns its length, or -ERANGE. */
int tree_path(const struct tree_node *n, char *buf, size_t size);

#endif
