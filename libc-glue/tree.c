/* SPDX-License-Identifier: MIT */
#include "libc-glue/tree.h"

/*
 * The one tree of names that open(), stat() and readdir() see.
 *
 * It is in memory, built at start and never shrinks, so a node needs no count of users. Names are
 * found by a hash of directory and name; a directory lists its entries in the order in which they
 * came. Nobody can write to it; what the archive says is input, so paths are taken apart here with
 * every ".." refused, and a later entry replaces an earlier one as tar has it.
 */

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define LINKS_MAX 8
#define BUCKETS_FIRST 64

struct tree_node tree_root = { .kind = TREE_DIR, .mode = 0755, .name = "", .ino = 1, .parent = &tree_root };

/* /dev and /proc fit in here: an image without an archive never asks malloc() for buckets. */
static struct tree_node *first_buckets[BUCKETS_FIRST];
static struct tree_node **buckets = first_buckets;
static size_t nbuckets = BUCKETS_FIRST; /* a power of two */
static size_t nodes;

/* ---- The hash ---- */

/* FNV-1a over the name, begun with the directory. */
static size_t hash(const struct tree_node *dir, const char *name, size_t length)
{
	uint64_t h = 0xcbf29ce484222325u ^ dir->ino * 0x9e3779b97f4a7c15u;
	size_t i;

	for (i = 0; i < length; i++)
		h = (h ^ (unsigned char)name[i]) * 0x100000001b3u;
	return (size_t)(h ^ h >> 32);
}

static void link_in(struct tree_node *n)
{
	struct tree_node **b = &buckets[hash(n->parent, n->name, n->length) & (nbuckets - 1)];

	n->chain = *b;
	*b = n;
}

/* Doubles the buckets. Without memory they stay: chains get longer, nothing else. */
static void rehash(void)
{
	struct tree_node **old = buckets, **fresh = calloc(nbuckets * 2, sizeof *fresh);
	size_t i, n = nbuckets;

	if (!fresh)
		return;
	buckets = fresh;
	nbuckets *= 2;
	for (i = 0; i < n; i++) {
		struct tree_node *at = old[i], *next;

		for (; at; at = next) {
			next = at->chain;
			link_in(at);
		}
	}
	if (old != first_buckets)
		free(old);
}

/*
 * Nodes are compared by directory first: a hash is not to be trusted, a pointer and a length are.
 */
struct tree_node *tree_child(struct tree_node *dir, const char *name, size_t length)
{
	struct tree_node *n = buckets[hash(dir, name, length) & (nbuckets - 1)];

	while (n && !(n->parent == dir && n->length == length && !memcmp(n->name, name, length)))
		n = n->chain;
	return n;
}

/* ---- Adding ---- */

/*
 * Inode numbers are given in order and never again: programs compare them to tell files apart. The
 * root has 1.
 */
static void attach(struct tree_node *n, struct tree_node *dir, const char *name, size_t length)
{
	n->name = name;
	n->length = (unsigned)length;
	n->parent = dir;
	n->ino = (unsigned)++nodes + 1;
	if (dir->last)
		dir->last->sibling = n;
	else
		dir->child = n;
	dir->last = n;
	if (nodes > nbuckets)
		rehash();
	link_in(n);
}

/* Gives the node that stands under the name the meaning of the new one. */
static int replace(struct tree_node *old, const struct tree_node *n)
{
	if ((old->kind == TREE_DIR) != (n->kind == TREE_DIR))
		return -EEXIST;
	old->kind = n->kind;
	old->mode = n->mode;
	old->mtime = n->mtime;
	old->data = n->data;
	old->size = n->size;
	old->rdev = n->rdev;
	old->open = n->open;
	return 0;
}

/* A folder that no archive member describes: of the year 1970, open to all. */
static struct tree_node *make_dir(struct tree_node *dir, const char *name, size_t length)
{
	struct tree_node *n = calloc(1, sizeof *n);

	if (!n)
		return NULL;
	n->kind = TREE_DIR;
	n->mode = 0755;
	attach(n, dir, name, length);
	return n;
}

/* The next part of [p, end), without slashes and "."; NULL when there is none. */
static const char *next_part(const char *p, const char *end, size_t *length)
{
	const char *stop;

	for (;;) {
		while (p < end && *p == '/')
			p++;
		if (p == end)
			return NULL;
		stop = memchr(p, '/', (size_t)(end - p));
		*length = (size_t)((stop ? stop : end) - p);
		if (*length != 1 || *p != '.')
			return p;
		p++;
	}
}

/* ".." is refused where names are added, and goes up where they are looked for. */
static bool is_parent(const char *part, size_t length)
{
	return length == 2 && part[0] == '.' && part[1] == '.';
}

/* One part on the way. Returns 0 with *dir moved on. */
static int step_down(struct tree_node **dir, const char *part, size_t length)
{
	struct tree_node *n = tree_child(*dir, part, length);

	if (!n)
		n = make_dir(*dir, part, length);
	if (!n)
		return -ENOMEM;
	if (n->kind != TREE_DIR)
		return -ENOTDIR;
	*dir = n;
	return 0;
}

