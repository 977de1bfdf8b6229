/* SPDX-License-Identifier: MIT */
#include "core/core.h"

/*
 * Exceptions, as ring 3 sees them: registers, a backtrace with function names, and the end.
 *
 * The gate leaves the hardware's frame on a page that ring 3 can read, and comes to trap_entry
 * (start.S). A fault in here would come to trap_entry again, at the top of the same stack;
 * therefore the first thing that is done is to copy and to tell the gate so, and the second fault
 * prints one line and ends the machine. When even that faults, the gate's own counter ends it.
 */

#include "core/plat.h"
#include "core/x86/cpu.h"
#include "core/x86/gate.h"
#include "core/x86/layout.h"

void trap_enter(struct gate_frame *frame);

/*
 * Made at link time from the image's own symbols, in ascending order; names are NUL-terminated, one
 * after the other.
 */
extern const uint32_t trap_sym_count;
extern const uint32_t trap_sym_addr[];
extern const char trap_sym_name[];

extern char text_start[], text_end[], image_end[], trap_stack_top[];

#define VECTOR_BREAKPOINT 3
#define VECTOR_PAGE_FAULT 14
#define CATCH_STACK 4096 /* below the top of the trap stack: a caught exception resumes there */
#define CALLERS_MAX 32

static const char *const names[GATE_STUBS] = {
	"divide error", "debug", "NMI", "breakpoint", "overflow", "bound range", "invalid opcode", "no FPU", "double fault", "",
	"invalid TSS", "segment not present", "stack fault", "general protection", "page fault", "", "x87 error",
	"alignment check", "machine check", "SIMD error",
};

/* Volatile: a fault in the middle of a function sees what was stored before it. */
static volatile bool handling;
static void (*volatile catch)(void);
static struct gate_frame *caught;

void trap_catch(void (*resume)(void), struct gate_frame *frame)
{
	catch = resume;
	caught = frame;
}

/* Exceptions that push an error code: #DF, #TS to #PF, #AC. */
static bool has_error(unsigned vector)
{
	return 0x27d00u >> vector & 1;
}

/*
 * Reads what the hardware pushed. The page is written by the CPU and the gate alone, so its shape
 * can be trusted.
 */
static void read_hardware(struct gate_frame *f)
{
	const char *page = (const char *)GATE_FRAME_ALIAS;
	const uint64_t *p = (const uint64_t *)(page + (*(const uint64_t *)(page + FRAME_SP) & (PAGE_SIZE - 1)));
	uint64_t stub = *p++ - GATE_TEXT;

	f->vector = stub < GATE_STUBS * GATE_STUB ? stub / GATE_STUB : VECTOR_BREAKPOINT;
	f->error = has_error(f->vector) ? *p++ : 0;
	f->rip = p[0];
	f->cs = p[1];
	f->rflags = p[2];
	f->rsp = p[3];
	f->ss = p[4];
	f->cr2 = *(const uint64_t *)(page + FRAME_CR2);
}

/* The function that holds pc, and how far inside it is. */
static const char *symbol(uintptr_t pc, uintptr_t *offset)
{
	const char *name = trap_sym_name;
	uint32_t i = 0;

	*offset = 0;
	if (pc < (uintptr_t)text_start || pc >= (uintptr_t)text_end || !trap_sym_count || pc < trap_sym_addr[0])
		return NULL;
	for (; i + 1 < trap_sym_count && trap_sym_addr[i + 1] <= pc; i++)
		name += __builtin_strlen(name) + 1;
	*offset = pc - trap_sym_addr[i];
	return name;
}

/* Straight to the console: the log may be what failed. */
static void say(const char *fmt, ...)
{
	char line[160];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = fmt_vformat(line, sizeof line - 1, fmt, ap);
	va_end(ap);
	n = n < (int)sizeof line - 2 ? n : (int)sizeof line - 2;
	line[n++] = '\n';
	plat_console_write(line, (size_t)n);
}

static void say_where(const char *what, uintptr_t pc)
{
	uintptr_t offset;
	const char *name = symbol(pc, &offset);

	if (name)
		say("pith: %s %016lx %s+0x%lx", what, pc, name, offset);
	else
		say("pith: %s %016lx", what, pc);
}

