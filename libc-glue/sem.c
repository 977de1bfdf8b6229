/* SPDX-License-Identifier: MIT */
#include <errno.h>

/*
 * Semaphores without names; those with names would be for other processes.
 */

#include <semaphore.h>
#include <string.h>

#include "core/plat.h"
#include "libc-glue/clock.h"
#include "libc-glue/glue.h"
#include "libc-glue/queue.h"

int sem_init(sem_t *sem, int shared, unsigned value)
{
	(void)shared;
	if (value > SEM_VALUE_MAX)
		return (int)fd_result(-EINVAL);
	memset(sem, 0, sizeof *sem);
	sem->value = value;
	return 0;
}

int sem_destroy(sem_t *sem)
{
	return (int)fd_result(list_empty(&queue_of(sem->queue)->waiters) ? 0 : -EBUSY);
}

/*
 * May be called in a handler. Wakes one; another thread may take the value before that one runs,
 * and it waits again.
 */
int sem_post(sem_t *sem)
{
	if (sem->value == SEM_VALUE_MAX)
		return (int)fd_result(-EOVERFLOW);
	sem->value++;
	waitq_wake(queue_of(sem->queue), 1);
	return 0;
}

/* EINTR in the first thread only, and only when no post came as well. */
static int take(sem_t *sem, uint64_t deadline)
{
	int rc;

	loop_breathe();
	while (sem->value == 0) {
		rc = signal_wait(queue_of(sem->queue), deadline);
		/* A post that has woken us is ours, whatever else came: nobody else was told of it. */
		if (rc && sem->value == 0)
			return (int)fd_result(rc);
	}
	sem->value--;
	return 0;
}

int sem_wait(sem_t *sem)
{
	return take(sem, PLAT_FOREVER);
}

int sem_timedwait(sem_t *sem, const struct timespec *until)
{
	if (sem->value == 0 && !time_valid(until))
		return (int)fd_result(-EINVAL);
	return take(sem, sem->value ? PLAT_FOREVER : time_until(CLOCK_REALTIME, until));
}

/* Who asks in a loop lets the others run. */
int sem_trywait(sem_t *sem)
{
	if (sem->value == 0) {
		loop_breathe();
		return (int)fd_result(-EAGAIN);
	}
	sem->value--;
	return 0;
}

int sem_getvalue(sem_t *sem, int *value)
{
	*value = (int)sem->value;
	return 0;
}
