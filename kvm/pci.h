/* SPDX-License-Identifier: MIT */
#ifndef KVM_PCI_H
#define KVM_PCI_H

/*
 * PCI configuration, before the seal: finding functions, their registers, their interrupts. See
 * pci.c.
 *
 * A function is known by its address as port 0xcf8 takes it: bus << 16 | device << 11 | function
 * << 8.
 */

#include <stdbool.h>
#include <stdint.h>

/* Registers of a configuration header. */
#define PCI_ID 0x00u      /* vendor, device */
#define PCI_COMMAND 0x04u /* command, status */
#define PCI_CLASS 0x08u
#define PCI_HEADER 0x0cu
#define PCI_BAR0 0x10u
#define PCI_BUSES 0x18u     /* of a bridge */
#define PCI_SUBSYSTEM 0x2cu /* vendor, id */
#define PCI_CAPABILITIES 0x34u

#define PCI_CAP_VENDOR 0x09u
#define PCI_CAP_MSIX 0x11u

#define PCI_NONE UINT32_MAX

bool pci_present(void);

uint32_t pci_read32(uint32_t addr, unsigned reg); /* all ones where nothing is */
void pci_write32(uint32_t addr, unsigned reg, uint32_t v);

/*
 * The next function after addr, buses behind bridges too; PCI_NONE at the end. Begin with
 * PCI_NONE.
 */
uint32_t pci_next(uint32_t addr);

/* The next capability of that kind after `at` (0: the first): its place, or 0. */
unsigned pci_capability(uint32_t addr, unsigned kind, unsigned at);

/* Lets the function decode its memory and reach ours. */
void pci_enable(uint32_t addr);

/* Where memory BAR n lies, after giving it a place if the firmware left it without; 0 for none. */
uint64_t pci_bar(uint32_t addr, unsigned n);

/*
 * Makes entry 0 of the MSI-X table end gate_wait(). Returns 0, or -ERR_NOTSUP where there is no
 * such table.
 */
int pci_msix(uint32_t addr);

#endif
