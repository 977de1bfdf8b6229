/* SPDX-License-Identifier: MIT */
#ifndef KVM_TRANSPORT_H
#define KVM_TRANSPORT_H

/*
 * What virtio.c asks of its two transports; each of virtio_pci.c and virtio_mmio.c has one of
 * each.
 *
 * They touch registers and nothing else: the order in which that happens is virtio.c's.
 */

#include "kvm/virtio.h"

/*
 * Looks at a PCI function, or at the registers at base. True, and *d filled in: a device that we
 * know how to drive.
 */
bool virtio_pci_probe(struct virtio *d, uint32_t addr);
bool virtio_mmio_probe(struct virtio *d, uint64_t base, uint32_t len, unsigned gsi);

uint8_t virtio_pci_status(struct virtio *d);
uint8_t virtio_mmio_status(struct virtio *d);

void virtio_pci_set_status(struct virtio *d, uint8_t status);
void virtio_mmio_set_status(struct virtio *d, uint8_t status);

uint64_t virtio_pci_offered(struct virtio *d);
uint64_t virtio_mmio_offered(struct virtio *d);

void virtio_pci_accept(struct virtio *d, uint64_t features);
void virtio_mmio_accept(struct virtio *d, uint64_t features);

/* Selects queue `index` and tells how many descriptors it may have, 0 for none. */
uint16_t virtio_pci_select(struct virtio *d, uint16_t index);
uint16_t virtio_mmio_select(struct virtio *d, uint16_t index);

/* Hands the selected queue its memory, its interrupt, and enables it. Returns 0 or -ERR_PROTO. */
int virtio_pci_enable(struct virtio *d, struct virtq *q);
int virtio_mmio_enable(struct virtio *d, struct virtq *q);

/* Changes whenever the configuration does. */
uint32_t virtio_pci_generation(struct virtio *d);
uint32_t virtio_mmio_generation(struct virtio *d);

#endif
