/* SPDX-License-Identifier: MIT */
#ifndef ARCHIVE_H
#define ARCHIVE_H

/*
 * Reading archives: tar.c and cpio.c take them apart, archive.c puts what they say into the tree.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct archive_reader {
	const unsigned char *base;
	size_t len;
	size_t at; /* where the next header is */
};

enum archive_kind {
	ARCHIVE_FILE,
	ARCHIVE_DIR,
	ARCHIVE_SYMLINK,
	ARCHIVE_HARDLINK, /* to the path in link */
	ARCHIVE_OTHER,    /* a device, a pipe, a sparse file: nothing that can be served */
};

/* A stretch of the archive; not ended by NUL. */
struct archive_text {
	const char *s;
	size_t len;
};

/* One member. Everything points into the archive and lies within it. */
struct archive_entry {
	enum archive_kind kind;
	struct archive_text prefix; /* before the path, with a slash between; often empty */
	struct archive_text path;
	struct archive_text link;
	const void *data;
	size_t size;
	uint32_t mode;
	int64_t mtime;
	uint64_t inode; /* cpio with several links: the same for each of them and not 0; the last one has the data */
};

enum archive_result {
	ARCHIVE_ENTRY,
	ARCHIVE_END,
	ARCHIVE_SHORT,   /* it goes on behind its own end, or has no end mark: cut */
	ARCHIVE_DAMAGED, /* what stands where a header should be is none */
};

bool tar_detect(const struct archive_reader *r);
enum archive_result tar_next(struct archive_reader *r, struct archive_entry *e);

bool cpio_detect(const struct archive_reader *r);
enum archive_result cpio_next(struct archive_reader *r, struct archive_entry *e);

/*
 * Puts every whole member of the len bytes at base into the tree; name is for messages. The bytes
 * stay where they are. Returns how many members there were.
 */
size_t archive_mount(const char *name, const void *base, size_t len);

/* For path.c: mounts all that there are. */
void archive_start(void);

#endif
