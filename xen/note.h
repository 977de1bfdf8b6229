/* SPDX-License-Identifier: MIT */
/*
 * What an image tells the domain builder, for assembler: note TYPE, DIRECTIVE makes one ELF note of the owner "Xen".
 *
 * The types are in xen/elfnote.h, with what their values must be.
 */
#ifndef XEN_NOTE_H
#define XEN_NOTE_H

#include <xen/elfnote.h>

	.macro note type, desc:vararg
	.balign 4
	.long 4, 9f - 8f, \type
	.asciz "Xen"
8:	\desc
9:	.balign 4
	.endm

#endif
