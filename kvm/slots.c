/* SPDX-License-Identifier: MIT */
#include "core/core.h"

/*
 * Where virtio-mmio devices may be.
 *
 * Firecracker and QEMU's microvm append `virtio_mmio.device=SIZE@ADDR:IRQ` to the command line
 * for each one in use, in the manner of Linux. These words are taken out: they are not the
 * program's. A machine that says nothing and has no PCI either is taken for a microvm that was
 * told to keep quiet (auto-kernel-cmdline=off), whose slots are known.
 */

#include "kvm/kvm.h"
#include "kvm/pci.h"

#define WORD "virtio_mmio.device="
#define SLOTS_MAX 32u

/* QEMU, hw/i386/microvm.h */
#define MICROVM_BASE 0xfeb00000u
#define MICROVM_STEP 0x200u
#define MICROVM_TWO 24u /* slots with a second IOAPIC, */
#define MICROVM_ONE 8u  /* and without */

static struct slot told[SLOTS_MAX];
static unsigned ntold;

/*
 * A number up to one of the characters in `ends`; moves *s past that character. Returns 0 for
 * what is no number.
 */
static uint64_t number(const char **s, char end, uint64_t most)
{
	char text[24];
	uint64_t v;
	size_t n = 0;

	while (**s && **s != ' ' && **s != end && n < sizeof text - 1)
		text[n++] = *(*s)++;
	text[n] = '\0';
	if (**s == end)
		(*s)++;
	return fmt_number(text, most, &v) ? 0 : v;
}

static void see(const char *s)
{
	struct slot slot;

	slot.len = (uint32_t)number(&s, '@', 1u << 20);
	slot.base = number(&s, ':', UINT64_MAX);
	slot.gsi = (unsigned)number(&s, ' ', 255);
	if (slot.base && slot.len && slot.gsi && ntold < SLOTS_MAX)
		told[ntold++] = slot;
}

void slots_take(char *cmdline)
{
	size_t len = sizeof WORD - 1;
	char *to = cmdline, *from = cmdline;
	bool inside = false; /* a quoted word */

	while (*from) {
		if ((from == cmdline || from[-1] == ' ') && !inside && !__builtin_strncmp(from, WORD, len)) {
			see(from + len);
			while (*from && *from != ' ')
				from++;
			while (*from == ' ')
				from++;
			continue;
		}
		inside ^= *from == '"';
		*to++ = *from++;
	}
	while (to > cmdline && to[-1] == ' ')
		to--;
	*to = '\0';
}

/*
 * QEMU fills the microvm's slots from the last to the first: so -device options are numbered in
 * their own order.
 */
static bool backwards(void)
{
	return told[0].base >= MICROVM_BASE && told[0].base < MICROVM_BASE + MICROVM_TWO * MICROVM_STEP;
}

bool slots_get(unsigned n, struct slot *s)
{
	static unsigned first;
	unsigned count;

	if (ntold || pci_present()) {
		if (n < ntold)
			*s = told[backwards() ? ntold - 1 - n : n];
		return n < ntold;
	}
	if (!first)
		first = intr_mmio_base();
	count = first == MICROVM_TWO ? MICROVM_TWO : MICROVM_ONE;
	if (n >= count)
		return false;
	n = count - 1 - n;
	*s = (struct slot){ MICROVM_BASE + n * MICROVM_STEP, MICROVM_STEP, first + n };
	return true;
}
