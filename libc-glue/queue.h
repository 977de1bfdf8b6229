/* SPDX-License-Identifier: MIT */
/* A waitq inside a public type, where it is two pointers that may be zero. */
#ifndef QUEUE_H
#define QUEUE_H

#include "core/core.h"

_Static_assert(sizeof(struct waitq) == 2 * sizeof(void *), "the public types keep two pointers for a waitq");

/* Sets it up at the first use. */
static inline struct waitq *queue_of(void **pointers)
{
	struct waitq *q = (struct waitq *)(void *)pointers;

	if (!pointers[0])
		waitq_init(q);
	return q;
}

#endif
