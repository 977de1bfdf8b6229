/* SPDX-License-Identifier: MIT */
/* newlib's <setjmp.h> and the pair that keeps the mask of signals. libc-glue/sigjmp.c. */
#ifndef PITH_SETJMP_H
#define PITH_SETJMP_H

#include_next <setjmp.h>
#include <sys/_sigset.h>
#include <sys/cdefs.h>

typedef struct {
	jmp_buf env;
	int saved;
	__sigset_t mask;
} sigjmp_buf[1];

__BEGIN_DECLS

void sigjmp_save(sigjmp_buf buf, int save);
void siglongjmp(sigjmp_buf buf, int value) __attribute__((noreturn));

__END_DECLS

#define sigsetjmp(buf, save) (sigjmp_save((buf), (save)), setjmp((buf)->env))
#define _setjmp(buf) setjmp(buf)
#define _longjmp(buf, value) longjmp((buf), (value))

#endif
