/* SPDX-License-Identifier: MIT */
#ifndef IOV_H
#define IOV_H

/*
 * Walking through an iovec in steps of any length. Callers never go past its end.
 *
 * In a header, because nearly every vector is one piece: then all of this folds into a memcpy().
 */

#include <stddef.h>
#include <string.h>
#include <sys/uio.h>

/* A place in a vector. */
struct iov {
	const struct iovec *v;
	int nv;
	size_t at; /* in v[0] */
};

/* Bytes in all. The caller has seen to it that the sum fits (io.c, sock.c). */
static inline size_t iov_length(const struct iovec *v, int nv)
{
	size_t sum = 0;

	for (int i = 0; i < nv; i++)
		sum += v[i].iov_len;
	return sum;
}

/* The rest of the current piece; *len is 0 at the end. */
static inline char *iov_piece(struct iov *i, size_t *len)
{
	while (i->nv > 0 && i->at == i->v->iov_len) {
		i->v++;
		i->nv--;
		i->at = 0;
	}
	*len = i->nv > 0 ? i->v->iov_len - i->at : 0;
	return i->nv > 0 ? (char *)i->v->iov_base + i->at : NULL;
}

/* Goes n bytes further without touching them. */
static inline void iov_skip(struct iov *i, size_t n)
{
	size_t len;

	while (n > 0) {
		iov_piece(i, &len);
		len = len < n ? len : n;
		i->at += len;
		n -= len;
	}
}

/* Copies out of the vector, and into it. */
static inline void iov_get(struct iov *i, void *to, size_t n)
{
	char *p = to;
	size_t len;

	for (; n > 0; n -= len, p += len) {
		const char *from = iov_piece(i, &len);

		len = len < n ? len : n;
		memcpy(p, from, len);
		i->at += len;
	}
}

static inline void iov_put(struct iov *i, const void *from, size_t n)
{
	const char *p = from;
	size_t len;

	for (; n > 0; n -= len, p += len) {
		char *to = iov_piece(i, &len);

		len = len < n ? len : n;
		memcpy(to, p, len);
		i->at += len;
	}
}

#endif
