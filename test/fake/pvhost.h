/* SPDX-License-Identifier: MIT */
/*
 * Included before everything else in xen/pv/ for the desk: where a PV guest calls Xen, it calls the test.
 */
#ifdef __ASSEMBLER__
#define syscall call pvhost_syscall
#endif
