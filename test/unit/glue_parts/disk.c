/* SPDX-License-Identifier: MIT */
/* libc-glue/disk.c for the desk: the host has its disk ioctls in a header of its own. */
#include <linux/fs.h>

#include "libc-glue/disk.c"
