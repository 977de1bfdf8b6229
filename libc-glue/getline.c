/* SPDX-License-Identifier: MIT */
#include <stdio.h>

/*
 * getline() and getdelim(), which newlib has under reserved names only.
 */

ssize_t getline(char **line, size_t *size, FILE *stream)
{
	return __getline(line, size, stream);
}

ssize_t getdelim(char **line, size_t *size, int end, FILE *stream)
{
	return __getdelim(line, size, end, stream);
}
