/* SPDX-License-Identifier: MIT */
#ifndef TEST_FUZZ_FUZZ_NIC_H
#define TEST_FUZZ_FUZZ_NIC_H

/*
 * The guest's side of an interface, by core/nic.h alone: for targets of every platform. Whatever the device does, each token comes
 * back once, frames are no longer than they may be, and what is said of a checksum is about bytes that are there.
 */

#include <string.h>

#include "core/core.h"
#include "core/err.h"
#include "core/nic.h"
#include "core/plat.h"
#include "test/fuzz/fuzz.h"

#define FUZZ_NIC_ARENA (20u * PAGE_SIZE)
#define FUZZ_NIC_TOKENS 512u
#define FUZZ_NIC_RX 64u
#define FUZZ_NIC_LENT 2048u
#define FUZZ_NIC_FRAME_MAX 65550u

static struct {
	unsigned number; /* which interface */
	char *arena, *outside;
	bool out[FUZZ_NIC_TOKENS];
	unsigned n_out, n_lent;
	uint32_t lent[FUZZ_NIC_LENT];
	bool (*is_buffer)(const struct nic_buf *b); /* whether it lies where the platform keeps receive buffers */
} fuzz_nic;

/* With interfaces that are open, and two pieces of memory of FUZZ_NIC_ARENA bytes. */
static void fuzz_nic_begin(unsigned nics, void *arena, void *outside)
{
	fuzz_nic.arena = arena;
	fuzz_nic.outside = outside;
	for (unsigned n = 0; n < nics; n++)
		fuzz_must(nic_share(n, arena, FUZZ_NIC_ARENA) == 0);
}

static void fuzz_nic_check(const struct nic_buf *v, unsigned n, uint32_t bytes)
{
	const struct nic_offload *off = &v->off;

	fuzz_must(n <= FUZZ_NIC_RX && bytes > 0 && bytes <= FUZZ_NIC_FRAME_MAX);
	if (off->flags & NIC_CSUM_PARTIAL)
		fuzz_must((uint32_t)off->csum_start + off->csum_offset + 2 <= bytes);
	if (off->flags & (NIC_GSO_TCP4 | NIC_GSO_TCP6))
		fuzz_must(off->gso_size > 0 && off->hdr_len <= bytes);
}

static void fuzz_nic_receive(void)
{
	struct nic_buf v[FUZZ_NIC_RX + 64];
	unsigned max = FUZZ_NIC_RX + fuzz_below(65), n, first = 0;
	uint32_t bytes = 0;

	if (fuzz_nic.n_lent + max > FUZZ_NIC_LENT)
		return;
	n = nic_rx(fuzz_nic.number, v, max);
	fuzz_must(n <= max);
	for (unsigned i = 0; i < n; i++) {
		fuzz_must(fuzz_nic.is_buffer(&v[i]));
		fuzz_nic.lent[fuzz_nic.n_lent++] = v[i].id;
		bytes += v[i].len;
		if (v[i].more)
			continue;
		fuzz_nic_check(&v[first], i + 1 - first, bytes);
		first = i + 1;
		bytes = 0;
	}
	fuzz_must(first == n);
}

static void fuzz_nic_give_back(unsigned n)
{
	while (n-- > 0 && fuzz_nic.n_lent > 0) {
		unsigned i = fuzz_more() ? fuzz_below(fuzz_nic.n_lent) : fuzz_nic.n_lent - 1;

		nic_rx_done(fuzz_nic.number, fuzz_nic.lent[i]);
		fuzz_nic.lent[i] = fuzz_nic.lent[--fuzz_nic.n_lent];
	}
}

static void fuzz_nic_draw_offload(struct nic_offload *off, uint32_t len)
{
	off->flags = fuzz_byte() & (NIC_CSUM_PARTIAL | NIC_GSO_TCP4 | NIC_GSO_TCP6);
	if (off->flags)
		off->flags |= NIC_CSUM_PARTIAL;
	off->csum_start = (uint16_t)(fuzz_byte() % len);
	off->csum_offset = fuzz_byte() & 1 ? 16 : 6;
	off->gso_size = fuzz_u16();
	off->hdr_len = (uint16_t)(off->csum_start + 20u);
}

