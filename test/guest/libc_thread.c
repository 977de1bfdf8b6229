/* SPDX-License-Identifier: MIT */
/*
 * POSIX threads and semaphores: every kind of lock, with and without time running out, values of threads, and their
 * ends.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "test/tap.h"

#define THREADS 8
#define TURNS 2000

static struct timespec in_ms(clockid_t clock, long ms)
{
	struct timespec t;

	clock_gettime(clock, &t);
	t.tv_nsec += ms * 1000000;
	t.tv_sec += t.tv_nsec / 1000000000;
	t.tv_nsec %= 1000000000;
	return t;
}

/* ---- Life ---- */

static void *twice(void *arg)
{
	return (void *)((intptr_t)arg * 2);
}

static void *leave(void *arg)
{
	pthread_exit(arg);
}

static void *who(void *arg)
{
	(void)arg;
	return (void *)pthread_self();
}

static void life(void)
{
	pthread_t t[THREADS];
	pthread_attr_t attr;
	void *result = NULL;
	intptr_t i, sum = 0;

	for (i = 0; i < THREADS; i++)
		sum -= pthread_create(&t[i], NULL, twice, (void *)i) != 0;
	for (i = 0; i < THREADS; i++) {
		sum -= pthread_join(t[i], &result) != 0;
		sum += (intptr_t)result;
	}
	is(sum, THREADS * (THREADS - 1), "eight threads give back twice their number");
	ok(!pthread_create(&t[0], NULL, leave, &sum) && !pthread_join(t[0], &result) && result == &sum, "pthread_exit gives a result too");
	ok(!pthread_create(&t[0], NULL, who, NULL) && !pthread_join(t[0], &result) && pthread_equal((pthread_t)result, t[0]),
		"a thread knows itself");
	is(pthread_join(pthread_self(), NULL), EDEADLK, "nobody joins himself");
	pthread_attr_init(&attr);
	is(pthread_attr_setstacksize(&attr, 1 << 20), 0, "a stack of 1 MiB");
	is(pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED), 0, "a detached thread");
	is(pthread_create(&t[0], &attr, twice, NULL), 0, "runs");
	pthread_attr_destroy(&attr);
	usleep(1000);
}

/* ---- errno and thread-local storage ---- */

static __thread int local = 42;
static __thread char zero[100];

static void *use_local(void *arg)
{
	int before = local == 42 && !zero[99];

	local = (int)(intptr_t)arg;
	zero[99] = 1;
	errno = local;
	sched_yield();
	usleep(500);
	return (void *)(intptr_t)(before && local == (int)(intptr_t)arg && errno == local);
}

static void *which_stdout(void *arg)
{
	(void)arg;
	return stdout;
}

static void locals(void)
{
	pthread_t t[THREADS];
	void *good;
	intptr_t i, sum = 0;

	local = 7;
	errno = 99;
	for (i = 0; i < THREADS; i++)
		pthread_create(&t[i], NULL, use_local, (void *)(i + 1));
	for (i = 0; i < THREADS; i++) {
		pthread_join(t[i], &good);
		sum += (intptr_t)good;
	}
	is(sum, THREADS, "every thread has its own errno and __thread variables");
	ok(local == 7 && errno == 99, "and so has the first");
	pthread_create(&t[0], NULL, which_stdout, NULL);
	pthread_join(t[0], &good);
	ok(good == stdout, "but all of them share one stdout");
}

/* ---- Mutexes ---- */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static long counter;

static void *count(void *arg)
{
	int i;

	for (i = 0; i < TURNS; i++) {
		long seen;

		pthread_mutex_lock(&mutex);
		seen = counter;
		if (i % 16 == 0)
			sched_yield(); /* somebody else would come between */
		counter = seen + 1;
		pthread_mutex_unlock(&mutex);
	}
	return arg;
}

static void *try_only(void *arg)
{
	return (void *)(intptr_t)pthread_mutex_trylock(arg);
}

static void *timed_only(void *arg)
{
	struct timespec until = in_ms(CLOCK_REALTIME, 20);

	return (void *)(intptr_t)pthread_mutex_timedlock(arg, &until);
}

static intptr_t elsewhere(void *(*fn)(void *), void *arg)
{
	pthread_t t;
	void *result = (void *)-1;

	if (!pthread_create(&t, NULL, fn, arg))
		pthread_join(t, &result);
	return (intptr_t)result;
}

