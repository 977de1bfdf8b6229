/* SPDX-License-Identifier: MIT */
/*
 * Every instruction that only ring 0 may run, run in ring 3: each must end in an exception that comes
 * back here, or be harmless where the CPU has it so (sgdt without UMIP, a hypercall that the host answers itself).
 *
 * Which exception it is differs a little between accelerators, so each names a set. A PV guest of Xen is a kernel in ring 3, for which
 * Xen carries out what concerns that guest alone (EMULATED); what would stop it for good is not tried there (ENDS_PV).
 */
#include <string.h>

#include "test/guest/attack.h"

#define INSN(name, code) \
	static void name(uint64_t arg) \
	{ \
		__asm__ volatile(code : "+a"(arg) : : "rcx", "rdx", "rbx", "memory", "cc"); \
	}

static uint8_t table[64] __attribute__((used));
static struct __attribute__((packed)) {
	uint32_t offset;
	uint16_t selector;
} far_pointer __attribute__((used)) = { GATE_TEXT, GATE_KCS };

/* Descriptor tables. */
INSN(do_lgdt, "lgdt table(%%rip)")
INSN(do_lidt, "lidt table(%%rip)")
INSN(do_lldt, "xor %%eax, %%eax\n lldt %%ax")
INSN(do_ltr, "mov $0x40, %%eax\n ltr %%ax")
INSN(do_sgdt, "sgdt table(%%rip)")
INSN(do_sidt, "sidt table(%%rip)")
INSN(do_sldt, "sldt %%eax")
INSN(do_str, "str %%eax")
INSN(do_smsw, "smsw %%eax")
/* Control, debug and model-specific registers. */
INSN(do_mov_to_cr0, "mov %%rax, %%cr0")
INSN(do_mov_to_cr2, "mov %%rax, %%cr2")
INSN(do_mov_to_cr3, "mov %%rax, %%cr3")
INSN(do_mov_to_cr4, "mov %%rax, %%cr4")
INSN(do_mov_to_cr8, "mov %%rax, %%cr8")
INSN(do_mov_from_cr0, "mov %%cr0, %%rax")
INSN(do_mov_from_cr3, "mov %%cr3, %%rax")
INSN(do_mov_from_cr4, "mov %%cr4, %%rax")
INSN(do_mov_to_dr0, "mov %%rax, %%dr0")
INSN(do_mov_to_dr7, "mov %%rax, %%dr7")
INSN(do_mov_from_dr6, "mov %%dr6, %%rax")
INSN(do_lmsw, "lmsw %%ax")
INSN(do_clts, "clts")
INSN(do_wrmsr_efer, "mov $0xc0000080, %%ecx\n xor %%eax, %%eax\n xor %%edx, %%edx\n wrmsr")
INSN(do_wrmsr_lstar, "mov $0xc0000082, %%ecx\n xor %%edx, %%edx\n wrmsr")
INSN(do_rdmsr_efer, "mov $0xc0000080, %%ecx\n rdmsr")
INSN(do_rdmsr_apic, "mov $0x1b, %%ecx\n rdmsr")
INSN(do_xsetbv, "xor %%ecx, %%ecx\n xor %%edx, %%edx\n mov $3, %%eax\n xsetbv")
INSN(do_rdpmc, "xor %%ecx, %%ecx\n rdpmc")
/* Interrupts and the machine's state. */
INSN(do_hlt, "hlt")
INSN(do_cli, "cli")
INSN(do_sti, "sti")
INSN(do_invd, "invd")
INSN(do_wbinvd, "wbinvd")
INSN(do_invlpg, "invlpg table(%%rip)")
INSN(do_invpcid, "xor %%eax, %%eax\n invpcid table(%%rip), %%rax")
INSN(do_swapgs, "swapgs")
INSN(do_rsm, "rsm")
INSN(do_monitor, "lea table(%%rip), %%rax\n xor %%ecx, %%ecx\n xor %%edx, %%edx\n monitor")
INSN(do_mwait, "xor %%eax, %%eax\n xor %%ecx, %%ecx\n mwait")
/* Other ways into ring 0. */
INSN(do_syscall, "mov $60, %%eax\n syscall")
INSN(do_sysenter, "sysenter")
INSN(do_sysret, "sysretq")
INSN(do_sysexit, "sysexitl")
INSN(do_int_0, "int $0")
INSN(do_int_2, "int $2")
INSN(do_int_8, "int $8")
INSN(do_int_14, "int $14")
INSN(do_int_20, "int $0x20")
INSN(do_int_40, "int $0x40")
INSN(do_int_41, "int $0x41")
INSN(do_int_80, "int $0x80")
INSN(do_int_ff, "int $0xff")
INSN(do_int_3_long, ".byte 0xcd, 3")
INSN(do_int_3, "int3")
INSN(do_icebp, ".byte 0xf1")
INSN(do_iretq, "mov %%rsp, %%rcx\n push $0x18\n push %%rcx\n push $2\n push $0x10\n lea 1f(%%rip), %%rdx\n push %%rdx\n iretq\n1:")
INSN(do_iretq_flags, "mov %%rsp, %%rcx\n push $0x2b\n push %%rcx\n push $0x3202\n push $0x33\n lea 1f(%%rip), %%rdx\n push %%rdx\n iretq\n1: cli")
INSN(do_lretq, "push $0x10\n lea 1f(%%rip), %%rdx\n push %%rdx\n lretq\n1:")
INSN(do_far_jump, "ljmpl *far_pointer(%%rip)")
INSN(do_far_call, "lcalll *far_pointer(%%rip)")
INSN(do_load_ss, "mov $0x18, %%eax\n mov %%eax, %%ss")
INSN(do_load_ds, "mov $0x10, %%eax\n mov %%eax, %%ds")
INSN(do_popf, "pushfq\n orq $0x3200, (%%rsp)\n popfq\n cli")
/* Hypervisors. */
INSN(do_vmcall, "mov $-1, %%rax\n vmcall")
INSN(do_vmmcall, "mov $-1, %%rax\n vmmcall")
INSN(do_vmxon, "vmxon table(%%rip)")
INSN(do_vmlaunch, "vmlaunch")
INSN(do_vmrun, "vmrun")
INSN(do_clgi, "clgi")
INSN(do_stgi, "stgi")
INSN(do_skinit, "skinit")
/* And what ends any program. */
INSN(do_ud2, "ud2")
INSN(do_divide, "xor %%ecx, %%ecx\n xor %%edx, %%edx\n div %%ecx")
INSN(do_single_step, "pushfq\n orq $0x100, (%%rsp)\n popfq\n nop\n nop")
INSN(do_nested_task, "pushfq\n orq $0x4000, (%%rsp)\n popfq\n iretq")
INSN(do_bad_stack, "mov %%rsp, %%rbx\n mov $0x8000000000000000, %%rsp\n push %%rax\n mov %%rbx, %%rsp")
INSN(do_misaligned, "lea table+1(%%rip), %%rax\n movaps (%%rax), %%xmm0")

