/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "test/fake/vmm.h"

/*
 * The fake machine's memory, time, gate and log; and children to run cases in. Read vmm.h first.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/core.h"
#include "core/err.h"
#include "core/x86/bootinfo.h"
#include "core/x86/cpu.h"
#include "core/x86/gate.h"
#include "kvm/kvm.h"

#define PAGES_MAX 32768u
#define LOG_MAX (1u << 16)
#define FORWARD 10u /* ns that reading the TSC takes */
#define TSC_START 123456789ull
#define LAPIC_MAX 0xffffffffull
#define MAPPED_MAX 4096u

struct vmm vmm = { .seed = 1, .eager = 64, .memory = 64u << 20, .tsc_hz = 2600000000ull, .exit_ns = 1000, .cmdline = "" };
struct bootinfo bootinfo;

size_t bootinfo_memory(struct plat_range *v, size_t max)
{
	memcpy(v, bootinfo.ram, (max < bootinfo.nram ? max : bootinfo.nram) * sizeof *v);
	return max < bootinfo.nram ? max : bootinfo.nram;
}

int bootinfo_module(unsigned n, struct plat_range *module)
{
	(void)n, (void)module;
	return -ERR_NOENT;
}
enum log_level log_level = LOG_DEBUG;

extern char __data_start, _end;

static char *arena;
static size_t npages;
static uint8_t taken[PAGES_MAX]; /* 1: allocated */
static uint64_t now_ns;
static bool pending, inside;
static char log_text[LOG_MAX];
static size_t log_len;
static struct {
	uintptr_t page;
	unsigned perm;
	bool gone; /* registers that were unmapped: never again */
} mapped[MAPPED_MAX];
static unsigned nmapped;

/* ---- chance and time ---- */