static void mutexes(void)
{
	pthread_t t[THREADS];
	pthread_mutexattr_t attr;
	pthread_mutex_t m;
	int i;

	for (i = 0; i < THREADS; i++)
		pthread_create(&t[i], NULL, count, NULL);
	for (i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	is(counter, THREADS * TURNS, "a mutex keeps the others out");
	pthread_mutex_lock(&mutex);
	is(elsewhere(try_only, &mutex), EBUSY, "trylock of a held one is EBUSY");
	is(elsewhere(timed_only, &mutex), ETIMEDOUT, "timedlock gives up");
	pthread_mutex_unlock(&mutex);
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ERRORCHECK);
	pthread_mutex_init(&m, &attr);
	is(pthread_mutex_unlock(&m), EPERM, "errorcheck: unlocking a free one is EPERM");
	is(pthread_mutex_lock(&m), 0, "locking it");
	is(pthread_mutex_lock(&m), EDEADLK, "twice is EDEADLK");
	is(pthread_mutex_unlock(&m), 0, "unlocking it");
	pthread_mutex_destroy(&m);
	pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_init(&m, &attr);
	ok(!pthread_mutex_lock(&m) && !pthread_mutex_lock(&m) && !pthread_mutex_trylock(&m), "recursive: three times");
	ok(!pthread_mutex_unlock(&m) && !pthread_mutex_unlock(&m), "two back");
	is(elsewhere(try_only, &m), EBUSY, "it is still held");
	is(pthread_mutex_unlock(&m), 0, "the third");
	is(pthread_mutex_unlock(&m), EPERM, "a fourth is EPERM");
	pthread_mutex_destroy(&m);
	pthread_mutexattr_destroy(&attr);
}

/* ---- Conditions: a queue of one between a maker and takers ---- */

static pthread_cond_t full = PTHREAD_COND_INITIALIZER, empty = PTHREAD_COND_INITIALIZER;
static long item;

static void *take(void *arg)
{
	long sum = 0, got;

	(void)arg;
	do {
		pthread_mutex_lock(&mutex);
		while (!item)
			pthread_cond_wait(&full, &mutex);
		got = item;
		if (got > 0)
			item = 0;
		pthread_cond_signal(&empty);
		pthread_mutex_unlock(&mutex);
		sum += got > 0 ? got : 0;
	} while (got > 0);
	return (void *)sum;
}

static void conditions(void)
{
	pthread_t t[3];
	pthread_condattr_t attr;
	pthread_cond_t c;
	struct timespec until, now;
	void *part;
	long i, sum = 0;

	for (i = 0; i < 3; i++)
		pthread_create(&t[i], NULL, take, NULL);
	for (i = 1; i <= 1001; i++) {
		pthread_mutex_lock(&mutex);
		while (item)
			pthread_cond_wait(&empty, &mutex);
		item = i <= 1000 ? i : -1;
		if (item > 0)
			pthread_cond_signal(&full);
		else
			pthread_cond_broadcast(&full);
		pthread_mutex_unlock(&mutex);
	}
	for (i = 0; i < 3; i++) {
		pthread_join(t[i], &part);
		sum += (long)part;
	}
	is(sum, 500500, "three takers get every item once");
	pthread_condattr_init(&attr);
	is(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC), 0, "a condition by the monotonic clock");
	pthread_cond_init(&c, &attr);
	until = in_ms(CLOCK_MONOTONIC, 30);
	pthread_mutex_lock(&mutex);
	is(pthread_cond_timedwait(&c, &mutex, &until), ETIMEDOUT, "gives up");
	clock_gettime(CLOCK_MONOTONIC, &now);
	ok(now.tv_sec > until.tv_sec || (now.tv_sec == until.tv_sec && now.tv_nsec >= until.tv_nsec), "not too early");
	is(elsewhere(try_only, &mutex), EBUSY, "and holds the mutex again");
	pthread_mutex_unlock(&mutex);
	pthread_cond_destroy(&c);
	pthread_condattr_destroy(&attr);
}

/* ---- Readers and writers, barriers, once ---- */

static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;

static void *try_read(void *arg)
{
	int rc = pthread_rwlock_tryrdlock(&rwlock);

	(void)arg;
	if (!rc)
		pthread_rwlock_unlock(&rwlock);
	return (void *)(intptr_t)rc;
}

static void *try_write(void *arg)
{
	int rc = pthread_rwlock_trywrlock(&rwlock);

	(void)arg;
	if (!rc)
		pthread_rwlock_unlock(&rwlock);
	return (void *)(intptr_t)rc;
}

static void *write_timed(void *arg)
{
	struct timespec until = in_ms(CLOCK_REALTIME, 20);

	(void)arg;
	return (void *)(intptr_t)pthread_rwlock_timedwrlock(&rwlock, &until);
}

