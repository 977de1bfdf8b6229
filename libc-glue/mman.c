/* SPDX-License-Identifier: MIT */
#include <errno.h>

/*
 * mmap() and its family over the core's pages.
 *
 * Memory is mapped one to one and taken when it is asked for: there is no address without a page
 * behind it, and so no MAP_FIXED. A file is copied in when it is mapped; a shared mapping that can
 * be written would have to be written back, and is refused. Nothing is ever made executable: the
 * gate allows that only before main(), and W^X is not for programs to lift.
 */

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "core/err.h"
#include "core/x86/gate.h"
#include "libc-glue/io.h"

/* What mmap() has given out and munmap() not taken back. */
struct region {
	struct list node;
	uintptr_t base, end;
	bool changed; /* mprotect() was here: rights must be put back before the pages are freed */
};

/* Unsorted: programs map little here. */
static struct list regions = LIST_INIT(regions);

static size_t round_up(size_t len)
{
	return (len + PAGE_SIZE - 1) & ~(size_t)(PAGE_SIZE - 1);
}

/* There is no write-only on this machine; PROT_NONE is neither. */
static unsigned rights(int prot)
{
	return (prot & (PROT_READ | PROT_WRITE) ? GATE_READ : 0) | (prot & PROT_WRITE ? GATE_WRITE : 0);
}

/* The gate's refusals in POSIX's words. */
static int protect(uintptr_t addr, size_t len, int prot)
{
	int rc = gate_map(addr, len, rights(prot));

	return rc == -ERR_PERM ? -EACCES : rc == -ERR_INVAL ? -ENOMEM : rc;
}

/* ---- mmap ---- */

/* A hint in addr is ignored, as it may be. MAP_FIXED is not: programs rely on it when they ask. */
static int check(const void *addr, size_t len, int prot, int flags, off_t at)
{
	bool shared = flags & MAP_SHARED, private = flags & MAP_PRIVATE;

	if (len == 0 || shared == private || at % PAGE_SIZE || (prot & ~(PROT_READ | PROT_WRITE | PROT_EXEC)))
		return -EINVAL;
	if (prot & PROT_EXEC)
		return -EACCES;
	if (flags & MAP_FIXED)
		return addr ? -ENOTSUP : -EINVAL;
	if (len > SIZE_MAX - PAGE_SIZE)
		return -ENOMEM;
	return 0;
}

/* Reads from at on; what lies behind the end of the file stays zero. */
static int copy_file(int fd, off_t at, char *to, size_t len)
{
	struct fd_file *f = fd_get(fd);
	ssize_t n = 1;

	if (!f)
		return -EBADF;
	while (len > 0 && n > 0) {
		struct iovec v = { to, len };

		n = f->ops->size ? io_move(f, false, &v, 1, at) : -ENODEV;
		if (n > 0) {
			to += n;
			at += n;
			len -= (size_t)n;
		}
	}
	fd_put(f);
	return n < 0 ? (n == -EBADF ? -EACCES : (int)n) : 0;
}

/* What is shared and cannot be written may as well be a copy: nobody changes the file. */
static int fill(char *p, size_t len, int prot, int flags, int fd, off_t at)
{
	if (flags & MAP_ANONYMOUS)
		return 0;
	if ((flags & MAP_SHARED) && (prot & PROT_WRITE))
		return -ENODEV;
	return copy_file(fd, at, p, len);
}

/* Returns 0 with r filled in, or an error with nothing taken. */
static int map(struct region *r, size_t len, int prot, int flags, int fd, off_t at)
{
	size_t size = round_up(len);
	char *p = page_alloc(size / PAGE_SIZE);
	int rc;

	if (!p)
		return -ENOMEM;
	memset(p, 0, size);
	rc = fill(p, len, prot, flags, fd, at);
	r->changed = !(prot & PROT_WRITE);
	if (!rc && r->changed)
		rc = protect((uintptr_t)p, size, prot);
	if (rc) {
		page_free(p, size / PAGE_SIZE);
		return rc;
	}
	r->base = (uintptr_t)p;
	r->end = r->base + size;
	return 0;
}

