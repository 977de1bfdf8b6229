/* SPDX-License-Identifier: MIT */
#include "httpd.h"

/*
 * From a request to the pieces of its response.
 *
 * A GET of a small file that is kept ready is one piece, found by its path and queued as it is. All
 * else takes the long way: conditions, ranges, other pages, errors. Read httpd.h and file.c first.
 */

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* RFC 9110 section 15.5.6: a 405 must list what the target takes. */
#define ALLOW "Allow: GET, HEAD, OPTIONS\r\n"
#define NO_STORE "Cache-Control: no-store\r\n"

/* The page of numbers runs its own script and asks this server only. */
#define PAGE_POLICY \
	NO_STORE "Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; " \
	"img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n"

/* One request on its way through this file. */
struct job {
	struct out *o;
	const struct request *r;
	bool keep; /* the connection stays open */
};

/* The words are for people; programs look at the number (RFC 9112 section 4). */
static const char *reason(int status)
{
	static const struct {
		int status;
		const char *text;
	} v[] = {
		{ 200, "OK" }, { 204, "No Content" }, { 206, "Partial Content" }, { 301, "Moved Permanently" },
		{ 304, "Not Modified" }, { 400, "Bad Request" }, { 403, "Forbidden" }, { 404, "Not Found" },
		{ 405, "Method Not Allowed" }, { 408, "Request Timeout" }, { 412, "Precondition Failed" },
		{ 413, "Content Too Large" }, { 414, "URI Too Long" }, { 416, "Range Not Satisfiable" },
		{ 417, "Expectation Failed" }, { 431, "Request Header Fields Too Large" },
		{ 500, "Internal Server Error" }, { 501, "Not Implemented" }, { 503, "Service Unavailable" },
		{ 505, "HTTP Version Not Supported" },
	};
	size_t i;

	for (i = 0; i < sizeof v / sizeof *v; i++)
		if (v[i].status == status)
			return v[i].text;
	return "Error";
}

/* What HTTP/1.1 does not take for granted (RFC 9112 section 9.3). */
static const char *connection_field(const struct job *j)
{
	if (!j->keep)
		return "Connection: close\r\n";
	return j->r->http11 ? "" : "Connection: keep-alive\r\n";
}

/*
 * Queues a response: head without its last empty line, then a body that may be NULL. Drops both.
 * False: there was no memory, it became a 503.
 */
static bool respond(struct job *j, int status, struct blob *head, struct blob *body)
{
	/* Static, so that it can be sent where nothing can be allocated. */
	static const char none[] = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
	bool ok;

	head = blob_add(head, "%s\r\n", connection_field(j));
	ok = head != NULL;
	server_counters.responses[(ok ? status : 503) / 100]++;
	if (ok) {
		out_add(j->o, head, head->data, head->len);
		if (body && j->r->method != METHOD_HEAD)
			out_add(j->o, body, body->data, body->len);
	} else {
		out_add(j->o, NULL, none, sizeof none - 1);
		j->keep = false;
	}
	blob_drop(head);
	blob_drop(body);
	return ok;
}

/* Every head begins so. 512 bytes are enough for most, and blob_add() finds more for the others. */
static struct blob *start_head(int status)
{
	return blob_add(blob_new(512), "HTTP/1.1 %d %s\r\nServer: pith\r\n%s", status, reason(status), server_date());
}

/* A page made just now; body NULL: there was no memory for it. */
static void respond_page(struct job *j, int status, const char *type, const char *fields, struct blob *body)
{
	struct blob *head = NULL;

	if (body)
		head = blob_add(start_head(status), "Content-Type: %s\r\nContent-Length: %zu\r\n%s", type, body->len, fields);
	respond(j, status, head, body);
}

/*
 * A page for people who meet it in a browser. It names nothing of the request: what came from
 * outside is not sent back.
 */
static void respond_error(struct job *j, int status, const char *fields)
{
	struct blob *body = blob_new(256);

	body = blob_add(body, "<!doctype html>\n<html lang=\"en\"><title>%d %s</title>\n<h1>%d %s</h1>\n", status,
			reason(status), status, reason(status));
	respond_page(j, status, "text/html; charset=utf-8", fields, body);
}

/* ---- files ---- */

/*
 * A file that is kept, or its head alone; the connection field goes between the head and its empty
 * line.
 */
static void respond_kept(struct job *j, const struct file *f)
{
	struct blob *b = f->reply;
	const char *field = connection_field(j);
	size_t end = j->r->method == METHOD_HEAD ? f->head : b->len;

	server_counters.responses[2]++;
	/* The usual case: one piece, which has stood ready since the second began. */
	if (!*field) {
		out_add(j->o, b, b->data, end);
		return;
	}
	/* Three pieces, of the four that out_room() has promised. */
	out_add(j->o, b, b->data, f->head - 2);
	out_add(j->o, NULL, field, strlen(field));
	out_add(j->o, b, b->data + f->head - 2, end - f->head + 2);
}

/* Part of a file, from memory or from the disk. */
static void queue_part(struct job *j, struct file *f, uint64_t first, uint64_t len)
{
	if (j->r->method == METHOD_HEAD || !len)
		return;
	if (f->reply) {
		out_add(j->o, f->reply, f->reply->data + f->head + first, (size_t)len);
		return;
	}
	out_file(j->o, f->fd, (off_t)first, len);
	/* Now the list's to close, however the connection ends. */
	f->fd = -1;
}

/* A file too large to keep: its head is made now, its body comes from the disk while it is sent. */
static void respond_whole(struct job *j, struct file *f)
{
	struct blob *head;

	if (f->reply) {
		respond_kept(j, f);
		return;
	}
	head = file_head(f);
	if (head)
		head->len -= 2;
	if (respond(j, 200, head, NULL))
		queue_part(j, f, 0, f->size);
}

