/* SPDX-License-Identifier: MIT */
#ifndef CORE_ERR_H
#define CORE_ERR_H

/*
 * Error numbers of the core and of the door.
 *
 * Functions return 0 or a count on success and one of these, negated, on failure. The values are
 * newlib's <errno.h>, so that libc-glue can write `errno = -rc`; libc-glue/stubs.c asserts at
 * compile time that they agree. The core cannot include <errno.h>: it is built without a libc.
 */

#define ERR_PERM 1       /* the gate refuses, for good */
#define ERR_NOENT 2      /* no such key, file or entry */
#define ERR_IO 5         /* the device reports failure, or is marked broken */
#define ERR_AGAIN 11     /* no room or nothing there now: try again later */
#define ERR_NOMEM 12     /* out of pages */
#define ERR_BUSY 16      /* already open, or in use */
#define ERR_EXIST 17     /* already there */
#define ERR_NODEV 19     /* no device of that number */
#define ERR_INVAL 22     /* an argument that cannot be */
#define ERR_ROFS 30      /* write to a read-only disk */
#define ERR_PROTO 71     /* the other side broke the protocol */
#define ERR_NOSYS 88     /* not here */
#define ERR_NOTSUP 95    /* the device does not offer it (EOPNOTSUPP) */
#define ERR_TIMEDOUT 116 /* the deadline passed */

#endif
