/* SPDX-License-Identifier: MIT */
#ifndef HTTPD_H
#define HTTPD_H

/*
 * httpd: a small web server for static files, in one thread around one epoll.
 *
 * A connection that waits costs a struct conn and nothing else: input is read into one buffer that
 * all share, output is a list of pieces that point at memory which is there anyway. Only what is
 * left over (half a request, a reader that is slow) is kept in memory of the connection. The usual
 * request, GET of a small file, costs one read(), one write() and no allocation: file.c keeps whole
 * responses ready.
 *
 *   main.c     options                     server.c   the loop: accept, events, timeouts, stop
 *   conn.c     one connection's life       out.c      what is still to be written
 *   parse.c    request heads               body.c     request bodies, to be skipped
 *   answer.c   request -> response         file.c     path -> file, and responses kept ready
 *   path.c     target -> path              cond.c     If-*, Range          date.c     dates of HTTP
 *   status.c   numbers as JSON, metrics    page.c     numbers as a page      proc.c   where they come from
 *
 * Read conn.c first, then answer.c.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#define HEAD_MAX 16384   /* bytes of a request head, and of what is read at once */
#define TARGET_MAX 8000  /* bytes of a request target: RFC 9112 section 3 wants 8000 for the line */
#define FIELDS_MAX 100   /* header lines */
#define BODY_MAX 65536   /* bytes of a request body, which nothing here uses */
#define PATH_LEN 1024    /* bytes of a decoded path */

/* ---- main.c ---- */

struct config {
	uint16_t port;
	const char *root;      /* without a slash at its end: "" is the root of the file system */
	unsigned max_conns;
	unsigned header_ms;    /* to send a request from its first byte on */
	unsigned idle_ms;      /* between requests */
	unsigned write_ms;     /* without any progress in sending */
};
extern struct config config;

/*
 * Prints a line; 1 is standard output, 2 standard error. Without stdio, which an image that serves
 * files does not need.
 */
