/* SPDX-License-Identifier: MIT */
/* How mem.c copies. */
#ifndef MEM_H
#define MEM_H

#include <stdbool.h>

/* A real CPU runs this, not TCG: long copies are fastest by `rep movsq`. */
extern bool mem_repeat;

#endif