static const struct {
	const char *name;
	void (*go)(uint64_t);
	uint32_t allowed;
} attacks[] = {
	{ "lgdt", do_lgdt, GP }, { "lidt", do_lidt, GP }, { "lldt", do_lldt, GP }, { "ltr", do_ltr, GP },
	{ "sgdt", do_sgdt, GP | NONE }, { "sidt", do_sidt, GP | NONE }, { "sldt", do_sldt, GP | NONE },
	{ "str", do_str, GP | NONE }, { "smsw", do_smsw, GP | NONE },
	{ "mov to cr0", do_mov_to_cr0, GP | EMULATED }, { "mov to cr2", do_mov_to_cr2, GP | EMULATED }, { "mov to cr3", do_mov_to_cr3, GP | EMULATED },
	{ "mov to cr4", do_mov_to_cr4, GP | EMULATED }, { "mov to cr8", do_mov_to_cr8, GP | EMULATED }, { "mov from cr0", do_mov_from_cr0, GP | EMULATED },
	{ "mov from cr3", do_mov_from_cr3, GP | EMULATED }, { "mov from cr4", do_mov_from_cr4, GP | EMULATED }, { "mov to dr0", do_mov_to_dr0, GP | EMULATED },
	{ "mov to dr7", do_mov_to_dr7, GP | EMULATED }, { "mov from dr6", do_mov_from_dr6, GP | EMULATED }, { "lmsw", do_lmsw, GP | EMULATED }, { "clts", do_clts, GP | EMULATED },
	{ "wrmsr EFER", do_wrmsr_efer, GP | EMULATED }, { "wrmsr LSTAR", do_wrmsr_lstar, GP | EMULATED }, { "rdmsr EFER", do_rdmsr_efer, GP | EMULATED },
	{ "rdmsr APIC_BASE", do_rdmsr_apic, GP | EMULATED }, { "xsetbv", do_xsetbv, GP | UD | EMULATED }, { "rdpmc", do_rdpmc, GP | UD | EMULATED },
	{ "hlt", do_hlt, GP | ENDS_PV }, { "cli", do_cli, GP }, { "sti", do_sti, GP }, { "invd", do_invd, GP | EMULATED }, { "wbinvd", do_wbinvd, GP | EMULATED },
	{ "invlpg", do_invlpg, GP | EMULATED }, { "invpcid", do_invpcid, GP | UD }, { "swapgs", do_swapgs, GP }, { "rsm", do_rsm, GP | UD },
	{ "monitor", do_monitor, GP | UD }, { "mwait", do_mwait, GP | UD },
	{ "syscall", do_syscall, UD | PF | GP | EMULATED }, { "sysenter", do_sysenter, UD | GP }, { "sysret", do_sysret, UD | GP },
	{ "sysexit", do_sysexit, UD | GP },
	{ "int 0", do_int_0, GP | UD }, { "int 2", do_int_2, GP | UD }, { "int 8", do_int_8, GP | UD }, { "int 14", do_int_14, GP | UD },
	{ "int 0x20", do_int_20, GP | UD }, { "int 0x40, the timer's", do_int_40, GP | UD }, { "int 0x41, the devices'", do_int_41, GP | UD },
	{ "int 0x80", do_int_80, GP | UD | NP }, { "int 0xff", do_int_ff, GP | UD | NP }, { "int 3 in two bytes", do_int_3_long, BP },
	{ "int3 outside of the gate's call", do_int_3, BP }, { "icebp", do_icebp, DB | UD },
	{ "iretq to ring 0", do_iretq, GP }, { "iretq with IOPL 3 and IF, then cli", do_iretq_flags, GP }, { "lretq to ring 0", do_lretq, GP },
	{ "far jump to ring 0", do_far_jump, GP | UD }, { "far call to ring 0", do_far_call, GP | UD },
	{ "ring 0's stack segment", do_load_ss, GP }, { "ring 0's code as data", do_load_ds, GP },
	{ "popf with IOPL 3 and IF, then cli", do_popf, GP },
	{ "vmcall", do_vmcall, UD | GP | NONE }, { "vmmcall", do_vmmcall, UD | GP | NONE }, { "vmxon", do_vmxon, UD | GP },
	{ "vmlaunch", do_vmlaunch, UD | GP }, { "vmrun", do_vmrun, UD | GP }, { "clgi", do_clgi, UD | GP }, { "stgi", do_stgi, UD | GP },
	{ "skinit", do_skinit, UD | GP },
	{ "ud2", do_ud2, UD }, { "division by zero", do_divide, DE }, { "a single step", do_single_step, DB },
	{ "iretq as a nested task", do_nested_task, GP }, { "a push on no stack", do_bad_stack, SS | GP | PF | ENDS_PV }, { "a misaligned movaps", do_misaligned, GP },
};

int main(void)
{
	memset(table, 0, sizeof(table));
	for (size_t i = 0; i < sizeof(attacks) / sizeof(attacks[0]); i++)
		attack_expect(attacks[i].name, attacks[i].go, 0, attacks[i].allowed);
	return attack_done();
}
