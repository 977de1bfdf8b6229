#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
# test/run: timeout=240 machines=q35,microvm
"""test/guest/attack_crash.py -- a program that dies must be seen to die.

Each case of attack_crash.c boots a machine of its own. It must end by itself and soon, name the exception and the function
it happened in (by name, from the image's own table), and tell the host of a failure.
"""
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import machine  # noqa: E402
import tap  # noqa: E402

LIMIT = 10.0
CRASH = 127  # what is left of 255 in QEMU's exit status

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


def boot(case, timeout=LIMIT):
    return machine.run(tap.image("attack_crash"), timeout, append="ip=off -- %s" % case, machine=tap.machine, accel=tap.accel,
                       devices=machine.rng(tap.machine))


def check(case, message, function):
    status, console = boot(case)
    try:
        assert re.search(message, console), "the report lacks '%s'" % message
        assert function is None or re.search(r"^pith: .*\b%s\b" % (function or case), console, re.M), "no function name"
        assert status == CRASH, "the host was told %s" % status
        assert "still alive" not in console, "the program went on"
    except AssertionError:
        tap.note(console)
        raise


def add(case, message, function):
    tap.point("%s is reported" % case.replace("_", " "))(lambda: check(case, message, function))


for name, (message_, function_) in CASES.items():
    add(name, message_, function_)


@tap.point("abort() tells the host of a failure")
def aborted():
    status, console = boot("crash_abort")
    assert status not in (0, "off"), "status %s: %s" % (status, console)


@tap.point("a reset through the gate ends the machine")
def reset():
    assert boot("crash_reset")[0] == "off"


@tap.point("a thread that never lets go ends with its machine")
def spin():
    guest = machine.Guest(tap.image("attack_crash"), "ip=off -- crash_spin", tap.machine, tap.accel)
    with guest:
        guest.expect("spinning")
    assert guest.process.returncode is not None


tap.run()
