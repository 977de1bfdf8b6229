/* SPDX-License-Identifier: MIT */
#include "core/x86/bootinfo.h"

/*
 * The few facts of ACPI's static tables that pith needs: where the power button is, how to power
 * off, and where PCI configuration lies in memory (ACPI 6.4 §5.2.5 to §5.2.9; PCI firmware
 * specification, MCFG).
 *
 * Tables are input. Each is mapped read-only, its length is checked before and its sum after it
 * is mapped, and one that is odd counts as absent. The interpreted tables (DSDT) are not read:
 * what only they know is known of QEMU's machines (power.c).
 */

#include "kvm/kvm.h"

#define TABLE_MAX 65536u
#define TABLES_MAX 64u

struct rsdp {
	char signature[8]; /* "RSD PTR " */
	uint8_t sum;
	char oem[6];
	uint8_t revision;
	uint32_t rsdt;
	uint32_t len; /* revision 2 */
	uint64_t xsdt;
} __attribute__((packed));

struct header {
	char signature[4];
	uint32_t len;
	uint8_t revision, sum;
	char oem[6];
	char rest[20];
} __attribute__((packed)); /* no table is aligned by right */

/* Offsets in the FADT. */
#define FADT_PM1A_EVENT 56u
#define FADT_PM1A_CONTROL 64u
#define FADT_PM_TIMER 76u
#define FADT_FLAGS 112u
#define FADT_SLEEP_CONTROL 244u /* a generic address: space, width, offset, size, and the address at 4 */
#define FADT_REDUCED (1u << 20)
#define SPACE_MEMORY 0u

#define MCFG_ENTRY 44u /* the first: base, segment, first bus, last bus */

/* All zeroes where there is nothing, or nothing that we understand. */
static struct acpi acpi;
static bool tried;

/* Every table's bytes add up to 0, so a table that is torn or not one at all is seen. */
static bool sums_up(const void *p, size_t len)
{
	const uint8_t *byte = p;
	uint8_t sum = 0;

	while (len--)
		sum += *byte++;
	return !sum;
}

/* Fields are where they are, aligned or not. */
static uint32_t get32(const void *p, size_t at)
{
	uint32_t v;

	__builtin_memcpy(&v, (const char *)p + at, sizeof v);
	return v;
}

static uint64_t get64(const void *p, size_t at)
{
	return get32(p, at) | (uint64_t)get32(p, at + 4) << 32;
}

/* A whole, mapped and sound table, or NULL. */
static const struct header *open_table(uint64_t addr)
{
	const struct header *h = (const void *)(uintptr_t)addr;
	uint32_t len;

	if (map_table(addr, sizeof *h))
		return NULL;
	len = h->len;
	if (len < sizeof *h || len > TABLE_MAX || map_table(addr, len) || !sums_up(h, len))
		return NULL;
	return h;
}

static bool is(const struct header *h, const char *signature)
{
	return !__builtin_memcmp(h->signature, signature, 4);
}

/* A short table is an old one: what it does not reach is as if it said 0. */
static void read_fadt(const struct header *h)
{
	if (h->len < FADT_FLAGS + 4)
		return;
	acpi.found = true;
	__builtin_memcpy(acpi.oem, h->oem, 6);
	acpi.reduced = get32(h, FADT_FLAGS) & FADT_REDUCED;
	acpi.pm1_event = (uint16_t)get32(h, FADT_PM1A_EVENT);
	acpi.pm1_control = (uint16_t)get32(h, FADT_PM1A_CONTROL);
	acpi.pm_timer = (uint16_t)get32(h, FADT_PM_TIMER);
	if (acpi.reduced && h->len >= FADT_SLEEP_CONTROL + 12 && ((const uint8_t *)h)[FADT_SLEEP_CONTROL] == SPACE_MEMORY)
		acpi.sleep_control = get64(h, FADT_SLEEP_CONTROL + 4);
}

/* Of MCFG only the first segment's entry, whose address is that of bus 0. */
static void read_table(uint64_t addr)
{
	const struct header *h = open_table(addr);

	if (!h)
		return;
	if (is(h, "FACP"))
		read_fadt(h);
	if (is(h, "MCFG") && h->len >= MCFG_ENTRY + 16 && !(get32(h, MCFG_ENTRY + 8) & 0xffffffu))
		acpi.ecam = get64(h, MCFG_ENTRY);
}

/* The RSDT has 4-byte pointers, the XSDT 8-byte ones. */
static void read_root(uint64_t addr, unsigned width)
{
	const struct header *h = open_table(addr);
	uint32_t i, n;

	if (!h || !is(h, width == 8 ? "XSDT" : "RSDT"))
		return;
	n = (h->len - sizeof *h) / width;
	for (i = 0; i < n && i < TABLES_MAX; i++)
		read_table(width == 8 ? get64(h, sizeof *h + 8 * i) : get32(h, sizeof *h + 4 * i));
}

/* The RSDP is told by the boot protocol; where it is not, nobody goes looking for it. */
const struct acpi *acpi_get(void)
{
	const struct rsdp *r = (const void *)(uintptr_t)bootinfo.rsdp;

	if (tried || map_table(bootinfo.rsdp, sizeof *r)) {
		tried = true;
		return &acpi;
	}
	tried = true;
	if (__builtin_memcmp(r->signature, "RSD PTR ", 8) || !sums_up(r, 20))
		return &acpi;
	if (r->revision >= 2 && r->xsdt)
		read_root(r->xsdt, 8);
	else
		read_root(r->rsdt, 4);
	return &acpi;
}
