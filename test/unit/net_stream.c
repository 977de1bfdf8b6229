/* SPDX-License-Identifier: MIT */
/*
 * Bulk data through TCP, both ways at once, over wires that lose, delay, reorder, duplicate and corrupt.
 *
 * Both ends are sockets of the one stack, each bound to its own interface, so every segment goes over the wire. Each run is a process of its own,
 * since features belong to the device from the start. What must hold: every byte arrives once and in order; and when all is closed and
 * TIME-WAIT is over, nothing is held any more, neither in pools nor in buffers of the device.
 */
#include <string.h>

#include "core/core.h"
#include "core/plat.h"
#include "libc-glue/fd.h"
#include "libc-glue/sock.h"
#include "test/fake/boot.h"
#include "test/fake/fake.h"
#include "test/fake/netglue.h"
#include "test/tap.h"

#define ALL (NIC_TX_CSUM | NIC_TX_TSO4 | NIC_TX_TSO6 | NIC_RX_CSUM | NIC_RX_GSO)
#define NONE 0x80000000u /* no feature that anybody knows; 0 would be the fake's default */
#define BUFFER 100000
#define SECOND 1000000000ull

static const struct run {
	const char *name;
	uint32_t features;
	size_t bytes, chunk;  /* each way; of a write */
	unsigned lose, duplicate, corrupt;
	uint64_t jitter;
	unsigned rx_buffers, tx_ring;
	uint16_t mtu;
	size_t memory;
} runs[] = {
	{ .name = "clean", .features = ALL, .bytes = 8000000, .chunk = 65536 },
	{ .name = "no offloads", .features = NONE, .bytes = 4000000, .chunk = 65536 },
	{ .name = "checksums alone", .features = NIC_TX_CSUM | NIC_RX_CSUM, .bytes = 4000000, .chunk = 30000 },
	{ .name = "cut, not joined", .features = NIC_TX_CSUM | NIC_TX_TSO4, .bytes = 4000000, .chunk = 100000 },
	{ .name = "little writes", .features = ALL, .bytes = 300000, .chunk = 100 },
	{ .name = "odd writes", .features = ALL, .bytes = 3000000, .chunk = 3001 },
	{ .name = "little MTU", .features = ALL, .bytes = 1000000, .chunk = 65536, .mtu = 300 },
	{ .name = "large MTU", .features = ALL, .bytes = 4000000, .chunk = 65536, .mtu = 9000 },
	{ .name = "loss 1%", .features = ALL, .bytes = 3000000, .chunk = 65536, .lose = 100 },
	{ .name = "loss 1%, no offloads", .features = NONE, .bytes = 2000000, .chunk = 65536, .lose = 100 },
	{ .name = "loss 10%", .features = ALL, .bytes = 500000, .chunk = 65536, .lose = 1000 },
	{ .name = "reordering", .features = ALL, .bytes = 3000000, .chunk = 65536, .jitter = 200000 },
	{ .name = "duplicates", .features = ALL, .bytes = 3000000, .chunk = 65536, .duplicate = 1000 },
	{ .name = "corruption", .features = NONE, .bytes = 1000000, .chunk = 65536, .corrupt = 200 },
	{ .name = "everything", .features = NIC_TX_CSUM | NIC_TX_TSO4, .bytes = 1000000, .chunk = 40000, .lose = 200, .duplicate = 200,
	  .corrupt = 100, .jitter = 100000 },
	{ .name = "little rings", .features = ALL, .bytes = 2000000, .chunk = 65536, .rx_buffers = 66, .tx_ring = 4 },
	{ .name = "little memory", .features = ALL, .bytes = 2000000, .chunk = 65536, .memory = 5 << 20 },
};

static const struct run *run;
static int ends[2];
static bool wrong;
static unsigned readers_left;

/* Byte i of the data that end e sends. */
static uint8_t pattern(size_t i, int e)
{
	return (uint8_t)((i * 2654435761u) >> 13 ^ (i >> 8) ^ (size_t)e * 77);
}

