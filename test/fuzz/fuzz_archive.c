/* SPDX-License-Identifier: MIT */
/*
 * Archives: the input is one or two, tar or cpio, that the loader might have handed over; memory may run out while they are read.
 * They lie in memory of exactly their size, so that the sanitizer sees every byte read behind them.
 *
 * Checked: that every file's bytes lie in an archive, that every name can be found again by its path, and that links end.
 */
#include "libc-glue/archive.h"
#include "libc-glue/tree.h"
#include "test/fuzz/fuzz_alone.h"

#define BLOCK 512u
#define ARCHIVES 2u

const char __pith_archive_start[1], __pith_archive_end[1]; /* none is linked in */

static struct {
	unsigned char *base;
	size_t len;
} archive[ARCHIVES];

void fuzz_begin(void)
{
	fuzz_alone_begin();
}

/* Puts right the sum of a tar's header, which no input would hit by chance. Returns how far it is to the next. */
static size_t mend_header(unsigned char *h)
{
	unsigned sum = 0;
	size_t size = 0;

	memset(h + 148, ' ', 8);
	for (unsigned i = 0; i < BLOCK; i++)
		sum += h[i];
	for (unsigned i = 0; i < 6; i++)
		h[148 + i] = (unsigned char)('0' + (sum >> 3 * (5 - i) & 7));
	h[154] = '\0';
	for (unsigned i = 124; i < 136 && h[i] >= '0' && h[i] <= '7' && size < 65536; i++)
		size = size * 8 + h[i] - '0';
	return BLOCK + (size + BLOCK - 1) / BLOCK * BLOCK;
}

/* A member whose parts come from the input: small inputs get far so. */
static void put_member(unsigned char *h, size_t room)
{
	static const char types[] = "0125xgLK3SMN7D";
	unsigned how = fuzz_byte(), size = fuzz_below(128);

	memset(h, 0, room);
	fuzz_bytes(h, 1u + (how & 15));
	memcpy(h + 100, "0000755", 8);
	h[124] = (unsigned char)('0' + (size >> 6 & 7));
	h[125] = (unsigned char)('0' + (size >> 3 & 7));
	h[126] = (unsigned char)('0' + (size & 7));
	h[156] = (unsigned char)types[(how >> 4) % (sizeof types - 1)];
	fuzz_bytes(h + 157, fuzz_below(12));
	if (fuzz_byte() & 1) {
		memcpy(h + 257, "ustar\00000", 8);
		fuzz_bytes(h + 345, fuzz_below(8));
	}
	if (room > BLOCK)
		fuzz_bytes(h + BLOCK, room - BLOCK < size ? room - BLOCK : size);
}

/* A tar of such members; the last may be cut. */
static size_t put_tar(unsigned char *p, size_t room)
{
	size_t at = 0;

	while (fuzz_more() && at + BLOCK <= room && fuzz_byte() & 31) {
		put_member(p + at, room - at < 2 * BLOCK ? room - at : 2 * BLOCK);
		at += mend_header(p + at);
	}
	at = at < room ? at : room;
	memset(p + at, 0, room - at);
	at += fuzz_below(3) * BLOCK; /* the end mark, or not all of it */
	return at < room ? at : room;
}

static void mend(unsigned char *p, size_t len)
{
	for (size_t at = 0; at + BLOCK <= len;)
		at += mend_header(p + at);
}

static void mount(unsigned n)
{
	unsigned how = fuzz_byte();
	unsigned char *room = fuzz_malloc(8192);
	size_t len;

	if (!room)
		return;
	if (how & 1) {
		len = put_tar(room, 8192);
	} else {
		len = n == 0 && how & 2 ? fuzz_left() / 2 : fuzz_left();
		len = len < 8192 ? len : 8192;
		fuzz_bytes(room, len);
		if (how & 4)
			mend(room, len);
	}
	archive[n].base = fuzz_malloc(len ? len : 1);
	archive[n].len = archive[n].base ? len : 0;
	if (archive[n].base) {
		memcpy(archive[n].base, room, len);
		archive_mount("fuzz", archive[n].base, len);
	}
}

/* ---- what came of it ---- */

static bool lies_in_archive(const void *data, size_t size)
{
	for (unsigned i = 0; i < ARCHIVES; i++)
		if (size <= archive[i].len && (uintptr_t)data - (uintptr_t)archive[i].base <= archive[i].len - size)
			return true;
	return size == 0;
}

static void check_node(const struct tree_node *n)
{
	char path[4096];
	struct tree_node *found;
	struct stat st;

	fuzz_must(n->kind == TREE_DIR || lies_in_archive(n->data, n->size));
	tree_stat(n, &st);
	if (tree_path(n, path, sizeof path) < 0 || memchr(n->name, 0, n->length))
		return;
	if (tree_find(&tree_root, path, false, &found) == 0)
		fuzz_must(found == n || n->length > 255);
	(void)tree_find(&tree_root, path, true, &found);
}

/* Every node, without recursion: folders may be deep. */
static void check_tree(void)
{
	const struct tree_node *n = tree_root.child;

	while (n && n != &tree_root) {
		check_node(n);
		if (n->child) {
			n = n->child;
			continue;
		}
		while (n != &tree_root && !n->sibling)
			n = n->parent;
		if (n != &tree_root)
			n = n->sibling;
	}
}

void fuzz_run(void)
{
	unsigned fail = fuzz_byte();

	fuzz_alone_reset(fail & 128 ? 0 : fail);
	for (unsigned n = 0; n < ARCHIVES && (n == 0 || fuzz_more()); n++)
		mount(n);
	check_tree();
}