void main_say(int fd, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* ---- blob.c ---- */

/* Bytes that several may point at: freed by the last. */
struct blob {
	unsigned refs;
	size_t len, size;
	char data[];
};

struct blob *blob_new(size_t size); /* with one reference; NULL without memory */
void blob_drop(struct blob *b);     /* NULL is harmless */

/*
 * Appends text and returns the blob, which may have moved. NULL stays NULL: check once, at the end.
 * Only for a blob with one reference.
 */
struct blob *blob_add(struct blob *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* ---- out.c ---- */

#define OUT_PIECES 32
#define OUT_BYTES 65536 /* enough to be written first, before more is added */

struct piece {
	struct blob *blob; /* referenced by the piece; NULL: static storage */
	const char *base;
	size_t len;
};

/* What is to be written, in order; a file can only be the last. */
struct out {
	unsigned first, count; /* pieces first .. count-1 */
	size_t bytes;          /* in pieces */
	int file;              /* a descriptor that is closed at the end; -1: none */
	off_t file_at;
	uint64_t file_left;
	struct piece piece[OUT_PIECES];
};

enum out_result {
	OUT_DONE,   /* all is written */
	OUT_LATER,  /* the socket is full, or others shall have a turn: wait for EPOLLOUT */
	OUT_FAILED, /* the connection is gone */
};

void out_init(struct out *o);
bool out_room(const struct out *o); /* for one more response, of at most 4 pieces */
void out_add(struct out *o, struct blob *b, const char *base, size_t len); /* takes a reference of its own */
void out_file(struct out *o, int fd, off_t at, uint64_t len); /* owns fd from now on */
enum out_result out_flush(struct out *o, int fd);
void out_clear(struct out *o);

/* ---- parse.c ---- */

/* Part of a buffer, not terminated. p == NULL: not there. */
struct str {
	const char *p;
	size_t len;
};
#define STR(literal) ((struct str){ literal, sizeof literal - 1 })
bool parse_is(struct str s, const char *word); /* whatever the case of its letters */

enum method {
	METHOD_GET,
	METHOD_HEAD,
	METHOD_OPTIONS,
	METHOD_OTHER, /* known, but not for anything here */
};

struct request {
	enum method method;
	bool http11;         /* HTTP/1.1 or later 1.x; else 1.0 */
	bool plain;          /* target is a path without % and ?: it is its own decoded form */
	bool keep;           /* the client wants the connection to stay */
	bool expect;         /* 100-continue */
	bool chunked;
	bool conditional;    /* one of the If-* or Range is there */
	uint64_t length;     /* of the body, where it is not chunked */
	struct str target;   /* origin-form, or "*" */
	uint32_t hash;       /* of the target, see parse_hash() */
	struct str host, range, if_range, if_match, if_none_match, if_modified, if_unmodified;
	unsigned seen;       /* for parse.c */
};

/*
 * Returns the length of the head, 0 when its end has not come yet, or -STATUS of a head that no
 * server should serve; *r then is the part before that. *r is valid until the next call, and for as
 * long as the bytes at p stay.
 */
int parse_head(const char *p, size_t len, const struct request **r);

/* The hash under which file.c finds a path. */
uint32_t parse_hash(const char *p, size_t len);

/* The next member of a comma-separated list; false at its end. */
bool parse_member(struct str *list, struct str *member);

/* ---- path.c ---- */

/*
 * The path that a target names, decoded, query cut off, in static memory that the next call uses
 * again. Returns 200, or the status for a path that cannot be: nothing that passes leads out of the
 * root.
 */
int path_decode(struct str target, struct str *path);

/* ---- body.c ---- */

struct body {
	enum { BODY_NONE, BODY_LENGTH, BODY_CHUNKED } kind;
	int state;      /* of the chunk reader */
	uint64_t left;  /* of the body, or of the chunk */
	size_t total;   /* bytes seen, chunk headers and trailers included */
};

void body_start(struct body *b, const struct request *r);

/*
 * Skips body in p; *used says how much. Returns 1 at the end of the body, 0 when more must come, or
 * -STATUS.
 */
int body_skip(struct body *b, const char *p, size_t len, size_t *used);

/* ---- file.c ---- */

struct file {
	struct blob *reply;  /* kept ready: head with date, and body; NULL for a file that is too large to keep */
	size_t head;         /* bytes of the head in reply */
	int fd;              /* open, the caller's to close, where there is no reply */
	uint64_t size;
	time_t mtime;
	const char *type;
	char etag[40];
	/* for file.c */
	size_t date_at;      /* where in reply the date stands; 0: nowhere */
	uint32_t hash;
	unsigned checked;    /* the second of server_second when the file was last looked at */
	struct str path;     /* NULL: free */
};

/* Finds a file that is kept ready and fresh; NULL otherwise. The fast path. */
struct file *file_ready(struct str path, uint32_t hash);

/*
 * Finds a file by its decoded path. Returns 200, or the status to be answered with. *f is valid
 * until the next call.
 */
int file_find(struct str path, struct file **f);

/* The whole head of a 200 for it; and the fields that describe it, for a head of another kind. */
struct blob *file_head(const struct file *f);
struct blob *file_fields(struct blob *b, const struct file *f);

/* ---- cond.c ---- */

/* What the If-* fields come to: 200, 304 or 412 (RFC 9110 section 13.2.2). */
int cond_check(const struct request *r, const char *etag, time_t mtime);

/* Whether If-Range, if there is one, allows a range. */
bool cond_if_range(const struct request *r, const char *etag, time_t mtime);

/* One range of bytes. Returns 206 with first and last, 416, or 200 for what is to be ignored. */
int cond_range(struct str value, uint64_t size, uint64_t *first, uint64_t *last);

/* ---- date.c ---- */

#define DATE_LEN 29
void date_format(char buf[DATE_LEN + 1], time_t t);
bool date_parse(struct str s, time_t *t);

/* ---- answer.c ---- */

/* Queues the response to r. Returns whether the connection stays open after it. */
bool answer_request(struct out *o, const struct request *r);

/* Queues an error after which the connection ends. r: as far as it was read. */
void answer_error(struct out *o, const struct request *r, int status);

/* ---- conn.c ---- */

enum conn_state {
	CONN_READ,   /* waits for a request, or the rest of one */
	CONN_WRITE,  /* waits for the peer to take what is in out */
	CONN_LINGER, /* all is said; reads on so that the last words are not lost to a reset */
	CONN_DEAD,   /* closed; freed at the end of the batch */
};

struct conn {
	struct conn *next, *prev; /* all connections: server.c */
	int fd;
	enum conn_state state;
	bool closing;        /* ends when out is empty */
	bool clean;          /* ... and nothing unread is expected: needs no lingering */
	bool partial;        /* a request has begun, or must: the deadline for its end runs */
	int64_t deadline;    /* of server_ms */
	struct out *out;     /* NULL: nothing is waiting to be written */
	char *held;          /* input that is not used up, held_len bytes */
	size_t held_len;
	char *head;          /* the head of the request whose body is being skipped */
	size_t head_len;
	struct body body;
	size_t lingered;     /* bytes */
};

void conn_start(struct conn *c, int fd);
void conn_event(struct conn *c, uint32_t events);
void conn_expire(struct conn *c); /* its deadline has passed */
void conn_close(struct conn *c);
bool conn_idle(const struct conn *c); /* between two requests */

/* ---- server.c ---- */

struct counters {
	uint64_t requests, accepted, refused, timeouts, bytes_in, bytes_out;
	uint64_t responses[6]; /* by first digit of the status */
	unsigned open;
};
extern struct counters server_counters;

/* The clock, read once for each batch of events. */
extern int64_t server_ms;      /* monotonic */
extern unsigned server_second; /* changes once a second */
extern int64_t server_began;   /* server_ms at the start */
extern bool server_stopping;   /* no request after the current ones */

int server_start(void);
int server_run(void);
void server_watch(struct conn *c, uint32_t events); /* waits for something else from now on */
void server_forget(struct conn *c);                 /* conn_close() is done with it */

/* The Date field with its line end, "" on a machine without a calendar. */
const char *server_date(void);

/* ---- status.c, page.c, proc.c ---- */

struct proc_phase {
	char name[24];
	uint64_t us; /* how long it took */
};

struct proc_net {
	char name[16];
	uint64_t rx_bytes, rx_packets, tx_bytes, tx_packets;
};

#define PROC_PHASES 16
#define PROC_NETS 8

/* What the machine says of itself. What it does not say is "" or 0. */
struct proc {
	char platform[24], machine[24], accelerator[24], clock[24], boot[24];
	uint64_t uptime; /* hundredths of a second */
	uint64_t memory_total, memory_free; /* bytes */
	unsigned phases, nets;
	struct proc_phase phase[PROC_PHASES];
	struct proc_net net[PROC_NETS];
};

bool proc_is_image(void); /* whether this is a pith image */
void proc_read(struct proc *p);

/* Reads a small file whole, as far as it fits; "" when it is not there. */
void proc_text(const char *name, char *buf, size_t size);

/*
 * The next line `name number` of a text, which it takes apart; the name fit for a metric. False at
 * the end.
 */
bool proc_next(char **text, const char **name, uint64_t *value);

struct blob *status_json(void);
struct blob *status_metrics(void);
struct blob *page_html(void);

#endif
