/* SPDX-License-Identifier: MIT */
#include "libc-glue/archive.h"

/*
 * Archives as files: the one that is linked into the image, and those that the loader hands over as
 * boot modules.
 *
 * Nothing is copied: a file's bytes are served from where they lie. Archives are put in one after
 * the other, and a name that comes again replaces the one before it, so a module can change what
 * the image brought. What is damaged or cut short is said in one line; the members before are
 * served.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/plat.h"
#include "libc-glue/tree.h"

#define TWINS_MAX 1024

/* pith-cc defines these in every image. */
extern const char __pith_archive_start[], __pith_archive_end[];

/*
 * cpio stores the data of a file with several names behind the last of them: those that came before
 * wait here.
 */
struct twin {
	struct tree_node *node;
	uint64_t inode;
	struct twin *next;
};

/* One archive while it is read. */
struct mount {
	const char *name;
	struct twin *twins;
	unsigned ntwins;
	size_t members, skipped;
};

/* Names come from outside: log_line() prints control characters as question marks. */
static void skip(struct mount *m, const struct archive_entry *e, const char *why)
{
	m->skipped++;
	log_line(LOG_WARN, "archive: %s: %.*s: %s, left out", m->name,
		(int)(e->path.len < 200 ? e->path.len : 200), e->path.s, why);
}

/* Prefix and path in one piece that stays. Only ustar's split names need memory. */
static bool join_path(struct archive_entry *e)
{
	size_t len = e->prefix.len + 1 + e->path.len;
	char *s;

	if (!e->prefix.len)
		return true;
	s = malloc(len);
	if (!s)
		return false;
	memcpy(s, e->prefix.s, e->prefix.len);
	s[e->prefix.len] = '/';
	memcpy(s + e->prefix.len + 1, e->path.s, e->path.len);
	e->path = (struct archive_text){ s, len };
	return true;
}

/* Another name for a file that came before: the same bytes. */
static bool resolve_hardlink(struct archive_entry *e)
{
	char *path = strndup(e->link.s, e->link.len);
	struct tree_node *n;
	bool found;

	if (!path)
		return false;
	found = !tree_find(&tree_root, path, false, &n) && n->kind == TREE_FILE;
	free(path);
	if (!found)
		return false;
	e->kind = ARCHIVE_FILE;
	e->data = n->data;
	e->size = n->size;
	return true;
}

/* Nobody can write, whatever the mode says. */
static struct tree_node *make_node(const struct archive_entry *e)
{
	struct tree_node *n = calloc(1, sizeof *n);

	if (!n)
		return NULL;
	n->kind = e->kind == ARCHIVE_DIR ? TREE_DIR : e->kind == ARCHIVE_SYMLINK ? TREE_LINK : TREE_FILE;
	n->mode = e->mode & 0555;
	n->mtime = e->mtime;
	n->data = e->kind == ARCHIVE_SYMLINK ? e->link.s : e->data;
	n->size = e->kind == ARCHIVE_SYMLINK ? e->link.len : e->kind == ARCHIVE_DIR ? 0 : e->size;
	return n;
}

/* Remembers a name without data, or gives the data to those that wait for them. */
static void match_twins(struct mount *m, struct tree_node *n, const struct archive_entry *e)
{
	struct twin *t;

	for (t = e->size ? m->twins : NULL; t; t = t->next) {
		if (t->inode != e->inode)
			continue;
		t->node->data = e->data;
		t->node->size = e->size;
	}
	if (e->size || m->ntwins == TWINS_MAX)
		return;
	t = malloc(sizeof *t);
	if (!t)
		return;
	*t = (struct twin){ n, e->inode, m->twins };
	m->twins = t;
	m->ntwins++;
}