/*
 * A frame pointer can be followed while it points upward into RAM of ours that is surely mapped:
 * the image, or the page it is in already.
 */
static bool followable(uintptr_t rbp, uintptr_t last)
{
	return !(rbp & 7) && rbp > last && rbp - last < 1u << 20;
}

void trap_backtrace(uintptr_t rip, uintptr_t rbp)
{
	uintptr_t last = rbp - 1;
	int n;

	say_where("at", rip);
	for (n = 0; rbp && followable(rbp, last) && n < CALLERS_MAX; n++) {
		const uintptr_t *frame = (const uintptr_t *)rbp;

		if (frame[1] < (uintptr_t)text_start || frame[1] >= (uintptr_t)text_end)
			return;
		say_where("from", frame[1]);
		last = rbp;
		rbp = frame[0];
	}
}

static void say_registers(const struct gate_frame *f)
{
	say("pith: rax %016lx rbx %016lx rcx %016lx rdx %016lx", f->rax, f->rbx, f->rcx, f->rdx);
	say("pith: rsi %016lx rdi %016lx rbp %016lx rsp %016lx", f->rsi, f->rdi, f->rbp, f->rsp);
	say("pith: r8  %016lx r9  %016lx r10 %016lx r11 %016lx", f->r8, f->r9, f->r10, f->r11);
	say("pith: r12 %016lx r13 %016lx r14 %016lx r15 %016lx", f->r12, f->r13, f->r14, f->r15);
	say("pith: rip %016lx cs %02lx rflags %08lx cr2 %016lx", f->rip, f->cs, f->rflags, f->cr2);
}

/* What a page fault tried to do. */
static const char *access(uint64_t error)
{
	return error & 0x10 ? "execute" : error & 2 ? "write" : "read";
}

/*
 * After a jump to where no code is, the frame pointer is still the caller's own, so the backtrace would
 * leave the caller out: it is on top of the stack. A stack that cannot be read ends the report here.
 */
static void say_caller(const struct gate_frame *f)
{
	uintptr_t pc;

	if (f->rsp & 7)
		return;
	pc = *(const uintptr_t *)f->rsp;
	if (pc >= (uintptr_t)text_start && pc < (uintptr_t)text_end)
		say_where("called from", pc);
}

void trap_handle(struct gate_frame *f)
{
	uintptr_t offset;
	const char *name = symbol(f->rip, &offset);

	if (f->vector == VECTOR_PAGE_FAULT)
		say("pith: page fault: %s of %s page at %016lx, error %lx, in %s (thread %s)", access(f->error),
			f->error & 1 ? "a protected" : "an unmapped", f->cr2, f->error, name ? name : "?",
			thread_name(thread_self()));
	else
		say("pith: %s, error %lx, in %s (thread %s)", names[f->vector], f->error, name ? name : "?",
			thread_name(thread_self()));
	say_registers(f);
	if (!name)
		say_caller(f);
	trap_backtrace(f->rip, f->rbp);
	plat_exit(PLAT_CRASH, 255);
}

/* Resumes at the catcher, on the lower half of the trap stack: it is meant to longjmp away. */
static void resume(struct gate_frame *f)
{
	void (*to)(void) = catch;

	catch = NULL;
	handling = true; /* whoever gave a frame that cannot be written is told so */
	cpu_barrier();
	*caught = *f;
	cpu_barrier();
	handling = false;
	f->rip = (uintptr_t)to;
	f->rsp = (uintptr_t)trap_stack_top - CATCH_STACK; /* 8 beside 16, as after a call */
	f->rflags = 2;
	f->cs = GATE_UCS;
	f->ss = GATE_UDS;
}

/*
 * The gate is told that all is well only at a first fault. A fault in here is not acknowledged, so when
 * even its one line faults, the gate's counter ends what would go round for ever.
 */
void trap_enter(struct gate_frame *f)
{
	read_hardware(f);
	if (handling) {
		say("pith: fault %lu in the exception handler, rip %016lx cr2 %016lx", f->vector, f->rip, f->cr2);
		plat_exit(PLAT_CRASH, 255);
	}
	gate_call(GATE_CALL_ACK, 0, 0, 0);
	if (catch) {
		resume(f);
		return;
	}
	handling = true;
	trap_handle(f);
}
