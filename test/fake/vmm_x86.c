/* SPDX-License-Identifier: MIT */
#include "core/x86/pvclock.c"

/*
 * The two files of core/x86 that kvm/ stands on, compiled against the fake cpu.h: other programs
 * of the desk link them with the real one.
 */

#include "core/x86/random.c"
