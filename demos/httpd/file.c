/* SPDX-License-Identifier: MIT */
#include "httpd.h"

/*
 * Finds files, and keeps the responses of small ones ready: head, date and body in one piece.
 *
 * A file that is kept is looked at again once a second, when the first request of that second
 * comes: then the date is set, and what changed on disk is read again. In between, a request costs
 * a look into a table. Larger files are opened for each request and sent by sendfile(). Read
 * httpd.h first.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEEP_MAX 16384     /* bytes of a file that is kept */
#define KEEP_TOTAL 262144  /* bytes of all of them: small machines have 5 MiB in all */
#define SLOTS 64           /* a power of two */
#define WAYS 4             /* slots in which a path may be: the oldest of them makes room */

/* WAYS - 1 more than SLOTS: the ways of the last slot do not wrap around. */
static struct file slots[SLOTS + WAYS - 1];
static size_t kept; /* bytes of all replies */

/*
 * Everything that can say no is compared first, and the bytes of the path last: a hash of 32 bits
 * is no proof.
 */
struct file *file_ready(struct str path, uint32_t hash)
{
	struct file *f = &slots[hash % SLOTS];
	int i;

	for (i = 0; i < WAYS; i++, f++)
		if (f->hash == hash && f->checked == server_second && f->path.len == path.len && f->path.p
		    && !memcmp(f->path.p, path.p, path.len))
			return f;
	return NULL;
}

/* As file_ready(), but whenever it was last looked at: for who looks again. */
static struct file *lookup(struct str path, uint32_t hash)
{
	struct file *f = &slots[hash % SLOTS];
	int i;

	for (i = 0; i < WAYS; i++, f++)
		if (f->path.p && f->hash == hash && f->path.len == path.len && !memcmp(f->path.p, path.p, path.len))
			return f;
	return NULL;
}

/* Answers on their way keep their own reference to the bytes. */
static void forget(struct file *f)
{
	if (!f->path.p)
		return;
	kept -= f->reply->len;
	blob_drop(f->reply);
	free((void *)(uintptr_t)f->path.p);
	memset(f, 0, sizeof *f);
}

/* A free slot for hash, or the one that was not asked for the longest. */
static struct file *make_room(uint32_t hash)
{
	struct file *f = &slots[hash % SLOTS], *oldest = f;
	int i;

	for (i = 0; i < WAYS; i++, f++)
		if (!f->path.p || (oldest->path.p && f->checked < oldest->checked))
			oldest = f;
	forget(oldest);
	return oldest;
}

/*
 * By the ending, as everybody does. What is not on the list is sent as bytes, which no browser will
 * run.
 */
static const char *type_of(struct str path)
{
	static const char types[][2][32] = {
		{ "html", "text/html; charset=utf-8" }, { "htm", "text/html; charset=utf-8" },
		{ "css", "text/css; charset=utf-8" }, { "js", "text/javascript; charset=utf-8" },
		{ "mjs", "text/javascript; charset=utf-8" }, { "json", "application/json" },
		{ "txt", "text/plain; charset=utf-8" }, { "md", "text/plain; charset=utf-8" },
		{ "xml", "application/xml" }, { "svg", "image/svg+xml" }, { "png", "image/png" },
		{ "jpg", "image/jpeg" }, { "jpeg", "image/jpeg" }, { "gif", "image/gif" },
		{ "webp", "image/webp" }, { "ico", "image/x-icon" }, { "woff2", "font/woff2" },
		{ "wasm", "application/wasm" }, { "pdf", "application/pdf" },
	};
	size_t i, n = 0;

	while (n < path.len && path.p[path.len - n - 1] != '.' && path.p[path.len - n - 1] != '/')
		n++;
	for (i = 0; i < sizeof types / sizeof *types; i++)
		if (parse_is((struct str){ path.p + path.len - n, n }, types[i][0]))
			return types[i][1];
	return "application/octet-stream";
}

/*
 * The tag is strong (RFC 9110 section 8.8.1): size and time of a file that is kept or opened here,
 * now. A change within one second that keeps the size would have the same one; unchanged() deals
 * with that for what we keep.
 */
static void describe(struct file *f, struct str path, const struct stat *st)
{
	f->fd = -1;
	f->size = (uint64_t)st->st_size;
	f->mtime = st->st_mtime;
	f->type = type_of(path);
	snprintf(f->etag, sizeof f->etag, "\"%llx-%llx\"", (unsigned long long)st->st_mtime, (unsigned long long)st->st_size);
}

/* What a 200, a 206 and a 304 have in common (RFC 9110 section 15.4.5). */
struct blob *file_fields(struct blob *b, const struct file *f)
{
	char date[DATE_LEN + 1];

	date_format(date, f->mtime);
	return blob_add(b, "Last-Modified: %s\r\nETag: %s\r\nAccept-Ranges: bytes\r\n", date, f->etag);
}

/* The head that goes with a whole file. *date_at says where its date stands. */
static struct blob *make_head(const struct file *f, size_t *date_at)
{
	const char *date = server_date();
	struct blob *b = blob_new(512 + (f->size <= KEEP_MAX ? (size_t)f->size : 0));

	b = blob_add(b, "HTTP/1.1 200 OK\r\nServer: pith\r\n");
	*date_at = b && *date ? b->len : 0;
	b = blob_add(b, "%sContent-Type: %s\r\nContent-Length: %llu\r\n", date, f->type, (unsigned long long)f->size);
	return blob_add(file_fields(b, f), "\r\n");
}

