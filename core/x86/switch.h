/* SPDX-License-Identifier: MIT */
#ifndef CORE_X86_SWITCH_H
#define CORE_X86_SWITCH_H

/*
 * Changing stacks: the few instructions under thread.c. See switch.S.
 *
 * A stack that is not running is known by one pointer, whose meaning is this file's alone.
 */

#include <stddef.h>

/*
 * Makes a stack of the len bytes at stack, so that the first switch to it enters entry, which never
 * returns.
 */
void *switch_prepare(void *stack, size_t len, void (*entry)(void));

/*
 * Leaves the running stack, known from now on as *save, and goes on where load was left. Returns
 * when somebody switches back.
 */
void switch_to(void **save, void *load);

/* Leaves the running stack for good. */
_Noreturn void switch_end(void *load);

#endif
