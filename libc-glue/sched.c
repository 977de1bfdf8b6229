/* SPDX-License-Identifier: MIT */
#include <sched.h>

/*
 * <sched.h> where nothing preempts: there is one policy and one priority. Programs ask for others to be
 * quicker than their neighbours; here they have none, and hear EPERM as users do who may not.
 */

#include <unistd.h>

#include "libc-glue/glue.h"

static int check(pid_t pid)
{
	return pid == 0 || pid == getpid() ? 0 : -ESRCH;
}

static int known(int policy)
{
	return policy == SCHED_OTHER || policy == SCHED_FIFO || policy == SCHED_RR ? 0 : -EINVAL;
}

int sched_get_priority_max(int policy)
{
	return (int)fd_result(known(policy));
}

int sched_get_priority_min(int policy)
{
	return (int)fd_result(known(policy));
}

int sched_getscheduler(pid_t pid)
{
	return (int)fd_result(check(pid) ? -ESRCH : SCHED_OTHER);
}

int sched_getparam(pid_t pid, struct sched_param *param)
{
	param->sched_priority = 0;
	return (int)fd_result(check(pid));
}

int sched_setparam(pid_t pid, const struct sched_param *param)
{
	int rc = check(pid);

	return (int)fd_result(rc || param->sched_priority == 0 ? rc : -EINVAL);
}

int sched_setscheduler(pid_t pid, int policy, const struct sched_param *param)
{
	int rc = check(pid);

	if (!rc)
		rc = known(policy);
	if (!rc && policy != SCHED_OTHER)
		rc = -EPERM;
	return rc ? (int)fd_result(rc) : sched_setparam(pid, param);
}

/* No slices: a thread runs until it blocks. */
int sched_rr_get_interval(pid_t pid, struct timespec *interval)
{
	*interval = (struct timespec){ .tv_sec = 0 };
	return (int)fd_result(check(pid));
}
