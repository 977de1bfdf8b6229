/* SPDX-License-Identifier: MIT */
/* Times of POSIX and deadlines of the core: time.c. */
#ifndef GLUE_CLOCK_H
#define GLUE_CLOCK_H

#include <stdint.h>
#include <time.h>

/*
 * The deadline, in plat_now()'s terms, for a point in time of that clock or for a span from now.
 * PLAT_FOREVER where it would overflow.
 */
uint64_t time_until(clockid_t clock, const struct timespec *t);
uint64_t time_after(const struct timespec *span);

/* Whether tv_nsec is below a second and nothing is negative. */
int time_valid(const struct timespec *t);

struct timespec time_spec(uint64_t ns);

#endif
