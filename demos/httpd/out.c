/* SPDX-License-Identifier: MIT */
/*
 * What is still to be written to a connection.
 *
 * Responses are queued as pieces of memory and leave with one write() for a whole batch of
 * pipelined requests. A file that is too large to keep in memory goes last, by sendfile(). Read
 * httpd.h first.
 */
#define _GNU_SOURCE
#include "httpd.h"

#include <errno.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define FILE_TURN 131072 /* bytes of a file before other connections have a turn */

void out_init(struct out *o)
{
	o->first = o->count = 0;
	o->bytes = 0;
	o->file = -1;
	o->file_left = 0;
}

/*
 * Room for the next answer, and a bound on what one peer can have us queue: beyond OUT_BYTES it is
 * written first.
 */
bool out_room(const struct out *o)
{
	return o->count + 4 <= OUT_PIECES && o->bytes < OUT_BYTES && o->file < 0;
}

/*
 * The bytes are not copied. A blob stays until the last piece of it is gone; static text stays for
 * ever.
 */
void out_add(struct out *o, struct blob *b, const char *base, size_t len)
{
	struct piece *p = &o->piece[o->count++];

	if (b)
		b->refs++;
	p->blob = b;
	p->base = base;
	p->len = len;
	o->bytes += len;
}

/*
 * The last of a list: out_room() is false until it is sent, so no answer can be queued behind it.
 */
void out_file(struct out *o, int fd, off_t at, uint64_t len)
{
	o->file = fd;
	o->file_at = at;
	o->file_left = len;
}

/* For a connection that ends with answers unsent. */
void out_clear(struct out *o)
{
	while (o->first < o->count)
		blob_drop(o->piece[o->first++].blob);
	if (o->file >= 0)
		close(o->file);
	out_init(o);
}

/* Takes n bytes that were written off the front. */
static void advance(struct out *o, size_t n)
{
	struct piece *p = &o->piece[o->first];

	o->bytes -= n;
	for (; o->first < o->count && n >= p->len; p++, o->first++) {
		n -= p->len;
		blob_drop(p->blob);
	}
	if (n) {
		p->base += n;
		p->len -= n;
	}
	if (o->first == o->count)
		o->first = o->count = 0;
}

/*
 * SIGPIPE is ignored (server.c). MSG_MORE holds a head back until its file follows; a list without
 * a file must not have it, or its last segment would wait.
 */
static ssize_t write_pieces(struct out *o, int fd)
{
	struct iovec v[OUT_PIECES];
	const struct piece *p = &o->piece[o->first];
	unsigned i, n = o->count - o->first;
	struct msghdr m = { .msg_iov = v };

	/* The head of a file waits for the file: one segment instead of two. */
	if (n == 1)
		return send(fd, p->base, p->len, o->file < 0 ? 0 : MSG_MORE);
	for (i = 0; i < n; i++) {
		v[i].iov_base = (void *)(uintptr_t)p[i].base;
		v[i].iov_len = p[i].len;
	}
	if (o->file < 0)
		return writev(fd, v, (int)n);
	m.msg_iovlen = n;
	return sendmsg(fd, &m, MSG_MORE);
}

/*
 * EINTR counts as full: the event comes again at once, and there is one way less through the code.
 */
static enum out_result failed(void)
{
	return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? OUT_LATER : OUT_FAILED;
}

/* Bounded by FILE_TURN, or a fast reader of a large file would have the server for itself. */
static enum out_result flush_file(struct out *o, int fd)
{
	uint64_t turn = FILE_TURN;
	ssize_t n;

	while (o->file_left) {
		if (!turn)
			return OUT_LATER;
		n = sendfile(fd, o->file, &o->file_at, o->file_left < turn ? o->file_left : turn);
		if (n < 0)
			return failed();
		if (!n)
			return OUT_FAILED; /* the file shrank: what was promised cannot be sent */
		o->file_left -= (uint64_t)n;
		turn -= (uint64_t)n;
		server_counters.bytes_out += (uint64_t)n;
	}
	close(o->file);
	o->file = -1;
	return OUT_DONE;
}

/* OUT_DONE leaves the list empty and ready for use again; after OUT_FAILED the caller clears it. */
enum out_result out_flush(struct out *o, int fd)
{
	ssize_t n;

	while (o->first < o->count) {
		n = write_pieces(o, fd);
		if (n < 0)
			return failed();
		server_counters.bytes_out += (uint64_t)n;
		advance(o, (size_t)n);
		/* A short write says that the socket is full; asking again would only say so again. */
		if (o->first < o->count)
			return OUT_LATER;
	}
	return o->file < 0 ? OUT_DONE : flush_file(o, fd);
}
