/* SPDX-License-Identifier: MIT */
#ifndef TEST_FAKE_VMM_H
#define TEST_FAKE_VMM_H

/*
 * QEMU on the desk: ports, PCI, MMIO, interrupts, clocks, and the device's side of virtqueues in
 * one Unix process, so that kvm/ runs unchanged under sanitizers.
 *
 * Time is virtual and goes on with every access. The devices work in vmm_turn(), which the fake
 * cpu.h calls wherever the driver orders its memory accesses, with a chance of vmm.eager in 256,
 * and in gate_wait(). What virtio 1.2 says that a driver MUST or MUST NOT is checked, as is what
 * the gate would refuse; the first breach ends the case with `vmm: ...`. Lies are told on demand:
 * vmm.lie says which one, once, at the next chance.
 *
 * Each case runs in a process of its own (child.h), so that the room's static state is new. Memory
 * lies low, because a legacy device knows a queue by 32 bits; programs are linked with -no-pie
 * and an image_end below their own text.
 */

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/plat.h"

#define VMM_WRONG 97 /* exit status: the driver broke a rule */
#define VMM_PANIC 98
#define VMM_OFF 96   /* powered off without a status */
#define VMM_RESET 95

#define VMM_DEVICES 8u
#define VMM_QUEUES 4u
#define VMM_QUEUE_MAX 1024u
#define VMM_SEGS 64u

enum vmm_lie {
	LIE_NONE,
	/* any queue */
	LIE_ID_RANGE, LIE_ID_FREE, LIE_ID_TWICE, LIE_LEN, LIE_IDX_JUMP, LIE_IDX_BACK, LIE_SCRIBBLE,
	/* receiving */
	LIE_RX_SHORT, LIE_RX_NONE, LIE_RX_MANY, LIE_RX_ABSENT, LIE_RX_CSUM, LIE_RX_GSO_TYPE, LIE_RX_GSO_SIZE, LIE_RX_TINY, LIE_RX_EMPTY,
	LIE_RX_HDR_LEN,
	/* disks */
	LIE_BLK_STATUS, LIE_BLK_SILENT,
	LIE_DEAF, /* to one doorbell */
	/* any device */
	LIE_GIVES_UP,
};

/* Machine */
struct vmm {
	uint64_t seed;
	unsigned eager;       /* chances in 256 that the devices run where the driver orders its accesses */
	size_t memory;        /* bytes; default 64 MiB */
	const char *cmdline;
	struct plat_range tables; /* firmware's, closed until gate_map() opens them */
	bool no_pci, ecam, ioapic2, bars_unassigned, bars_high;
	bool deadline, kvmclock, no_pm, no_pit, no_rtc;
	size_t balloon_wanted;   /* what balloon_want() was told last, */
	unsigned balloon_wishes; /* and how often */
	uint64_t slept;       /* ns that the machine was a file: see vmm_sleep() */
	uint64_t tsc_hz, tsc_khz_told, crystal_hz; /* crystal: CPUID leaf 0x15 */
	bool rdrand, rdseed, stuck_random;
	unsigned exit_ns;     /* what an access to port or register costs */
	enum vmm_lie lie;     /* back to LIE_NONE when it was told */
	unsigned long fail_at; /* which allocation fails, counted from 1; 0 none */
	unsigned long allocations;
	bool quiet;           /* the log is kept, not shown */
	bool serial_stuck;    /* the transmitter takes nothing */
	bool debug_exit;
	unsigned refuse_features; /* so many times FEATURES_OK does not stay */
	bool no_reset;        /* a reset never ends */
	/* what happened */
	unsigned long exits, wakes, interrupts, kicks;
	bool sealed;
	uint32_t *kvmclock_page; /* as the host writes it: version, -, TSC, time, ... */
	bool timed_out;       /* the last gate_wait() ended by its timer, not by an interrupt */
};
extern struct vmm vmm;

struct vmm_seg {
	uint8_t *base;
	uint32_t len;
};

