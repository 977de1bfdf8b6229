/* SPDX-License-Identifier: MIT */
#include <errno.h>

/*
 * The calls that take a name: open, stat, access, chdir and their relatives with a directory's
 * descriptor.
 *
 * They find the node in the tree and hand over to what it is. Nobody can make or change a name:
 * that is EROFS, as on any file system that was mounted read-only. Being root, the program may read
 * everything.
 */

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libc-glue/archive.h"
#include "libc-glue/dev.h"
#include "libc-glue/glue.h"
#include "libc-glue/node.h"
#include "libc-glue/procfs.h"

/* What fcntl(F_GETFL) tells of the flags that open() was given. */
#define KEPT (O_ACCMODE | O_APPEND | O_NONBLOCK | O_SYNC | O_DIRECT)

static struct tree_node *here = &tree_root; /* the working directory */

/*
 * An image that opens nothing links none of these, and no disk. The archive comes first: it cannot
 * put files in place of devices.
 */
static void start(void)
{
	archive_start();
	dev_start();
	procfs_start();
	disk_start();
}
GLUE_INIT_EARLY(start);

/* ---- Finding ---- */

/* Where a relative path begins: dirfd of the *at() calls. */
static int find_start(int dirfd, const char *path, struct tree_node **start)
{
	struct fd_file *f;
	struct tree_node *n;

	*start = here;
	if (dirfd == AT_FDCWD || path[0] == '/')
		return 0;
	f = fd_get(dirfd);
	if (!f)
		return -EBADF;
	n = node_of(f);
	fd_put(f);
	if (!n || n->kind != TREE_DIR)
		return -ENOTDIR;
	*start = n;
	return 0;
}

/* *n is set on success alone. A NULL path is what the kernel of a Unix would call a bad address. */
static int find_at(int dirfd, const char *path, bool follow, struct tree_node **n)
{
	struct tree_node *start;
	int rc;

	if (!path)
		return -EFAULT;
	rc = find_start(dirfd, path, &start);
	return rc ? rc : tree_find(start, path, follow, n);
}

/* ---- open ---- */

/* A name that is not there cannot be made, where its folder is. */
static int missing(int dirfd, const char *path, int flags)
{
	struct tree_node *dir;
	const char *slash = strrchr(path, '/');
	char *parent;
	int rc;

	if (!(flags & O_CREAT))
		return -ENOENT;
	if (!slash || slash == path)
		return -EROFS;
	parent = strndup(path, (size_t)(slash - path));
	if (!parent)
		return -ENOMEM;
	rc = find_at(dirfd, parent, true, &dir);
	free(parent);
	return rc ? rc : -EROFS;
}

/*
 * In the order in which Linux finds the errors: a program that tests for one of them finds the
 * same. Devices may be written.
 */
static int check_flags(const struct tree_node *n, int flags)
{
	bool writing = (flags & O_ACCMODE) != O_RDONLY;

	if ((flags & O_CREAT) && (flags & O_EXCL))
		return -EEXIST;
	if (n->kind == TREE_LINK)
		return -ELOOP; /* only O_NOFOLLOW gets here */
	if ((flags & O_DIRECTORY) && n->kind != TREE_DIR)
		return -ENOTDIR;
	if (n->kind == TREE_DIR && (writing || (flags & O_CREAT)))
		return -EISDIR;
	if (n->kind == TREE_FILE && (writing || (flags & O_TRUNC)))
		return -EROFS;
	return 0;
}

/*
 * O_CREAT with O_EXCL does not follow a link at the end, as POSIX says, and neither does
 * O_NOFOLLOW. A file that gets no number is closed by fd_install().
 */
static int open_at(int dirfd, const char *path, int flags)
{
	bool follow = !(flags & O_NOFOLLOW) && (flags & (O_CREAT | O_EXCL)) != (O_CREAT | O_EXCL);
	struct tree_node *n;
	struct fd_file *f;
	int rc = find_at(dirfd, path, follow, &n);

	if (rc == -ENOENT)
		return missing(dirfd, path, flags);
	if (!rc)
		rc = check_flags(n, flags);
	if (!rc)
		rc = n->open ? n->open(n, flags & KEPT, &f) : node_open(n, flags & KEPT, &f);
	return rc ? rc : fd_install(f, 0, flags & O_CLOEXEC);
}

