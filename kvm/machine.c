/* SPDX-License-Identifier: MIT */
#include "core/x86/cpu.h"

/*
 * What this machine is: who accelerates it, and which of QEMU's (or another monitor's) boards it
 * looks like.
 *
 * For people and logs; nothing but the choice of the clock depends on it.
 */

#include "kvm/kvm.h"
#include "kvm/pci.h"

#define CPUID_HYPERVISOR 0x40000000u
#define CPUID_STEP 0x100u
#define CPUID_STEPS 4u /* Hyper-V's leaves may stand before KVM's */

#define HOST_BRIDGE_I440FX 0x12378086u
#define HOST_BRIDGE_Q35 0x29c08086u

/* The answers, once somebody has asked. */
static uint32_t kvm_leaf;
static const char *accelerator;

/* Twelve letters in EBX, ECX and EDX. */
static bool signed_by(const struct cpu_id *r, const char *signature)
{
	return !__builtin_memcmp(&r->ebx, signature, 4) && !__builtin_memcmp(&r->ecx, signature + 4, 4) &&
		!__builtin_memcmp(&r->edx, signature + 8, 4);
}

/*
 * The bit that no real CPU sets. Without it leaves from 0x40000000 on are not asked for: a CPU
 * that has none answers with those of another leaf.
 */
bool machine_has_hypervisor(void)
{
	return cpu_id(1, 0).ecx >> 31 & 1;
}

/* CPUID is slow on some hosts: asked once. */
static void find_accelerator(void)
{
	uint32_t leaf = CPUID_HYPERVISOR;
	struct cpu_id r;
	unsigned i;

	accelerator = "unknown";
	if (!machine_has_hypervisor())
		return;
	for (i = 0; i < CPUID_STEPS; i++, leaf += CPUID_STEP) {
		r = cpu_id(leaf, 0);
		if (signed_by(&r, "TCGTCGTCGTCG"))
			accelerator = "tcg";
		else if (signed_by(&r, "KVMKVMKVM\0\0\0"))
			accelerator = "kvm";
		else
			continue;
		kvm_leaf = *accelerator == 'k' ? leaf : 0;
		return;
	}
}

const char *machine_accelerator(void)
{
	if (!accelerator)
		find_accelerator();
	return accelerator;
}

/* For the clock: KVM's features stand in the leaf after the signature. */
uint32_t machine_kvm_leaf(void)
{
	(void)machine_accelerator();
	return kvm_leaf;
}

/*
 * QEMU's boards are told apart by their host bridge, other monitors by who signed the ACPI
 * tables. A microvm has neither PCI nor, perhaps, tables: it is what is left.
 */
static const char *find_name(void)
{
	const struct acpi *acpi = acpi_get();
	uint32_t bridge = pci_present() ? pci_read32(0, PCI_ID) : 0;

	if (bridge == HOST_BRIDGE_Q35)
		return "q35";
	if (bridge == HOST_BRIDGE_I440FX)
		return "pc";
	if (!__builtin_memcmp(acpi->oem, "FIRECK", 6))
		return "firecracker";
	if (!__builtin_memcmp(acpi->oem, "CLOUDH", 6))
		return "cloud-hypervisor";
	return bridge ? "pci" : "microvm";
}

const char *machine_name(void)
{
	static const char *name;

	if (!name)
		name = find_name();
	return name;
}
