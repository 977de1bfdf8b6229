/* SPDX-License-Identifier: MIT */
#include <string.h>

/*
 * Reading tar: POSIX ustar and pax, the older V7, and GNU's long names.
 *
 * POSIX.1-2017, pax, "ustar Interchange Format" and "pax Header Block" give the layout. Every
 * number is input: a length is compared with what is left before anything is done with it, and a
 * header counts only when its sum is right.
 */

#include "libc-glue/archive.h"

#define BLOCK 512u

struct header {
	char name[100];
	char mode[8], uid[8], gid[8];
	char size[12], mtime[12];
	char sum[8];
	char type;
	char link[100];
	char magic[6], version[2];
	char owner[32], group[32];
	char major[8], minor[8];
	char prefix[155];
	char pad[12];
};
_Static_assert(sizeof(struct header) == BLOCK, "a tar header is one block");

/* What an extended header says about the member that follows. */
struct extra {
	struct archive_text path, link;
	bool has_size, has_mtime, sparse;
	uint64_t size;
	int64_t mtime;
};

/* ---- Numbers ---- */

/*
 * Octal in text, ended by a blank, NUL or the field; or GNU's base 256 with the top bit set. All
 * bits set for nonsense.
 */
static uint64_t number(const char *field, size_t len)
{
	uint64_t n = 0;
	size_t i = 0;

	if ((unsigned char)field[0] == 0x80) {
		for (i = 1; i < len; i++) {
			if (n >> 56)
				return UINT64_MAX;
			n = n << 8 | (unsigned char)field[i];
		}
		return n;
	}
	while (i < len && field[i] == ' ')
		i++;
	for (; i < len && field[i] != ' ' && field[i] != '\0'; i++) {
		if (field[i] < '0' || field[i] > '7')
			return UINT64_MAX;
		n = n << 3 | (uint64_t)(field[i] - '0');
	}
	return n;
}

/* Decimal up to a character that is none, at most end. Stops at 10^18. */
static uint64_t decimal(const char **p, const char *end)
{
	uint64_t n = 0;

	for (; *p < end && **p >= '0' && **p <= '9'; (*p)++)
		if (n < 1000000000000000000u)
			n = n * 10 + (uint64_t)(**p - '0');
	return n;
}

/* ---- Headers ---- */

/* The sum of all bytes with the field itself as blanks. Some old tars summed signed ones. */
static bool sum_is_right(const struct header *h)
{
	uint64_t told = number(h->sum, sizeof h->sum);
	const char *p = (const char *)h;
	int64_t plain = 0, with_sign = 0;
	size_t i;

	for (i = 0; i < BLOCK; i++) {
		bool in_sum = i >= offsetof(struct header, sum) && i < offsetof(struct header, type);

		plain += in_sum ? ' ' : (unsigned char)p[i];
		with_sign += in_sum ? ' ' : (signed char)p[i];
	}
	return told == (uint64_t)plain || told == (uint64_t)with_sign;
}

static bool is_zero(const struct header *h)
{
	const char *p = (const char *)h;
	size_t i;

	for (i = 0; i < BLOCK; i++)
		if (p[i])
			return false;
	return true;
}

/* A field that is full has no NUL. */
static struct archive_text field_text(const char *field, size_t max)
{
	return (struct archive_text){ field, strnlen(field, max) };
}

/*
 * A block of zeros is the end mark of an archive without members: pith-cc makes one of an empty
 * folder.
 */
bool tar_detect(const struct archive_reader *r)
{
	const struct header *h = (const void *)(r->base + r->at);

	return r->len - r->at >= BLOCK && (sum_is_right(h) || is_zero(h));
}

/* ---- Extended headers ---- */

/* Keys are not ended by NUL. */
static bool key_is(const char *key, size_t len, const char *name)
{
	return strlen(name) == len && !memcmp(key, name, len);
}

/*
 * What is known of the keywords of "pax Extended Header"; GNU.sparse is GNU tar's. The others say
 * nothing about what is served.
 */
static void pax_record(struct extra *x, const char *key, size_t klen, struct archive_text value)
{
	const char *p = value.s, *end = value.s + value.len;

	if (key_is(key, klen, "path")) {
		x->path = value;
	} else if (key_is(key, klen, "linkpath")) {
		x->link = value;
	} else if (key_is(key, klen, "size")) {
		x->has_size = true;
		x->size = decimal(&p, end);
	} else if (key_is(key, klen, "mtime")) {
		x->has_mtime = true;
		x->mtime = (int64_t)decimal(&p, end); /* before 1970 and fractions are dropped */
	} else if (klen > 10 && !memcmp(key, "GNU.sparse", 10)) {
		x->sparse = true;
	}
}

