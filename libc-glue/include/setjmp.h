/* SPDX-License-Identifier: MIT */
#ifndef PITH_SETJMP_H
#define PITH_SETJMP_H

/*
 * newlib's <setjmp.h> and the pair that keeps the mask of signals (POSIX.1-2017 sigsetjmp()).
 * libc-glue/sigjmp.c. setjmp() and longjmp() leave the mask alone.
 */

#include_next <setjmp.h>
#include <sys/_sigset.h>
#include <sys/cdefs.h>

/*
 * The caller's; valid until the function that called sigsetjmp() returns, in the thread that did.
 */
typedef struct {
	jmp_buf env;
	int saved;
	__sigset_t mask;
} sigjmp_buf[1];

__BEGIN_DECLS

/*
 * What sigsetjmp() calls before setjmp(), which must stand in the caller's own frame: so it is a
 * macro.
 */
void sigjmp_save(sigjmp_buf buf, int save);

/*
 * Puts the mask back if it was saved. What is pending and becomes unblocked is delivered before the
 * jump.
 */
void siglongjmp(sigjmp_buf buf, int value) __attribute__((noreturn));

__END_DECLS

#define sigsetjmp(buf, save) (sigjmp_save((buf), (save)), setjmp((buf)->env))
#define _setjmp(buf) setjmp(buf)
#define _longjmp(buf, value) longjmp((buf), (value))

#endif