/*
 * RFC 9110 section 15.3.7: one range has its Content-Range, and the fields that a 200 would have
 * had. Only one is ever served (cond.c), so there is no multipart.
 */
static void respond_part(struct job *j, struct file *f, uint64_t first, uint64_t last)
{
	struct blob *head = file_fields(start_head(206), f);

	head = blob_add(head, "Content-Type: %s\r\nContent-Range: bytes %llu-%llu/%llu\r\nContent-Length: %llu\r\n", f->type,
			(unsigned long long)first, (unsigned long long)last, (unsigned long long)f->size,
			(unsigned long long)(last - first + 1));
	if (respond(j, 206, head, NULL))
		queue_part(j, f, first, last - first + 1);
}

/*
 * RFC 9110 section 13.2.2: the If-* fields come first, and only what they let pass as 200 can
 * become part of it. A 304 has the fields by which a cache finds its copy, and no body (section
 * 15.4.5). A 416 says how long the file is (section 15.5.17).
 */
static void respond_file(struct job *j, struct file *f)
{
	const struct request *r = j->r;
	uint64_t first = 0, last = 0;
	char field[64];
	int status = cond_check(r, f->etag, f->mtime);

	/* A range is asked for by GET only (RFC 9110 section 14.2). */
	if (status == 200 && r->range.p && r->method == METHOD_GET && cond_if_range(r, f->etag, f->mtime))
		status = cond_range(r->range, f->size, &first, &last);
	if (status == 200) {
		respond_whole(j, f);
	} else if (status == 206) {
		respond_part(j, f, first, last);
	} else if (status == 304) {
		respond(j, 304, file_fields(start_head(304), f), NULL);
	} else {
		snprintf(field, sizeof field, "Content-Range: bytes */%llu\r\n", (unsigned long long)f->size);
		respond_error(j, status, status == 416 ? field : "");
	}
	/* Whoever queued the file took the descriptor, and left -1. */
	if (!f->reply && f->fd >= 0)
		close(f->fd);
}

/*
 * The same target with a slash: as it came, so that nothing needs to be encoded. The query is lost.
 */
static void respond_moved(struct job *j)
{
	const struct str t = j->r->target;
	const char *query = memchr(t.p, '?', t.len);
	struct blob *fields = blob_new(256);

	fields = blob_add(fields, "Location: %.*s/\r\n", (int)(query ? (size_t)(query - t.p) : t.len), t.p);
	respond_error(j, fields ? 301 : 503, fields ? fields->data : "");
	blob_drop(fields);
}

/* ---- which of them ---- */

/* Paths are compared as they are: names of files differ by case, and so do these. */
static bool is(struct str path, const char *name)
{
	return path.len == strlen(name) && !memcmp(path.p, name, path.len);
}

/* Pages that no file is behind. Returns whether path is one. */
static bool respond_made(struct job *j, struct str path)
{
	if (is(path, "/status"))
		respond_page(j, 200, "text/html; charset=utf-8", PAGE_POLICY, page_html());
	else if (is(path, "/status.json"))
		respond_page(j, 200, "application/json", NO_STORE, status_json());
	else if (is(path, "/metrics"))
		respond_page(j, 200, "text/plain; version=0.0.4; charset=utf-8", NO_STORE, status_metrics());
	else
		return false;
	return true;
}

/* A directory is its index.html; the root may do without one, and then is the page of numbers. */
static void respond_directory(struct job *j, struct str path)
{
	static char name[PATH_LEN + 16];
	struct file *f;
	int status, n = snprintf(name, sizeof name, "%.*sindex.html", (int)path.len, path.p);

	status = file_find((struct str){ name, (size_t)n }, &f);
	if (status == 200)
		respond_file(j, f);
	else if (status == 404 && path.len == 1)
		respond_made(j, STR("/status"));
	else
		respond_error(j, status == 301 ? 404 : status, "");
}

/*
 * The order says who wins: what is made here, then folders, then files. A path that path.c refuses
 * never gets this far.
 */
static void respond_path(struct job *j)
{
	struct str path;
	struct file *f;
	int status = path_decode(j->r->target, &path);

	if (status != 200) {
		respond_error(j, status, "");
		return;
	}
	if (respond_made(j, path))
		return;
	/* Never empty: path_decode() takes only what begins with a slash. */
	if (path.p[path.len - 1] == '/') {
		respond_directory(j, path);
		return;
	}
	status = file_find(path, &f);
	if (status == 200)
		respond_file(j, f);
	else if (status == 301)
		respond_moved(j);
	else
		respond_error(j, status, "");
}

/*
 * HEAD is a GET whose body is left away (RFC 9110 section 9.3.2), so both go the same way. A
 * request while the server is stopping is served, and told that it was the last.
 */
bool answer_request(struct out *o, const struct request *r)
{
	struct job j = { .o = o, .r = r, .keep = r->keep && !server_stopping };
	struct file *f;

	/*
	 * No condition, nothing to decode: the target itself is the key, and its hash is there
	 * already.
	 */
	if (r->method == METHOD_GET && r->plain && !r->conditional) {
		f = file_ready(r->target, r->hash);
		if (f) {
			respond_kept(&j, f);
			return j.keep;
		}
	}
	if (r->method == METHOD_OPTIONS)
		respond(&j, 204, blob_add(start_head(204), ALLOW), NULL);
	else if (r->method == METHOD_OTHER)
		respond_error(&j, 405, ALLOW);
	else
		respond_path(&j);
	return j.keep;
}

/* Whatever was wrong, nobody knows where a next request would begin: never kept open. */
void answer_error(struct out *o, const struct request *r, int status)
{
	struct job j = { .o = o, .r = r, .keep = false };

	respond_error(&j, status, "");
}