/* For a file that is not kept: nobody will set its date again. */
struct blob *file_head(const struct file *f)
{
	size_t date_at;

	return make_head(f, &date_at);
}

/*
 * Reads the whole file behind its head. Returns false when it could not be done: the file is then
 * sent from the disk.
 */
static bool fill(struct file *f, int fd)
{
	struct blob *b = make_head(f, &f->date_at);
	size_t done = 0;
	ssize_t n = 1;

	if (!b)
		return false;
	f->head = b->len;
	/*
	 * Short where the file shrank meanwhile. One that grew is cut at the length that the head
	 * has.
	 */
	while (done < f->size && n > 0 && b->size - b->len >= f->size) {
		n = pread(fd, b->data + b->len + done, (size_t)f->size - done, (off_t)done);
		done += n > 0 ? (size_t)n : 0;
	}
	if (done < f->size) {
		blob_drop(b);
		return false;
	}
	b->len += done;
	f->reply = b;
	return true;
}

/*
 * Only small files, and only so many: the machine may have no more than a few MiB. What does not
 * fit is served from the disk.
 */
static bool keep(struct file *f, struct str path, uint32_t hash, int fd)
{
	struct file *slot;
	char *name;

	if (f->size > KEEP_MAX || kept + f->size > KEEP_TOTAL || !fill(f, fd))
		return false;
	name = malloc(path.len + 1);
	if (!name) {
		blob_drop(f->reply);
		f->reply = NULL;
		return false;
	}
	memcpy(name, path.p, path.len);
	f->path = (struct str){ name, path.len };
	f->hash = hash;
	f->checked = server_second;
	slot = make_room(hash);
	*slot = *f;
	kept += f->reply->len;
	return true;
}

/*
 * Sets the date of a reply that is otherwise as it was; in a copy when somebody is still being sent
 * the old one.
 */
static void set_date(struct file *f)
{
	struct blob *b = f->reply, *copy;
	const char *date = server_date();

	if (!f->date_at || !*date)
		return;
	if (b->refs > 1) {
		copy = blob_new(b->len);
		if (!copy)
			return; /* an old date does less harm than no page */
		memcpy(copy->data, b->data, b->len);
		copy->len = b->len;
		blob_drop(b);
		f->reply = b = copy;
	}
	memcpy(b->data + f->date_at, date, strlen(date));
}

/*
 * Whether a kept file is what is on disk. Within two seconds of a change another could have the
 * same time.
 */
static bool unchanged(const struct file *f, const struct stat *st)
{
	time_t now = time(NULL);

	return f->mtime == st->st_mtime && f->size == (uint64_t)st->st_size && (now > f->mtime + 2 || now < f->mtime);
}

/*
 * What the client may know: that it is not there, not allowed, or not possible now. The rest is our
 * fault: 500.
 */
static int status_of(int error)
{
	switch (error) {
	case EACCES:
	case EPERM:
		return 403;
	case EMFILE:
	case ENFILE:
	case ENOMEM:
		return 503;
	case ENOENT:
	case ENOTDIR:
	case ENAMETOOLONG:
	case ELOOP:
		return 404;
	}
	return 500;
}

/*
 * What was opened is asked again what it is: between stat() and open() the name may have been given
 * to something else.
 */
static int open_file(const char *name, struct stat *st, int *fd)
{
	/* O_NONBLOCK: what was replaced by a FIFO since it was looked at must not stop the server. */
	*fd = open(name, O_RDONLY | O_NONBLOCK);
	if (*fd < 0)
		return status_of(errno);
	if (!fstat(*fd, st) && S_ISREG(st->st_mode))
		return 200;
	close(*fd);
	return 404;
}

/* Opens the file; keeps its reply, or leaves it open in a file of its own. */
/*
 * `one` is static: a file that is not kept lives until the next call, which is as long as an answer
 * is made.
 */
static int load(const char *name, struct str path, uint32_t hash, struct file **f)
{
	static struct file one;
	struct stat st;
	int fd, rc = open_file(name, &st, &fd);

	if (rc != 200)
		return rc;
	memset(&one, 0, sizeof one);
	describe(&one, path, &st);
	if (keep(&one, path, hash, fd)) {
		close(fd);
		*f = lookup(path, hash);
		return 200;
	}
	one.fd = fd;
	*f = &one;
	return 200;
}

/*
 * One stat() a second for what is kept, one for every request for what is not. Conditions on the
 * file are judged by what stat() says now, so a file that was replaced is new from the next second
 * on.
 */
int file_find(struct str path, struct file **f)
{
	static char name[2 * PATH_LEN];
	uint32_t hash = parse_hash(path.p, path.len);
	struct file *old = lookup(path, hash);
	struct stat st;
	int rc = 200, n = snprintf(name, sizeof name, "%s%.*s", config.root, (int)path.len, path.p);

	/*
	 * A path that was decoded ends here; the fast path has seen only those that need no decoding.
	 */
	if (old && old->checked == server_second)
		return *f = old, 200;
	if (n < 0 || (size_t)n >= sizeof name)
		return 404;
	if (stat(name, &st))
		rc = status_of(errno);
	else if (!S_ISREG(st.st_mode))
		rc = S_ISDIR(st.st_mode) && path.p[path.len - 1] != '/' ? 301 : 404;
	if (rc == 200 && old && unchanged(old, &st)) {
		set_date(old);
		old->checked = server_second;
		return *f = old, 200;
	}
	if (old)
		forget(old);
	return rc == 200 ? load(name, path, hash, f) : rc;
}
