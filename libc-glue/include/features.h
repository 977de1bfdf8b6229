/* SPDX-License-Identifier: MIT */
/* Some programs include it first, as on Linux: newlib's is elsewhere. */
#include <sys/features.h>
