/* SPDX-License-Identifier: MIT */
#ifndef PTHREAD_H
#define PTHREAD_H

/*
 * POSIX threads (POSIX.1-2017 <pthread.h>), in place of newlib's header. libc-glue/pthread*.c.
 *
 * Threads share one CPU and switch only where they block, or call sched_yield(), so data needs a
 * lock only where the code between two accesses may block. There is no cancellation:
 * pthread_cancel() returns ENOSYS. Policies and priorities are stored and have no effect; there are
 * no robust mutexes, and no ceilings.
 *
 * All but the few that say otherwise return 0 or an errno and leave errno alone. No wait here ends
 * with EINTR (POSIX forbids it). Objects are the caller's memory, hold no other and may stay
 * undestroyed; attributes are copied when an object is made. `until` is a point in time, EINVAL for
 * one that is no time, ETIMEDOUT when it has passed.
 */

#include <sched.h>
#include <signal.h>
#include <sys/cdefs.h>
#include <sys/types.h>
#include <time.h>

/*
 * The first of each group is the default. Shared or private makes no difference: there is one
 * process.
 */
#define PTHREAD_CREATE_JOINABLE 0
#define PTHREAD_CREATE_DETACHED 1
#define PTHREAD_INHERIT_SCHED 0
#define PTHREAD_EXPLICIT_SCHED 1
#define PTHREAD_SCOPE_SYSTEM 0
#define PTHREAD_SCOPE_PROCESS 1
#define PTHREAD_PROCESS_PRIVATE 0
#define PTHREAD_PROCESS_SHARED 1
#define PTHREAD_PRIO_NONE 0
#define PTHREAD_PRIO_INHERIT 1
#define PTHREAD_PRIO_PROTECT 2

/* The default locks without looking at its owner, as in glibc. */
#define PTHREAD_MUTEX_NORMAL 0
#define PTHREAD_MUTEX_RECURSIVE 1
#define PTHREAD_MUTEX_ERRORCHECK 2
#define PTHREAD_MUTEX_DEFAULT PTHREAD_MUTEX_NORMAL

/* Zeros are valid objects (sys/_pthreadtypes.h); nothing has to be done at the first use. */
#define PTHREAD_MUTEX_INITIALIZER { { 0, 0, 0, 0 }, PTHREAD_MUTEX_NORMAL, 0 }
#define PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP { { 0, 0, 0, 0 }, PTHREAD_MUTEX_RECURSIVE, 0 }
#define PTHREAD_ERRORCHECK_MUTEX_INITIALIZER_NP { { 0, 0, 0, 0 }, PTHREAD_MUTEX_ERRORCHECK, 0 }
#define PTHREAD_COND_INITIALIZER { { 0, 0 }, 0 }
#define PTHREAD_RWLOCK_INITIALIZER { { 0, 0 }, { 0, 0 }, 0, 0, 0 }
#define PTHREAD_ONCE_INIT { { 0, 0 }, 0 }

/* As in limits.h, and POSIX's minimum for the iterations. */
#define PTHREAD_BARRIER_SERIAL_THREAD (-1)
#define PTHREAD_KEYS_MAX 128
#define PTHREAD_DESTRUCTOR_ITERATIONS 4
#define PTHREAD_STACK_MIN 16384

/* Constants so that programs compile. */
#define PTHREAD_CANCEL_ENABLE 0
#define PTHREAD_CANCEL_DISABLE 1
#define PTHREAD_CANCEL_DEFERRED 0
#define PTHREAD_CANCEL_ASYNCHRONOUS 1
#define PTHREAD_CANCELED ((void *)-1)

__BEGIN_DECLS

/*
 * Starts fn(arg) in a thread that first runs when this one blocks; *thread is set before. It has
 * the caller's mask of signals and name. Its stack is attr's, by default a 256th of the machine's
 * memory within 64 and 256 KiB, all of it taken now; a guard page is below. EAGAIN for whatever is
 * lacking, memory as a rule. Returning from fn is pthread_exit().
 */
int pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*fn)(void *), void *arg);

/*
 * Blocks until it has ended, puts its result into *result (NULL is allowed) and frees what is left
 * of it: the id is then of no use, and a second join undefined. EINVAL for a detached one, EDEADLK
 * for oneself.
 */
