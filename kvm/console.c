/* SPDX-License-Identifier: MIT */
#include "core/core.h"

/*
 * The console: a 16550 serial port at 0x3f8, the one device that every machine has from its first
 * instruction.
 *
 * Every access is an exit to the host, so output is collected and written in bursts as deep as
 * the port's FIFO: one look at the line status, then up to 16 bytes blindly. It goes out when the
 * buffer is full, when the machine is about to sleep or end, on request, and when what is held
 * back is getting old. A port that takes nothing for a while is given up until it takes something
 * again: what is lost is counted and said in the output itself.
 */

#include "core/plat.h"
#include "core/x86/cpu.h"
#include "core/x86/io.h"
#include "kvm/kvm.h"

#define PORT 0x3f8u
#define IRQ 4u
#define DATA (PORT + 0)
#define ENABLE (PORT + 1) /* interrupts */
#define FIFO (PORT + 2)
#define LINE_CONTROL (PORT + 3)
#define MODEM (PORT + 4)
#define STATUS (PORT + 5)

#define ENABLE_RX 0x01u
#define FIFO_ON 0x01u /* one received byte already interrupts */
#define LINE_8N1 0x03u
#define MODEM_ON 0x0bu /* DTR, RTS, and OUT2, which lets interrupts through */
#define STATUS_RX 0x01u
#define STATUS_EMPTY 0x20u /* the transmit FIFO is empty */
#define STATUS_ABSENT 0xffu

#define FIFO_DEPTH 16u
#define BUFFER 1024u

/*
 * In ticks of the TSC, which nobody has calibrated when the first line is printed: 3 to 10 ms,
 * 0.1 to 0.4 s.
 */
#define OLD_TICKS (10ull << 20)
#define STUCK_TICKS (400ull << 20)

/* How often the port is looked at for input, at most. */
#define INPUT_NS 5000000u

static char buffer[BUFFER];
static size_t held;         /* bytes in it */
static uint64_t oldest;     /* when the first of them came */
static bool stuck;          /* the port took nothing for STUCK_TICKS */
static size_t dropped;      /* bytes since then */
static bool listening;      /* somebody reads: the receive interrupt is on */
static struct intr_glance glance = { .every = INPUT_NS };

/* The divisor is left as it is: firmware has set it, and a virtual line has none. */
void console_start(void)
{
	outb(LINE_CONTROL, LINE_8N1);
	outb(FIFO, FIFO_ON);
	outb(MODEM, MODEM_ON);
}

/* Waits until the FIFO is empty. A stuck port gets one look only. */
static bool ready(void)
{
	uint64_t start = cpu_tsc();

	do {
		if (inb(STATUS) & STATUS_EMPTY)
			return true;
		cpu_relax();
	} while (!stuck && cpu_tsc() - start < STUCK_TICKS);
	return false;
}

/* Writes len bytes in bursts. Returns how many it took. */
static size_t put(const char *s, size_t len)
{
	size_t done = 0, n;

	while (done < len && ready()) {
		n = len - done < FIFO_DEPTH ? len - done : FIFO_DEPTH;
		outsb(DATA, s + done, n);
		done += n;
	}
	return done;
}

/* Says what was lost while the port was stuck. Returns whether it has recovered. */
static bool recover(void)
{
	char text[64];
	int n;

	if (stuck && !ready())
		return false;
	stuck = false;
	if (!dropped)
		return true;
	n = fmt_format(text, sizeof text, "\nconsole: %zu bytes dropped\n", dropped);
	dropped = 0;
	return put(text, (size_t)n) == (size_t)n;
}

/* What the port does not take is dropped: nobody waits for a console twice. */
void console_flush(void)
{
	size_t done = 0;

	if (!held)
		return;
	if (recover())
		done = put(buffer, held);
	if (done < held) {
		stuck = true;
		dropped += held - done;
	}
	held = 0;
}

/* Collects. One write is never reordered with another, or cut by one. */
void console_write(const char *s, size_t len)
{
	size_t n;

	if (!held)
		oldest = cpu_tsc();
	while (len) {
		n = len < BUFFER - held ? len : BUFFER - held;
		__builtin_memcpy(buffer + held, s, n);
		held += n;
		s += n;
		len -= n;
		if (held == BUFFER)
			console_flush();
	}
	/* A thread that prints and never sleeps must not keep its words to itself. */
	if (cpu_tsc() - oldest > OLD_TICKS)
		console_flush();
}

/*
 * The line's pin is routed before the IOAPIC goes out of reach, whether anybody will read or not.
 */
void console_seal(void)
{
	intr_route(IRQ);
}

/*
 * The port is looked at by leave of the glance (kvm.h). What is read lowers the line, so the next
 * key raises it again.
 */
size_t console_read(char *buf, size_t max)
{
	size_t n = 0;
	uint8_t status;

	if (!listening) {
		listening = true;
		outb(ENABLE, ENABLE_RX);
	}
	if (!intr_glance(&glance))
		return 0;
	while (n < max) {
		status = inb(STATUS);
		if (!(status & STATUS_RX) || status == STATUS_ABSENT)
			return n;
		buf[n++] = (char)inb(DATA);
	}
	glance.next = 0; /* there may be more: it also still holds the line up, and no further edge would tell */
	return n;
}

uint64_t console_nap(void)
{
	return intr_glance_nap(&glance);
}
