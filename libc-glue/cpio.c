/* SPDX-License-Identifier: MIT */
#include <string.h>

/*
 * Reading cpio in its "newc" form, as Linux takes it for an initramfs.
 *
 * A header is 110 characters: the magic, then 13 numbers of 8 hexadecimal digits. Name and data
 * follow, each padded so that the next thing is at a multiple of 4 from the start. Archives may
 * stand one behind the other with zeros between.
 */

#include "libc-glue/archive.h"

#define HEADER 110u
#define TYPE_MASK 0170000u

enum field { INO, MODE, UID, GID, NLINK, MTIME, SIZE, MAJOR, MINOR, RMAJOR, RMINOR, NAMESIZE, CHECK, FIELDS };

static bool has_magic(const unsigned char *p)
{
	return !memcmp(p, "070701", 6) || !memcmp(p, "070702", 6);
}

bool cpio_detect(const struct archive_reader *r)
{
	return r->len - r->at >= HEADER && has_magic(r->base + r->at);
}

static int digit(unsigned char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* False for a character that is no digit: then it is no header, whatever the magic says. */
static bool read_fields(const unsigned char *p, uint32_t *field)
{
	int i, k;

	for (i = 0; i < FIELDS; i++) {
		field[i] = 0;
		for (k = 0; k < 8; k++) {
			int d = digit(p[6 + i * 8 + k]);

			if (d < 0)
				return false;
			field[i] = field[i] << 4 | (uint32_t)d;
		}
	}
	return true;
}

static size_t align4(size_t n)
{
	return (n + 3) & ~(size_t)3;
}

static enum archive_kind kind_of(uint32_t mode)
{
	switch (mode & TYPE_MASK) {
	case 0100000:
		return ARCHIVE_FILE;
	case 0040000:
		return ARCHIVE_DIR;
	case 0120000:
		return ARCHIVE_SYMLINK;
	default:
		return ARCHIVE_OTHER;
	}
}

/* A link's target is its data. The inode counts with its device; one more, as 0 means none. */
static void fill(struct archive_entry *e, const uint32_t *field, const char *name, const unsigned char *data)
{
	memset(e, 0, sizeof *e);
	e->kind = kind_of(field[MODE]);
	e->path = (struct archive_text){ name, strnlen(name, field[NAMESIZE]) };
	e->mode = field[MODE] & 07777;
	e->mtime = field[MTIME];
	e->data = data;
	e->size = field[SIZE];
	if (e->kind == ARCHIVE_SYMLINK)
		e->link = (struct archive_text){ (const char *)data, strnlen((const char *)data, e->size) };
	if (e->kind == ARCHIVE_FILE && field[NLINK] > 1)
		e->inode = ((uint64_t)field[INO] << 32 | field[MAJOR] << 16 | field[MINOR]) + 1;
}

/* Behind a trailer: whether another archive follows the zeros. */
static bool next_archive(struct archive_reader *r)
{
	while (r->at < r->len && r->base[r->at] == 0)
		r->at++;
	return cpio_detect(r);
}

/*
 * Each turn moves r->at on by a header at least. The trailer is a member like others, known by its
 * name.
 */
enum archive_result cpio_next(struct archive_reader *r, struct archive_entry *e)
{
	uint32_t field[FIELDS];
	const char *name;
	size_t data, end;

	for (;;) {
		if (r->at > r->len || r->len - r->at < HEADER)
			return ARCHIVE_SHORT;
		if (!has_magic(r->base + r->at) || !read_fields(r->base + r->at, field))
			return ARCHIVE_DAMAGED;
		/* The sums of two 32-bit numbers and an offset into memory fit in size_t. */
		name = (const char *)r->base + r->at + HEADER;
		data = align4(r->at + HEADER + field[NAMESIZE]);
		end = data + field[SIZE];
		if (end > r->len)
			return ARCHIVE_SHORT;
		r->at = align4(end);
		if (field[NAMESIZE] != sizeof "TRAILER!!!" || memcmp(name, "TRAILER!!!", sizeof "TRAILER!!!"))
			break;
		if (!next_archive(r))
			return ARCHIVE_END;
	}
	fill(e, field, name, r->base + data);
	return ARCHIVE_ENTRY;
}