int pthread_join(pthread_t thread, void **result);

/* glibc: EBUSY instead of blocking. */
int pthread_tryjoin_np(pthread_t thread, void **result);

/* It frees itself when it ends, or now if it has. EINVAL if it is detached already. */
int pthread_detach(pthread_t thread);

/* 0 if there is no memory for the answer: only in a thread that pthread_create() did not make. */
pthread_t pthread_self(void);

/* Not 0 if they are one. */
int pthread_equal(pthread_t a, pthread_t b);

/*
 * Runs the cleanup handlers, last first, then the destructors of keys. The first thread may call
 * it: the others go on, and the last one that ends calls exit(0).
 */
void pthread_exit(void *result) __attribute__((noreturn));

/* glibc: up to 15 bytes, else ERANGE; ESRCH once it has ended. The name shows in the log. */
int pthread_setname_np(pthread_t thread, const char *name);

/* ERANGE if size is too small: what is in name is cut, and ended by NUL. */
int pthread_getname_np(pthread_t thread, char *name, size_t size);

/* sched_yield(): the other threads and the devices get a turn. */
int pthread_yield(void);

/* Takes note of nothing: nobody can fork(). */
int pthread_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void));

/* CLOCK_THREAD_CPUTIME_ID for any thread: it tells the time since boot, as nobody counts. */
int pthread_getcpuclockid(pthread_t thread, clockid_t *clock);

/* No effect; EINVAL for less than 0. Asking gives 0. */
int pthread_setconcurrency(int level);
int pthread_getconcurrency(void);

/* No effect; EINVAL for a policy that is none. Asking always gives SCHED_OTHER and 0. */
int pthread_setschedparam(pthread_t thread, int policy, const struct sched_param *param);
int pthread_getschedparam(pthread_t thread, int *policy, struct sched_param *param);

/* ENOSYS: a thread that waits is told to end by the program's own means. */
int pthread_cancel(pthread_t thread);

/* Taken, EINVAL for others; *old (NULL is allowed) says "disabled" and "deferred" always. */
int pthread_setcancelstate(int state, int *old);
int pthread_setcanceltype(int type, int *old);

/* Does nothing. */
void pthread_testcancel(void);

/* Handlers run at pthread_exit(), as the standard wants; the pair must stand in one block. */
struct pthread_cleanup {
	void (*fn)(void *);
	void *arg;
	struct pthread_cleanup *next;
};

/* What the macros call. Panics if there is no memory for pthread_self(). */
void pthread_cleanup_enter(struct pthread_cleanup *c);
void pthread_cleanup_leave(struct pthread_cleanup *c, int run);
#define pthread_cleanup_push(routine, argument) \
	do { \
		struct pthread_cleanup __cleanup = { (routine), (argument), 0 }; \
		pthread_cleanup_enter(&__cleanup)
#define pthread_cleanup_pop(run) \
		pthread_cleanup_leave(&__cleanup, (run)); \
	} while (0)

/*
 * Of the attributes, stack size and detachment are heeded; the others are kept and told again.
 * Never fails.
 */
int pthread_attr_init(pthread_attr_t *attr);
int pthread_attr_destroy(pthread_attr_t *attr);

/* EINVAL for neither of the two. */
int pthread_attr_setdetachstate(pthread_attr_t *attr, int state);
int pthread_attr_getdetachstate(const pthread_attr_t *attr, int *state);

/*
 * Bytes; EINVAL below PTHREAD_STACK_MIN. Asking gives 0 where none was set (glibc: the default's
 * size).
 */
int pthread_attr_setstacksize(pthread_attr_t *attr, size_t size);
int pthread_attr_getstacksize(const pthread_attr_t *attr, size_t *size);

/*
 * Takes the size alone: the caller's memory would have no guard page, and is not used. EINVAL as
 * above.
 */
int pthread_attr_setstack(pthread_attr_t *attr, void *stack, size_t size);

/* Kept. There always is one page. */
int pthread_attr_setguardsize(pthread_attr_t *attr, size_t size);
int pthread_attr_getguardsize(const pthread_attr_t *attr, size_t *size);

