/* SPDX-License-Identifier: MIT */
#ifndef SYS_UTSNAME_H
#define SYS_UTSNAME_H

/* What uname() tells (POSIX.1-2017 <sys/utsname.h>). libc-glue/proc.c. */

#include <sys/cdefs.h>

#define _UTSNAME_LENGTH 65

/*
 * "pith", the host's name (hostname= on the command line, DHCP's, or "pith"), pith's version, what
 * the machine is (the platform's name), "x86_64"; domainname is Linux's and empty.
 */
struct utsname {
	char sysname[_UTSNAME_LENGTH];
	char nodename[_UTSNAME_LENGTH];
	char release[_UTSNAME_LENGTH];
	char version[_UTSNAME_LENGTH];
	char machine[_UTSNAME_LENGTH];
	char domainname[_UTSNAME_LENGTH];
};

__BEGIN_DECLS

/* Fills in the caller's struct. Never fails. */
int uname(struct utsname *name);

__END_DECLS

#endif