/* tree_add()'s errors for people. */
static const char *reason(int rc)
{
	switch (rc) {
	case -EINVAL: return "a path with .. or without a name";
	case -ENOTDIR: return "its folder is a file";
	case -EEXIST: return "a folder and a file of that name";
	case -ENAMETOOLONG: return "its name is too long";
	default: return "out of memory";
	}
}

/* "./" and the like: every tar of a folder begins with it. */
static bool is_root(const struct archive_entry *e)
{
	size_t i;

	for (i = 0; i < e->path.len; i++)
		if (e->path.s[i] != '.' && e->path.s[i] != '/')
			return false;
	return e->kind == ARCHIVE_DIR;
}

/* One member. Without memory it is left out like any other that cannot be had, and said so. */
static void add(struct mount *m, struct archive_entry *e)
{
	struct tree_node *n = NULL, *placed;
	int rc;

	m->members++;
	if (is_root(e))
		return;
	if (e->kind == ARCHIVE_OTHER || (e->kind == ARCHIVE_HARDLINK && !resolve_hardlink(e))) {
		skip(m, e, e->kind == ARCHIVE_OTHER ? "neither file, folder nor link" : "a link to what is not there");
		return;
	}
	if (join_path(e))
		n = make_node(e);
	rc = n ? tree_add(n, e->path.s, e->path.len, &placed) : -ENOMEM;
	if (rc)
		skip(m, e, reason(rc));
	else if (e->inode)
		match_twins(m, placed, e);
	if (rc || placed != n)
		free(n);
}

static void forget_twins(struct mount *m)
{
	while (m->twins) {
		struct twin *t = m->twins;

		m->twins = t->next;
		free(t);
	}
}

/* gzip, bzip2, xz, zstd: the usual mistake deserves a message of its own. */
static bool is_compressed(const unsigned char *p, size_t len)
{
	static const char magics[][3] = { "\x1f\x8b", "BZ", "\xfd\x37", "\x28\xb5" };
	size_t i;

	for (i = 0; len >= 2 && i < sizeof magics / sizeof *magics; i++)
		if (!memcmp(p, magics[i], 2))
			return true;
	return false;
}

/*
 * A whole archive is worth a word to those who ask for it (pith.log=info); a cut one to everybody.
 */
static void report(const struct mount *m, enum archive_result end, const struct archive_reader *r)
{
	if (end == ARCHIVE_END)
		log_line(LOG_INFO, "archive: %s: %zu members, %zu left out, %zu KiB", m->name, m->members,
			m->skipped, r->len >> 10);
	else
		log_line(LOG_ERR, "archive: %s: %s at byte %zu of %zu: the %zu members before are served", m->name,
			end == ARCHIVE_SHORT ? "cut short" : "damaged", r->at, r->len, m->members);
}

size_t archive_mount(const char *name, const void *base, size_t len)
{
	struct archive_reader r = { .base = base, .len = len };
	struct mount m = { .name = name };
	struct archive_entry e;
	enum archive_result got;
	bool cpio = cpio_detect(&r);

	if (!cpio && !tar_detect(&r)) {
		log_line(LOG_ERR, "archive: %s: %s: ignored", name,
			is_compressed(base, len) ? "compressed, unpack it first" : "neither ustar nor cpio (newc)");
		return 0;
	}
	while ((got = cpio ? cpio_next(&r, &e) : tar_next(&r, &e)) == ARCHIVE_ENTRY)
		add(&m, &e);
	forget_twins(&m);
	report(&m, got, &r);
	return m.members;
}

/* The image's own comes first, so that modules can replace what is in it. */
void archive_start(void)
{
	size_t len = (size_t)((uintptr_t)__pith_archive_end - (uintptr_t)__pith_archive_start);
	struct plat_range module;
	char name[16];
	unsigned i;

	if (len)
		archive_mount("image", __pith_archive_start, len);
	for (i = 0; !plat_module(i, &module); i++) {
		fmt_format(name, sizeof name, "module %u", i);
		archive_mount(name, (const void *)module.base, module.len);
	}
}
