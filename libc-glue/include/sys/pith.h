/* SPDX-License-Identifier: MIT */
#ifndef SYS_PITH_H
#define SYS_PITH_H

/*
 * What newlib itself and every program must agree on.
 *
 * newlib's types for a machine that it does not know are those of a small one: 16-bit inode
 * numbers, an int from read(). They are part of the ABI (struct stat, FILE), so they are set in
 * this one place: newlib is compiled with `-include sys/pith.h`, and programs get it from
 * <newlib.h>, which every header of newlib includes first.
 */

#ifndef __DYNAMIC_REENT__
#define __DYNAMIC_REENT__ 1 /* errno and the like by __getreent(): libc-glue/reent.c */
#endif

/* One stdout for all threads: newlib would give each its own, with a buffer of its own. */
#define _REENT_GLOBAL_STDIO_STREAMS 1

/* ssize_t and size_t: newlib's default would cut a read() at 2 GiB. */
#define _READ_WRITE_RETURN_TYPE long
#define _READ_WRITE_BUFSIZE_TYPE unsigned long

#define MALLOC_ALIGNMENT 16 /* what SSE and max_align_t need; newlib says 8 */

/* Each says that sys/_types.h need not choose: the types below are struct stat's. */
#define __machine_dev_t_defined
#define __machine_ino_t_defined
#define __machine_uid_t_defined
#define __machine_gid_t_defined
#define __machine_fsfilcnt_t_defined

#ifndef __ASSEMBLER__
typedef unsigned long __dev_t;
typedef unsigned long __ino_t;
typedef unsigned int __uid_t;
typedef unsigned int __gid_t;
typedef unsigned long __fsfilcnt_t;
#endif

#endif