/* EINVAL for a policy that is none; a parameter may be anything. */
int pthread_attr_setschedpolicy(pthread_attr_t *attr, int policy);
int pthread_attr_getschedpolicy(const pthread_attr_t *attr, int *policy);
int pthread_attr_setschedparam(pthread_attr_t *attr, const struct sched_param *param);
int pthread_attr_getschedparam(const pthread_attr_t *attr, struct sched_param *param);

/* EINVAL for neither of the two. */
int pthread_attr_setinheritsched(pthread_attr_t *attr, int inherit);
int pthread_attr_getinheritsched(const pthread_attr_t *attr, int *inherit);

/* ENOTSUP for PTHREAD_SCOPE_PROCESS, as on Linux; EINVAL for others. */
int pthread_attr_setscope(pthread_attr_t *attr, int scope);
int pthread_attr_getscope(const pthread_attr_t *attr, int *scope);

/* attr NULL: the default. Never fails. */
int pthread_mutex_init(pthread_mutex_t *mutex, const pthread_mutexattr_t *attr);

/* EBUSY while it is locked, or handed to a waiter. */
int pthread_mutex_destroy(pthread_mutex_t *mutex);

/*
 * Blocks until it is free. By its owner: EDEADLK (ERRORCHECK), once more (RECURSIVE; EAGAIN past
 * 2^32 times), for ever (NORMAL). A thread that came too late twice gets it handed over, so nobody
 * starves (libc-glue/lock.c).
 */
int pthread_mutex_lock(pthread_mutex_t *mutex);

/* EBUSY if it is not free; a recursive one of one's own is locked once more. */
int pthread_mutex_trylock(pthread_mutex_t *mutex);

/* By CLOCK_REALTIME. The time is not looked at when the lock is free. */
int pthread_mutex_timedlock(pthread_mutex_t *mutex, const struct timespec *until);

/* EPERM if the caller does not hold it, for every type. The waiter runs when this thread blocks. */
int pthread_mutex_unlock(pthread_mutex_t *mutex);

/* NORMAL, private, no protocol. Never fails. */
int pthread_mutexattr_init(pthread_mutexattr_t *attr);
int pthread_mutexattr_destroy(pthread_mutexattr_t *attr);

/* EINVAL for none of the three. */
int pthread_mutexattr_settype(pthread_mutexattr_t *attr, int type);
int pthread_mutexattr_gettype(const pthread_mutexattr_t *attr, int *type);

/* No effect; EINVAL for neither of the two. */
int pthread_mutexattr_setpshared(pthread_mutexattr_t *attr, int shared);
int pthread_mutexattr_getpshared(const pthread_mutexattr_t *attr, int *shared);

/* No effect, as there are no priorities to inherit; EINVAL for none of the three. */
int pthread_mutexattr_setprotocol(pthread_mutexattr_t *attr, int protocol);
int pthread_mutexattr_getprotocol(const pthread_mutexattr_t *attr, int *protocol);

/* attr NULL: timed waits by CLOCK_REALTIME. Never fails. */
int pthread_cond_init(pthread_cond_t *cond, const pthread_condattr_t *attr);

/* EBUSY while somebody waits (POSIX leaves it undefined). */
int pthread_cond_destroy(pthread_cond_t *cond);

/*
 * Unlocks, waits, locks again; nothing can run between the first two. EPERM if the caller does not
 * hold mutex. A recursive one must be held once, or nobody else can lock it.
 */
int pthread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex);

/* By the clock of its attribute. ETIMEDOUT with the mutex locked again, however long that took. */
int pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *mutex, const struct timespec *until);

/*
 * Wakes one, the longest waiting; broadcast wakes all. Neither blocks nor switches. Nobody there:
 * no effect.
 */
int pthread_cond_signal(pthread_cond_t *cond);
int pthread_cond_broadcast(pthread_cond_t *cond);

/* CLOCK_REALTIME, private. */
int pthread_condattr_init(pthread_condattr_t *attr);
int pthread_condattr_destroy(pthread_condattr_t *attr);

