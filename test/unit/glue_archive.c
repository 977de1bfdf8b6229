/* SPDX-License-Identifier: MIT */
/*
 * libc-glue/tar.c, cpio.c, archive.c, tree.c: archives made here, then cut at every length and damaged at random
 * places.
 *
 * Each archive is copied into memory of exactly its size before it is mounted, so the sanitizer sees every byte that
 * is read behind it.
 */
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include "core/core.h"
#include "libc-glue/archive.h"
#include "libc-glue/tree.h"
#include "test/fake/boot.h"
#include "test/fake/fake.h"
#include "test/tap.h"

#define BLOCK 512

const char __pith_archive_start[1], __pith_archive_end[1]; /* none is linked in: they may not be equal here, see main() */

/* The tree keeps what it was given for ever, and here it is made to forget it: that is no leak of archive.c's. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}

static unsigned char image[65536];
static size_t used;

/* ---- Making archives ---- */

static void put(const void *data, size_t len)
{
	memcpy(image + used, data, len);
	used += len;
}

static void pad(size_t to)
{
	while (used % to)
		image[used++] = 0;
}

static void sum_header(char *h)
{
	unsigned sum = 0, i;

	memset(h + 148, ' ', 8);
	for (i = 0; i < BLOCK; i++)
		sum += (unsigned char)h[i];
	snprintf(h + 148, 8, "%06o", sum);
}

/* One member of a tar; prefix may be NULL for an archive that is not POSIX's. */
static void tar_member(char type, const char *prefix, const char *name, const char *link, const void *data, size_t size)
{
	char h[BLOCK] = { 0 };

	memcpy(h, name, strlen(name) < 100 ? strlen(name) : 100);
	memcpy(h + 100, "0000755", 8);
	snprintf(h + 124, 12, "%011zo", size);
	memcpy(h + 136, "14000000000", 12);
	h[156] = type;
	if (link)
		memcpy(h + 157, link, strlen(link) < 100 ? strlen(link) : 100);
	memcpy(h + 257, prefix ? "ustar\0" "00" : "ustar  ", 8);
	if (prefix)
		memcpy(h + 345, prefix, strlen(prefix));
	sum_header(h);
	put(h, BLOCK);
	put(data, size);
	pad(BLOCK);
}

static void tar_end(void)
{
	memset(image + used, 0, 2 * BLOCK);
	used += 2 * BLOCK;
}

static void cpio_member(unsigned ino, unsigned mode, unsigned links, const char *name, const void *data, size_t size)
{
	char h[160];

	snprintf(h, sizeof h, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08zx%08x", ino, mode, 0, 0, links, 1000, (unsigned)size, 8,
		1, 0, 0, strlen(name) + 1, 0);
	put(h, 110);
	put(name, strlen(name) + 1);
	pad(4);
	put(data, size);
	pad(4);
}

/* ---- Looking ---- */

static struct tree_node *find(const char *path)
{
	struct tree_node *n;

	return tree_find(&tree_root, path, true, &n) ? NULL : n;
}

static bool holds(const char *path, const char *text)
{
	struct tree_node *n = find(path);

	return n && n->kind == TREE_FILE && n->size == strlen(text) && !memcmp(n->data, text, n->size);
}

/* Memory of just this size, which stays: the tree points into it. */
static size_t mount(size_t len)
{
	unsigned char *copy = malloc(len ? len : 1);

	memcpy(copy, image, len);
	return archive_mount("test", copy, len);
}

/* The tree forgets all, as no image ever does. What it had is not freed. */
static void forget(void)
{
	struct tree_node *n;

	for (n = tree_root.child; n; n = n->sibling)
		n->length = 0;
	tree_root.child = tree_root.last = NULL;
}

/* ---- Tar ---- */

static char deep[201];

