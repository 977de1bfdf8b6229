/* SPDX-License-Identifier: MIT */
#include <libgen.h>

/*
 * The parts of a path: basename() and dirname() of POSIX.1-2017 <libgen.h>, and the basename() that
 * <string.h> has for _GNU_SOURCE. newlib declares them and has them for Unix systems alone.
 */

#include <string.h>

char *__gnu_basename(const char *path);

static char dot[] = ".";

/* The length without slashes at the end; a path of slashes keeps one. */
static size_t trimmed(const char *path)
{
	size_t n = strlen(path);

	while (n > 1 && path[n - 1] == '/')
		n--;
	return n;
}

/* Where the last name begins, of the first n bytes. */
static size_t last_name(const char *path, size_t n)
{
	while (n > 0 && path[n - 1] != '/')
		n--;
	return n;
}

/* Cuts slashes off the end in place, as POSIX allows. */
char *basename(char *path)
{
	size_t n;

	if (!path || !*path)
		return dot;
	n = trimmed(path);
	path[n] = '\0';
	return n == 1 && *path == '/' ? path : path + last_name(path, n);
}

char *dirname(char *path)
{
	size_t n;

	if (!path || !*path)
		return dot;
	n = last_name(path, trimmed(path));
	if (n == 0)
		return *path == '/' ? (path[1] = '\0', path) : dot;
	path[n] = '\0';
	path[trimmed(path)] = '\0';
	return path;
}

/* Changes nothing: behind the last slash. */
char *__gnu_basename(const char *path)
{
	return (char *)(size_t)path + last_name(path, strlen(path));
}