static void send_all(void *arg)
{
	int e = (int)(intptr_t)arg;
	static uint8_t buf[2][BUFFER];
	size_t done = 0;

	while (done < run->bytes) {
		size_t n = run->chunk < run->bytes - done ? run->chunk : run->bytes - done;
		ssize_t sent;

		for (size_t i = 0; i < n; i++)
			buf[e][i] = pattern(done + i, e);
		sent = netglue_send(ends[e], buf[e], n, 0);
		if (sent != (ssize_t)n) {
			wrong = true;
			break;
		}
		done += n;
	}
	sock_shutdown(ends[e], SHUT_WR);
}

static void receive_all(void *arg)
{
	int e = (int)(intptr_t)arg;
	static uint8_t buf[2][BUFFER];
	size_t done = 0;
	ssize_t n;

	while ((n = netglue_recv(ends[1 - e], buf[e], 1 + fake_below(BUFFER - 1), 0)) > 0) {
		for (ssize_t i = 0; i < n; i++)
			wrong |= buf[e][i] != pattern(done + (size_t)i, e);
		done += (size_t)n;
	}
	wrong |= n != 0 || done != run->bytes;
	readers_left--;
}

static void transfer(void)
{
	struct thread *t[4];

	readers_left = 2;
	for (intptr_t e = 0; e < 2; e++) {
		t[2 * e] = thread_create("send", send_all, (void *)e, 65536);
		t[2 * e + 1] = thread_create("receive", receive_all, (void *)e, 65536);
	}
	for (unsigned i = 0; i < 4; i++)
		thread_join(t[i]);
}

static void set_wire(unsigned n)
{
	struct fake_nic_config *c = &fake_nic[n];

	c->features = run->features;
	c->mtu = run->mtu;
	c->rx_buffers = run->rx_buffers;
	c->tx_ring = run->tx_ring;
	if (c->mtu) { /* the fake's defaults come with its MTU */
		memcpy(c->mac, "\2\0\0\0\0", 5);
		c->mac[5] = (uint8_t)n;
		c->rx_buffers = 256;
		c->tx_ring = 256;
		c->rx_size = 2048;
		c->delay = 10000;
		c->tx_time = 2000;
	}
}

static void set_faults(unsigned n)
{
	struct fake_nic_config *c = &fake_nic[n];

	c->lose = run->lose;
	c->duplicate = run->duplicate;
	c->corrupt = n == 0 ? 2 * run->corrupt : 0; /* it passes both: what is damaged twice may have the right checksum again */
	c->jitter = run->jitter;
	c->tx_jitter = run->jitter;
}

static bool settled(long held)
{
	for (unsigned s = 0; s < 200 && (netglue_held() != held || fake_nic_pending(0) + fake_nic_pending(1) > 0); s++)
		thread_sleep(plat_now() + SECOND);
	if (netglue_held() == held)
		return true;
	fprintf(stderr, "%s: held %ld, before %ld\n%s", run->name, netglue_held(), held, netglue_proc("/proc/net/lwip"));
	return false;
}

static void child(void)
{
	static const struct run over;
	const struct run *this = run;
	long held;

	fake.memory = run->memory;
	fake_boot();
	set_wire(0);
	set_wire(1);
	netglue_wire();
	held = netglue_held();
	netglue_wire_pair(ends);
	set_faults(0);
	set_faults(1);
	transfer();
	fd_remove(ends[0]);
	fd_remove(ends[1]);
	run = &over;
	set_faults(0);
	set_faults(1);
	run = this;
	plat_exit(PLAT_OFF, (wrong ? 1 : 0) + (settled(held) ? 0 : 2));
}

int main(int argc, char **argv)
{
	static char said[65536];

	for (unsigned i = 0; i < sizeof runs / sizeof runs[0]; i++) {
		run = &runs[i];
		if (argc > 1 && strcmp(argv[1], run->name) != 0)
			continue;
		if (!is(fake_dies(child, said, sizeof said), 0, run->name))
			printf("%s", said);
	}
	return tap_done();
}