static void make_tar(void)
{
	char pax[300], record[280];

	used = 0;
	memset(deep, 'd', 200);
	deep[100] = '/';
	tar_member('5', "", "./", NULL, "", 0);
	tar_member('5', "", "sub/", NULL, "", 0);
	tar_member('0', "", "sub/plain", NULL, "plain text", 10);
	tar_member('0', "usr/share", "split", NULL, "split name", 10);
	tar_member('2', "", "sub/soft", "plain", "", 0);
	tar_member('2', "", "up", "sub/../sub/soft", "", 0);
	tar_member('2', "", "round", "round", "", 0);
	tar_member('1', "", "hard", "sub/plain", "", 0);
	tar_member('L', NULL, "././@LongLink", NULL, deep, 201);
	tar_member('0', NULL, "cut", NULL, "gnu long", 8);
	snprintf(record, sizeof record, " path=pax/%s\n", deep);
	snprintf(pax, sizeof pax, "%zu%s", strlen(record) + 3, record);
	tar_member('x', "", "PaxHeaders/x", NULL, pax, strlen(pax));
	tar_member('0', "", "short", NULL, "pax long", 8);
	tar_member('0', "", "/absolute//twice", NULL, "absolute", 8);
	tar_member('0', "", "../../escape", NULL, "never", 5);
	tar_member('0', "", "sub/../../escape", NULL, "never", 5);
	tar_member('3', "", "device", NULL, "", 0);
	tar_member('0', "", "sub/plain", NULL, "newer", 5);
	tar_member('0', "", "sub", NULL, "a folder is there", 17);
	tar_member('0', "", "sub/plain/below", NULL, "a file is there", 15);
	tar_member('0', "", "empty", NULL, "", 0);
	tar_member('\0', "", "old/", NULL, "", 0);
	tar_end();
}

static void test_tar(void)
{
	char path[300];
	struct tree_node *n;
	struct stat st;

	make_tar();
	is(mount(used), 19, "every member is seen");
	ok(holds("/sub/plain", "newer"), "a later member replaces an earlier one");
	ok(holds("/usr/share/split", "split name"), "prefix and name are joined, and folders made");
	ok(holds("/hard", "plain text"), "a hard link has what its target had");
	ok(holds("/sub/soft", "newer") && holds("up", "newer"), "symbolic links lead where they say");
	ok(tree_find(&tree_root, "/round", true, &n) == -ELOOP, "one that leads to itself is ELOOP");
	ok(!tree_find(&tree_root, "/round", false, &n) && n->kind == TREE_LINK, "but can be looked at");
	snprintf(path, sizeof path, "/%s", deep);
	ok(holds(path, "gnu long"), "GNU's long name");
	snprintf(path, sizeof path, "/pax/%s", deep);
	ok(holds(path, "pax long"), "pax's path");
	ok(holds("/absolute/twice", "absolute"), "slashes are skipped");
	ok(!find("/escape") && !find("escape"), "nothing escapes");
	ok(!find("/device"), "devices are left out");
	ok(find("/sub") && find("/sub")->kind == TREE_DIR, "a file does not replace a folder");
	ok(holds("/empty", ""), "an empty file");
	ok(find("/old") && find("/old")->kind == TREE_DIR, "V7's folder");
	tree_stat(find("/sub/plain"), &st);
	ok(S_ISREG(st.st_mode) && (st.st_mode & 0777) == 0555 && st.st_size == 5 && st.st_mtime == 014000000000, "stat tells all");
	is(tree_path(find("/usr/share/split"), path, sizeof path), 16, "a node knows its path");
	ok(!strcmp(path, "/usr/share/split"), "and writes it");
	is(tree_path(find("/usr/share/split"), path, 16), -ERANGE, "where there is room");
	ok(strstr(fake_console(), "escape") && strstr(fake_console(), "device"), "what is left out is named");
}

static void test_names(void)
{
	struct tree_node *n;
	char name[1100];

	memset(name, 'n', sizeof name - 1);
	name[1099] = '\0';
	is(tree_find(&tree_root, name, true, &n), -ENAMETOOLONG, "a path of 1099 bytes is too long");
	name[300] = '\0';
	is(tree_find(&tree_root, name, true, &n), -ENAMETOOLONG, "and a name of 300");
	is(tree_find(&tree_root, "", true, &n), -ENOENT, "no path is no entry");
	is(tree_find(&tree_root, "/sub/plain/x", true, &n), -ENOTDIR, "a file is no folder");
	is(tree_find(&tree_root, "/sub/plain/", true, &n), -ENOTDIR, "not even with a slash at its end");
	ok(!tree_find(&tree_root, "/../..//./", true, &n) && n == &tree_root, "there is nothing above the root");
	ok(!tree_find(find("/sub"), "plain", true, &n) && !tree_find(find("/sub"), "../empty", true, &n), "relative to a folder");
}