static void rwlocks(void)
{
	pthread_rwlock_rdlock(&rwlock);
	is(elsewhere(try_read, NULL), 0, "readers share");
	is(elsewhere(try_write, NULL), EBUSY, "a writer does not");
	is(elsewhere(write_timed, NULL), ETIMEDOUT, "and gives up");
	is(pthread_rwlock_rdlock(&rwlock), 0, "a reader may read again");
	pthread_rwlock_unlock(&rwlock);
	pthread_rwlock_unlock(&rwlock);
	pthread_rwlock_wrlock(&rwlock);
	is(elsewhere(try_read, NULL), EBUSY, "a writer keeps readers out");
	is(elsewhere(try_write, NULL), EBUSY, "and writers");
	pthread_rwlock_unlock(&rwlock);
	is(elsewhere(try_write, NULL), 0, "until it is done");
}

static pthread_barrier_t barrier;
static int arrived;

static void *meet(void *arg)
{
	intptr_t i, serial = 0, early = 0;

	(void)arg;
	for (i = 1; i <= 50; i++) {
		arrived++;
		serial += pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD;
		early += arrived < i * 4;
		pthread_barrier_wait(&barrier);
	}
	return (void *)(serial + early * 1000);
}

static void barriers(void)
{
	pthread_t t[4];
	void *part;
	intptr_t i, sum = 0;

	pthread_barrier_init(&barrier, NULL, 4);
	for (i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, meet, NULL);
	for (i = 0; i < 4; i++) {
		pthread_join(t[i], &part);
		sum += (intptr_t)part;
	}
	is(sum, 50, "a barrier opens when all are there, and tells one of them");
	pthread_barrier_destroy(&barrier);
}

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int initialised;

static void initialise(void)
{
	usleep(1000);
	initialised++;
}

static void *init_once(void *arg)
{
	(void)arg;
	pthread_once(&once, initialise);
	return (void *)(intptr_t)initialised;
}

/* ---- Values ---- */

static pthread_key_t key;
static int destroyed;

static void destroy(void *value)
{
	destroyed++;
	if (*(int *)value > 0) { /* set again: another round is due */
		--*(int *)value;
		pthread_setspecific(key, value);
	}
}

static void *set_value(void *arg)
{
	int none = pthread_getspecific(key) == NULL;

	pthread_setspecific(key, arg);
	return (void *)(intptr_t)(none && pthread_getspecific(key) == arg);
}

static void values(void)
{
	int again = 2;

	is(elsewhere(init_once, NULL) + elsewhere(init_once, NULL), 2, "once is once");
	is(pthread_key_create(&key, destroy), 0, "a key");
	pthread_setspecific(key, &again);
	is(elsewhere(set_value, &again), 1, "a value for each thread");
	is(destroyed, 3, "destructors run until nothing is set");
	ok(pthread_getspecific(key) == &again, "the first thread's stays");
	is(pthread_key_delete(key), 0, "a key goes");
	pthread_key_create(&key, NULL);
	ok(pthread_getspecific(key) == NULL, "a new one has no value");
}

static int cleaned;

static void clean(void *arg)
{
	cleaned = cleaned * 10 + (int)(intptr_t)arg;
}

static void *with_cleanup(void *arg)
{
	pthread_cleanup_push(clean, (void *)1);
	pthread_cleanup_push(clean, (void *)2);
	pthread_exit(arg);
	pthread_cleanup_pop(0);
	pthread_cleanup_pop(0);
	return arg;
}

/* ---- Semaphores ---- */

static sem_t sem;

static void *post(void *arg)
{
	usleep(2000);
	sem_post(&sem);
	return arg;
}

static void semaphores(void)
{
	struct timespec until;
	pthread_t t;
	int value = -1;

	sem_init(&sem, 0, 2);
	ok(!sem_wait(&sem) && !sem_trywait(&sem), "a semaphore of two");
	ok(sem_trywait(&sem) == -1 && errno == EAGAIN, "has no third");
	until = in_ms(CLOCK_REALTIME, 20);
	ok(sem_timedwait(&sem, &until) == -1 && errno == ETIMEDOUT, "not in 20 ms either");
	pthread_create(&t, NULL, post, NULL);
	ok(!sem_wait(&sem), "until somebody posts");
	pthread_join(t, NULL);
	sem_post(&sem);
	ok(!sem_getvalue(&sem, &value) && value == 1, "and it can be counted");
	sem_destroy(&sem);
}

int main(void)
{
	life();
	locals();
	mutexes();
	conditions();
	rwlocks();
	barriers();
	values();
	elsewhere(with_cleanup, NULL);
	is(cleaned, 21, "cleanup handlers run at the end, the last one first");
	semaphores();
	return tap_done();
}
