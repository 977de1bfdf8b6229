/* SPDX-License-Identifier: MIT */
#include <setjmp.h>

/*
 * sigsetjmp() and siglongjmp(): a jump that puts the mask of signals back.
 */

#include <signal.h>

void sigjmp_save(sigjmp_buf buf, int save)
{
	buf->saved = save;
	if (save)
		pthread_sigmask(SIG_SETMASK, 0, &buf->mask);
}

void siglongjmp(sigjmp_buf buf, int value)
{
	if (buf->saved)
		pthread_sigmask(SIG_SETMASK, &buf->mask, 0);
	longjmp(buf->env, value);
}
