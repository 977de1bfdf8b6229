/* SPDX-License-Identifier: MIT */
#include <limits.h>

/*
 * printf() to a stream by way of memory.
 *
 * newlib has its formatter twice, once for streams and once for strings, 9 KiB each. Nearly every
 * program needs the one for strings, so streams use it too: the text is made in memory and written
 * in one piece. That also keeps lines whole on streams without a buffer, as stderr is.
 */

#include <stdio.h>
#include <stdlib.h>

int _vfprintf_r(struct _reent *reent, FILE *restrict stream, const char *restrict format, va_list ap)
{
	char small[256];
	size_t length = sizeof small, written;
	char *text = _vasnprintf_r(reent, small, &length, format, ap);

	if (!text)
		return -1;
	written = _fwrite_r(reent, text, 1, length, stream);
	if (text != small)
		free(text);
	return written == length && length <= INT_MAX ? (int)length : -1;
}

int vfprintf(FILE *restrict stream, const char *restrict format, va_list ap)
{
	return _vfprintf_r(_REENT, stream, format, ap);
}
