/* SPDX-License-Identifier: MIT */
#include "libc-glue/reent.h"

/*
 * What the C library keeps for each thread: newlib's struct _reent (errno and the like) and
 * thread-local storage.
 *
 * newlib finds its part through __getreent(), which asks thread_data(). The first thread uses
 * newlib's static one, because exit() flushes through that. Threads that pith starts for itself
 * before or beside these have no data and share it too: they make no calls that could fail.
 *
 * Thread-local storage follows variant II of the ELF TLS specification as x86-64 uses it: the block
 * ends at the thread pointer, and the word at the thread pointer holds its own address.
 */

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "libc-glue/glue.h"
#include "libc-glue/lock.h"

/*
 * link.lds: the initial image, what follows it in zeros, and how both are to be aligned (the
 * symbol's address is the number).
 */
extern char __tdata_start[], __tdata_end[], __tbss_start[], __tbss_end[], __tls_align[];

void __sinit(struct _reent *reent); /* newlib: sets up stdio; not in its headers */

/* newlib calls it for every errno and every malloc(): two loads. */
struct _reent *__getreent(void)
{
	struct reent_thread *t = thread_data(thread_self());

	return t ? t->reent : _GLOBAL_REENT;
}

struct reent_thread *reent_self(void)
{
	return thread_data(thread_self());
}

/* ---- Thread-local storage ---- */

static size_t image_size(void)
{
	return (uintptr_t)__tdata_end - (uintptr_t)__tdata_start;
}

/* Where the segment begins: without initialised data at .tbss, which may be aligned higher. */
static char *tls_begin(void)
{
	return image_size() ? __tdata_start : __tbss_start;
}

/*
 * The ABI puts the block's end, rounded up to its alignment, at the thread pointer: so the linker
 * has computed the offsets.
 */
static size_t tls_size(void)
{
	size_t align = (size_t)__tls_align;

	return align ? ((size_t)(__tbss_end - tls_begin()) + align - 1) & ~(align - 1) : 0;
}

/* Gives t a block of its own. Returns whether there was memory. */
static bool tls_create(struct reent_thread *t)
{
	size_t size = tls_size(), align = (size_t)__tls_align < 16 ? 16 : (size_t)__tls_align;
	size_t lead = (align - size % align) % align; /* so that the end is aligned too */

	if (!size)
		return true;
	t->tls = memalign(align, lead + size + sizeof(void *));
	if (!t->tls)
		return false;
	t->tp = (uintptr_t)t->tls + lead + size;
	memset((char *)t->tp - size, 0, size);
	memcpy((char *)t->tp - size, tls_begin(), image_size());
	*(uintptr_t *)t->tp = t->tp;
	return true;
}

/* ---- Life ---- */

/* Before anything that may set errno. */
void reent_start(void)
{
	static struct reent_thread first;

	first.reent = _GLOBAL_REENT;
	thread_set_data(thread_self(), &first);
	if (!tls_create(&first))
		log_panic("reent: no memory for thread-local storage");
	if (first.tp)
		thread_set_tls(first.tp);
}

/* The first code of such a thread: until here it had nobody's errno. */
static void run(void *arg)
{
	struct reent_thread *t = arg;

	thread_set_data(thread_self(), t);
	if (t->tp)
		thread_set_tls(t->tp);
	t->fn(t->arg);
	reent_end();
}

struct thread *reent_thread(const char *name, void (*fn)(void *), void *arg, size_t stack)
{
	struct reent_thread *t = calloc(1, sizeof *t);
	struct thread *thread;

	if (!t)
		return NULL;
	t->fn = fn;
	t->arg = arg;
	t->blocked = reent_self() ? reent_self()->blocked : 0;
	t->reent = &t->own;
	_REENT_INIT_PTR(&t->own);
	/*
	 * exit() flushes stdio through the first thread's struct only, and newlib notes there that it
	 * must when that one is set up.
	 */
	__sinit(_GLOBAL_REENT);
	thread = tls_create(t) ? thread_create(name, run, t, stack) : NULL;
	if (!thread) {
		free(t->tls);
		free(t);
	}
	return thread;
}

void reent_end(void)
{
	struct reent_thread *t = reent_self();

	if (!t || t->reent == _GLOBAL_REENT)
		return;
	/* stdio's streams belong to all threads; newlib would close them with this one. */
	t->own.__sdidinit = 0;
	_reclaim_reent(&t->own);
	thread_set_data(thread_self(), NULL);
	thread_set_tls(0);
	free(t->tls);
	free(t);
}