/* ---- cpio ---- */

static void make_cpio(void)
{
	used = 0;
	cpio_member(1, 040755, 2, ".", "", 0);
	cpio_member(2, 040755, 2, "c", "", 0);
	cpio_member(3, 0100644, 1, "c/file", "cpio file", 9);
	cpio_member(4, 0120777, 1, "c/link", "file", 4);
	cpio_member(5, 0100600, 2, "c/one", "", 0);
	cpio_member(5, 0100600, 2, "c/two", "both", 4);
	cpio_member(6, 0020600, 1, "c/tty", "", 0);
	cpio_member(0, 0, 1, "TRAILER!!!", "", 0);
	memset(image + used, 0, 300);
	used += 300;
	cpio_member(9, 0100644, 1, "second", "another archive", 15);
	cpio_member(0, 0, 1, "TRAILER!!!", "", 0);
}

static void test_cpio(void)
{
	make_cpio();
	is(mount(used), 8, "cpio: every member is seen");
	ok(holds("/c/file", "cpio file") && holds("/c/link", "cpio file"), "a file and a link to it");
	ok(holds("/c/one", "both") && holds("/c/two", "both"), "two names of a file have what stands behind the last");
	ok(!find("/c/tty"), "a device is left out");
	ok(holds("/second", "another archive"), "an archive may follow");
}

/* ---- Damage ---- */

/* Cut at every length: no byte is read behind the end, and what was whole is there. */
static void cut_everywhere(const char *what)
{
	size_t len, all = used, before = 0, backwards = 0, said = 0;

	for (len = 0; len < all; len++) {
		size_t members;

		fake_console_clear();
		forget();
		members = mount(len);
		backwards += members < before;
		before = members;
		said += strstr(fake_console(), "cut short") || strstr(fake_console(), "neither") || strstr(fake_console(), "damaged");
	}
	is(backwards, 0, what);
	tap_diag("%zu of %zu cuts were noticed", said, all);
	ok(said >= all - 2 * BLOCK, "a cut is said, but for one inside the end mark");
}

static uint64_t seed;

static unsigned next(unsigned below)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(seed >> 33) % below;
}

/* Some bytes changed, in tar with the sums made right again, so that the changes get through. */
static void damage(bool tar)
{
	unsigned k, times = 1 + next(6);

	for (k = 0; k < times; k++) {
		size_t at = next((unsigned)used);

		image[at] = next(3) ? (unsigned char)next(256) : (unsigned char)("07/.\xff\x80 9"[next(8)]);
		at -= at % BLOCK;
		if (tar && image[at + 257] == 'u')
			sum_header((char *)image + at);
	}
}

static void damage_often(bool tar, const char *what)
{
	unsigned i, good = 0;

	for (i = 0; i < 3000; i++) {
		if (tar)
			make_tar();
		else
			make_cpio();
		damage(tar);
		fake_console_clear();
		forget();
		good += mount(used - (next(4) ? 0 : next((unsigned)used))) > 0;
	}
	ok(good > 100, "%s", what);
}

static void test_other(void)
{
	used = 0;
	put("\x1f\x8b\x08 and so on", 14);
	fake_console_clear();
	ok(!mount(used) && strstr(fake_console(), "compressed"), "a compressed archive is named");
	ok(!mount(0) && !mount(1), "an empty one is none");
	memset(image, 0, 1024);
	is(mount(1024), 0, "a tar of nothing is whole");
}

int main(void)
{
	const char *s = getenv("PITH_SEED");

	seed = s ? strtoull(s, NULL, 10) : 1;
	tap_diag("PITH_SEED=%llu", (unsigned long long)seed);
	fake.quiet = true;
	fake_boot();
	test_tar();
	test_names();
	test_cpio();
	make_tar();
	cut_everywhere("a tar that is cut shorter never has more members");
	make_cpio();
	cut_everywhere("nor a cpio");
	damage_often(true, "3,000 damaged tars do no harm");
	damage_often(false, "nor 3,000 damaged cpios");
	test_other();
	return tap_done();
}
