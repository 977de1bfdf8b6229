/* SPDX-License-Identifier: MIT */
#include <dirent.h>

/*
 * Reading folders: opendir, readdir and theirs. Entries come in the order in which the archive has
 * them, "." and ".." first.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libc-glue/glue.h"
#include "libc-glue/node.h"

/* Folders never change after start, so a position is as good as a pointer. */
struct dir_stream {
	int fd;
	struct tree_node *dir;
	struct tree_node *next; /* from position 2 on */
	long position;
	struct dirent entry;
};

/* The descriptor is the stream's from here on, if it succeeds. */
DIR *fdopendir(int fd)
{
	struct fd_file *f = fd_get(fd);
	struct tree_node *n = f ? node_of(f) : NULL;
	DIR *d;

	if (f)
		fd_put(f);
	if (!n || n->kind != TREE_DIR) {
		errno = f ? ENOTDIR : EBADF;
		return NULL;
	}
	d = calloc(1, sizeof *d);
	if (!d)
		return NULL;
	d->fd = fd;
	d->dir = n;
	rewinddir(d);
	return d;
}

DIR *opendir(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (fd >= 0 && !d)
		close(fd);
	return d;
}

int closedir(DIR *d)
{
	int rc = close(d->fd);

	free(d);
	return rc;
}

int dirfd(DIR *d)
{
	return d->fd;
}

/* The record is as long as the longest name: programs copy whole ones. */
static void fill(struct dirent *e, const struct tree_node *n, const char *name, size_t length)
{
	struct stat st;

	tree_stat(n, &st);
	e->d_ino = st.st_ino;
	e->d_type = (unsigned char)((st.st_mode & S_IFMT) >> 12); /* the DT_ numbers are made so */
	e->d_reclen = sizeof *e;
	memcpy(e->d_name, name, length); /* NAME_MAX at most: tree_add() */
	e->d_name[length] = '\0';
}

/*
 * One entry for each stream, overwritten by the next call on it. NULL at the end leaves errno
 * alone.
 */
struct dirent *readdir(DIR *d)
{
	if (d->position < 2) {
		fill(&d->entry, d->position ? d->dir->parent : d->dir, "..", (size_t)d->position + 1);
	} else {
		if (!d->next)
			return NULL;
		fill(&d->entry, d->next, d->next->name, d->next->length);
		d->next = d->next->sibling;
	}
	d->entry.d_off = ++d->position;
	return &d->entry;
}

int readdir_r(DIR *restrict d, struct dirent *restrict entry, struct dirent **restrict result)
{
	struct dirent *e = readdir(d);

	if (e)
		*entry = *e;
	*result = e ? entry : NULL;
	return 0;
}

long telldir(DIR *d)
{
	return d->position;
}

/* By counting: rare, and folders are short. */
void seekdir(DIR *d, long position)
{
	d->next = d->dir->child;
	for (d->position = 0; d->position < position; d->position++)
		if (d->position >= 2 && d->next)
			d->next = d->next->sibling;
}

void rewinddir(DIR *d)
{
	seekdir(d, 0);
}

int alphasort(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static void free_list(struct dirent **list, int n)
{
	while (n > 0)
		free(list[--n]);
	free(list);
}

/* Takes in a copy of e. Returns whether there was memory. */
static bool append(struct dirent ***list, int n, const struct dirent *e)
{
	struct dirent **grown = *list, *copy = malloc(sizeof *copy);

	if ((n & (n - 1)) == 0) /* full at every power of two */
		grown = realloc(*list, (n ? 2 * (size_t)n : 1) * sizeof *grown);
	if (grown)
		*list = grown;
	if (!grown || !copy) {
		free(copy);
		return false;
	}
	*copy = *e;
	grown[n] = copy;
	return true;
}

/* All or nothing: on failure nothing is left behind. */
int scandir(const char *path, struct dirent ***names, int (*want)(const struct dirent *),
	int (*compare)(const struct dirent **, const struct dirent **))
{
	struct dirent **list = NULL, *e;
	DIR *d = opendir(path);
	int n = 0;

	if (!d)
		return -1;
	while ((e = readdir(d)) != NULL) {
		if (want && !want(e))
			continue;
		if (!append(&list, n, e)) {
			free_list(list, n);
			closedir(d);
			return (int)fd_result(-ENOMEM);
		}
		n++;
	}
	closedir(d);
	if (n && compare)
		qsort(list, (size_t)n, sizeof *list, (int (*)(const void *, const void *))(void *)compare);
	*names = list;
	return n;
}
