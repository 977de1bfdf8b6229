# SPDX-License-Identifier: MIT
"""What attack_crash.c dies of, and what its report must say: for the tests under QEMU and under Xen."""
import re

# Case: what the report says, and in which function. "" stands for the case's own name.
CASES = {
    "crash_read_null": ("page fault: read of an unmapped page at 0000000000000000", ""),
    "crash_write_text": ("page fault: write of a protected page", ""),
    "crash_write_constant": ("page fault: write of a protected page", ""),
    "crash_run_data": ("page fault: execute of a protected page", ""),
    "crash_run_nothing": ("page fault: execute of an unmapped page at 0000000000000000", ""),
    "crash_run_gate": ("page fault: execute of a protected page at 0000000000100200", ""),
    "crash_privileged": ("general protection", ""),
    "crash_port": ("general protection", ""),
    "crash_divide": ("divide error", ""),
    "crash_undefined": ("invalid opcode", ""),
    "crash_non_canonical": ("general protection", ""),
    "crash_no_stack": ("page fault: write of|stack fault", ""),
    "crash_wild_stack": ("stack fault|general protection|page fault", ""),
    "crash_odd_stack": ("general protection", ""),
    "crash_wild_frames": ("invalid opcode", ""),
    "crash_wild_frames_far": ("invalid opcode", ""),
    "crash_flags": ("invalid opcode|debug", ""),
    "crash_stack": ("page fault: write of an unmapped page", "crash_recursion"),
    "crash_thread_stack": ("page fault: write of an unmapped page", "crash_recursion"),
    "crash_smash": ("stack smashed|stack smashing", ""),
    "crash_icebp": ("debug|invalid opcode", ""),
    "crash_breakpoint": ("breakpoint", ""),
    "crash_in_resume": ("page fault: execute of an unmapped page", None),
    "crash_catch_nowhere": ("in the exception handler", None),
    "crash_without_text": ("gate: fault upon fault", None),
    "crash_without_trap_stack": ("gate: fault upon fault", None),
    "crash_without_data": ("gate: fault upon fault", None),
    "crash_without_rodata": ("gate: fault upon fault|in the exception handler", None),
}


def lacking(case, said):
    """What the report of a case does not say; nothing when it is complete."""
    message, function = CASES[case]
    if not re.search(message, said):
        return "the report lacks '%s'" % message
    if function is not None and not re.search(r"^pith: .*\b%s\b" % (function or case), said, re.M):
        return "no function name"
    return "the program went on" if "still alive" in said else ""