static void fuzz_nic_transmit(void)
{
	struct nic_frag v[NIC_FRAGS_MAX];
	struct nic_offload off;
	unsigned nv = 1 + fuzz_below(NIC_FRAGS_MAX), i = fuzz_below(FUZZ_NIC_TOKENS), how = fuzz_byte();
	uint32_t len = 0;
	int rc;

	if (fuzz_nic.out[i])
		return;
	for (unsigned k = 0; k < nv; k++) {
		size_t at = fuzz_u16() % (FUZZ_NIC_ARENA - PAGE_SIZE);

		v[k].base = (how & 1 && k == how >> 4 ? fuzz_nic.outside : fuzz_nic.arena) + at;
		v[k].len = how & 2 ? fuzz_u16() % PAGE_SIZE : 60;
		len += v[k].len;
	}
	if (how & 4)
		fuzz_nic_draw_offload(&off, len + 1);
	rc = nic_tx(fuzz_nic.number, v, nv, how & 4 ? &off : NULL, &fuzz_nic.out[i]);
	fuzz_must(rc == 0 || rc == -ERR_AGAIN || rc == -ERR_INVAL);
	fuzz_nic.out[i] = rc == 0;
	fuzz_nic.n_out += rc == 0;
}

static unsigned fuzz_nic_sent(void)
{
	void *v[64];
	unsigned n = nic_tx_done(fuzz_nic.number, v, 1 + fuzz_below(64));

	for (unsigned k = 0; k < n; k++) {
		unsigned i = (unsigned)((bool *)v[k] - fuzz_nic.out);

		fuzz_must(i < FUZZ_NIC_TOKENS && fuzz_nic.out[i]);
		fuzz_nic.out[i] = false;
		fuzz_nic.n_out--;
	}
	return n;
}

/* Groups, and what only looks. */
static void fuzz_nic_look(bool group)
{
	uint8_t mac[6] = { 1, 0, 0x5e, 0, 0, 0 };
	struct nic_stats stats;
	struct nic_info info;
	unsigned lent, total;

	if (group) {
		mac[4] = fuzz_byte();
		nic_group(fuzz_nic.number, mac, fuzz_byte() & 1);
		return;
	}
	nic_info(fuzz_nic.number, &info);
	nic_stats(fuzz_nic.number, &stats);
	nic_rx_lent(fuzz_nic.number, &lent, &total);
	fuzz_must(lent <= total && lent >= fuzz_nic.n_lent);
}

/* One act of the guest's; `what` below 11. */
static void fuzz_nic_act(unsigned what)
{
	switch (what) {
	case 0:
	case 1:
		fuzz_nic_receive();
		break;
	case 2:
		fuzz_nic_give_back(1 + fuzz_below(64));
		break;
	case 3:
		fuzz_nic_sent();
		break;
	case 4:
		if (!nic_arm(fuzz_nic.number))
			plat_wait(plat_now() + 1000000);
		break;
	case 5:
	case 6:
		fuzz_nic_look(what == 5);
		break;
	case 7:
		nic_kick(fuzz_nic.number);
		break;
	default:
		fuzz_nic_transmit();
	}
}

/* The interface was given up: everything comes back, and as long as something is missing there is work. */
static void fuzz_nic_settle(void)
{
	for (unsigned i = 0; i < FUZZ_NIC_TOKENS && nic_arm(fuzz_nic.number); i++)
		fuzz_nic_sent();
	fuzz_nic_give_back(fuzz_nic.n_lent);
	fuzz_must(fuzz_nic.n_out == 0 && fuzz_nic.n_lent == 0 && !nic_arm(fuzz_nic.number));
}

#endif