/* A chain that the device took. */
struct vmm_chain {
	uint16_t head;
	unsigned out, in;    /* pieces to read, then to write */
	uint32_t out_len, in_len;
	struct vmm_seg seg[VMM_SEGS];
};

struct vmm_queue {
	uint16_t max, size;
	bool ready;
	uint64_t desc, avail, used;
	uint32_t legacy_page, legacy_align;
	uint16_t vector;
	uint16_t taken, returned; /* the device's counters */
	bool awake;               /* it was rung, and looks for more by itself for a while */
	uint8_t busy[VMM_QUEUE_MAX];  /* descriptors that are the device's; 2: the head of a chain */
	uint16_t done[4];     /* heads returned last, for lies */
	unsigned ndone;
};

enum vmm_kind { VMM_MODERN, VMM_TRANSITIONAL, VMM_MMIO, VMM_LEGACY };

struct vmm_dev {
	enum vmm_kind kind;
	uint16_t type;
	uint64_t features;   /* offered */
	uint8_t config[64];
	unsigned config_len;
	uint8_t generation;
	bool no_msix, bad_vector; /* no such capability; the vector reads back as none */
	uint32_t (*capabilities)(unsigned reg); /* instead of the usual list, where it answers other than all ones */
	unsigned nqueues;
	struct vmm_queue queue[VMM_QUEUES];
	/* registers */
	uint8_t status;
	bool gave_up;        /* sets NEEDS_RESET by itself */
	uint64_t accepted;
	uint32_t device_select, driver_select, queue_select, page_size;
	uint16_t config_vector;
	uint32_t isr;
	unsigned accepts;
	/* where it is */
	uint64_t mmio;
	unsigned gsi;
	uint32_t pci;
	uint32_t bar[6], command;
	bool sizing[6];
	struct { uint32_t word[4]; } msix[2];
	bool msix_on;
	uint64_t msix_size_bar, data_bar;
	/* backends */
	void (*work)(struct vmm_dev *d);
	struct vmm_net *net;
	struct vmm_blk *blk;
	bool rng_holds;      /* rng: no answers for now */
	uint8_t rng_byte;
	uint32_t balloon;    /* pages that the driver has given and not taken back, */
	bool balloon_holds;  /* balloon: no answers for now */
	uint32_t rng_len;    /* of an answer at most; 0: as much as asked */
};

/* ---- vmm.c ---- */