uint64_t vmm_random(void)
{
	vmm.seed += 0x9e3779b97f4a7c15ull;
	uint64_t z = vmm.seed;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

uint64_t vmm_below(uint64_t n)
{
	return vmm_random() % n;
}

void vmm_advance(uint64_t ns)
{
	now_ns += ns;
}

uint64_t vmm_time(void)
{
	return now_ns;
}

static uint64_t tsc_at(uint64_t ns)
{
	return TSC_START + (uint64_t)((unsigned __int128)ns * vmm.tsc_hz / 1000000000u);
}

uint64_t vmm_tsc(void)
{
	now_ns += FORWARD;
	return tsc_at(now_ns);
}

/* ---- the end of a case ---- */

void vmm_wrong(const char *fmt, ...)
{
	va_list ap;

	printf("# vmm: ");
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	fflush(stdout);
	_exit(VMM_WRONG);
}

void vmm_must(bool good, const char *what, const char *file, int line)
{
	if (good)
		return;
	printf("# %s:%d: not so: %s\n", file, line, what);
	if (vmm.quiet)
		printf("%s", log_text);
	fflush(stdout);
	_exit(1);
}

bool vmm_lies(enum vmm_lie lie)
{
	if (vmm.lie != lie)
		return false;
	vmm.lie = LIE_NONE;
	return true;
}

/* ---- memory ---- */

void vmm_start(void)
{
	arena = mmap(NULL, vmm.memory, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_32BIT, -1, 0);
	if (arena == MAP_FAILED || vmm.memory / PAGE_SIZE > PAGES_MAX)
		abort();
	npages = vmm.memory / PAGE_SIZE;
	bootinfo.boot = "pvh";
	bootinfo.ram[0] = (struct plat_range){ (uintptr_t)arena, vmm.memory };
	bootinfo.nram = 1;
	snprintf(bootinfo.cmdline, sizeof bootinfo.cmdline, "%s", vmm.cmdline);
}

static bool run_is_free(size_t at, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (taken[at + i])
			return false;
	return true;
}

void *vmm_alloc(size_t n)
{
	for (size_t at = 0; at + n <= npages; at++) {
		if (!run_is_free(at, n))
			continue;
		memset(taken + at, 1, n);
		return memset(arena + at * PAGE_SIZE, 0x5a, n * PAGE_SIZE);
	}
	return NULL;
}

void *page_alloc(size_t n)
{
	if (!n)
		vmm_wrong("page_alloc(0)");
	return ++vmm.allocations == vmm.fail_at ? NULL : vmm_alloc(n);
}

void page_free(void *addr, size_t n)
{
	size_t at = (size_t)((char *)addr - arena) / PAGE_SIZE;

	for (size_t i = 0; i < n; i++) {
		if (at + i >= npages || !taken[at + i])
			vmm_wrong("page_free(%p, %zu): not allocated", addr, n);
		taken[at + i] = 0;
	}
	memset(addr, 0xa5, n * PAGE_SIZE);
}

size_t page_total(void)
{
	return npages;
}

size_t vmm_pages_used(void)
{
	size_t used = 0;

	for (size_t i = 0; i < npages; i++)
		used += taken[i];
	return used;
}

/* Allocated pages, and what is static here, as the driver's own statics are. */
bool vmm_is_memory(uint64_t addr, uint64_t len)
{
	uintptr_t data = (uintptr_t)&__data_start, end = (uintptr_t)&_end, base = (uintptr_t)arena;

	if (!len || addr + len < addr)
		return false;
	if (addr >= data && addr + len <= end)
		return true;
	if (addr < base || addr + len > base + npages * PAGE_SIZE)
		return false;
	for (size_t i = (addr - base) / PAGE_SIZE; i <= (addr + len - 1 - base) / PAGE_SIZE; i++)
		if (!taken[i])
			return false;
	return true;
}

/* ---- the gate ---- */

static unsigned find_mapping(uintptr_t page)
{
	unsigned i = 0;

	while (i < nmapped && mapped[i].page != page)
		i++;
	if (i == MAPPED_MAX)
		vmm_wrong("more than %u pages of registers mapped", MAPPED_MAX);
	return i;
}

static int map_page(uintptr_t page, unsigned perm)
{
	unsigned i = find_mapping(page);

	if (i == nmapped) {
		if (vmm.sealed)
			return -ERR_PERM;
		mapped[nmapped++].page = page;
	}
	if (perm && mapped[i].gone)
		return -ERR_PERM;
	if (!perm && mapped[i].perm & GATE_UNCACHED)
		mapped[i].gone = true;
	mapped[i].perm = perm;
	return 0;
}

/*
 * What can be read of the address space: firmware's tables, and all ones where nothing is. Not
 * where this program itself lies.
 */
static int make_readable(uintptr_t page)
{
	void *p;

	if (page - vmm.tables.base < vmm.tables.len)
		return mprotect((void *)page, PAGE_SIZE, PROT_READ);
	p = mmap((void *)page, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	if (p == MAP_FAILED)
		return mapped[find_mapping(page)].perm ? 0 : -1;
	memset(p, 0xff, PAGE_SIZE);
	return 0;
}

int gate_map(uintptr_t addr, size_t len, unsigned perm)
{
	int rc = 0;

	if ((addr | len) % PAGE_SIZE || !addr || (perm & GATE_WRITE && perm & GATE_EXEC))
		vmm_wrong("gate_map(%#lx, %#zx, %u)", (unsigned long)addr, len, perm);
	if (addr < (uintptr_t)arena + vmm.memory && addr + len > (uintptr_t)arena)
		vmm_wrong("gate_map(%#lx, %#zx, %u): that is RAM", (unsigned long)addr, len, perm);
	if (addr >> 39)
		return -ERR_NOENT;
	for (; len && !rc; len -= PAGE_SIZE, addr += PAGE_SIZE) {
		if (perm == GATE_READ && make_readable(addr))
			return -ERR_PERM;
		rc = map_page(addr, perm);
	}
	return rc;
}

bool vmm_mapped(uintptr_t addr)
{
	unsigned i = find_mapping(addr & -(uintptr_t)PAGE_SIZE);

	return i < nmapped && mapped[i].perm & GATE_UNCACHED;
}

void gate_seal(void)
{
	vmm.sealed = true;
}

bool gate_start_timer(void)
{
	return vmm.deadline;
}

bool gate_deadline_mode(void)
{
	return vmm.deadline;
}

_Noreturn void gate_reset(void)
{
	_exit(VMM_RESET);
}

/*
 * kvmclock: the host fills in the page at once, and its time began long before the guest's. The
 * page of its time is given away for ever, and before the seal here; its wall clock may be asked for again.
 */
int gate_msr(uint32_t msr, uint64_t value)
{
	uint32_t *page = (uint32_t *)(uintptr_t)(value & ~1ull);
	uint64_t mul = (1000000000ull << 31) / vmm.tsc_hz; /* and a shift of 1 */

	if ((vmm.sealed && value & 1) || value & 0xffe || page == vmm.kvmclock_page)
		return -ERR_PERM;
	if (!vmm.kvmclock)
		vmm_wrong("MSR %#x: there is no kvmclock", msr);
	vmm_advance(vmm.exit_ns);
	vmm.exits++;
	if (msr == 0x4b564d00) {
		vmm_write_wall(page);
		return 0;
	}
	vmm.kvmclock_page = page;
	memcpy(page, (uint32_t[]){ 4, 0, (uint32_t)tsc_at(now_ns), (uint32_t)(tsc_at(now_ns) >> 32), 77, 0, (uint32_t)mul, 1 << 8 | 1 }, 32);
	return 0;
}

void vmm_interrupt(void)
{
	pending = true;
	vmm.interrupts++;
}

void vmm_turn(void)
{
	if (inside || vmm_below(256) >= vmm.eager)
		return;
	vmm_work();
}

void vmm_work(void)
{
	if (inside)
		return;
	inside = true;
	for (unsigned i = 0; i < vmm_ndevices; i++)
		if (vmm_devices[i].work)
			vmm_devices[i].work(&vmm_devices[i]);
	inside = false;
}

/*
 * An interrupt that is pending ends it at once; else the devices work, and then the timer runs
 * out.
 */
void gate_wait(uint64_t timer)
{
	uint64_t end = timer;

	vmm.wakes++;
	now_ns += 1000;
	if (vmm.deadline && timer)
		end = (uint64_t)((unsigned __int128)(timer - TSC_START) * 1000000000u / vmm.tsc_hz) + 1;
	else if (timer > LAPIC_MAX)
		vmm_wrong("a LAPIC count of %#lx", (unsigned long)timer);
	else if (timer)
		end = now_ns + timer;
	if (!pending)
		vmm_work();
	vmm.timed_out = !pending;
	if (!pending) {
		if (!end)
			vmm_wrong("asleep for ever\n%s", log_text);
		now_ns = end > now_ns ? end : now_ns;
		now_ns += vmm_below(50000); /* waking up takes its time */
	}
	pending = false;
}

/* ---- CPUID and the CPU's random numbers ---- */

static struct cpu_id signature(const char *s, uint32_t most)
{
	struct cpu_id r = { .eax = most };

	memcpy(&r.ebx, s, 4);
	memcpy(&r.ecx, s + 4, 4);
	memcpy(&r.edx, s + 8, 4);
	return r;
}

struct cpu_id vmm_cpuid(uint32_t leaf)
{
	switch (leaf) {
	case 0:
		return (struct cpu_id){ .eax = 0x16 };
	case 1:
		return (struct cpu_id){ .ecx = 1u << 31 | (uint32_t)vmm.rdrand << 30 | (uint32_t)vmm.deadline << 24 };
	case 7:
		return (struct cpu_id){ .ebx = (uint32_t)vmm.rdseed << 18 };
	case 0x15:
		return vmm.crystal_hz ? (struct cpu_id){ 2, (uint32_t)(vmm.tsc_hz * 2 / vmm.crystal_hz), (uint32_t)vmm.crystal_hz, 0 } :
			(struct cpu_id){ 0, 0, 0, 0 };
	case 0x40000000:
		return vmm.kvmclock ? signature("KVMKVMKVM\0\0\0", 0x40000010) : signature("TCGTCGTCGTCG", 0x40000010);
	case 0x40000001:
		return (struct cpu_id){ .eax = vmm.kvmclock ? 1u << 3 | 1u << 24 : 0 };
	case 0x40000010:
		return (struct cpu_id){ .eax = (uint32_t)vmm.tsc_khz_told };
	default:
		return (struct cpu_id){ 0, 0, 0, 0 };
	}
}

bool vmm_random_word(bool seed, uint64_t *v)
{
	if (!(seed ? vmm.rdseed : vmm.rdrand))
		vmm_wrong("%s, which this CPU lacks", seed ? "RDSEED" : "RDRAND");
	*v = vmm.stuck_random ? UINT64_MAX : vmm_random();
	return vmm.stuck_random || vmm_below(4);
}

/* ---- the log ---- */

static void keep(const char *fmt, va_list ap)
{
	char line[512];

	fmt_vformat(line, sizeof line, fmt, ap);
	if (strchr(line, '\n'))
		vmm_wrong("a log line of two lines: %s", line);
	if (!vmm.quiet)
		printf("# %s\n", line);
	log_len += (size_t)snprintf(log_text + log_len, LOG_MAX - log_len, "%s\n", line);
	if (log_len >= LOG_MAX)
		vmm_log_clear();
}

const char *vmm_log(void)
{
	return log_text;
}

void vmm_log_clear(void)
{
	log_len = 0;
	log_text[0] = '\0';
}

void log_line(enum log_level level, const char *fmt, ...)
{
	va_list ap;

	if (level > log_level)
		return;
	va_start(ap, fmt);
	keep(fmt, ap);
	va_end(ap);
}

_Noreturn void log_panic(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	keep(fmt, ap);
	va_end(ap);
	_exit(VMM_PANIC);
}