/* CLOCK_REALTIME or CLOCK_MONOTONIC, else EINVAL. */
int pthread_condattr_setclock(pthread_condattr_t *attr, clockid_t clock);
int pthread_condattr_getclock(const pthread_condattr_t *attr, clockid_t *clock);

/* No effect; EINVAL for neither of the two. */
int pthread_condattr_setpshared(pthread_condattr_t *attr, int shared);
int pthread_condattr_getpshared(const pthread_condattr_t *attr, int *shared);

/* attr is not looked at. Never fails. */
int pthread_rwlock_init(pthread_rwlock_t *lock, const pthread_rwlockattr_t *attr);

/* EBUSY while it is locked. */
int pthread_rwlock_destroy(pthread_rwlock_t *lock);

/*
 * Waits for the writer to leave, not for writers that wait, as glibc's default: a thread may lock
 * it for reading twice, and a stream of readers can keep writers out. EDEADLK for the writer
 * itself, EAGAIN for too many readers.
 */
int pthread_rwlock_rdlock(pthread_rwlock_t *lock);

/* EBUSY while a writer is in. */
int pthread_rwlock_tryrdlock(pthread_rwlock_t *lock);

/* By CLOCK_REALTIME; the time is checked even if the lock is free. */
int pthread_rwlock_timedrdlock(pthread_rwlock_t *lock, const struct timespec *until);

/* Waits until nobody is in. EDEADLK for the writer itself; a reader that asks waits for ever. */
int pthread_rwlock_wrlock(pthread_rwlock_t *lock);

/* EBUSY while anybody is in. */
int pthread_rwlock_trywrlock(pthread_rwlock_t *lock);

/* By CLOCK_REALTIME; the time is checked even if the lock is free. */
int pthread_rwlock_timedwrlock(pthread_rwlock_t *lock, const struct timespec *until);

/*
 * EPERM if nobody is in, or a writer that is not the caller. Of readers only the number is known.
 */
int pthread_rwlock_unlock(pthread_rwlock_t *lock);
int pthread_rwlockattr_init(pthread_rwlockattr_t *attr);
int pthread_rwlockattr_destroy(pthread_rwlockattr_t *attr);

/* EINVAL for a count of 0. attr is not looked at. */
int pthread_barrier_init(pthread_barrier_t *barrier, const pthread_barrierattr_t *attr, unsigned count);

/* EBUSY while somebody waits. */
int pthread_barrier_destroy(pthread_barrier_t *barrier);

/*
 * Blocks until count threads are here. PTHREAD_BARRIER_SERIAL_THREAD for the last to come, 0 for
 * the others. May be used again at once.
 */
int pthread_barrier_wait(pthread_barrier_t *barrier);
int pthread_barrierattr_init(pthread_barrierattr_t *attr);
int pthread_barrierattr_destroy(pthread_barrierattr_t *attr);

/* shared is not looked at. Never fails. */
int pthread_spin_init(pthread_spinlock_t *lock, int shared);

/* EBUSY while it is locked. */
int pthread_spin_destroy(pthread_spinlock_t *lock);

/*
 * Gives the CPU to others until it is free: to spin would be to wait for ever. EDEADLK for its
 * owner.
 */
int pthread_spin_lock(pthread_spinlock_t *lock);

/* EBUSY if it is not free. */
int pthread_spin_trylock(pthread_spinlock_t *lock);

/* EPERM if the caller does not hold it. */
int pthread_spin_unlock(pthread_spinlock_t *lock);

/*
 * Runs fn in the first thread that comes; others block until it has returned. One that leaves by
 * longjmp() or pthread_exit() leaves them waiting for ever.
 */
int pthread_once(pthread_once_t *once, void (*fn)(void));

/* EAGAIN past PTHREAD_KEYS_MAX. All threads have NULL under a new key. destructor NULL: none. */
int pthread_key_create(pthread_key_t *key, void (*destructor)(void *));

/* No destructor is called. EINVAL for no key. */
int pthread_key_delete(pthread_key_t key);

/* NULL for no key, too. */
void *pthread_getspecific(pthread_key_t key);

/* EINVAL, ENOMEM: the first value of a thread takes 2 KiB. */
int pthread_setspecific(pthread_key_t key, const void *value);

__END_DECLS

#endif