/* The third argument, the mode, is for files that are made: there are none. */
int open(const char *path, int flags, ...)
{
	return (int)fd_result(open_at(AT_FDCWD, path, flags));
}

int openat(int dirfd, const char *path, int flags, ...)
{
	return (int)fd_result(open_at(dirfd, path, flags));
}

int creat(const char *path, mode_t mode)
{
	(void)mode;
	return open(path, O_CREAT | O_WRONLY | O_TRUNC);
}

/* ---- stat ---- */

/* A name is asked, nothing is opened: a disk that is broken can still be looked at. */
int fstatat(int dirfd, const char *restrict path, struct stat *restrict st, int flags)
{
	struct tree_node *n;
	int rc = find_at(dirfd, path, !(flags & AT_SYMLINK_NOFOLLOW), &n);

	if (!rc)
		tree_stat(n, st);
	return (int)fd_result(rc);
}

int stat(const char *restrict path, struct stat *restrict st)
{
	return fstatat(AT_FDCWD, path, st, 0);
}

int lstat(const char *restrict path, struct stat *restrict st)
{
	return fstatat(AT_FDCWD, path, st, AT_SYMLINK_NOFOLLOW);
}

/*
 * root may read all; to write is refused by the file system, not by the mode; to execute needs an x
 * of anybody's.
 */
int faccessat(int dirfd, const char *path, int mode, int flags)
{
	struct tree_node *n;
	int rc = find_at(dirfd, path, !(flags & AT_SYMLINK_NOFOLLOW), &n);

	if (!rc && (mode & W_OK) && (n->kind == TREE_FILE || n->kind == TREE_DIR))
		rc = -EROFS;
	if (!rc && (mode & X_OK) && !(n->mode & 0111))
		rc = -EACCES;
	return (int)fd_result(rc);
}

int access(const char *path, int mode)
{
	return faccessat(AT_FDCWD, path, mode, 0);
}

/* ---- Links ---- */

/* Cut without a word where buf is too small, and without a NUL: that is POSIX. */
ssize_t readlinkat(int dirfd, const char *restrict path, char *restrict buf, size_t size)
{
	struct tree_node *n;
	int rc = find_at(dirfd, path, false, &n);

	if (!rc && n->kind != TREE_LINK)
		rc = -EINVAL;
	if (rc)
		return fd_result(rc);
	if (size > n->size)
		size = n->size;
	memcpy(buf, n->data, size);
	return (ssize_t)size;
}

ssize_t readlink(const char *restrict path, char *restrict buf, size_t size)
{
	return readlinkat(AT_FDCWD, path, buf, size);
}

/* ---- The working directory ---- */

static int change_dir(int rc, struct tree_node *n)
{
	if (!rc && n->kind != TREE_DIR)
		rc = -ENOTDIR;
	if (!rc)
		here = n;
	return (int)fd_result(rc);
}

int chdir(const char *path)
{
	struct tree_node *n = NULL;
	int rc = find_at(AT_FDCWD, path, true, &n);

	return change_dir(rc, n);
}

/* Any relative path begins at the descriptor; an empty one is it. */
int fchdir(int fd)
{
	struct tree_node *n = NULL;
	int rc = find_start(fd, "", &n);

	return change_dir(rc, n);
}

/* Into buf, or into memory of its own when there is none. */
static char *write_path(const struct tree_node *n, char *buf, size_t size)
{
	char *own = NULL;

	if (!buf)
		buf = own = malloc(size);
	if (!buf)
		return NULL;
	if (tree_path(n, buf, size) >= 0)
		return buf;
	free(own);
	errno = ERANGE;
	return NULL;
}

/* Without a buffer it gives one that the caller frees, as glibc does. */
char *getcwd(char *buf, size_t size)
{
	if (buf && size == 0) {
		errno = EINVAL;
		return NULL;
	}
	return write_path(here, buf, size ? size : PATH_MAX);
}

/* The last part must be there too. buf has PATH_MAX bytes, or is made. */
char *realpath(const char *restrict path, char *restrict buf)
{
	struct tree_node *n;
	int rc = find_at(AT_FDCWD, path, true, &n);

	if (rc) {
		fd_result(rc);
		return NULL;
	}
	return write_path(n, buf, PATH_MAX);
}