/* All of it before anything is made: a path that is refused leaves no folders behind. */
static int check_path(const char *path, size_t length)
{
	const char *part = path, *end = path + length;
	size_t n = 0, parts = 0;

	if (length >= PATH_MAX)
		return -ENAMETOOLONG;
	for (; (part = next_part(part, end, &n)) != NULL; part += n, parts++) {
		if (is_parent(part, n))
			return -EINVAL;
		if (n > NAME_MAX)
			return -ENAMETOOLONG;
	}
	return parts ? 0 : -EINVAL;
}

/*
 * Symbolic links on the way are not followed: an archive could otherwise put members where another
 * one's link points.
 */
int tree_add(struct tree_node *n, const char *path, size_t length, struct tree_node **placed)
{
	const char *end = path + length, *part, *next;
	struct tree_node *dir = &tree_root, *old;
	size_t len = 0, next_len = 0;
	int rc = check_path(path, length);

	if (rc)
		return rc;
	part = next_part(path, end, &len);
	while ((next = next_part(part + len, end, &next_len)) != NULL) {
		rc = step_down(&dir, part, len);
		if (rc)
			return rc;
		part = next;
		len = next_len;
	}
	old = tree_child(dir, part, len);
	*placed = old ? old : n;
	if (old)
		return replace(old, n);
	attach(n, dir, part, len);
	return 0;
}

/* ---- Finding ---- */

/* Where a walk is, and how many links it has followed. */
struct walk {
	struct tree_node *at;
	unsigned links;
	bool follow;
};

static int walk_path(struct walk *w, const char *path, size_t length);

/* From the link's directory on; an absolute one goes back to the root by itself. */
static int walk_link(struct walk *w, const struct tree_node *link)
{
	bool follow = w->follow;
	int rc;

	if (++w->links > LINKS_MAX)
		return -ELOOP;
	w->follow = true;
	w->at = link->parent;
	rc = walk_path(w, link->data, link->size);
	w->follow = follow;
	return rc;
}

/*
 * Every part but the last must be a folder, or lead to one; the last is what the caller asked for,
 * link or not.
 */
static int walk_part(struct walk *w, const char *part, size_t length, bool is_last)
{
	struct tree_node *n;

	if (w->at->kind != TREE_DIR)
		return -ENOTDIR;
	if (is_parent(part, length)) {
		w->at = w->at->parent;
		return 0;
	}
	if (length > NAME_MAX)
		return -ENAMETOOLONG;
	n = tree_child(w->at, part, length);
	if (!n)
		return -ENOENT;
	if (n->kind == TREE_LINK && (!is_last || w->follow))
		return walk_link(w, n);
	w->at = n;
	return 0;
}

/* Calls itself through links only, so LINKS_MAX deep at most. */
static int walk_path(struct walk *w, const char *path, size_t length)
{
	const char *end = path + length, *part, *next;
	size_t len = 0;
	int rc = 0;

	if (length > 0 && path[0] == '/')
		w->at = &tree_root;
	for (part = next_part(path, end, &len); part && !rc; part = next) {
		size_t next_len = 0;

		next = next_part(part + len, end, &next_len);
		rc = walk_part(w, part, len, !next && end[-1] != '/');
		len = next_len;
	}
	if (!rc && length > 0 && end[-1] == '/' && w->at->kind != TREE_DIR)
		return -ENOTDIR;
	return rc;
}

/*
 * The path is the program's, and may not be ended where memory is: no more than PATH_MAX bytes of
 * it are looked at.
 */
int tree_find(struct tree_node *from, const char *path, bool follow, struct tree_node **found)
{
	struct walk w = { .at = from, .follow = follow };
	size_t length = strnlen(path, PATH_MAX);
	int rc;

	if (length == 0)
		return -ENOENT;
	if (length == PATH_MAX)
		return -ENAMETOOLONG;
	rc = walk_path(&w, path, length);
	*found = w.at;
	return rc;
}

/* ---- What is known about a node ---- */

static mode_t type_of(enum tree_kind kind)
{
	switch (kind) {
	case TREE_DIR: return S_IFDIR;
	case TREE_LINK: return S_IFLNK;
	case TREE_DEVICE: return S_IFCHR;
	case TREE_BLOCK: return S_IFBLK;
	default: return S_IFREG;
	}
}

/*
 * One device, root's files, one time for all three: the archive has no more, and nothing is ever
 * written.
 */
void tree_stat(const struct tree_node *n, struct stat *st)
{
	memset(st, 0, sizeof *st);
	st->st_dev = 1;
	st->st_ino = n->ino;
	st->st_mode = type_of(n->kind) | n->mode;
	st->st_nlink = n->kind == TREE_DIR ? 2 : 1;
	st->st_rdev = n->rdev;
	st->st_size = (off_t)n->size;
	st->st_blksize = 4096;
	st->st_blocks = (blkcnt_t)((n->size + 511) / 512);
	st->st_atime = st->st_mtime = st->st_ctime = n->mtime;
}

/* Written from the end, since a node knows its parent only, and then moved to the front. */
int tree_path(const struct tree_node *n, char *buf, size_t size)
{
	size_t at = size;

	if (size < 2)
		return -ERANGE;
	buf[--at] = '\0';
	for (; n != &tree_root; n = n->parent) {
		if (n->length + 1 > at)
			return -ERANGE;
		at -= n->length;
		memcpy(buf + at, n->name, n->length);
		buf[--at] = '/';
	}
	if (at == size - 1)
		buf[--at] = '/';
	memmove(buf, buf + at, size - at);
	return (int)(size - at - 1);
}