void *mmap(void *addr, size_t len, int prot, int flags, int fd, off_t at)
{
	int rc = check(addr, len, prot, flags, at);
	struct region *r = rc ? NULL : malloc(sizeof *r);

	if (!rc)
		rc = r ? map(r, len, prot, flags, fd, at) : -ENOMEM;
	if (rc) {
		free(r);
		fd_result(rc);
		return MAP_FAILED;
	}
	list_append(&regions, &r->node);
	return (void *)r->base;
}

/* ---- munmap ---- */

/* The core keeps its notes in free pages, so they must be writable before they are given back. */
static void release(const struct region *r, uintptr_t base, uintptr_t end)
{
	if (r->changed)
		protect(base, end - base, PROT_READ | PROT_WRITE);
	page_free((void *)base, (end - base) / PAGE_SIZE);
}

/*
 * Cuts [base, end) out of r, which it overlaps. Returns 0 or -ENOMEM: a hole in the middle needs
 * one more region.
 */
static int cut(struct region *r, uintptr_t base, uintptr_t end)
{
	struct region *rest = NULL;

	if (base < r->base)
		base = r->base;
	if (end > r->end)
		end = r->end;
	if (base > r->base && end < r->end) {
		rest = malloc(sizeof *rest);
		if (!rest)
			return -ENOMEM;
		*rest = (struct region){ .base = end, .end = r->end, .changed = r->changed };
		list_append(&regions, &rest->node);
		r->end = end;
	}
	release(r, base, end);
	if (base > r->base)
		r->end = base;
	else
		r->base = end;
	if (r->base == r->end) {
		list_remove(&r->node);
		free(r);
	}
	return 0;
}

/* Calls for what is mapped of [base, end): POSIX does not mind the rest. */
int munmap(void *addr, size_t len)
{
	uintptr_t base = (uintptr_t)addr, end = base + round_up(len);
	struct list *node, *next;
	int rc = 0;

	if (base % PAGE_SIZE || len == 0 || end <= base)
		return (int)fd_result(-EINVAL);
	for (node = regions.next; node != &regions && !rc; node = next) {
		struct region *r = container_of(node, struct region, node);

		next = node->next;
		if (base < r->end && r->base < end)
			rc = cut(r, base, end);
	}
	return (int)fd_result(rc);
}

/* ---- The rest ---- */

/*
 * The gate knows best what may be changed. What mmap() has not given out, the heap for one, must be
 * made writable again by who changed it.
 */
int mprotect(void *addr, size_t len, int prot)
{
	uintptr_t base = (uintptr_t)addr, end = base + round_up(len);
	struct list *node;

	if (base % PAGE_SIZE || end < base)
		return (int)fd_result(-EINVAL);
	if (prot & PROT_EXEC)
		return (int)fd_result(-EACCES);
	if (end == base)
		return 0;
	for (node = regions.next; node != &regions; node = node->next) {
		struct region *r = container_of(node, struct region, node);

		r->changed |= base < r->end && r->base < end;
	}
	return (int)fd_result(protect(base, end - base, prot));
}

/* A mapping is a copy, and no file can be written. */
int msync(void *addr, size_t len, int flags)
{
	(void)addr;
	(void)len;
	(void)flags;
	return 0;
}

/* Advice may be ignored, but MADV_DONTNEED promises zeros to those who read again. */
int madvise(void *addr, size_t len, int advice)
{
	if ((uintptr_t)addr % PAGE_SIZE)
		return (int)fd_result(-EINVAL);
	if (advice == MADV_DONTNEED)
		memset(addr, 0, len);
	return 0;
}

int posix_madvise(void *addr, size_t len, int advice)
{
	(void)addr;
	(void)len;
	(void)advice;
	return 0;
}

/* Everything is in memory always. */
int mlock(const void *addr, size_t len)
{
	(void)addr;
	(void)len;
	return 0;
}

int munlock(const void *addr, size_t len)
{
	return mlock(addr, len);
}

int mlockall(int flags)
{
	(void)flags;
	return 0;
}

int munlockall(void)
{
	return 0;
}
