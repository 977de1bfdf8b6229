/* SPDX-License-Identifier: MIT */
/* Random bytes for /dev/urandom and getrandom(): entropy.c. */
#ifndef ENTROPY_H
#define ENTROPY_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Fills buf; waits for entropy where the machine has given none yet, at most 10 s. Returns 0,
 * -EAGAIN (wait is false), -EIO.
 */
int entropy_fill(void *buf, size_t len, bool wait);

#endif
