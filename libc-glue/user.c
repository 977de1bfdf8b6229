/* SPDX-License-Identifier: MIT */
#include <errno.h>

/*
 * Users and groups: there is root, and nobody else but nobody.
 */

#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Servers look up whom to become, and setuid(0) succeeds. */
static struct passwd users[] = {
	{ .pw_name = "root", .pw_passwd = "*", .pw_gecos = "", .pw_comment = "", .pw_dir = "/", .pw_shell = "" },
	{ .pw_name = "nobody", .pw_passwd = "*", .pw_uid = 65534, .pw_gid = 65534, .pw_gecos = "",
		.pw_comment = "", .pw_dir = "/", .pw_shell = "" },
};

static char *no_members[] = { NULL };

static struct group groups[] = {
	{ .gr_name = "root", .gr_passwd = "*", .gr_mem = no_members },
	{ .gr_name = "nogroup", .gr_passwd = "*", .gr_gid = 65534, .gr_mem = no_members },
};

struct passwd *getpwuid(uid_t uid)
{
	return uid == 0 ? &users[0] : uid == 65534 ? &users[1] : NULL;
}

struct passwd *getpwnam(const char *name)
{
	return !strcmp(name, "root") ? &users[0] : !strcmp(name, "nobody") ? &users[1] : NULL;
}

struct group *getgrgid(gid_t gid)
{
	return gid == 0 ? &groups[0] : gid == 65534 ? &groups[1] : NULL;
}

struct group *getgrnam(const char *name)
{
	return !strcmp(name, "root") ? &groups[0] : !strcmp(name, "nogroup") ? &groups[1] : NULL;
}

/* The strings are constant: nothing of them goes into buf. */
static int copy_user(const struct passwd *from, struct passwd *to, struct passwd **result)
{
	*result = from ? to : NULL;
	if (from)
		*to = *from;
	return 0;
}

int getpwuid_r(uid_t uid, struct passwd *user, char *buf, size_t size, struct passwd **result)
{
	(void)buf;
	(void)size;
	return copy_user(getpwuid(uid), user, result);
}

int getpwnam_r(const char *name, struct passwd *user, char *buf, size_t size, struct passwd **result)
{
	(void)buf;
	(void)size;
	return copy_user(getpwnam(name), user, result);
}

char *getlogin(void)
{
	return users[0].pw_name;
}