void vmm_start(void);  /* memory; after vmm and the devices were described, before kvm/ is called */
uint64_t vmm_random(void);
uint64_t vmm_below(uint64_t n);
void vmm_advance(uint64_t ns);
uint64_t vmm_time(void); /* ns */
void *vmm_alloc(size_t pages);
bool vmm_is_memory(uint64_t addr, uint64_t len); /* may a device touch that? */
bool vmm_mapped(uintptr_t addr);
bool vmm_lies(enum vmm_lie lie);
size_t vmm_pages_used(void);
_Noreturn void vmm_wrong(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
const char *vmm_log(void); /* all lines so far */
void vmm_log_clear(void);
#define must(x) vmm_must((x), #x, __FILE__, __LINE__)
void vmm_must(bool good, const char *what, const char *file, int line);
void vmm_turn(void);      /* every device, perhaps */
void vmm_work(void);      /* every device, once */
void vmm_write_wall(uint32_t *page);
void vmm_sleep(uint64_t ns); /* the machine is saved and restored so much later: its clocks stand, the host's calendar goes on */
void vmm_interrupt(void); /* something ends gate_wait() */

/* ---- vmm_bus.c ---- */

struct vmm_dev *vmm_add(enum vmm_kind kind, uint16_t type, uint64_t features);
extern struct vmm_dev vmm_devices[VMM_DEVICES];
extern unsigned vmm_ndevices;
void vmm_raise(struct vmm_dev *d, uint16_t vector, uint32_t isr);
bool vmm_pin_open(unsigned gsi); /* the IOAPIC hands it on */
void vmm_bridge(unsigned secondary, unsigned subordinate); /* at 00:1e.0; the next vmm_add() goes behind it */

/* ---- vmm_chips.c ---- */

bool vmm_chip_in(uint16_t port, unsigned width, uint32_t *v);
bool vmm_chip_out(uint16_t port, uint32_t v, unsigned width);
const char *vmm_serial(void); /* what was sent */
void vmm_type(const char *keys);
void vmm_press_button(void);
struct vmm_date { int year, month, day, hour, minute, second; bool bcd, h12; };
extern struct vmm_date vmm_date;

/* ---- vmm_virtio.c ---- */

void vmm_reset(struct vmm_dev *d);
uint32_t vmm_common_read(struct vmm_dev *d, unsigned at, unsigned width);
void vmm_common_write(struct vmm_dev *d, unsigned at, uint32_t v, unsigned width);
uint32_t vmm_mmio_read(struct vmm_dev *d, unsigned at, unsigned width);
void vmm_mmio_write(struct vmm_dev *d, unsigned at, uint32_t v, unsigned width);
void vmm_config_write(struct vmm_dev *d, unsigned at, uint32_t v, unsigned width);
uint32_t vmm_config_read(struct vmm_dev *d, unsigned at, unsigned width);
void vmm_ring(struct vmm_dev *d, uint32_t index);
bool vmm_has(const struct vmm_dev *d, unsigned bit); /* a feature both agreed on */
void vmm_config_changed(struct vmm_dev *d);

/* ---- vmm_queue.c ---- */

bool vmm_take(struct vmm_dev *d, struct vmm_queue *q, struct vmm_chain *c);
unsigned vmm_available(struct vmm_dev *d, struct vmm_queue *q);
void vmm_return(struct vmm_dev *d, struct vmm_queue *q, const struct vmm_chain *c, uint32_t len); /* queues the used entry, */
void vmm_publish(struct vmm_dev *d, struct vmm_queue *q); /* and shows what was queued */
void vmm_doze(struct vmm_dev *d, struct vmm_queue *q);    /* from now on it must be rung for, */
void vmm_busy(struct vmm_dev *d, struct vmm_queue *q);    /* asks for no doorbell, */
void vmm_rest(struct vmm_dev *d, struct vmm_queue *q);    /* or perhaps not yet */
void vmm_gather(const struct vmm_chain *c, void *buf, size_t len); /* reads the out pieces */
size_t vmm_scatter(const struct vmm_chain *c, size_t from, const void *buf, size_t len); /* writes the in pieces */

/* ---- vmm_back.c ---- */

struct vmm_frame {
	uint8_t hdr[12];
	unsigned pieces;
	uint32_t len;
	uint8_t data[70000];
};
struct vmm_net {
	struct vmm_frame last;   /* sent by the guest */
	unsigned long sent, delivered, refused;
	bool hold_tx;            /* takes nothing */
	bool hold_control;       /* answers no command */
	unsigned announced;      /* that the driver said it had */
	struct vmm_frame *pending[64]; /* for the guest */
	unsigned npending;
	bool first_desc_header;
};
struct vmm_blk {
	uint8_t *data;
	uint64_t sectors;
	unsigned long done, flushes, discards;
	unsigned fail_every;     /* n-th request fails */
	bool shuffle, hold;
	struct vmm_chain held[64];
	unsigned nheld;
};

struct vmm_dev *vmm_add_net(enum vmm_kind kind, uint64_t features);
void vmm_ask_to_announce(struct vmm_dev *d);
struct vmm_dev *vmm_add_blk(enum vmm_kind kind, uint64_t features, uint64_t sectors);
struct vmm_dev *vmm_add_rng(enum vmm_kind kind);
struct vmm_dev *vmm_add_balloon(enum vmm_kind kind, uint64_t features);
void vmm_balloon_wish(struct vmm_dev *d, uint32_t pages);
bool vmm_balloon_has(uintptr_t page);
/*
 * A frame for the guest; hdr as the device would fill it but for num_buffers. False: 64 wait
 * already.
 */
bool vmm_send(struct vmm_dev *d, const void *data, uint32_t len, const void *hdr);

#endif