/*
 * Records of the form `LENGTH KEY=VALUE\n`, LENGTH counting all of it. What is not so ends the
 * reading.
 */
static void pax_read(struct extra *x, const char *p, size_t size)
{
	const char *end = p + size;

	while (p < end) {
		const char *start = p, *key, *equals;
		uint64_t len = decimal(&p, end);

		if (p == end || *p != ' ' || len > (uint64_t)(end - start) || len < (uint64_t)(p - start) + 3)
			return;
		key = p + 1;
		p = start + len;
		equals = memchr(key, '=', (size_t)(p - key));
		if (!equals || p[-1] != '\n')
			return;
		pax_record(x, key, (size_t)(equals - key),
			(struct archive_text){ equals + 1, (size_t)(p - 1 - (equals + 1)) });
	}
}

/* Takes in a header that is about the next one. False: it is a member itself. */
static bool read_extra(struct extra *x, const struct header *h, const char *data, size_t size)
{
	switch (h->type) {
	case 'x':
		pax_read(x, data, size);
		return true;
	case 'g': /* defaults for all that follow: nothing in them that is served */
	case 'V': /* GNU: the volume's label */
		return true;
	case 'L':
		x->path = field_text(data, size);
		return true;
	case 'K':
		x->link = field_text(data, size);
		return true;
	default:
		return false;
	}
}

/* ---- Members ---- */

static enum archive_kind kind_of(const struct header *h, const struct archive_text *path)
{
	switch (h->type) {
	case '1':
		return ARCHIVE_HARDLINK;
	case '2':
		return ARCHIVE_SYMLINK;
	case '5':
	case 'D': /* GNU: a folder with a list of names as data */
		return ARCHIVE_DIR;
	case '3':
	case '4':
	case '6':
	case 'S':
	case 'M':
	case 'N':
		return ARCHIVE_OTHER;
	default: /* '0', NUL, '7', and by POSIX all that is unknown; V7 marks a folder by its name alone */
		return path->len && path->s[path->len - 1] == '/' ? ARCHIVE_DIR : ARCHIVE_FILE;
	}
}

/* What an extended header has said goes before what stands in the header itself. */
static void fill(struct archive_entry *e, const struct header *h, const struct extra *x)
{
	memset(e, 0, sizeof *e);
	e->path = x->path.s ? x->path : field_text(h->name, sizeof h->name);
	if (!x->path.s && !memcmp(h->magic, "ustar", 6))
		e->prefix = field_text(h->prefix, sizeof h->prefix);
	e->link = x->link.s ? x->link : field_text(h->link, sizeof h->link);
	e->mode = (uint32_t)number(h->mode, sizeof h->mode) & 07777;
	e->mtime = x->has_mtime ? x->mtime : (int64_t)number(h->mtime, sizeof h->mtime);
	if (e->mtime < 0)
		e->mtime = 0;
	e->kind = x->sparse ? ARCHIVE_OTHER : kind_of(h, &e->path);
}

/*
 * Only these carry data: for others the size field is noise (POSIX: "no data blocks"), but for ours
 * that are skipped.
 */
static bool has_data(const struct header *h)
{
	return h->type < '1' || h->type > '6';
}

/*
 * Goes on over headers that are about the next one until a member comes. Each turn moves r->at on
 * by a block at least, so an archive of nothing but such headers ends too. `left` is what lies
 * behind the header: every size is compared with it.
 */
enum archive_result tar_next(struct archive_reader *r, struct archive_entry *e)
{
	struct extra x = { .sparse = false };

	for (;;) {
		const struct header *h = (const void *)(r->base + r->at);
		const char *data = (const char *)h + BLOCK;
		size_t left = r->len - r->at;
		uint64_t size;

		if (left < BLOCK)
			return ARCHIVE_SHORT;
		if (is_zero(h))
			return ARCHIVE_END;
		if (!sum_is_right(h))
			return ARCHIVE_DAMAGED;
		left -= BLOCK;
		size = x.has_size ? x.size : number(h->size, sizeof h->size);
		if (!has_data(h))
			size = 0;
		if (size > left)
			return ARCHIVE_SHORT;
		/* The padding of the last member may be missing: its data are whole. */
		r->at += BLOCK + (size + BLOCK - 1 < left ? (size + BLOCK - 1) & ~(uint64_t)(BLOCK - 1) : left);
		if (read_extra(&x, h, data, (size_t)size))
			continue;
		fill(e, h, &x);
		e->data = data;
		e->size = (size_t)size;
		return ARCHIVE_ENTRY;
	}
}
