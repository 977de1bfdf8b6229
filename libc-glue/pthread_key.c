/* SPDX-License-Identifier: MIT */
#include <errno.h>

/*
 * Values of a thread, and code that runs once.
 *
 * A key that was deleted and made again begins a new round, so values of the old one are not seen:
 * nobody has to go through all threads.
 */

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "core/plat.h"
#include "libc-glue/pthread.h"
#include "libc-glue/queue.h"

/* Found by number; one that is free keeps its round, so that the next user begins another. */
static struct {
	void (*destructor)(void *);
	unsigned round;
	bool used;
} keys[PTHREAD_KEYS_MAX];

/* The lowest free number. Rounds wrap after 4 thousand million uses of one key. */
int pthread_key_create(pthread_key_t *key, void (*destructor)(void *))
{
	unsigned i;

	for (i = 0; i < PTHREAD_KEYS_MAX && keys[i].used; i++)
		;
	if (i == PTHREAD_KEYS_MAX)
		return EAGAIN;
	keys[i].used = true;
	keys[i].destructor = destructor;
	keys[i].round++;
	*key = i;
	return 0;
}

/* POSIX: no destructor runs, values are the program's to free. */
int pthread_key_delete(pthread_key_t key)
{
	if (key >= PTHREAD_KEYS_MAX || !keys[key].used)
		return EINVAL;
	keys[key].used = false;
	return 0;
}

/* What stands under a key and counts, NULL for nothing. */
static struct pthread_value *find(struct pthread *p, pthread_key_t key)
{
	struct pthread_value *v = p && p->values && key < PTHREAD_KEYS_MAX ? &p->values[key] : NULL;

	return v && keys[key].used && v->round == keys[key].round ? v : NULL;
}

/* A key that is none has no value either: there is no error to give. */
void *pthread_getspecific(pthread_key_t key)
{
	struct pthread_value *v = find(pthread_current(), key);

	return v ? (void *)(uintptr_t)v->value : NULL;
}

/* The first value of a thread takes 2 KiB for all of its keys. */
int pthread_setspecific(pthread_key_t key, const void *value)
{
	struct pthread *p = pthread_current();

	if (key >= PTHREAD_KEYS_MAX || !keys[key].used)
		return EINVAL;
	if (p && !p->values)
		p->values = calloc(PTHREAD_KEYS_MAX, sizeof *p->values);
	if (!p || !p->values)
		return ENOMEM;
	p->values[key] = (struct pthread_value){ value, keys[key].round };
	return 0;
}

/* One round over all keys. Returns whether a destructor ran: it may have set values again. */
static bool run_destructors(struct pthread *self)
{
	bool ran = false;
	unsigned i;

	for (i = 0; i < PTHREAD_KEYS_MAX; i++) {
		struct pthread_value *v = find(self, i);
		const void *value = v ? v->value : NULL;

		if (!value)
			continue;
		v->value = NULL;
		if (keys[i].destructor) {
			keys[i].destructor((void *)(uintptr_t)value);
			ran = true;
		}
	}
	return ran;
}

/*
 * As often as POSIX asks for, because destructors may set values again; what is set then is
 * dropped.
 */
void pthread_key_finish(struct pthread *self)
{
	int round;

	for (round = 0; self->values && round < PTHREAD_DESTRUCTOR_ITERATIONS && run_destructors(self); round++)
		;
	free(self->values);
	self->values = NULL;
}

/* ---- once ---- */

enum { ONCE_NEW, ONCE_RUNNING, ONCE_DONE };

/* fn may block; who comes meanwhile waits until it has returned. */
int pthread_once(pthread_once_t *once, void (*fn)(void))
{
	while (once->state == ONCE_RUNNING)
		waitq_wait(queue_of(once->queue), PLAT_FOREVER);
	if (once->state == ONCE_DONE)
		return 0;
	once->state = ONCE_RUNNING;
	fn();
	once->state = ONCE_DONE;
	waitq_wake(queue_of(once->queue), UINT32_MAX);
	return 0;
}
