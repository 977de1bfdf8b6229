/* SPDX-License-Identifier: MIT */
/* What uname() tells: sysname "pith", the machine's architecture. libc-glue/proc.c. */
#ifndef SYS_UTSNAME_H
#define SYS_UTSNAME_H

#include <sys/cdefs.h>

#define _UTSNAME_LENGTH 65

struct utsname {
	char sysname[_UTSNAME_LENGTH];
	char nodename[_UTSNAME_LENGTH];
	char release[_UTSNAME_LENGTH];
	char version[_UTSNAME_LENGTH];
	char machine[_UTSNAME_LENGTH];
	char domainname[_UTSNAME_LENGTH];
};

__BEGIN_DECLS

int uname(struct utsname *name);

__END_DECLS

#endif
